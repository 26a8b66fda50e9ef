"""A whole deletion with its waits: what is stored, which events arrive, what delays it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any
from unittest import mock

import pytest

from bivouac import errors
from bivouac.aws.ecs_answers import ECS_REMOVES_WITHIN_SECONDS
from bivouac.deletion.step import PATIENCE_SECONDS
from bivouac.waiting.conditions.deleted import ROUNDS
from localcloud.tasks import scripted
from localcloud.timings import AWS_LIKE, TEST
from tests.functional.account import BivouacAccount
from tests.functional.inventory import inventory
from tests.functional.machines import Machines, outcomes
from tests.requests import environment, web

DELETION = {"environment": "demo", "reason": "asked for"}
ONE_ROUND = [
    "delete_services",
    "services gone",
    "delete_namespace",
    "delete_task_definitions",
    "delete_log_groups",
    "tasks gone",
    "delete_cluster",
    "everything gone",
]
STUBBORN = {"image": "stubborn", "containerPort": 80}
KEPT = {"records", "schedules"}
"""What a deletion leaves on purpose: a tombstone, or a schedule that retries."""


def created(account: BivouacAccount, *services: Any) -> Machines:
    account.runtime.script("stubborn", scripted.ignores_sigterm())
    machines = Machines(account)
    machines.create(environment(*(services or (web(),))))
    machines.states.clear()
    account.forget_calls()
    return machines


def left(account: BivouacAccount) -> set[str]:
    found = inventory(account)
    return {line for kind, lines in found.items() if kind not in KEPT for line in lines}


def took(account: BivouacAccount, deletion: Callable[[], Any]) -> float:
    begun = account.plane.clock.now()
    deletion()
    return account.plane.clock.now() - begun


@pytest.mark.parametrize("count", [1, 12])
def test_one_round_is_enough_for_any_size_and_duration(account: BivouacAccount, count: int) -> None:
    """D05, D14, N11, N14: a container may use all of its stop time-out, two minutes at most."""
    services = [
        web(serviceName=f"web-{number}", primaryContainer=STUBBORN) for number in range(count)
    ]
    machines = created(account, *services)
    receipt = machines.delete(DELETION)
    assert machines.states == ["close_environment", *ONE_ROUND, "write_receipt"]
    assert receipt["status"] == "DELETED"
    assert left(account) == set()


def lost(event: Any) -> list[Any]:
    return []


def twice(event: Any) -> list[Any]:
    return [event, event]


@pytest.mark.parametrize("tells", [lost, twice])
def test_lost_and_repeated_events_change_nothing(
    account: BivouacAccount, tells: Callable[[Any], list[Any]]
) -> None:
    """W01, W02: if no event comes, the waiting state's time-out polls."""
    machines = created(account, web(primaryContainer=STUBBORN, desiredCount=2))
    machines.tells = tells
    receipt = machines.delete(DELETION)
    assert receipt["status"] == "DELETED"
    assert set(outcomes(receipt).values()) <= {"DELETED", "DELETING", "ALREADY_GONE"}
    assert left(account) == set()


@pytest.mark.parametrize("seconds", [30, 140, 240, 320])
def test_endpoints_that_ecs_removes_within_minutes_are_left_to_ecs(
    account: BivouacAccount, seconds: float
) -> None:
    """Seen on AWS in August 2026: gone minutes after the service, without any call. Whoever
    deregisters or deletes them meanwhile gets in ECS's way."""
    machines = created(account)
    slow = replace(TEST, discovery_removal=seconds)
    with mock.patch.object(account.plane.ecs.scheduler, "_timings", slow):
        took_seconds = took(account, lambda: machines.delete(DELETION))
    assert left(account) == set()
    assert seconds < took_seconds < seconds + 30
    assert not {"servicediscovery:DeleteService", "servicediscovery:DeregisterInstance"} & {
        *account.calls
    }


def test_endpoints_that_ecs_leaves_behind_are_removed_in_another_round(
    account: BivouacAccount,
) -> None:
    """D09, S07, N11: an orphan would keep the namespace for ever."""
    account.plane.obstacles.leave_discovery_services("web")
    machines = created(account)
    seconds = took(account, lambda: machines.delete(DELETION))
    assert left(account) == set()
    assert seconds > ECS_REMOVES_WITHIN_SECONDS
    assert machines.states.count("delete_namespace") <= ROUNDS


def test_the_patience_covers_the_time_that_ecs_needs() -> None:
    """The local cloud's figure, against the longest time that a tool has allowed AWS since it met
    it: five and a half minutes."""
    assert 60 < AWS_LIKE.discovery_removal < ECS_REMOVES_WITHIN_SECONDS == 330


def test_tasks_that_never_stop_are_not_awaited_for_ever(account: BivouacAccount) -> None:
    """C11, D06, D17: everything else is deleted, and the receipt says what prevents the rest."""
    machines = created(account)

    def deletion() -> None:
        with (
            mock.patch.object(account.runtime, "stop"),
            mock.patch("localcloud.ecs.task_life._KILL_GRACE", 1e6),
            pytest.raises(errors.DeletionIncompleteError) as caught,
        ):
            machines.delete(DELETION)
        assert "cluster bivouac-demo: still there at the last check: tasks are still" in str(
            caught.value
        )

    seconds = took(account, deletion)
    assert PATIENCE_SECONDS < seconds < PATIENCE_SECONDS + 300
    assert left(account) == {"bivouac-demo ACTIVE of bivouac demo"}
    assert inventory(account)["records"] == ["demo 2 NOT_DELETED"]
    # An environment that is being deleted gets no warning; its schedule is deleted with the rest.
    assert inventory(account)["schedules"] == ["demo-expiry", "demo-warning"]


def test_revisions_missing_from_the_record_are_found(account: BivouacAccount) -> None:
    """T03, promise 2: the step that registered it was killed before it could record it."""
    machines = created(account)
    client = account.client("ecs")
    known = client.describe_task_definition(taskDefinition="bivouac-demo--web", include=["TAGS"])
    arguments = {
        name: value
        for name, value in known["taskDefinition"].items()
        if name in ("family", "containerDefinitions", "cpu", "memory", "executionRoleArn")
    }
    client.register_task_definition(
        **arguments,
        tags=known["tags"],
        networkMode="awsvpc",
        requiresCompatibilities=["FARGATE"],
    )
    receipt = machines.delete(DELETION)
    assert machines.states == ["close_environment", *ONE_ROUND * 2, "write_receipt"]
    assert outcomes(receipt)["task definition", "bivouac-demo--web:2"] == "DELETING"
    assert left(account) == set()


def test_a_second_deletion_changes_nothing_and_reports_the_same(account: BivouacAccount) -> None:
    """D04, promise 5."""
    machines = created(account)
    first = outcomes(machines.delete(DELETION))
    account.forget_calls()
    again = outcomes(machines.delete(DELETION, name="again"))
    assert account.changes == []
    assert again.keys() == first.keys()
    assert set(again.values()) == {"ALREADY_GONE", "DELETING"}
