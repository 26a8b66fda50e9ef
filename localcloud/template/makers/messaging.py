"""SQS queues and SNS topics."""

from __future__ import annotations

import json
from collections.abc import Iterable
from typing import Any

from localcloud.template.makers.base import (
    Cloud,
    Deleter,
    Deployed,
    Made,
    Maker,
    Request,
    Updater,
    call,
    changed,
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


def topic(cloud: Cloud, request: Request) -> Made:
    properties = request.properties
    name = properties.get("TopicName", request.generated_name())
    arn = call(cloud, "sns", "create_topic", Name=name, Tags=properties.get("Tags"))["TopicArn"]
    for subscription in properties.get("Subscription", []):
        call(cloud, "sns", "subscribe", TopicArn=arn, **subscription)
    return Made(arn, {"TopicArn": arn, "TopicName": name})


def subscription(cloud: Cloud, request: Request) -> Made:
    return Made(call(cloud, "sns", "subscribe", **request.properties)["SubscriptionArn"])


def topic_policy(cloud: Cloud, request: Request) -> Made:
    for arn in request.properties["Topics"]:
        call(
            cloud,
            "sns",
            "set_topic_attributes",
            TopicArn=arn,
            AttributeName="Policy",
            AttributeValue=document(request.properties["PolicyDocument"]),
        )
    return Made(request.logical_id)


def _attribute(value: Any) -> str:
    if isinstance(value, dict):
        return json.dumps(value)
    return str(value).lower() if isinstance(value, bool) else str(value)


MAKERS: dict[str, Maker] = {
    "AWS::SNS::Subscription": subscription,
    "AWS::SNS::Topic": topic,
    "AWS::SNS::TopicPolicy": topic_policy,
    "AWS::SQS::Queue": queue,
    "AWS::SQS::QueuePolicy": queue_policy,
}


def delete_queue(cloud: Cloud, deployed: Deployed) -> None:
    call(cloud, "sqs", "delete_queue", QueueUrl=deployed.made.ref)


def delete_queue_policy(cloud: Cloud, deployed: Deployed) -> None:
    _take_policy(cloud, deployed.request.properties["Queues"])


DELETERS: dict[str, Deleter] = {
    "AWS::SQS::Queue": delete_queue,
    "AWS::SQS::QueuePolicy": delete_queue_policy,
}

UPDATERS: dict[str, Updater] = {
    "AWS::SQS::Queue": update_queue,
    "AWS::SQS::QueuePolicy": update_queue_policy,
}
