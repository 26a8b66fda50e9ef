"""Who may open an environment, hold it and close it."""

from __future__ import annotations

from datetime import datetime
from typing import Any

import pytest

from bivouac import errors
from bivouac.environment.decisions import (
    DeletionRequest,
    Follow,
    Hold,
    Leave,
    Replan,
    Take,
    closing,
    opening,
    suspending,
)
from bivouac.environment.instruction import Instruction
from bivouac.environment.intents import LIFECYCLE, POWER, Intent, Verb
from bivouac.environment.record import Record, Status, found, packed, unpacked


def record(status: Status, **changes: Any) -> Record:
    return Record(
        **{
            "environment": "demo",
            "generation": 7,
            "status": status,
            "execution": "holder",
            "request_hash": "same",
            "blueprint": {"on_failure": "delete"},
            "expires_at": "2026-01-31T18:00:00Z",
            "settle": False,
            **changes,
        }
    )


def intent(at: str = "2026-01-31T12:00:00Z", name: str = "mine") -> Intent:
    return Intent(datetime.fromisoformat(at), name)


EARLIER = intent("2026-01-31T11:00:00Z")
LATER = intent("2026-01-31T13:00:00Z")
SAME = packed({"services": [{"serviceName": "web"}]})


def open_(
    found: Record | None,
    request: str = "same",
    runs: bool = False,
    who: str = "me",
    verb: Verb = Verb.CREATE,
    based_on: int | None = None,
) -> Any:
    planned = based_on or (found.generation if found else 0)
    asked = Instruction(verb, intent(), planned, "", "", {}, False)
    return opening(found, who, asked, request, runs, None, intent().at)


def close(found: Record, runs: bool = False, who: str = "me", **asked: Any) -> Any:
    given = {"environment": "demo", "intent": intent(), **asked}
    return closing(found, who, runs, DeletionRequest(**given))


def test_the_first_create_takes_generation_one() -> None:
    assert open_(None) == Take(1)


@pytest.mark.parametrize("status", [Status.READY, Status.FAILED, Status.DELETED])
def test_a_create_takes_a_free_environment(status: Status) -> None:
    """W17: the generation only grows, also over a tombstone."""
    assert open_(record(status)) == Take(8)


def test_a_create_whose_answer_was_lost_continues() -> None:
    """S21, W17: the record says that it holds the environment already."""
    assert open_(record(Status.CREATING), who="holder") == Hold()


def test_the_same_request_follows_the_running_create() -> None:
    """W18."""
    assert open_(record(Status.CREATING), runs=True) == Follow()


def test_another_request_stops_the_running_create_and_awaits_its_last_function() -> None:
    """W13, W18: a stopped execution's last function may still run."""
    taken = open_(record(Status.CREATING), request="other", runs=True)
    assert taken == Take(8, stop="holder", settle=True)


def test_a_dead_create_is_taken_over_after_its_last_function() -> None:
    """W13, W17: whoever stopped it, its last function may still create something."""
    assert open_(record(Status.CREATING)) == Take(8, settle=True)


def test_a_create_waits_for_a_running_deletion() -> None:
    """S02: a new environment never meets the remains of an old one."""
    assert open_(record(Status.DELETING), runs=True) == Follow()


@pytest.mark.parametrize("status", [Status.DELETING, Status.NOT_DELETED])
def test_a_create_is_refused_over_a_deletion_that_did_not_end(status: Status) -> None:
    """N11, S07: leftovers would be in its way; the error says what to do."""
    with pytest.raises(errors.NotDeletedError, match="start delete_environment again"):
        open_(record(status))


@pytest.mark.parametrize("status", [Status.READY, Status.DELETED, Status.NOT_DELETED])
def test_a_delete_takes_a_free_environment(status: Status) -> None:
    """D04: deleting again is safe, and finishes what an earlier deletion left."""
    assert close(record(status)) == Take(8)


def test_a_delete_stops_the_running_create_and_awaits_its_last_function() -> None:
    """W18: delete during create wins."""
    assert close(record(Status.CREATING), runs=True) == Take(8, stop="holder", settle=True)


