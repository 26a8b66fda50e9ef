"""How deep what comes from outside may be. Pure."""

from __future__ import annotations

from typing import Any

LIMIT = 40
"""No ECS argument comes near it; what copies and compares a request is recursive."""


def problems(content: Any, path: str) -> list[str]:
    layer = [content]
    for _ in range(LIMIT):
        layer = [
            inner
            for outer in layer
            if isinstance(outer, dict | list)
            for inner in (outer.values() if isinstance(outer, dict) else outer)
        ]
    return [f"{path}: nested deeper than {LIMIT} levels"] if layer else []
