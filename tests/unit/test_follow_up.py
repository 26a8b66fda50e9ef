"""What follows an execution that ended early."""

from __future__ import annotations

import hashlib
import json
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from bivouac.environment import naming
from bivouac.environment.event import DetailType
from bivouac.environment.intents import POWER, Intent, Verb, is_outdated
from bivouac.environment.record import Record, Status, packed
from bivouac.settings import Machine
from bivouac.sweep.follow_up import Aftermath, Ended, Start, after_redeploy, aftermath

MACHINE = "arn:aws:states:eu-central-1:123456789012:execution:bivouac-create-environment"
HOLDER = Ended(f"{MACHINE}:holder", "ABORTED", "StoppedError", "stopped by hand")
FINISHED = (Status.SCHEDULED, Status.DEGRADED, Status.ASLEEP)
PROVEN = packed({"services": [{"serviceName": "web"}]})
OTHER = packed({"services": [{"serviceName": "web", "image": "new"}]})


def record(status: Status = Status.CREATING, **changes: Any) -> Record:
    return Record(
        **{
            "environment": "demo",
            "generation": 7,
            "status": status,
            "execution": HOLDER.arn,
            "request_hash": "same",
            "blueprint": {"on_failure": "delete"},
            "expires_at": "2026-01-31T18:00:00Z",
            "settle": False,
            **changes,
        }
    )


def following(ending: str, held_by: str = HOLDER.arn) -> str:
    return naming.following_execution("demo", 7, held_by, ending)


def digest(arn: str) -> str:
    return hashlib.sha256(arn.encode()).hexdigest()


def due(found: Record, ended: Ended = HOLDER, attempt: str | None = None) -> Aftermath:
    what = aftermath(found, ended, attempt)
    assert what is not None
    return what


class TestCreate:
    def test_a_stopped_creates_resources_are_deleted(self) -> None:
        """W13; under the name of the machine's own deletion (W05)."""
        start = due(record()).start
        assert start is not None
        assert start.name == f"failed-{digest(HOLDER.arn)}"
        assert start.content == {
            "environment": "demo",
            "generation": 7,
            "reason": "create failed",
            "keepSchedule": False,
            "unlessProven": True,
        }

    def test_the_record_gets_the_reason(self) -> None:
        failure = due(record()).failure
        assert failure is not None
        assert failure["error"] == "StoppedError"
        assert "CREATE by the execution holder ended as ABORTED" in failure["cause"]
        assert "stopped by hand" in failure["cause"]

    def test_a_time_out_is_an_error_though_step_functions_names_none(self) -> None:
        failure = due(record(), Ended(HOLDER.arn, "TIMED_OUT")).failure
        assert failure is not None
        assert failure["error"] == "TIMED_OUT"

    def test_an_end_without_error_and_cause_is_described_by_its_status(self) -> None:
        """No error and no cause (tests/recorded/stepfunctions-machine-timeout.json and
        stepfunctions-stop.json)."""
        late = due(record(), Ended(HOLDER.arn, "TIMED_OUT")).failure
        stopped = due(record(), Ended(HOLDER.arn, "ABORTED")).failure
        assert late is not None
        assert stopped is not None
        evidence = late["verdicts"][0]["evidence"]
        assert evidence[1].startswith("it took longer than its state machine allows")
        assert "the state in which it waited" in late["cause"]
        assert "somebody stopped it, and gave no reason" in stopped["cause"]
        assert late["cause"] != stopped["cause"]

    def test_a_kept_failure_is_kept_and_published(self) -> None:
        kept = due(record(blueprint={"on_failure": "keep"}))
        assert kept.failure is not None
        assert kept.start is None

    def test_a_published_failure_is_not_published_again(self) -> None:
        """Its deletion is started under the same name, which starts it once."""
        failed = due(record(Status.FAILED, failure={"error": "DeploymentFailedError"}))
        assert failed.failure is None
        assert failed.start == due(record()).start

    def test_a_recorded_failure_that_was_not_published_is_published(self) -> None:
        kept = record(Status.FAILED, blueprint={"on_failure": "keep"}, untold="EnvironmentFailed")
        assert due(kept) == Aftermath(None, None)


