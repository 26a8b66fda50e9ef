"""An account in which the stack's table and schedule group exist, and what the steps need of it.

The steps use their production clients; one set of them serves all tests of a process, because
making a client costs more than a whole environment on the strict fake.
"""

from __future__ import annotations

import importlib
import json
import os
import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any
from unittest import mock

from check_services import check_services
from create_cluster import create_cluster
from create_log_groups import create_log_groups
from create_namespace import create_namespace
from create_service import create_service
from register_task_definition import register_task_definition

from bivouac.aws import clients
from bivouac.aws.records import Records
from bivouac.blueprint import Blueprint
from bivouac.checks import Expected
from bivouac.deletion import Deletion
from bivouac.planning import plan
from bivouac.record import Record, Status
from bivouac.settings import ExpirySettings
from localcloud.account import ACCOUNT_ID, REGION, SECURITY_GROUP_ID, SUBNET_IDS
from localcloud.strict import ControlPlane, mock_account
from localcloud.tasks.scripted import ScriptedRuntime
from tests.requests import EXECUTION_ROLE, settings

TABLE = "environments"
READ_ONLY = ("Describe", "List", "Get", "FilterLogEvents", "Discover")
ENVIRONMENT_APIS = ("ecs:", "servicediscovery:", "logs:")
"""Where an environment's resources live; the record and the schedule are Bivouac's own."""
_MACHINE = f"arn:aws:states:{REGION}:{ACCOUNT_ID}:stateMachine:bivouac"
CREATE_MACHINE = f"{_MACHINE}-create-environment"
DELETE_MACHINE = f"{_MACHINE}-delete-environment"
EXPIRY = ExpirySettings("bivouac-expiry", f"arn:aws:iam::{ACCOUNT_ID}:role/expiry", DELETE_MACHINE)
SETTLE_SECONDS = 30
RETENTION_DAYS = 14
_CLIENTS = (
    "ecs",
    "ecs_sent_once",
    "servicediscovery",
    "logs",
    "ec2",
    "dynamodb",
    "scheduler",
    "stepfunctions",
)

VARIABLES = {
    "NAME_PREFIX": "bivouac",
    "TABLE_NAME": TABLE,
    "SETTLE_SECONDS": str(SETTLE_SECONDS),
    "LOG_RETENTION_DAYS": str(RETENTION_DAYS),
    "SUBNET_IDS": ",".join(SUBNET_IDS),
    "TASK_SECURITY_GROUP_ID": SECURITY_GROUP_ID,
    "PROBE_SECURITY_GROUP_ID": "sg-0123456789abcdef0",
    "ASSIGN_PUBLIC_IP": "ENABLED",
    "TASK_ROLE_ARNS": EXECUTION_ROLE,
    "EXECUTION_ROLE_ARNS": EXECUTION_ROLE,
    "ALLOW_ECS_EXEC": "true",
    "NAMESPACE_QUOTA": "50",
    "PROOF_IMAGE": "public.ecr.aws/docker/library/python:3.13-alpine",
    "DEFAULT_LEASE": "8h",
    "MAXIMUM_LEASE": "7d",
    "EXPIRY_SCHEDULE_GROUP": EXPIRY.schedule_group,
    "EXPIRY_ROLE_ARN": EXPIRY.role_arn,
    "DELETE_STATE_MACHINE_ARN": DELETE_MACHINE,
}
"""What template.yaml gives the functions."""


def execution(name: str) -> str:
    """The ARN of an execution of create_environment, whether or not it exists."""
    return f"arn:aws:states:{REGION}:{ACCOUNT_ID}:execution:bivouac-create-environment:{name}"


@dataclass(frozen=True)
class LambdaContext:
    """What Lambda hands to a handler beside the event."""

    function_name: str
    memory_limit_in_mb: int = 512
    invoked_function_arn: str = f"arn:aws:lambda:{REGION}:{ACCOUNT_ID}:function:bivouac"
    aws_request_id: str = "8ac1e4d8-5a0e-4c1e-9d3f-0a1b2c3d4e5f"


