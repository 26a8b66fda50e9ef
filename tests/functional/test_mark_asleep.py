"""Mark asleep: only if no task runs any more; and the polls that wait for that."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest

from bivouac import errors, times
from bivouac.deletion.step import PATIENCE_SECONDS
from bivouac.environment.record import Status
from bivouac.waiting.conditions.asleep import AsleepPoll
from bivouac.waiting.wait import POLL_SECONDS, PollResult, Purpose, Stage, TaskEvent, Wait
from tests.functional.account import SETTLED_SECONDS, BivouacAccount
from tests.requests import environment, web

BEGIN_TO_STOP_SECONDS = 0.06
"""They have begun to stop and have not ended."""
TWO = environment(web(), web(serviceName="shop", desiredCount=2))
NAMES = ["web", "shop"]


def falling_asleep(account: BivouacAccount) -> None:
    """A moment after the services were stopped."""
    account.holds(account.healthy(TWO), status=Status.FALLING_ASLEEP)
    account.invoke("stop_services", {"environment": "demo", "generation": 1})


def marked(account: BivouacAccount) -> dict[str, Any]:
    return account.invoke("mark_asleep", {"environment": "demo", "generation": 1, "names": NAMES})


def status(account: BivouacAccount) -> Status:
    return account.record().status


def looked(account: BivouacAccount, waited: float = 0.0, **task_events: TaskEvent) -> PollResult:
    suspended_at = account.now() - timedelta(seconds=waited)
    context = {"suspendedAt": times.timestamp(suspended_at), "names": NAMES}
    record = account.record()
    wait = Wait("demo", 1, "token", Purpose.ASLEEP, context, task_events)
    return AsleepPoll(record, account.client("ecs"), account.now)(wait)


class TestMark:
    def test_an_environment_without_tasks_is_asleep(self, account: BivouacAccount) -> None:
        falling_asleep(account)
        account.pass_time(SETTLED_SECONDS)
        answer = marked(account)
        assert (answer["status"], status(account)) == ("ASLEEP", Status.ASLEEP)
        assert answer["expiresAt"] == "2030-01-01T00:00:00Z"
        assert marked(account) == answer

    def test_an_environment_with_running_tasks_is_not_asleep(self, account: BivouacAccount) -> None:
        falling_asleep(account)
        with pytest.raises(errors.NotAsleepError, match=r"still run: shop \(2\), web \(1\)"):
            marked(account)
        assert status(account) is Status.FALLING_ASLEEP

    def test_a_superseded_generation_marks_nothing(self, account: BivouacAccount) -> None:
        """W17."""
        account.holds(account.planned(TWO), generation=2, status=Status.DELETING)
        with pytest.raises(errors.SupersededError):
            marked(account)


def looked_while(account: BivouacAccount, meanwhile: Callable[..., None]) -> PollResult:
    """`meanwhile` is called before each ListTasks, with its parameters."""
    events = account.client("ecs").meta.events
    events.register("provide-client-params.ecs.ListTasks", meanwhile)
    try:
        return looked(account)
    finally:
        events.unregister("provide-client-params.ecs.ListTasks", meanwhile)


class TestLook:
    def test_an_event_for_each_task_is_awaited(self, account: BivouacAccount) -> None:
        falling_asleep(account)
        seen = looked(account)
        assert seen.answer is None
        assert seen.again_after is None
        assert seen.awaited.tasks == {"web": 1, "shop": 2}
        assert seen.awaited.condition_sets == (frozenset(NAMES),)

    def test_the_wait_ends_when_no_task_is_left(self, account: BivouacAccount) -> None:
        falling_asleep(account)
        account.pass_time(SETTLED_SECONDS)
        assert looked(account).answer == {"status": "GONE"}

    def test_reads_that_lag_behind_an_event_are_repeated(self, account: BivouacAccount) -> None:
        """W01."""
        falling_asleep(account)
        seen = looked(account, task=TaskEvent("web", Stage.STOPPED, 5))
        assert (seen.answer, seen.again_after) == (None, POLL_SECONDS)

    def test_a_task_that_begins_to_stop_between_two_lists_is_awaited_once(
        self, account: BivouacAccount
    ) -> None:
        """Awaited twice, the wait would end only by its time-out: a task stops once."""
        falling_asleep(account)

        def meanwhile(params: dict[str, Any], **_: Any) -> None:
            if params.get("desiredStatus") == "STOPPED":
                account.pass_time(BEGIN_TO_STOP_SECONDS)

        seen = looked_while(account, meanwhile)
        assert seen.answer is None
        assert dict(seen.awaited.tasks) == {"web": 1, "shop": 2}

    def test_a_task_that_ended_between_count_and_lists_is_read_again(
        self, account: BivouacAccount
    ) -> None:
        """Its event may have come before the wait began, and does not come again."""
        falling_asleep(account)

        def meanwhile(params: dict[str, Any], **_: Any) -> None:
            account.pass_time(SETTLED_SECONDS)

        seen = looked_while(account, meanwhile)
        assert (seen.answer, seen.again_after) == (None, POLL_SECONDS)

    def test_tasks_requested_meanwhile_end_the_wait(self, account: BivouacAccount) -> None:
        falling_asleep(account)
        account.client("ecs").update_service(cluster="bivouac-demo", service="web", desiredCount=1)
        assert looked(account).answer == {"status": "STARTED"}

    def test_the_wait_ends_with_the_patience(self, account: BivouacAccount) -> None:
        """D06: Mark asleep then sees what still runs, and says so."""
        falling_asleep(account)
        assert looked(account, PATIENCE_SECONDS + 1).answer == {"status": "STILL_THERE"}

    def test_without_a_cluster_nothing_runs(self, account: BivouacAccount) -> None:
        """C07."""
        account.holds(account.planned(TWO), status=Status.FALLING_ASLEEP)
        assert looked(account).answer == {"status": "GONE"}