class TestWhy:
    PACKED = json.dumps({"errorMessage": "no room", "errorType": "X", "stackTrace": ["File a.py"]})

    def test_the_cause_is_published_without_lambdas_wrapping(self) -> None:
        """An execution of an older definition, or one that ended in a state without a diagnosis."""
        for cause in (self.PACKED, self.PACKED[:-5]):
            ended = Ended(HOLDER.arn, "FAILED", "SomeError", cause)
            assert ended.why == "SomeError: no room"
            failure = due(record(), ended).failure
            assert failure is not None
            assert "File a.py" not in json.dumps(failure)


class TestProven:
    """`onFailure` applies until the first READY; a proven environment is never deleted for it."""

    @pytest.mark.parametrize("status", [Status.CREATING, Status.FAILED])
    @pytest.mark.parametrize("verb", [Verb.CREATE, Verb.REDEPLOY, Verb.WAKE, Verb.ROLL_BACK])
    @pytest.mark.parametrize("on_failure", ["delete", "keep"])
    @pytest.mark.parametrize("attempt", [None, "sweep-1"])
    def test_no_failure_deletes_a_proven_environment(
        self, status: Status, verb: Verb, on_failure: str, attempt: str | None
    ) -> None:
        found = record(
            status,
            verb=verb,
            blueprint={"on_failure": on_failure},
            request=OTHER,
            good_base_request=PROVEN,
        )
        after = aftermath(found, HOLDER, attempt)
        assert after is None or after.start is None or after.start.machine is not Machine.DELETE

    @pytest.mark.parametrize("status", [Status.CREATING, Status.FAILED])
    def test_a_failed_change_is_rolled_back_to_the_last_proven_request(
        self, status: Status
    ) -> None:
        changed = record(status, request=OTHER, good_base_request=PROVEN)
        back = {"rollBack": {"environment": "demo", "generation": 7}}
        assert due(changed).start == Start(Machine.CREATE, following("back"), back)
        assert due(changed, attempt="sweep-1").start == due(changed).start, "once"

    def test_a_kept_failure_is_not_rolled_back(self) -> None:
        keeps = record(blueprint={"on_failure": "keep"}, request=OTHER, good_base_request=PROVEN)
        assert due(keeps).start is None

    def test_an_unchanged_request_is_not_rolled_back(self) -> None:
        assert due(record(request=PROVEN, good_base_request=PROVEN)).start is None

    @pytest.mark.parametrize("verb", [Verb.CREATE, Verb.REDEPLOY, Verb.WAKE])
    def test_before_the_first_ready_on_failure_applies_to_takeovers_too(self, verb: Verb) -> None:
        """A push or an up that takes over from a first create, and fails too."""
        start = due(record(verb=verb)).start
        assert start is not None
        assert (start.machine, start.name) == (Machine.DELETE, f"failed-{digest(HOLDER.arn)}")
        assert due(record(verb=verb, blueprint={"on_failure": "keep"})).start is None

    def test_a_failed_up_is_retried_by_the_next_up(self) -> None:
        start = due(record(verb=Verb.WAKE)).start
        assert start is not None
        assert start.content["keepSchedule"] is True


class TestOthers:
    @pytest.mark.parametrize("verb", [Verb.REDEPLOY, Verb.WAKE, Verb.ROLL_BACK])
    def test_a_previously_ready_environment_stays(self, verb: Verb) -> None:
        stopped = due(record(verb=verb, request=PROVEN, good_base_request=PROVEN))
        assert stopped.failure is not None
        assert stopped.start is None

    def test_an_environment_that_did_not_fall_asleep_stays(self) -> None:
        stopped = due(record(Status.FALLING_ASLEEP, verb=Verb.SLEEP))
        assert stopped.failure is not None
        assert stopped.start is None


