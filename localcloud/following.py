"""Follows an execution: which states it entered, how often, and what each returned."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

PROOF_PREFIX = "bivouac-proof-"
"""The prefix of the short-lived services that prove the edges."""
POLL_SECONDS = 0.15
OVER = frozenset({"SUCCEEDED", "FAILED", "TIMED_OUT", "ABORTED"})


@dataclass
class StateVisits:
    """All visits of one execution to one state, in the order of first visits."""

    name: str
    kind: str
    """Task, Choice, Wait, Map, Parallel, Pass, Succeed or Fail."""
    first_entered: float
    """Seconds since the execution began."""
    visits: int = 0
    open_visits: int = 0
    seconds: float = 0.0
    failed: bool = False
    awaits_token: bool = False
    """The state waits for events elsewhere, and is entered again after each."""
    line: str = ""

    @property
    def running(self) -> bool:
        return self.open_visits > 0


@dataclass
class Timeline:
    """What an execution's history shows so far. Pure: events in, states out."""

    began: datetime | None = None
    states: dict[str, StateVisits] = field(default_factory=dict)
    story: list[str] = field(default_factory=list)
    """A line for each state entered, and one for its result when it was left, in order."""
    _entered_at: dict[str, list[datetime]] = field(default_factory=dict)
    _seen: int = 0

    def add(self, events: list[dict[str, Any]]) -> None:
        """Reads a history from its beginning; skips events that it has read before."""
        for event in events[self._seen :]:
            self._add(event)
        self._seen = len(events)

    def _add(self, event: dict[str, Any]) -> None:
        if event["type"] == "ExecutionStarted":
            self.began = event["timestamp"]
        elif event["type"].endswith("StateEntered"):
            self._enter(event)
        elif event["type"].endswith("StateExited"):
            self._leave(event)
        elif event["type"] == "TaskScheduled":
            self._wait(event["taskScheduledEventDetails"])
        elif event["type"] in ("LambdaFunctionFailed", "TaskFailed", "LambdaFunctionTimedOut"):
            for visits in self.states.values():
                if visits.running and visits.kind == "Task":
                    visits.line = "failed, and is tried again or caught"

    def _enter(self, event: dict[str, Any]) -> None:
        name = event["stateEnteredEventDetails"]["name"]
        began = self.began or event["timestamp"]
        since = (event["timestamp"] - began).total_seconds()
        kind = event["type"].removesuffix("StateEntered")
        visits = self.states.setdefault(name, StateVisits(name, kind, since))
        visits.visits += 1
        visits.failed = visits.failed or kind == "Fail"
        if kind not in ("Fail", "Succeed"):
            visits.open_visits += 1
            self._entered_at.setdefault(name, []).append(event["timestamp"])
        if visits.visits == 1 or (kind == "Task" and not visits.awaits_token):
            self.story.append(name)

    def _wait(self, details: dict[str, Any]) -> None:
        if details["resource"].endswith(".waitForTaskToken"):
            latest = [visits for visits in self.states.values() if visits.running][-1]
            latest.awaits_token = True

    def _leave(self, event: dict[str, Any]) -> None:
        details = event["stateExitedEventDetails"]
        visits = self.states.get(details["name"])
        if visits is None or not visits.running:
            return
        visits.open_visits -= 1
        entered = self._entered_at[details["name"]].pop(0)
        visits.seconds += (event["timestamp"] - entered).total_seconds()
        line = _result_line(details["name"], details.get("output", ""))
        if line and line != visits.line:
            self.story.append(f"  {line}")
        visits.line = line


def _result_line(state: str, output: str) -> str:
    """The part of a state's output that a person waits for."""
    try:
        content = json.loads(output)
    except ValueError:
        return ""
    if not isinstance(content, dict):
        return ""
    if state == "Create services":
        return _existing_services(content.get("progress", {}))
    if state.startswith("Probe ") and state.endswith("addresses"):
        return "; ".join(f"{entry['outcome']} {entry['observed']}" for entry in content["checks"])
    if state == "Open environment" and content.get("status") == "OPEN":
        return f"generation {content['generation']}, lease until {content['expiresAt']}"
    return ""


def _existing_services(progress: dict[str, Any]) -> str:
    """Which of the request's services exist by now."""
    names = [entry["serviceName"] for entry in progress.get("expected", ())]
    created = [name for name in names if not name.startswith(PROOF_PREFIX)]
    return f"created so far: {', '.join(created)}" if created else ""


@dataclass(frozen=True)
class Ending:
    """How an execution ended."""

    status: str
    output: Any
    error: str
    cause: str

    @property
    def succeeded(self) -> bool:
        return self.status == "SUCCEEDED"


def history(client: Any, execution_arn: str) -> list[dict[str, Any]]:
    pages = client.get_paginator("get_execution_history").paginate(
        executionArn=execution_arn, maxResults=1000
    )
    return [event for page in pages for event in page["events"]]


def follow(
    client: Any, execution_arn: str, limit_seconds: float
) -> Iterator[tuple[Timeline, Ending | None]]:
    """An execution's states until it ends; the last entry has the ending.

    Raises TimeoutError after `limit_seconds`."""
    timeline = Timeline()
    for status in _statuses(client, execution_arn, limit_seconds):
        timeline.add(history(client, execution_arn))
        ending = _ending(status)
        yield timeline, ending
        if ending:
            return


def _ending(status: dict[str, Any]) -> Ending | None:
    if status["status"] not in OVER:
        return None
    output = status.get("output")
    return Ending(
        status["status"],
        json.loads(output) if output else None,
        status.get("error", ""),
        status.get("cause", ""),
    )


def _statuses(client: Any, execution_arn: str, limit_seconds: float) -> Iterator[dict[str, Any]]:
    end = time.monotonic() + limit_seconds
    while time.monotonic() < end:
        yield client.describe_execution(executionArn=execution_arn)
        time.sleep(POLL_SECONDS)
    raise TimeoutError(f"{execution_arn} did not end within {limit_seconds:.0f} s")
