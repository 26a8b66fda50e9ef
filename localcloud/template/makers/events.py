"""EventBridge: buses, rules, schedules."""

from __future__ import annotations

import json

from localcloud.template.makers.base import Cloud, Made, Maker, Request, call, document


def rule(cloud: Cloud, request: Request) -> Made:
    properties = request.properties
    name = properties.get("Name", request.default_name[:64])
    bus = properties.get("EventBusName")
    pattern = properties.get("EventPattern")
    made = call(
        cloud,
        "events",
        "put_rule",
        Name=name,
        EventPattern=json.dumps(pattern) if pattern else None,
        ScheduleExpression=properties.get("ScheduleExpression"),
        State=properties.get("State"),
        Description=properties.get("Description"),
        RoleArn=properties.get("RoleArn"),
        EventBusName=bus,
    )
    if targets := properties.get("Targets"):
        call(cloud, "events", "put_targets", Rule=name, EventBusName=bus, Targets=targets)
    return Made(name, {"Arn": made["RuleArn"]})


def event_bus(cloud: Cloud, request: Request) -> Made:
    name = request.properties["Name"]
    made = call(cloud, "events", "create_event_bus", Name=name)
    return Made(name, {"Arn": made["EventBusArn"], "Name": name})


def event_bus_policy(cloud: Cloud, request: Request) -> Made:
    properties = request.properties
    statement = {"Sid": properties["StatementId"], **properties["Statement"]}
    policy = document({"Version": "2012-10-17", "Statement": [statement]})
    bus = properties.get("EventBusName")
    call(cloud, "events", "put_permission", EventBusName=bus, Policy=policy)
    return Made(properties["StatementId"])


def schedule_group(cloud: Cloud, request: Request) -> Made:
    name = request.properties.get("Name", request.default_name[:64])
    made = call(
        cloud, "scheduler", "create_schedule_group", Name=name, Tags=request.properties.get("Tags")
    )
    return Made(name, {"Arn": made["ScheduleGroupArn"]})


def schedule(cloud: Cloud, request: Request) -> Made:
    properties = {**request.properties}
    name = properties.pop("Name", request.default_name[:64])
    made = call(cloud, "scheduler", "create_schedule", Name=name, **properties)
    return Made(name, {"Arn": made["ScheduleArn"]})


MAKERS: dict[str, Maker] = {
    "AWS::Events::EventBus": event_bus,
    "AWS::Events::EventBusPolicy": event_bus_policy,
    "AWS::Events::Rule": rule,
    "AWS::Scheduler::Schedule": schedule,
    "AWS::Scheduler::ScheduleGroup": schedule_group,
}
