"""What a redeploy changes of a request, and that the newest change of each service holds. Pure.

A request with changes is a request again: planning knows nothing of redeploys.
"""

from __future__ import annotations

import copy
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Any, Self

from bivouac.intents import Intent

Json = dict[str, Any]


@dataclass(frozen=True)
class Change:
    """Of one service; without an image or a definition it is the same again, in new tasks.

    ECS pins a tag to the digest that it had when the deployment began, so only a new deployment
    runs what was pushed under the same tag since."""

    service_name: str
    intent: Intent
    image: str | None = None
    container: str | None = None
    """Whose image; may be left out where the service has one container."""
    task_definition: Json | str | None = None
    void: bool = False
    """It was rolled back: it is over, and is known so that it does not come again."""

    def to_json(self) -> Json:
        return {
            "serviceName": self.service_name,
            "intent": self.intent.to_json(),
            "image": self.image,
            "container": self.container,
            "taskDefinition": self.task_definition,
            "void": self.void,
        }

    @classmethod
    def from_json(cls, content: Mapping[str, Any]) -> Self:
        return cls(
            content["serviceName"],
            Intent.from_json(content["intent"]),
            content["image"],
            content["container"],
            content["taskDefinition"],
            content["void"],
        )


Changes = Mapping[str, Change]
"""By service."""


def newest(known: Changes, given: Iterable[Change], since: Intent | None) -> dict[str, Change]:
    """The known changes and those of the given ones that are newer, each later than `since`.

    The same whatever the order in which changes are seen."""
    found = dict(known)
    for change in given:
        before = found.get(change.service_name)
        if before is None or change.intent > before.intent:
            found[change.service_name] = change
    return {
        name: change for name, change in found.items() if since is None or change.intent > since
    }


def voided(changes: Changes) -> dict[str, Change]:
    return {name: replace(change, void=True) for name, change in changes.items()}


def redeployed(request: Mapping[str, Any], changes: Changes) -> Json:
    """The request with the changes of the services that it has."""
    changed = copy.deepcopy(dict(request))
    defaults = changed.get("defaults", {})
    for service in changed["services"]:
        change = changes.get(service.get("serviceName"))
        if change and not change.void:
            _apply(change, service, defaults)
    return changed


def problems(request: Mapping[str, Any], changes: Iterable[Change]) -> list[str]:
    """Why changes cannot be made to a request; what ECS refuses of them, planning tells."""
    services = {service.get("serviceName"): service for service in request["services"]}
    found = []
    for change in changes:
        service = services.get(change.service_name)
        if service is None:
            names = ", ".join(sorted(services))
            found.append(f"redeploy: no service {change.service_name!r}; there are {names}")
        elif change.image is not None:
            found += _image_problems(change, service, request.get("defaults", {}))
    return found


def _image_problems(change: Change, service: Json, defaults: Json) -> list[str]:
    where = f"redeploy ({change.service_name})"
    if change.task_definition is not None:
        return [f"{where}: give either image or taskDefinition"]
    definition = _definition(service, defaults)
    if definition is None:
        return [] if change.container is None else [f"{where}: primaryContainer is its only one"]
    if isinstance(definition, str):
        return [
            f"{where}: it runs the existing task definition {definition}; give taskDefinition, "
            "another one"
        ]
    names = [container.get("name") for container in definition.get("containerDefinitions", [])]
    if change.container is None and len(names) != 1:
        return [f"{where}: say whose image it is with container, one of {', '.join(names)}"]
    if change.container is not None and change.container not in names:
        return [f"{where}: no container {change.container!r}; there are {', '.join(names)}"]
    return []


def _definition(service: Json, defaults: Json) -> Json | str | None:
    """None where the short form is used."""
    if "primaryContainer" in service:
        return None
    found: Json | str | None = service.get("taskDefinition", defaults.get("taskDefinition"))
    return found


def _apply(change: Change, service: Json, defaults: Json) -> None:
    service["redeployedFor"] = change.intent.id
    if change.task_definition is not None:
        service.pop("primaryContainer", None)
        service["taskDefinition"] = change.task_definition
    elif change.image is not None:
        definition = _definition(service, defaults)
        if definition is None:
            service.setdefault("primaryContainer", {})["image"] = change.image
        elif isinstance(definition, dict):
            service["taskDefinition"] = _with_image(definition, change)


def _with_image(definition: Json, change: Change) -> Json:
    containers = [
        {**container, "image": change.image}
        if change.container in (None, container.get("name"))
        else container
        for container in definition["containerDefinitions"]
    ]
    return {**definition, "containerDefinitions": containers}
