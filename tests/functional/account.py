"""An account with the stack's table and schedule group, and helpers for the steps' tests.

The steps use their production clients; one set of them serves all tests of a process, because
creating a client costs more than a whole environment on the strict fake.
"""

from __future__ import annotations

import importlib
import json
import os
import pickle
import re
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from functools import cache
from typing import Any
from unittest import mock

from create_cluster import create_cluster
from create_log_groups import create_log_groups
from create_namespace import create_namespace
from delete_proof_clients import delete_proof_clients
from moto.dynamodb.models import dynamodb_backends
from moto.events.models import EventPattern, events_backends
from moto.scheduler.models import scheduler_backends
from moto.stepfunctions.exceptions import InvalidToken
from moto.stepfunctions.models import StepFunctionBackend
from register_task_definitions import register_task_definitions

from bivouac import clock
from bivouac.aws import clients, cloudmap
from bivouac.aws.environments_table import Records
from bivouac.aws.event_bus import EventBus
from bivouac.aws.scheduler import Schedules
from bivouac.aws.waits_table import Waits
from bivouac.commands.holder import Holder
from bivouac.deletion.step import Deletion
from bivouac.environment.blueprint import Blueprint
from bivouac.environment.intents import Verb
from bivouac.environment.record import Record, Status, packed
from bivouac.proof.mesh import EdgeProof
from bivouac.request.planning.plan import plan
from bivouac.services.changes import ServiceConvergence
from bivouac.services.deployments import Expected
from bivouac.services.patience import Patience
from bivouac.services.progress import CreateProgress
from bivouac.settings import ScheduleSettings
from localcloud.account import ACCOUNT_ID, REGION, SECURITY_GROUP_ID, SUBNET_IDS
from localcloud.ecs.announcements import Announcement
from localcloud.events.ecs import delivered
from localcloud.moto_changes.patching import all_patched
from localcloud.strict import ControlPlane, mock_account
from localcloud.tasks import scripted
from localcloud.tasks.scripted import ScriptedRuntime
from tests.requests import EXECUTION_ROLE, settings
from tests.template import declared

NOT_OURS = ["bivouac-2-demo", "bivouac-Prod", "bivouac-my_app", "bivouac-", "bivouac", "other"]
"""Other people's clusters: a stack bivouac-2 has the environment demo, and any name is possible."""
TABLE = "environments"
WAITS_TABLE = "waits"
EVENT_BUS = "bivouac"
READ_ONLY = ("Describe", "List", "Get", "BatchGet", "Query", "FilterLogEvents", "Discover")
ENVIRONMENT_APIS = ("ecs:", "servicediscovery:", "logs:")
"""The APIs of an environment's resources; the record and the schedule are Bivouac's own."""
_MACHINE = f"arn:aws:states:{REGION}:{ACCOUNT_ID}:stateMachine:bivouac"
CREATE_MACHINE = f"{_MACHINE}-create-environment"
DELETE_MACHINE = f"{_MACHINE}-delete-environment"
REDEPLOY_MACHINE = f"{_MACHINE}-redeploy-environment"
SLEEP_MACHINE = f"{_MACHINE}-sleep-environment"
WAKE_MACHINE = f"{_MACHINE}-wake-environment"
EXTEND_MACHINE = f"{_MACHINE}-extend-lease"
SCHEDULES = ScheduleSettings(
    expiry_group="bivouac-expiry",
    expiry_role_arn=f"arn:aws:iam::{ACCOUNT_ID}:role/expiry",
    office_hours_group="bivouac-office-hours",
    office_hours_role_arn=f"arn:aws:iam::{ACCOUNT_ID}:role/office-hours",
    delete_machine_arn=DELETE_MACHINE,
    sleep_machine_arn=SLEEP_MACHINE,
    wake_machine_arn=WAKE_MACHINE,
    warn_function_arn=f"arn:aws:lambda:{REGION}:{ACCOUNT_ID}:function:bivouac-warn",
    dead_letters_arn=f"arn:aws:sqs:{REGION}:{ACCOUNT_ID}:bivouac-undelivered-events",
)
SETTLE_SECONDS = 30
SETTLED_SECONDS = 5.0
"""After this long on the test's clock, everything requested has happened."""
HISTORY_SECONDS = 3700.0
"""After this long, ECS no longer shows deleted services and stopped tasks."""
SLICE_SECONDS = 0.1
"""Steps of a function's sleep: events arrive no later than that."""
RETENTION_DAYS = 14
PROOF_IMAGE = "public.ecr.aws/docker/library/python:3.13-alpine"
_CLIENTS = (
    "ecs",
    "ecs_sent_once",
    "servicediscovery",
    "logs",
    "ec2",
    "dynamodb",
    "events",
    "scheduler",
    "stepfunctions",
)

