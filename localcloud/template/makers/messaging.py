"""SQS queues and SNS topics."""

from __future__ import annotations

import json
from typing import Any

from localcloud.template.makers.base import (
    Cloud,
    Deleter,
    Deployed,
    Made,
    Maker,
    Request,
    call,
    document,
    tags_map,
)


def queue(cloud: Cloud, request: Request) -> Made:
    properties = dict(request.properties)
    name = properties.pop("QueueName", request.default_name)
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


def queue_policy(cloud: Cloud, request: Request) -> Made:
    for url in request.properties["Queues"]:
        policy = document(request.properties["PolicyDocument"])
        call(cloud, "sqs", "set_queue_attributes", QueueUrl=url, Attributes={"Policy": policy})
    return Made(request.logical_id)


def topic(cloud: Cloud, request: Request) -> Made:
    properties = request.properties
    name = properties.get("TopicName", request.default_name)
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
    for url in deployed.request.properties["Queues"]:
        call(cloud, "sqs", "set_queue_attributes", QueueUrl=url, Attributes={"Policy": ""})


DELETERS: dict[str, Deleter] = {
    "AWS::SQS::Queue": delete_queue,
    "AWS::SQS::QueuePolicy": delete_queue_policy,
}
