"""What an answer says about a belief: for it, against it, or nothing.

The answers have the forms that AWS returned: apptality/aws-ecs-cloudmap-prometheus-sd (2024-07),
cloud-custodian's recordings (2018 to 2024), and events published in 2023 and 2026."""

from __future__ import annotations

from typing import Any

import pytest

from tests.acceptance.beliefs import BELIEFS
from tests.acceptance.recorder import Recorder, Verdict

CONFIRMED, CONTRADICTED, NOT_SEEN = Verdict

Json = dict[str, Any]

PROXY = {
    "id": "10a8b1f4",
    "type": "ServiceConnect",
    "status": "ATTACHED",
    "details": [{"name": "ContainerName", "value": "ecs-service-connect-oRK9o"}],
}
INTERFACE = {
    "id": "5a7b",
    "type": "ElasticNetworkInterface",
    "status": "ATTACHED",
    "details": [
        {"name": "subnetId", "value": "subnet-1"},
        {"name": "networkInterfaceId", "value": "eni-1"},
        {"name": "privateIPv4Address", "value": "10.0.0.4"},
    ],
}
PLACE = "(service web) was unable to place a task. Reason: CannotPullContainerError: not found."


def task(**members: Any) -> Json:
    named = {
        "taskArn": "arn:aws:ecs:eu-west-1:111122223333:task/shop/1",
        "lastStatus": "RUNNING",
        "desiredStatus": "RUNNING",
        "startedBy": "ecs-svc/1234567890123456789",
        "group": "service:web",
        "healthStatus": "UNKNOWN",
        "attachments": [PROXY, INTERFACE],
        "containers": [{"name": "web"}, {"name": "ecs-service-connect-oRK9o"}],
    }
    return {"tasks": [named | members]}


def service(**members: Any) -> Json:
    return {"services": [{"serviceName": "web", "status": "ACTIVE"} | members]}


def deployment(namespace: str) -> Json:
    return {"id": "ecs-svc/1", "serviceConnectConfiguration": {"namespace": namespace}}


def event(**detail: Any) -> Json:
    return {"detail": detail, "resources": ["arn:aws:ecs:eu-west-1:111122223333:service/shop/web"]}


TOLD = {
    "clusterArn": "arn:aws:ecs:eu-west-1:111122223333:cluster/shop",
    "group": "service:web",
    "startedBy": "ecs-svc/1",
    "lastStatus": "RUNNING",
    "desiredStatus": "RUNNING",
    "version": 4,
}


def scheduled(settings: str) -> Json:
    details = {"resource": "arn:aws:lambda:...", "input": f'{{"settings": {settings}}}'}
    return {"events": [{"type": "X"}, {"lambdaFunctionScheduledEventDetails": details}]}


