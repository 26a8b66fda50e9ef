"""No execution can come near Step Functions' 25,000 history events, however long it waits (W07)."""

from __future__ import annotations

from collections.abc import Callable

from bivouac import pace
from bivouac.deletion import PATIENCE_SECONDS
from tests.template.declared import MACHINES

EVENTS_A_LOOK = 9
"""Task (entered, scheduled, started, succeeded, exited), Choice and Wait (entered, exited)."""
FAR_BELOW = 10_000


def looks(seconds: float, pause: Callable[[float], int]) -> int:
    """How often a loop looks within this time."""
    waited, count = 0.0, 0
    while waited < seconds:
        waited += pause(waited)
        count += 1
    return count


def test_a_create_that_waits_for_its_services_until_the_machine_gives_up() -> None:
    limit = MACHINES["create_environment"].definition["TimeoutSeconds"]
    eagerly = looks(limit, lambda waited: pace.before_next_look(waited, ["RUNNING"]))
    assert eagerly * EVENTS_A_LOOK < FAR_BELOW


def test_a_delete_that_waits_for_everything_until_its_patience_ends() -> None:
    """Services first, then namespace and cluster side by side."""
    draining = looks(PATIENCE_SECONDS, lambda waited: pace.while_it_goes(pace.DRAIN, waited))
    going = looks(PATIENCE_SECONDS, lambda waited: pace.while_it_goes(pace.OPERATION, waited))
    assert (2 * draining + going) * EVENTS_A_LOOK < FAR_BELOW


def test_an_execution_that_waits_for_another_one_until_the_machine_gives_up() -> None:
    for machine in MACHINES.values():
        waiting = looks(machine.definition["TimeoutSeconds"], lambda _: pace.ANOTHER_EXECUTION)
        assert waiting * EVENTS_A_LOOK < 2 * FAR_BELOW
