"""EventBridge: buses, rules, schedules."""

from __future__ import annotations

import json

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
    retagged,
)


def rule(cloud: Cloud, request: Request) -> Made:
    return _put_rule(cloud, request, request.properties.get("Name", request.generated_name(64)))


def _put_rule(cloud: Cloud, request: Request, name: str) -> Made:
    """PutRule also resets what it is not given."""
    properties = request.properties
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


def update_rule(cloud: Cloud, before: Deployed, request: Request) -> Made:
    made = _put_rule(cloud, request, before.made.ref)
    old, new = (
        {target["Id"] for target in properties.get("Targets", [])}
        for properties in (before.request.properties, request.properties)
    )
    if gone := sorted(old - new):
        bus = request.properties.get("EventBusName")
        call(cloud, "events", "remove_targets", Rule=made.ref, EventBusName=bus, Ids=gone)
    return made


def event_bus(cloud: Cloud, request: Request) -> Made:
    name = request.properties["Name"]
    made = call(cloud, "events", "create_event_bus", Name=name)
    return Made(name, {"Arn": made["EventBusArn"], "Name": name})


def update_event_bus(_: Cloud, before: Deployed, request: Request) -> Made:
    changed(before, request, "Description")
    return before.made


def event_bus_policy(cloud: Cloud, request: Request) -> Made:
    properties = request.properties
    statement = {"Sid": properties["StatementId"], **properties["Statement"]}
    policy = document({"Version": "2012-10-17", "Statement": [statement]})
    bus = properties.get("EventBusName")
    call(cloud, "events", "put_permission", EventBusName=bus, Policy=policy)
    return Made(properties["StatementId"])


def update_event_bus_policy(cloud: Cloud, _: Deployed, request: Request) -> Made:
    return event_bus_policy(cloud, request)


def schedule_group(cloud: Cloud, request: Request) -> Made:
    name = request.properties.get("Name", request.generated_name(64))
    made = call(
        cloud, "scheduler", "create_schedule_group", Name=name, Tags=request.properties.get("Tags")
    )
    return Made(name, {"Arn": made["ScheduleGroupArn"]})


def update_schedule_group(cloud: Cloud, before: Deployed, request: Request) -> Made:
    changed(before, request, "Tags")
    arn, (tags, gone) = before.made.attributes["Arn"], retagged(before, request)
    listed = [{"Key": key, "Value": value} for key, value in tags.items()]
    call(cloud, "scheduler", "tag_resource", ResourceArn=arn, Tags=listed)
    if gone:
        call(cloud, "scheduler", "untag_resource", ResourceArn=arn, TagKeys=gone)
    return before.made


def schedule(cloud: Cloud, request: Request) -> Made:
    properties = {**request.properties}
    name = properties.pop("Name", request.generated_name(64))
    made = call(cloud, "scheduler", "create_schedule", Name=name, **properties)
    return Made(name, {"Arn": made["ScheduleArn"]})


def update_schedule(cloud: Cloud, before: Deployed, request: Request) -> Made:
    call(cloud, "scheduler", "update_schedule", **{**request.properties, "Name": before.made.ref})
    return before.made


def delete_rule(cloud: Cloud, deployed: Deployed) -> None:
    properties, name = deployed.request.properties, deployed.made.ref
    bus = properties.get("EventBusName")
    if ids := [target["Id"] for target in properties.get("Targets", [])]:
        call(cloud, "events", "remove_targets", Rule=name, EventBusName=bus, Ids=ids)
    call(cloud, "events", "delete_rule", Name=name, EventBusName=bus)


def delete_event_bus_policy(cloud: Cloud, deployed: Deployed) -> None:
    bus = deployed.request.properties.get("EventBusName")
    call(cloud, "events", "remove_permission", EventBusName=bus, StatementId=deployed.made.ref)


def delete_schedule(cloud: Cloud, deployed: Deployed) -> None:
    group = deployed.request.properties.get("GroupName")
    call(cloud, "scheduler", "delete_schedule", Name=deployed.made.ref, GroupName=group)


HANDLERS = {
    "AWS::Events::EventBus": Handlers(
        event_bus, deleting("events", "delete_event_bus", "Name"), update_event_bus
    ),
    "AWS::Events::EventBusPolicy": Handlers(
        event_bus_policy, delete_event_bus_policy, update_event_bus_policy
    ),
    "AWS::Events::Rule": Handlers(rule, delete_rule, update_rule),
    "AWS::Scheduler::Schedule": Handlers(schedule, delete_schedule, update_schedule),
    "AWS::Scheduler::ScheduleGroup": Handlers(
        schedule_group,
        deleting("scheduler", "delete_schedule_group", "Name"),
        update_schedule_group,
    ),
}
