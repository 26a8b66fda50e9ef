"""Turns described resources into checks and verdicts. Pure.

"Stable" is not enough: READY needs our deployment, every task healthy with its proxy attached, and
the same addresses in Cloud Map as in ECS. The ids name failure modes.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime

from bivouac.aws import cloudmap_answers, ecs_answers
from bivouac.diagnosis import proxies, service_verdicts, stopped_tasks
from bivouac.diagnosis.service_verdicts import ServiceFacts, Verdict
from bivouac.environment.blueprint import Endpoint, ServiceBlueprint
from bivouac.json_types import Described
from bivouac.proof.check import Check, CheckOutcome, check, few
from bivouac.services.deployments import Expected, Observed, private_address


@dataclass(frozen=True)
class Progress:
    """One service's state: failed, healthy, or neither yet."""

    checks: tuple[Check, ...]
    failed: Verdict | None = None
    hindered: Verdict | None = None
    """An obstacle that may still heal; at the deadline, the verdict."""

    @property
    def healthy(self) -> bool:
        return self.failed is None and not any(entry.is_ng for entry in self.checks)


def judge(blueprint: ServiceBlueprint, expected: Expected, observed: Observed) -> Progress:
    """Whether one service runs OUR deployment, healthy and connected (H01 to H25)."""
    name = blueprint.service_name
    service = observed.service
    if service is None:
        return Progress((check(name, "service visible", False, "not visible yet"),))
    facts = ServiceFacts(
        service_name=name,
        deployment_id=expected.deployment_id,
        task_definition_arn=expected.task_definition_arn,
        has_health_check=blueprint.has_health_check,
        containers=tuple((blueprint.definition or {}).get("containerDefinitions", ())),
        service=service,
        running=observed.running,
        stopped=observed.stopped,
    )
    if not facts.visible:
        return Progress((check(name, "deployment visible", False, "not visible yet"),))
    if not ecs_answers.is_active(service):
        return Progress((), service_verdicts.deleted_by_others(name, service["status"]))
    if failed := service_verdicts.verdict(facts):
        return Progress((), failed)
    running = [
        task
        for task in observed.running
        if task["taskDefinitionArn"] == expected.task_definition_arn
        and task.get("startedBy") == expected.deployment_id
    ]
    others = len(observed.running) - len(running)
    desired, current = blueprint.arguments["desiredCount"], service["desiredCount"]
    rebalanced = ecs_answers.is_rebalanced(service)
    healthy = sum(
        # H20: without a health check in the task definition the status stays UNKNOWN
        ecs_answers.is_running(task)
        and (not blueprint.has_health_check or ecs_answers.is_healthy(task))
        for task in running
    )
    what = "healthy" if blueprint.has_health_check else "running"
    sick = {c["name"] for task in running if (c := stopped_tasks.unhealthy_container(task))}
    count = f"{healthy} of {desired}" + "".join(
        [f", {number} {status}" for status, number in sorted(_starting(running).items())]
        + [f", {each} is UNHEALTHY" for each in sorted(sick)]
    )
    checks = [
        check(
            name,
            f"tasks {what}",
            healthy >= desired if rebalanced else healthy == desired == len(running),
            count,
        ),
        check(name, "only this deployment", others == 0, f"{others} task(s) of another deployment"),
    ]
    if current != desired:
        scaled = f"{current} in the service, {desired} in the request"
        checks.append(check(name, "desired tasks", False, scaled))
    if blueprint.arguments["serviceConnectConfiguration"]["enabled"]:
        attached = sum(proxies.is_ready(task) for task in running)
        enough = attached >= desired if rebalanced else attached == desired
        checks.append(check(name, "proxy attached", enough, f"{attached} of {desired}"))
    checks += _crashed_sidecars(name, running, facts.containers)
    return Progress(tuple(checks), hindered=service_verdicts.hindrance(facts))


STEADY_SECONDS = 10.0
"""Most applications that cannot start end within this time."""
MOST_STEADY_SECONDS = 60.0


def steady_in(
    blueprint: ServiceBlueprint, expected: Expected, observed: Observed, now: datetime
) -> float:
    """Seconds until the tasks of a service that nothing can ask have run long enough for READY; 0
    at once for the others, whose health checks and answers are evidence.

    A task that replaces one that failed must outlive it, within bounds (H05)."""
    if blueprint.has_health_check or blueprint.endpoints:
        return 0.0
    longest = max(_lives_of_failed(expected, observed), default=0.0)
    needed = min(max(STEADY_SECONDS, longest), MOST_STEADY_SECONDS)
    lives = [
        (now - task["startedAt"]).total_seconds()
        for task in observed.running
        if task.get("startedAt")
    ]
    return max(needed - min(lives, default=needed), 0.0)


def _lives_of_failed(expected: Expected, observed: Observed) -> Iterator[float]:
    """Seconds for which each failed task of the deployment has run."""
    for task in observed.stopped:
        ended = task.get("stoppingAt") or task.get("stoppedAt")
        if task.get("startedBy") != expected.deployment_id or stopped_tasks.on_purpose(task):
            continue
        if ended and task.get("startedAt"):
            yield (ended - task["startedAt"]).total_seconds()


def _starting(running: Sequence[Described]) -> Counter[str]:
    """How many tasks are in each state before RUNNING, of those whose state ECS tells."""
    return Counter(
        task["lastStatus"]
        for task in running
        if "lastStatus" in task and not ecs_answers.is_running(task)
    )


def _crashed_sidecars(
    service: str, running: Sequence[Described], definitions: Sequence[Described]
) -> list[Check]:
    """Worth knowing, but no reason to wait: the tasks run on without them."""
    texts = (text for task in running for text in stopped_tasks.crashed_sidecars(task, definitions))
    return [Check(service, "containers", CheckOutcome.SKIP, text) for text in dict.fromkeys(texts)]


def registered_as(endpoint: Endpoint) -> str:
    """The name of the check of an endpoint's registration."""
    return f"registered in Cloud Map as {endpoint.discovery_name}"


def registered(
    service: str,
    endpoint: Endpoint,
    tasks: Sequence[Described],
    instances: Sequence[Described] | None,
    rebalanced: bool = False,
) -> Check:
    """Whether the running tasks are the registered instances, with the same address and port (P03).

    `instances` None: they were, when last read for the same tasks. `rebalanced`: a task that is not
    connected yet may be one more than needed, and need not be registered."""
    running = {f"{private_address(task)}:{endpoint.port}" for task in tasks}
    expected = running
    if rebalanced:
        connected = [task for task in tasks if proxies.is_ready(task)]
        expected = {f"{private_address(task)}:{endpoint.port}" for task in connected}
    listed = expected
    if instances is not None:
        listed = {cloudmap_answers.address_of(instance) for instance in instances}
    name = registered_as(endpoint)
    if expected <= listed <= running:
        return check(service, name, True, few(sorted(listed)) or "no instance")
    differences = [f"{address} is missing" for address in sorted(expected - listed)]
    differences += [f"{address} runs no task" for address in sorted(listed - running)]
    return check(service, name, False, few(differences))
