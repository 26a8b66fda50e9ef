"""Task definitions: revisions of a family, ACTIVE, then INACTIVE, then deleted."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from localcloud.account import Account
from localcloud.ecs import answers, errors, fargate_rules, name_rules, task_definition_rules
from localcloud.ecs.listing import one_page
from localcloud.ecs.model import Cluster, TaskDefinition
from localcloud.guarded_clock import GuardedClock
from localcloud.timings import Timings

Request = dict[str, Any]
Answer = dict[str, Any]

MOST_DELETED = 10
"""Revisions in one DeleteTaskDefinitions (T12)."""


class TaskDefinitions:
    """Called with the control plane's lock held. `clusters` gives those that may refer to one."""

    def __init__(
        self,
        account: Account,
        clock: GuardedClock,
        timings: Timings,
        clusters: Callable[[], list[Cluster]],
    ) -> None:
        self._account = account
        self._clock = clock
        self._timings = timings
        self._clusters = clusters
        self._families: dict[str, dict[int, TaskDefinition]] = {}
        self._last_revision: dict[str, int] = {}

    def operations(self) -> dict[str, Callable[[Request], Answer]]:
        return {
            "DeleteTaskDefinitions": self.delete,
            "DeregisterTaskDefinition": self.deregister,
            "DescribeTaskDefinition": self.describe,
            "ListTaskDefinitionFamilies": self.list_families,
            "ListTaskDefinitions": self.list_page,
            "RegisterTaskDefinition": self.register,
        }

    def usable(self, identifier: str) -> TaskDefinition:
        """For a service: the newest ACTIVE revision of a family, or the named one."""
        found = self.find(identifier)
        if found is None:
            raise errors.client_error("TaskDefinition not found.")
        if found.status != "ACTIVE":
            raise errors.client_error("TaskDefinition is inactive")  # T10
        return found

    def find(self, identifier: str) -> TaskDefinition | None:
        family, _, revision = identifier.rsplit("/", 1)[-1].partition(":")
        if not revision:
            active = [d for d in self._families.get(family, {}).values() if d.status == "ACTIVE"]
            return active[-1] if active else None
        if not revision.isdigit():
            raise errors.client_error(f"Invalid revision number. Number: {revision}")  # T09
        return self._families.get(family, {}).get(int(revision))

    def register(self, request: Request) -> Answer:
        task_definition_rules.check_task_definition(request)
        name_rules.check_tags(request.get("tags", []))
        definition = _completed(request)
        family = definition["family"]
        revision = self._last_revision.get(family, 0) + 1
        self._last_revision[family] = revision
        record = TaskDefinition(
            arn=self._account.arn("ecs", f"task-definition/{family}:{revision}"),
            family=family,
            revision=revision,
            definition=definition,
            requires_attributes=_required_attributes(definition),
            compatibilities=_compatibilities(definition),
            registered_at=self._clock.now(),
            registered_by=self._account.caller_arn,
            tags={tag["key"]: tag["value"] for tag in request.get("tags", [])},
        )
        self._families.setdefault(family, {})[revision] = record
        return _with_tags({"taskDefinition": answers.task_definition(record)}, record)

    def describe(self, request: Request) -> Answer:
        record = self._existing(request["taskDefinition"])
        answer = {"taskDefinition": answers.task_definition(record)}
        return _with_tags(answer, record) if "TAGS" in request.get("include", []) else answer

    def deregister(self, request: Request) -> Answer:
        if ":" not in request["taskDefinition"].rsplit("/", 1)[-1]:
            raise errors.client_error("Revision is missing.")
        record = self._existing(request["taskDefinition"])
        if record.status == "ACTIVE":
            record.status, record.deregistered_at = "INACTIVE", self._clock.now()
        return {"taskDefinition": answers.task_definition(record)}

    def delete(self, request: Request) -> Answer:
        """Only INACTIVE ones; each stays DELETE_IN_PROGRESS while anything uses it (T12)."""
        identifiers = request["taskDefinitions"]
        if len(identifiers) > MOST_DELETED:
            raise errors.invalid_parameter(
                f"taskDefinitions can have at most {MOST_DELETED} elements."
            )
        deleted, failures = [], []
        for identifier in identifiers:
            record = self.find(identifier)
            if record is None:
                reason = "The specified task definition does not exist. Specify a valid account, "
                reason += "family, revision and try again."
                failures.append({"arn": identifier, "reason": reason})
            elif record.status == "ACTIVE":
                reason = "The specified task definition is still in ACTIVE status. "
                reason += "Please deregister the target and try again."
                failures.append({"arn": record.arn, "reason": reason})
            else:
                if record.status == "INACTIVE":
                    self._begin_deletion(record)
                deleted.append(answers.task_definition(record))
        return {"taskDefinitions": deleted, "failures": failures}

    def list_page(self, request: Request) -> Answer:
        status, family = request.get("status", "ACTIVE"), request.get("familyPrefix")
        keys = {
            record.arn: f"{record.family}:{record.revision:09}"
            for revisions in self._families.values()
            for record in revisions.values()
            if record.status == status and family in (None, record.family)
        }
        return one_page(
            "taskDefinitionArns",
            keys,
            request,
            default=100,
            key=keys.__getitem__,
            descending=request.get("sort") == "DESC",
        )

    def list_families(self, request: Request) -> Answer:
        """ACTIVE families have an ACTIVE revision; INACTIVE ones have none."""
        wanted = request.get("status", "ALL")
        families = []
        for family, revisions in self._families.items():
            active = any(record.status == "ACTIVE" for record in revisions.values())
            status = "ACTIVE" if active else "INACTIVE"
            if wanted in ("ALL", status) and family.startswith(request.get("familyPrefix", "")):
                families.append(family)
        return one_page("families", families, request, default=100)

    def _existing(self, identifier: str) -> TaskDefinition:
        found = self.find(identifier)
        if found is None:
            raise errors.client_error("Unable to describe task definition.")  # T13
        return found

    def _begin_deletion(self, record: TaskDefinition) -> None:
        record.status, record.delete_requested_at = "DELETE_IN_PROGRESS", self._clock.now()
        self._clock.call_later(
            self._timings.inactive_visible, lambda: self._finish_deletion(record)
        )

    def _finish_deletion(self, record: TaskDefinition) -> None:
        if any(_uses(cluster, record) for cluster in self._clusters()):
            self._clock.call_later(
                self._timings.inactive_visible, lambda: self._finish_deletion(record)
            )
            return
        revisions = self._families[record.family]
        del revisions[record.revision]
        if not revisions:
            del self._families[record.family]


