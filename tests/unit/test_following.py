"""What an execution's history shows: its states, how often it visited them, and for how long."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

from localcloud.following import StateVisits, state_visits

BEGAN = datetime(2026, 1, 1, tzinfo=UTC)


def history(*changes: str) -> list[dict[str, Any]]:
    """Events of GetExecutionHistory, a second apart: "+State" enters it, "-State" leaves it."""
    events: list[dict[str, Any]] = [{"type": "ExecutionStarted", "timestamp": BEGAN}]
    for second, change in enumerate(changes, start=1):
        what = "Entered" if change.startswith("+") else "Exited"
        events.append(
            {
                "type": f"TaskState{what}",
                "timestamp": BEGAN + timedelta(seconds=second),
                f"state{what}EventDetails": {"name": change[1:]},
            }
        )
    return events


def test_visits_to_a_state_are_counted_and_their_time_is_added() -> None:
    found = state_visits(history("+Wait", "-Wait", "+Create", "-Create", "+Wait", "-Wait"))
    assert found == [
        StateVisits("Wait", "Task", first_entered=1, visits=2, seconds=2),
        StateVisits("Create", "Task", first_entered=3, visits=1, seconds=1),
    ]


def test_a_state_that_still_runs_has_taken_no_time_yet() -> None:
    assert state_visits(history("+Wait")) == [StateVisits("Wait", "Task", 1, visits=1)]


def test_concurrent_branches_are_distinguished() -> None:
    namespace, cluster = state_visits(history("+Namespace", "+Cluster", "-Namespace", "-Cluster"))
    assert (namespace.seconds, cluster.seconds) == (2, 2)


def test_an_empty_history_shows_nothing() -> None:
    assert state_visits([]) == []
