"""Described resources become verdicts with reasons. Pure.

"Stable" is not enough: READY needs our deployment, every task healthy with its proxy attached, and
the same addresses in Cloud Map as in ECS. The ids name failure modes.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from enum import StrEnum
from typing import Any, Self

from bivouac import diagnosis, stops
from bivouac.aws import cloudmap_answers, ec2_answers, ecs_answers
from bivouac.blueprint import Endpoint, ServiceBlueprint
from bivouac.diagnosis import Facts, Verdict

Described = Mapping[str, Any]


class Outcome(StrEnum):
    OK = "OK"
    NG = "NG"
    SKIP = "SKIP"


@dataclass(frozen=True)
class Check:
    """One named check with what was observed."""

    service: str
    name: str
    outcome: Outcome
    observed: str
    endpoint: str = ""
    """The port name of the endpoint that the check is about, where it is about one."""

    def to_json(self) -> dict[str, str]:
        return asdict(self)


def check(service: str, name: str, holds: bool, observed: str) -> Check:
    return Check(service, name, Outcome.OK if holds else Outcome.NG, observed)


@dataclass(frozen=True)
class Expected:
    """What create_service left behind: the deployment that must become healthy."""

    service_name: str
    task_definition_arn: str
    deployment_id: str
    deployed_at: str = ""
    """When that deployment began, ISO 8601; empty where it is not known."""

    def to_json(self) -> dict[str, str]:
        return {
            "serviceName": self.service_name,
            "taskDefinitionArn": self.task_definition_arn,
            "deploymentId": self.deployment_id,
            "deployedAt": self.deployed_at,
        }

    @classmethod
    def from_json(cls, content: Mapping[str, str]) -> Self:
        return cls(
            content["serviceName"],
            content["taskDefinitionArn"],
            content["deploymentId"],
            content.get("deployedAt", ""),
        )


@dataclass(frozen=True)
class Observed:
    """One service as ECS describes it now."""

    service: Described | None
    running: tuple[Described, ...]
    """Tasks whose desired status is RUNNING."""
    stopped: tuple[Described, ...]


@dataclass(frozen=True)
class Progress:
    """One service's verdict: failed, or healthy, or neither yet."""

    checks: tuple[Check, ...]
    failed: Verdict | None = None
    hindered: Verdict | None = None
    """What is in the way though it may still heal: the verdict once the deadline is over."""

    @property
    def healthy(self) -> bool:
        return self.failed is None and all(entry.outcome is Outcome.OK for entry in self.checks)

    @property
    def missing(self) -> list[str]:
        return [
            f"{entry.name}: {entry.observed}"
            for entry in self.checks
            if entry.outcome is not Outcome.OK
        ]


def primary_deployment(service: Described) -> Described | None:
    for deployment in service.get("deployments", ()):
        if ecs_answers.is_primary(deployment):
            return dict(deployment)
    return None


def private_address(task: Described) -> str | None:
    return _interface_detail(task, ecs_answers.PRIVATE_ADDRESS)


def interface_id(task: Described) -> str | None:
    return _interface_detail(task, ecs_answers.NETWORK_INTERFACE_ID)


def _interface_detail(task: Described, name: str) -> str | None:
    for attachment in task.get("attachments", ()):
        if ecs_answers.is_network_interface(attachment):
            for detail in attachment.get("details", ()):
                if detail.get("name") == name and detail.get("value"):
                    return str(detail["value"])
    return None


def _proxy_ready(task: Described) -> bool:
    """H21: the Service Connect attachment is ATTACHED, its container runs and is not unhealthy."""
    attached = any(
        ecs_answers.is_service_connect(attachment) and ecs_answers.is_attached(attachment)
        for attachment in task.get("attachments", ())
    )
    proxies = filter(ecs_answers.is_proxy, task.get("containers", ()))
    return attached and all(
        ecs_answers.is_running(proxy) and not ecs_answers.is_unhealthy(proxy) for proxy in proxies
    )


def _task_healthy(task: Described, has_health_check: bool) -> bool:
    """H20: without a health check in the task definition the status stays UNKNOWN."""
    if not ecs_answers.is_running(task):
        return False
    return not has_health_check or ecs_answers.is_healthy(task)


