"""The project's own small copies of what AWS answered, each with its source: tests/recorded."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

RECORDED = Path(__file__).parents[1] / "recorded"


def recording(name: str) -> Any:
    """The `answer` of tests/recorded/<name>.json, as a fresh copy."""
    return json.loads((RECORDED / f"{name}.json").read_text(encoding="utf-8"))["answer"]
