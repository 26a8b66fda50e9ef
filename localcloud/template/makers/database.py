"""DynamoDB tables."""

from __future__ import annotations

from typing import Any

from localcloud.template.errors import TemplateError
from localcloud.template.makers.base import (
    Cloud,
    Deployed,
    Handlers,
    Made,
    Request,
    call,
    changed,
    deleting,
)


def table(cloud: Cloud, request: Request) -> Made:
    properties = request.properties
    name = properties.get("TableName", request.generated_name())
    made = call(
        cloud,
        "dynamodb",
        "create_table",
        TableName=name,
        AttributeDefinitions=properties["AttributeDefinitions"],
        KeySchema=properties["KeySchema"],
        BillingMode=properties.get("BillingMode"),
        ProvisionedThroughput=properties.get("ProvisionedThroughput"),
        GlobalSecondaryIndexes=properties.get("GlobalSecondaryIndexes"),
        LocalSecondaryIndexes=properties.get("LocalSecondaryIndexes"),
        StreamSpecification=_stream(properties.get("StreamSpecification")),
        SSESpecification=_encryption(properties.get("SSESpecification")),
        DeletionProtectionEnabled=properties.get("DeletionProtectionEnabled"),
        Tags=properties.get("Tags"),
    )["TableDescription"]
    _set_backups(cloud, name, properties)
    _set_expiry(cloud, name, properties)
    attributes = {"Arn": made["TableArn"]}
    if "LatestStreamArn" in made:
        attributes["StreamArn"] = made["LatestStreamArn"]
    return Made(name, attributes)


def _set_backups(cloud: Cloud, name: str, properties: dict[str, Any]) -> None:
    if recovery := properties.get("PointInTimeRecoverySpecification"):
        call(
            cloud,
            "dynamodb",
            "update_continuous_backups",
            TableName=name,
            PointInTimeRecoverySpecification=recovery,
        )


def _set_expiry(cloud: Cloud, name: str, properties: dict[str, Any]) -> None:
    if expiry := properties.get("TimeToLiveSpecification"):
        call(
            cloud,
            "dynamodb",
            "update_time_to_live",
            TableName=name,
            TimeToLiveSpecification=expiry,
        )


def update_table(cloud: Cloud, before: Deployed, request: Request) -> Made:
    name, properties = before.made.ref, request.properties
    differs = changed(
        before,
        request,
        "AttributeDefinitions",
        "GlobalSecondaryIndexes",
        "PointInTimeRecoverySpecification",
        "TimeToLiveSpecification",
    )
    if "PointInTimeRecoverySpecification" in differs:
        _set_backups(cloud, name, properties)
    if "TimeToLiveSpecification" in differs:
        _set_expiry(cloud, name, properties)
    if "GlobalSecondaryIndexes" in differs:
        call(
            cloud,
            "dynamodb",
            "update_table",
            TableName=name,
            AttributeDefinitions=properties["AttributeDefinitions"],
            GlobalSecondaryIndexUpdates=[_index_update(before, request)],
        )
    return before.made


def _index_update(before: Deployed, request: Request) -> dict[str, Any]:
    """The one index that is added or removed. CloudFormation neither does more in one update nor
    changes an index (reference, AWS::DynamoDB::Table, GlobalSecondaryIndexes); its messages are
    those of https://github.com/aws/aws-cdk/issues/14920 and
    https://github.com/aws-amplify/amplify-category-api/issues/988. Raises TemplateError."""
    old, new = (
        {index["IndexName"]: index for index in properties.get("GlobalSecondaryIndexes", [])}
        for properties in (before.request.properties, request.properties)
    )
    if any(old[name] != new[name] for name in old.keys() & new.keys()):
        raise TemplateError(
            f"{request.logical_id}: Cannot update GSI's properties other than Provisioned "
            "Throughput and Contributor Insights Specification. You can create a new GSI with a "
            "different name."
        )
    updates: list[dict[str, Any]] = [{"Delete": {"IndexName": name}} for name in old.keys() - new]
    updates += [{"Create": new[name]} for name in new.keys() - old]
    if len(updates) > 1:
        raise TemplateError(
            f"{request.logical_id}: Cannot perform more than one GSI creation or deletion in a "
            "single update"
        )
    return updates[0]


def _stream(specification: dict[str, str] | None) -> dict[str, object] | None:
    # The template's form has no StreamEnabled: a StreamSpecification enables the stream.
    return {"StreamEnabled": True, **specification} if specification else None


def _encryption(specification: dict[str, object] | None) -> dict[str, object] | None:
    if not specification:
        return None
    renamed = {"SSEEnabled": "Enabled"}
    return {renamed.get(key, key): value for key, value in specification.items()}


HANDLERS = {
    "AWS::DynamoDB::Table": Handlers(
        table, deleting("dynamodb", "delete_table", "TableName"), update_table
    ),
}
