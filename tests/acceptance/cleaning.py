"""Deletes everything that a run created, and says what is left.

The stack's own deletion comes first: that is what it is for. Leftovers are deleted directly, by the
names of this run, which nothing else has.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial

from botocore.exceptions import ClientError

from .deployed import Aws, Deployed
from .executions import Executions, StepFailedError


@dataclass(frozen=True)
class Thing:
    kind: str
    name: str
    delete: Callable[[], object]

    def __str__(self) -> str:
        return f"{self.kind} {self.name}"


class Remains:
    """What exists of a run's environment."""

    def __init__(self, aws: Aws, stack: Deployed, run: str) -> None:
        self._ecs = aws.client("ecs")
        self._cloudmap = aws.client("servicediscovery")
        self._logs = aws.client("logs")
        self._scheduler = aws.client("scheduler")
        self._run = run
        self._cluster = f"{stack.prefix}-{run}"

    def found(self) -> list[Thing]:
        """In an order in which it can be deleted; a deletion that comes too early is repeated."""
        return [
            *self._in_the_cluster(),
            *self._in_cloud_map(),
            *self._log_groups(),
            *self._task_definitions(),
            *self._schedules(),
        ]

    def _in_the_cluster(self) -> Iterator[Thing]:
        ecs, cluster = self._ecs, self._cluster
        described = ecs.describe_clusters(clusters=[cluster])["clusters"]
        if not any(each["status"] != "INACTIVE" for each in described):
            return
        for page in ecs.get_paginator("list_services").paginate(cluster=cluster):
            for arn in page["serviceArns"]:
                delete = partial(ecs.delete_service, cluster=cluster, service=arn, force=True)
                yield Thing("service", arn, delete)
        yield Thing("cluster", cluster, partial(ecs.delete_cluster, cluster=cluster))

    def _in_cloud_map(self) -> Iterator[Thing]:
        cloudmap = self._cloudmap
        named = [{"Name": "NAME", "Values": [self._cluster], "Condition": "EQ"}]
        for namespace in cloudmap.list_namespaces(Filters=named)["Namespaces"]:
            id = namespace["Id"]
            within = [{"Name": "NAMESPACE_ID", "Values": [id], "Condition": "EQ"}]
            for service in cloudmap.list_services(Filters=within)["Services"]:
                delete = partial(self._delete_cloud_map_service, service["Id"])
                yield Thing("Cloud Map service", service["Name"], delete)
            yield Thing("namespace", namespace["Name"], partial(cloudmap.delete_namespace, Id=id))

    def _delete_cloud_map_service(self, id: str) -> None:
        for instance in self._cloudmap.list_instances(ServiceId=id)["Instances"]:
            self._cloudmap.deregister_instance(ServiceId=id, InstanceId=instance["Id"])
        self._cloudmap.delete_service(Id=id)

    def _log_groups(self) -> Iterator[Thing]:
        prefix = f"/{self._cluster}/"
        for group in self._logs.describe_log_groups(logGroupNamePrefix=prefix)["logGroups"]:
            name = group["logGroupName"]
            yield Thing("log group", name, partial(self._logs.delete_log_group, logGroupName=name))

    def _task_definitions(self) -> Iterator[Thing]:
        families = self._ecs.list_task_definition_families(
            familyPrefix=f"{self._cluster}--", status="ALL"
        )["families"]
        for family in families:
            for status in ("ACTIVE", "INACTIVE"):
                listed = self._ecs.list_task_definitions(familyPrefix=family, status=status)
                for arn in listed["taskDefinitionArns"]:
                    yield Thing("task definition", arn, partial(self._delete_definition, arn))

    def _delete_definition(self, arn: str) -> None:
        self._ecs.deregister_task_definition(taskDefinition=arn)
        self._ecs.delete_task_definitions(taskDefinitions=[arn])

    def _schedules(self) -> Iterator[Thing]:
        listed = self._scheduler.list_schedules(NamePrefix=f"{self._run}-")["Schedules"]
        for schedule in listed:
            name, group = schedule["Name"], schedule["GroupName"]
            delete = partial(self._scheduler.delete_schedule, Name=name, GroupName=group)
            yield Thing("schedule", name, delete)


def clean(
    remains: Remains, executions: Executions, run: str, pause: Callable[[], object], limit: float
) -> Iterator[str]:
    """Deletes everything. Returns a line for what the stack did not do, and for each leftover."""
    if not remains.found():
        return
    try:
        content = {"environment": run, "reason": "the acceptance suite cleans up"}
        ended = executions.run("DeleteEnvironment", content, f"{run}-cleaning")
        ended.must_have("SUCCEEDED")
    except (StepFailedError, ClientError) as error:
        yield f"the stack did not delete its environment: {error}"
    problems: dict[str, ClientError] = {}
    end = time.monotonic() + limit
    while things := remains.found():
        for thing in things:
            try:
                thing.delete()
            except ClientError as error:
                problems[str(thing)] = error
        if time.monotonic() >= end:
            break
        pause()
    for thing in remains.found():
        yield f"left: {thing}: {problems.get(str(thing), 'its deletion goes on')}"
