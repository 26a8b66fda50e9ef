"""Resume execution: an event is stored, and triggers a poll only if it can end the wait."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any
from unittest import mock

import pytest

from bivouac import times
from bivouac.aws import executions
from bivouac.aws.waits_table import Waits
from bivouac.waiting.poll import LONGEST_POLLING, poll_until_answered
from bivouac.waiting.wait import LATE_SECONDS, Awaited, PollResult, Purpose, Signal, Stage, Wait
from localcloud.account import ACCOUNT_ID, REGION
from tests.functional.account import NOT_OURS, SETTLED_SECONDS, WAITS_TABLE, BivouacAccount
from tests.requests import environment

ARN = f"arn:aws:ecs:{REGION}:{ACCOUNT_ID}"
NOON = "2026-01-31T12:00:00Z"
GOAL = (frozenset({"web"}),)
ANSWER: dict[str, Any] = {"status": "HEALTHY"}
Looks = Callable[[Wait], PollResult]


def task_event(task: str = "t1", version: int = 1, status: str = "RUNNING", **more: Any) -> Any:
    """ECS's event of a task of the service web."""
    detail = {
        "clusterArn": f"{ARN}:cluster/bivouac-demo",
        "taskArn": f"{ARN}:task/bivouac-demo/{task}",
        "group": "service:web",
        "lastStatus": status,
        "desiredStatus": "RUNNING" if status == "RUNNING" else "STOPPED",
        "containers": [],
        "version": version,
        **more,
    }
    return {
        "detail-type": "ECS Task State Change",
        "time": NOON,
        "resources": [],
        "detail": detail,
    }


def running(task: str = "t1", version: int = 1) -> Signal:
    at = times.moment(NOON)
    return Signal("bivouac-demo", at, False, "web", task, Stage.RUNNING, version)


def begun(account: BivouacAccount) -> Wait:
    account.holds(account.planned(environment()))
    wait = Wait("demo", 1, account.token(), Purpose.SERVICES, {})
    account.waits.begin(wait, account.now())
    return wait


def looking(
    account: BivouacAccount, wait: Wait, *looks: PollResult | Callable[[], PollResult]
) -> str:
    """Makes polls return these results in turn; each may do something first."""
    left = list(looks)

    def look(_: Wait) -> PollResult:
        following = left.pop(0)
        return following() if callable(following) else following

    became = poll_until_answered(wait, look, account.waits, account.client("stepfunctions"))
    assert not left, f"{len(left)} looks too few"
    return became


def resumed(account: BivouacAccount, event: Any, *looks: PollResult) -> str:
    """What the function makes of an event; it polls exactly as often as there are results."""
    left = list(looks)
    poll_for = mock.Mock(return_value=lambda _: left.pop(0))
    with mock.patch("bivouac.waiting.poll.poll_for", poll_for):
        status: str = account.invoke("resume_execution", event)["status"]
    assert not left, f"{len(left)} looks too few"
    return status


def looks_in_turn(*looks: Callable[[], PollResult]) -> Callable[[Wait], PollResult]:
    left = list(looks)
    return lambda _: left.pop(0)()


def waits_for(count: int, known: frozenset[str] = frozenset()) -> PollResult:
    return PollResult(awaited=Awaited({"web": count}, GOAL, known))


# --- the token and the first poll -----------------------------------------------------------------


def test_an_event_before_the_token_is_stored_is_covered_by_the_first_poll(
    account: BivouacAccount,
) -> None:
    """W02: so it polls once the token is stored."""
    account.holds(account.planned(environment()))
    assert resumed(account, task_event()) == "NO_WAIT"
    wait = begun(account)
    assert looking(account, wait, PollResult(answer=ANSWER)) == "ANSWERED"
    assert account.tokens[wait.token] == ANSWER


def test_an_event_between_token_and_poll_triggers_a_poll(account: BivouacAccount) -> None:
    """What is awaited is not known yet, so both poll; the second answer is dropped."""
    wait = begun(account)
    assert resumed(account, task_event(), PollResult(answer=ANSWER)) == "ANSWERED"
    assert looking(account, wait, PollResult(answer=ANSWER)) == "TOO_LATE"