class TestRest:
    """A broken up or down is started once more: nobody else would before the next one."""

    UP = Intent(datetime(2026, 1, 31, 7, tzinfo=UTC), "up")

    def broke(self, verb: Verb, status: Status = Status.FAILED, **changes: Any) -> Record:
        known = {"intents": {POWER: self.UP}, "request": PROVEN, "good_base_request": PROVEN}
        return record(status, verb=verb, **{**known, **changes})

    FAULTS = (
        Ended(HOLDER.arn, "FAILED", "Runtime.ExitError", "it crashed"),
        Ended(HOLDER.arn, "FAILED", "States.Timeout"),
        Ended(HOLDER.arn, "FAILED", "ThrottledError", "slow down"),
        Ended(HOLDER.arn, "TIMED_OUT"),
    )

    @pytest.mark.parametrize("ended", FAULTS, ids=lambda each: each.error or each.status)
    @pytest.mark.parametrize("attempt", [None, "sweep-1"])
    def test_a_broken_intent_is_started_once_more(self, ended: Ended, attempt: str | None) -> None:
        again = {
            "environment": "demo",
            "generation": 7,
            "intent": {"at": "2026-01-31T07:00:00+00:00", "id": "up again"},
        }
        for status in (Status.CREATING, Status.FAILED):
            woken = due(self.broke(Verb.WAKE, status), ended, attempt).start
            assert woken == Start(Machine.CREATE, following("again"), {"wake": again})
        for status in (Status.FALLING_ASLEEP, Status.FAILED):
            slept = due(self.broke(Verb.SLEEP, status), ended, attempt).start
            assert slept == Start(Machine.SLEEP, following("again"), again)

    def test_the_repeated_intent_counts_as_the_newest(self) -> None:
        """Otherwise the broken one would make it outdated."""
        start = due(self.broke(Verb.WAKE), self.FAULTS[0]).start
        assert start is not None
        again = Intent.from_json(start.content["wake"]["intent"])
        assert not is_outdated({POWER: self.UP}, POWER, again)
        assert is_outdated(
            {POWER: replace(self.UP, at=self.UP.at + timedelta(seconds=1))}, POWER, again
        )

    @pytest.mark.parametrize(
        "ended",
        [
            Ended(HOLDER.arn, "FAILED", "DeploymentFailedError", "web: image pull"),
            Ended(HOLDER.arn, "FAILED", "NotAsleepError", "tasks still run"),
            HOLDER,
            Ended(f"{MACHINE}:demo-6-again", "FAILED", "Runtime.ExitError"),
        ],
        ids=["a verdict", "another", "stopped by hand", "the second one"],
    )
    @pytest.mark.parametrize("verb", [Verb.WAKE, Verb.SLEEP])
    def test_only_a_broken_intent_is_repeated_and_only_once(self, ended: Ended, verb: Verb) -> None:
        left = replace(self.broke(verb, Status.CREATING), execution=ended.arn)
        assert due(left, ended).start is None


class TestRedeploy:
    """Its machine would have rolled back, but was stopped or timed out."""

    REDEPLOY = Ended(MACHINE.replace("create", "redeploy") + ":mine", "TIMED_OUT")
    DIGEST = digest(REDEPLOY.arn)

    def left(self, status: Status = Status.FAILED, **changes: Any) -> Record:
        return record(
            status,
            **{
                "verb": Verb.REDEPLOY,
                "execution": f"{MACHINE}:redeploy-{self.DIGEST}",
                "request": OTHER,
                "good_base_request": PROVEN,
                **changes,
            },
        )

    def test_a_dead_redeploy_is_rolled_back(self) -> None:
        """Under the machine's own name, so that it is done once (W05)."""
        after = after_redeploy(self.left(), self.REDEPLOY, create_runs=False)
        assert after is not None
        assert (after.failure, after.start) == (
            None,
            Start(
                Machine.CREATE,
                f"roll-back-{self.DIGEST}",
                {"rollBack": {"environment": "demo", "generation": 7}},
            ),
        )

    def test_its_dead_create_is_recorded_first(self) -> None:
        after = after_redeploy(self.left(Status.CREATING), self.REDEPLOY, create_runs=False)
        assert after is not None
        assert after.failure is not None
        assert "TIMED_OUT" in after.failure["cause"]
        assert after.start is not None

    def test_its_running_create_is_left_alone(self) -> None:
        left = self.left(Status.CREATING)
        assert after_redeploy(left, self.REDEPLOY, create_runs=True) is None

    @pytest.mark.parametrize(
        "changes",
        [
            {"execution": f"{MACHINE}:redeploy-of-another"},
            {"execution": f"{MACHINE}:roll-back-{DIGEST}", "verb": Verb.ROLL_BACK},
            {"good_base_request": ""},
            {"status": Status.READY},
        ],
    )
    def test_a_foreign_change_or_one_without_a_proven_request_stays(
        self, changes: dict[str, Any]
    ) -> None:
        left = replace(self.left(), **changes)
        assert after_redeploy(left, self.REDEPLOY, create_runs=False) is None

    def test_the_sweep_rolls_back_a_forgotten_redeploy(self) -> None:
        left = self.left()
        create = Ended(left.execution, "FAILED")
        assert aftermath(left, create) is None, "the machine is at it"
        start = due(left, create, attempt="sweep-1").start
        assert start is not None
        assert (start.machine, start.name) == (
            Machine.CREATE,
            following("sweep-1", self.left().execution),
        )

    def test_a_redeploy_of_a_never_proven_environment_is_handled_like_a_create(self) -> None:
        left = self.left(good_base_request="")
        start = due(left, Ended(left.execution, "FAILED")).start
        assert start is not None
        assert (start.machine, start.name) == (Machine.DELETE, f"failed-{digest(left.execution)}")

    def test_a_failed_manual_redeploy_stays(self) -> None:
        by_hand = self.left(execution=HOLDER.arn)
        assert aftermath(by_hand, HOLDER, "sweep-1") is None


