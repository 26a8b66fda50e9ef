"""What AWS has said about stopped tasks and services, and what it means: ecs-texts.json.

The categories are what a person reads in the texts; a text without a cause has none."""

from __future__ import annotations

import pytest

from bivouac.aws import ecs_answers
from bivouac.diagnosis import aws_messages
from bivouac.diagnosis.aws_messages import Category
from tests.localcloud.member_by_member import recorded

TEXTS = recorded("ecs-texts")


@pytest.mark.parametrize("said", TEXTS["stops"], ids=lambda said: said["text"][:60])
def test_a_stop_is_understood(said: dict[str, str]) -> None:
    assert aws_messages.of_stop(said["text"].split(" | ")).category == said["category"]


@pytest.mark.parametrize("said", TEXTS["events"], ids=lambda said: said["text"][:60])
def test_a_service_event_is_understood(said: dict[str, str | None]) -> None:
    sign = aws_messages.of_event(str(said["text"]))
    assert (sign.category if sign else None) == said["category"]


def test_every_pattern_names_its_source() -> None:
    for sign in (*aws_messages.STOPS, *aws_messages.EVENTS):
        assert sign.source.startswith(("recorded: ", "documented: ")), sign.pattern.pattern


NEIGHBOURS = [
    ("Task failed ALB health checks in target group web", Category.HEALTH_CHECK),
    ("container web failed its health check", Category.HEALTH_CHECK),
    ("Health checks failed with these codes: [502]", Category.HEALTH_CHECK),
    ("container web was OOM killed", Category.OUT_OF_MEMORY),
    ("the container ran out of memory", Category.OUT_OF_MEMORY),
    ("Your Fargate Spot task was interrupted by EC2", Category.CAPACITY),
    ("Stopped for task retirement by AWS", Category.CAPACITY),
    ("ECS is performing scheduled maintenance on the underlying infrastructure", Category.CAPACITY),
    ("You've reached the limit on the number of vCPUs you can run concurrently", Category.QUOTA),
    ("ResourceInitializationError: failed to download env files: AccessDenied", "secret or role"),
    ("CannotPullContainerError: pull command failed: panic", Category.IMAGE_PULL),
    ("CannotPullImageManifestError: manifest unknown", Category.IMAGE_PULL),
    ("standard_init_linux.go:228: exec user process caused: exec format error", "wrong CPU arc"),
]
"""Not recorded: what a person would say of them, and what another version of ECS may write."""


@pytest.mark.parametrize(("text", "category"), NEIGHBOURS, ids=lambda text: str(text)[:60])
def test_other_wordings_are_understood(text: str, category: str) -> None:
    assert str(aws_messages.of_stop([text]).category).startswith(category)


ORDERED = [
    "Scaling activity initiated by (deployment ecs-svc/1234567890123456789)",
    "Availability-zone rebalancing initiated by (deployment ecs-svc/1234567890123456789)",
    "Availability Zone rebalancing initiated by (deployment ecs-svc/1)",
    "Amazon ECS rebalances tasks across Availability Zones",
    "Service deleted",
]


@pytest.mark.parametrize("reason", ORDERED)
def test_a_stop_by_the_scheduler_is_no_failure(reason: str) -> None:
    """Whatever the text: the code, and that no health check failed, show it."""
    assert ecs_answers.is_ordered_stop(
        {"stopCode": "ServiceSchedulerInitiated", "stoppedReason": reason}
    )


@pytest.mark.parametrize(
    "reason",
    ["Task failed container health checks", "Task failed ELB health checks in (target-group x)"],
)
def test_a_stop_for_failed_health_checks_is_a_failure(reason: str) -> None:
    assert not ecs_answers.is_ordered_stop(
        {"stopCode": "ServiceSchedulerInitiated", "stoppedReason": reason}
    )


@pytest.mark.parametrize(
    "stop",
    [
        {"stoppedReason": "Task stopped by user"},
        {"stoppedReason": "Task stopped by the user"},
        {"stoppedReason": "Stopped by user jane"},
        {"stoppedReason": "phase4 availability test", "stopCode": "UserInitiated"},
    ],
)
def test_a_manual_stop_is_no_failure(stop: dict[str, str]) -> None:
    assert ecs_answers.is_stopped_by_user(stop)
