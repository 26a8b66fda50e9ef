"""What any JSON from outside must be before something reads it. Pure."""

from __future__ import annotations

import re
from typing import Any

from bivouac.request.findings import Problem

DEEPEST = 40
"""No ECS argument comes near it; what copies and compares a request is recursive."""
_HALF_A_CHARACTER = re.compile(r"[\ud800-\udfff]")
"""JSON can write half of a surrogate pair; UTF-8 cannot."""


def problems(content: Any, path: str) -> list[Problem]:
    layer: list[Any] = [content]
    texts: list[str] = []
    for _ in range(DEEPEST):
        inner: list[Any] = []
        for each in layer:
            if isinstance(each, str):
                texts.append(each)
            elif isinstance(each, dict):
                texts += each
                inner += each.values()
            elif isinstance(each, list):
                inner += each
        layer = inner
    found = [Problem(path, f"nested deeper than {DEEPEST} levels")] if layer else []
    if _HALF_A_CHARACTER.search("\n".join(texts)):
        half = next(filter(_HALF_A_CHARACTER.search, texts))
        found.append(
            Problem(path, f"{half[:100]!r} has half of a surrogate pair, which is no character")
        )
    return found
