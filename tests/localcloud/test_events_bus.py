"""A custom event bus: who may publish on it, and what becomes of the events."""

from __future__ import annotations

import json
import uuid
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

import pytest
from botocore.exceptions import ClientError

from localcloud.clock import ManualClock
from localcloud.cloud import LocalCloud
from localcloud.events.entries import MAX_SIZE, size_of
from localcloud.timings import TEST
from tests.localcloud.roles import client_of

ACCOUNT = "123456789012"


def entry(**members: Any) -> dict[str, Any]:
    return {
        "Source": "ci",
        "DetailType": "EnvironmentRequested",
        "Detail": '{"name": "demo"}',
        **members,
    }


class Bus:
    """A bus of one test, with a queue behind a rule that matches everything."""

    def __init__(self, cloud: LocalCloud, clock: ManualClock) -> None:
        self.cloud = cloud
        self.clock = clock
        self.name = f"bus-{uuid.uuid4().hex[:8]}"
        self.events = cloud.client("events")
        self.arn = self.events.create_event_bus(Name=self.name)["EventBusArn"]
        self._sqs = cloud.client("sqs")
        self._queue = self._sqs.create_queue(QueueName=self.name)["QueueUrl"]
        queue_arn = f"arn:aws:sqs:ap-northeast-1:{ACCOUNT}:{self.name}"
        statement = {
            "Effect": "Allow",
            "Principal": {"Service": "events.amazonaws.com"},
            "Action": "sqs:SendMessage",
            "Resource": queue_arn,
        }
        policy = json.dumps({"Version": "2012-10-17", "Statement": [statement]})
        self._sqs.set_queue_attributes(QueueUrl=self._queue, Attributes={"Policy": policy})
        pattern = json.dumps({"account": [ACCOUNT]})
        self.events.put_rule(Name="all", EventBusName=self.name, EventPattern=pattern)
        self.events.put_targets(
            Rule="all", EventBusName=self.name, Targets=[{"Id": "queue", "Arn": queue_arn}]
        )

    def policy(self, **statement: Any) -> None:
        full = {
            "Sid": uuid.uuid4().hex,
            "Effect": "Allow",
            "Action": "events:PutEvents",
            "Resource": self.arn,
            **statement,
        }
        document = json.dumps({"Version": "2012-10-17", "Statement": [full]})
        self.events.put_permission(EventBusName=self.name, Policy=document)

    def role(self, *statements: dict[str, Any]) -> str:
        """The ARN of a role with only this right."""
        name = f"r-{uuid.uuid4().hex[:8]}"
        iam = self.cloud.client("iam")
        arn: str = iam.create_role(RoleName=name, AssumeRolePolicyDocument="{}")["Role"]["Arn"]
        full = [
            {"Effect": "Allow", "Action": "events:PutEvents", "Resource": self.arn, **statement}
            for statement in statements
        ] or [{"Effect": "Allow", "Action": "sqs:ListQueues", "Resource": "*"}]
        document = json.dumps({"Version": "2012-10-17", "Statement": full})
        iam.put_role_policy(RoleName=name, PolicyName="own", PolicyDocument=document)
        return arn

    def put(self, *entries: dict[str, Any], role: str | None = None) -> dict[str, Any]:
        client = client_of(self.cloud, role, "events") if role else self.events
        named = [{"EventBusName": self.name, **one} for one in entries]
        answer: dict[str, Any] = client.put_events(Entries=named)
        return answer

    def delivered(self) -> list[dict[str, Any]]:
        self.clock.advance(0)
        assert self.cloud.deliveries.wait_until_idle(5)
        messages = self._sqs.receive_message(QueueUrl=self._queue, MaxNumberOfMessages=10)
        return [json.loads(message["Body"]) for message in messages.get("Messages", [])]


@pytest.fixture(scope="module")
def running() -> Iterator[tuple[LocalCloud, ManualClock]]:
    clock = ManualClock()
    with LocalCloud(timings=TEST, runtime="scripted", port=0, clock=clock) as cloud:
        yield cloud, clock


@pytest.fixture
def bus(running: tuple[LocalCloud, ManualClock]) -> Bus:
    return Bus(*running)


class TestEvents:
    def test_an_event_reaches_only_the_rules_of_its_bus(self, bus: Bus) -> None:
        answer = bus.put(entry(), entry(EventBusName="default"))
        assert answer["FailedEntryCount"] == 0
        (event,) = bus.delivered()
        assert event["id"] == answer["Entries"][0]["EventId"]
        assert event["detail"] == {"name": "demo"}
        assert event["account"] == ACCOUNT

    def test_a_bus_can_be_named_by_its_arn(self, bus: Bus) -> None:
        bus.put(entry(EventBusName=bus.arn))
        assert len(bus.delivered()) == 1

    def test_the_events_time_is_the_entrys_in_whole_seconds(self, bus: Bus) -> None:
        """EventBridge user guide, "AWS service event metadata": time is of RFC 3339's seconds."""
        bus.put(entry(Time=datetime(2026, 11, 25, 12, 0, 1, 900_000, tzinfo=UTC)))
        (event,) = bus.delivered()
        assert event["time"] == "2026-11-25T12:00:01Z"

    def test_without_a_time_the_event_has_the_time_of_the_call(self, bus: Bus) -> None:
        now = datetime.fromtimestamp(bus.clock.now(), UTC)
        bus.put(entry())
        (event,) = bus.delivered()
        assert event["time"] == f"{now:%Y-%m-%dT%H:%M:%SZ}"

    def test_an_event_for_an_unknown_bus_is_accepted_and_dropped(self, bus: Bus) -> None:
        """Recorded: tests/recorded/events-put-events.json."""
        bus.put(entry(EventBusName="nobody"))
        assert bus.delivered() == []


