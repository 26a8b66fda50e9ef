"""Events only trigger polls; and nothing that is awaited is ever missed."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bivouac import times
from bivouac.waiting.wait import (
    POLL_SECONDS,
    Awaited,
    Purpose,
    Signal,
    Stage,
    TaskEvent,
    Wait,
    counted,
    signal_of,
    worth_polling,
)

ACCOUNT = "arn:aws:ecs:ap-northeast-1:123456789012"
CLUSTER = f"{ACCOUNT}:cluster/bivouac-demo"
SERVICE = f"{ACCOUNT}:service/bivouac-demo/web"
TASK = "0f3c5b1e4f9a4b6d8e2a7c1d9b0e5f62"
NOON = "2026-01-31T12:00:00Z"
AT_NOON = times.moment(NOON)
SCALED_IN = "Scaling activity initiated by deployment ecs-svc/1234567890123456789"
REBALANCED = "Availability-zone rebalancing initiated by (deployment ecs-svc/1234567890123456789)"
"""Documented: ECS guide, "Track Amazon ECS Availability Zone rebalancing"."""


def task_event(status: str, desired: str = "RUNNING", **changes: Any) -> dict[str, Any]:
    """As in the developer guide, without members that nothing here reads."""
    detail = {
        "clusterArn": CLUSTER,
        "taskArn": f"{ACCOUNT}:task/bivouac-demo/{TASK}",
        "group": "service:web",
        "lastStatus": status,
        "desiredStatus": desired,
        "containers": [{"name": "web", "lastStatus": status}],
        "version": 4,
        **changes,
    }
    return {
        "detail-type": "ECS Task State Change",
        "time": NOON,
        "resources": [],
        "detail": detail,
    }


def proof_event(*exit_codes: int | None, status: str = "RUNNING") -> dict[str, Any]:
    """Of a proof client; None: that container still calls its edge."""
    asking = [
        {"name": f"edge-{number}", "lastStatus": "RUNNING"}
        | ({} if code is None else {"exitCode": code, "lastStatus": "STOPPED"})
        for number, code in enumerate(exit_codes, start=1)
    ]
    return task_event(
        status,
        group="service:bivouac-proof-1-1",
        containers=[{"name": "idle", "lastStatus": "RUNNING"}, *asking],
    )


# --- reading an event ----------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("status", "desired", "stage"),
    [
        ("RUNNING", "RUNNING", Stage.RUNNING),
        ("RUNNING", "STOPPED", None),
        ("STOPPING", "STOPPED", None),
        ("DEPROVISIONING", "STOPPED", None),
        ("STOPPED", "STOPPED", Stage.STOPPED),
        ("PROVISIONING", "RUNNING", None),
        ("PENDING", "RUNNING", None),
        ("ACTIVATING", "RUNNING", None),
        ("DEACTIVATING", "STOPPED", None),
    ],
)
def test_a_tasks_event_gives_its_stage(status: str, desired: str, stage: Stage | None) -> None:
    """W01: with the version that orders its events."""
    signal = signal_of(task_event(status, desired, stoppedReason=SCALED_IN))
    assert signal == Signal("bivouac-demo", AT_NOON, False, "web", TASK, stage, 4)
    assert signal.task_event == TaskEvent("web", stage, 4)


@pytest.mark.parametrize(
    "reason",
    [
        "Essential container in task exited",
        "CannotPullContainerError: pull image manifest has been retried 1 time(s)",
        "Task failed ELB health checks in (target-group x)",
        "Task stopped by user",
        "",
    ],
)
def test_an_unexpected_end_triggers_a_poll_by_itself(reason: str) -> None:
    """H11, H24: a failure is seen within seconds, whatever else is awaited."""
    assert signal_of(task_event("STOPPING", "STOPPED", stoppedReason=reason)).urgent
    assert not signal_of(task_event("STOPPING", "STOPPED", stoppedReason=SCALED_IN)).urgent
    assert not signal_of(task_event("STOPPING", "STOPPED", stoppedReason=REBALANCED)).urgent
    assert signal_of(task_event("STOPPING", "STOPPED")).urgent


def test_a_proof_client_is_done_once_each_edge_has_ended() -> None:
    assert signal_of(proof_event(None, None)).stage is None
    assert signal_of(proof_event(0, None)).stage is None
    assert signal_of(proof_event(0, 0)).stage is Stage.RUNNING
    assert signal_of(proof_event(0, 0)).service == "bivouac-proof-1-1"


@pytest.mark.parametrize("code", [10, 11, 12, 137])
def test_a_failed_edge_triggers_a_poll_before_the_others_end(code: int) -> None:
    assert signal_of(proof_event(code, None)).urgent
    assert not signal_of(proof_event(0, None)).urgent


@pytest.mark.parametrize("kind", ["ECS Deployment State Change", "ECS Service Action"])
@pytest.mark.parametrize(
    ("resources", "detail"),
    [
        # Recorded in July 2022, of a deployment
        pytest.param([SERVICE], {}, id="the cluster in the service's ARN"),
        # Recorded in February 2025 and September 2026, of deployments and service actions
        pytest.param([SERVICE], {"clusterArn": CLUSTER}, id="both"),
        pytest.param(
            [f"{ACCOUNT}:service/other/web"], {"clusterArn": CLUSTER}, id="the detail's counts"
        ),
        pytest.param([SERVICE, "arn:aws:x"], {"unheardOf": {}}, id="more than anybody knows"),
    ],
)
def test_deployment_and_service_events_trigger_a_poll(
    kind: str, resources: list[str], detail: dict[str, Any]
) -> None:
    """H02."""
    event = {"detail-type": kind, "time": NOON, "resources": resources, "detail": detail}
    assert signal_of(event) == Signal("bivouac-demo", AT_NOON, urgent=True, service="web")


OPTIONAL = ["group", "lastStatus", "desiredStatus", "containers", "version", "stoppedReason"]


@pytest.mark.parametrize("missing", [*OPTIONAL, "taskArn", "clusterArn"])
def test_a_tasks_event_is_read_without_any_one_of_its_members(missing: str) -> None:
    """ECS API, Task: none is required. The task's ARN is also the event's resource."""
    event = task_event("STOPPED", "STOPPED", stoppedReason="Essential container in task exited")
    event["resources"] = [event["detail"]["taskArn"]]
    del event["detail"][missing]
    signal = signal_of(event | {"unheardOf": 1})
    assert (signal.cluster, signal.task_id) == ("bivouac-demo", TASK)
    assert signal.service == ("" if missing == "group" else "web")


def test_containers_in_an_event_may_lack_members() -> None:
    assert signal_of(task_event("RUNNING", containers=[{}])).stage is Stage.RUNNING
    asking = [{"name": "edge-1"}, {"lastStatus": "RUNNING"}]
    assert signal_of(task_event("RUNNING", containers=asking)).stage is None


@pytest.mark.parametrize(
    "event",
    [
        {"detail-type": "ECS Task State Change", "time": NOON, "detail": {}},
        {
            "detail-type": "ECS Service Action",
            "time": NOON,
            "resources": ["nothing"],
            "detail": {},
        },
        {"detail-type": "ECS Service Action", "resources": [SERVICE], "detail": {}},
        {"detail-type": "Scheduled Event"},
    ],
)
def test_any_other_event_is_refused(event: dict[str, Any]) -> None:
    with pytest.raises((KeyError, ValueError)):
        signal_of(event)


# --- whether to poll -----------------------------------------------------------------------------


def sighted(**services: int) -> dict[str, TaskEvent]:
    """This many running tasks of each service."""
    return {
        f"{service}-{number}": TaskEvent(service, Stage.RUNNING, 1)
        for service, count in services.items()
        for number in range(count)
    }


def condition_set(*services: str) -> frozenset[str]:
    return frozenset(services)


def test_every_event_triggers_a_poll_before_the_first_poll() -> None:
    assert worth_polling(Purpose.SERVICES, None, {})


def test_a_poll_is_triggered_once_every_task_of_a_condition_has_come() -> None:
    awaited = Awaited({"web": 2, "api": 1}, (condition_set("web", "api"),))
    assert not worth_polling(Purpose.SERVICES, awaited, sighted(web=2))
    assert not worth_polling(Purpose.SERVICES, awaited, sighted(web=1, api=1))
    assert worth_polling(Purpose.SERVICES, awaited, sighted(web=2, api=1))


def test_each_condition_triggers_its_own_poll() -> None:
    """A client that waits only for api is not delayed by web."""
    awaited = Awaited({"web": 1, "api": 1}, (condition_set("web", "api"), condition_set("api")))
    assert worth_polling(Purpose.SERVICES, awaited, sighted(api=1))
    assert not worth_polling(Purpose.SERVICES, awaited, sighted(web=1))


def test_a_task_counted_by_the_poll_is_not_counted_again() -> None:
    awaited = Awaited({"web": 1}, (condition_set("web"),), known=frozenset({"web-0"}))
    assert not worth_polling(Purpose.SERVICES, awaited, sighted(web=1))
    assert worth_polling(Purpose.SERVICES, awaited, sighted(web=2))


def test_tasks_of_other_services_trigger_no_poll() -> None:
    awaited = Awaited({"web": 1}, (condition_set("web"),))
    assert not worth_polling(Purpose.SERVICES, awaited, sighted(other=3))
    assert not worth_polling(Purpose.SERVICES, Awaited(), sighted(web=3))


@pytest.mark.parametrize(
    ("purpose", "stages"),
    [
        (Purpose.SERVICES, {Stage.RUNNING}),
        (Purpose.SERVICES_GONE, set()),
        (Purpose.TASKS_GONE, {Stage.STOPPED}),
        (Purpose.EVERYTHING_GONE, set()),
    ],
)
def test_each_purpose_counts_its_own_stages(purpose: Purpose, stages: set[Stage]) -> None:
    """No event says that a service is INACTIVE (D05); a cluster can be deleted once its tasks
    stopped."""
    seen = {str(stage): TaskEvent("web", stage, 1) for stage in [*Stage, None]}
    assert counted(purpose, seen) == {str(stage) for stage in stages}


Step = tuple[str, str]
"""("runs" or "told", task) or ("look", "")"""


@st.composite
def histories(draw: st.DrawFn) -> tuple[dict[str, int], list[Step]]:
    """Services with their tasks, each of which runs and is reported, once or twice; and one
    poll."""
    wanted = draw(
        st.dictionaries(st.sampled_from("abc"), st.integers(1, 3), min_size=1, max_size=3)
    )
    tasks = [f"{name}-{number}" for name, count in wanted.items() for number in range(count)]
    steps: list[Step] = [("runs", task) for task in draw(st.permutations(tasks))]
    for task in tasks:
        for _ in range(draw(st.integers(1, 2))):
            after = steps.index(("runs", task)) + 1
            steps.insert(draw(st.integers(after, len(steps))), ("told", task))
    steps.insert(draw(st.integers(0, len(steps))), ("look", ""))
    return wanted, steps


@given(histories(), st.data())
def test_no_order_or_repetition_of_events_hides_a_met_condition(
    history: tuple[dict[str, int], list[Step]], data: st.DataObject
) -> None:
    """W01: a condition that the poll did not see met is announced by the event that completes
    it."""
    wanted, steps = history
    names = sorted(wanted)
    condition_sets = data.draw(
        st.lists(st.frozensets(st.sampled_from(names), min_size=1), min_size=1, unique=True)
    )
    runs: set[str] = set()
    task_events: dict[str, TaskEvent] = {}
    awaited: Awaited | None = None
    looked: list[frozenset[str]] = []
    """The goals that it was worth looking for after an event."""
    for step, task in steps:
        service = task.partition("-")[0]
        if step == "runs":
            runs.add(task)
        elif step == "told":
            task_events[task] = TaskEvent(service, Stage.RUNNING, 1)
            for each in condition_sets if awaited is not None else ():
                assert awaited is not None
                alone = Awaited(awaited.tasks, (each,), awaited.known)
                if worth_polling(Purpose.SERVICES, alone, task_events):
                    looked.append(each)
        else:
            running = {name: sum(t.startswith(f"{name}-") for t in runs) for name in names}
            missing = {n: wanted[n] - running[n] for n in names if wanted[n] > running[n]}
            awaited = Awaited(
                missing, tuple(condition_sets), counted(Purpose.SERVICES, task_events)
            )
    assert awaited is not None
    for each in condition_sets:
        if each & awaited.tasks.keys():
            assert each in looked
            assert worth_polling(Purpose.SERVICES, awaited, task_events)


# --- how it is stored ----------------------------------------------------------------------------

names = st.text("abc-", min_size=1, max_size=4)


@given(
    st.builds(
        Awaited,
        st.dictionaries(names, st.integers(1, 9)),
        st.lists(st.frozensets(names), unique=True).map(tuple),
        st.frozensets(names),
    )
)
def test_a_wait_survives_json(awaited: Awaited) -> None:
    kept = Awaited.from_json(json.loads(json.dumps(awaited.to_json())))
    assert (kept.tasks, set(kept.condition_sets), kept.known) == (
        awaited.tasks,
        set(awaited.condition_sets),
        awaited.known,
    )


@given(st.builds(TaskEvent, names, st.sampled_from([*Stage, None]), st.integers(0, 99)))
def test_a_task_event_survives_json(task_event: TaskEvent) -> None:
    assert TaskEvent.from_json(json.loads(json.dumps(task_event.to_json()))) == task_event


@pytest.mark.parametrize(
    ("purpose", "names", "seconds"),
    [
        (Purpose.SERVICES_GONE, ["web"], POLL_SECONDS),
        (Purpose.SERVICES_GONE, [], 0),
        (Purpose.TASKS_GONE, ["web"], 0),
        (Purpose.SERVICES, ["web"], 0),
    ],
)
def test_only_a_wait_without_events_can_skip_the_first_poll(
    purpose: Purpose, names: list[str], seconds: float
) -> None:
    """W02: otherwise something may have happened before the token was stored."""
    assert Wait("demo", 1, "token", purpose, {"names": names}).first_poll_after == seconds
