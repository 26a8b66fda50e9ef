"""EventBridge rules: a matching event is delivered to each of the rule's targets."""

from __future__ import annotations

import json
import uuid
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

from moto.events.exceptions import ResourceNotFoundException, ValidationException
from moto.events.models import (
    EventBus,
    EventBusPolicyStatement,
    EventsBackend,
    Rule,
    events_backends,
)

from localcloud.clock import Clock, as_datetime
from localcloud.events.delivery import Delivery, DeliveryQueue, GivenUp, Retry
from localcloud.events.entries import RefusedRequestError, check, event_of, refusal_of
from localcloud.events.targets import Targets, delivery_problem
from localcloud.events.transformer import input_for
from localcloud.moto_changes.patching import patched

DAY = 86_400.0


@contextmanager
def rules_deliver(
    clock: Clock, queue: DeliveryQueue, targets: Targets, latency: float = 0.0
) -> Iterator[None]:
    """While entered, events that moto's EventBridge accepts go to the targets of matching rules.

    `latency`: seconds until an event reaches its targets.
    """

    def send_to_targets(self: Rule, original_event: dict[str, Any], _: bool = True) -> None:
        if self.state != "DISABLED" and self.event_pattern.matches_event(original_event):
            event = as_delivered(original_event)
            for target in self.targets:
                queue.submit(_delivery(self.arn, target, event, targets, latency))

    put_rule = EventsBackend.put_rule

    def put_event_rule(self: EventsBackend, *args: Any, **kwargs: Any) -> Rule:
        if kwargs.get("scheduled_expression"):
            raise NotImplementedError("a rule with a schedule never fires here: use Scheduler")
        return put_rule(self, *args, **kwargs)

    def put_events(self: EventsBackend, entries: list[dict[str, Any]]) -> list[dict[str, str]]:
        try:
            check(entries)
        except RefusedRequestError as error:
            raise ValidationException(str(error)) from error
        return [put_entry(self, entry) for entry in entries]

    def put_entry(self: EventsBackend, entry: dict[str, Any]) -> dict[str, str]:
        if refused := refusal_of(entry):
            return refused
        event = event_of(entry, self.account_id, self.region_name, clock.now())
        try:
            bus = self.describe_event_bus(entry.get("EventBusName") or "default")
        except ResourceNotFoundException:
            # Accepted and dropped (localstack/localstack@8b9a79f, recorded on AWS 2025-01:
            # test_events.snapshot.json::test_put_events_nonexistent_event_bus).
            return {"EventId": event["id"]}
        for rule in list(bus.rules.values()):
            rule.send_to_targets(event)
        return {"EventId": event["id"]}

    put_targets = EventsBackend.put_targets

    def put_checked_targets(
        self: EventsBackend, name: str, event_bus_arn: str | None, targets: list[dict[str, Any]]
    ) -> None:
        for target in targets:
            if problem := delivery_problem(target):
                raise ValidationException(problem)
        put_targets(self, name, event_bus_arn, targets)

    with (
        patched(Rule, "send_to_targets", send_to_targets),
        patched(EventsBackend, "put_rule", put_event_rule),
        patched(EventsBackend, "put_events", put_events),
        patched(EventsBackend, "put_targets", put_checked_targets),
        patched(EventBus, "add_policy", _add_policy),
    ):
        yield


def _add_policy(self: EventBus, policy: Mapping[str, Any]) -> None:
    """moto removes an earlier statement if a new one is about the same principal."""
    for statement in policy["Statement"]:
        self._statements[statement["Sid"]] = EventBusPolicyStatement.from_dict(statement)


def service_event(
    account_id: str,
    region: str,
    *,
    source: str,
    detail_type: str,
    detail: Mapping[str, Any],
    resources: Sequence[str],
    time: float,
    event_id: str | None = None,
) -> dict[str, Any]:
    """An event of an AWS service as moto keeps it. Without an id it gets a new one."""
    return {
        "version": "0",
        "id": event_id or str(uuid.uuid4()),
        "detail-type": detail_type,
        "source": source,
        "account": account_id,
        "time": time,
        "region": region,
        "resources": list(resources),
        "detail": dict(detail),
    }


def publish(event: dict[str, Any]) -> None:
    """Publishes a service's event on the default bus. PutEvents refuses such sources."""
    bus = events_backends[event["account"]][event["region"]].describe_event_bus("default")
    for rule in list(bus.rules.values()):
        rule.send_to_targets(event)


def _delivery(
    rule_arn: str,
    target: Mapping[str, Any],
    event: Mapping[str, Any],
    targets: Targets,
    latency: float,
) -> Delivery:
    policy = target.get("RetryPolicy", {})
    # W01: EventBridge retries for a day, 185 times, then drops the event.
    retry = Retry(
        attempts=policy.get("MaximumRetryAttempts", 185),
        max_age=policy.get("MaximumEventAgeInSeconds", DAY),
    )
    dead_letters = target.get("DeadLetterConfig", {}).get("Arn")

    def give_up(given_up: GivenUp) -> None:
        names = {"RULE_ARN": rule_arn, "TARGET_ARN": target["Arn"]}
        targets.bury(dead_letters, json.dumps(event), names, given_up, rule_arn=rule_arn)

    return Delivery(
        target_arn=target["Arn"],
        attempt=lambda: targets.deliver(target, input_for(target, event, rule_arn), rule_arn),
        retry=retry,
        give_up=give_up,
        event=event,
        after=latency,
    )


def as_delivered(event: Mapping[str, Any]) -> dict[str, Any]:
    """moto keeps the time as a number and adds a field of its own."""
    delivered = {key: value for key, value in event.items() if key != "ingestion-time"}
    moment = as_datetime(float(event["time"]))
    delivered["time"] = moment.strftime("%Y-%m-%dT%H:%M:%SZ")
    return delivered
