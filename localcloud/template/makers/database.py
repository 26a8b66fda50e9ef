"""DynamoDB tables."""

from __future__ import annotations

from localcloud.template.makers.base import Cloud, Deleter, Deployed, Made, Maker, Request, call


def table(cloud: Cloud, request: Request) -> Made:
    properties = request.properties
    name = properties.get("TableName", request.default_name)
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
    if recovery := properties.get("PointInTimeRecoverySpecification"):
        call(
            cloud,
            "dynamodb",
            "update_continuous_backups",
            TableName=name,
            PointInTimeRecoverySpecification=recovery,
        )
    if expiry := properties.get("TimeToLiveSpecification"):
        call(
            cloud,
            "dynamodb",
            "update_time_to_live",
            TableName=name,
            TimeToLiveSpecification=expiry,
        )
    attributes = {"Arn": made["TableArn"]}
    if "LatestStreamArn" in made:
        attributes["StreamArn"] = made["LatestStreamArn"]
    return Made(name, attributes)


def _stream(specification: dict[str, str] | None) -> dict[str, object] | None:
    # The template's form has no StreamEnabled: being there says it.
    return {"StreamEnabled": True, **specification} if specification else None


def _encryption(specification: dict[str, object] | None) -> dict[str, object] | None:
    if not specification:
        return None
    renamed = {"SSEEnabled": "Enabled"}
    return {renamed.get(key, key): value for key, value in specification.items()}


MAKERS: dict[str, Maker] = {"AWS::DynamoDB::Table": table}


def delete_table(cloud: Cloud, deployed: Deployed) -> None:
    call(cloud, "dynamodb", "delete_table", TableName=deployed.made.ref)


DELETERS: dict[str, Deleter] = {"AWS::DynamoDB::Table": delete_table}