class TestDelete:
    DYING = record(Status.DELETING, verb=Verb.DELETE)

    def test_a_dead_deletion_is_followed_by_another(self) -> None:
        after = due(self.DYING)
        assert after.failure is None
        assert after.start is not None
        assert after.start.name == following("again")
        assert after.start.content["generation"] == 7

    def test_a_deletion_that_keeps_the_schedule_still_does(self) -> None:
        ended = replace(HOLDER, content={"environment": "demo", "keepSchedule": True})
        start = due(self.DYING, ended).start
        assert start is not None
        assert start.content["keepSchedule"] is True

    def test_only_one_deletion_follows_at_once(self) -> None:
        again = replace(HOLDER, arn=f"{MACHINE}:demo-6-again")
        found = replace(self.DYING, execution=again.arn)
        assert aftermath(found, again) is None
        start = due(found, again, attempt="sweep-1").start
        assert start is not None
        assert start.name == following("sweep-1", again.arn)


class TestNames:
    """Whoever first starts an execution of a name has it for 90 days."""

    STATUSES = (Status.CREATING, Status.FAILED, Status.FALLING_ASLEEP, Status.DELETING)

    @pytest.mark.parametrize("attempt", [None, "sweep-20260131T1200"])
    @pytest.mark.parametrize("verb", Verb)
    @pytest.mark.parametrize("proven", ["", PROVEN])
    @pytest.mark.parametrize("status", STATUSES)
    def test_a_follow_ups_name_cannot_be_predicted(
        self, status: Status, proven: str, verb: Verb, attempt: str | None
    ) -> None:
        names: set[str] = set()
        for own in ("0b6c2a9e", "f3d1778a"):
            arn = f"{MACHINE}:{own}"
            held = record(
                status,
                execution=arn,
                verb=verb,
                request=OTHER,
                good_base_request=proven,
                intents={POWER: Intent(datetime(2026, 1, 31, 7, tzinfo=UTC), "up")},
            )
            ended = Ended(arn, "TIMED_OUT", content={"intent": {}, "environment": "demo"})
            after = aftermath(held, ended, attempt)
            again = ended.once_more()
            found = {each.name for each in (after and after.start, again) if each}
            assert found
            assert found.isdisjoint(names)
            names |= found
            assert {len(name) <= 80 for name in found} == {True}

    def test_an_execution_that_began_too_early_is_not_the_follow_up(self) -> None:
        """Somebody may know a name that somebody else has chosen, and the input."""
        began = datetime(2026, 1, 31, 7, tzinfo=UTC)
        ended = replace(HOLDER, started_at=began)
        for found in (record(), record(Status.DELETING, verb=Verb.DELETE)):
            start = due(found, ended).start
            assert start is not None
            assert start.since == began


