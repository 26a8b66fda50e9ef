"""EventBridge Scheduler: schedules are checked when created, and fire when due."""

from __future__ import annotations

import itertools
import json
import math
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import unquote

from moto.core.exceptions import JsonRESTError
from moto.scheduler.exceptions import ScheduleGroupNotFound, ValidationException
from moto.scheduler.models import (
    EventBridgeSchedulerBackend,
    Schedule,
    ScheduleGroup,
    scheduler_backends,
)
from moto.scheduler.responses import EventBridgeSchedulerResponse

from localcloud import paging, request_shape
from localcloud.clock import Clock, Timer, as_datetime
from localcloud.endpoint.locks import ServiceLocks
from localcloud.events.delivery import Delivery, DeliveryQueue, GivenUp, Retry
from localcloud.events.expressions import At, Expression, parse
from localcloud.events.schedule_rules import problem_of
from localcloud.events.targets import Targets
from localcloud.moto_changes.patching import all_patched

PRECISION = 60.0
"""Seconds: Scheduler is precise to the minute, so a time within this minute is not yet past. It
accepts past times (recorded in February 2025: github.com/localstack/localstack, test_scheduler);
that those never fire is assumed."""
_MOMENT_BEFORE = timedelta(microseconds=1)
MAX_RESULTS = 100
"""Schedules on a page of ListSchedules if the request does not say (botocore's model has it as the
maximum)."""


@contextmanager
def schedules_fire(
    clock: Clock, queue: DeliveryQueue, targets: Targets, locks: ServiceLocks
) -> Iterator[Alarms]:
    """While entered, moto's Scheduler checks schedules and delivers them when they are due."""
    alarms = Alarms(clock, queue, targets, locks)

    class Backend(EventBridgeSchedulerBackend):
        def create_schedule(self, **arguments: Any) -> Schedule:
            token, after = arguments.pop("client_token"), arguments["action_after_completion"]
            group = self.get_schedule_group(arguments["group_name"])
            existing = group.schedules.get(arguments["name"])
            if existing and token and existing.client_token == token:
                return existing
            schedule = super().create_schedule(**arguments)
            schedule.client_token = token
            schedule.state = arguments["state"] or "ENABLED"
            schedule.action_after_completion = after or "NONE"
            schedule.creation_date = schedule.last_modified_date = clock.now()
            alarms.set(self, schedule)
            return schedule

        def update_schedule(self, **arguments: Any) -> Schedule:
            """Members that the request omits get their defaults again (W03), as on AWS."""
            del arguments["client_token"]
            after = arguments.pop("action_after_completion")
            schedule = super().update_schedule(**arguments)
            schedule.state = arguments["state"] or "ENABLED"
            schedule.action_after_completion = after or "NONE"
            schedule.last_modified_date = clock.now()
            alarms.set(self, schedule)
            return schedule

        def delete_schedule(self, group_name: str | None, name: str) -> None:
            schedule = self.get_schedule(group_name, name)
            super().delete_schedule(group_name, name)
            alarms.clear(schedule)

        def create_schedule_group(self, name: str, tags: list[dict[str, str]]) -> ScheduleGroup:
            if name in self.schedule_groups:
                message = f"Schedule group {name} already exists."
                raise JsonRESTError("ConflictException", message)
            return super().create_schedule_group(name, tags)

        def delete_schedule_group(self, name: str | None) -> None:
            """Also deletes its schedules (user guide, "Deleting a schedule group"); on AWS they go
            later, and may fire until then."""
            group = self.get_schedule_group(name)
            if group.name == "default":
                raise ValidationException("The default schedule group cannot be deleted.")
            for schedule in list(group.schedules.values()):
                self.delete_schedule(group.name, schedule.name)
            super().delete_schedule_group(group.name)

    Backend.__module__ = EventBridgeSchedulerBackend.__module__

    def create_schedule(self: EventBridgeSchedulerResponse) -> str:
        """A repeated request creates nothing more: moto ignores ClientToken (W03)."""
        arguments = _checked(self, "CreateSchedule", clock)
        return json.dumps({"ScheduleArn": self.scheduler_backend.create_schedule(**arguments).arn})

    def update_schedule(self: EventBridgeSchedulerResponse) -> str:
        """moto forgets ActionAfterCompletion."""
        arguments = _checked(self, "UpdateSchedule", clock)
        return json.dumps({"ScheduleArn": self.scheduler_backend.update_schedule(**arguments).arn})

    with all_patched(
        (
            (scheduler_backends, "backend", Backend),
            # moto uses the machine's clock; `_checked` has used the local cloud's.
            (Schedule, "_validate_start_date", lambda _, start_date: start_date),
            (EventBridgeSchedulerResponse, "create_schedule", create_schedule),
            (EventBridgeSchedulerResponse, "update_schedule", update_schedule),
            (EventBridgeSchedulerResponse, "list_schedules", _list_schedules),
            (EventBridgeSchedulerResponse, "list_tags_for_resource", _list_tags_for_resource),
        )
    ):
        yield alarms