class TestRefused:
    """API reference, PutEvents and PutEventsResultEntry."""

    @pytest.mark.parametrize(
        ("members", "code"),
        [
            ({"Source": "aws.ecs"}, "NotAuthorizedForSourceException"),
            ({"Source": ""}, "InvalidArgument"),
            ({"DetailType": ""}, "InvalidArgument"),
            ({"DetailType": "x" * 129}, "InvalidArgument"),
            ({"Detail": ""}, "InvalidArgument"),
            ({"Detail": "not json"}, "MalformedDetail"),
            ({"Detail": '["a", "list"]'}, "MalformedDetail"),
        ],
    )
    def test_a_refused_entry_does_not_stop_the_others(
        self, bus: Bus, members: dict[str, Any], code: str
    ) -> None:
        """W04: the others are published."""
        answer = bus.put(entry(**members), entry())
        assert answer["FailedEntryCount"] == 1
        refused, taken = answer["Entries"]
        assert refused["ErrorCode"] == code
        assert "EventId" not in refused
        assert [event["id"] for event in bus.delivered()] == [taken["EventId"]]

    @pytest.mark.parametrize(
        "entries",
        [
            [entry()] * 11,
            [entry(Detail=json.dumps({"text": "x" * (MAX_SIZE // 2)}))] * 2,
            [entry(Source=""), entry(Detail="")],
        ],
        ids=["too many", "too large", "none is complete"],
    )
    def test_a_refused_request_publishes_nothing(
        self, bus: Bus, entries: list[dict[str, Any]]
    ) -> None:
        with pytest.raises(ClientError, match="ValidationException"):
            bus.put(*entries)
        assert bus.delivered() == []

    def test_the_size_is_that_of_the_texts(self) -> None:
        """User guide, "Calculating PutEvents event entry size"."""
        resources = ["arn:aws:a", "é"]
        assert size_of({"Source": "ci", "DetailType": "é", "Detail": "{}"}) == 6
        assert size_of({"Source": "ci", "Time": 0, "Resources": resources}) == 2 + 14 + 9 + 2


CI_ONLY = {"StringEquals": {"events:source": "ci"}}


class TestRights:
    """EventBridge user guide, "Using IAM policy conditions in Amazon EventBridge"."""

    @pytest.mark.parametrize(
        ("condition", "members", "allowed"),
        [
            (CI_ONLY, {}, True),
            (CI_ONLY, {"Source": "stranger"}, False),
            ({"StringLike": {"events:detail-type": "Environment*"}}, {}, True),
            ({"StringEquals": {"events:detail-type": "TeardownRequested"}}, {}, False),
        ],
    )
    def test_a_roles_policy_limits_the_events(
        self, bus: Bus, condition: dict[str, Any], members: dict[str, Any], allowed: bool
    ) -> None:
        role = bus.role({"Condition": condition})
        if allowed:
            bus.put(entry(**members), role=role)
        else:
            with pytest.raises(ClientError, match="not authorized to perform: events:PutEvents"):
                bus.put(entry(**members), role=role)
        assert len(bus.delivered()) == allowed

    def test_a_role_without_a_policy_is_refused(self, bus: Bus) -> None:
        with pytest.raises(ClientError, match="no identity-based policy allows"):
            bus.put(entry(), role=bus.role())

    def test_the_buss_policy_can_allow_a_role(self, bus: Bus) -> None:
        """One of the two is enough within an account (IAM User Guide, "Policy evaluation
        logic")."""
        role = bus.role()
        bus.policy(Principal={"AWS": role}, Condition=CI_ONLY)
        bus.put(entry(), role=role)
        for members, by in (({"Source": "stranger"}, role), ({}, bus.role())):
            with pytest.raises(ClientError, match="AccessDenied"):
                bus.put(entry(**members), role=by)
        assert len(bus.delivered()) == 1

    def test_an_account_as_principal_leaves_the_decision_to_the_roles(self, bus: Bus) -> None:
        """IAM User Guide, "AWS JSON policy elements: Principal"."""
        bus.policy(Principal={"AWS": f"arn:aws:iam::{ACCOUNT}:root"})
        with pytest.raises(ClientError, match="AccessDenied"):
            bus.put(entry(), role=bus.role())
        bus.put(entry(), role=bus.role({}))

    def test_a_deny_of_the_bus_wins_for_everybody(self, bus: Bus) -> None:
        trusted = bus.role({})
        bus.policy(Principal="*", Condition=CI_ONLY)
        bus.policy(
            Effect="Deny",
            Principal="*",
            Condition={"StringNotEquals": {"aws:PrincipalArn": trusted}},
        )
        bus.put(entry(), role=trusted)
        for by in (bus.role({}), None):
            with pytest.raises(ClientError, match="explicit deny in a resource-based policy"):
                bus.put(entry(), role=by)
        assert len(bus.delivered()) == 1

    def test_a_deny_of_the_role_wins_over_the_bus(self, bus: Bus) -> None:
        role = bus.role({"Effect": "Deny"})
        bus.policy(Principal={"AWS": role})
        with pytest.raises(ClientError, match="explicit deny in an identity-based policy"):
            bus.put(entry(), role=role)

    def test_all_entries_must_be_allowed(self, bus: Bus) -> None:
        role = bus.role({"Condition": CI_ONLY})
        with pytest.raises(ClientError, match="AccessDenied"):
            bus.put(entry(), entry(Source="stranger"), role=role)
        assert bus.delivered() == []
