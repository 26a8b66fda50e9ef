"""Foreign resources in the same account with names like Bivouac's: nothing may touch them."""

from __future__ import annotations

from contextlib import suppress
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from bench.chaos.account import Account

Json = dict[str, Any]

FOREIGN_SERVICE = "somebody-elses"
FOREIGN_NAME = "somebodys-name"
FAMILY = "somebody-elses"


class Neighbours:
    def __init__(self, account: Account) -> None:
        self._account = account
        self._names_added: dict[str, str] = {}
        """By environment: the id of a Cloud Map service."""

    def settle_in(self, name: str) -> None:
        """Creates a cluster, a namespace, a log group and a definition whose names begin like ours,
        without tags."""
        alike = f"bivouac-{name}-x"
        self._account.client("ecs").create_cluster(clusterName=alike)
        self._account.client("servicediscovery").create_http_namespace(Name=alike)
        self._account.client("logs").create_log_group(logGroupName=f"/{alike}/web")
        self._define(f"{alike}--web")

    def add_service(self, cluster: str, like: Json) -> None:
        """Somebody else's service in one of our clusters."""
        self._define(FAMILY)
        ecs = self._account.client("ecs")
        with suppress(ecs.exceptions.InvalidParameterException):  # it exists already
            ecs.create_service(
                cluster=cluster,
                serviceName=FOREIGN_SERVICE,
                taskDefinition=FAMILY,
                desiredCount=1,
                launchType="FARGATE",
                networkConfiguration=like["networkConfiguration"],
            )

    def add_name(self, environment: str) -> None:
        """Somebody else's name in our namespace."""
        cloud_map = self._account.client("servicediscovery")
        for namespace in self._account.namespaces(f"bivouac-{environment}"):
            with suppress(cloud_map.exceptions.ServiceAlreadyExists):
                made = cloud_map.create_service(Name=FOREIGN_NAME, NamespaceId=namespace)
                self._names_added[environment] = made["Service"]["Id"]

    def seen(self, name: str) -> Json:
        """The present state of all of it."""
        alike = f"bivouac-{name}-x"
        ecs = self._account.client("ecs")
        (cluster,) = ecs.describe_clusters(clusters=[alike], include=["TAGS"])["clusters"]
        logs = self._account.client("logs")
        groups = logs.describe_log_groups(logGroupNamePrefix=f"/{alike}/")["logGroups"]
        definition = ecs.describe_task_definition(taskDefinition=f"{alike}--web", include=["TAGS"])
        return {
            "cluster": (cluster["status"], cluster.get("tags", [])),
            "namespaces": self._account.namespaces(alike),
            "log groups": [group["arn"] for group in groups],
            "definition": (definition["taskDefinition"]["status"], definition.get("tags", [])),
        }

    def move_out(self, name: str) -> None:
        alike = f"bivouac-{name}-x"
        cloud_map = self._account.client("servicediscovery")
        for namespace in self.seen(name)["namespaces"]:
            cloud_map.delete_namespace(Id=namespace)
        self._account.client("ecs").delete_cluster(cluster=alike)
        self._account.client("logs").delete_log_group(logGroupName=f"/{alike}/web")

    def touched(self, environment: str) -> list[str]:
        """Which of somebody else's things inside our cluster and namespace were changed."""
        touched = []
        service = self._account.services(environment).get(FOREIGN_SERVICE)
        if service and (service["status"], service["desiredCount"]) != ("ACTIVE", 1):
            touched.append(FOREIGN_SERVICE)
        if environment in self._names_added and not self._names(environment):
            touched.append(FOREIGN_NAME)
        return touched

    def clear(self, environment: str) -> None:
        """Somebody removes their service and names from our cluster and namespace."""
        ecs = self._account.client("ecs")
        cloud_map = self._account.client("servicediscovery")
        if self._names_added.pop(environment, None):
            for service in self._names(environment):
                cloud_map.delete_service(Id=service)
        with suppress(
            ecs.exceptions.ClusterNotFoundException, ecs.exceptions.ServiceNotFoundException
        ):
            ecs.delete_service(
                cluster=f"bivouac-{environment}", service=FOREIGN_SERVICE, force=True
            )

    def _names(self, environment: str) -> list[str]:
        pages = self._account.client("servicediscovery").get_paginator("list_services")
        return [
            service["Id"]
            for namespace in self._account.namespaces(f"bivouac-{environment}")
            for page in pages.paginate(Filters=[{"Name": "NAMESPACE_ID", "Values": [namespace]}])
            for service in page["Services"]
            if service["Name"] == FOREIGN_NAME
        ]

    def _define(self, family: str) -> None:
        self._account.client("ecs").register_task_definition(
            family=family,
            requiresCompatibilities=["FARGATE"],
            networkMode="awsvpc",
            cpu="256",
            memory="512",
            containerDefinitions=[{"name": "web", "image": "nginx"}],
        )
