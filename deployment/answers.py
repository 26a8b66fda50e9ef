"""The answers in samconfig.toml: SAM deploys with them, and no question is asked twice."""

from __future__ import annotations

import json
import re
import shlex
from collections.abc import Mapping
from typing import Any

_TABLE = "[default.deploy.parameters.parameter_overrides]"
_STACK_NAME = re.compile(r"^(stack_name *=.*)$", re.MULTILINE)


class NotATableError(Exception):
    """Somebody has written the answers in another of SAM's forms."""


def kept(samconfig: Mapping[str, Any]) -> dict[str, str]:
    """The parameters in the content of samconfig.toml, in any form that SAM takes: a table, a list
    of NAME=VALUE, or these in one text."""
    written = samconfig["default"].get("deploy", {}).get("parameters", {})
    overrides = written.get("parameter_overrides", {})
    if isinstance(overrides, Mapping):
        return {name: str(value) for name, value in overrides.items()}
    text = overrides if isinstance(overrides, str) else " ".join(overrides)
    pairs = (word.partition("=") for word in shlex.split(text))
    return {name: value for name, _, value in pairs}


def with_answers(text: str, answers: Mapping[str, str]) -> str:
    """The text of samconfig.toml with these parameters; everything else stays.

    Raises NotATableError if it has others in another form."""
    before, found, after = text.partition(_TABLE)
    if not found and re.search(r"^parameter_overrides", text, re.MULTILINE):
        raise NotATableError
    _, _, rest = after.partition("\n[")
    table = "".join(f"{name} = {json.dumps(value)}\n" for name, value in answers.items())
    return f"{before.rstrip()}\n\n{_TABLE}\n{table}" + (f"\n[{rest}" if rest else "")


def with_region(text: str, region: str) -> str:
    """The text of samconfig.toml for this Region: a later deployment must not go elsewhere."""
    return _STACK_NAME.sub(rf'\1\nregion = "{region}"', text, count=1)
