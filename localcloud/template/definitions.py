"""State machine definitions, read as CloudFormation's handler of AWS::StepFunctions::StateMachine
does: it substitutes in the text of the file first and then parses it, as JSON or else as YAML with
Jackson's types for unquoted scalars. So `Key: ${Value}` is null if the value is empty, and a
boolean if it is `true`. (The handler's source is public:
aws-cloudformation/aws-cloudformation-resource-providers-stepfunctions, DefinitionProcessor, 2024.)
"""

from __future__ import annotations

import json
import math
import re
from collections.abc import Mapping
from typing import Any

import yaml

from localcloud.template.errors import TemplateError


def substituted(text: str, values: Mapping[str, Any]) -> str:
    """The text with every `${Name}` replaced, including those inside substituted values.

    Raises TemplateError if values refer to each other in a circle."""
    written = {"${" + name + "}": _written(value) for name, value in values.items()}
    for _ in range(len(written) + 1):
        if not any(placeholder in text for placeholder in written):
            return text
        for placeholder, value in written.items():
            text = text.replace(placeholder, value)
    raise TemplateError(f"the substitutions {', '.join(values)} name each other")


def read(text: str) -> Any:
    """Parses a definition. Raises TemplateError."""
    try:
        return json.loads(text)
    except ValueError:
        pass
    try:
        if any(isinstance(event, yaml.AliasEvent) for event in yaml.parse(text, Loader=_Loader)):
            raise ValueError("Jackson takes an alias (*name) for a text")
        return yaml.load(text, Loader=_Loader)
    except (yaml.YAMLError, ValueError) as error:
        raise TemplateError(f"the definition is neither JSON nor YAML: {error}") from error


def _written(value: Any) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)


class _Loader(getattr(yaml, "CSafeLoader", yaml.SafeLoader)):  # type: ignore[misc]
    """Differs from PyYAML in unquoted scalars, keys and merging."""

    yaml_implicit_resolvers: dict[str | None, list[tuple[str, re.Pattern[str]]]] = {}  # noqa: RUF012

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[str, Any]:
        return {key.value: self.construct_object(value, deep=deep) for key, value in node.value}


_DIGITS = r"[0-9][0-9_]*"
_BOOLEAN = re.compile("yes|Yes|YES|no|No|NO|true|True|TRUE|false|False|FALSE|on|On|ON|off|Off|OFF")
_NULL = re.compile("(?:~|null|Null|NULL)?")
_WHOLE = re.compile("[-+]?(?:0b_*[01_]+|0[0-7_]+|0|[1-9][0-9_]*|0x_*[0-9a-fA-F_]+)")
_EXPONENT = "[eE][-+]?[0-9]+"
_FRACTION = re.compile(
    rf"[-+]?{_DIGITS}\.[0-9_]*(?:{_EXPONENT})?|[-+]?{_DIGITS}{_EXPONENT}"
    rf"|\.{_DIGITS}(?:{_EXPONENT})?|[-+]?{_DIGITS}(?::[0-5]?[0-9])+\.[0-9_]*"
    r"|[-+]?\.(?:inf|Inf|INF)|\.(?:nan|NaN|NAN)"
)
"""From SnakeYAML's Resolver; Jackson also keeps base-60 integers (12:30) as text."""


def _plain(_: Any, node: yaml.ScalarNode) -> Any:
    """Raises ValueError for a number that JSON does not have."""
    text: str = node.value
    if _BOOLEAN.fullmatch(text):
        return text.lower() in ("yes", "true", "on")
    if _WHOLE.fullmatch(text):
        return _whole(text.replace("_", ""))
    if _FRACTION.fullmatch(text):
        number = float(text.replace("_", ""))
        if not math.isfinite(number):
            raise ValueError(f"{text} is no number of JSON")
        return number
    return None if _NULL.fullmatch(text) else text


def _whole(text: str) -> int:
    digits = text.lstrip("+-")
    if digits[:2] in ("0x", "0b"):
        number = int(digits, 0)
    else:
        number = int(digits, 8 if digits[0] == "0" else 10)
    return -number if text[0] == "-" else number


_PLAIN = "tag:localcloud,2026:plain"
_Loader.add_implicit_resolver(_PLAIN, re.compile(""), None)
_Loader.add_constructor(_PLAIN, _plain)
