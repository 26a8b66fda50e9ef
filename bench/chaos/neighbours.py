"""Foreign resources in the same account with names like Bivouac's: nothing may touch them."""

from __future__ import annotations

from contextlib import suppress
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from bench.chaos.account import Account

Json = dict[str, Any]

FOREIGN_SERVICE = "somebody-elses"
FAMILY = "somebody-elses"


class Neighbours:
    def __init__(self, account: Account) -> None:
        self._account = account

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

    def seen(self, name: str) -> Json:
        """The present state of all of it."""
        alike = f"bivouac-{name}-x"
        ecs = self._account.client("ecs")
        (cluster,) = ecs.describe_clusters(clusters=[alike], include=["TAGS"])["clusters"]
        pages = self._account.client("servicediscovery").get_paginator("list_namespaces").paginate()
        namespaces = [n["Id"] for page in pages for n in page["Namespaces"] if n["Name"] == alike]
        logs = self._account.client("logs")
        groups = logs.describe_log_groups(logGroupNamePrefix=f"/{alike}/")["logGroups"]
        definition = ecs.describe_task_definition(taskDefinition=f"{alike}--web", include=["TAGS"])
        return {
            "cluster": (cluster["status"], cluster.get("tags", [])),
            "namespaces": namespaces,
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

    def clear(self, environment: str) -> None:
        """Somebody removes their service from our cluster."""
        ecs = self._account.client("ecs")
        with suppress(
            ecs.exceptions.ClusterNotFoundException, ecs.exceptions.ServiceNotFoundException
        ):
            ecs.delete_service(
                cluster=f"bivouac-{environment}", service=FOREIGN_SERVICE, force=True
            )

    def _define(self, family: str) -> None:
        self._account.client("ecs").register_task_definition(
            family=family,
            requiresCompatibilities=["FARGATE"],
            networkMode="awsvpc",
            cpu="256",
            memory="512",
            containerDefinitions=[{"name": "web", "image": "nginx"}],
        )
