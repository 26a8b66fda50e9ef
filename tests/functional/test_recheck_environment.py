"""Recheck environment: a ready environment that fails is DEGRADED until it recovers."""

from __future__ import annotations

from contextlib import suppress
from typing import Any

import pytest

from bivouac.aws.event_bus import EventBus
from bivouac.environment.record import Record, Status
from bivouac.errors import ThrottledError
from localcloud.tasks import scripted
from tests.functional.account import NOT_OURS, SETTLED_SECONDS, BivouacAccount
from tests.functional.machines import FunctionKilledError
from tests.requests import environment, web

CLUSTER = "arn:aws:ecs:ap-northeast-1:123456789012:cluster/bivouac-demo"
KILLED = "Essential container in task exited"
A_QUARTER_OF_AN_HOUR = 900.0


def ready(account: BivouacAccount, *scripts: scripted.Script) -> None:
    """A proven environment: the first script is the first task's, the others those of its
    replacements."""
    account.runtime.script("nginx", scripted.in_turn(*(scripts or (scripted.runs(),))))
    request = environment(web())
    expected = account.create(request)
    account.pass_time(SETTLED_SECONDS)
    account.records.finish(
        "demo", 1, Status.READY, expected=[entry.to_json() for entry in expected]
    )
    account.forget_calls()


def end_task(account: BivouacAccount) -> None:
    client = account.client("ecs")
    (arn,) = client.list_tasks(cluster="bivouac-demo", serviceName="web")["taskArns"]
    client.stop_task(cluster="bivouac-demo", task=arn, reason="a test")
    account.pass_time(0.5)
    account.forget_calls()


def task_ended(
    reason: str = KILLED, service: str = "web", cluster: str = "bivouac-demo"
) -> dict[str, Any]:
    cluster_arn = CLUSTER.replace("bivouac-demo", cluster)
    return {
        "detail-type": "ECS Task State Change",
        "time": "2026-01-31T12:00:00Z",
        "resources": [],
        "detail": {
            "clusterArn": cluster_arn,
            "taskArn": f"{cluster_arn.replace(':cluster', ':task')}/0123",
            "group": f"service:{service}",
            "lastStatus": "STOPPED",
            "desiredStatus": "STOPPED",
            "stoppedReason": reason,
            "version": 7,
        },
    }


def rechecked(account: BivouacAccount, event: dict[str, Any] | None = None) -> dict[str, Any]:
    answer = account.invoke("recheck_environment", event or task_ended())
    found: dict[str, Any] = answer["environments"]
    return found


class TestReady:
    def test_an_unchanged_environment_stays_ready(self, account: BivouacAccount) -> None:
        ready(account)
        assert rechecked(account) == {"demo": "READY"}
        assert account.mutating_calls == []

    def test_a_replaced_task_does_not_degrade_the_environment(
        self, account: BivouacAccount
    ) -> None:
        ready(account)
        end_task(account)
        assert rechecked(account) == {"demo": "READY"}
        assert account.published == []

    @pytest.mark.parametrize(
        "event",
        [
            task_ended("Scaling activity initiated by (deployment ecs-svc/1)"),
            task_ended("Availability-zone rebalancing initiated by (deployment ecs-svc/1)"),
            task_ended(service="bivouac-proof-1-0"),
        ],
    )
    def test_deliberate_changes_are_not_checked(
        self, account: BivouacAccount, event: dict[str, Any]
    ) -> None:
        ready(account)
        assert rechecked(account, event) == {}
        assert account.calls == []

    @pytest.mark.parametrize("cluster", NOT_OURS)
    def test_another_stacks_environment_is_not_checked(
        self, account: BivouacAccount, cluster: str
    ) -> None:
        """The rules match the prefix "bivouac-", which these names also have."""
        ready(account)
        assert rechecked(account, task_ended(cluster=cluster)) == {}
        assert account.calls == []

    @pytest.mark.parametrize("status", [Status.CREATING, Status.DELETING, Status.ASLEEP])
    def test_an_environment_being_changed_is_not_checked(
        self, account: BivouacAccount, status: Status
    ) -> None:
        account.holds(account.planned(environment()), status=status)
        account.forget_calls()
        assert rechecked(account) == {"demo": status}
        assert account.changes == []

    def test_an_unknown_environment_is_ignored(self, account: BivouacAccount) -> None:
        assert rechecked(account) == {"demo": "UNKNOWN"}


