"""A rule's input for its target: the whole event, a part, a constant, or a filled template."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from typing import Any

_VARIABLE = re.compile(r"<([A-Za-z0-9_.\-]+)>")


def input_for(target: Mapping[str, Any], event: Mapping[str, Any], rule_arn: str) -> str:
    """The JSON text that is delivered."""
    if "Input" in target:
        return str(target["Input"])
    if "InputPath" in target:
        return json.dumps(_at(event, target["InputPath"]))
    if "InputTransformer" in target:
        return _filled(target["InputTransformer"], event, rule_arn)
    return json.dumps(event)


def _filled(transformer: Mapping[str, Any], event: Mapping[str, Any], rule_arn: str) -> str:
    """Inside a JSON string a value is inserted as text, elsewhere as JSON."""
    template: str = transformer["InputTemplate"]
    paths: Mapping[str, str] = transformer.get("InputPathsMap", {})
    values: dict[str, Any] = {name: _at(event, path) for name, path in paths.items()}
    values |= {
        "aws.events.rule-arn": rule_arn,
        "aws.events.rule-name": rule_arn.rpartition("/")[2],
        "aws.events.event.ingestion-time": event["time"],
        "aws.events.event": {key: value for key, value in event.items() if key != "detail"},
        "aws.events.event.json": event,
    }
    filled, position = "", 0
    for match in _VARIABLE.finditer(template):
        if match[1] not in values:
            continue
        filled += template[position : match.start()]
        value = values[match[1]]
        if not _inside_string(template[: match.start()]):
            filled += json.dumps(value)
        elif value is not None:
            text = value if isinstance(value, str) else json.dumps(value)
            filled += json.dumps(text)[1:-1]
        position = match.end()
    return filled + template[position:]


def _inside_string(before: str) -> bool:
    return len(re.findall(r'(?<!\\)(?:\\\\)*"', before)) % 2 == 1


def _at(event: Mapping[str, Any], path: str) -> Any:
    """The value at `$.a.b[0]`; None if there is none."""
    value: Any = event
    for name, index in re.findall(r"\.([^.\[\]]+)|\[(\d+)\]", path.removeprefix("$")):
        if name and isinstance(value, Mapping):
            value = value.get(name)
        elif index and isinstance(value, list) and int(index) < len(value):
            value = value[int(index)]
        else:
            return None
    return value
