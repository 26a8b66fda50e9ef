"""What people see of an execution: its states, folded where there is no room, and its waits."""

from __future__ import annotations

import io
from datetime import UTC, datetime, timedelta
from typing import Any

from rich.console import Console

from demo.mesh_view.graph import Condition, Edge, EdgeState, Graph, Node
from demo.showing import Screen, Sight, states_table
from localcloud.following import Timeline

BEGAN = datetime(2026, 1, 1, tzinfo=UTC)


class History:
    """Events as GetExecutionHistory gives them, a second apart."""

    def __init__(self) -> None:
        self.events: list[dict[str, Any]] = []
        self._add("ExecutionStarted")

    def _add(self, kind: str, **details: Any) -> None:
        moment = BEGAN + timedelta(seconds=len(self.events))
        self.events.append({"type": kind, "timestamp": moment, **details})

    def enter(self, name: str, *, waits: bool = False) -> History:
        self._add("TaskStateEntered", stateEnteredEventDetails={"name": name})
        if waits:
            resource = {"resource": "invoke.waitForTaskToken"}
            self._add("TaskScheduled", taskScheduledEventDetails=resource)
        return self

    def leave(self, name: str, output: str = "{}") -> History:
        details = {"name": name, "output": output}
        self._add("TaskStateExited", stateExitedEventDetails=details)
        return self

    @property
    def timeline(self) -> Timeline:
        timeline = Timeline()
        timeline.add(self.events)
        return timeline


def many_states(count: int) -> History:
    history = History()
    for number in range(count):
        history.enter(f"State {number}").leave(f"State {number}")
    return history.enter("Wait for the services", waits=True)


def shown(renderable: Any, columns: int = 80) -> list[str]:
    console = Console(file=io.StringIO(), width=columns)
    with console.capture() as captured:
        console.print(renderable)
    return captured.get().splitlines()


def test_a_wait_that_recurs_is_told_once_and_the_work_in_between_each_time() -> None:
    history = History()
    for _ in range(3):
        history.enter("Wait for the services", waits=True).leave("Wait for the services")
        history.enter("Create services").leave("Create services")
    timeline = history.timeline
    assert timeline.story == ["Wait for the services"] + ["Create services"] * 3
    assert timeline.states["Wait for the services"].visits == 3


def test_it_is_told_which_services_exist_by_now_and_not_bivouacs_own() -> None:
    output = (
        '{"progress": {"expected": [{"serviceName": "api"}, {"serviceName": "web"},'
        ' {"serviceName": "bivouac-proof-1-1"}]}}'
    )
    timeline = History().enter("Create services").leave("Create services", output).timeline
    assert timeline.story == ["Create services", "  created so far: api, web"]


def test_states_that_are_over_share_a_row_where_there_is_no_room_for_all() -> None:
    timeline = many_states(9).timeline
    rows = shown(states_table(timeline, {}, columns=80, rows=5))
    assert len(rows) == 5
    assert "6 states before" in rows[0]
    assert "State 8" in rows[3]
    assert "Wait for the services" in rows[4]
    assert len(shown(states_table(timeline, {}, columns=80))) == 10


def test_what_a_state_said_is_cut_and_not_its_name() -> None:
    services = ", ".join(f'{{"serviceName": "service-{number}"}}' for number in range(20))
    output = f'{{"progress": {{"expected": [{services}]}}}}'
    timeline = History().enter("Create services").leave("Create services", output).timeline
    (row,) = shown(states_table(timeline, {}, columns=60), columns=60)
    assert "Create services" in row
    assert row.rstrip().endswith("…")
    assert len(row.rstrip()) <= 60


def test_a_live_sight_never_takes_more_rows_than_the_terminal_has() -> None:
    node = Node("api", Condition.STARTING, "0/1 running", "api: 0 of 1 running")
    graph = Graph((node,), (Edge("api -> api:http", "api", "api", EdgeState.ASKING),))
    timeline = many_states(30).timeline
    for rows in (23, 30, 39):
        lines = shown(Sight(timeline, graph, {}, 80, rows))
        assert len(lines) <= rows
        assert any("Wait for the services" in line for line in lines)
        assert any("0/1 running" in line for line in lines)


def test_without_a_terminal_each_state_and_each_change_is_a_line() -> None:
    console = Console(file=io.StringIO(), width=80)
    waits = Node("api", Condition.STARTING, "0/1 running", "api: 0 of 1 running")
    healthy = Node("api", Condition.HEALTHY, "healthy")
    history = History().enter("Wait for the services", waits=True)
    with console.capture() as captured, Screen(console).execution() as view:
        view(history.timeline, Graph((waits,), ()))
        view(history.timeline, Graph((waits,), ()))
        view(history.leave("Wait for the services").timeline, Graph((healthy,), ()))
    assert captured.get().splitlines() == [
        "    api: 0 of 1 running",
        "  Wait for the services",
        "    api healthy",
    ]
