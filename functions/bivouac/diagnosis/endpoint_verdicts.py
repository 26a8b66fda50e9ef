"""Why endpoints are not proven although their services were healthy, and what to do. Pure.

A task that has stopped since answers nothing, so tasks are judged before addresses.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence

from bivouac.diagnosis import health, stopped_tasks
from bivouac.diagnosis.aws_messages import Category
from bivouac.diagnosis.service_verdicts import Verdict
from bivouac.environment.blueprint import Blueprint, ServiceBlueprint
from bivouac.json_types import Described
from bivouac.services.deployments import Expected, Observed, private_address

_ANSWERED = re.compile(r"HTTP(?:/2)? ([0-9]{3}), server: .{0,200}: expected ([0-9-]+)")
_NOT_CONNECTED = "not connected"
_UNSTEADY = "between right answers"


def verdicts(
    blueprint: Blueprint,
    expected: Sequence[Expected],
    failed: Mapping[str, Sequence[str]],
    seen: Mapping[str, Observed],
) -> list[Verdict]:
    """`failed`: what the probes say, by service; `seen`: the services and their tasks now, as far
    as they could be read."""
    deployments = {entry.service_name: entry for entry in expected}
    return [
        _of_tasks(blueprint.service(name), deployments[name], seen[name], lines)
        if name in seen and name in deployments
        else not_proven(name, lines)
        for name, lines in failed.items()
    ]


def _of_tasks(
    planned: ServiceBlueprint, entry: Expected, seen: Observed, lines: Sequence[str]
) -> Verdict:
    progress = health.judge(planned, entry, seen)
    if found := progress.failed or progress.hindered:
        return Verdict.of(
            found.category,
            found.service,
            [*found.evidence, *lines],
            found.next_step,
            found.task,
            found.container,
        )
    definitions = (planned.definition or {}).get("containerDefinitions", ())
    for task in seen.stopped:
        if task.get("startedBy") == entry.deployment_id and _asked(task, lines):
            return _gone(planned.service_name, task, definitions, lines)
    asked = [task for task in seen.running if _asked(task, lines)]
    return not_proven(
        planned.service_name,
        lines,
        asked[0]["taskArn"] if asked else "",
        _serving(planned, definitions),
    )


def _asked(task: Described, lines: Sequence[str]) -> bool:
    """Whether a probe asked this task; without a public address, or among many, it may not show."""
    address = private_address(task)
    return address is not None and any(f"{address}:" in line for line in lines)


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


def not_proven(service: str, failed: Sequence[str], task: str = "", container: str = "") -> Verdict:
    """The verdict if tasks run and are healthy to ECS but an endpoint does not answer (P07, P09).

    `task`, `container`: whose log may say more."""
    answered = [found for line in failed if (found := _ANSWERED.search(line))]
    category = Category.CONNECTIVITY
    if answered:
        step = started(service, answered[0][1], answered[0][2], f"the `probe` of {service}")
    elif any(_UNSTEADY in line for line in failed):
        step = (
            f"{service} answers right and wrong by turns: read its log for the requests that "
            "failed. Its callers may not notice, because their proxies try again."
        )
    elif any(_NOT_CONNECTED in line for line in failed):
        category = Category.NETWORK
        step = "Admit the stack's probe security group on the endpoint's port."
    else:
        step = (
            "Check that the application listens on its containerPort on all addresses, not only "
            "on 127.0.0.1, and that it speaks the appProtocol of the port."
        )
    return Verdict.of(category, service, failed, step, task, container)


def started(server: str, status: str, expected: str, field: str) -> str:
    """The next step where the application itself has answered: it has started."""
    return (
        f"{server} has started, and answers with HTTP {status}. If that is right, write "
        f'"expectStatus": "{status}" in {field}; otherwise write the "path" there of what answers '
        f"with {expected}, or mend the application."
    )
