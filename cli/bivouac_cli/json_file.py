"""Reads JSON files; says in one line what is wrong with one."""

from __future__ import annotations

import json
import sys
from collections import Counter
from pathlib import Path
from typing import Any

from bivouac_cli.ending import CommandError, Exit

LONGEST = 262_144
"""Characters of an execution's input (https://docs.aws.amazon.com/step-functions/latest/dg/
service-quotas.html)."""


def where(file: str) -> str:
    return "the standard input" if file == "-" else file


def content_of(file: str) -> Any:
    """`-` is the standard input. Raises CommandError."""
    try:
        text = sys.stdin.read() if file == "-" else Path(file).read_text(encoding="utf-8")
    except OSError as error:
        raise _refused(file, f"cannot be read: {error.strerror}") from None
    except UnicodeDecodeError:
        raise _refused(file, "is not text in UTF-8") from None
    if not text.strip():
        raise _refused(file, "is empty")
    if len(text) > LONGEST:
        raise _refused(file, f"has {len(text):,} characters; AWS takes at most {LONGEST:,}")
    twice: list[str] = []

    def members(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
        counts = Counter(key for key, _ in pairs)
        twice.extend(key for key, count in counts.items() if count > 1)
        return dict(pairs)

    try:
        content = json.loads(text, object_pairs_hook=members)
    except json.JSONDecodeError as error:
        at = f"line {error.lineno}, column {error.colno}"
        hint = "" if text.lstrip().startswith(("{", "[")) else "; YAML must be written as JSON"
        raise _refused(file, f"is not JSON: {error.msg} ({at}){hint}") from None
    except RecursionError:
        raise _refused(file, "is nested too deeply") from None
    if twice:
        named = ", ".join(f'"{key}"' for key in dict.fromkeys(twice))
        raise _refused(file, f"has a field twice in one object: {named}; keep one of each")
    return content


def _refused(file: str, problem: str) -> CommandError:
    return CommandError(Exit.REFUSED, f"{where(file)} {problem}")