VARIABLES = {
    "NAME_PREFIX": "bivouac",
    "TABLE_NAME": TABLE,
    "WAITS_TABLE_NAME": WAITS_TABLE,
    "EVENT_BUS_NAME": EVENT_BUS,
    "URL_SUFFIX": "amazonaws.com",
    "SETTLE_SECONDS": str(SETTLE_SECONDS),
    "EXPIRY_SCHEDULE_GROUP": SCHEDULES.expiry_group,
    "EXPIRY_ROLE_ARN": SCHEDULES.expiry_role_arn,
    "OFFICE_HOURS_SCHEDULE_GROUP": SCHEDULES.office_hours_group,
    "OFFICE_HOURS_ROLE_ARN": SCHEDULES.office_hours_role_arn,
    "CREATE_STATE_MACHINE_ARN": CREATE_MACHINE,
    "REDEPLOY_STATE_MACHINE_ARN": REDEPLOY_MACHINE,
    "DELETE_STATE_MACHINE_ARN": DELETE_MACHINE,
    "ORPHANS_LIVE": "1h",
    "SWEEP_SECONDS": "64",
    "SLEEP_STATE_MACHINE_ARN": SLEEP_MACHINE,
    "WAKE_STATE_MACHINE_ARN": WAKE_MACHINE,
    "EXTEND_LEASE_STATE_MACHINE_ARN": EXTEND_MACHINE,
    "WARN_OF_EXPIRY_FUNCTION_ARN": SCHEDULES.warn_function_arn,
    "UNDELIVERED_EVENTS_ARN": SCHEDULES.dead_letters_arn,
}
"""The functions' environment variables from template.yaml."""
SETTINGS = {
    "SUBNET_IDS": ",".join(SUBNET_IDS),
    "TASK_SECURITY_GROUP_ID": SECURITY_GROUP_ID,
    "PROBE_SECURITY_GROUP_ID": "sg-0123456789abcdef0",
    "ASSIGN_PUBLIC_IP": "ENABLED",
    "TASK_ROLE_ARNS": EXECUTION_ROLE,
    "EXECUTION_ROLE_ARNS": EXECUTION_ROLE,
    "ALLOWED_SUBNET_IDS": "",
    "ALLOWED_SECURITY_GROUP_IDS": "",
    "ALLOWED_FILE_SYSTEM_IDS": "",
    "ALLOWED_ENVIRONMENT_FILES": "",
    "ALLOW_ECS_EXEC": "true",
    "NAMESPACE_QUOTA": "50",
    "PROOF_IMAGE": PROOF_IMAGE,
    "DEFAULT_LEASE": "8h",
    "MAXIMUM_LEASE": "7d",
}
"""What create_environment's definition passes to Check request."""


def execution(name: str) -> str:
    """The ARN of an execution of create_environment, whether or not it exists."""
    return f"arn:aws:states:{REGION}:{ACCOUNT_ID}:execution:bivouac-create-environment:{name}"


def deletion_event(**more: Any) -> dict[str, Any]:
    """What a step of a deletion gets that begins now."""
    now = datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    return {"environment": "demo", "generation": 1, "closedAt": now, "items": [], **more}


def started_at(account: BivouacAccount) -> str:
    """The start time of an execution that starts now, as Step Functions writes it."""
    return f"{account.now():%Y-%m-%dT%H:%M:%S.%f}"[:-3] + "Z"


