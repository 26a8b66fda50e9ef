"""EventBridge Scheduler: schedules that are checked when made, and fire when due."""

from __future__ import annotations

import json
import uuid
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import Any

from moto.scheduler.exceptions import ValidationException
from moto.scheduler.models import (
    EventBridgeSchedulerBackend,
    Schedule,
    scheduler_backends,
)
from moto.scheduler.responses import EventBridgeSchedulerResponse

from localcloud.clock import Clock, Timer, as_datetime
from localcloud.events.delivery import Delivery, DeliveryQueue, GivenUp, Retry
from localcloud.events.expressions import At, Expression, ExpressionError, parse
from localcloud.events.targets import Targets
from localcloud.locks import ServiceLocks
from localcloud.patching import patched

PRECISION = 60.0
"""Seconds: Scheduler promises the minute, so a moment of this minute is not yet past."""


@contextmanager
def schedules_fire(
    clock: Clock, queue: DeliveryQueue, targets: Targets, locks: ServiceLocks
) -> Iterator[None]:
    """While entered, moto's Scheduler checks schedules and delivers them when they are due."""
    alarms = _Alarms(clock, queue, targets, locks)

    class Backend(EventBridgeSchedulerBackend):
        def create_schedule(self, **arguments: Any) -> Schedule:
            _check(arguments, clock)
            token, after = arguments.pop("client_token"), arguments["action_after_completion"]
            group = self.get_schedule_group(arguments["group_name"])
            existing = group.schedules.get(arguments["name"])
            if existing and token and existing.client_token == token:
                return existing
            schedule = super().create_schedule(**arguments)
            schedule.client_token = token
            schedule.state = arguments["state"] or "ENABLED"
            schedule.action_after_completion = after or "NONE"
            alarms.set(self, schedule)
            return schedule

        def update_schedule(self, **arguments: Any) -> Schedule:
            """Whatever is not given goes back to its default (W03), as on AWS."""
            _check(arguments, clock)
            del arguments["client_token"]
            after = arguments.pop("action_after_completion")
            schedule = super().update_schedule(**arguments)
            schedule.state = arguments["state"] or "ENABLED"
            schedule.action_after_completion = after or "NONE"
            alarms.set(self, schedule)
            return schedule

        def delete_schedule(self, group_name: str | None, name: str) -> None:
            schedule = self.get_schedule(group_name, name)
            super().delete_schedule(group_name, name)
            alarms.clear(schedule)

    Backend.__module__ = EventBridgeSchedulerBackend.__module__
    with (
        patched(scheduler_backends, "backend", Backend),
        patched(EventBridgeSchedulerResponse, "create_schedule", _create_schedule),
        patched(EventBridgeSchedulerResponse, "update_schedule", _update_schedule),
    ):
        yield


def _create_schedule(self: EventBridgeSchedulerResponse) -> str:
    """A request that is sent again makes nothing twice: moto does not know ClientToken (W03)."""
    schedule = self.scheduler_backend.create_schedule(**_arguments(self))
    return json.dumps({"ScheduleArn": schedule.arn})


def _update_schedule(self: EventBridgeSchedulerResponse) -> str:
    """moto forgets ActionAfterCompletion."""
    schedule = self.scheduler_backend.update_schedule(**_arguments(self))
    return json.dumps({"ScheduleArn": schedule.arn})


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


def _arguments(request: EventBridgeSchedulerResponse) -> dict[str, Any]:
    """moto's argument names for the request's members."""
    arguments = {name: request._get_param(member) for name, member in _MEMBERS.items()}
    return {"name": request.uri.split("?")[0].split("/")[-1], **arguments}


def _check(arguments: Mapping[str, Any], clock: Clock) -> None:
    """Refuse what AWS refuses. Raises moto's ValidationException."""
    expression = arguments["schedule_expression"]
    try:
        parsed = parse(
            expression, arguments["schedule_expression_timezone"], as_datetime(clock.now())
        )
    except ExpressionError as error:
        raise ValidationException(str(error)) from error
    # Weakly known: users of other tools report that AWS refuses a moment that is past.
    if isinstance(parsed, At) and parsed.moment.timestamp() < clock.now() - PRECISION:
        raise ValidationException(f"Invalid Schedule Expression {expression}: it is in the past.")
    target = arguments["target"]
    for member in ("Arn", "RoleArn"):
        if not target.get(member):
            raise ValidationException(f"Target.{member} must not be empty.")
    if "Input" in target and ":states:" in target["Arn"]:
        try:
            json.loads(target["Input"])
        except ValueError as error:
            raise ValidationException("Target.Input must be JSON.") from error


class _Alarms:
    """The next moment of each schedule, on the clock."""

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
            if schedule.state == "ENABLED":
                self._arm(backend, schedule, self._expression(schedule), self._now())

    def clear(self, schedule: Schedule) -> None:
        if timer := self._timers.pop(schedule.arn, None):
            timer.cancel()

    def _arm(
        self,
        backend: EventBridgeSchedulerBackend,
        schedule: Schedule,
        expression: Expression,
        after: datetime,
    ) -> None:
        start, end = _moment(schedule.start_date), _moment(schedule.end_date)
        due = expression.next_after(max(after, start) if start else after)
        if isinstance(expression, At):
            due = max(expression.moment, after)
        if due is None or (end and due > end):
            return
        delay = due.timestamp() - self._clock.now()
        self._timers[schedule.arn] = self._clock.call_later(
            delay, lambda: self._fire(backend, schedule, expression, due)
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
        target = schedule.target
        policy = target["RetryPolicy"]
        body = _filled(target.get("Input", "{}"), schedule, due)
        dead_letters = target.get("DeadLetterConfig", {}).get("Arn")

        def give_up(given_up: GivenUp) -> None:
            names = {"SCHEDULE_ARN": schedule.arn, "TARGET_ARN": target["Arn"]}
            role = target["RoleArn"]
            self._targets.bury(dead_letters, body, names, given_up, role=role)

        return Delivery(
            target_arn=target["Arn"],
            attempt=lambda: self._targets.deliver(target, body),
            retry=Retry(
                attempts=policy.get("MaximumRetryAttempts", 185),
                max_age=policy.get("MaximumEventAgeInSeconds", 86_400),
            ),
            give_up=give_up,
        )

    def _expression(self, schedule: Schedule) -> Expression:
        begin = _moment(schedule.start_date) or self._now()
        return parse(schedule.schedule_expression, schedule.schedule_expression_timezone, begin)

    def _now(self) -> datetime:
        return as_datetime(self._clock.now())


def _filled(text: str, schedule: Schedule, due: datetime) -> str:
    """The input with Scheduler's context attributes put in."""
    attributes = {
        "<aws.scheduler.schedule-arn>": schedule.arn,
        "<aws.scheduler.scheduled-time>": due.strftime("%Y-%m-%dT%H:%M:%SZ"),
        "<aws.scheduler.execution-id>": str(uuid.uuid4()),
        "<aws.scheduler.attempt-number>": "1",
    }
    for name, value in attributes.items():
        text = text.replace(name, value)
    return text


def _moment(seconds: Any) -> datetime | None:
    return datetime.fromtimestamp(float(seconds), UTC) if seconds else None