def test_a_delete_awaits_the_last_function_of_a_create_stopped_by_hand() -> None:
    """W13: StopExecution ends the execution, not the function that it called."""
    assert close(record(Status.CREATING)) == Take(8, settle=True)


def test_a_delete_awaits_functions_in_branches_beside_a_failed_one() -> None:
    """W13: a failed branch ends the others, but not the functions that they called."""
    assert close(record(Status.FAILED)) == Take(8, settle=True)


def test_a_delete_awaits_the_last_function_of_a_dead_deletion() -> None:
    """W13: a function of it may outlive this deletion, and find what a later create makes."""
    assert close(record(Status.DELETING)) == Take(8, settle=True)


def test_a_second_delete_follows_the_first_one() -> None:
    assert close(record(Status.DELETING), runs=True) == Follow()


def test_a_delete_whose_answer_was_lost_continues() -> None:
    assert close(record(Status.DELETING), who="holder", generation=6) == Hold()


def test_a_deletion_after_a_failed_create_leaves_a_newer_create_alone() -> None:
    """W01, W18: events arrive late and twice."""
    outdated = close(record(Status.READY), generation=6)
    assert isinstance(outdated, Leave)
    assert "generation 7" in outdated.reason
    assert close(record(Status.FAILED), generation=7) == Take(8, settle=True)


@pytest.mark.parametrize(
    ("fired_for", "leaves"),
    [
        ("2026-01-31T18:00:00Z", False),
        ("2026-01-31T10:00:00Z", True),
        ("2026-01-31T19:00:00Z", False),
    ],
)
def test_an_expiry_holds_unless_the_lease_now_ends_later(fired_for: str, leaves: bool) -> None:
    """W03, W20: a schedule that fired later than the record's end is never outdated.

    Otherwise a schedule that was armed and not recorded would be the last one, and leave a leak."""
    decided = close(record(Status.READY), expires_at=fired_for)
    assert isinstance(decided, Leave) is leaves
    assert leaves or decided == Take(8)


class TestIntents:
    """W01: events come late, twice and in any order; the newest intent holds."""

    def test_a_create_meant_before_the_last_deletion_creates_nothing(self) -> None:
        found = open_(record(Status.DELETED, intents={LIFECYCLE: LATER}))
        assert isinstance(found, Leave)

    def test_a_create_meant_after_the_last_deletion_creates(self) -> None:
        assert open_(record(Status.DELETED, intents={LIFECYCLE: EARLIER})) == Take(8)

    def test_a_deletion_meant_before_the_last_create_deletes_nothing(self) -> None:
        assert isinstance(close(record(Status.READY, intents={LIFECYCLE: LATER})), Leave)
        assert close(record(Status.READY, intents={LIFECYCLE: EARLIER})) == Take(8)

    @pytest.mark.parametrize("fence", [{"generation": 7}, {"expires_at": "2026-01-31T18:00:00Z"}])
    def test_a_deletion_without_an_intent_holds_while_its_generation_does(
        self, fence: dict[str, Any]
    ) -> None:
        """No intent is older or newer than a failure or the end of a lease."""
        found = record(Status.FAILED, intents={LIFECYCLE: LATER})
        assert close(found, intent=None, **fence) == Take(8, settle=True)
        assert isinstance(close(found, **fence), Leave), "somebody means it, and came late"

    def test_a_deletion_overtaken_by_a_later_one_ends_with_it(self) -> None:
        """Its caller would take its success for the end of the environment."""
        known = {LIFECYCLE: LATER}
        assert close(record(Status.DELETING, intents=known), runs=True) == Follow()
        assert isinstance(close(record(Status.DELETED, intents=known)), Leave)

    def test_a_repeated_intent_changes_nothing(self) -> None:
        known = {LIFECYCLE: intent()}
        assert isinstance(open_(record(Status.READY, intents=known)), Leave)
        assert isinstance(close(record(Status.DELETED, intents=known)), Leave)

    def test_the_execution_that_holds_the_environment_continues(self) -> None:
        """S21: its answer was lost; the record has its intent already."""
        known = {LIFECYCLE: intent()}
        assert open_(record(Status.CREATING, intents=known), who="holder") == Hold()
        assert close(record(Status.DELETING, intents=known), who="holder") == Hold()

    def test_of_two_simultaneous_intents_the_same_one_always_holds(self) -> None:
        one, other = intent(), intent(name="theirs")
        assert one < other
        assert isinstance(open_(record(Status.READY, intents={LIFECYCLE: other})), Leave)

    def test_a_wake_meant_before_the_last_sleep_or_deletion_wakes_nothing(self) -> None:
        for matter in (POWER, LIFECYCLE):
            found = open_(record(Status.ASLEEP, intents={matter: LATER}), verb=Verb.WAKE)
            assert isinstance(found, Leave)

    @pytest.mark.parametrize("verb", [Verb.WAKE, Verb.REDEPLOY, Verb.ROLL_BACK])
    def test_only_a_create_brings_back_a_deleted_environment(self, verb: Verb) -> None:
        """They are planned while the deletion runs, wait for it, and are planned again."""
        deleting, deleted = record(Status.DELETING), record(Status.DELETED)
        assert open_(deleting, runs=True, verb=verb, based_on=7) == Follow()
        assert open_(deleted, verb=verb, based_on=7) == Replan()
        assert open_(deleted, verb=Verb.CREATE) == Take(8)
        assert open_(record(Status.SCHEDULED), verb=Verb.WAKE, based_on=7) == Take(8)

    def test_a_redeploy_of_a_request_changed_since_is_planned_again(self) -> None:
        """W18: it was made from the request of another generation."""
        found = record(Status.READY)
        assert open_(found, verb=Verb.REDEPLOY, based_on=6) == Replan()
        assert open_(found, verb=Verb.REDEPLOY, based_on=7) == Take(8)


