"""Requests and their plans, for the tests of planning."""

from __future__ import annotations

from typing import Any

from bivouac.environment.blueprint import Blueprint
from bivouac.request.planning.plan import plan
from tests import requests
from tests.requests import environment, event

STACK = requests.settings()


def planned(content: Any, **stack: Any) -> Blueprint:
    checked = plan(content, requests.settings(**stack), requests.NOW)
    assert not checked.problems, checked.problems
    assert checked.blueprint is not None
    return checked.blueprint


def problems(content: Any, **stack: Any) -> list[str]:
    checked = plan(content, requests.settings(**stack), requests.NOW)
    assert (checked.blueprint is None) == bool(checked.problems)
    return list(checked.problems)


def full(**changes: Any) -> dict[str, Any]:
    """The tutorial's service, changed by dotted paths: `{"taskDefinition.cpu": "512"}`."""
    service: dict[str, Any] = event("tutorial")["services"][0]
    for path, value in changes.items():
        target: Any = service
        *steps, last = path.split(".")
        for step in steps:
            target = target[int(step)] if step.isdigit() else target.setdefault(step, {})
        if value is ...:
            del target[last]
        else:
            target[last] = value
    return service


def of_service(**changes: Any) -> list[str]:
    return problems(environment(full(**changes)))
