"""Values of a request that anyone who may describe task definitions can read. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Set

from bivouac.environment.blueprint import Blueprint
from bivouac.json_types import ReadOnlyJson
from bivouac.redaction import names, shapes, text
from bivouac.request.messages import first

_SHOWN_TO_ALL = frozenset({"command", "entryPoint", "healthCheck", "dockerLabels"})
_READABLE = "and anyone who may describe task definitions can read it"


def secret_problem(
    name: str, value: str, field: str = "secrets", holder: str = "container"
) -> str | None:
    """Why a variable or an option with this plain value looks like a secret, and what to write
    instead, in the `field` of which object; None if it does not. The value itself is not in the
    answer."""
    if not (reason := _reason(name, value)):
        return None
    return (
        f"{reason}, {_READABLE}; keep it in Secrets "
        f'Manager or Parameter Store and write "{field}": [{{"name": "{name}", "valueFrom": '
        f'"..."}}] in the {holder}; if it is no secret, write "plainValues": ["{name}"] beside '
        "services"
    )


def _reason(name: str, value: str) -> str:
    """Empty if it looks like no secret."""
    if names.is_no_value(value, name):
        return ""
    if names.is_secret(name):
        return f"{name} is the name of a secret"
    told = _told_by(value)
    return told and f"the value of {name} {told}"


def _told_by(value: str) -> str:
    if kind := next(shapes.kinds(value), None):
        return f"holds {kind}"
    return "names a secret and says it" if text.names_a_secret(value) else ""


def warnings(blueprint: Blueprint, plain_values: Set[str]) -> list[str]:
    """Of what ECS has no secret form for, and which is no mistake for certain: commands, entry
    points, health checks and labels."""
    found = (
        f"{service.service_name}: {why}, {_READABLE}; {instead}"
        for service in blueprint.services
        for container in (service.definition or {}).get("containerDefinitions", ())
        if not _SHOWN_TO_ALL.isdisjoint(container)
        for why, instead in _in_container(container, plain_values)
    )
    return first(found, "commands and labels look like secrets")


def _in_container(container: ReadOnlyJson, plain_values: Set[str]) -> Iterator[tuple[str, str]]:
    commands = {
        "command": container.get("command", ()),
        "entryPoint": container.get("entryPoint", ()),
        "healthCheck.command": container.get("healthCheck", {}).get("command", ()),
    }
    for field, words in commands.items():
        if words and (holds := _told_by(" ".join(words))):
            yield (
                f"the {field} of {container['name']} {holds}",
                "give the container a variable from secrets, and let a shell put it in its place",
            )
    for label, value in container.get("dockerLabels", {}).items():
        if label not in plain_values and (why := _reason(label, value)):
            yield (
                f"in dockerLabels of {container['name']}, {why}",
                f'leave it out; if it is no secret, write "plainValues": ["{label}"]',
            )
