"""The account in which scenarios run: Bivouac's stack, its neighbours, and what can be observed."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from bench.chaos import scenario
from bench.chaos.accidents import Accidents
from localcloud.cloud import LocalCloud
from localcloud.ecs.obstacles import CAPACITY
from localcloud.stack import TEMPLATE, parameters
from localcloud.tasks import scripted
from localcloud.tasks.scripted import ScriptedRuntime
from localcloud.template.errors import TemplateError
from localcloud.template.stack import Stack
from localcloud.timings import TEST

Json = dict[str, Any]

PULL_FAILED = (
    "CannotPullContainerError: pull image manifest has been retried 1 time(s): failed to resolve "
    "ref docker.io/chaos/app:missing: docker.io/chaos/app:missing: not found"
)
MACHINES = (
    "CreateEnvironment",
    "RedeployEnvironment",
    "DeleteEnvironment",
    "SleepEnvironment",
    "WakeEnvironment",
    "ExtendLease",
)
PREFIX = "bivouac"
REFUSALS = 3
"""How often Lambda throttles each function."""


class Account:
    def __init__(self, cloud: LocalCloud, runtime: ScriptedRuntime, template: Path) -> None:
        self.cloud = cloud
        self.runtime = runtime
        self._template = template
        self.beside: list[Stack] = []
        """Other stacks of Bivouac."""
        self.stack = cloud.deploy(template, parameters(cloud.account))
        self.registry = f"{cloud.account.account_id}.dkr.ecr.{cloud.account.region}.amazonaws.com"
        runtime.script(scenario.CRASHES, scripted.exits(1, output=["no database"]))
        runtime.script(scenario.MISSING, scripted.pull_failed(PULL_FAILED))
        runtime.script(self.stack.parameters["ProofImage"], scripted.proof_client)
        cloud.push_image(scenario.PUSHED_REPOSITORY, scenario.PUSHED_TAG)
        functions = {each.role_arn: each.name for each in self.stack.functions.values()}

        def processes_of_role(role_arn: str) -> list[int]:
            name = functions.get(role_arn)
            return cloud.workers.processes(name) if name else []

        self._seen: set[str] = set()
        self._undelivered: list[str] = []
        self.accidents = Accidents(cloud.credentials.role_of, processes_of_role)
        cloud.call_faults.of = self.accidents.of_call
        cloud.deliveries.disturbance = self.accidents.of_delivery

    def client(self, service: str) -> Any:
        return self.cloud.client(service)

    def machine(self, name: str) -> str:
        return self.stack.outputs[f"{name}StateMachineArn"]

    # --- what people do --------------------------------------------------------------------------

    def start(self, machine: str, content: Json) -> str:
        arn: str = self.client("stepfunctions").start_execution(
            stateMachineArn=self.machine(machine), input=json.dumps(content)
        )["executionArn"]
        return arn

    def put(self, detail_type: str, detail: Json) -> None:
        entry = {
            "EventBusName": self.stack.outputs["EventBusName"],
            "Source": "bivouac.client",
            "DetailType": detail_type,
            "Detail": json.dumps(detail),
        }
        answer = self.client("events").put_events(Entries=[entry])
        assert answer["FailedEntryCount"] == 0, answer

    def sweep(self, *, dry_run: bool = False) -> list[Json]:
        """The findings; none if the sweep itself failed."""
        name = self.stack.functions["SweepEnvironmentsFunction"].name
        outcome = self.cloud.workers.invoke(name, json.dumps({"dryRun": dry_run}))
        answer = json.loads(outcome.payload)
        found: list[Json] = answer.get("findings", []) if isinstance(answer, dict) else []
        return found

    def stop_running(self, concerns: Callable[[Json], bool]) -> list[str]:
        """The ARNs of the executions that were stopped."""
        stopped = []
        for arn in self.running():
            if concerns(self.input(arn)):
                self.client("stepfunctions").stop_execution(executionArn=arn, cause="by hand")
                stopped.append(arn)
        return stopped

    def hinder(self, obstacle: scenario.Obstacle) -> None:
        """Puts it in the way of every environment, until `unhindered`."""
        services, cluster = "*", self.cloud.control_plane.obstacles
        match obstacle:
            case scenario.Obstacle.NO_CAPACITY:
                cluster.refuse_placement(services, CAPACITY)
            case scenario.Obstacle.NO_INTERFACE:
                cluster.fail_provisioning(services)
            case scenario.Obstacle.NAMES_STAY:
                cluster.leave_discovery_services(services)
            case scenario.Obstacle.LAMBDA_BUSY:
                for function in self.stack.functions.values():
                    self.cloud.workers.obstacles.throttle(function, REFUSALS)

    def unhindered(self) -> None:
        """Removes every obstacle."""
        self.cloud.control_plane.obstacles.clear()
        self.cloud.workers.obstacles.clear()

    def lose_expiry(self, environment: str) -> None:
        client = self.client("scheduler")
        with suppress(client.exceptions.ResourceNotFoundException):
            client.delete_schedule(Name=f"{environment}-expiry", GroupName=f"{PREFIX}-expiry")

    # --- another stack ---------------------------------------------------------------------------

    def deploy_beside(self, prefix: str) -> str:
        """Why Bivouac cannot be deployed once more with this prefix; empty if it was."""
        given = {**parameters(self.cloud.account), "NamePrefix": prefix}
        try:
            self.beside.append(self.cloud.deploy(self._template, given, prefix))
        except TemplateError as error:
            return str(error)
        return ""

    def delete_beside(self) -> None:
        while self.beside:
            self.cloud.delete_stack(self.beside.pop())

    # --- what can be observed --------------------------------------------------------------------

    def running(self) -> list[str]:
        return [arn for arn, status in self.executions() if status == "RUNNING"]

    def new_executions(self) -> list[Json]:
        """The described executions that have come since the last call."""
        new = [arn for arn, _ in self.executions() if arn not in self._seen]
        self._seen.update(new)
        return [self.execution(arn) for arn in new]

    def executions(self) -> Iterator[tuple[str, str]]:
        pages = self.client("stepfunctions").get_paginator("list_executions")
        for machine in MACHINES:
            for page in pages.paginate(stateMachineArn=self.machine(machine)):
                for each in page["executions"]:
                    yield each["executionArn"], each["status"]

    def execution(self, arn: str) -> Json:
        found: Json = self.client("stepfunctions").describe_execution(executionArn=arn)
        return found

    def input(self, arn: str) -> Json:
        content = json.loads(self.execution(arn)["input"])
        return content if isinstance(content, dict) else {}

    def record(self, environment: str) -> Json | None:
        key = {"environment": {"S": environment}}
        table = self.stack.outputs["EnvironmentsTableName"]
        item = self.client("dynamodb").get_item(TableName=table, Key=key).get("Item")
        return {name: _plain(value) for name, value in item.items()} if item else None

    def services(self, environment: str) -> dict[str, Json]:
        """By name, as ECS describes them with their tags; none if there is no cluster."""
        ecs, cluster = self.client("ecs"), f"{PREFIX}-{environment}"
        try:
            arns = ecs.list_services(cluster=cluster, maxResults=100)["serviceArns"]
        except ecs.exceptions.ClusterNotFoundException:
            return {}
        found: dict[str, Json] = {}
        for first in range(0, len(arns), 10):
            batch = arns[first : first + 10]
            described = ecs.describe_services(cluster=cluster, services=batch, include=["TAGS"])
            found |= {service["serviceName"]: service for service in described["services"]}
        return found

    def tasks(self, environment: str) -> list[Json]:
        ecs, cluster = self.client("ecs"), f"{PREFIX}-{environment}"
        try:
            arns = ecs.list_tasks(cluster=cluster)["taskArns"]
        except ecs.exceptions.ClusterNotFoundException:
            return []
        if not arns:
            return []
        found: list[Json] = ecs.describe_tasks(cluster=cluster, tasks=arns)["tasks"]
        return found

    def namespaces(self, name: str) -> list[str]:
        """The ids of the namespaces with this name."""
        pages = self.client("servicediscovery").get_paginator("list_namespaces").paginate()
        return [each["Id"] for page in pages for each in page["Namespaces"] if each["Name"] == name]

    def left(self, environment: str) -> list[str]:
        """Everything that still exists under the environment's names, whoever created it."""
        ecs = self.client("ecs")
        cluster = f"{PREFIX}-{environment}"
        found = [
            f"cluster {each['clusterName']}"
            for each in ecs.describe_clusters(clusters=[cluster])["clusters"]
            if each["status"] != "INACTIVE"
        ]
        found += [f"service {name}" for name in self.services(environment)]
        found += [f"task {task['taskArn']}" for task in self.tasks(environment)]
        families = ecs.list_task_definition_families(
            familyPrefix=f"{PREFIX}-{environment}--", status="ALL"
        )["families"]
        for family in families:
            for status in ("ACTIVE", "INACTIVE"):
                listed = ecs.list_task_definitions(familyPrefix=family, status=status)
                found += [f"task definition {arn}" for arn in listed["taskDefinitionArns"]]
        found += [f"namespace {each}" for each in self.namespaces(cluster)]
        groups = self.client("logs").describe_log_groups(
            logGroupNamePrefix=f"/{PREFIX}-{environment}/"
        )["logGroups"]
        found += [f"log group {group['logGroupName']}" for group in groups]
        return found + [f"schedule {name}" for name in self.schedules(environment)]

    def schedules(self, environment: str) -> list[str]:
        pages = self.client("scheduler").get_paginator("list_schedules").paginate()
        names = {f"{environment}-{kind}" for kind in ("expiry", "warning", "up", "down")}
        return [
            each["Name"] for page in pages for each in page["Schedules"] if each["Name"] in names
        ]

    def undelivered(self) -> list[str]:
        """The bodies of all messages that ever came to the queue of undelivered events."""
        sqs = self.client("sqs")
        url = sqs.get_queue_url(QueueName=f"{PREFIX}-undelivered-events")["QueueUrl"]
        while messages := sqs.receive_message(QueueUrl=url, MaxNumberOfMessages=10).get("Messages"):
            for message in messages:
                self._undelivered.append(message["Body"])
                sqs.delete_message(QueueUrl=url, ReceiptHandle=message["ReceiptHandle"])
        return self._undelivered

    # --- rest ------------------------------------------------------------------------------------

    def at_rest(self, limit: float) -> bool:
        """Whether nothing runs and nothing is in progress, within `limit` seconds."""
        until = time.monotonic() + limit
        calm = 0
        while time.monotonic() < until:
            idle = self.cloud.deliveries.wait_until_idle(0.5)
            calm = calm + 1 if idle and not self.cloud.running_executions else 0
            if calm == 3:
                return True
            time.sleep(0.1)
        return False


def _plain(value: Json) -> Any:
    ((kind, content),) = value.items()
    if kind == "N":
        return int(content)
    if kind == "S" and content[:1] in ("{", "["):
        return json.loads(content)
    return content


@contextmanager
def opened(template: Path = TEMPLATE) -> Iterator[Account]:
    """One local cloud with the stack; several scenarios run in it, each with its own names."""
    with LocalCloud(TEST, "scripted", port=0) as cloud:
        assert isinstance(cloud.runtime, ScriptedRuntime)
        yield Account(cloud, cloud.runtime, template)
