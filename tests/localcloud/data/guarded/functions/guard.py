"""A custom resource's function, which answers as its properties and a queue of refusals say."""

import json
import os
import urllib.request
from typing import Any

import boto3


def handler(event: dict[str, Any], context: Any) -> str:
    print(json.dumps(event))
    properties = event["ResourceProperties"]
    if properties.get("Fails") == event["RequestType"]:
        raise RuntimeError("the guard is broken")
    if properties.get("Silent") == event["RequestType"]:
        return "what a function returns is no answer"
    reason = _refusal(event, properties)
    answer = {
        "Status": "FAILED" if reason else "SUCCESS",
        "PhysicalResourceId": event.get("PhysicalResourceId", "the-guard"),
        "StackId": event["StackId"],
        "RequestId": event["RequestId"],
        "LogicalResourceId": event["LogicalResourceId"],
        "Data": {"Count": properties["Count"], "Type": event["ResourceType"]},
        **({"Reason": reason} if reason else {}),
        **json.loads(properties.get("Answer", "{}")),
    }
    request = urllib.request.Request(
        event["ResponseURL"],
        json.dumps(answer).encode(),
        {"Content-Type": properties.get("ContentType", "")},
        method="PUT",
    )
    with urllib.request.urlopen(request, timeout=5) as taken:
        return str(taken.status)


def _refusal(event: dict[str, Any], properties: dict[str, Any]) -> str | None:
    if event["RequestType"] == "Create":
        return properties.get("Refusal")
    if event["RequestType"] == "Update":
        return properties.get("RefusesUpdate")
    table = os.environ["TABLE_NAME"]
    living = boto3.client("dynamodb").scan(TableName=table)["Items"]
    names = sorted(item["environment"]["S"] for item in living)
    return f"environments live: {', '.join(names)}" if names else None
