"""Why an endpoint of a healthy service is not proven, and what to do about it."""

from __future__ import annotations

from typing import Any

import pytest

from bivouac.diagnosis import endpoint_verdicts
from bivouac.diagnosis.aws_messages import Category
from bivouac.diagnosis.service_verdicts import Verdict
from bivouac.proof.check import Check, CheckOutcome
from bivouac.proof.fault import Fault
from bivouac.services.deployments import Expected, Observed
from tests.requests import environment
from tests.unit.described import DEPLOYMENT, OURS, container, service, stopped, task
from tests.unit.planned import planned

ADDRESS = "172.31.0.4"
LINE = f"web: web answers from inside the VPC: {ADDRESS}:80"


def failed(observed: str, fault: Fault | None, status: int | None = None) -> Check:
    name, said = "web answers from inside the VPC", f"{ADDRESS}:80 {observed}"
    return Check("web", name, CheckOutcome.NG, said, "web", fault, status, (ADDRESS,))


NOT_CONNECTED = failed("timed out after 3 s: not connected", Fault.CONNECTION)


@pytest.mark.parametrize(
    ("check", "category", "steps"),
    [
        (NOT_CONNECTED, Category.NETWORK, ["probe security group"]),
        (
            failed("HTTP 404, server: envoy: expected 200-399", Fault.STATUS, 404),
            Category.CONNECTIVITY,
            ["web has started", '"expectStatus": "404" in the `probe` of web', '"path"', "200-399"],
        ),
        (
            failed("HTTP 503 of the proxy: nothing answers HTTP behind it", Fault.NO_ANSWER),
            Category.CONNECTIVITY,
            ["listens on its containerPort", "appProtocol"],
        ),
        (
            failed("is connected, and gives no answer within 3 s", Fault.NO_ANSWER),
            Category.CONNECTIVITY,
            ["listens on its containerPort"],
        ),
        (
            failed("HTTP 500, server: envoy: expected 200-399, 1 time ...", Fault.UNSTEADY),
            Category.CONNECTIVITY,
            ["right and wrong by turns"],
        ),
    ],
)
def test_what_an_endpoint_answered_decides_what_to_do(
    check: Check, category: Category, steps: list[str]
) -> None:
    """P07, P09."""
    service = planned(environment()).service("web")
    verdict = endpoint_verdicts.not_proven(service, [check])
    assert verdict.category is category
    assert verdict.evidence == (f"{LINE} {check.observed.partition(' ')[2]}",)
    assert all(step in verdict.next_step for step in steps)


def test_words_decide_nothing() -> None:
    """Such as those of a probe of an earlier version, which has no versions: no fault is known."""
    service = planned(environment()).service("web")
    old = Check.from_json(
        {
            "service": "web",
            "name": "web answers from inside the VPC",
            "outcome": "NG",
            "observed": f"{ADDRESS}:80 HTTP 404, server: envoy: expected 200-399; not connected",
            "endpoint": "web",
        }
    )
    verdict = endpoint_verdicts.not_proven(service, [old])
    assert verdict.category is Category.CONNECTIVITY
    assert "listens on its containerPort" in verdict.next_step


def judged(*stops: dict[str, Any], running: list[dict[str, Any]] | None = None) -> Verdict:
    (verdict,) = endpoint_verdicts.verdicts(
        planned(environment()),
        [Expected("web", OURS, DEPLOYMENT)],
        {"web": [NOT_CONNECTED]},
        {"web": Observed(service(), tuple(running or [task()]), stops)},
    )
    return verdict


def elsewhere() -> dict[str, Any]:
    """The replacement of the task that was asked."""
    running = task()
    running["attachments"][1]["details"][1]["value"] = "172.31.0.5"
    return running


def test_a_task_that_was_interrupted_while_it_was_asked_is_no_closed_security_group() -> None:
    """containers-roadmap#1565: the event of a Spot interruption may come without a stopCode."""
    gone = stopped("Your Spot Task was interrupted.", stopCode="")
    verdict = judged(gone, running=[elsewhere()])
    assert verdict.category is Category.CAPACITY
    assert verdict.evidence[0] == "Your Spot Task was interrupted."
    assert LINE in verdict.evidence[-1]
    assert verdict.task == gone["taskArn"]


def test_a_task_that_a_person_stopped_meanwhile_is_no_failure_of_the_network() -> None:
    gone = stopped("Task stopped by user", stopCode="UserInitiated")
    assert "stopped on purpose" in judged(gone, running=[elsewhere()]).next_step


def test_a_service_that_fails_meanwhile_is_reported_itself() -> None:
    stops = [
        stopped("Essential container in task exited", number, containers=[container(exitCode=1)])
        for number in (1, 2)
    ]
    assert judged(*stops, running=[task(lastStatus="PENDING")]).category is Category.EXIT


def test_a_running_task_is_identified_by_its_address_and_its_log() -> None:
    verdict = judged(stopped("Your Spot Task was interrupted.", attachments=[]))
    assert verdict.category is Category.NETWORK
    assert (verdict.task, verdict.container) == (task()["taskArn"], "web")