_MEMBERS = {
    "description": "Description",
    "end_date": "EndDate",
    "flexible_time_window": "FlexibleTimeWindow",
    "group_name": "GroupName",
    "kms_key_arn": "KmsKeyArn",
    "schedule_expression": "ScheduleExpression",
    "schedule_expression_timezone": "ScheduleExpressionTimezone",
    "start_date": "StartDate",
    "state": "State",
    "target": "Target",
    "action_after_completion": "ActionAfterCompletion",
    "client_token": "ClientToken",
}


def _checked(request: EventBridgeSchedulerResponse, operation: str, clock: Clock) -> dict[str, Any]:
    """Converts the request's members to moto's argument names. Raises moto's
    ValidationException."""
    name = unquote(request.uri.split("?")[0].split("/")[-1])
    members = {"Name": name, **json.loads(request.body or "{}")}
    if problem := problem_of(operation, members, clock.now()):
        raise ValidationException(problem)
    return {"name": name, **{key: members.get(member) for key, member in _MEMBERS.items()}}


def _list_schedules(self: EventBridgeSchedulerResponse) -> str:
    """moto ignores the limit, returns whole schedules, and does not miss an unknown group."""
    # moto passes the headers here if there is no query.
    filters = {name: values[0] for name, values in self.querystring.items() if name in _LISTING}
    group = filters.pop("ScheduleGroup", None)
    size = int(filters.get("MaxResults", MAX_RESULTS))
    given = {**filters, **({"GroupName": group} if group else {}), "MaxResults": size}
    if problems := request_shape.problems("scheduler", "ListSchedules", given):
        raise ValidationException("; ".join(f"{p.path}: {p.message}" for p in problems))
    backend = self.scheduler_backend
    groups = [backend.get_schedule_group(group)] if group else backend.schedule_groups.values()
    wanted = [
        schedule
        for one in groups
        for schedule in one.schedules.values()
        if schedule.state == filters.get("State", schedule.state)
        and schedule.name.startswith(filters.get("NamePrefix", ""))
    ]
    try:
        shown, token = paging.page(wanted, lambda s: str(s.arn), size, filters.get("NextToken"))
    except paging.InvalidTokenError:
        raise ValidationException("Invalid NextToken provided.") from None
    return json.dumps({"Schedules": [_summary(one) for one in shown], "NextToken": token})


_LISTING = ("ScheduleGroup", "NamePrefix", "State", "NextToken", "MaxResults")
_SUMMARY = (
    "Arn",
    "Name",
    "GroupName",
    "State",
    "CreationDate",
    "LastModificationDate",
    "Target",
)


def _summary(schedule: Schedule) -> dict[str, Any]:
    everything = schedule.to_dict(short=True)
    return {name: everything[name] for name in _SUMMARY}


def _list_tags_for_resource(self: EventBridgeSchedulerResponse) -> str:
    """Only groups have tags, and only existing ones."""
    arn = unquote(self.uri.split("/tags/")[-1])
    given = {"ResourceArn": arn}
    if problems := request_shape.problems("scheduler", "ListTagsForResource", given):
        raise ValidationException("; ".join(f"{p.path}: {p.message}" for p in problems))
    backend = self.scheduler_backend
    if arn not in [group.arn for group in backend.schedule_groups.values()]:
        raise ScheduleGroupNotFound(arn.rpartition("/")[2])
    return json.dumps(backend.list_tags_for_resource(arn))


