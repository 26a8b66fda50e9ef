"""CloudWatch: log groups and alarms."""

from __future__ import annotations

from localcloud.template.makers.base import (
    Cloud,
    Deployed,
    Handlers,
    Made,
    Request,
    call,
    changed,
    deleting,
    retagged,
    tags_map,
)


def log_group(cloud: Cloud, request: Request) -> Made:
    properties = request.properties
    name = properties.get("LogGroupName", request.generated_name())
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


def update_log_group(cloud: Cloud, before: Deployed, request: Request) -> Made:
    name, days = before.made.ref, request.properties.get("RetentionInDays")
    differs = changed(before, request, "RetentionInDays", "Tags")
    if "RetentionInDays" in differs and days:
        call(cloud, "logs", "put_retention_policy", logGroupName=name, retentionInDays=days)
    elif "RetentionInDays" in differs:
        call(cloud, "logs", "delete_retention_policy", logGroupName=name)
    if "Tags" in differs:
        tags, gone = retagged(before, request)
        if tags:
            call(cloud, "logs", "tag_log_group", logGroupName=name, tags=tags)
        if gone:
            call(cloud, "logs", "untag_log_group", logGroupName=name, tags=gone)
    return before.made


def alarm(cloud: Cloud, request: Request) -> Made:
    return _put_alarm(cloud, request, request.properties.get("AlarmName", request.generated_name()))


def update_alarm(cloud: Cloud, before: Deployed, request: Request) -> Made:
    """PutMetricAlarm also resets what it is not given."""
    return _put_alarm(cloud, request, before.made.ref)


def _put_alarm(cloud: Cloud, request: Request, name: str) -> Made:
    properties = {key: value for key, value in request.properties.items() if key != "AlarmName"}
    call(cloud, "cloudwatch", "put_metric_alarm", AlarmName=name, **properties)
    arn = f"arn:aws:cloudwatch:{cloud.region}:{cloud.account_id}:alarm:{name}"
    return Made(name, {"Arn": arn})


def delete_alarm(cloud: Cloud, deployed: Deployed) -> None:
    call(cloud, "cloudwatch", "delete_alarms", AlarmNames=[deployed.made.ref])


HANDLERS = {
    "AWS::CloudWatch::Alarm": Handlers(alarm, delete_alarm, update_alarm),
    "AWS::Logs::LogGroup": Handlers(
        log_group, deleting("logs", "delete_log_group", "logGroupName"), update_log_group
    ),
}
