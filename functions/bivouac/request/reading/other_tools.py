"""Services of Compose, Copilot and Kubernetes in a request's words, as far as they say what runs.
Pure.

Sources: https://docs.docker.com/reference/compose-file/services/,
https://aws.github.io/copilot-cli/docs/manifest/overview/ and
https://kubernetes.io/docs/reference/kubernetes-api/workload-resources/deployment-v1/.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from typing import Any

from bivouac.json_types import Json
from bivouac.request.messages import words
from bivouac.request.reading.merging import inner, objects

_OF_ECS = frozenset(
    {"taskDefinition", "primaryContainer", "containerDefinitions", "serviceArn", "Properties"}
)
_OF_COMPOSE = frozenset(
    {"build", "container_name", "depends_on", "deploy", "env_file", "expose", "ports", "restart"}
)
_PORT = re.compile(r"(?:.*:)?([0-9]{1,5})(?:/tcp)?")


def described(entry: Any) -> tuple[str, Json] | None:
    """Whose notation an entry of `services` is in, and the service to write instead. None if it
    is ECS's: those have no image of their own."""
    if not isinstance(entry, dict) or not _OF_ECS.isdisjoint(entry):
        return None
    name = ""
    if len(entry) == 1 and isinstance(inner := next(iter(entry.values())), dict):
        name, entry = next(iter(entry)), inner
    if not _OF_ECS.isdisjoint(entry) or not ("image" in entry or "build" in entry):
        return None
    if isinstance(entry.get("type"), str) or isinstance(entry.get("image"), dict):
        whose = "Copilot's notation"
    elif name or not _OF_COMPOSE.isdisjoint(entry):
        whose = "Compose's notation"
    else:
        whose = "a container in the place of a service"
    return whose, service_of(entry, name)


def service_of(entry: Mapping[str, Any], name: str = "") -> Json:
    """A service with one container; `name`: of the service, if the entry has none."""
    build = inner(entry, "image")
    image = build.get("location", entry.get("image"))
    primary: Json = {"image": image if isinstance(image, str) and image else "..."}
    if port := _port(entry, build):
        primary["containerPort"] = port
    copied = {size: entry[size] for size in ("cpu", "memory") if isinstance(entry.get(size), int)}
    primary |= copied
    if command := _words(entry.get("command")):
        primary["command"] = command
    variables = entry.get("environment") or entry.get("variables") or entry.get("env")
    if pairs := _variables(variables):
        primary["environment"] = pairs
    if isinstance(secrets := entry.get("secrets"), dict):
        primary["secrets"] = [
            {"name": key, "valueFrom": value}
            for key, value in secrets.items()
            if isinstance(value, str)
        ]
    names = (entry.get(each) for each in ("serviceName", "name", "container_name"))
    service: Json = {
        "serviceName": next((each for each in names if isinstance(each, str)), name or "web"),
        "primaryContainer": primary,
    }
    if (count := _count(entry)) is not None:
        service["desiredCount"] = count
    needed = entry.get("depends_on")
    if isinstance(needed, list | dict) and all(isinstance(each, str) for each in needed):
        service["dependsOn"] = [{"serviceName": each} for each in needed]
    return service


def service_of_kubernetes(manifest: Mapping[str, Any]) -> Json | None:
    """The first container of a workload; None if there is none."""
    spec = inner(manifest, "spec")
    containers = inner(inner(spec, "template") or manifest, "spec").get("containers")
    container = next(objects(containers), None)
    if container is None:
        return None
    name = inner(manifest, "metadata").get("name")
    return service_of(
        {**container, "name": name, "command": None, "replicas": spec.get("replicas")},
        str(container.get("name", "web")),
    )


def _port(entry: Mapping[str, Any], image: Mapping[str, Any]) -> int | None:
    several = next(
        (each for name in ("ports", "expose") if isinstance(each := entry.get(name), list)), []
    )
    candidates = (image.get("port"), entry.get("containerPort"), entry.get("port"), *several[:1])
    for each in candidates:
        if isinstance(each, dict):
            each = each.get("target", each.get("containerPort"))
        if found := _PORT.fullmatch(str(each)):
            return int(found[1])
    return None


def _words(command: Any) -> list[str]:
    if isinstance(command, str):
        return words(command)
    return [str(each) for each in command] if isinstance(command, list) else []


def _variables(given: Any) -> list[Json]:
    """As an object, as texts such as A=b, or as ECS has them."""
    if isinstance(given, dict):
        return [{"name": key, "value": text(value)} for key, value in given.items()]
    found: list[Json] = []
    for each in given if isinstance(given, list) else ():
        if isinstance(each, str):
            name, _, value = each.partition("=")
            found.append({"name": name, "value": value})
        elif isinstance(each, dict) and isinstance(each.get("name"), str):
            found.append({"name": each["name"], "value": text(each.get("value"))})
    return found


def text(value: Any) -> str:
    """A value where text is wanted."""
    if isinstance(value, str):
        return value
    return "" if value is None else json.dumps(value)


def _count(entry: Mapping[str, Any]) -> int | None:
    counts = (entry.get(each) for each in ("desiredCount", "count", "replicas", "scale"))
    deploy = inner(entry, "deploy").get("replicas")
    return next((each for each in (*counts, deploy) if isinstance(each, int)), None)
