"""A redeploy fails, and an up or a down comes before the rollback: the last proven request runs.

As in wellcomecollection/catalogue-pipeline#2293: what is put to sleep in the middle of a failed
deployment must not wake with what was never proven.
"""

from __future__ import annotations

import copy
from typing import Any

import pytest

from bivouac.environment.record import Status
from localcloud.tasks.scripted import exits
from tests.functional.account import BivouacAccount
from tests.functional.machines import Machines, NotReadyError
from tests.functional.test_check_roll_back import CAUGHT, DIGEST, REDEPLOY, failed_execution
from tests.requests import environment, web

GOOD, BAD = "nginx:1.28", "nginx:1.29"
SERVICES = [{"serviceName": "web", "image": BAD}]


def running(account: BivouacAccount) -> list[str]:
    """The images of the tasks that run."""
    ecs = account.client("ecs")
    arns = ecs.list_tasks(cluster="bivouac-demo")["taskArns"]
    tasks = ecs.describe_tasks(cluster="bivouac-demo", tasks=arns)["tasks"] if arns else []
    return [c["image"] for task in tasks for c in task["containers"] if c["name"] == "web"]


BY_HAND: dict[str, Any] = {"environment": "demo", "services": SERVICES}
BY_A_PIPELINE = {**BY_HAND, "intent": {"id": "build-7"}}


@pytest.fixture(params=[BY_HAND, BY_A_PIPELINE], ids=["by hand", "by a pipeline"])
def redeploy(request: pytest.FixtureRequest) -> dict[str, Any]:
    content: dict[str, Any] = copy.deepcopy(request.param)
    return content


@pytest.fixture
def failed(account: BivouacAccount, redeploy: dict[str, Any]) -> Machines:
    """A redeploy whose create has just failed."""
    machines = Machines(account)
    machines.create(environment(web(primaryContainer={"image": GOOD, "containerPort": 80})))
    account.pass_time(60)
    if "intent" in redeploy:
        redeploy["intent"]["at"] = account.now().isoformat()
    account.runtime.script(BAD, exits(1, after=0.02))
    with pytest.raises(NotReadyError):
        machines.create({"redeploy": redeploy}, REDEPLOY)
    account.records.finish("demo", 2, Status.FAILED)
    failed_execution(account, REDEPLOY, "DeploymentFailedError", "web: container exit")
    return machines


def followed_up(account: BivouacAccount, redeploy: dict[str, Any]) -> dict[str, Any]:
    event = {"redeploy": redeploy, "digest": DIGEST, "failed": CAUGHT}
    return account.invoke("check_roll_back", event)


def test_a_failed_redeploy_put_to_sleep_wakes_as_last_proven(
    account: BivouacAccount, failed: Machines, redeploy: dict[str, Any]
) -> None:
    assert failed.sleep({"environment": "demo"})["status"] == "ASLEEP"
    assert running(account) == []

    answer = followed_up(account, redeploy)
    assert (answer["status"], answer["error"]) == ("TAKEN_BACK", "DeploymentFailedError")
    assert answer["cause"].startswith("web: container exit\n\n")
    assert "put to sleep" in answer["cause"]

    assert failed.wake("demo")["status"] == "READY"
    assert running(account) == [GOOD]
    assert followed_up(account, redeploy) == answer | {"generation": account.record().generation}


def test_an_up_after_a_failed_redeploy_runs_the_last_proven_request(
    account: BivouacAccount, failed: Machines, redeploy: dict[str, Any]
) -> None:
    assert failed.wake("demo")["status"] == "READY"
    assert running(account) == [GOOD]
    assert followed_up(account, redeploy)["status"] == "TAKEN_BACK"


@pytest.mark.parametrize("redeploy", [BY_A_PIPELINE], indirect=True)
def test_the_failed_change_does_not_come_back(
    account: BivouacAccount, failed: Machines, redeploy: dict[str, Any]
) -> None:
    """W01: its event is delivered once more."""
    failed.sleep({"environment": "demo"})
    again = account.machine_input({"redeploy": redeploy}, "again")
    assert account.invoke("check_request", again)["status"] == "OUTDATED"


def test_a_failed_request_that_is_kept_sleeps_and_wakes_unchanged(
    account: BivouacAccount,
) -> None:
    """`onFailure: keep` asks for it."""
    machines = Machines(account)
    good = web(primaryContainer={"image": GOOD, "containerPort": 80})
    bad = web(primaryContainer={"image": BAD, "containerPort": 80})
    machines.create(environment(good, onFailure="keep"))
    account.runtime.script(BAD, exits(1, after=0.02))
    with pytest.raises(NotReadyError):
        machines.create(environment(bad, onFailure="keep"), "second")
    account.records.finish("demo", 2, Status.FAILED)
    machines.sleep({"environment": "demo"})
    assert account.record().requested["services"] == [bad]
    assert account.record().can_roll_back


def test_a_late_rollback_changes_nothing(account: BivouacAccount, failed: Machines) -> None:
    failed.sleep({"environment": "demo"})
    late = {"rollBack": {"environment": "demo", "generation": 2}}
    assert (
        account.invoke("check_request", account.machine_input(late, "late"))["status"] == "OUTDATED"
    )
    assert account.record().status is Status.ASLEEP
