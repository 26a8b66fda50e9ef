"""Bivouac deployed on a local cloud: what people do with it, and what they can see of it."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

from localcloud.calls import Call
from localcloud.cloud import LocalCloud
from localcloud.credentials import USER_ACCESS_KEY_ID
from localcloud.following import OVER, history
from localcloud.stack import TEMPLATE, parameters
from localcloud.timings import TEST
from tests.localcloud.waiting import until_true
from tests.workflow.staged_runtime import StagedRuntime

Json = dict[str, Any]

WAIT_SCALE = 0.01
"""A Wait of two seconds lasts two hundredths."""
ENDS_WITHIN = 40.0
"""Seconds, on a busy machine, for what takes one or two."""
ENVIRONMENT_APIS = ("ecs", "servicediscovery", "logs")
"""Where an environment's resources live."""
_READS = ("Describe", "List", "Get", "Discover", "Filter")


@dataclass
class Calls:
    """Every AWS call that the application makes; not those of the test itself."""

    made: list[Call] = field(default_factory=list)

    def note(self, call: Call) -> None:
        if call.access_key_id != USER_ACCESS_KEY_ID:
            self.made.append(call)

    def __len__(self) -> int:
        return len(self.made)

    def names(self, since: int = 0) -> list[str]:
        return [f"{call.service}:{call.operation}" for call in self.made[since:]]

    def to_environment_apis(self, since: int = 0) -> list[str]:
        return [
            f"{call.service}:{call.operation}"
            for call in self.made[since:]
            if call.service in ENVIRONMENT_APIS
        ]

    def changes(self, since: int = 0) -> list[str]:
        """The mutating calls to the APIs where an environment's resources live."""
        return [
            name
            for name in self.to_environment_apis(since)
            if not name.partition(":")[2].startswith(_READS)
        ]


@dataclass(frozen=True)
class Ended:
    """How an execution ended, and all that it went through."""

    arn: str
    status: str
    output: Json
    error: str
    cause: str
    events: list[Json]
    transitions: int

    @property
    def states(self) -> list[str]:
        """The names of the states that it entered, in order."""
        return [
            event["stateEnteredEventDetails"]["name"]
            for event in self.events
            if "stateEnteredEventDetails" in event
        ]

    @property
    def largest_state_data(self) -> int:
        """Bytes of the largest input or output of any state."""
        return max(
            len(event[kind][data].encode())
            for event in self.events
            for kind, data in (
                ("stateEnteredEventDetails", "input"),
                ("stateExitedEventDetails", "output"),
            )
            if data in event.get(kind, {})
        )


