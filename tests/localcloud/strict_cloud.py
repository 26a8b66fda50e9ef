"""Helpers for the tests of the strict control plane."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from typing import Any, cast

import boto3
from botocore.exceptions import ClientError

from localcloud.account import EXECUTION_ROLE_NAME, REGION, SECURITY_GROUP_ID, SUBNET_IDS
from localcloud.clock import ManualClock
from localcloud.strict import ControlPlane
from localcloud.tasks.scripted import ScriptedRuntime

LONG_ENOUGH = 5.0
"""Seconds of the test's clock after which everything has settled."""


@cache
def _client(service: str) -> Any:
    """One for all tests of a process: it has no state, and creating it costs more than a test."""
    session: Any = boto3.Session(region_name=REGION)
    return session.client(service)


@dataclass
class Cloud:
    """The strict cloud and its clients, with the first steps of most stories."""

    plane: ControlPlane

    @property
    def ecs(self) -> Any:
        return _client("ecs")

    @property
    def cloudmap(self) -> Any:
        return _client("servicediscovery")

    @property
    def ec2(self) -> Any:
        return _client("ec2")

    @property
    def logs(self) -> Any:
        return _client("logs")

    @property
    def iam(self) -> Any:
        return _client("iam")

    @property
    def clock(self) -> ManualClock:
        return cast(ManualClock, self.plane.clock)

    @property
    def runtime(self) -> ScriptedRuntime:
        return cast(ScriptedRuntime, self.plane.runtime)

    @property
    def role_arn(self) -> str:
        return self.plane.account.execution_role_arn

    def wait(self, seconds: float = LONG_ENOUGH) -> None:
        self.clock.advance(seconds)

    def namespace(self, name: str = "shop") -> str:
        """Creates a namespace; returns its ARN."""
        operation = self.cloudmap.create_http_namespace(Name=name)["OperationId"]
        self.wait()
        targets = self.cloudmap.get_operation(OperationId=operation)["Operation"]["Targets"]
        found = self.cloudmap.get_namespace(Id=targets["NAMESPACE"])["Namespace"]["Arn"]
        return str(found)

    def cluster(self, name: str = "shop", **arguments: Any) -> str:
        """Creates a cluster in which services can be created; returns its ARN."""
        made = self.ecs.create_cluster(clusterName=name, **arguments)["cluster"]
        self.wait()
        return str(made["clusterArn"])

    def task_definition(self, family: str = "web", **arguments: Any) -> str:
        """Registers a revision for Fargate; returns its ARN."""
        made = self.ecs.register_task_definition(**fargate_task(family, **arguments))
        return str(made["taskDefinition"]["taskDefinitionArn"])

    def cluster_and_definition(self) -> None:
        """What a service named "web" needs."""
        self.cluster()
        self.task_definition()

    def service(self, name: str = "web", **arguments: Any) -> dict[str, Any]:
        """Creates a service; returns CreateService's answer."""
        made = self.ecs.create_service(**{**fargate_service(name), **arguments})
        return cast(dict[str, Any], made["service"])

    def described(self, name: str = "web", cluster: str = "shop") -> dict[str, Any]:
        answer = self.ecs.describe_services(cluster=cluster, services=[name], include=["TAGS"])
        assert answer["failures"] == []
        return cast(dict[str, Any], answer["services"][0])

    def events(self, name: str = "web") -> list[str]:
        return [event["message"] for event in self.described(name)["events"]]

    def tasks(self, desired_status: str = "RUNNING", cluster: str = "shop") -> list[dict[str, Any]]:
        arns = self.ecs.list_tasks(cluster=cluster, desiredStatus=desired_status)["taskArns"]
        if not arns:
            return []
        found = self.ecs.describe_tasks(cluster=cluster, tasks=arns, include=["TAGS"])["tasks"]
        return sorted(found, key=lambda task: task["createdAt"])

    def running_web(self, **arguments: Any) -> dict[str, Any]:
        """A cluster with one service "web" at its desired count, as described."""
        self.cluster_and_definition()
        self.service(**arguments)
        self.wait()
        return self.described()


def web_container(**changes: Any) -> dict[str, Any]:
    return {
        "name": "app",
        "image": "registry/web:1",
        "portMappings": [{"name": "http", "containerPort": 8080, "appProtocol": "http"}],
        **changes,
    }


def fargate_task(family: str = "web", **changes: Any) -> dict[str, Any]:
    """RegisterTaskDefinition's arguments."""
    return {
        "family": family,
        "requiresCompatibilities": ["FARGATE"],
        "networkMode": "awsvpc",
        "cpu": "256",
        "memory": "512",
        "executionRoleArn": f"arn:aws:iam::123456789012:role/{EXECUTION_ROLE_NAME}",
        "containerDefinitions": [web_container()],
        **changes,
    }


def fargate_service(name: str = "web", **changes: Any) -> dict[str, Any]:
    """CreateService's arguments."""
    return {
        "cluster": "shop",
        "serviceName": name,
        "taskDefinition": "web",
        "desiredCount": 1,
        "launchType": "FARGATE",
        "networkConfiguration": {
            "awsvpcConfiguration": {
                "subnets": list(SUBNET_IDS),
                "securityGroups": [SECURITY_GROUP_ID],
                "assignPublicIp": "ENABLED",
            }
        },
        **changes,
    }


def connected(namespace: str, **endpoint: Any) -> dict[str, Any]:
    """A Service Connect configuration with the port "http" as web:80."""
    return {
        "enabled": True,
        "namespace": namespace,
        "services": [
            {
                "portName": "http",
                "discoveryName": "web",
                "clientAliases": [{"port": 80, "dnsName": "web"}],
                **endpoint,
            }
        ],
    }


def health_check(**changes: Any) -> dict[str, Any]:
    return {"command": ["CMD-SHELL", "exit 0"], "interval": 5, "retries": 1, **changes}


class Refused:
    """The error of a refused call; filled in when the block of `refused` ends."""

    code = ""
    message = ""
    answer: dict[str, Any]


class refused:  # noqa: N801 - reads as a word: with refused("ClientException") as error
    """The calls in this block are refused with this error code."""

    def __init__(self, code: str) -> None:
        self._code = code
        self._error = Refused()

    def __enter__(self) -> Refused:
        return self._error

    def __exit__(self, kind: Any, error: Any, traceback: Any) -> bool:
        assert error is not None, f"accepted; expected {self._code}"
        if not isinstance(error, ClientError):
            return False
        self._error.answer = cast(dict[str, Any], error.response)
        self._error.code = error.response["Error"]["Code"]
        self._error.message = error.response["Error"]["Message"]
        assert self._error.code == self._code, f"{self._error.code}: {self._error.message}"
        return True
