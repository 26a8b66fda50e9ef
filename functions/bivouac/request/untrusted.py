"""What any JSON from outside must be before something reads it. Pure."""

from __future__ import annotations

import re
from typing import Any

DEEPEST = 40
"""No ECS argument comes near it; what copies and compares a request is recursive."""
_HALF_A_CHARACTER = re.compile(r"[\ud800-\udfff]")
"""JSON can write half of a surrogate pair; UTF-8 cannot."""


def problems(content: Any, path: str) -> list[str]:
    layer, texts = [content], []
    for _ in range(DEEPEST):
        texts += [each for each in layer if isinstance(each, str)]
        texts += [name for each in layer if isinstance(each, dict) for name in each]
        layer = [
            inner
            for outer in layer
            if isinstance(outer, dict | list)
            for inner in (outer.values() if isinstance(outer, dict) else outer)
        ]
    found = [f"{path}: nested deeper than {DEEPEST} levels"] if layer else []
    if half := next(filter(_HALF_A_CHARACTER.search, texts), None):
        found.append(f"{path}: {half[:100]!r} has half of a surrogate pair, which is no character")
    return found