@dataclass
class BivouacAccount:
    plane: ControlPlane
    runtime: ScriptedRuntime
    calls: list[str] = field(default_factory=list)
    """Every AWS call, as "ecs:CreateService"."""
    requests: list[dict[str, Any]] = field(default_factory=list)
    """The arguments of each of them."""

    def client(self, service: str) -> Any:
        """The production client, whose calls are noted."""
        return getattr(clients, service)()

    def note(self, model: Any, params: dict[str, Any], **_: Any) -> None:
        self.calls.append(f"{model.service_model.endpoint_prefix}:{model.name}")
        self.requests.append(params)

    def forget_calls(self) -> None:
        self.calls.clear()
        self.requests.clear()

    @property
    def mutating_calls(self) -> list[str]:
        return [call for call in self.calls if not call.split(":")[1].startswith(READ_ONLY)]

    @property
    def changes(self) -> list[str]:
        """The mutating calls to the APIs in which an environment's resources live."""
        return [call for call in self.mutating_calls if call.startswith(ENVIRONMENT_APIS)]

    @property
    def records(self) -> Records:
        return Records(self.client("dynamodb"), TABLE)

    def now(self) -> datetime:
        return datetime.fromtimestamp(self.plane.clock.now(), UTC)

    def pass_time(self, seconds: float) -> None:
        self.plane.clock.advance(seconds)  # type: ignore[attr-defined]

    def invoke(self, function: str, event: dict[str, Any]) -> dict[str, Any]:
        """Call a function as Lambda does: JSON in, JSON out, through its handler."""
        handler = importlib.import_module(function).handler
        given = json.loads(json.dumps(event))
        answer: dict[str, Any] = json.loads(json.dumps(handler(given, LambdaContext(function))))
        return answer

    def start_execution(self, name: str, machine: str = CREATE_MACHINE) -> str:
        """The ARN of an execution that runs until it is stopped."""
        client = self.client("stepfunctions")
        client.create_state_machine(
            name=machine.rpartition(":")[2],
            definition='{"StartAt": "Go", "States": {"Go": {"Type": "Succeed"}}}',
            roleArn=f"arn:aws:iam::{ACCOUNT_ID}:role/machine",
        )
        return str(client.start_execution(stateMachineArn=machine, name=name)["executionArn"])

    def planned(self, request: dict[str, Any]) -> Blueprint:
        checked = plan(request, settings())
        assert checked.blueprint is not None, checked.problems
        return checked.blueprint

    def holds(self, blueprint: Blueprint, generation: int = 1, **changes: Any) -> Record:
        """Write the record as an execution that creates the environment leaves it."""
        record = Record(
            **{
                "environment": blueprint.environment,
                "generation": generation,
                "status": Status.CREATING,
                "execution": execution("first"),
                "request_hash": blueprint.request_hash,
                "blueprint": json.dumps(blueprint.to_json()),
                "expires_at": "2030-01-01T00:00:00Z",
                "settle": False,
                **changes,
            }
        )
        self.records.take(record, self.records.find(blueprint.environment))
        return record

    def until(self, look: Callable[[], dict[str, Any]], status: str) -> dict[str, Any]:
        """Look again as the state machine does, letting time pass, until the status is reached."""
        for _ in range(100):
            answer = look()
            if answer["status"] == status:
                return answer
            self.pass_time(answer["waitSeconds"])
        raise AssertionError(f"never {status}: {answer}")

    def namespace(self, blueprint: Blueprint, generation: int = 1) -> str:
        answer: dict[str, Any] = {"operationId": None}

        def look() -> dict[str, Any]:
            answer.update(
                create_namespace(
                    blueprint, generation, answer["operationId"], self.client("servicediscovery")
                )
            )
            return answer

        return str(self.until(look, "READY")["arn"])

    def cluster(self, blueprint: Blueprint) -> None:
        self.until(lambda: create_cluster(blueprint, self.client("ecs")), "READY")

    def services(
        self, blueprint: Blueprint, namespace_arn: str, generation: int = 1
    ) -> list[Expected]:
        ecs = self.client("ecs")
        expected = []
        for service in blueprint.services:
            name = service.service_name
            definition = register_task_definition(blueprint, name, ecs)["taskDefinitionArn"]
            made = create_service(blueprint, generation, name, namespace_arn, definition, ecs)
            expected.append(Expected(name, definition, made["deploymentId"]))
        return expected

    def create(self, request: dict[str, Any], generation: int = 1) -> list[Expected]:
        """Everything up to the created services, by the steps themselves."""
        blueprint = self.planned(request)
        self.cluster(blueprint)
        namespace_arn = self.namespace(blueprint, generation)
        create_log_groups(blueprint, RETENTION_DAYS, self.client("logs"))
        return self.services(blueprint, namespace_arn, generation)

    def look(
        self,
        blueprint: Blueprint,
        expected: list[Expected],
        opened_at: datetime | None = None,
        deadline: datetime | None = None,
    ) -> dict[str, Any]:
        return check_services(
            blueprint,
            expected,
            opened_at or self.now(),
            deadline or datetime(2100, 1, 1, tzinfo=UTC),
            self.now(),
            self.client("ecs"),
            self.client("servicediscovery"),
            lambda: self.client("ec2"),
        )

    def healthy(self, request: dict[str, Any]) -> Blueprint:
        """An environment whose tasks run."""
        blueprint = self.planned(request)
        expected = self.create(request)
        self.until(lambda: self.look(blueprint, expected), "HEALTHY")
        self.forget_calls()
        return blueprint

    def deletion(
        self,
        blueprint: Blueprint,
        items: list[dict[str, str]] | None = None,
        waited_seconds: float = 0.0,
    ) -> Deletion:
        event = {
            "items": items or [],
            "closedAt": datetime.fromtimestamp(
                self.plane.clock.now() - waited_seconds, UTC
            ).strftime("%Y-%m-%dT%H:%M:%SZ"),
        }
        return Deletion.from_event(blueprint, event, self.now(), 1)


