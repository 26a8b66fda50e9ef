"""Whether Bivouac's promises held in a scenario, judged by the account."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from bench.chaos import scenario as s
from bench.chaos.account import Account
from bench.chaos.neighbours import FOREIGN_SERVICE
from bench.chaos.playing import DEADLINE, LEASES, IssuedCommand, Player, Story
from bivouac.environment.record import HELD, unpacked

Json = dict[str, Any]

SWEEPS = 8
"""After the end of a lease, a quarter of an hour apart: the first that finds an environment without
a record gives it an hour."""
LIVES = ("READY", "DEGRADED", "ASLEEP", "FAILED")
"""Statuses of environments that are not deleted."""
OUT_OF_ROOM = "States.DataLimitExceeded"
NOT_FOR_PEOPLE = re.compile(r'Traceback|stackTrace|"errorType"|File "/|requestId"')


@dataclass(frozen=True)
class Violation:
    promise: str
    detail: str


class Promises:
    def __init__(self, account: Account, player: Player) -> None:
        self._account = account
        self._player = player
        self._neighbours = player.neighbours
        self._ended: list[Json] = []
        """Executions of this scenario, as described."""

    def broken(self, scenario: s.Scenario) -> list[Violation]:
        """Plays the scenario to the end of every lease; its names are free again afterwards."""
        names = self._player.names
        for name in names:
            self._neighbours.settle_in(name)
        self._account.at_rest(30)
        before = {name: self._neighbours.seen(name) for name in names}
        story = self._player.play(scenario)
        if story.hands_changed or any(map(self._died, names)):
            self._sweep_twice(story)
        self._account.sweep()
        self._player.come_to_rest(story)
        self._ended = self._account.new_executions()
        found = [*self._at_rest(story)]
        found += self._unchanged(story)
        if story.no_other_stack:
            found.append(Violation("another stack finds its place", story.no_other_stack))
        self._account.delete_beside()
        found += self._at_the_end(story, scenario.trouble)
        found += self._causes(story)
        found += [
            Violation("nothing foreign is touched", f"{name}: {before[name]} became {now}")
            for name in names
            if (now := self._neighbours.seen(name)) != before[name]
        ]
        for name in names:
            self._neighbours.move_out(name)
        return found

    def _died(self, name: str) -> bool:
        """An execution was stopped while one of its functions took the environment, and its end was
        published before that."""
        record = self._account.record(name)
        return record is not None and record["status"] in HELD

    def _sweep_twice(self, story: Story) -> None:
        """Manual changes have no event: the sweep finds them, and confirms them a quarter of an
        hour later."""
        for _ in range(2):
            self._account.cloud.pass_time(DEADLINE)
            self._account.sweep()
            self._player.come_to_rest(story)

    # --- before the leases end -------------------------------------------------------------------

    def _at_rest(self, story: Story) -> Iterator[Violation]:
        if story.not_at_rest:
            yield Violation("everything comes to an end", f"still runs: {story.not_at_rest}")
        undelivered = self._account.undelivered()
        for name in story.names:
            record = self._account.record(name)
            if name in story.record_lost:
                continue
            if record and record["status"] == "READY":
                yield from self._ready_is_true(name, record)
            yield from self._newest_holds(story, name, record, undelivered)
            yield from self._proven_is_kept(story, name, record)
            yield from self._lease_holds(story, name, record)

    def _ready_is_true(self, name: str, record: Json) -> Iterator[Violation]:
        """READY compares with the request, not with what ECS happens to desire."""
        wanted = {
            service["serviceName"]: service.get("desiredCount", 1)
            for service in unpacked(record["request"])["services"]
        }
        services = self._account.services(name)
        for service, count in wanted.items():
            seen = services.get(service, {})
            if (seen.get("desiredCount"), seen.get("runningCount")) != (count, count):
                yield Violation(
                    "READY is true",
                    f"{name}: {service} runs {seen.get('runningCount')} of "
                    f"{seen.get('desiredCount')} tasks, and {count} were asked for",
                )
        extra = services.keys() - wanted.keys() - {FOREIGN_SERVICE}
        if extra:
            yield Violation("READY is true", f"{name}: has {sorted(extra)}, which nobody asked for")

    def _newest_holds(
        self, story: Story, name: str, record: Json | None, undelivered: list[str]
    ) -> Iterator[Violation]:
        newest = _newest_life(story, name)
        if newest is None or _is_lost(newest) or story.commands.index(newest) < story.leases_ended:
            return
        status = record["status"] if record else None
        if self._was_informed(newest, undelivered):
            return
        if isinstance(newest.step, s.Create):
            if self._outcome(newest).get("outcome") == "OUTDATED":
                yield Violation(
                    "the newest intent holds", f"{name}: its newest create was called outdated"
                )
            elif status not in (*LIVES, "SCHEDULED") and newest.step.request.good:
                yield Violation(
                    "the newest intent holds", f"{name}: created last, and it is {status}"
                )
        elif status not in (None, "DELETED", "NOT_DELETED"):
            yield Violation(
                "the newest intent holds",
                f"{name}: deleted last ({type(newest.step).__name__}), and it is {status}",
            )

    def _proven_is_kept(self, story: Story, name: str, record: Json | None) -> Iterator[Violation]:
        """A proven environment is only deleted on request."""
        if name not in story.proven or story.leases_ended > story.proven[name]:
            return
        since = story.commands[story.proven[name] :]
        deletes = [command for command in since if _deletes(command, name)]
        early = [
            command
            for command in since
            if isinstance(command.step, s.Create) and command.step.early
        ]
        waiting = [command for command in story.of(name) if command.step.event is s.Fate.LATE]
        if deletes or early or waiting or story.leases_ended:
            return
        if record is None or record["status"] not in (*LIVES, "SCHEDULED"):
            status = record["status"] if record else "without a record"
            yield Violation("what was proven is kept", f"{name}: was READY, and is {status}")

    def _lease_holds(self, story: Story, name: str, record: Json | None) -> Iterator[Violation]:
        """It ends by itself, and not before the end that an extension has named."""
        lives = record is not None and record["status"] in (*LIVES, "SCHEDULED")
        if record and lives and f"{name}-expiry" not in self._account.schedules(name):
            detail = f"{name}: nothing ends it at {record['expiresAt']}"
            yield Violation("a lease ends by itself", detail)
        if lives or any(_deletes(command, name) for command in story.commands):
            return
        for command in story.of(name):
            if not isinstance(command.step, s.Extend) or not story.proven.get(name):
                continue
            ends = self._outcome(command).get("expiresAt")
            if ends and datetime.fromisoformat(ends) > datetime.now(UTC):
                yield Violation("an extension holds", f"{name}: until {ends}, and it is gone")

    def _unchanged(self, story: Story) -> Iterator[Violation]:
        """An unchanged create changes nothing in ECS."""
        for name in story.names:
            record = self._account.record(name)
            if not record or record["status"] != "READY" or name in story.touched_by_hand:
                continue
            request = unpacked(record["request"])
            for _ in range(2):
                before = self._running(name)
                arn = self._account.start("CreateEnvironment", request)
                self._account.at_rest(30)
                ended = self._account.execution(arn)
                if ended["status"] != "SUCCEEDED":
                    detail = f"{name}: {ended['status']} {ended.get('cause', '')[:500]}"
                    yield Violation("an unchanged create succeeds", detail)
                    break
                if self._running(name) == before:
                    break
            else:
                yield Violation("an unchanged create changes nothing", f"{name}: other tasks run")

    def _running(self, name: str) -> set[str]:
        return {
            task["taskArn"]
            for task in self._account.tasks(name)
            if task["lastStatus"] == "RUNNING"
            and task["group"].startswith("service:")
            and not task["group"].startswith("service:bivouac-")
        }

    # --- the end ---------------------------------------------------------------------------------

    def _at_the_end(self, story: Story, trouble: s.Trouble | None) -> Iterator[Violation]:
        account = self._account
        for name in story.names:
            for each in self._neighbours.touched(name):
                yield Violation("nothing foreign is touched", f"{name}: {each} changed")
            self._neighbours.clear(name)
            if trouble is s.Trouble.FORGOTTEN:
                account.lose_expiry(name)
        account.cloud.pass_time(LEASES)
        if trouble is s.Trouble.DIES:
            self._let_a_deletion_die(story)
        self._player.come_to_rest(story)
        for _ in range(SWEEPS):
            if not any(self._lives(name) for name in story.names):
                break
            account.cloud.pass_time(DEADLINE)
            account.sweep()
            self._player.come_to_rest(story)
        for name in story.names:
            yield from self._gone(name)
        yield from self._sweep_is_done(story)

    def _let_a_deletion_die(self, story: Story) -> None:
        for _ in range(40):
            if self._account.stop_running(
                lambda content: content.get("environment") in story.names
            ):
                return
            self._account.cloud.deliveries.wait_until_idle(0.05)

    def _lives(self, name: str) -> bool:
        record = self._account.record(name)
        return bool(self._account.left(name)) or (
            record is not None and record["status"] != "DELETED"
        )

    def _gone(self, name: str) -> Iterator[Violation]:
        record = self._account.record(name)
        if left := self._account.left(name):
            yield Violation("nothing is left behind", f"{name}: {left}")
        elif record and record["status"] != "DELETED":
            yield Violation("nothing is left behind", f"{name}: its record says {record['status']}")
        elif record and not record.get("receipt"):
            yield Violation("a deletion gives a receipt", f"{name}: there is none")

    def _sweep_is_done(self, story: Story) -> Iterator[Violation]:
        self._account.cloud.pass_time(DEADLINE)
        again = [
            finding
            for finding in self._account.sweep(dry_run=True)
            if finding["environment"] in story.names and finding["action"] != "only reports it"
        ]
        if again:
            yield Violation("a sweep comes to an end", f"it finds again: {again}")

    # --- what people read ------------------------------------------------------------------------

    def _causes(self, story: Story) -> Iterator[Violation]:
        self._ended += self._account.new_executions()
        for ended in self._ended:
            cause = ended.get("cause", "")
            if ended.get("error") == OUT_OF_ROOM:
                detail = f"{ended['executionArn'].rpartition(':')[2]}: {cause[:300]}"
                yield Violation("what is accepted finds room", detail)
            if ended["status"] == "FAILED" and (not cause or NOT_FOR_PEOPLE.search(cause)):
                name = ended["executionArn"].rpartition(":")[2]
                detail = f"{name}: {ended.get('error')} {cause[:300]!r}"
                yield Violation("causes are for people", detail)
        for name in story.names:
            record = self._account.record(name) or {}
            failure = json.dumps(record.get("failure", ""))
            if NOT_FOR_PEOPLE.search(failure):
                yield Violation("causes are for people", f"{name}: {failure[:300]}")

    def _was_informed(self, command: IssuedCommand, undelivered: list[str]) -> bool:
        """The requester learns that it was not done: from the execution, or from the queue. Nobody
        reads a deletion that an event has started."""
        looks = bool(command.execution) or isinstance(command.step, s.Create)
        if looks and any(each["status"] != "SUCCEEDED" for each in self._executions_of(command)):
            return True
        named = re.compile(rf"\b{re.escape(command.intent_id)}\b")
        return command.stopped or any(map(named.search, undelivered))

    def _outcome(self, command: IssuedCommand) -> Json:
        outputs = [json.loads(each.get("output") or "{}") for each in self._executions_of(command)]
        return outputs[-1] if outputs and isinstance(outputs[-1], dict) else {}

    def _executions_of(self, command: IssuedCommand) -> list[Json]:
        """The one that was started, or those that its event has started."""
        if command.execution:
            return [self._account.execution(command.execution)]
        return [each for each in self._ended if f'"{command.intent_id}"' in each["input"]]


def _newest_life(story: Story, name: str) -> IssuedCommand | None:
    """The last one meant to create or delete it."""
    life = [
        command
        for command in story.commands
        if isinstance(command.step, s.Create) and command.environment == name
    ]
    life += [command for command in story.commands if _deletes(command, name)]
    if not life:
        return None
    newest = max(life, key=lambda command: command.moment)
    if isinstance(newest.step, s.ClosePullRequest):
        created = [command for command in life if isinstance(command.step, s.Create)]
        if not created:
            return None
        last = max(created, key=lambda command: command.moment)
        assert isinstance(last.step, s.Create)
        if last.step.request.pull_request != newest.step.environment or _is_lost(last):
            return None
    return newest


def _deletes(command: IssuedCommand, name: str) -> bool:
    if isinstance(command.step, s.Delete):
        return command.environment == name
    return isinstance(command.step, s.ClosePullRequest)


def _is_lost(command: IssuedCommand) -> bool:
    return command.step.event is s.Fate.LOST