def test_an_event_during_the_poll_triggers_another_poll(account: BivouacAccount) -> None:
    """The poll may have read before the task ran; the handler that stored the event saw no need to
    poll."""
    wait = begun(account)

    def meanwhile() -> PollResult:
        account.waits.note("demo", running())
        return waits_for(1)

    assert looking(account, wait, meanwhile, PollResult(answer=ANSWER)) == "ANSWERED"


def test_an_event_after_the_poll_completes_the_wait(account: BivouacAccount) -> None:
    wait = begun(account)
    assert looking(account, wait, waits_for(2)) == "WAITS"
    assert resumed(account, task_event("t1")) == "NOTED"
    assert resumed(account, task_event("t2"), PollResult(answer=ANSWER)) == "ANSWERED"
    assert account.tokens[wait.token] == ANSWER
    assert resumed(account, task_event("t3")) == "NO_WAIT"


def test_a_repeated_event_is_not_counted_twice(account: BivouacAccount) -> None:
    """W01: its event came during the poll, and comes again."""
    wait = begun(account)
    account.waits.note("demo", running())
    assert looking(account, wait, waits_for(1), waits_for(1, frozenset({"t1"}))) == "WAITS"
    assert resumed(account, task_event("t1")) == "NOTED"
    assert resumed(account, task_event("t2"), waits_for(1)) == "WAITS"


def test_an_older_event_of_a_task_is_dropped(account: BivouacAccount) -> None:
    """W01: detail.version orders them."""
    looking(account, begun(account), waits_for(2))
    assert resumed(account, task_event(version=5)) == "NOTED"
    stopped = task_event(
        version=4, status="STOPPED", stoppedReason="Scaling activity initiated by x"
    )
    assert resumed(account, stopped) == "NO_WAIT"
    wait = account.waits.note("demo", running(version=5))
    assert wait is not None
    assert wait.task_events["t1"].stage is Stage.RUNNING


@pytest.mark.parametrize("cluster", NOT_OURS)
def test_an_event_in_another_stacks_cluster_is_ignored(
    account: BivouacAccount, cluster: str
) -> None:
    """The rules match the prefix "bivouac-", which these names also have."""
    begun(account)
    account.forget_calls()
    event = task_event(clusterArn=f"{ARN}:cluster/{cluster}")
    assert account.invoke("resume_execution", event) == {"status": "NOT_OURS"}
    failed = {
        "detail-type": "ECS Deployment State Change",
        "time": NOON,
        "resources": [f"{ARN}:service/{cluster}/web"],
        "detail": {"eventName": "SERVICE_DEPLOYMENT_FAILED"},
    }
    assert account.invoke("resume_execution", failed) == {"status": "NOT_OURS"}
    assert account.calls == []


@pytest.mark.parametrize("prefix", ["bivouac", "bivouac-2"])
def test_each_of_two_stacks_gets_its_own_environments_events(
    account: BivouacAccount, prefix: str
) -> None:
    """One stack's prefix begins with the other's."""
    wait = begun(account)
    with mock.patch.dict("os.environ", {"NAME_PREFIX": prefix}):
        for stack in ("bivouac", "bivouac-2"):
            event = task_event(task=f"of-{stack}", clusterArn=f"{ARN}:cluster/{stack}-demo")
            resumed(account, event, *([PollResult()] if stack == prefix else []))
    kept = account.waits.note("demo", running("another"))
    assert kept is not None
    assert set(kept.task_events) == {f"of-{prefix}", "another"}
    assert account.tokens[wait.token] is None


