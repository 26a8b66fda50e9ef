"""Tasks as the API shows them: describe, list, stop."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from localcloud.account import Account
from localcloud.ecs import answers, errors
from localcloud.ecs.clusters import Clusters
from localcloud.ecs.listing import described, find, one_page
from localcloud.ecs.model import Task
from localcloud.ecs.task_life import TaskLives

Request = dict[str, Any]
Answer = dict[str, Any]

MOST_DESCRIBED = 100


class Tasks:
    """Called with the control plane's lock held."""

    def __init__(self, account: Account, clusters: Clusters, lives: TaskLives) -> None:
        self._account = account
        self._clusters = clusters
        self._lives = lives

    def operations(self) -> dict[str, Callable[[Request], Answer]]:
        return {"DescribeTasks": self.describe, "ListTasks": self.list_page, "StopTask": self.stop}

    def describe(self, request: Request) -> Answer:
        cluster = self._clusters.active(request.get("cluster"))
        with_tags = "TAGS" in request.get("include", [])
        return described(
            "tasks",
            request["tasks"],
            cluster.tasks,
            lambda task: answers.task(task, with_tags=with_tags),
            lambda task_id: self._account.arn("ecs", f"task/{cluster.name}/{task_id}"),
            most=MOST_DESCRIBED,
        )

    def list_page(self, request: Request) -> Answer:
        """By desired status, RUNNING by default, whatever a task's last status is."""
        cluster = self._clusters.active(request.get("cluster"))
        service = request.get("serviceName")
        if service is not None and service.rsplit("/", 1)[-1] not in cluster.services:
            raise errors.service_not_found()
        arns = [task.arn for task in cluster.tasks.values() if _asked_for(task, request)]
        return one_page("taskArns", arns, request, default=100)

    def stop(self, request: Request) -> Answer:
        cluster = self._clusters.active(request.get("cluster"))
        task = find(cluster.tasks, request["task"])
        if task is None:
            raise errors.invalid_parameter("The referenced task was not found.")
        self._lives.stop(task, "UserInitiated", request.get("reason", "Task stopped by user"))
        return {"task": answers.task(task, with_tags=True)}


def _asked_for(task: Task, request: Request) -> bool:
    service = request.get("serviceName")
    return (
        task.desired_status == request.get("desiredStatus", "RUNNING")
        and request.get("family") in (None, task.definition.family)
        and request.get("startedBy") in (None, task.started_by)
        and request.get("launchType") in (None, "FARGATE")
        and "containerInstance" not in request
        and service in (None, *_names(task))
    )


def _names(task: Task) -> tuple[str, ...]:
    return (task.service.name, task.service.arn) if task.service is not None else ()