class Application:
    """The deployed stack."""

    def __init__(self, cloud: LocalCloud, calls: Calls, runtime: StagedRuntime) -> None:
        self.cloud = cloud
        self.calls = calls
        self.runtime = runtime
        self.stack = cloud.deploy(TEMPLATE, parameters(cloud.account))
        self.create_machine = self.stack.outputs["CreateEnvironmentStateMachineArn"]
        self.delete_machine = self.stack.outputs["DeleteEnvironmentStateMachineArn"]

    def client(self, service: str) -> Any:
        return self.cloud.client(service)

    # --- what people do ----------------------------------------------------------------------

    def start(self, machine: str, content: Any) -> str:
        """The ARN of the new execution."""
        arn: str = self.client("stepfunctions").start_execution(
            stateMachineArn=machine, input=json.dumps(content)
        )["executionArn"]
        return arn

    def create(self, request: Any) -> Ended:
        return self.ended(self.start(self.create_machine, request))

    def delete(self, environment: str, **more: Any) -> Ended:
        content = {"environment": environment, "reason": "a test", **more}
        return self.ended(self.start(self.delete_machine, content))

    def stop(self, execution_arn: str) -> None:
        self.client("stepfunctions").stop_execution(executionArn=execution_arn)

    # --- what people see ---------------------------------------------------------------------

    def status(self, execution_arn: str) -> str:
        return str(self.cloud.execution(execution_arn).exec_status.value)

    def ended(self, execution_arn: str) -> Ended:
        """Wait until the execution is over."""
        until_true(lambda: self.status(execution_arn) in OVER, ENDS_WITHIN)
        client = self.client("stepfunctions")
        described = client.describe_execution(executionArn=execution_arn)
        return Ended(
            execution_arn,
            described["status"],
            json.loads(described.get("output", "{}")),
            described.get("error", ""),
            described.get("cause", ""),
            history(client, execution_arn),
            self.cloud.execution(execution_arn).state_transitions,
        )

    def states_so_far(self, execution_arn: str) -> list[str]:
        return [
            event["stateEnteredEventDetails"]["name"]
            for event in history(self.client("stepfunctions"), execution_arn)
            if "stateEnteredEventDetails" in event
        ]

    def until_in(self, execution_arn: str, state: str) -> None:
        """Wait until the execution has entered a state."""
        until_true(lambda: state in self.states_so_far(execution_arn), ENDS_WITHIN)

    def executions(self, machine: str, environment: str) -> list[str]:
        """The executions of a machine for an environment, the newest first."""
        client = self.client("stepfunctions")
        listed = client.list_executions(stateMachineArn=machine)["executions"]
        listed.sort(key=lambda execution: execution["startDate"], reverse=True)
        return [
            execution["executionArn"]
            for execution in listed
            if _names(
                json.loads(
                    client.describe_execution(executionArn=execution["executionArn"])["input"]
                ),
                environment,
            )
        ]

    def record(self, environment: str) -> Json | None:
        """The environment's record as plain values; JSON texts are parsed."""
        item = (
            self.client("dynamodb")
            .get_item(
                TableName=self.stack.outputs["EnvironmentsTableName"],
                Key={"environment": {"S": environment}},
            )
            .get("Item")
        )
        return {name: _plain(value) for name, value in item.items()} if item else None

    def schedule(self, environment: str) -> Json | None:
        client = self.client("scheduler")
        try:
            found: Json = client.get_schedule(
                Name=f"{environment}-expiry", GroupName="bivouac-expiry"
            )
        except client.exceptions.ResourceNotFoundException:
            return None
        return found

    def left(self, environment: str, namespace: str | None = None) -> list[str]:
        """Everything of the environment that can still be seen, whoever made it."""
        ecs = self.client("ecs")
        found = []
        cluster = f"bivouac-{environment}"
        described = ecs.describe_clusters(clusters=[cluster])["clusters"]
        if described and described[0]["status"] != "INACTIVE":
            found.append(f"cluster {cluster}")
            found += ecs.list_services(cluster=cluster)["serviceArns"]
            found += ecs.list_tasks(cluster=cluster)["taskArns"]
        for status in ("ACTIVE", "INACTIVE"):
            found += ecs.list_task_definitions(
                familyPrefix=f"bivouac-{environment}--", status=status
            )["taskDefinitionArns"]
            for family in self._families(f"bivouac-{environment}--"):
                found += ecs.list_task_definitions(familyPrefix=family, status=status)[
                    "taskDefinitionArns"
                ]
        found += [
            f"namespace {each['Name']}"
            for each in self.namespaces()
            if each["Name"] == (namespace or cluster)
        ]
        found += self.log_groups(environment)
        return sorted(set(found))

    def _families(self, prefix: str) -> list[str]:
        families: list[str] = self.client("ecs").list_task_definition_families(
            familyPrefix=prefix, status="ALL"
        )["families"]
        return families

    def namespaces(self) -> list[Json]:
        pages = self.client("servicediscovery").get_paginator("list_namespaces").paginate()
        return [namespace for page in pages for namespace in page["Namespaces"]]

    def cloud_map_services(self) -> list[str]:
        pages = self.client("servicediscovery").get_paginator("list_services").paginate()
        return [service["Name"] for page in pages for service in page["Services"]]

    def log_groups(self, environment: str) -> list[str]:
        groups = self.client("logs").describe_log_groups(
            logGroupNamePrefix=f"/bivouac-{environment}/"
        )["logGroups"]
        return [group["logGroupName"] for group in groups]

    # --- between tests -----------------------------------------------------------------------

    def quiet(self) -> None:
        """End what a test left running, so that the next one sees only its own calls."""
        client = self.client("stepfunctions")
        for machine in client.list_state_machines()["stateMachines"]:
            running = client.list_executions(
                stateMachineArn=machine["stateMachineArn"], statusFilter="RUNNING"
            )["executions"]
            for execution in running:
                self.stop(execution["executionArn"])


def _names(content: Any, environment: str) -> bool:
    return isinstance(content, dict) and environment in (
        content.get("name"),
        content.get("environment"),
    )


def _plain(value: Json) -> Any:
    ((kind, content),) = value.items()
    if kind == "N":
        return int(content)
    if kind == "S" and content[:1] in ("{", "["):
        return json.loads(content)
    return content


@contextmanager
def application() -> Iterator[Application]:
    calls = Calls()
    runtime = StagedRuntime(TEST)
    with LocalCloud(TEST, runtime, port=0, wait_scale=WAIT_SCALE, observe=calls.note) as cloud:
        yield Application(cloud, calls, runtime)


def environment_name(test: str, number: int) -> str:
    """An environment name that no other test of this process has."""
    words = re.sub(r"[^a-z0-9]+", "-", test.lower().removeprefix("test_"))[:28].strip("-")
    return f"{words}-{number}"


Condition = Callable[[], object]
