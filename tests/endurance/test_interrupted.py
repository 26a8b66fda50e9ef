"""Every AWS call of a create and of a delete, hit by every kind of fault that can hit it.

Whatever was interrupted, repeating the step as the state machine does must end in exactly what an
undisturbed run leaves: nothing twice, nothing missing, nothing foreign touched. All runs are the
same up to the step that is hit, so each goes on from there in a forked copy of this process.
"""

from __future__ import annotations

import pytest

from bivouac import errors
from tests.faults.copies import Copies, copies
from tests.faults.injection import ON_CHANGES, ON_READS, Fault
from tests.faults.interruptions import (
    DELETION,
    REFUSALS,
    REQUEST,
    Disturbance,
    run,
    settled,
    undisturbed,
)
from tests.functional.account import BivouacAccount, bivouac_account
from tests.functional.inventory import Inventory, foreign_neighbours
from tests.functional.machines import (
    CREATE_STEPS,
    DELETE_STEPS,
    FunctionKilledError,
    Machines,
    outcomes,
)

READING_STEPS = {"check_request"}
KINDS = tuple(fault for fault in ON_CHANGES if fault not in REFUSALS[1:])


def faults_of(step: str) -> tuple[Fault, ...]:
    """Every kind of fault that can hit one of a step's calls."""
    if step in READING_STEPS:
        return ON_READS
    return (*KINDS, Fault.WRAPPED_THROTTLE) if step == "create_services" else KINDS


@pytest.mark.parametrize("step", CREATE_STEPS)
def test_a_create_interrupted_at_any_call_ends_like_an_undisturbed_one(step: str) -> None:
    """S01, S03, S20, S21, T02, T03, N01, N02, C03, W17: safe to repeat, nothing is created
    twice."""
    wanted = undisturbed()[0]
    with bivouac_account() as account:
        foreign_neighbours(account)
        with copies() as copied:
            disturbance = Disturbance(account, copied, step, faults_of(step), deletes=False)
            with disturbance.ends:
                done = run(account, deletes=False, before_step=disturbance)
            assert disturbance.struck
            assert done.left == wanted.left
            assert done.output["status"] == "READY"


@pytest.mark.parametrize("step", DELETE_STEPS)
def test_a_delete_interrupted_at_any_call_leaves_only_foreign_resources(
    step: str,
) -> None:
    """D04, D05, D10, D18, N12, N13, S20, S21: complete, with nothing foreign touched."""
    wanted = undisturbed()[1]
    with bivouac_account() as account:
        foreign_neighbours(account)
        Machines(account).create(REQUEST)
        with copies() as copied:
            disturbance = Disturbance(account, copied, step, faults_of(step), deletes=True)
            with disturbance.ends:
                done = run(account, deletes=True, before_step=disturbance)
            assert disturbance.struck
            assert done.left == wanted.left
            assert done.output["status"] == "DELETED"
            assert outcomes(done.output).keys() == outcomes(wanted.output).keys()


def dies_in_a_create(account: BivouacAccount, copied: Copies, step: str) -> None:
    """A create whose execution is gone for good after a change of this step, each in a copy."""
    foreign_neighbours(account)
    account.forget_calls()
    disturbance = Disturbance(account, copied, step, (Fault.KILLED,), deletes=False)
    with disturbance.ends, pytest.raises(FunctionKilledError):
        Machines(account, disturbance, retried=errors.RETRIED).create(REQUEST)
    account.forget_calls()


def without_records(left: Inventory) -> Inventory:
    return {kind: lines for kind, lines in left.items() if kind != "records"}


WAITING_STEPS = {"wait_for_change", "resume_execution"}
CHANGING_STEPS = [step for step in CREATE_STEPS if step not in READING_STEPS | WAITING_STEPS]
"""A create that dies after a read, or while it waits, leaves the same as after its last change."""


@pytest.mark.parametrize("step", CHANGING_STEPS)
def test_a_create_killed_after_any_change_is_repaired_by_starting_again(step: str) -> None:
    """W14, W17, promise 5: another execution, another generation, and nothing twice."""
    created = undisturbed()[0]
    with bivouac_account() as account, copies() as copied:
        dies_in_a_create(account, copied, step)
        Machines(account).create(REQUEST, name="second")
        left = settled(account)
        assert without_records(left) == without_records(created.left)
        assert left["records"] == ["demo 2 READY"]


@pytest.mark.parametrize("step", CHANGING_STEPS)
def test_a_create_killed_after_any_change_is_deleted_completely(step: str) -> None:
    """D14, D18, W13, promise 2: half of an environment is deleted like a whole one."""
    deleted = undisturbed()[1]
    with bivouac_account() as account, copies() as copied:
        dies_in_a_create(account, copied, step)
        receipt = Machines(account).delete(DELETION)
        assert receipt["status"] == "DELETED"
        assert settled(account) == deleted.left