def _with_tags(answer: Answer, record: TaskDefinition) -> Answer:
    return {**answer, "tags": answers.tag_list(record.tags)} if record.tags else answer


def _uses(cluster: Cluster, record: TaskDefinition) -> bool:
    return any(task.definition is record for task in cluster.tasks.values()) or any(
        deployment.task_definition is record
        for service in cluster.services.values()
        if service.status != "INACTIVE"
        for deployment in service.deployments
    )


def _completed(request: Request) -> dict[str, Any]:
    """The arguments with AWS's defaults, as in RegisterTaskDefinition's answer."""
    given = {name: value for name, value in request.items() if name != "tags"}
    network_mode = given.get("networkMode", "bridge")
    containers = [_completed_container(c, network_mode) for c in given["containerDefinitions"]]
    return {
        "networkMode": network_mode,
        "volumes": [],
        "placementConstraints": [],
        **given,
        "containerDefinitions": containers,
    }


def _completed_container(given: Mapping[str, Any], network_mode: str) -> dict[str, Any]:
    completed = {
        "cpu": 0,
        "essential": True,
        "environment": [],
        "mountPoints": [],
        "volumesFrom": [],
        **given,
        "portMappings": [
            _completed_port(mapping, network_mode) for mapping in given.get("portMappings", [])
        ],
    }
    if "healthCheck" in given:
        completed["healthCheck"] = {
            "interval": 30,
            "timeout": 5,
            "retries": 3,
            **given["healthCheck"],
        }
    return completed


def _completed_port(mapping: Mapping[str, Any], network_mode: str) -> dict[str, Any]:
    host_port = mapping.get("containerPort") if network_mode in ("awsvpc", "host") else 0
    return {"protocol": "tcp", "hostPort": host_port, **mapping}


def _compatibilities(definition: Mapping[str, Any]) -> list[str]:
    """Everything the definition could run on, whether or not the request asks for it."""
    awsvpc = definition["networkMode"] == "awsvpc"
    size = fargate_rules.size_problem(definition.get("cpu"), definition.get("memory"))
    privileged = any(c.get("privileged") for c in definition["containerDefinitions"])
    if awsvpc and size is None and not privileged:
        return ["EC2", "FARGATE"]
    return ["EC2"] if awsvpc else ["EXTERNAL", "EC2"]


def _required_attributes(definition: Mapping[str, Any]) -> list[str]:
    """What a container instance must support; the order is that of a recorded answer."""
    containers = definition["containerDefinitions"]
    awslogs = any(c.get("logConfiguration", {}).get("logDriver") == "awslogs" for c in containers)
    executed = "executionRoleArn" in definition
    checked = any("healthCheck" in c for c in containers)
    secrets = any(c.get("secrets") for c in containers)
    from_ecr = any(".dkr.ecr." in c["image"] for c in containers)
    wanted = {
        "com.amazonaws.ecs.capability.logging-driver.awslogs": awslogs,
        "ecs.capability.execution-role-awslogs": awslogs and executed,
        "com.amazonaws.ecs.capability.ecr-auth": from_ecr,
        "ecs.capability.execution-role-ecr-pull": from_ecr and executed,
        "com.amazonaws.ecs.capability.docker-remote-api.1.19": awslogs,
        "com.amazonaws.ecs.capability.docker-remote-api.1.24": checked,
        "ecs.capability.container-health-check": checked,
        "ecs.capability.secrets.asm.environment-variables": secrets,
        "com.amazonaws.ecs.capability.task-iam-role": "taskRoleArn" in definition,
        "com.amazonaws.ecs.capability.docker-remote-api.1.18": True,
        "ecs.capability.task-eni": definition["networkMode"] == "awsvpc",
    }
    return [name for name, needed in wanted.items() if needed]
