"""The watch judges what only several answers together show."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from types import SimpleNamespace
from typing import cast

import pytest

from localcloud.clock import ManualClock
from localcloud.strict import ControlPlane, mock_account
from tests.acceptance import watching
from tests.acceptance.beliefs import MOST_SECONDS_IN_CLOUD_MAP
from tests.acceptance.deployed import Aws, Deployed
from tests.acceptance.recorder import Recorder, Verdict
from tests.acceptance.watching import Watch
from tests.functional.plain_environment import make

RUN = "accept-1"
NAME = f"bivouac-{RUN}"
STACK = Deployed("bivouac", "aws", "123456789012", "bivouac", "CREATE_COMPLETE", {})
STEP = 0.02
"""Seconds of the test's clock: shorter than anything that AWS does here."""


class Story:
    def __init__(self, plane: ControlPlane) -> None:
        self.clock = cast(ManualClock, plane.clock)
        self.recorder = Recorder()
        self.aws = Aws(plane.account.region, None, self.recorder)
        self.watch = Watch(self.aws, STACK, RUN, self.recorder)
        make(self.aws, plane, NAME, RUN)

    def verdict(self, belief: str) -> Verdict:
        return self.recorder.findings[belief].verdict

    def look_until_it_is_gone(self) -> None:
        self.watch.look()
        self.aws.client("ecs").delete_service(cluster=NAME, service="web", force=True)
        while self.verdict("cloudmap.removal-delay") is Verdict.NOT_SEEN:
            self.watch.look()
            self.clock.advance(STEP)


@pytest.fixture
def story() -> Iterator[Story]:
    with mock_account() as plane:
        yield Story(plane)


def test_a_deleted_service_is_watched_until_it_is_gone(story: Story) -> None:
    story.look_until_it_is_gone()
    for belief in (
        "ecs.service-inactive",
        "ecs.deleted-services-hidden",
        "ecs.deleted-service-stop",
        "ecs.stopped-tasks-listed",
        "ecs.inactive-while-stopping",
        "cloudmap.removal-delay",
    ):
        assert story.verdict(belief) is Verdict.CONFIRMED, belief


def test_a_removal_that_takes_longer_than_assumed_is_reported(
    story: Story, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its clock jumps further with each reading."""
    moments = itertools.count(0, MOST_SECONDS_IN_CLOUD_MAP + 1)
    monkeypatch.setattr(watching, "time", SimpleNamespace(monotonic=lambda: next(moments)))
    story.look_until_it_is_gone()
    finding = story.recorder.findings["cloudmap.removal-delay"]
    assert finding.verdict is Verdict.CONTRADICTED
    assert finding.seen.endswith(" s after its service was INACTIVE")


def test_the_registrations_of_running_tasks_are_checked(story: Story) -> None:
    assert story.watch.look() == "1 RUNNING"
    story.watch.judge_registrations()
    for belief in ("cloudmap.instance", "cloudmap.instance-port", "cloudmap.managed-tag"):
        assert story.verdict(belief) is Verdict.CONFIRMED, belief


def test_a_missing_cluster_is_not_an_error() -> None:
    with mock_account() as plane:
        recorder = Recorder()
        watch = Watch(Aws(plane.account.region, None, recorder), STACK, RUN, recorder)
        assert watch.look() == ""
        assert watch.cluster_status() == "INACTIVE"
        assert watch.deployments() == {}
    assert recorder.contradicted == []
