"""CloudWatch: log groups and alarms."""

from __future__ import annotations

from localcloud.template.makers.base import (
    Cloud,
    Deleter,
    Deployed,
    Made,
    Maker,
    Request,
    call,
    tags_map,
)


def log_group(cloud: Cloud, request: Request) -> Made:
    properties = request.properties
    name = properties.get("LogGroupName", request.default_name)
    call(
        cloud,
        "logs",
        "create_log_group",
        logGroupName=name,
        kmsKeyId=properties.get("KmsKeyId"),
        logGroupClass=properties.get("LogGroupClass"),
        tags=tags_map(properties),
    )
    if days := properties.get("RetentionInDays"):
        call(cloud, "logs", "put_retention_policy", logGroupName=name, retentionInDays=days)
    arn = f"arn:aws:logs:{cloud.region}:{cloud.account_id}:log-group:{name}:*"
    return Made(name, {"Arn": arn})


def alarm(cloud: Cloud, request: Request) -> Made:
    properties = dict(request.properties)
    name = properties.pop("AlarmName", request.default_name)
    call(cloud, "cloudwatch", "put_metric_alarm", AlarmName=name, **properties)
    arn = f"arn:aws:cloudwatch:{cloud.region}:{cloud.account_id}:alarm:{name}"
    return Made(name, {"Arn": arn})


MAKERS: dict[str, Maker] = {
    "AWS::CloudWatch::Alarm": alarm,
    "AWS::Logs::LogGroup": log_group,
}


def delete_log_group(cloud: Cloud, deployed: Deployed) -> None:
    call(cloud, "logs", "delete_log_group", logGroupName=deployed.made.ref)


def delete_alarm(cloud: Cloud, deployed: Deployed) -> None:
    call(cloud, "cloudwatch", "delete_alarms", AlarmNames=[deployed.made.ref])


DELETERS: dict[str, Deleter] = {
    "AWS::CloudWatch::Alarm": delete_alarm,
    "AWS::Logs::LogGroup": delete_log_group,
}