class TestDegraded:
    def test_a_repeatedly_ending_task_is_diagnosed(self, account: BivouacAccount) -> None:
        ready(account, scripted.runs(), scripted.exits(3, after=0.1, output=["no database"]))
        end_task(account)
        assert rechecked(account) == {"demo": "DEGRADED"}
        failure = account.record().failure
        assert failure["category"] == "container exit"
        assert "exited with code 3" in failure["cause"]
        ((kind, detail),) = account.published
        assert kind == "EnvironmentDegraded"
        assert detail["diagnosis"]["cause"] == failure["cause"]

    def test_a_task_that_does_not_come_back_is_awaited_and_then_reported(
        self, account: BivouacAccount
    ) -> None:
        ready(account, scripted.runs(), scripted.never_starts())
        end_task(account)
        before = account.now()
        assert rechecked(account) == {"demo": "DEGRADED"}
        assert 120 <= (account.now() - before).total_seconds() <= 130
        failure = account.record().failure
        assert failure["verdicts"][0]["service"] == "web"
        assert "tasks running: 0 of 1" in failure["cause"]
        assert "timeouts.ready" not in failure["cause"]

    def test_degradation_is_published_once(self, account: BivouacAccount) -> None:
        ready(account, scripted.runs(), scripted.never_starts())
        end_task(account)
        rechecked(account)
        rechecked(account)
        account.pass_time(A_QUARTER_OF_AN_HOUR)
        rechecked(account)
        assert len({detail["id"] for _, detail in account.published}) == 1
        assert account.record().status is Status.DEGRADED

    @pytest.mark.parametrize("error", [ThrottledError("slow down"), FunctionKilledError()])
    def test_a_recorded_degradation_that_was_not_published_is_published_by_the_sweep(
        self,
        account: BivouacAccount,
        monkeypatch: pytest.MonkeyPatch,
        error: BaseException,
    ) -> None:
        ready(account, scripted.runs(), scripted.never_starts())
        end_task(account)

        def refused(*_: Any) -> None:
            raise error

        with monkeypatch.context() as patch:
            patch.setattr(EventBus, "publish", refused)
            with suppress(FunctionKilledError):
                rechecked(account)
        assert account.record().status is Status.DEGRADED
        account.invoke("sweep_environments", {"dryRun": False})
        rechecked(account)
        assert "EnvironmentDegraded" in [kind for kind, _ in account.published]
        assert len({detail["id"] for kind, detail in account.published if "Degraded" in kind}) == 1

    def test_a_create_that_takes_it_meanwhile_is_not_disturbed(
        self, account: BivouacAccount
    ) -> None:
        """W17."""
        ready(account, scripted.runs(), scripted.never_starts())
        end_task(account)
        taken: list[Record] = []

        def take() -> None:
            if not taken:
                taken.append(account.holds(account.planned(environment(web())), generation=2))

        account.while_asleep = take
        assert rechecked(account) == {"demo": "TAKEN_OVER"}
        assert account.record().status is Status.CREATING


class TestRecovery:
    @pytest.fixture
    def degraded(self, account: BivouacAccount) -> BivouacAccount:
        """Then somebody repairs it."""
        ready(account, scripted.runs(), scripted.exits(1, after=0.1))
        end_task(account)
        assert rechecked(account) == {"demo": "DEGRADED"}
        account.runtime.script("nginx", scripted.runs())
        account.forget_calls()
        return account

    def test_a_recovery_without_an_event_is_found(self, degraded: BivouacAccount) -> None:
        degraded.pass_time(A_QUARTER_OF_AN_HOUR)
        assert rechecked(degraded, {"status": "DEGRADED"}) == {"demo": "READY"}
        assert degraded.record().status is Status.READY

    def test_a_ready_environment_is_not_checked_for_recovery(self, account: BivouacAccount) -> None:
        ready(account)
        assert rechecked(account, {"status": "DEGRADED"}) == {}