def judge(blueprint: ServiceBlueprint, expected: Expected, observed: Observed) -> Progress:
    """Whether one service runs OUR deployment, healthy and connected (H01 to H25)."""
    name = blueprint.service_name
    service = observed.service
    if service is None:
        return Progress((check(name, "service visible", False, "not visible yet"),))
    facts = _facts(blueprint, expected, observed, service)
    if not facts.visible:
        return Progress((check(name, "deployment visible", False, "not visible yet"),))
    if not ecs_answers.is_active(service):
        return Progress((), diagnosis.deleted_by_others(name, service["status"]))
    if failed := diagnosis.verdict(facts):
        return Progress((), failed)
    running = [
        task
        for task in observed.running
        if task["taskDefinitionArn"] == expected.task_definition_arn
        and task.get("startedBy") == expected.deployment_id
    ]
    others = len(observed.running) - len(running)
    desired, asked = blueprint.arguments["desiredCount"], service["desiredCount"]
    rebalanced = ecs_answers.is_rebalanced(service)
    healthy = sum(_task_healthy(task, blueprint.has_health_check) for task in running)
    what = "healthy" if blueprint.has_health_check else "running"
    sick = {c["name"] for task in running if (c := stops.unhealthy_container(task))}
    told = f"{healthy} of {desired}" + "".join(f", {each} is UNHEALTHY" for each in sorted(sick))
    checks = [
        check(
            name,
            f"tasks {what}",
            healthy >= desired if rebalanced else healthy == desired == len(running),
            told,
        ),
        check(name, "only this deployment", others == 0, f"{others} task(s) of another deployment"),
    ]
    if asked != desired:
        scaled = f"the service asks for {asked}, the request for {desired}"
        checks.append(check(name, "tasks asked for", False, scaled))
    if blueprint.arguments["serviceConnectConfiguration"]["enabled"]:
        attached = sum(_proxy_ready(task) for task in running)
        enough = attached >= desired if rebalanced else attached == desired
        checks.append(check(name, "proxy attached", enough, f"{attached} of {desired}"))
    return Progress(tuple(checks), hindered=diagnosis.hindrance(facts))


def _facts(
    blueprint: ServiceBlueprint, expected: Expected, observed: Observed, service: Described
) -> Facts:
    definition = blueprint.definition or {}
    return Facts(
        service_name=blueprint.service_name,
        deployment_id=expected.deployment_id,
        task_definition_arn=expected.task_definition_arn,
        has_health_check=blueprint.has_health_check,
        containers=tuple(definition.get("containerDefinitions", ())),
        service=service,
        running=observed.running,
        stopped=observed.stopped,
    )


SHOWN = 3
"""Addresses that a check tells; the others are counted, so that it is as short for any task."""


def few(texts: Sequence[str], between: str = ", ", shown: int = SHOWN) -> str:
    """Some of them, and how many more there are."""
    more = len(texts) - shown
    return between.join(texts[:shown]) + (f" and {more} more" if more > 0 else "")


def registered_as(endpoint: Endpoint) -> str:
    """The name of the check."""
    return f"registered in Cloud Map as {endpoint.discovery_name}"


def registered(
    service: str,
    endpoint: Endpoint,
    tasks: Sequence[Described],
    instances: Sequence[Described] | None,
    rebalanced: bool = False,
) -> Check:
    """The running tasks are the registered instances, with the same address and port (P03).

    `instances` None: they were, when it was asked for these very tasks. `rebalanced`: a task that
    is not connected yet may be one more than are needed, and need not be registered."""
    running = {f"{private_address(task)}:{endpoint.port}" for task in tasks}
    expected = running
    if rebalanced:
        connected = [task for task in tasks if _proxy_ready(task)]
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


def admits_the_world(groups: Sequence[Described], port: int) -> bool:
    """Whether any of a task's security groups lets everybody reach a TCP port."""
    return any(ec2_answers.admits_everybody(each) for each in _permissions(groups, port))


def admits_group(groups: Sequence[Described], source_group_id: str, port: int) -> bool:
    """Whether any of a task's security groups may let another group reach a TCP port (P09)."""
    return any(ec2_answers.may_admit(each, source_group_id) for each in _permissions(groups, port))


def _permissions(groups: Sequence[Described], port: int) -> list[Described]:
    return [
        permission
        for group in groups
        for permission in group.get("IpPermissions", ())
        if ec2_answers.is_about(permission, port)
    ]
