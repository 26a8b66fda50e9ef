"""The fewest calls with which an environment can be created, proven and deleted by hand.

Written for one environment, without a branch: it checks once whether the names are free and the
network exists, retries nothing, and would leave everything behind if it failed half-way. It creates
what Bivouac creates from the same request, under other names: the same definitions, tags and proof
clients.

It has an advantage that a script would not have: it gets ECS's events for free, and so reads once
when all tasks run. What has no event it polls every two seconds, as Bivouac promises to.
"""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Any

import boto3

from bench.waiting import BenchError, Stop
from bivouac.environment.blueprint import (
    Blueprint,
    ServiceBlueprint,
    cloud_map_tags,
    create_cluster_arguments,
    create_service_arguments,
    from_ecs_tags,
    register_task_definition_arguments,
    service_specification,
)
from bivouac.proof import mesh
from localcloud.cloud import LocalCloud
from localcloud.credentials import user_keys
from localcloud.ecs.announcements import Announcement

KEYS = user_keys()
POLL = 2.0
"""Seconds between two polls of what has no event."""
GENERATION = 1
TABLE = "minimal"
SERVICES_A_CALL, TASKS_A_CALL, DEFINITIONS_A_CALL = 10, 100, 10
LIMIT = 600.0
"""Seconds for each wait."""


def caller(access_key_id: str, /) -> bool:
    return access_key_id == KEYS.access_key_id


class TaskEvents:
    """ECS's own events about the tasks, as a rule would deliver them: no AWS call."""

    def __init__(self) -> None:
        self._tasks: dict[str, Mapping[str, Any]] = {}
        self._changed = threading.Condition()

    def __call__(self, announcement: Announcement) -> None:
        if announcement.detail_type == "ECS Task State Change":
            with self._changed:
                self._tasks[announcement.resource] = announcement.detail
                self._changed.notify_all()

    def wait_until_run(self, cluster: str, services: Sequence[str]) -> None:
        """Each has a running task, and its one-shot containers have all ended well."""
        self._wait(lambda: set(services) <= set(self._running(cluster)))

    def wait_until_stopped(self, cluster: str) -> None:
        """No task of the cluster is left."""
        self._wait(lambda: all(task["lastStatus"] == "STOPPED" for task in self._of(cluster)))

    def _running(self, cluster: str) -> Iterator[str]:
        for task in self._of(cluster):
            asking = [c for c in task["containers"] if c["name"].startswith("edge-")]
            if task["lastStatus"] == "RUNNING" and all(c.get("exitCode") == 0 for c in asking):
                yield task["group"].removeprefix("service:")

    def _of(self, cluster: str) -> list[Mapping[str, Any]]:
        return [t for t in self._tasks.values() if t["clusterArn"].endswith(f"/{cluster}")]

    def _wait(self, condition: Callable[[], bool]) -> None:
        with self._changed:
            if not self._changed.wait_for(condition, LIMIT):
                raise BenchError(f"the hand-written sequence waited longer than {LIMIT:.0f} s")


