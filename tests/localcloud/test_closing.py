"""A local cloud that closes is the same cloud until nothing calls it any more."""

from __future__ import annotations

import json
from typing import Any
from unittest import mock

from localcloud.awslambda.workers import Workers
from localcloud.cloud import LocalCloud
from localcloud.timings import TEST

PUSHED = {"Source": "ci", "DetailType": "Branch pushed", "Detail": "{}"}


def test_events_are_accepted_to_the_end_and_delivered_no_more() -> None:
    """Functions and services publish until they are ended; moto's own rules know neither these
    targets nor these events."""
    late: list[Any] = []

    def publish_and_close(workers: Workers) -> None:
        cloud.clock.call_later(0, lambda: late.append("an action of the clock"))
        answer = cloud.client("events").put_events(Entries=[PUSHED])
        late.append(answer["FailedEntryCount"])
        cloud.push_image("web", "latest")
        close(workers)

    close = Workers.close
    with mock.patch.object(Workers, "close", publish_and_close):
        cloud = LocalCloud(timings=TEST, runtime="scripted", port=0)
        events = cloud.client("events")
        events.put_rule(Name="all", EventPattern=json.dumps({"source": ["ci", "aws.ecr"]}))
        machine = cloud.account.arn("states", "stateMachine:none")
        role = cloud.account.execution_role_arn
        targets = [{"Id": "machine", "Arn": machine, "RoleArn": role}]
        events.put_targets(Rule="all", Targets=targets)
        cloud.close()
    assert late == [0]
