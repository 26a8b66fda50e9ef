"""A queue that gets what ECS and the stack publish about the environment."""

from __future__ import annotations

import json
from typing import Any

from .deployed import Aws, Deployed
from .recorder import Recorder

Json = dict[str, Any]


class Listener:
    """The queue and its two rules: on the default bus, and on the stack's.

    Their names are the run's own, so that creating and deleting them can be repeated."""

    def __init__(self, aws: Aws, stack: Deployed, run: str, recorder: Recorder) -> None:
        self._sqs = aws.client("sqs")
        self._events = aws.client("events")
        self._name = f"bivouac-{run}"
        self._buses = {
            "default": _of_ecs(aws, stack, run),
            stack.outputs["EventBusName"]: _told(run),
        }
        self._queue_url = ""
        self._recorder = recorder
        self._own: list[Json] = []

    def begin(self) -> None:
        made = self._sqs.create_queue(QueueName=self._name)
        self._queue_url = made["QueueUrl"]
        attributes = self._sqs.get_queue_attributes(
            QueueUrl=self._queue_url, AttributeNames=["QueueArn"]
        )
        queue_arn = attributes["Attributes"]["QueueArn"]
        rules = [self._rule(bus, pattern) for bus, pattern in self._buses.items()]
        self._sqs.set_queue_attributes(
            QueueUrl=self._queue_url, Attributes={"Policy": _policy(queue_arn, rules)}
        )
        for bus in self._buses:
            self._events.put_targets(
                Rule=self._name, EventBusName=bus, Targets=[{"Id": "queue", "Arn": queue_arn}]
            )

    def _rule(self, bus: str, pattern: Json) -> str:
        rule = self._events.put_rule(
            Name=self._name, EventBusName=bus, EventPattern=json.dumps(pattern)
        )
        return str(rule["RuleArn"])

    def heard(self) -> list[Json]:
        """Reads what has arrived; returns the stack's own events so far."""
        while self._queue_url and (messages := self._receive()):
            for message in messages:
                event = json.loads(message["Body"])
                self._recorder.take(f"event.{event['detail-type']}", event)
                if event["source"] == "bivouac":
                    self._own.append(event)
                self._sqs.delete_message(
                    QueueUrl=self._queue_url, ReceiptHandle=message["ReceiptHandle"]
                )
        return self._own

    def _receive(self) -> list[Json]:
        answer = self._sqs.receive_message(QueueUrl=self._queue_url, MaxNumberOfMessages=10)
        messages: list[Json] = answer.get("Messages", [])
        return messages

    def end(self) -> None:
        """Deletes the rules and the queue, as far as they exist."""
        for bus in self._buses:
            named = {"Name": self._name, "EventBusName": bus}
            try:
                self._events.remove_targets(Rule=self._name, EventBusName=bus, Ids=["queue"])
            except self._events.exceptions.ResourceNotFoundException:
                continue
            self._events.delete_rule(**named)
        if self._queue_url:
            self._sqs.delete_queue(QueueUrl=self._queue_url)
            self._queue_url = ""


def _of_ecs(aws: Aws, stack: Deployed, run: str) -> Json:
    """ECS's events about the environment's cluster; recognised by `resources`, because not every
    detail is known to name the cluster."""
    arn = f"arn:{stack.partition}:ecs:{aws.region}:{stack.account}"
    cluster = f"{stack.prefix}-{run}"
    return {
        "source": ["aws.ecs"],
        "resources": [{"prefix": f"{arn}:{kind}/{cluster}/"} for kind in ("service", "task")],
    }


def _told(run: str) -> Json:
    return {"source": ["bivouac"], "detail": {"name": [run]}}


def _policy(queue_arn: str, rule_arns: list[str]) -> str:
    statement = {
        "Effect": "Allow",
        "Principal": {"Service": "events.amazonaws.com"},
        "Action": "sqs:SendMessage",
        "Resource": queue_arn,
        "Condition": {"ArnEquals": {"aws:SourceArn": rule_arns}},
    }
    return json.dumps({"Version": "2012-10-17", "Statement": [statement]})
