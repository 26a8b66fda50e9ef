"""Polls the environment while something happens to it, as anybody could with the AWS CLI.

A judge judges one answer (beliefs.py). This module judges what only several answers show: what
existed before, what no longer exists, and how long it took.
"""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from typing import Any

from botocore.exceptions import ClientError

from .beliefs import MOST_SECONDS_IN_CLOUD_MAP
from .deployed import Aws, Deployed
from .recorder import Recorder
from .request import PORTS

Json = dict[str, Any]

_DESCRIBE_TASKS = "ecs.DescribeTasks"
_STOPPING = ("DEACTIVATING", "STOPPING", "DEPROVISIONING")
_MANAGED = {"Key": "AmazonECSManaged", "Value": "true"}


class Watch:
    def __init__(self, aws: Aws, stack: Deployed, run: str, recorder: Recorder) -> None:
        self._ecs = aws.client("ecs")
        self._cloudmap = aws.client("servicediscovery")
        self._recorder = recorder
        self.cluster = self.namespace = f"{stack.prefix}-{run}"
        self._services: dict[str, Json] = {}
        """ECS's last answer about each service, by name."""
        self._tasks: dict[str, Json] = {}
        """ECS's last answer about each task, by ARN."""
        self._inactive_since: dict[str, float] = {}
        """Deleted services, by name."""
        self._in_cloud_map: set[str] = set()
        """What it has had, and has not been seen to lose."""

    def look(self) -> str:
        """Reads everything once; returns which tasks exist: "1 PENDING, 2 RUNNING"."""
        if self.cluster_status() == "INACTIVE":
            self._tasks = {}
            self._are_gone(self._services)
        else:
            try:
                self._see_services()
                self._see_tasks()
            except ClientError as error:
                # It is not created yet, or was deleted since it was described.
                if error.response["Error"]["Code"] != "ClusterNotFoundException":
                    raise
        self._see_cloud_map()
        states = Counter(task["lastStatus"] for task in self._tasks.values())
        del states["STOPPED"]
        return ", ".join(f"{count} {state}" for state, count in sorted(states.items()))

    def cluster_status(self) -> str:
        """ACTIVE and so on; INACTIVE if there is none."""
        answer = self._ecs.describe_clusters(clusters=[self.cluster], include=["ATTACHMENTS"])
        return next((str(each["status"]) for each in answer["clusters"]), "INACTIVE")

    def running(self) -> list[Json]:
        """The tasks of the request's services that ran at the last poll."""
        groups = {f"service:{name}" for name in PORTS}
        return [
            task
            for task in self._tasks.values()
            if task["lastStatus"] == "RUNNING" and task.get("group") in groups
        ]

    def deployments(self) -> dict[str, Json]:
        """The PRIMARY deployments of the request's services, by service."""
        return {
            name: deployment
            for name in PORTS
            for deployment in self._services.get(name, {}).get("deployments", ())
            if deployment["status"] == "PRIMARY"
        }

    # ECS

    def _see_services(self) -> None:
        known = sorted(PORTS.keys() | self._services.keys() | self._listed())
        seen: dict[str, Json] = {}
        for names in _at_most(10, known):
            answer = self._ecs.describe_services(
                cluster=self.cluster, services=names, include=["TAGS"]
            )
            seen |= {service["serviceName"]: service for service in answer["services"]}
        self._are_gone(
            name
            for name in self._services
            if seen.get(name, {}).get("status", "INACTIVE") == "INACTIVE"
        )
        self._services |= seen
        listed = self._listed()
        for name, service in seen.items():
            if service["status"] != "ACTIVE":
                observed = f"{service['status']} and {'' if name in listed else 'not '}listed"
                self._recorder.judge("ecs.deleted-services-hidden", name not in listed, observed)

    def _are_gone(self, names: Iterable[str]) -> None:
        for name in names:
            self._inactive_since.setdefault(name, time.monotonic())

    def _listed(self) -> set[str]:
        pages = self._ecs.get_paginator("list_services").paginate(cluster=self.cluster)
        return {arn.rpartition("/")[2] for page in pages for arn in page["serviceArns"]}

    def _see_tasks(self) -> None:
        over = {arn for arn, task in self._tasks.items() if task["lastStatus"] == "STOPPED"}
        for status in ("RUNNING", "STOPPED"):
            pages = self._ecs.get_paginator("list_tasks").paginate(
                cluster=self.cluster, desiredStatus=status
            )
            arns = [arn for page in pages for arn in page["taskArns"] if arn not in over]
            for some in _at_most(100, arns):
                answer = self._ecs.describe_tasks(cluster=self.cluster, tasks=some)
                for task in answer["tasks"]:
                    self._tasks[task["taskArn"]] = task
                    self._judge_stop(task, status, answer)

    def _judge_stop(self, task: Json, listed_as: str, answer: Json) -> None:
        status, reason = task["lastStatus"], task.get("stoppedReason", "")
        owner = str(task.get("group", "")).removeprefix("service:")
        deleted = self._services.get(owner, {}).get("status") in ("DRAINING", "INACTIVE")

        def judge(belief: str, holds: bool, seen: str) -> None:
            self._recorder.judge(belief, holds, seen, _DESCRIBE_TASKS, answer)

        if status in _STOPPING:
            if listed_as == "STOPPED":
                judge("ecs.stopped-tasks-listed", True, f"a task that is {status} is listed")
            if self._services.get(owner, {}).get("status") == "INACTIVE":
                judge("ecs.inactive-while-stopping", True, f"INACTIVE with a task that is {status}")
        elif status == "STOPPED" and deleted:
            holds = reason.startswith("Scaling activity initiated by")
            judge("ecs.deleted-service-stop", holds, repr(reason))

    # Cloud Map

    def _see_cloud_map(self) -> None:
        now = self._discovery_services().keys()
        for name in (self._in_cloud_map - now) & self._inactive_since.keys():
            self._in_cloud_map.remove(name)
            seconds = time.monotonic() - self._inactive_since[name]
            holds = seconds <= MOST_SECONDS_IN_CLOUD_MAP
            observed = f"gone {seconds:.0f} s after its service was INACTIVE"
            self._recorder.judge("cloudmap.removal-delay", holds, observed)
        self._in_cloud_map |= now

    def judge_registrations(self) -> None:
        """Compares the running tasks with Cloud Map's instances."""
        tasks = {task["taskArn"].rpartition("/")[2]: task for task in self.running()}
        for name, service in self._discovery_services().items():
            tags = self._cloudmap.list_tags_for_resource(ResourceARN=service["Arn"])
            holds = _MANAGED in tags["Tags"]
            self._recorder.judge(
                "cloudmap.managed-tag",
                holds,
                f"tags {tags['Tags']}",
                "servicediscovery.ListTagsForResource",
                tags,
            )
            answer = self._cloudmap.list_instances(ServiceId=service["Id"])
            for instance in answer["Instances"]:
                attributes = instance["Attributes"]
                address = attributes.get("AWS_INSTANCE_IPV4")
                port = attributes.get("AWS_INSTANCE_PORT")
                task = tasks.get(instance["Id"], {})
                for belief, holds, observed in (
                    (
                        "cloudmap.instance",
                        bool(address) and address in str(task.get("attachments")),
                        f"instance {instance['Id']} at {address}",
                    ),
                    ("cloudmap.instance-port", port == str(PORTS.get(name)), f"port {port}"),
                ):
                    self._recorder.judge(
                        belief, holds, observed, "servicediscovery.ListInstances", answer
                    )

    def _discovery_services(self) -> dict[str, Json]:
        """The Cloud Map services in the environment's namespace, by name."""
        listed = self._cloudmap.list_namespaces(
            Filters=[{"Name": "NAME", "Values": [self.namespace], "Condition": "EQ"}]
        )
        if not listed["Namespaces"]:
            return {}
        (namespace,) = listed["Namespaces"]
        answer = self._cloudmap.list_services(
            Filters=[{"Name": "NAMESPACE_ID", "Values": [namespace["Id"]], "Condition": "EQ"}]
        )
        return {service["Name"]: service for service in answer["Services"]}


def _at_most(count: int, items: Sequence[str]) -> Iterator[list[str]]:
    for start in range(0, len(items), count):
        yield list(items[start : start + count])