class Minimal:
    """One environment, from nothing to a receipt."""

    def __init__(
        self,
        cloud: LocalCloud,
        blueprint: Blueprint,
        waves: Sequence[Sequence[str]],
        schedule: Mapping[str, Any],
        scale: float,
        stop: Stop,
    ) -> None:
        """`schedule`: the group and the target of the schedule that ends the lease."""
        self._blueprint = blueprint
        self._environment = blueprint.environment
        self._cluster: str = blueprint.cluster["clusterName"]
        self._waves = waves
        self._schedule = schedule
        self._schedules = [f"{self._environment}-{what}-by-hand" for what in ("expiry", "warning")]
        self._poll = POLL * scale
        self._stop = stop
        self._task_events = TaskEvents()
        cloud.control_plane.announcements.listen(self._task_events)
        self._account = cloud.account
        self._proofs = [c.service for c in mesh.proof_clients(blueprint, GENERATION)]
        self._ecs = _client(cloud, "ecs")
        self._cloud_map = _client(cloud, "servicediscovery")
        self._logs = _client(cloud, "logs")
        self._ec2 = _client(cloud, "ec2")
        self._dynamodb = _client(cloud, "dynamodb")
        self._scheduler = _client(cloud, "scheduler")

    # --- create and prove ----------------------------------------------------------------------

    def create(self) -> None:
        """Raises BenchError, StoppedError, ClientError."""
        blueprint = self._blueprint
        self._refuse()
        self._write("CREATING")
        for name in self._schedules:
            self._scheduler.create_schedule(
                Name=name,
                ScheduleExpression="at(2099-01-01T00:00:00)",
                FlexibleTimeWindow={"Mode": "OFF"},
                ActionAfterCompletion="DELETE",
                **self._schedule,
            )
        operation = self._cloud_map.create_http_namespace(
            Name=blueprint.namespace, Tags=cloud_map_tags(blueprint.ownership_tags)
        )["OperationId"]
        self._ecs.create_cluster(**create_cluster_arguments(blueprint))
        for group in blueprint.log_groups:
            self._logs.create_log_group(logGroupName=group, tags=blueprint.ownership_tags)
            self._logs.put_retention_policy(logGroupName=group, retentionInDays=14)
        definitions = {
            service.service_name: self._registered(service)
            for service in [*blueprint.services, *self._proofs]
        }
        namespace_id = self._followed(operation)
        self._write("CREATING", namespace=namespace_id, definitions=sorted(definitions.values()))
        made: list[str] = []
        for number, wave in enumerate(self._waves, start=1):
            services = [blueprint.service(name) for name in wave]
            services += self._proofs if number == len(self._waves) else []
            for service in services:
                arn = definitions[service.service_name]
                self._create_service(service, namespace_id, arn)
            names = [service.service_name for service in services]
            self._task_events.wait_until_run(self._cluster, names)
            made += names
            if number < len(self._waves):
                self._wait_until_registered(self._describe_services(names))
        self._prove(made, names)
        for service in self._proofs:
            self._delete_service(service.service_name)
        self._write("READY")

    def _refuse(self) -> None:
        """Refuses taken names and what cannot work before anything is created: CreateCluster would
        return somebody else's cluster of that name, and the quota would fail half-way."""
        taken = self._ecs.describe_clusters(clusters=[self._cluster])["clusters"]
        namespaces = self._cloud_map.list_namespaces()["Namespaces"]
        networks = [
            service.arguments["networkConfiguration"]["awsvpcConfiguration"]
            for service in self._blueprint.services
        ]
        subnets = sorted({subnet for network in networks for subnet in network["subnets"]})
        groups = sorted({group for network in networks for group in network["securityGroups"]})
        self._ec2.describe_subnets(SubnetIds=subnets)
        self._ec2.describe_security_groups(GroupIds=groups)
        names = [namespace["Name"] for namespace in namespaces]
        active = [cluster for cluster in taken if cluster["status"] != "INACTIVE"]
        if active or self._blueprint.namespace in names:
            raise BenchError(f"{self._cluster} is there already")

    def _registered(self, service: ServiceBlueprint) -> str:
        arguments = register_task_definition_arguments(self._blueprint, service)
        answer = self._ecs.register_task_definition(**arguments)
        return str(answer["taskDefinition"]["taskDefinitionArn"])

    def _create_service(self, service: ServiceBlueprint, namespace_id: str, arn: str) -> None:
        namespace = self._account.arn("servicediscovery", f"namespace/{namespace_id}")
        specification = service_specification(self._blueprint, service, namespace, arn)
        self._ecs.create_service(
            **create_service_arguments(self._blueprint, service, specification, GENERATION)
        )

    def _prove(self, made: Sequence[str], last_wave: Sequence[str]) -> None:
        """Our deployments run, each task is registered, each edge's container has exited with 0,
        and the tasks have public addresses; probing those is no AWS call.

        Earlier waves have already seen their own registrations."""
        services = self._describe_services(made)
        arns = self._ecs.list_tasks(cluster=self._cluster)["taskArns"]
        tasks: list[dict[str, Any]] = []
        for batch in _batches(arns, TASKS_A_CALL):
            tasks += self._ecs.describe_tasks(cluster=self._cluster, tasks=batch)["tasks"]
        if not all(task["lastStatus"] == "RUNNING" for task in tasks):
            raise BenchError("the hand-written sequence looked before all tasks ran")
        self._wait_until_registered(each for each in services if each["serviceName"] in last_wave)
        interfaces = [
            detail["value"]
            for task in tasks
            for attachment in task["attachments"]
            for detail in attachment.get("details", ())
            if detail["name"] == "networkInterfaceId"
        ]
        self._ec2.describe_network_interfaces(NetworkInterfaceIds=interfaces)

    def _wait_until_registered(self, services: Iterable[Mapping[str, Any]]) -> None:
        """HEALTHY is more than running: callers must find the service in Cloud Map."""
        for service in services:
            for resource in service["deployments"][0].get("serviceConnectResources", ()):
                discovery_id = resource["discoveryArn"].rpartition("/")[2]
                self._until(lambda id=discovery_id: bool(self._instances(id)))  # type: ignore[misc]

    def _instances(self, discovery_id: str) -> list[Any]:
        found: list[Any] = self._cloud_map.list_instances(ServiceId=discovery_id)["Instances"]
        return found

    # --- delete --------------------------------------------------------------------------------

    def delete(self) -> None:
        """Raises BenchError, StoppedError, ClientError."""
        blueprint = self._blueprint
        key = {"environment": {"S": self._environment}}
        record = self._dynamodb.get_item(TableName=TABLE, Key=key)["Item"]
        namespace_id = record["namespace"]["S"]
        definitions = json.loads(record["definitions"]["S"])
        self._write("DELETING", namespace=namespace_id, definitions=definitions)
        names = [service.service_name for service in blueprint.services]
        clusters = self._ecs.describe_clusters(clusters=[self._cluster], include=["TAGS"])
        for found in [*clusters["clusters"], *self._describe_services(names)]:
            self._require_owned(from_ecs_tags(found["tags"]))
        for group in blueprint.log_groups:
            arn = self._account.arn("logs", f"log-group:{group}")
            self._require_owned(self._logs.list_tags_for_resource(resourceArn=arn)["tags"])
        for name in reversed(names):
            self._delete_service(name)
        self._task_events.wait_until_stopped(self._cluster)
        self._until(lambda: self._are_inactive(names))
        self._until(lambda: not self._endpoints(namespace_id))
        operation = self._cloud_map.delete_namespace(Id=namespace_id)["OperationId"]
        for arn in definitions:
            self._ecs.deregister_task_definition(taskDefinition=arn)
        for batch in _batches(definitions, DEFINITIONS_A_CALL):
            self._ecs.delete_task_definitions(taskDefinitions=batch)
        self._ecs.delete_cluster(cluster=self._cluster)
        for group in blueprint.log_groups:
            self._logs.delete_log_group(logGroupName=group)
        self._followed(operation)
        self._write_receipt()

    def _are_inactive(self, names: Sequence[str]) -> bool:
        return all(service["status"] == "INACTIVE" for service in self._describe_services(names))

    def _endpoints(self, namespace_id: str) -> list[Any]:
        mine = [{"Name": "NAMESPACE_ID", "Values": [namespace_id]}]
        found: list[Any] = self._cloud_map.list_services(Filters=mine)["Services"]
        return found

    def _write_receipt(self) -> None:
        """Everything is read once more by name, because a receipt says that it was."""
        blueprint = self._blueprint
        (cluster,) = self._ecs.describe_clusters(clusters=[self._cluster])["clusters"]
        prefix = f"{blueprint.stack}-{self._environment}--"
        groups = f"/{blueprint.stack}-{self._environment}/"
        left = [
            *(["cluster"] if cluster["status"] != "INACTIVE" else []),
            *self._ecs.list_task_definition_families(familyPrefix=prefix, status="ACTIVE")[
                "families"
            ],
            *(
                namespace["Name"]
                for namespace in self._cloud_map.list_namespaces()["Namespaces"]
                if namespace["Name"] == blueprint.namespace
            ),
            *self._logs.describe_log_groups(logGroupNamePrefix=groups)["logGroups"],
        ]
        if left:
            raise BenchError(f"the hand-written sequence left {left}")
        for name in self._schedules:
            self._scheduler.delete_schedule(Name=name, GroupName=self._schedule["GroupName"])
        self._write("DELETED")

    # --- both ----------------------------------------------------------------------------------

    def _write(self, status: str, **more: Any) -> None:
        """The record, which the way back from a half-finished create needs."""
        names = {"#status": "status"} | {f"#{name}": name for name in more}
        values = {":status": {"S": status}}
        for name, value in more.items():
            text = value if isinstance(value, str) else json.dumps(value)
            values[f":{name}"] = {"S": text}
        self._dynamodb.update_item(
            TableName=TABLE,
            Key={"environment": {"S": self._environment}},
            UpdateExpression="SET " + ", ".join(f"#{n} = :{n}" for n in ("status", *more)),
            ExpressionAttributeNames=names,
            ExpressionAttributeValues=values,
        )

    def _describe_services(self, names: Sequence[str]) -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = []
        for batch in _batches(names, SERVICES_A_CALL):
            found += self._ecs.describe_services(
                cluster=self._cluster, services=batch, include=["TAGS"]
            )["services"]
        return found

    def _delete_service(self, name: str) -> None:
        self._ecs.delete_service(cluster=self._cluster, service=name, force=True)

    def _followed(self, operation: str) -> str:
        """The id of the namespace of a Cloud Map operation."""
        seen: dict[str, Any] = {}

        def over() -> bool:
            seen.update(self._cloud_map.get_operation(OperationId=operation)["Operation"])
            return bool(seen["Status"] == "SUCCESS")

        self._until(over)
        return str(seen["Targets"]["NAMESPACE"])

    def _until(self, condition: Callable[[], bool]) -> None:
        while not condition():
            self._stop.pause(self._poll)

    def _require_owned(self, tags: Mapping[str, str]) -> None:
        if not self._blueprint.ownership_tags.items() <= tags.items():
            raise BenchError(f"not what the hand-written sequence made: {tags}")


def make_table(cloud: LocalCloud) -> None:
    """The table of records; created once, like a stack's."""
    cloud.client("dynamodb").create_table(
        TableName=TABLE,
        BillingMode="PAY_PER_REQUEST",
        AttributeDefinitions=[{"AttributeName": "environment", "AttributeType": "S"}],
        KeySchema=[{"AttributeName": "environment", "KeyType": "HASH"}],
    )


def _client(cloud: LocalCloud, service: str) -> Any:
    cloud.credentials.admit(KEYS)
    session: Any = boto3.Session(KEYS.access_key_id, KEYS.secret_access_key)
    return session.client(
        service,
        endpoint_url=cloud.endpoint_url,
        region_name=cloud.account.region,
    )


def _batches(entries: Sequence[str], size: int) -> Iterator[list[str]]:
    for first in range(0, len(entries), size):
        yield list(entries[first : first + size])
