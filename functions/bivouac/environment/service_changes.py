"""The changes of a request by redeploys; the newest change of each part holds. Pure.

A request with changes is a request again, so planning needs to know nothing about redeploys.
"""

from __future__ import annotations

import copy
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any, Self

from bivouac.environment.intents import Intent
from bivouac.json_types import Json

VOID_KEPT = 10
"""The number of rolled back changes of a service that are stored. The same event cannot repeat an
older one, because its execution's name is taken; only a deliberate new request can."""


@dataclass(frozen=True)
class Change:
    """A change of one service; without an image or a definition, a redeploy of the same.

    ECS pins a tag to its digest at the start of a deployment, so only a new deployment runs what
    was pushed under the same tag since."""

    service_name: str
    intent: Intent
    image: str | None = None
    container: str | None = None
    """The container of the image; optional if the service has only one."""
    task_definition: Json | str | None = None
    void: bool = False
    """It was rolled back, and is stored so that it is not applied again."""

    @classmethod
    def of(cls, given: Mapping[str, Any], intent: Intent) -> Self:
        """From a redeploy's entry for a service."""
        return cls(
            given["serviceName"],
            intent,
            given.get("image"),
            given.get("container"),
            given.get("taskDefinition"),
        )

    def makes_up_for(self, other: Change) -> bool:
        """Whether this change completely replaces an earlier one of the same service."""
        if self.void:
            return False
        if self.task_definition is not None:
            return True
        images = self.image is not None and other.image is not None
        return (images and other.container == self.container) or other.is_again

    @property
    def place(self) -> tuple[Intent, bool, str]:
        """Its order: within one intent, a definition comes before the images in it."""
        return self.intent, self.task_definition is None, self.container or ""

    @property
    def is_again(self) -> bool:
        return self.image is None and self.task_definition is None

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


Changes = Mapping[str, tuple[Change, ...]]
"""By service: the changes that count, in the order in which they were meant. A set image and a
later redeploy of the same both count."""


def to_json(changes: Changes) -> Json:
    return {name: [change.to_json() for change in each] for name, each in changes.items()}


def from_json(content: Mapping[str, Any]) -> dict[str, tuple[Change, ...]]:
    return {name: tuple(map(Change.from_json, each)) for name, each in content.items()}


def newest(
    known: Changes, given: Iterable[Change], since: Intent | None = None
) -> dict[str, tuple[Change, ...]]:
    """The changes that count, of the known and the given ones, each later than `since`.

    The result does not depend on the order in which changes arrive, or how often (W01)."""
    found: dict[str, dict[tuple[Intent, bool, str], Change]] = {}
    for change in (*(change for each in known.values() for change in each), *given):
        if since is None or change.intent > since:
            found.setdefault(change.service_name, {}).setdefault(change.place, change)
    counting = {name: _counting(each.values()) for name, each in sorted(found.items())}
    return {name: each for name, each in counting.items() if each}


def _counting(changes: Iterable[Change]) -> tuple[Change, ...]:
    kept: list[Change] = []
    for change in sorted(changes, key=lambda change: change.place, reverse=True):
        # A change that replaces a void one may become void itself; then the old one would return.
        if change.void or not any(later.makes_up_for(change) for later in kept):
            kept.append(change)
    void = [change for change in kept if change.void][VOID_KEPT:]
    return tuple(change for change in reversed(kept) if change not in void)


def rolled_back(changes: Changes, good: Changes) -> dict[str, tuple[Change, ...]]:
    """The changes of the last proven request, and all others as void."""
    proven = {change.intent for each in good.values() for change in each}
    failed = [
        replace(change, void=True)
        for each in changes.values()
        for change in each
        if change.intent not in proven
    ]
    return newest(good, failed)


def redeployed(request: Mapping[str, Any], changes: Changes) -> Json:
    """The request with the changes of its services."""
    changed = copy.deepcopy(dict(request))
    defaults = changed.get("defaults", {})
    for service in changed["services"]:
        for change in changes.get(service.get("serviceName"), ()):
            if not change.void:
                _apply(change, service, defaults)
    return changed


def problems(request: Mapping[str, Any], known: Changes, given: Iterable[Change]) -> list[str]:
    """Why changes cannot be applied to a request with the known changes that were meant earlier.

    Planning checks what ECS would refuse."""
    found: list[str] = []
    seen: set[tuple[str, str | None]] = set()
    for change in given:
        found += _problems(request, known, change)
        if (change.service_name, change.container) in seen:
            found.append(f"redeploy ({change.service_name}): given twice")
        seen.add((change.service_name, change.container))
    return found


def _problems(request: Mapping[str, Any], known: Changes, change: Change) -> Iterator[str]:
    before = tuple(each for each in known.get(change.service_name, ()) if each.place < change.place)
    changed = redeployed(request, {change.service_name: before})
    services = {service.get("serviceName"): service for service in changed["services"]}
    service = services.get(change.service_name)
    if service is None:
        names = ", ".join(sorted(services))
        yield f"redeploy: no service is named {change.service_name!r} (services: {names})"
        return
    where = f"redeploy ({change.service_name})"
    defaults = request.get("defaults", {})
    if change.image is not None and change.task_definition is not None:
        yield f"{where}: give either image or taskDefinition"
    elif change.task_definition is not None and "primaryContainer" in defaults:
        yield f"{where}: defaults.primaryContainer would conflict with its taskDefinition"
    elif change.image is not None:
        yield from _image_problems(where, change, _definition(service, defaults))
    elif change.container is not None:
        yield f"{where}: container without image; give both, or neither to redeploy the same"


def _image_problems(where: str, change: Change, definition: Json | str | None) -> Iterator[str]:
    if isinstance(definition, str):
        yield (
            f"{where}: it runs the existing task definition {definition}; give another one as "
            "taskDefinition"
        )
    elif definition is None:
        if change.container is not None:
            yield f"{where}: primaryContainer is its only container; leave container out"
    elif not _meant(definition, change):
        names = ", ".join(str(each.get("name")) for each in definition["containerDefinitions"])
        yield (
            f"{where}: say with container which image to replace, one of {names}"
            if change.container is None
            else f"{where}: no container is named {change.container!r} (containers: {names})"
        )


def _definition(service: Json, defaults: Json) -> Json | str | None:
    """The service's own definition merged over the defaults; None if the short form is used."""
    if "primaryContainer" in service:
        return None
    beneath = defaults.get("taskDefinition")
    found: Json | str | None = service.get("taskDefinition", beneath)
    if isinstance(found, dict) and isinstance(beneath, dict):
        return {**beneath, **found}
    return found


def _meant(definition: Json, change: Change) -> list[Json]:
    """The container whose image a change sets; empty if that is not clear."""
    containers: list[Json] = definition.get("containerDefinitions", [])
    if change.container is None:
        return containers if len(containers) == 1 else []
    return [each for each in containers if each.get("name") == change.container]


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
            service["taskDefinition"] = _with_image(service, definition, change)


def _with_image(service: Json, definition: Json, change: Change) -> Json:
    """The service's own part of its definition, with the containers of the merged one."""
    meant = _meant(definition, change)
    containers = [
        {**container, "image": change.image} if container in meant else container
        for container in definition.get("containerDefinitions", [])
    ]
    return {**service.get("taskDefinition", {}), "containerDefinitions": containers}