@dataclass(frozen=True)
class LambdaContext:
    """The context that Lambda passes to a handler beside the event."""

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
    events: deque[dict[str, Any]] = field(default_factory=deque)
    """Events that matched the stack's rules and have not been delivered yet."""
    tokens: dict[str, dict[str, Any] | None] = field(default_factory=dict)
    """By task token: the answer with which the execution was resumed, None before."""
    while_asleep: Callable[[], None] = lambda: None
    """Called repeatedly while a function sleeps: others run in that time."""

    def client(self, service: str) -> Any:
        """The production client, whose calls are recorded."""
        return getattr(clients, service)()

    def note(self, model: Any, params: dict[str, Any]) -> None:
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
        """The mutating calls to the APIs of an environment's resources."""
        return [call for call in self.mutating_calls if call.startswith(ENVIRONMENT_APIS)]

    @property
    def records(self) -> Records:
        return Records(self.client("dynamodb"), TABLE)

    def record(self, environment: str = "demo") -> Record:
        """Of an environment that has one."""
        record = self.records.find(environment)
        assert record is not None
        return record

    def holder(self, execution: str) -> Holder:
        """`execution`: its ARN."""
        client = self.client("stepfunctions")
        return Holder(execution, SETTLE_SECONDS, self.records, client)

    @property
    def schedules(self) -> Schedules:
        return Schedules(self.client("scheduler"), SCHEDULES)

    def armed(self) -> dict[str, dict[str, Any]]:
        """Every existing schedule, by name."""
        client = self.client("scheduler")
        return {
            entry["Name"]: client.get_schedule(Name=entry["Name"], GroupName=entry["GroupName"])
            for entry in client.list_schedules()["Schedules"]
        }

    @property
    def bus(self) -> EventBus:
        return EventBus(self.client("events"), EVENT_BUS)

    @property
    def published(self) -> list[tuple[str, dict[str, Any]]]:
        """Detail type and detail of each event that was put on the bus."""
        entries = [
            entry
            for call, request in zip(self.calls, self.requests, strict=True)
            if call == "events:PutEvents"
            for entry in json.loads(request["body"])["Entries"]
        ]
        return [(entry["DetailType"], json.loads(entry["Detail"])) for entry in entries]

    @property
    def waits(self) -> Waits:
        return Waits(self.client("dynamodb"), WAITS_TABLE)

    def now(self) -> datetime:
        return datetime.fromtimestamp(self.plane.clock.now(), UTC)

    def pass_time(self, seconds: float) -> None:
        self.plane.clock.advance(seconds)  # type: ignore[attr-defined]

    def sleep(self, seconds: float) -> None:
        """A function sleeps; whatever happens meanwhile is delivered at once."""
        ends = self.plane.clock.now() + seconds
        while (left := ends - self.plane.clock.now()) > 1e-6:
            self.pass_time(min(left, SLICE_SECONDS))
            self.while_asleep()

    def announced(self, announcement: Announcement) -> None:
        event = delivered(announcement, self.plane.account)
        if any(pattern.matches_event(event) for pattern in rules()):
            self.events.append(json.loads(json.dumps(event)))

    def token(self) -> str:
        """A new token, which resumes an execution once."""
        name = f"token-{len(self.tokens) + 1}"
        self.tokens[name] = None
        return name

    def resumed(self, token: str, output: str) -> None:
        """The effect of SendTaskSuccess in Step Functions."""
        if token not in self.tokens or self.tokens[token] is not None:
            raise InvalidToken
        self.tokens[token] = json.loads(output)

    def invoke(self, function: str, event: dict[str, Any]) -> dict[str, Any]:
        """Calls a function as Lambda does: JSON in, JSON out, through its handler."""
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

    def machine_input(self, content: Any, who: str = "first") -> dict[str, Any]:
        """The input of a machine's first state. No two executions start at the same time."""
        self.pass_time(0.001)
        arn = who if who.startswith("arn:") else execution(who)
        return {
            "request": content,
            "execution": arn,
            "startedAt": started_at(self),
            "settings": SETTINGS,
        }

    def instruction(self, request: dict[str, Any], who: str = "first") -> dict[str, Any]:
        """What Check request says about a create beside its plan."""
        return {
            "verb": Verb.CREATE,
            "intent": {"id": who, "at": started_at(self)},
            "basedOn": 0,
            "base": packed(request),
            "request": packed(request),
            "changes": {},
            "there": False,
        }

    def planned(self, request: dict[str, Any]) -> Blueprint:
        checked = plan(request, settings(), self.now())
        assert checked.blueprint is not None, checked.problems
        return checked.blueprint

    def holds(self, blueprint: Blueprint, generation: int = 1, **changes: Any) -> Record:
        """Writes the record as an execution that creates the environment leaves it."""
        record = Record(
            **{
                "environment": blueprint.environment,
                "generation": generation,
                "status": Status.CREATING,
                "execution": execution("first"),
                "request_hash": blueprint.request_hash,
                "blueprint": blueprint.to_json(),
                "expires_at": "2030-01-01T00:00:00Z",
                "settle": False,
                "request": (request := packed({"name": blueprint.environment, "services": []})),
                "base_request": request,
                **changes,
            }
        )
        self.records.take(record, self.records.find(blueprint.environment))
        return record

    def until(self, look: Callable[[], dict[str, Any]], status: str) -> dict[str, Any]:
        """Polls as the state machine does, letting time pass, until the status is reached."""
        for _ in range(100):
            answer = look()
            if answer["status"] == status:
                return answer
            self.pass_time(answer["waitSeconds"])
        raise AssertionError(f"never {status}: {answer}")

    def namespace(self, blueprint: Blueprint, generation: int = 1) -> str:
        client = self.client("servicediscovery")
        create_namespace(blueprint, generation, client)
        self.pass_time(SETTLED_SECONDS)
        found = cloudmap.find_namespace(client, blueprint.namespace)
        assert found is not None
        return found.arn

    def cluster(self, blueprint: Blueprint) -> None:
        create_cluster(blueprint, self.client("ecs"))
        self.pass_time(SETTLED_SECONDS)

    def definitions(self, blueprint: Blueprint, generation: int = 1) -> dict[str, str]:
        """By family; the record is written if it says something else."""
        record = self.records.find(blueprint.environment)
        if record is None or (record.generation, record.planned) != (generation, blueprint):
            self.holds(blueprint, generation)
        answer = register_task_definitions(
            blueprint.environment, generation, self.records, self.client("ecs_sent_once")
        )
        return dict(answer["arns"])

    def convergence(self, blueprint: Blueprint, generation: int = 1) -> ServiceConvergence:
        """With everything that the services need."""
        self.cluster(blueprint)
        namespace_arn = self.namespace(blueprint, generation)
        create_log_groups(blueprint, RETENTION_DAYS, self.client("logs"))
        return ServiceConvergence(
            blueprint,
            generation,
            namespace_arn,
            self.definitions(blueprint, generation),
            self.client("ecs"),
            self.client("servicediscovery"),
            self.patience(),
            fresh=False,
            proven={},
        )

    def patience(self) -> Patience:
        """For an execution that has just begun."""
        return Patience(self.now(), self.now() + timedelta(minutes=15))

    def create(
        self, request: dict[str, Any], generation: int = 1, proofs: list[EdgeProof] | None = None
    ) -> list[Expected]:
        """Everything up to the created services, whatever they depend on."""
        blueprint = self.planned(request)
        healthy = frozenset(service.service_name for service in blueprint.services)
        convergence = self.convergence(blueprint, generation)
        made = CreateProgress()
        while True:
            known = tuple(healthy & made.deployments.keys())
            made = convergence.converge(replace(made, healthy=known), proofs or [])
            if not made.blocked:
                return list(made.expected)
            self.pass_time(SETTLED_SECONDS)

    def healthy(self, request: dict[str, Any]) -> Blueprint:
        """An environment that was ready: its tasks run, and its proof clients are gone."""
        expected = self.create(request)
        blueprint = self.planned(request)
        self.pass_time(SETTLED_SECONDS)
        names = [entry.service_name for entry in expected]
        delete_proof_clients(blueprint, names, self.client("ecs"))
        self.pass_time(HISTORY_SECONDS)
        self.events.clear()
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
        return Deletion.from_event(blueprint, event, self.now())


