"""Services and task definitions as ECS describes them, or as files hold them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

from bivouac_cli.clients import Clients, plain_errors
from bivouac_cli.ending import CommandError, Exit
from bivouac_cli.json_file import content_of

Json = dict[str, Any]
_DESCRIBED_AT_ONCE = 10
"""ECS API reference, DescribeServices: up to 10 services."""
_WRAPPERS = ("services", "service", "taskDefinitions", "taskDefinition")
"""Members of ECS's answers that hold what was asked for."""


@dataclass
class Found:
    services: list[Json] = field(default_factory=list)
    definitions: list[Json] = field(default_factory=list)

    @property
    def first_name(self) -> str:
        names = [each["serviceName"] for each in self.services]
        return str([*names, *(each.get("family", "") for each in self.definitions)][0])


def found_in_cluster(clients: Clients, cluster: str, names: Sequence[str]) -> Found:
    """Its active services, or the named ones, with the definitions that they run.

    Raises CommandError if there is no such cluster or service."""
    ecs = clients("ecs")
    with plain_errors():
        try:
            names = names or _listed(ecs, cluster)
            services = _described(ecs, cluster, names)
        except ecs.exceptions.ClusterNotFoundException:
            region = ecs.meta.region_name
            raise CommandError(
                Exit.NOT_FOUND, f"There is no cluster named {cluster} in {region}"
            ) from None
        running = {each["taskDefinition"] for each in services if "taskDefinition" in each}
        definitions = [
            ecs.describe_task_definition(taskDefinition=each)["taskDefinition"]
            for each in sorted(running)
        ]
    return Found(services, definitions)


def _listed(ecs: Any, cluster: str) -> list[str]:
    pages = ecs.get_paginator("list_services").paginate(cluster=cluster)
    arns = [arn for page in pages for arn in page["serviceArns"]]
    if not arns:
        raise CommandError(Exit.NOT_FOUND, f"The cluster {cluster} has no services")
    return sorted(arn.rpartition("/")[2] for arn in arns)


def _described(ecs: Any, cluster: str, names: Sequence[str]) -> list[Json]:
    services: list[Json] = []
    for first in range(0, len(names), _DESCRIBED_AT_ONCE):
        some = names[first : first + _DESCRIBED_AT_ONCE]
        services += ecs.describe_services(cluster=cluster, services=some)["services"]
    active = [each for each in services if each["status"] == "ACTIVE"]
    missing = sorted(set(names) - {each["serviceName"] for each in active})
    if missing:
        listed = ", ".join(missing)
        raise CommandError(
            Exit.NOT_FOUND, f"The cluster {cluster} has no active service named {listed}"
        )
    return active


def found_in_files(files: Sequence[str]) -> Found:
    """Each file holds a service, a task definition, a list of them, or an answer of ECS.

    Raises CommandError with every problem of every file."""
    found, problems = Found(), []
    for file in files:
        try:
            content = content_of(file)
        except CommandError as error:
            problems.append(str(error))
        else:
            problems += _sorted_into(found, content, file)
    if problems:
        raise CommandError(Exit.REFUSED, "\n".join(problems))
    return found


def _sorted_into(found: Found, content: Any, where: str) -> Iterator[str]:
    """Yields what is neither a service nor a definition."""
    if isinstance(content, list) and content:
        for number, each in enumerate(content):
            yield from _sorted_into(found, each, f"{where}[{number}]")
        return
    if isinstance(content, dict):
        if isinstance(content.get("serviceName"), str):
            found.services.append(content)
            return
        if isinstance(content.get("containerDefinitions"), list):
            found.definitions.append(content)
            return
        for wrapper in _WRAPPERS:
            if isinstance(content.get(wrapper), dict | list):
                yield from _sorted_into(found, content[wrapper], f"{where}: {wrapper}")
                return
    yield (
        f"{where} holds neither a service (with serviceName) nor a task definition (with "
        "containerDefinitions), and no answer of ECS with one"
    )