class TestEarlierLife:
    """W15, W01: a failed delivery is retried after minutes or hours, when a new environment of the
    same name may exist."""

    def waiting(self, account: BivouacAccount, taken: str = "openedAt") -> None:
        account.holds(account.planned(environment()))
        context: dict[str, Any] = {taken: NOON, "names": []}
        wait = Wait("demo", 1, account.token(), Purpose.SERVICES, context)
        account.waits.begin(wait, account.now())
        looking(account, wait, waits_for(1))

    @pytest.mark.parametrize("taken", ["openedAt", "closedAt"])
    def test_an_event_from_before_the_opening_is_ignored(
        self, account: BivouacAccount, taken: str
    ) -> None:
        """Reads would seem to lag behind it: they never show a task of that life."""
        self.waiting(account, taken)
        assert resumed(account, task_event() | {"time": "2026-01-31T11:59:59Z"}) == "NO_WAIT"
        kept = account.waits.note("demo", running("another"))
        assert kept is not None
        assert set(kept.task_events) == {"another"}

    def test_a_failure_from_before_the_opening_is_ignored(self, account: BivouacAccount) -> None:
        self.waiting(account)
        ended = task_event(status="STOPPED", stoppedReason="Essential container in task exited")
        assert resumed(account, ended | {"time": "2026-01-31T11:00:00Z"}) == "NO_WAIT"

    def test_an_event_in_the_second_of_the_opening_counts(self, account: BivouacAccount) -> None:
        self.waiting(account)
        assert resumed(account, task_event(), PollResult(answer=ANSWER)) == "ANSWERED"


def test_a_failed_task_triggers_a_poll_whatever_is_awaited(account: BivouacAccount) -> None:
    """H11, H24."""
    looking(account, begun(account), waits_for(3))
    ended = task_event(status="STOPPED", stoppedReason="Essential container in task exited")
    assert resumed(account, ended, PollResult(answer={"status": "FAILED"})) == "ANSWERED"


def test_a_failed_deployment_triggers_a_poll(account: BivouacAccount) -> None:
    """H02."""
    looking(account, begun(account), waits_for(3))
    event = {
        "detail-type": "ECS Deployment State Change",
        "time": NOON,
        "resources": [f"{ARN}:service/bivouac-demo/web"],
        "detail": {"eventName": "SERVICE_DEPLOYMENT_FAILED"},
    }
    assert resumed(account, event, waits_for(3)) == "WAITS"


# --- polling --------------------------------------------------------------------------------------


def polls(seconds: float = 2.0) -> PollResult:
    return PollResult(again_after=seconds, awaited=Awaited({}, GOAL))


def test_a_change_without_an_event_is_polled_until_it_is_there(account: BivouacAccount) -> None:
    wait, began = begun(account), account.plane.clock.now()
    assert looking(account, wait, polls(), polls(), PollResult(answer=ANSWER)) == "ANSWERED"
    assert account.plane.clock.now() - began == pytest.approx(4)


def test_of_two_pollers_only_one_goes_on(account: BivouacAccount) -> None:
    """The first one's next poll comes first; the second leaves it to that one."""
    wait = begun(account)
    second: list[str] = []

    def meanwhile() -> None:
        account.while_asleep = lambda: None
        second.append(resumed(account, task_event(), polls()))

    account.while_asleep = meanwhile
    assert looking(account, wait, polls(), PollResult(answer=ANSWER)) == "ANSWERED"
    assert second == ["WAITS"]


def test_a_poller_with_an_earlier_next_poll_takes_over(account: BivouacAccount) -> None:
    wait = begun(account)
    second: list[str] = []

    def meanwhile() -> None:
        account.while_asleep = lambda: None
        second.append(resumed(account, task_event(), polls(0.5), PollResult(answer=ANSWER)))

    account.while_asleep = meanwhile
    assert looking(account, wait, polls(10)) == "OVER"
    assert second == ["ANSWERED"]


def test_a_dead_poller_is_replaced_by_the_next_event(account: BivouacAccount) -> None:
    """Lambda ended its process; its next poll never comes."""
    wait = begun(account)
    dies = mock.patch("bivouac.clock.sleep", side_effect=RuntimeError("killed"))
    with dies, pytest.raises(RuntimeError):
        looking(account, wait, PollResult(again_after=2, awaited=Awaited({"web": 3}, GOAL)))
    assert resumed(account, task_event()) == "NOTED"
    account.pass_time(2 + LATE_SECONDS + 0.1)
    assert resumed(account, task_event(), polls(), PollResult(answer=ANSWER)) == "ANSWERED"


def test_a_poller_with_nothing_left_to_poll_is_not_replaced(account: BivouacAccount) -> None:
    wait = begun(account)
    assert looking(account, wait, polls(), waits_for(2)) == "WAITS"
    account.pass_time(LATE_SECONDS + 10)
    assert resumed(account, task_event()) == "NOTED"