_PAGE_SIZES = ("maxResults", "MaxResults", "limit")
_LISTS = re.compile("List(?!Tags)|DescribeLogGroups|Scan")


@contextmanager
def small_pages(account: BivouacAccount) -> Iterator[None]:
    """Every list of ECS, Cloud Map and Logs comes in pages of one entry."""

    def cut(params: dict[str, Any], model: Any, **_: Any) -> None:
        for name in _PAGE_SIZES:
            if _LISTS.match(model.name) and name in model.input_shape.members:
                params[name] = 1

    names = ("ecs", "ecs_sent_once", "servicediscovery", "logs")
    listing = [account.client(name) for name in names]
    for client in listing:
        client.meta.events.register("before-parameter-build", cut)
    try:
        yield
    finally:
        for client in listing:
            client.meta.events.unregister("before-parameter-build", cut)


@cache
def rules() -> tuple[EventPattern, ...]:
    """The patterns of template.yaml for which resume_execution is called."""
    names = {"AWS::Partition": "aws", "AWS::Region": REGION, "AWS::AccountId": ACCOUNT_ID}

    def resolved(content: Any) -> Any:
        if isinstance(content, list):
            return [resolved(entry) for entry in content]
        if not isinstance(content, dict):
            return content
        if "Fn::Sub" in content:
            known = names | {"NamePrefix": VARIABLES["NAME_PREFIX"]}
            return re.sub(r"\$\{([^}]+)\}", lambda match: known[match[1]], content["Fn::Sub"])
        return {name: resolved(entry) for name, entry in content.items()}

    events = declared.functions()["ResumeExecutionFunction"]["Events"].values()
    return tuple(EventPattern(None, resolved(event["Properties"]["Pattern"])) for event in events)


