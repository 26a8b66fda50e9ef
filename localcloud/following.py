"""Reads an execution's history: which states it entered, how often, and how long it was in each."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

OVER = frozenset({"SUCCEEDED", "FAILED", "TIMED_OUT", "ABORTED"})


@dataclass
class StateVisits:
    """All visits of one execution to one state."""

    name: str
    kind: str
    """Task, Choice, Wait, Map, Parallel, Pass, Succeed or Fail."""
    first_entered: float
    """Seconds since the execution began."""
    visits: int = 0
    seconds: float = 0.0


def state_visits(events: Sequence[dict[str, Any]]) -> list[StateVisits]:
    """In the order of first visits. `events`: a whole history, the oldest first. Pure."""
    began = events[0]["timestamp"] if events else None
    states: dict[str, StateVisits] = {}
    entered_at: dict[str, list[datetime]] = {}
    for event in events:
        if event["type"].endswith("StateEntered"):
            name = event["stateEnteredEventDetails"]["name"]
            since = (event["timestamp"] - began).total_seconds()
            kind = event["type"].removesuffix("StateEntered")
            states.setdefault(name, StateVisits(name, kind, since)).visits += 1
            entered_at.setdefault(name, []).append(event["timestamp"])
        elif event["type"].endswith("StateExited"):
            name = event["stateExitedEventDetails"]["name"]
            entered = entered_at[name].pop(0)
            states[name].seconds += (event["timestamp"] - entered).total_seconds()
    return list(states.values())


def history(client: Any, execution_arn: str) -> list[dict[str, Any]]:
    """All events of an execution, the oldest first."""
    pages = client.get_paginator("get_execution_history").paginate(
        executionArn=execution_arn, maxResults=1000
    )
    return [event for page in pages for event in page["events"]]