class TestTold:
    """An end that was recorded at the very last may not have been published."""

    @pytest.mark.parametrize("verb", Verb)
    def test_a_ready_environment_is_only_published(self, verb: Verb) -> None:
        """The record says that it is proven, whatever happened to the execution afterwards."""
        assert due(record(Status.READY, verb=verb)) == Aftermath(None, None, DetailType.READY)

    def test_a_receipt_is_published(self) -> None:
        assert due(record(Status.DELETED)) == Aftermath(None, None, DetailType.DELETED)
        assert due(record(Status.NOT_DELETED)) == Aftermath(None, None, DetailType.NOT_DELETED)

    def test_an_incomplete_deletions_receipt_is_not_published_again(self) -> None:
        left = Ended(HOLDER.arn, "FAILED", "DeletionIncompleteError", "1 resource(s) are left")
        assert aftermath(record(Status.NOT_DELETED), left) is None


class TestNothing:
    @pytest.mark.parametrize("status", FINISHED)
    def test_a_completed_execution_needs_no_follow_up(self, status: Status) -> None:
        assert aftermath(record(status), HOLDER) is None

    @pytest.mark.parametrize("status", Status)
    def test_an_environment_held_by_another_execution_is_left_alone(self, status: Status) -> None:
        """W01: late events change nothing."""
        assert aftermath(record(status, execution=f"{MACHINE}:another"), HOLDER) is None


class TestNamed:
    @pytest.mark.parametrize(
        "content",
        [
            {"name": "demo", "services": []},
            {"environment": "demo", "reason": "a test"},
            {"redeploy": {"environment": "demo"}},
            {"rollBack": {"environment": "demo", "generation": 3}},
        ],
    )
    def test_the_environment_is_read_from_the_input(self, content: dict[str, Any]) -> None:
        assert Ended(HOLDER.arn, "FAILED", content=content).environment == "demo"

    @pytest.mark.parametrize("content", [{}, {"name": 7}, {"name": "Not A Name"}, {"wake": []}])
    def test_an_input_without_environment_is_tolerated(self, content: dict[str, Any]) -> None:
        assert Ended(HOLDER.arn, "FAILED", content=content).environment is None


class TestWatched:
    """Whoever passes an intent sees how it ends, unless a schedule does."""

    AT = "2026-01-31T07:00:00Z"

    @pytest.mark.parametrize("verb", ["up", "down"])
    @pytest.mark.parametrize("again", ["", " again"])
    def test_nobody_watches_what_a_schedule_meant(self, verb: str, again: str) -> None:
        """As schedules have written it since the first version, and as its retry says it."""
        intent = {"id": f"{verb} {self.AT}{again}", "at": self.AT}
        ended = Ended(HOLDER.arn, "FAILED", content={"environment": "demo", "intent": intent})
        assert not ended.is_watched

    @pytest.mark.parametrize("name", ["up", "up 42", "down with it", "up 2026-01-31T08:00:00Z"])
    def test_a_pipelines_id_may_begin_like_a_schedules(self, name: str) -> None:
        intent = {"id": name, "at": self.AT}
        ended = Ended(HOLDER.arn, "FAILED", content={"environment": "demo", "intent": intent})
        assert ended.is_watched


class TestWhatNobodyHasLookedAt:
    """Whoever may start an execution may give it any input, and stop it before its first step."""

    @pytest.mark.parametrize("machine", Machine)
    @pytest.mark.parametrize(
        "content",
        [
            {"intent": {"id": "down"}},
            {"intent": {"at": 7, "id": "down"}},
            {"intent": {"at": "0001-01-01T00:00:00+14:00", "id": "down"}},
            {"intent": {"at": "2026-01-31T12:00:00Z", "id": "down"}, "services": ["web", 7]},
            {"intent": {"at": "2026-01-31T12:00:00Z", "id": "down"}, "keepSchedule": "yes"},
        ],
    )
    def test_an_invalid_input_stops_neither_the_follow_up_nor_the_sweep(
        self, machine: Machine, content: dict[str, Any]
    ) -> None:
        arn = MACHINE.replace("create-environment", machine.replace("_", "-"))
        name = f"{arn}:{naming.requested_execution('demo', 'delete', 'event-1')}"
        ended = Ended(name, "ABORTED", content={"environment": "demo", **content})
        assert not ended.is_watched
        assert ended.is_unanswered(record())
