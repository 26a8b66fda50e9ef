"""Untrusted inputs of the machines that name a known environment: every problem of one at once.

Pure. A create's own input, which is much larger, is read by `request`.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from bivouac import times
from bivouac.environment import naming
from bivouac.environment.intents import Intent
from bivouac.json_types import Json

_KINDS = {int: "a number", str: "a text", bool: "true or false", dict: "an object with id and at"}
LONGEST_TEXT = 1_000
"""Of a field; an execution's state holds the whole input beside what it goes on with."""
_MOMENTS = ("expiresAt", "expectedExpiresAt")


def problems(content: Any, fields: Mapping[str, type]) -> list[str]:
    """Everything that is wrong with an input; `environment` is required, all else may be absent."""
    if not isinstance(content, dict):
        return ["the input must be an object with the field environment"]
    found = [f"{name}: unknown field" for name in content if name not in fields]
    for name, kind in fields.items():
        if name in content and type(content[name]) is not kind:
            found.append(f"{name}: must be {_KINDS[kind]}")
    found += [
        f"{name}: longer than {LONGEST_TEXT:,} characters"
        for name, text in content.items()
        if isinstance(text, str) and len(text) > LONGEST_TEXT
    ]
    if isinstance(intent := content.get("intent"), dict):
        found += _intent_problems(intent)
    environment = content.get("environment")
    if environment is None:
        found.append("environment: required, and missing")
    elif isinstance(environment, str) and not naming.is_environment_name(environment):
        found.append(f"environment: {environment!r} is not an environment name")
    for name in _MOMENTS:
        if name in fields and isinstance(text := content.get(name), str):
            found += _moment_problems(name, text)
    return found


def _intent_problems(intent: Json) -> list[str]:
    found = [f"intent.{name}: unknown field" for name in intent if name not in ("id", "at")]
    found += [
        f"intent.{name}: required, and a text"
        for name in ("id", "at")
        if not isinstance(intent.get(name), str)
    ]
    return found or _moment_problems("intent.at", intent["at"])


def _moment_problems(path: str, text: str) -> list[str]:
    try:
        times.moment(text)
    except ValueError as error:
        return [f"{path}: {error}"]
    return []


def intent_of(content: Json, event: Json) -> Intent:
    """The intent that an input names; started by hand, it is meant when the execution starts."""
    started = {"id": event["execution"], "at": event["startedAt"]}
    return Intent.from_json(content.get("intent", started))
