"""SQS queues and their policies."""

from __future__ import annotations

import json
from collections.abc import Iterable
from typing import Any

from localcloud.template.makers.base import (
    Cloud,
    Deployed,
    Handlers,
    Made,
    Request,
    call,
    changed,
    deleting,
    document,
    tags_map,
)


def queue(cloud: Cloud, request: Request) -> Made:
    properties = dict(request.properties)
    name = properties.pop("QueueName", request.generated_name(80))
    tags = tags_map(properties)
    properties.pop("Tags", None)
    url = call(
        cloud,
        "sqs",
        "create_queue",
        QueueName=name,
        Attributes={key: _attribute(value) for key, value in properties.items()},
        tags=tags,
    )["QueueUrl"]
    arn = f"arn:aws:sqs:{cloud.region}:{cloud.account_id}:{name}"
    return Made(url, {"Arn": arn, "QueueName": name, "QueueUrl": url})


_ATTRIBUTES = (
    "DelaySeconds",
    "MaximumMessageSize",
    "MessageRetentionPeriod",
    "ReceiveMessageWaitTimeSeconds",
    "RedriveAllowPolicy",
    "RedrivePolicy",
    "SqsManagedSseEnabled",
    "VisibilityTimeout",
)


def update_queue(cloud: Cloud, before: Deployed, request: Request) -> Made:
    """Raises TemplateError for an attribute that returns to its default."""
    differs = changed(
        before, request, *(name for name in _ATTRIBUTES if name in request.properties)
    )
    attributes = {name: _attribute(request.properties[name]) for name in differs}
    call(cloud, "sqs", "set_queue_attributes", QueueUrl=before.made.ref, Attributes=attributes)
    return before.made


def queue_policy(cloud: Cloud, request: Request) -> Made:
    for url in request.properties["Queues"]:
        policy = document(request.properties["PolicyDocument"])
        call(cloud, "sqs", "set_queue_attributes", QueueUrl=url, Attributes={"Policy": policy})
    return Made(request.logical_id)


def update_queue_policy(cloud: Cloud, before: Deployed, request: Request) -> Made:
    gone = {*before.request.properties["Queues"]} - {*request.properties["Queues"]}
    made = queue_policy(cloud, request)
    _take_policy(cloud, gone)
    return made


def _take_policy(cloud: Cloud, queue_urls: Iterable[str]) -> None:
    for url in queue_urls:
        call(cloud, "sqs", "set_queue_attributes", QueueUrl=url, Attributes={"Policy": ""})


def _attribute(value: Any) -> str:
    if isinstance(value, dict):
        return json.dumps(value)
    return str(value).lower() if isinstance(value, bool) else str(value)


def delete_queue_policy(cloud: Cloud, deployed: Deployed) -> None:
    _take_policy(cloud, deployed.request.properties["Queues"])


HANDLERS = {
    "AWS::SQS::Queue": Handlers(queue, deleting("sqs", "delete_queue", "QueueUrl"), update_queue),
    "AWS::SQS::QueuePolicy": Handlers(queue_policy, delete_queue_policy, update_queue_policy),
}