def test_a_repeated_event_triggers_a_poll_if_the_first_poll_died(
    account: BivouacAccount,
) -> None:
    """W01: Lambda retries it; the event was stored, and nobody has polled for it."""
    looking(account, begun(account), waits_for(1))
    died = mock.patch("bivouac.waiting.poll.poll_for", side_effect=RuntimeError("killed"))
    with died, pytest.raises(RuntimeError):
        account.invoke("resume_execution", task_event())
    assert resumed(account, task_event(), PollResult(answer=ANSWER)) == "ANSWERED"


def test_polling_ends_before_the_functions_time_out(account: BivouacAccount) -> None:
    """W07: the waiting state's time-out takes over from there."""
    began, wait = account.plane.clock.now(), begun(account)
    became = poll_until_answered(
        wait, lambda _: polls(60), account.waits, account.client("stepfunctions")
    )
    assert became == "POLLED_LONG_ENOUGH"
    assert account.plane.clock.now() - began <= LONGEST_POLLING.total_seconds()


# --- one poll at a time ---------------------------------------------------------------------------


def test_an_event_during_anothers_poll_is_left_to_it(account: BivouacAccount) -> None:
    """Both events complete something; two polls would read the same twice."""
    wait, others = begun(account), list[str]()

    def meanwhile() -> PollResult:
        others.append(resumed(account, task_event("t2")))
        return waits_for(3)

    looking(account, wait, waits_for(1))
    with mock.patch("bivouac.waiting.poll.poll_for", return_value=looks_in_turn(meanwhile)):
        status = account.invoke("resume_execution", task_event("t1"))["status"]
    assert (status, others) == ("WAITS", ["POLLED_ELSEWHERE"])


def test_an_event_during_anothers_poll_makes_that_one_poll_again(account: BivouacAccount) -> None:
    """Together with what was read, it completes the wait."""
    looking(account, begun(account), waits_for(1))

    def meanwhile() -> PollResult:
        assert resumed(account, task_event("t2")) == "POLLED_ELSEWHERE"
        return waits_for(1, known=frozenset({"t1"}))

    look = looks_in_turn(meanwhile, lambda: PollResult(answer=ANSWER))
    with mock.patch("bivouac.waiting.poll.poll_for", return_value=look):
        assert account.invoke("resume_execution", task_event("t1"))["status"] == "ANSWERED"


def test_a_failure_during_anothers_poll_is_never_missed(account: BivouacAccount) -> None:
    """It names no awaited task, and meets no condition."""
    looking(account, begun(account), waits_for(1))
    failure = {
        "detail-type": "ECS Deployment State Change",
        "time": NOON,
        "resources": [f"{ARN}:service/bivouac-demo/web"],
        "detail": {"eventName": "SERVICE_DEPLOYMENT_FAILED"},
    }

    def meanwhile() -> PollResult:
        assert resumed(account, failure) == "POLLED_ELSEWHERE"
        return waits_for(5)

    look = looks_in_turn(meanwhile, lambda: PollResult(answer={"status": "FAILED"}))
    with mock.patch("bivouac.waiting.poll.poll_for", return_value=look):
        assert account.invoke("resume_execution", task_event("t1"))["status"] == "ANSWERED"


def test_a_poller_skips_its_poll_during_anothers(account: BivouacAccount) -> None:
    """And goes on polling, because the other one may die."""
    wait, began = begun(account), account.plane.clock.now()

    def claimed_by_another() -> None:
        account.while_asleep = lambda: None
        account.pass_time(1.9)
        assert account.waits.claim(wait, "another", account.now())[1]

    account.while_asleep = claimed_by_another
    account.pass_time(0)
    assert looking(account, wait, polls(), PollResult(answer=ANSWER)) == "ANSWERED"
    assert account.plane.clock.now() - began > 4 + LATE_SECONDS - 2


def test_a_poller_keeps_polling_while_another_polls_in_its_place(account: BivouacAccount) -> None:
    """An event came during its poll. Before it polls again, another handler does, and leaves the
    polling to it: without it nobody would poll until the wait times out."""
    wait, keep = begun(account), Waits.keep

    def kept(waits: Waits, *what: Any) -> tuple[Wait | None, bool]:
        now, polls = keep(waits, *what)
        held.stop()
        assert account.waits.claim(wait, "another", account.now())[1]
        return now, polls

    def meanwhile() -> PollResult:
        account.waits.note("demo", running())
        return PollResult(again_after=2, awaited=Awaited({"web": 1}, GOAL))

    held = mock.patch.object(Waits, "keep", kept)
    held.start()
    assert looking(account, wait, meanwhile, PollResult(answer=ANSWER)) == "ANSWERED"


