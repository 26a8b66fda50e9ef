"""Small copies of AWS's answers, each with its source: tests/recorded."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

RECORDED = Path(__file__).parents[1] / "recorded"


def recording(name: str) -> Any:
    """The `answer` of tests/recorded/<name>.json, as a fresh copy."""
    return json.loads((RECORDED / f"{name}.json").read_text(encoding="utf-8"))["answer"]


_PLACEHOLDER = re.compile(r"<[^<>]+>")


def as_recorded(recorded: Any, answer: Any) -> Any:
    """The answer with a recording's placeholders (`<id>`) wherever it has any value there.

    It equals the recording if both have the same members with the same values."""
    if isinstance(recorded, dict) and isinstance(answer, dict):
        return {
            name: as_recorded(recorded[name], value) if name in recorded else value
            for name, value in answer.items()
        }
    if isinstance(recorded, list) and isinstance(answer, list):
        if recorded == ["<line>"]:
            return recorded if answer and all(isinstance(line, str) for line in answer) else answer
        if len(recorded) == len(answer):
            return [as_recorded(*pair) for pair in zip(recorded, answer, strict=True)]
    if isinstance(recorded, str) and answer is not None:
        told = [re.escape(part) for part in _PLACEHOLDER.split(recorded)]
        if re.fullmatch("(?s:.+)".join(told), str(answer)):
            return recorded
    return answer


def event_as_recorded(recorded: Any, event: dict[str, Any]) -> Any:
    """A history's event without its time and without whether its data were cut, which every event
    has (API reference, HistoryEvent)."""
    told = {name: value for name, value in event.items() if name != "timestamp"}
    for name, details in told.items():
        if isinstance(details, dict):
            kept = {k: v for k, v in details.items() if k not in ("inputDetails", "outputDetails")}
            told[name] = kept
    return as_recorded(recorded, told)