_PAGE_SIZES = ("maxResults", "MaxResults", "limit")
_LISTS = re.compile("List(?!Tags)|DescribeLogGroups|Scan")


@contextmanager
def small_pages(account: BivouacAccount) -> Iterator[None]:
    """Every list of ECS, Cloud Map and Logs comes in pages of one entry."""

    def cut(params: dict[str, Any], model: Any, **_: Any) -> None:
        for name in _PAGE_SIZES:
            if _LISTS.match(model.name) and name in model.input_shape.members:
                params[name] = 1

    listing = [account.client(name) for name in ("ecs", "servicediscovery", "logs")]
    for client in listing:
        client.meta.events.register("before-parameter-build", cut)
    try:
        yield
    finally:
        for client in listing:
            client.meta.events.unregister("before-parameter-build", cut)


@contextmanager
def bivouac_account() -> Iterator[BivouacAccount]:
    with mock_account() as plane, mock.patch.dict(os.environ, VARIABLES):
        runtime = plane.runtime
        assert isinstance(runtime, ScriptedRuntime)
        account = BivouacAccount(plane, runtime)
        account.client("dynamodb").create_table(
            TableName=TABLE,
            BillingMode="PAY_PER_REQUEST",
            AttributeDefinitions=[{"AttributeName": "environment", "AttributeType": "S"}],
            KeySchema=[{"AttributeName": "environment", "KeyType": "HASH"}],
        )
        account.client("scheduler").create_schedule_group(Name=EXPIRY.schedule_group)
        with _noting(account):
            yield account


@contextmanager
def _noting(account: BivouacAccount) -> Iterator[None]:
    for service in _CLIENTS:
        account.client(service).meta.events.register("before-call", account.note)
    try:
        yield
    finally:
        for service in _CLIENTS:
            account.client(service).meta.events.unregister("before-call", account.note)