class TestSleep:
    def test_a_wake_takes_over_from_falling_asleep(self) -> None:
        found = record(Status.FALLING_ASLEEP)
        taken = Take(8, stop="holder", settle=True)
        assert open_(found, runs=True, verb=Verb.WAKE) == taken

    def test_a_redeploy_waits_until_it_sleeps(self) -> None:
        found = record(Status.FALLING_ASLEEP)
        assert open_(found, request="other", runs=True, verb=Verb.REDEPLOY) == Follow()

    def test_a_delete_stops_falling_asleep(self) -> None:
        taken = Take(8, stop="holder", settle=True)
        assert close(record(Status.FALLING_ASLEEP), runs=True) == taken


def test_a_request_is_packed_without_loss() -> None:
    """W08: a record holds three of them."""
    request = {"name": "demo", "services": [{"serviceName": "wéb"}] * 50}
    assert unpacked(packed(request)) == request
    assert len(packed(request)) < 300


def down(found: Record, **asked: Any) -> Any:
    """A down that deletes."""
    return close(found, keep_schedule=True, **asked)


def sleep(found: Record, runs: bool = False, who: str = "me", generation: int | None = None) -> Any:
    return suspending(found, who, runs, generation, intent())


class TestDownThatDeletes:
    def test_a_down_meant_before_the_last_up_is_outdated(self) -> None:
        """W01: a deletion is about lifecycle, the end of office hours about power too."""
        woken = record(Status.READY, intents={POWER: LATER})
        assert isinstance(down(woken), Leave)
        assert close(woken) == Take(8)

    @pytest.mark.parametrize("status", [Status.SCHEDULED, Status.DELETED])
    def test_a_down_of_a_missing_environment_is_remembered(self, status: Status) -> None:
        left = down(record(status))
        assert isinstance(left, Leave)
        assert left.remember

    def test_the_expiry_also_ends_a_schedule(self) -> None:
        assert close(record(Status.SCHEDULED)) == Take(8)


