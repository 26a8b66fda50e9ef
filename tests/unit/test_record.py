"""Who may open an environment, hold it and close it."""

from __future__ import annotations

import json
from datetime import datetime
from typing import Any

import pytest

from bivouac import errors
from bivouac.environment.intents import LIFECYCLE, POWER, Intent, Verb
from bivouac.environment.record import (
    DeletionRequest,
    Follow,
    Hold,
    Leave,
    Record,
    Replan,
    Status,
    Take,
    closing,
    found,
    opening,
    packed,
    suspending,
    unpacked,
)


def record(status: Status, **changes: Any) -> Record:
    return Record(
        **{
            "environment": "demo",
            "generation": 7,
            "status": status,
            "execution": "holder",
            "request_hash": "same",
            "blueprint": '{"on_failure": "delete"}',
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
    return opening(found, who, request, runs, intent(), verb, based_on)


def close(found: Record, runs: bool = False, who: str = "me", **asked: Any) -> Any:
    given = {"environment": "demo", "intent": intent(), **asked}
    return closing(found, who, runs, DeletionRequest(**given))


def test_the_first_create_takes_generation_one() -> None:
    assert open_(None) == Take(1)


@pytest.mark.parametrize("status", [Status.READY, Status.FAILED, Status.DELETED])
def test_a_create_takes_what_nobody_holds(status: Status) -> None:
    """W17: the generation only grows, also over a tombstone."""
    assert open_(record(status)) == Take(8)


def test_a_create_whose_answer_was_lost_goes_on() -> None:
    """S21, W17: the record says that it holds the environment already."""
    assert open_(record(Status.CREATING), who="holder") == Hold(7)


def test_the_same_request_follows_the_create_that_runs() -> None:
    """W18."""
    assert open_(record(Status.CREATING), runs=True) == Follow()


def test_another_request_stops_the_create_that_runs_and_waits_it_out() -> None:
    """W13, W18: a stopped execution's last function may still run."""
    taken = open_(record(Status.CREATING), request="other", runs=True)
    assert taken == Take(8, stop="holder", settle=True)


def test_a_create_that_died_is_taken_over_after_its_last_function_is_waited_out() -> None:
    """W13, W17: whoever stopped it, its last function may still make something."""
    assert open_(record(Status.CREATING)) == Take(8, settle=True)


def test_a_create_waits_for_a_deletion_that_runs() -> None:
    """S02: a new environment never meets the remains of an old one."""
    assert open_(record(Status.DELETING), runs=True) == Follow()


@pytest.mark.parametrize("status", [Status.DELETING, Status.NOT_DELETED])
def test_a_create_is_refused_over_a_deletion_that_did_not_end(status: Status) -> None:
    """N11, S07: what is left would be in its way; the error says what to do."""
    with pytest.raises(errors.NotDeletedError, match="start delete_environment again"):
        open_(record(status))


@pytest.mark.parametrize("status", [Status.READY, Status.DELETED, Status.NOT_DELETED])
def test_a_delete_takes_what_nobody_works_on(status: Status) -> None:
    """D04: deleting again is safe, and finishes what an earlier deletion left."""
    assert close(record(status)) == Take(8)


def test_a_delete_stops_the_create_that_runs_and_waits_it_out() -> None:
    """W18: delete during create wins."""
    assert close(record(Status.CREATING), runs=True) == Take(8, stop="holder", settle=True)


def test_a_delete_waits_out_a_create_that_somebody_else_stopped() -> None:
    """W13: StopExecution ends the execution, not the function that it called."""
    assert close(record(Status.CREATING)) == Take(8, settle=True)


def test_a_delete_waits_out_the_steps_beside_the_one_that_failed() -> None:
    """W13: a failed branch ends the others, and not the functions that they called."""
    assert close(record(Status.FAILED)) == Take(8, settle=True)


def test_a_delete_waits_out_a_deletion_that_died() -> None:
    """W13: a function of it may outlive this one, and find what a create makes after it."""
    assert close(record(Status.DELETING)) == Take(8, settle=True)


def test_a_second_delete_follows_the_first_one() -> None:
    assert close(record(Status.DELETING), runs=True) == Follow()


def test_a_delete_whose_answer_was_lost_goes_on() -> None:
    assert close(record(Status.DELETING), who="holder", generation=6) == Hold(7)


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
def test_an_expiry_counts_unless_the_lease_now_ends_later(fired_for: str, leaves: bool) -> None:
    """W03, W20: a schedule that fired later than the record's end is never outdated.

    Else a schedule that was armed and not recorded would be the last one, and leave a leak."""
    decided = close(record(Status.READY), expires_at=fired_for)
    assert isinstance(decided, Leave) is leaves
    assert leaves or decided == Take(8)


class TestIntents:
    """W01: events come late, twice and in any order; the newest intent holds."""

    def test_a_create_that_was_meant_before_the_last_deletion_brings_nothing_back(self) -> None:
        found = open_(record(Status.DELETED, intents={LIFECYCLE: LATER}))
        assert isinstance(found, Leave)

    def test_a_create_that_was_meant_after_it_does(self) -> None:
        assert open_(record(Status.DELETED, intents={LIFECYCLE: EARLIER})) == Take(8)

    def test_a_deletion_that_was_meant_before_the_last_create_deletes_nothing(self) -> None:
        assert isinstance(close(record(Status.READY, intents={LIFECYCLE: LATER})), Leave)
        assert close(record(Status.READY, intents={LIFECYCLE: EARLIER})) == Take(8)

    @pytest.mark.parametrize("fence", [{"generation": 7}, {"expires_at": "2026-01-31T18:00:00Z"}])
    def test_a_deletion_that_nobody_meant_holds_as_long_as_its_fence_does(
        self, fence: dict[str, Any]
    ) -> None:
        """No intent is older or newer than a failure or the end of a lease."""
        found = record(Status.FAILED, intents={LIFECYCLE: LATER})
        assert close(found, intent=None, **fence) == Take(8, settle=True)
        assert isinstance(close(found, **fence), Leave), "somebody means it, and came late"

    def test_a_deletion_that_a_later_one_overtook_ends_when_that_does(self) -> None:
        """Whoever asked for it would take its success for the end of the environment."""
        known = {LIFECYCLE: LATER}
        assert close(record(Status.DELETING, intents=known), runs=True) == Follow()
        assert isinstance(close(record(Status.DELETED, intents=known)), Leave)

    def test_the_same_intent_twice_is_one(self) -> None:
        known = {LIFECYCLE: intent()}
        assert isinstance(open_(record(Status.READY, intents=known)), Leave)
        assert isinstance(close(record(Status.DELETED, intents=known)), Leave)

    def test_the_execution_that_holds_it_goes_on_all_the_same(self) -> None:
        """S21: its answer was lost; the record has its intent already."""
        known = {LIFECYCLE: intent()}
        assert open_(record(Status.CREATING, intents=known), who="holder") == Hold(7)
        assert close(record(Status.DELETING, intents=known), who="holder") == Hold(7)

    def test_of_two_in_the_same_moment_the_same_one_holds_whichever_comes_first(self) -> None:
        one, other = intent(), intent(name="theirs")
        assert one < other
        assert isinstance(open_(record(Status.READY, intents={LIFECYCLE: other})), Leave)

    def test_a_wake_that_was_meant_before_the_last_sleep_or_deletion_wakes_nothing(self) -> None:
        for matter in (POWER, LIFECYCLE):
            found = open_(record(Status.ASLEEP, intents={matter: LATER}), verb=Verb.WAKE)
            assert isinstance(found, Leave)

    @pytest.mark.parametrize("verb", [Verb.WAKE, Verb.REDEPLOY, Verb.ROLL_BACK])
    def test_only_a_create_brings_back_what_was_deleted(self, verb: Verb) -> None:
        """They are planned while the deletion runs, wait for it, and are planned again."""
        deleting, deleted = record(Status.DELETING), record(Status.DELETED)
        assert open_(deleting, runs=True, verb=verb, based_on=7) == Follow()
        assert open_(deleted, verb=verb, based_on=7) == Replan()
        assert open_(deleted, verb=Verb.CREATE) == Take(8)
        assert open_(record(Status.SCHEDULED), verb=Verb.WAKE, based_on=7) == Take(8)

    def test_a_redeploy_of_a_request_that_has_changed_since_is_planned_again(self) -> None:
        """W18: it was made of the request of another generation."""
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
    def test_one_that_was_meant_before_the_last_up_is_outdated(self) -> None:
        """W01: a deletion is about life, the end of office hours about rest as well."""
        woken = record(Status.READY, intents={POWER: LATER})
        assert isinstance(down(woken), Leave)
        assert close(woken) == Take(8)

    @pytest.mark.parametrize("status", [Status.SCHEDULED, Status.DELETED])
    def test_where_nothing_is_there_it_is_remembered(self, status: Status) -> None:
        left = down(record(status))
        assert isinstance(left, Leave)
        assert left.remember

    def test_the_expiry_ends_a_schedule_too(self) -> None:
        assert close(record(Status.SCHEDULED)) == Take(8)


class TestFallingAsleep:
    @pytest.mark.parametrize("status", [Status.READY, Status.DEGRADED])
    def test_what_runs_is_taken(self, status: Status) -> None:
        assert sleep(record(status)) == Take(8)

    def test_what_is_at_work_ends_first(self) -> None:
        assert sleep(record(Status.CREATING), runs=True) == Follow()
        assert sleep(record(Status.FALLING_ASLEEP), runs=True) == Follow()

    @pytest.mark.parametrize("status", [Status.CREATING, Status.FALLING_ASLEEP, Status.FAILED])
    @pytest.mark.parametrize(
        "stays",
        [
            {"good_base_request": SAME, "request": SAME},
            {"blueprint": '{"on_failure": "keep"}'},
        ],
    )
    def test_what_died_is_waited_out(self, status: Status, stays: dict[str, str]) -> None:
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
    def test_what_failed_gives_way_to_what_was_proven_where_a_failure_leads_back(
        self, status: Status, verb: Verb, on_failure: str, back: bool
    ) -> None:
        failed = record(
            status,
            verb=verb,
            blueprint=json.dumps({"on_failure": on_failure}),
            request=packed({"services": [{"serviceName": "web", "image": "new"}]}),
            good_base_request=packed({"services": [{"serviceName": "web"}]}),
        )
        assert sleep(failed) == Take(8, settle=True, back=back)
        assert failed.gone_back.requested == failed.good
        assert not failed.gone_back.can_roll_back

    @pytest.mark.parametrize("status", [Status.CREATING, Status.FAILED])
    def test_what_failed_before_it_was_ever_proven_goes_and_does_not_sleep(
        self, status: Status
    ) -> None:
        """A sleep would take it over from its clean-up, and it would live until its lease ends."""
        left = sleep(record(status, blueprint='{"on_failure": "delete"}'))
        assert isinstance(left, Leave)
        assert left.remember

    def test_whose_answer_was_lost_goes_on(self) -> None:
        """S21."""
        assert sleep(record(Status.FALLING_ASLEEP), who="holder") == Hold(7)

    @pytest.mark.parametrize(
        "status",
        [Status.ASLEEP, Status.SCHEDULED, Status.DELETING, Status.NOT_DELETED, Status.DELETED],
    )
    def test_what_does_not_run_is_left_and_the_intent_remembered(self, status: Status) -> None:
        left = sleep(record(status))
        assert isinstance(left, Leave)
        assert left.remember

    @pytest.mark.parametrize("matter", [LIFECYCLE, POWER])
    def test_a_later_intent_holds(self, matter: str) -> None:
        """W01, W18."""
        left = sleep(record(Status.READY, intents={matter: LATER}))
        assert isinstance(left, Leave)
        assert not left.remember
        assert sleep(record(Status.READY, intents={matter: EARLIER})) == Take(8)

    def test_another_generation_is_left(self) -> None:
        assert isinstance(sleep(record(Status.READY), generation=6), Leave)

    def test_what_never_was_is_told(self) -> None:
        with pytest.raises(errors.EnvironmentNotFoundError):
            found(None, "demo")


class TestPacked:
    def test_a_request_is_the_same_again(self) -> None:
        request = {"name": "demo", "tags": {"greeting": "\u00e9 \U0001f600" * 20_000}}
        assert unpacked(packed(request)) == request

    def test_what_would_take_all_memory_is_not_unpacked(self) -> None:
        bomb = packed({"name": " " * 30_000_000})
        assert len(bomb) < 40_000
        with pytest.raises(ValueError, match="unpacks to more than 2,000,000 bytes"):
            unpacked(bomb)
