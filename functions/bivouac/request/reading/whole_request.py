"""What stands where a request should stand. Pure."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from bivouac.request.messages import (
    FRAGMENT_LIMIT,
    MAY_BE_YAML,
    SMALLEST_SERVICE,
    canonical,
    fragment,
    kind,
)
from bivouac.request.reading import other_tools
from bivouac.request.rules import fargate_rules

_SMALLEST = {"name": "demo", "services": [SMALLEST_SERVICE]}


def problem(content: Any) -> str:
    """What to write instead of something that is no request at all; empty for a request."""
    if isinstance(content, str):
        return _of_text(content)
    if isinstance(content, list):
        return _of_list(content)
    if not isinstance(content, Mapping):
        return _must_be_object(kind(content))
    if not content:
        return f"it is empty; {_at_least()}"
    return _of_object(content)


def _must_be_object(found: str) -> str:
    return f"must be an object, not {found}; {_at_least()}"


def _at_least() -> str:
    return f"the smallest one is {fragment(_SMALLEST)}"


def _of_text(text: str) -> str:
    if not text.strip():
        return f"it is empty text; {_at_least()}"
    try:
        content = json.loads(text)
    except (ValueError, RecursionError):
        content = None
    if isinstance(content, dict):
        return "JSON as text; write the object itself, without quotation marks around it"
    if "\n" in text.strip() and ":" in text:
        return f"{MAY_BE_YAML}; {_at_least()}"
    return _must_be_object("text")


def _of_list(content: list[Any]) -> str:
    if len(content) == 1 and isinstance(content[0], dict) and "services" in content[0]:
        return "a list with one request in it; write the object itself, without the list"
    if content and all(isinstance(each, dict) for each in content):
        if all(_has(each, "containerDefinitions") for each in content):
            return _within("a list of task definitions", list(map(_of_definition, content)))
        if all(_has(each, "image") for each in content):
            return _within("a list of containers", [_of_containers(content)])
        if any(_has(each, "serviceName", "taskDefinition", "serviceArn") for each in content):
            return _within("a list of services", content)
    return _must_be_object("a list")


def _of_object(content: Mapping[str, Any]) -> str:
    if "services" in content or _has(content, "services"):
        return ""
    if _has(content, "name") and _has(content, "defaults"):
        return ""
    if "resource" in content:
        return (
            "a configuration of Terraform; write the arguments of each aws_ecs_service as "
            "an entry of services, with those of its aws_ecs_task_definition as its "
            '"taskDefinition"'
        )
    if "Resources" in content or "AWSTemplateFormatVersion" in content:
        return (
            "a template of CloudFormation; write the Properties of each "
            "AWS::ECS::Service as an entry of services, with those of its "
            'AWS::ECS::TaskDefinition as "taskDefinition"'
        )
    if len(content) == 1:
        ((name, inner),) = content.items()
        if isinstance(inner, dict) and "services" in inner:
            return f'a request inside of "{name}"; write what is in it, without "{name}"'
    if "apiVersion" in content and "kind" in content:
        service = other_tools.service_of_kubernetes(content)
        return _within("a manifest of Kubernetes", [service or SMALLEST_SERVICE])
    if found := other_tools.described(content):
        return _within("one service", [found[1]])
    if isinstance(inner := content.get("service"), dict):
        return _within("what a command answered about one service", [inner])
    inner = content.get("taskDefinition")
    if isinstance(inner, dict) and not _has(content, "serviceName", "desiredCount", "launchType"):
        return _within("a task definition", [_of_definition(inner)])
    if _has(content, "containerDefinitions"):
        return _within("a task definition", [_of_definition(content)])
    if _has(content, "serviceName", "serviceArn", "taskDefinition", "primaryContainer"):
        return _within("one service", [dict(content)])
    return ""


def _has(content: Mapping[str, Any], *names: str) -> bool:
    wanted = {name.lower() for name in names}
    return any(canonical(key) in wanted for key in content)


def _of_containers(containers: list[Any]) -> dict[str, Any]:
    name = next((each["name"] for each in containers if isinstance(each.get("name"), str)), "web")
    return {"serviceName": name, "taskDefinition": fargate_rules.task_of(containers)}


def _of_definition(definition: Mapping[str, Any]) -> dict[str, Any]:
    family = definition.get("family")
    name = family if isinstance(family, str) else "web"
    return {"serviceName": name, "taskDefinition": dict(definition)}


def _within(what: str, services: list[Any]) -> str:
    corrected = fragment({"name": "demo", "services": services})
    if len(corrected) > FRAGMENT_LIMIT:
        kept = [
            {
                name: "..." if isinstance(value, dict | list) else value
                for name, value in each.items()
            }
            for each in services[:3]
        ]
        corrected = fragment({"name": "demo", "services": kept})
    return f"{what} alone; write a request around it: {corrected}"
