"""Accepts what an event asks for: which executions to start. The record decides what holds."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime

from bivouac.aws import executions
from bivouac.aws.client_types import SFNClient
from bivouac.aws.environments_table import Records
from bivouac.commands import command, events_in
from bivouac.commands.events_in import CommandKind, ImagePushed, Named, PullRequestClosed
from bivouac.environment import intents, naming
from bivouac.environment.decisions import DeletionRequest, Leave, closing
from bivouac.environment.record import LEASE_OVER, Record, Status, leased, never_created
from bivouac.observability import Event, logger


@dataclass(frozen=True)
class Acceptance:
    now: datetime
    machines: Mapping[CommandKind, str]
    """ARNs of the state machines to start."""
    records: Records
    stepfunctions: SFNClient

    def accept(self, event: Event) -> Event:
        """`started`: the names of the executions, including those that the same event has already
        started.

        Raises InvalidRequestError with all problems, EnvironmentNotFoundError."""
        asked = events_in.read(event, self.now)
        started = []
        for named in self._named(asked):
            if reason := self._outdated(named):
                logger.info("outdated", environment=named.environment, reason=reason)
            else:
                started.append(self._start(named, event["id"]))
        if not started:
            logger.info("nothing to do", asked=type(asked).__name__ if asked else "nothing")
        return {"status": "STARTED" if started else "NOTHING", "started": started}

    def _named(self, asked: events_in.Asked | None) -> Iterator[Named]:
        match asked:
            case Named():
                yield asked
            case ImagePushed():
                yield from self._redeploys(asked)
            case PullRequestClosed():
                yield from self._deletions(asked)

    # --- events that name no environment -------------------------------------------------------

    def _redeploys(self, pushed: ImagePushed) -> Iterator[Named]:
        for record in self._with_triggers():
            if record.status in (*LEASE_OVER, Status.SCHEDULED):
                continue  # its next up uses the image that the tag refers to then
            if not pushed.redeploys(record):
                continue
            services = pushed.runs_in(record.planned)
            if not services:
                logger.warning(
                    "a trigger without a service",
                    environment=record.environment,
                    image=f"{pushed.repository}:{pushed.tag}",
                )
                continue
            content = {
                "environment": record.environment,
                "services": [{"serviceName": name} for name in services],
            }
            yield Named(CommandKind.REDEPLOY, record.environment, pushed.intent, content)

    def _deletions(self, closed: PullRequestClosed) -> Iterator[Named]:
        """Stored first: later creates see it, and earlier ones are listed, or the sweep finds
        them."""
        for repository in closed.repositories:
            self.records.remember_closed(repository, closed.number, closed.intent, self.now)
        for record in self._with_triggers():
            if record.status is not Status.DELETED and closed.deletes(record):
                content = {
                    "environment": record.environment,
                    "reason": f"pull request {closed.repositories[0]}#{closed.number} closed",
                }
                yield Named(CommandKind.DELETE, record.environment, closed.intent, content)

    def _with_triggers(self) -> Iterator[Record]:
        """The index may lag behind, so each record is read from the table."""
        for summary in self.records.listed():
            if any(summary.triggers.values()):
                record = self.records.find(summary.environment)
                if record is not None:
                    yield record

    # --- what holds ----------------------------------------------------------------------------

    def _outdated(self, named: Named) -> str:
        """Why nothing is started; empty if something is. Raises if that is an error."""
        record = self.records.find(named.environment)
        match named.verb:
            case CommandKind.CREATE | CommandKind.EXTEND as verb:
                known = leased(record, named.environment) if verb is CommandKind.EXTEND else record
                late = known and intents.is_outdated(known.intents, intents.LIFECYCLE, named.intent)
                return "a later creation or deletion was followed before" if late else ""
            case CommandKind.REDEPLOY:
                redeploy = command.asked({"redeploy": named.input}, "", "", self.now)
                return command.resolved(redeploy, record).outdated
            case CommandKind.DELETE:
                if record is None:
                    self.records.remember_deleted(named.environment, named.intent, self.now)
                    return never_created(named.environment)
                generation = named.content.get("generation")
                asked = DeletionRequest(named.environment, named.intent, generation)
                decision = closing(record, "", False, asked)
                return decision.reason if isinstance(decision, Leave) else ""

    # --- acting --------------------------------------------------------------------------------

    def _start(self, named: Named, event_id: str) -> str:
        machine = self.machines[named.verb]
        name = naming.requested_execution(named.environment, named.verb, event_id)
        started = executions.start(self.stepfunctions, machine, name, named.input)
        logger.info(
            "started",
            environment=named.environment,
            execution=started.name,
            anew=started.anew,
        )
        return started.name