@contextmanager
def _on_the_accounts_clock(account: BivouacAccount) -> Iterator[None]:
    """The functions use the test's time, also to sleep; concurrent calls are made one after
    another."""
    with (
        mock.patch.multiple(clock, now=account.now, sleep=account.sleep),
        mock.patch("bivouac.services.changes.CONCURRENT_CALLS", 1),
    ):
        yield


@contextmanager
def bivouac_account() -> Iterator[BivouacAccount]:
    variables = [(os.environ, name, value) for name, value in VARIABLES.items()]
    with mock_account() as plane, all_patched(variables):
        runtime = plane.runtime
        assert isinstance(runtime, ScriptedRuntime)
        runtime.script(PROOF_IMAGE, scripted.proof_client)
        account = BivouacAccount(plane, runtime)
        plane.announcements.listen(account.announced)
        _hold_the_stack()
        with (
            _noting(account),
            _on_the_accounts_clock(account),
            _step_functions(account),
        ):
            yield account


def _hold_the_stack() -> None:
    """Puts the stack's tables, schedule groups and bus into the account."""
    tables, groups, buses = pickle.loads(_stack())
    dynamodb_backends[ACCOUNT_ID][REGION].tables = tables
    scheduler_backends[ACCOUNT_ID][REGION].schedule_groups = groups
    events_backends[ACCOUNT_ID][REGION].event_buses = buses


@cache
def _stack() -> bytes:
    """Created through the APIs once, because that takes longer than most tests."""
    for table, resource in ((TABLE, "EnvironmentsTable"), (WAITS_TABLE, "WaitsTable")):
        properties = declared.resources("AWS::DynamoDB::Table")[resource]["Properties"]
        names = ("BillingMode", "AttributeDefinitions", "KeySchema", "GlobalSecondaryIndexes")
        given: Any = {name: properties[name] for name in names if name in properties}
        clients.dynamodb().create_table(TableName=table, **given)
    for group in (SCHEDULES.expiry_group, SCHEDULES.office_hours_group):
        clients.scheduler().create_schedule_group(Name=group)
    clients.events().create_event_bus(Name=EVENT_BUS)
    return pickle.dumps(
        (
            dynamodb_backends[ACCOUNT_ID][REGION].tables,
            scheduler_backends[ACCOUNT_ID][REGION].schedule_groups,
            events_backends[ACCOUNT_ID][REGION].event_buses,
        )
    )


@contextmanager
def _step_functions(account: BivouacAccount) -> Iterator[None]:
    """moto answers SendTaskSuccess and does nothing."""

    def send_task_success(_: StepFunctionBackend, task_token: str, outcome: str) -> None:
        account.resumed(task_token, outcome)

    with mock.patch.object(StepFunctionBackend, "send_task_success", send_task_success):
        yield


@contextmanager
def _noting(account: BivouacAccount) -> Iterator[None]:
    _hooked()
    _in_use.append(account)
    try:
        yield
    finally:
        _in_use.remove(account)


_in_use: list[BivouacAccount] = []


@cache
def _hooked() -> None:
    """Once for all accounts: a client that gets a hook forgets which hooks each event has."""
    for service in _CLIENTS:
        getattr(clients, service)().meta.events.register("before-call", _note)


def _note(model: Any, params: dict[str, Any], **_: Any) -> None:
    for account in _in_use:
        account.note(model, params)
