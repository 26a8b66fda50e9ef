"""What has changed between two polls of an environment, in lines for people. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

Json = Mapping[str, Any]


_NOTHING: Json = {"status": None, "services": (), "edges": ()}


def changes(before: Json | None, now: Json) -> list[str]:
    """`before`: None for the first poll, which shows what exists, unless it is on its way out."""
    if before is None and now["status"] in ("DELETING", "FALLING_ASLEEP"):
        before = {**now, "status": None}
    return list(_changes(before or _NOTHING, now))


def _changes(before: Json, now: Json) -> Iterator[str]:
    if before["status"] != now["status"]:
        yield f"{now['name']}: {now['status']}"
    known = {service["name"]: service_line(service) for service in before["services"]}
    for service in now["services"]:
        line = service_line(service)
        if line != known.get(service["name"]):
            yield f"{service['name']}: {line}"
    states = {edge_name(edge): edge["state"] for edge in before["edges"]}
    for edge in now["edges"]:
        match edge["state"]:
            case state if state == states.get(edge_name(edge)):
                continue
            case "ANSWERED":
                yield f"{edge_name(edge)}: {edge['alias']} answers"
            case "FAILED":
                yield f"{edge_name(edge)}: {edge['because']}"


def service_line(service: Json) -> str:
    if service["state"] == "MISSING":
        return f"MISSING ({service['because']})"
    count = f"{service['running']} of {service['desired']} tasks running"
    if not service["desired"]:
        count = f"{service['running'] or 'no'} task{'s' * (service['running'] > 1)} left"
    why = service["because"]
    unproven = service.get("notProven")
    return (
        f"{service['state']}, {count}"
        + (f" ({why})" if why and why != count else "")
        + (f"; not proven: {unproven}" if unproven else "")
        + "".join(_remarks(service["images"]))
    )


def _remarks(images: Sequence[Json]) -> Iterator[str]:
    """What ECS adds about a running container, such as that its image is not the real one."""
    for image in images:
        if image.get("reason"):
            yield f"; {image['container']}: {image['reason']}"


def edge_name(edge: Json) -> str:
    return f"{edge['from']} -> {edge['to']}" if edge["from"] else str(edge["to"])
