"""No execution comes near Step Functions' 25,000 history events, however long it waits (W07)."""

from __future__ import annotations

from bivouac.environment import wait_times
from bivouac.services.patience import LONGEST_PATIENCE_SECONDS
from tests.template.declared import MACHINES

EVENTS_A_LOOK = 9
"""Task (entered, scheduled, started, succeeded, exited), Choice and Wait (entered, exited)."""
FAR_BELOW = 20_000
MOST_SERVICES = 50


def test_an_execution_that_waits_for_another_until_its_time_out() -> None:
    for machine in MACHINES.values():
        if not any(state.kind == "Wait" for state in machine.states):
            continue
        looks = machine.definition["TimeoutSeconds"] / wait_times.ANOTHER_EXECUTION
        assert looks * EVENTS_A_LOOK < FAR_BELOW


def test_a_create_of_a_whole_chain_without_any_event() -> None:
    quiet = MACHINES["create_environment"].definition["TimeoutSeconds"] / LONGEST_PATIENCE_SECONDS
    assert (MOST_SERVICES + quiet) * 3 * EVENTS_A_LOOK < FAR_BELOW


def test_a_delete_without_any_event() -> None:
    definition = MACHINES["delete_environment"]
    shortest = min(task.body["TimeoutSeconds"] for task in definition.waiting_tasks)
    assert definition.definition["TimeoutSeconds"] / shortest * 3 * EVENTS_A_LOOK < FAR_BELOW