def test_a_dead_poll_is_repeated_by_the_next_event(account: BivouacAccount) -> None:
    wait = begun(account)
    looking(account, wait, waits_for(1))
    account.waits.claim(wait, "dies", account.now())
    assert resumed(account, task_event("t1")) == "POLLED_ELSEWHERE"
    account.pass_time(LATE_SECONDS + 0.1)
    assert resumed(account, task_event("t2"), PollResult(answer=ANSWER)) == "ANSWERED"


def test_the_event_of_a_dead_poll_triggers_a_poll_when_it_is_repeated(
    account: BivouacAccount,
) -> None:
    """Lambda retries it, and no other event may ever come."""
    looking(account, begun(account), waits_for(1))
    look = mock.Mock(side_effect=RuntimeError("killed"))
    with (
        mock.patch("bivouac.waiting.poll.poll_for", return_value=look),
        pytest.raises(RuntimeError),
    ):
        account.invoke("resume_execution", task_event())
    assert resumed(account, task_event(), PollResult(answer=ANSWER)) == "ANSWERED"


# --- the end of a wait ----------------------------------------------------------------------------


def test_a_replaced_wait_is_left_alone(account: BivouacAccount) -> None:
    """W17: the newest token counts; the older one's poll does not change it."""
    older = begun(account)
    newer = begun(account)
    assert looking(account, older, polls()) == "OVER"
    assert looking(account, newer, PollResult(answer=ANSWER)) == "ANSWERED"
    assert account.tokens[older.token] is None


def test_an_old_answer_does_not_end_a_new_wait(account: BivouacAccount) -> None:
    older = begun(account)
    newer = begun(account)
    looking(account, older, PollResult(answer=ANSWER))
    assert resumed(account, task_event(), PollResult(answer=ANSWER)) == "ANSWERED"
    assert account.tokens[newer.token] == ANSWER


def test_a_superseded_generations_wait_is_dropped(account: BivouacAccount) -> None:
    """W17: a deletion took the environment while a create waited."""
    begun(account)
    account.holds(account.planned(environment()), generation=2)
    assert resumed(account, task_event()) == "OVER"
    assert account.client("dynamodb").scan(TableName=WAITS_TABLE)["Items"] == []


@pytest.mark.parametrize("code", ["TaskTimedOut", "TaskDoesNotExist", "InvalidToken"])
def test_a_dead_token_is_dropped(account: BivouacAccount, code: str) -> None:
    """The execution was stopped, or its waiting state timed out."""
    wait, client = begun(account), account.client("stepfunctions")
    refused = client.exceptions.from_code(code)({"Error": {"Code": code}}, "SendTaskSuccess")
    with mock.patch.object(client, "send_task_success", side_effect=refused):
        assert executions.resume(client, wait.token, ANSWER, "execution of demo") is False


def test_a_stored_wait_keeps_what_its_polls_need(account: BivouacAccount) -> None:
    account.holds(account.planned(environment()))
    context: dict[str, Any] = {"closedAt": times.timestamp(account.now()), "names": ["web"]}
    wait = Wait("demo", 3, account.token(), Purpose.SERVICES_GONE, context)
    account.waits.begin(wait, account.now())
    kept = account.waits.note(
        "demo", Signal("bivouac-demo", account.now(), urgent=True, service="web")
    )
    assert kept == wait


def test_every_event_of_a_real_environment_is_understood(account: BivouacAccount) -> None:
    """As the template's rules let them through."""
    account.create(environment())
    account.pass_time(SETTLED_SECONDS)
    client = account.client("ecs")
    client.delete_service(cluster="bivouac-demo", service="web", force=True)
    account.pass_time(SETTLED_SECONDS)
    events = list(account.events)
    assert {event["detail"]["lastStatus"] for event in events} >= {"RUNNING", "STOPPED"}
    assert {resumed(account, event) for event in events} == {"NO_WAIT"}