class Alarms:
    """The next time of each schedule, on the clock."""

    def __init__(
        self, clock: Clock, queue: DeliveryQueue, targets: Targets, locks: ServiceLocks
    ) -> None:
        self._clock = clock
        self._queue = queue
        self._targets = targets
        self._lock = locks.of("scheduler")
        self._timers: dict[str, Timer] = {}

    def set(self, backend: EventBridgeSchedulerBackend, schedule: Schedule) -> None:
        with self._lock:
            self.clear(schedule)
            if schedule.state != "ENABLED":
                return
            now = as_datetime(self._clock.now())
            start = _moment(schedule.start_date)
            expression = parse(
                schedule.schedule_expression, schedule.schedule_expression_timezone, start or now
            )
            # On the StartDate or after it; without one a rate begins at once (user guide, "Schedule
            # types", and the API reference).
            begin = max(now, start) if start else now
            self._arm(backend, schedule, expression, begin - _MOMENT_BEFORE)

    def clear(self, schedule: Schedule) -> None:
        if timer := self._timers.pop(schedule.arn, None):
            timer.cancel()

    def fire(self, account_id: str, region: str, name: str) -> None:
        """Makes a schedule due in the next whole second, whatever its expression. Raises
        LookupError."""
        backend = scheduler_backends[account_id][region]
        with self._lock:
            found = [
                group.schedules[name]
                for group in backend.schedule_groups.values()
                if name in group.schedules
            ]
            if not found or not (timer := self._timers.get(found[0].arn)):
                raise LookupError(f"no schedule {name!r} that is enabled and still to come")
            timer.cancel()
            schedule, now = found[0], self._clock.now()
            expression = parse(
                schedule.schedule_expression,
                schedule.schedule_expression_timezone,
                _moment(schedule.start_date) or as_datetime(now),
            )
            due = math.ceil(now)
            self._timers[schedule.arn] = self._clock.call_later(
                due - now, lambda: self._fire(backend, schedule, expression, as_datetime(due))
            )

    def _arm(
        self,
        backend: EventBridgeSchedulerBackend,
        schedule: Schedule,
        expression: Expression,
        after: datetime,
    ) -> None:
        if isinstance(expression, At):
            due: datetime | None = expression.moment
        else:
            due = expression.next_after(after)
            end = _moment(schedule.end_date)
            if due is not None and end and due > end:
                due = None
        if due is None or due.timestamp() < self._clock.now() - PRECISION:
            return
        moment, delay = due, due.timestamp() - self._clock.now()
        self._timers[schedule.arn] = self._clock.call_later(
            delay, lambda: self._fire(backend, schedule, expression, moment)
        )

    def _fire(
        self,
        backend: EventBridgeSchedulerBackend,
        schedule: Schedule,
        expression: Expression,
        due: datetime,
    ) -> None:
        with self._lock:
            if self._timers.pop(schedule.arn, None) is None:
                return
            self._queue.submit(self._delivery(schedule, due))
            if not isinstance(expression, At):
                self._arm(backend, schedule, expression, due)
            if schedule.arn not in self._timers and schedule.action_after_completion == "DELETE":
                backend.delete_schedule(schedule.group_name, schedule.name)

    def _delivery(self, schedule: Schedule, due: datetime) -> Delivery:
        target, execution_id = schedule.target, str(uuid.uuid4())
        policy = target["RetryPolicy"]
        attempts = itertools.count(1)

        def body(attempt: int) -> str:
            text = target.get("Input", "{}")
            for name, value in (
                ("schedule-arn", schedule.arn),
                ("scheduled-time", due.strftime("%Y-%m-%dT%H:%M:%SZ")),
                ("execution-id", execution_id),
                ("attempt-number", str(attempt)),
            ):
                text = text.replace(f"<aws.scheduler.{name}>", value)
            return str(text)

        def give_up(given_up: GivenUp) -> None:
            dead_letters = target.get("DeadLetterConfig", {}).get("Arn")
            names = {"SCHEDULE_ARN": schedule.arn, "TARGET_ARN": target["Arn"]}
            # With the schedule's role (user guide, "Configuring a dead-letter queue").
            self._targets.bury(
                dead_letters, body(given_up.retries + 1), names, given_up, role=target["RoleArn"]
            )

        return Delivery(
            target_arn=target["Arn"],
            attempt=lambda: self._targets.deliver(target, body(next(attempts))),
            retry=Retry(
                attempts=policy.get("MaximumRetryAttempts", 185),
                max_age=policy.get("MaximumEventAgeInSeconds", 86_400),
            ),
            give_up=give_up,
        )


def _moment(seconds: Any) -> datetime | None:
    return datetime.fromtimestamp(float(seconds), UTC) if seconds else None
