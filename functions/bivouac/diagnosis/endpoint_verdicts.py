"""Why endpoints are not proven although their services were healthy, and what to do. Pure.

A task that has stopped since answers nothing, so tasks are judged before addresses.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from bivouac.diagnosis import health, stopped_tasks
from bivouac.diagnosis.aws_messages import Category
from bivouac.diagnosis.service_verdicts import Verdict
from bivouac.environment.blueprint import Blueprint, ServiceBlueprint, status_range
from bivouac.json_types import Described
from bivouac.proof.check import Check
from bivouac.proof.fault import Fault
from bivouac.services.deployments import Expected, Observed, private_address


def verdicts(
    blueprint: Blueprint,
    expected: Sequence[Expected],
    failed: Mapping[str, Sequence[Check]],
    seen: Mapping[str, Observed],
) -> list[Verdict]:
    """`failed`: what the probes say, by service; `seen`: the services and their tasks now, as far
    as they could be read."""
    deployments = {entry.service_name: entry for entry in expected}
    return [
        _of_tasks(blueprint.service(name), deployments[name], seen[name], checks)
        if name in seen and name in deployments
        else not_proven(blueprint.service(name), checks)
        for name, checks in failed.items()
    ]


def _of_tasks(
    planned: ServiceBlueprint, entry: Expected, seen: Observed, checks: Sequence[Check]
) -> Verdict:
    progress = health.judge(planned, entry, seen)
    if found := progress.failed or progress.hindered:
        return Verdict.of(
            found.category,
            found.service,
            [*found.evidence, *map(str, checks)],
            found.next_step,
            found.task,
            found.container,
        )
    definitions = (planned.definition or {}).get("containerDefinitions", ())
    for task in seen.stopped:
        if task.get("startedBy") == entry.deployment_id and _asked(task, checks):
            return _gone(planned.service_name, task, definitions, [*map(str, checks)])
    asked = [task for task in seen.running if _asked(task, checks)]
    return not_proven(
        planned,
        checks,
        asked[0]["taskArn"] if asked else "",
        _serving(planned, definitions),
    )


def _asked(task: Described, checks: Sequence[Check]) -> bool:
    """Whether a probe asked this task; without a public address, or among many, it may not show."""
    return any(private_address(task) in check.addresses for check in checks)


def _gone(
    service: str, task: Described, definitions: Sequence[Described], lines: Sequence[str]
) -> Verdict:
    stop = stopped_tasks.of_stopped(task, definitions)
    if stopped_tasks.on_purpose(task):
        return Verdict.of(
            Category.UNKNOWN,
            service,
            [*stop.evidence, *lines],
            "The task was stopped on purpose while it was asked, and nothing else failed: start "
            "the create again.",
            task["taskArn"],
        )
    return Verdict.of(
        stop.sign.category,
        service,
        [*stop.evidence, *lines],
        stop.sign.next_step,
        task["taskArn"],
        stop.container,
    )


def _serving(planned: ServiceBlueprint, definitions: Sequence[Described]) -> str:
    """The container that serves the service's first endpoint, whose log is the most telling."""
    names = {endpoint.port_name for endpoint in planned.endpoints}
    for definition in definitions:
        if any(port.get("name") in names for port in definition.get("portMappings", ())):
            return str(definition["name"])
    return ""


def not_proven(
    planned: ServiceBlueprint, failed: Sequence[Check], task: str = "", container: str = ""
) -> Verdict:
    """The verdict if tasks run and are healthy to ECS but an endpoint does not answer (P07, P09).

    `task`, `container`: whose log may say more."""
    service, faults = planned.service_name, {check.fault for check in failed}
    answered = [(check.endpoint, check.status) for check in failed if check.status]
    category = Category.CONNECTIVITY
    if answered:
        name, status = answered[0]
        endpoint = planned.endpoint(name)
        expected = status_range(endpoint.lowest_status, endpoint.highest_status)
        step = started(service, status, expected, f"the `probe` of {service}")
    elif Fault.UNSTEADY in faults:
        step = by_turns(service)
    elif Fault.CONNECTION in faults:
        category = Category.NETWORK
        step = "Admit the stack's probe security group on the endpoint's port."
    else:
        step = (
            "Check that the application listens on its containerPort on all addresses, not only "
            "on 127.0.0.1, and that it speaks the appProtocol of the port."
        )
    return Verdict.of(category, service, map(str, failed), step, task, container)


def by_turns(server: str) -> str:
    """The next step where right and wrong answers alternate."""
    return (
        f"{server} answers right and wrong by turns: read its log for the requests that failed. "
        "Its callers may not notice, because their proxies try again."
    )


def started(server: str, status: int, expected: str, field: str) -> str:
    """The next step where the application itself has answered: it has started."""
    return (
        f"{server} has started, and answers with HTTP {status}. If that is right, write "
        f'"expectStatus": "{status}" in {field}; otherwise write the "path" there of what answers '
        f"with {expected}, or mend the application."
    )