@pytest.mark.parametrize(
    ("belief", "answer", "verdict"),
    [
        ("ecs.proxy-attachment-type", task(), CONFIRMED),
        (
            "ecs.proxy-attachment-type",
            task(attachments=[INTERFACE, PROXY | {"type": "Service Connect"}]),
            CONTRADICTED,
        ),
        ("ecs.proxy-attachment-type", task(attachments=[INTERFACE]), NOT_SEEN),
        ("ecs.proxy-attached", task(), CONFIRMED),
        ("ecs.proxy-attached", task(attachments=[PROXY | {"status": "ATTACHING"}]), NOT_SEEN),
        ("ecs.proxy-attached", task(attachments=[PROXY | {"status": "WORKS"}]), CONTRADICTED),
        ("ecs.proxy-attached", task(attachments=[PROXY | {"details": []}]), CONTRADICTED),
        ("ecs.proxy-container-name", task(), CONFIRMED),
        ("ecs.interface-attachment", task(), CONFIRMED),
        (
            "ecs.interface-attachment",
            task(attachments=[INTERFACE | {"type": "eni"}]),
            CONTRADICTED,
        ),
        (
            "ecs.interface-precreated",
            task(
                lastStatus="PROVISIONING",
                attachments=[
                    INTERFACE | {"status": "PRECREATED", "details": INTERFACE["details"][:1]}
                ],
            ),
            CONFIRMED,
        ),
        ("ecs.interface-precreated", task(), NOT_SEEN),
        ("ecs.task-owner", task(), CONFIRMED),
        ("ecs.task-owner", task(startedBy="somebody"), CONTRADICTED),
        ("ecs.health-without-check", task(), CONFIRMED),
        ("ecs.health-without-check", task(healthStatus="HEALTHY"), CONTRADICTED),
        ("ecs.health-without-check", task(group="service:api", healthStatus="HEALTHY"), NOT_SEEN),
        (
            "ecs.ordered-stop",
            task(
                lastStatus="STOPPED",
                stopCode="ServiceSchedulerInitiated",
                stoppedReason="Scaling activity initiated by (deployment ecs-svc/1)",
            ),
            CONFIRMED,
        ),
        (
            "ecs.ordered-stop",
            task(lastStatus="STOPPED", stoppedReason="Work initiated by (deployment ecs-svc/1)"),
            CONTRADICTED,
        ),
        (
            "ecs.missing-image",
            task(
                lastStatus="STOPPED",
                stopCode="TaskFailedToStart",
                stoppedReason="CannotPullContainerError: pull image manifest has been retried 1 "
                "time(s): failed to resolve ref nginx:none: not found",
            ),
            CONFIRMED,
        ),
        ("ecs.missing-image", task(lastStatus="STOPPED"), NOT_SEEN),
        ("ecs.service-connect-place", service(deployments=[deployment("arn:aws:x")]), CONFIRMED),
        ("ecs.service-connect-place", service(deployments=[deployment("shop")]), CONTRADICTED),
        ("ecs.unable-to-place", service(events=[{"message": PLACE}]), CONFIRMED),
        (
            "ecs.unable-to-place",
            service(events=[{"message": PLACE.replace("Reason: ", "The reason for failure is ")}]),
            CONTRADICTED,
        ),
        ("ecs.service-inactive", service(), NOT_SEEN),
        ("ecs.service-inactive", service(status="INACTIVE"), CONFIRMED),
        ("ecs.service-inactive", service(status="DELETED"), CONTRADICTED),
        ("ecs.inactive-deployments", service(status="INACTIVE", deployments=[]), CONFIRMED),
        (
            "ecs.inactive-deployments",
            service(status="INACTIVE", deployments=[deployment("arn:aws:x")]),
            CONTRADICTED,
        ),
        ("ecs.zone-rebalancing", service(), NOT_SEEN),
        ("ecs.zone-rebalancing", service(availabilityZoneRebalancing="DISABLED"), CONFIRMED),
        ("ecs.zone-rebalancing", service(availabilityZoneRebalancing="ENABLED"), CONTRADICTED),
        ("events.task-proxy-attachment", event(**TOLD, attachments=[PROXY]), CONFIRMED),
        ("events.task-members", event(**TOLD), CONFIRMED),
        ("events.task-members", event(**(TOLD | {"version": "4"})), CONTRADICTED),
        ("events.deactivating", event(**TOLD), NOT_SEEN),
        ("events.deactivating", event(**(TOLD | {"lastStatus": "DEACTIVATING"})), CONFIRMED),
        ("events.deployment-cluster", event(clusterArn="arn:aws:ecs:..."), CONFIRMED),
        ("events.deployment-cluster", event(eventName="..."), CONTRADICTED),
        ("stepfunctions.placeholders", scheduled('{"A": "true", "B": ""}'), CONFIRMED),
        ("stepfunctions.placeholders", scheduled('{"A": true, "B": null}'), CONTRADICTED),
        ("stepfunctions.placeholders", {"events": [{"type": "ExecutionStarted"}]}, NOT_SEEN),
    ],
)
def test_a_judge_decides_for_against_or_nothing(
    belief: str, answer: Json, verdict: Verdict
) -> None:
    recorder = Recorder()
    recorder.take(BELIEFS[belief].looks_at, answer | {"nobodyKnowsThisMember": {"a": 1}})
    assert recorder.findings[belief].verdict is verdict, recorder.findings[belief].seen


def test_every_judge_has_a_case() -> None:
    tried = test_a_judge_decides_for_against_or_nothing.pytestmark[0].args[1]  # type: ignore[attr-defined]
    assert {case[0] for case in tried} == {id for id, each in BELIEFS.items() if each.judge}


@pytest.mark.parametrize("operation", sorted({each.looks_at for each in BELIEFS.values()} - {""}))
def test_an_answer_of_unknown_form_contradicts_nothing(operation: str) -> None:
    recorder = Recorder()
    members = ("tasks", "services", "events", "detail")
    recorder.take(operation, {name: [None] for name in members})
    judged = [each for each in recorder.findings.values() if each.belief.looks_at == operation]
    assert judged
    for finding in judged:
        assert finding.verdict is Verdict.CONTRADICTED, finding.belief.id


def test_missing_optional_members_contradict_nothing() -> None:
    """A task just placed has no attachments, reasons or health yet."""
    recorder = Recorder()
    named = ("taskArn", "startedBy", "group")
    young = {key: value for key, value in task()["tasks"][0].items() if key in named}
    recorder.take("ecs.DescribeTasks", {"tasks": [young | {"lastStatus": "PROVISIONING"}]})
    recorder.take("ecs.DescribeServices", service())
    recorder.take("stepfunctions.GetExecutionHistory", {"events": [{"type": "PassStateEntered"}]})
    assert recorder.contradicted == []


def test_an_error_judges_nothing() -> None:
    recorder = Recorder()
    recorder.take("ecs.DescribeTasks", {"Error": {"Code": "ClusterNotFoundException"}})
    assert all(each.verdict is NOT_SEEN for each in recorder.findings.values())


def test_one_answer_against_a_belief_outweighs_all_for_it() -> None:
    recorder = Recorder()
    believed, other = task(), task(attachments=[PROXY | {"type": "Service Connect"}])
    for answer in (believed, other, believed):
        recorder.take("ecs.DescribeTasks", answer)

    assert recorder.contradicted == ["ecs.proxy-attachment-type"]
    finding = recorder.findings["ecs.proxy-attachment-type"]
    assert finding.answer == other
    *_, belief, seen = recorder.table()
    assert belief.startswith("CONTRADICTED  ecs.proxy-attachment-type ")
    assert seen.strip() == "seen instead: type 'Service Connect'"


def test_every_judged_belief_is_documented() -> None:
    with pytest.raises(KeyError):
        Recorder().judge("ecs.nonsense", True, "seen")