class TestFallingAsleep:
    @pytest.mark.parametrize("status", [Status.READY, Status.DEGRADED])
    def test_a_sleep_takes_a_running_environment(self, status: Status) -> None:
        assert sleep(record(status)) == Take(8)

    def test_a_running_execution_ends_first(self) -> None:
        assert sleep(record(Status.CREATING), runs=True) == Follow()
        assert sleep(record(Status.FALLING_ASLEEP), runs=True) == Follow()

    @pytest.mark.parametrize("status", [Status.CREATING, Status.FALLING_ASLEEP, Status.FAILED])
    @pytest.mark.parametrize(
        "stays",
        [
            {"good_base_request": SAME, "request": SAME},
            {"blueprint": {"on_failure": "keep"}},
        ],
    )
    def test_a_dead_executions_last_function_is_awaited(
        self, status: Status, stays: dict[str, str]
    ) -> None:
        """W13."""
        assert sleep(record(status, **stays)) == Take(8, settle=True)

    @pytest.mark.parametrize("status", [Status.CREATING, Status.FAILED])
    @pytest.mark.parametrize(
        ("verb", "on_failure", "back"),
        [
            (Verb.REDEPLOY, "keep", True),
            (Verb.REDEPLOY, "delete", True),
            (Verb.CREATE, "delete", True),
            (Verb.CREATE, "keep", False),
        ],
    )
    def test_a_failed_change_is_replaced_by_the_last_proven_request_on_rollback(
        self, status: Status, verb: Verb, on_failure: str, back: bool
    ) -> None:
        failed = record(
            status,
            verb=verb,
            blueprint={"on_failure": on_failure},
            request=packed({"services": [{"serviceName": "web", "image": "new"}]}),
            good_base_request=packed({"services": [{"serviceName": "web"}]}),
        )
        assert sleep(failed) == Take(8, settle=True, back=back)
        assert failed.gone_back.requested == failed.good
        assert not failed.gone_back.can_roll_back

    @pytest.mark.parametrize("status", [Status.CREATING, Status.FAILED])
    def test_a_failed_first_create_is_deleted_and_does_not_sleep(self, status: Status) -> None:
        """A sleep would take it over from its clean-up, and it would live until its lease ends."""
        left = sleep(record(status, blueprint={"on_failure": "delete"}))
        assert isinstance(left, Leave)
        assert left.remember

    def test_a_sleep_whose_answer_was_lost_continues(self) -> None:
        """S21."""
        assert sleep(record(Status.FALLING_ASLEEP), who="holder") == Hold()

    @pytest.mark.parametrize(
        "status",
        [Status.ASLEEP, Status.SCHEDULED, Status.DELETING, Status.NOT_DELETED, Status.DELETED],
    )
    def test_an_environment_that_does_not_run_is_left_and_the_intent_remembered(
        self, status: Status
    ) -> None:
        left = sleep(record(status))
        assert isinstance(left, Leave)
        assert left.remember

    @pytest.mark.parametrize("matter", [LIFECYCLE, POWER])
    def test_a_later_intent_overrides_a_sleep(self, matter: str) -> None:
        """W01, W18."""
        left = sleep(record(Status.READY, intents={matter: LATER}))
        assert isinstance(left, Leave)
        assert not left.remember
        assert sleep(record(Status.READY, intents={matter: EARLIER})) == Take(8)

    def test_a_sleep_of_another_generation_changes_nothing(self) -> None:
        assert isinstance(sleep(record(Status.READY), generation=6), Leave)

    def test_a_sleep_of_an_unknown_environment_is_reported(self) -> None:
        with pytest.raises(errors.EnvironmentNotFoundError):
            found(None, "demo")


class TestPacked:
    def test_a_packed_request_unpacks_unchanged(self) -> None:
        request = {"name": "demo", "tags": {"greeting": "\u00e9 \U0001f600" * 20_000}}
        assert unpacked(packed(request)) == request

    def test_a_decompression_bomb_is_not_unpacked(self) -> None:
        bomb = packed({"name": " " * 30_000_000})
        assert len(bomb) < 40_000
        with pytest.raises(ValueError, match="unpacks to more than 2,000,000 bytes"):
            unpacked(bomb)
