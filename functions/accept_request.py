"""Accept request: starts the executions that an event requests, and nothing else.

The record decides what holds, so a late or repeated intent starts nothing, or an execution that
changes nothing. Execution names derive from the event's id: repeating it is safe, even after a
crash half-way, and a refused request can be put again. If this function raises, Lambda retries
after one and two more minutes; then the event is among the undelivered ones, with the reason.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime

from bivouac import clock
from bivouac.aws import clients, executions
from bivouac.aws.client_types import SFNClient
from bivouac.aws.environments_table import Records
from bivouac.commands import command, events_in, triggers
from bivouac.commands.events_in import CommandKind, ImagePushed, Named, PullRequestClosed
from bivouac.environment import intents, naming
from bivouac.environment.blueprint import Blueprint
from bivouac.environment.record import Leave, Nothing, Record, Status, closing
from bivouac.errors import EnvironmentNotFoundError
from bivouac.observability import Event, logger, step
from bivouac.settings import machine_arn
from bivouac.stack import records

_GOING = (Status.DELETING, Status.NOT_DELETED, Status.DELETED)


_STARTED = {
    CommandKind.CREATE: "create_environment",
    CommandKind.REDEPLOY: "redeploy_environment",
    CommandKind.DELETE: "delete_environment",
    CommandKind.EXTEND: "extend_lease",
}


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
            if record.status in (*_GOING, Status.SCHEDULED):
                continue  # its next up uses the image that the tag refers to then
            if not triggers.redeployed_by(record.content["triggers"], pushed):
                continue
            services = triggers.services_that_run(Blueprint.from_json(record.content), pushed)
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
            if record.status is not Status.DELETED and triggers.deleted_by(
                record.content["triggers"], closed
            ):
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
            case CommandKind.CREATE:
                late = record and intents.is_outdated(
                    record.intents, intents.LIFECYCLE, named.intent
                )
                return "a later creation or deletion was followed before" if late else ""
            case CommandKind.REDEPLOY:
                content = {"redeploy": _with_intent(named)}
                asked = command.asked(content, "", "", self.now)
                return command.resolved(asked, record).outdated
            case CommandKind.DELETE:
                decision = closing(
                    record,
                    "",
                    holder_runs=False,
                    environment=named.environment,
                    generation=named.content.get("generation"),
                    expires_at=None,
                    intent=named.intent,
                )
                if isinstance(decision, Nothing):
                    self.records.remember_deleted(named.environment, named.intent, self.now)
                return decision.reason if isinstance(decision, Leave | Nothing) else ""
            case CommandKind.EXTEND:
                if record is None:
                    raise EnvironmentNotFoundError(
                        f"no environment named {named.environment!r} was ever created by this stack"
                    )
                if intents.is_outdated(record.intents, intents.LIFECYCLE, named.intent):
                    return "a later creation or deletion was followed before"
                if record.status in _GOING:
                    raise EnvironmentNotFoundError(
                        f"the environment {named.environment} is {record.status}: its lease is over"
                    )
                return ""

    # --- acting --------------------------------------------------------------------------------

    def _start(self, named: Named, event_id: str) -> str:
        machine = self.machines[named.verb]
        name = naming.requested_execution(named.environment, named.verb, event_id)
        started = executions.start(self.stepfunctions, machine, name, _with_intent(named))
        logger.info(
            "started",
            environment=named.environment,
            execution=started.name,
            anew=started.anew,
        )
        return started.name


def _with_intent(named: Named) -> Event:
    return {**named.content, "intent": named.intent.to_json()}


@step
def handler(event: Event) -> Event:
    return Acceptance(
        clock.now(),
        {kind: machine_arn(machine) for kind, machine in _STARTED.items()},
        records(),
        clients.stepfunctions(),
    ).accept(event)
