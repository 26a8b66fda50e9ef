"""Bivouac deployed on a local cloud: what people do with it, and what they can see of it."""

from __future__ import annotations

import itertools
import json
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import cached_property
from pathlib import Path
from typing import Any

from localcloud.cloud import LocalCloud
from localcloud.endpoint.calls import Call
from localcloud.following import OVER, history
from localcloud.stack import TEMPLATE, parameters
from localcloud.tasks.scripted import ScriptedRuntime
from localcloud.timings import TEST
from tests.localcloud.waiting import until_true
from tests.parts import must_be, must_be_an_output
from tests.workflow.calls import Calls
from tests.workflow.staged_runtime import StagedRuntime

Json = dict[str, Any]

ENDS_WITHIN = 120.0
"""Seconds, on a busy machine, for what takes one or two."""
_OF_UPDATE_SCHEDULE = (
    "Name",
    "GroupName",
    "FlexibleTimeWindow",
    "ActionAfterCompletion",
    "State",
    "Description",
    "Target",
)


@dataclass(frozen=True)
class Ended:
    """How an execution ended, and its history."""

    arn: str
    status: str
    output: Json
    error: str
    cause: str
    transitions: int
    _history: Callable[[], list[Json]]

    def succeeded(self) -> Ended:
        """Itself; the test fails with the cause if it did not."""
        assert self.status == "SUCCEEDED", self.cause
        return self

    @cached_property
    def events(self) -> list[Json]:
        """Read on demand: it is the largest of all answers."""
        return self._history()

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


class Listener:
    """A foreign rule on the stack's bus, with a queue behind it."""

    def __init__(self, cloud: LocalCloud, bus: str) -> None:
        self._sqs = cloud.client("sqs")
        name = f"{bus}-listener"
        arn = cloud.account.arn("sqs", name)
        admitted = {
            "Effect": "Allow",
            "Principal": {"Service": "events.amazonaws.com"},
            "Action": "sqs:SendMessage",
            "Resource": arn,
        }
        policy = json.dumps({"Version": "2012-10-17", "Statement": [admitted]})
        self._queue = self._sqs.create_queue(QueueName=name, Attributes={"Policy": policy})[
            "QueueUrl"
        ]
        self._events: list[Json] = []
        events = cloud.client("events")
        pattern = json.dumps({"source": ["bivouac"]})
        events.put_rule(Name="listener", EventBusName=bus, EventPattern=pattern)
        targets = [{"Id": "queue", "Arn": arn}]
        events.put_targets(Rule="listener", EventBusName=bus, Targets=targets)

    def events(self) -> list[Json]:
        """Every event so far."""
        while came := self._sqs.receive_message(QueueUrl=self._queue, MaxNumberOfMessages=10).get(
            "Messages"
        ):
            for message in came:
                self._events.append(json.loads(message["Body"]))
                self._sqs.delete_message(
                    QueueUrl=self._queue, ReceiptHandle=message["ReceiptHandle"]
                )
        return self._events


class Application:
    """The deployed stack."""

    def __init__(
        self,
        cloud: LocalCloud,
        calls: Calls,
        runtime: StagedRuntime | ScriptedRuntime,
        prefix: str = "bivouac",
        given: Mapping[str, str] | None = None,
        template: Path = TEMPLATE,
    ) -> None:
        """`given`: the stack's parameters that differ from those of the stories."""
        self.cloud = cloud
        self.calls = calls
        self.runtime = runtime
        self.prefix = prefix
        self._numbers = itertools.count(1)
        self._is_present = template == TEMPLATE
        chosen = parameters(cloud.account) if given is None else given
        self.stack = cloud.deploy(template, {"NamePrefix": prefix, **chosen}, name=prefix)
        self.create_machine = self.stack.outputs["CreateEnvironmentStateMachineArn"]
        self.redeploy_machine = self.stack.outputs["RedeployEnvironmentStateMachineArn"]
        self.delete_machine = self.stack.outputs["DeleteEnvironmentStateMachineArn"]
        self.sleep_machine = self.stack.outputs["SleepEnvironmentStateMachineArn"]
        self.wake_machine = self.stack.outputs["WakeEnvironmentStateMachineArn"]
        self.extend_machine = self.stack.outputs["ExtendLeaseStateMachineArn"]
        self._listener = Listener(cloud, self.stack.outputs["EventBusName"])

    def update(self, **parameters: str) -> None:
        """To the present template and code."""
        self.stack = self.cloud.update_stack(self.stack, TEMPLATE, parameters)

    def client(self, service: str) -> Any:
        return self.cloud.client(service)

    def roles(self) -> dict[str, str]:
        """Logical id -> role ARN of every function, and of every role of the template."""
        found = {name: each.role_arn for name, each in self.stack.functions.items()}
        for name, kind in self.stack.types.items():
            if kind == "AWS::IAM::Role" and self.stack.arn(name) not in found.values():
                found[name] = self.stack.arn(name)
        return found

    def is_a_role(self, call: Call) -> bool:
        """Whether a function or a machine makes the call, and not the test."""
        return self.cloud.credentials.role_of(call.access_key_id) is not None

    # --- what people do ----------------------------------------------------------------------

    def start(self, machine: str, content: Any) -> str:
        """The ARN of the new execution."""
        arn: str = self.client("stepfunctions").start_execution(
            stateMachineArn=machine, input=json.dumps(content)
        )["executionArn"]
        return arn

    def create(self, request: Any) -> Ended:
        return self.ended(self.start(self.create_machine, request))

    def redeploy(self, environment: str, *services: Json, **more: Any) -> Ended:
        content = {"environment": environment, "services": list(services), **more}
        return self.ended(self.start(self.redeploy_machine, content))

    def put(self, detail_type: str, detail: Json) -> None:
        """Puts a request on the stack's bus, as CI does."""
        self._begin_another_second()
        entry = {
            "EventBusName": self.stack.outputs["EventBusName"],
            "Source": "bivouac.client",
            "DetailType": detail_type,
            "Detail": json.dumps(detail),
        }
        answer = self.client("events").put_events(Entries=[entry])
        assert answer["FailedEntryCount"] == 0, answer

    def push_image(self, repository: str, tag: str) -> str:
        """The image's digest."""
        self._begin_another_second()
        return self.cloud.push_image(repository, tag)

    def close_pull_request(self, repository: str, pull_request_id: str) -> None:
        self._begin_another_second()
        self.cloud.close_pull_request(repository, pull_request_id)

    def _begin_another_second(self) -> None:
        """Events have whole seconds, so that one counts as meant before what its second began with;
        a test creates an environment within one."""
        second = int(self.cloud.clock.now())
        until_true(lambda: int(self.cloud.clock.now()) > second)

    def delete(self, environment: str, **more: Any) -> Ended:
        content = {"environment": environment, "reason": "a test", **more}
        return self.ended(self.start(self.delete_machine, content))

    def sleep(self, environment: str, **more: Any) -> Ended:
        return self.ended(self.start(self.sleep_machine, {"environment": environment, **more}))

    def wake(self, environment: str, **more: Any) -> Ended:
        return self.ended(self.start(self.wake_machine, {"environment": environment, **more}))

    def extend(self, environment: str, **more: Any) -> Ended:
        return self.ended(self.start(self.extend_machine, {"environment": environment, **more}))

    def stop(self, execution_arn: str) -> None:
        self.client("stepfunctions").stop_execution(executionArn=execution_arn)

    def variant(self, machine: str, change: Callable[[Json], None]) -> str:
        """A state machine with the same definition except for one change.

        For what would take minutes: a deadline or a patience that is over from the start."""
        client = self.client("stepfunctions")
        described = client.describe_state_machine(stateMachineArn=machine)
        definition = json.loads(described["definition"])
        change(definition["States"])
        made: str = client.create_state_machine(
            name=f"{described['name']}-{next(self._numbers)}",
            definition=json.dumps(definition),
            roleArn=described["roleArn"],
        )["stateMachineArn"]
        return made

    def allowing(self, subnets: Sequence[str] = (), groups: Sequence[str] = ()) -> str:
        """A machine that creates as if the stack's parameters listed these, too."""

        def listed(states: Json) -> None:
            settings = states["Check request"]["Parameters"]["settings"]
            settings["ALLOWED_SUBNET_IDS"] = ",".join(subnets)
            settings["ALLOWED_SECURITY_GROUP_IDS"] = ",".join(groups)

        return self.variant(self.create_machine, listed)

    def invoke(self, logical_id: str, content: Json) -> Json:
        """The answer of one function, invoked directly."""
        answer = self.client("lambda").invoke(
            FunctionName=self.stack.functions[logical_id].name, Payload=json.dumps(content)
        )
        result: Json = json.loads(answer["Payload"].read())
        return result

    def expire(self, environment: str) -> None:
        """Ends the lease now."""
        self.fire(f"{environment}-expiry")

    def fire(self, name: str) -> None:
        """Fires a schedule in the next second, unchanged except for its time.

        Its time is in whole seconds, and orders its intent after all intents until now.
        """
        client = self.client("scheduler")
        schedule = client.get_schedule(Name=name, GroupName=self.group_of(name))
        client.update_schedule(
            **{key: value for key, value in schedule.items() if key in _OF_UPDATE_SCHEDULE},
            ScheduleExpression=f"at({datetime.now(UTC) + timedelta(seconds=1):%Y-%m-%dT%H:%M:%S})",
            ScheduleExpressionTimezone="UTC",
        )

    def sweep(self, *, dry_run: bool = False) -> list[Json]:
        """The findings, whatever environment they are about."""
        answer = self.invoke("SweepEnvironmentsFunction", {"dryRun": dry_run})
        assert "findings" in answer, answer
        found: list[Json] = answer["findings"]
        return found

    def alter(self, environment: str, **texts: str) -> None:
        """Writes into the record what no function of the stack writes."""
        self.client("dynamodb").update_item(
            TableName=self.stack.outputs["EnvironmentsTableName"],
            Key={"environment": {"S": environment}},
            UpdateExpression="SET " + ", ".join(f"#{name} = :{name}" for name in texts),
            ExpressionAttributeNames={f"#{name}": name for name in texts},
            ExpressionAttributeValues={f":{name}": {"S": text} for name, text in texts.items()},
        )

    def forget(self, environment: str) -> None:
        """Loses the record."""
        self.client("dynamodb").delete_item(
            TableName=self.stack.outputs["EnvironmentsTableName"],
            Key={"environment": {"S": environment}},
        )

    def lose_schedule(self, environment: str) -> None:
        """Loses the schedule that ends the lease."""
        self.client("scheduler").delete_schedule(
            Name=f"{environment}-expiry", GroupName=f"{self.prefix}-expiry"
        )

    @contextmanager
    def denied(self, logical_id: str, action: str) -> Iterator[None]:
        """Denies a right to a function's role for a while."""
        iam, role = self.client("iam"), self.stack.functions[logical_id].role_arn
        name = role.rpartition("/")[2]
        statement = {"Effect": "Deny", "Action": action, "Resource": "*"}
        policy = json.dumps({"Version": "2012-10-17", "Statement": [statement]})
        iam.put_role_policy(RoleName=name, PolicyName="denied", PolicyDocument=policy)
        try:
            yield
        finally:
            iam.delete_role_policy(RoleName=name, PolicyName="denied")

    # --- what people see ---------------------------------------------------------------------

    def status(self, execution_arn: str) -> str:
        return str(self.cloud.execution(execution_arn).exec_status.value)

    def ended(self, execution_arn: str) -> Ended:
        """Waits until the execution is over."""
        execution = self.cloud.execution(execution_arn)
        try:
            until_true(lambda: execution.exec_status.value in OVER, ENDS_WITHIN)
        except AssertionError as late:
            raise AssertionError(f"{late}: {self.states_so_far(execution_arn)}") from None
        client = self.client("stepfunctions")
        described = client.describe_execution(executionArn=execution_arn)
        output = json.loads(described.get("output", "{}"))
        if self._is_present and output:
            must_be_an_output(output)
        return Ended(
            execution_arn,
            described["status"],
            output,
            described.get("error", ""),
            described.get("cause", ""),
            self.cloud.execution(execution_arn).state_transitions,
            lambda: history(client, execution_arn),
        )

    def states_so_far(self, execution_arn: str) -> list[str]:
        return [
            event["stateEnteredEventDetails"]["name"]
            for event in history(self.client("stepfunctions"), execution_arn)
            if "stateEnteredEventDetails" in event
        ]

    def until_in(self, execution_arn: str, state: str) -> None:
        """Waits until the execution has entered a state."""
        until_true(lambda: state in self.states_so_far(execution_arn), ENDS_WITHIN)

    def after_failure(self, environment: str) -> str:
        """The ARN of the deletion that the failed first create started itself."""
        found: list[str] = []

        def has_begun() -> bool:
            begun = self.started_by(self.delete_machine, environment)
            found[:] = [arn for arn in begun if arn.rpartition(":")[2].startswith("failed-")]
            return bool(found)

        until_true(has_begun, ENDS_WITHIN)
        (arn,) = found
        return arn

    def deletion_after_failure(self, environment: str) -> Ended:
        return self.ended(self.after_failure(environment))

    def requested(self, machine: str, environment: str, verb: str, number: int = 1) -> list[str]:
        """The ARNs of the executions that events have started; waits until there are this many."""
        found: list[str] = []
        prefix = f"{environment}-{verb}-"

        def came() -> bool:
            listed = self.client("stepfunctions").list_executions(stateMachineArn=machine)
            found[:] = [
                each["executionArn"]
                for each in listed["executions"]
                if each["name"].startswith(prefix)
            ]
            return len(found) >= number

        until_true(came, ENDS_WITHIN)
        return found

    def undelivered(self, word: str) -> str:
        """The body of the undelivered event that contains the word; waits until it is there."""
        queue = self.stack.resources["UndeliveredEvents"]
        found: list[str] = []

        def came() -> bool:
            got = self.client("sqs").receive_message(
                QueueUrl=queue, MaxNumberOfMessages=10, VisibilityTimeout=0
            )
            found[:] = [each["Body"] for each in got.get("Messages", ()) if word in each["Body"]]
            return bool(found)

        until_true(came, ENDS_WITHIN)
        return found[0]

    def deletion_by_schedule(self, environment: str, reason: str = "lease expired") -> Ended:
        """The deletion that the schedule started."""
        found: list[str] = []

        def has_begun() -> bool:
            asked = (environment, reason)
            found[:] = [
                arn
                for arn, content in self._deletions()
                if isinstance(content, dict)
                and (content.get("environment"), content.get("reason")) == asked
            ]
            return bool(found)

        until_true(has_begun, ENDS_WITHIN)
        return self.ended(found[0])

    def _deletions(self) -> Iterator[tuple[str, Any]]:
        client = self.client("stepfunctions")
        listed = client.list_executions(stateMachineArn=self.delete_machine)["executions"]
        for execution in listed:
            arn = execution["executionArn"]
            yield arn, json.loads(client.describe_execution(executionArn=arn)["input"])

    def record(self, environment: str) -> Json:
        """Of an environment that has one."""
        record = self.find_record(environment)
        assert record is not None
        return record

    def until_status(self, environment: str, status: str) -> Json:
        """The record, once it has this status."""
        until_true(lambda: self.record(environment)["status"] == status, ENDS_WITHIN)
        return self.record(environment)

    def assert_deleted(self, environment: str) -> None:
        """The deletion has left nothing but the record."""
        assert self.left(environment) == []
        assert self.schedule(environment) is None
        assert self.record(environment)["status"] == "DELETED"

    def find_record(self, environment: str) -> Json | None:
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

    def published(self, environment: str, *types: str) -> list[Json]:
        """The published events about the environment: one detail for each type, and no more.

        A repetition has the same id, and does not count."""
        told: list[Json] = []

        def came() -> bool:
            ours = (
                event
                for event in self._listener.events()
                # Versions before the status document named it otherwise (tests/stack)
                if event["detail"].get("environment", event["detail"].get("name")) == environment
            )
            told[:] = {event["detail"]["id"]: event for event in ours}.values()
            return {event["detail-type"] for event in told} >= set(types)

        until_true(came, ENDS_WITHIN)
        assert sorted(event["detail-type"] for event in told) == sorted(types)
        if self._is_present:
            for event in told:
                must_be(event["detail-type"], event["detail"])
        by_type = {event["detail-type"]: event["detail"] for event in told}
        return [by_type[detail_type] for detail_type in types]

    def group_of(self, schedule: str) -> str:
        office_hours = schedule.endswith(("-up", "-down"))
        return f"{self.prefix}-office-hours" if office_hours else f"{self.prefix}-expiry"

    def schedule(self, environment: str, kind: str = "expiry") -> Json | None:
        client, name = self.client("scheduler"), f"{environment}-{kind}"
        try:
            found: Json = client.get_schedule(Name=name, GroupName=self.group_of(name))
        except client.exceptions.ResourceNotFoundException:
            return None
        return found

    def armed(self, environment: str) -> list[str]:
        """Which of its schedules exist."""
        kinds = ("down", "expiry", "up", "warning")
        return [kind for kind in kinds if self.schedule(environment, kind)]

    def services(self, environment: str) -> dict[str, Json]:
        """By name, with tags, as ECS describes them."""
        ecs, cluster = self.client("ecs"), f"{self.prefix}-{environment}"
        arns = ecs.list_services(cluster=cluster)["serviceArns"]
        found = ecs.describe_services(cluster=cluster, services=arns, include=["TAGS"])["services"]
        return {service["serviceName"]: service for service in found}

    def counts(self, environment: str) -> dict[str, tuple[int, int]]:
        """By service: how many tasks are desired, and how many run."""
        return {
            name: (service["desiredCount"], service["runningCount"])
            for name, service in self.services(environment).items()
        }

    def started_by(self, machine: str, environment: str) -> list[str]:
        """The executions of a machine for an environment, in no order."""
        client = self.client("stepfunctions")
        found = []
        for execution in client.list_executions(stateMachineArn=machine)["executions"]:
            arn = execution["executionArn"]
            content = json.loads(client.describe_execution(executionArn=arn)["input"])
            if isinstance(content, dict) and content.get("environment") == environment:
                found.append(arn)
        return found

    def next_of(self, machine: str, environment: str, before: list[str]) -> Ended:
        """The execution that has come since, once it has ended."""

        def new() -> list[str]:
            return [arn for arn in self.started_by(machine, environment) if arn not in before]

        until_true(lambda: bool(new()), ENDS_WITHIN)
        (arn,) = new()
        return self.ended(arn)

    def left(self, environment: str, namespace: str | None = None) -> list[str]:
        """Everything of the environment that can still be found, whoever created it."""
        ecs = self.client("ecs")
        found = []
        cluster = f"{self.prefix}-{environment}"
        described = ecs.describe_clusters(clusters=[cluster])["clusters"]
        if described and described[0]["status"] != "INACTIVE":
            found.append(f"cluster {cluster}")
            found += ecs.list_services(cluster=cluster)["serviceArns"]
            found += ecs.list_tasks(cluster=cluster)["taskArns"]
        families = ecs.list_task_definition_families(
            familyPrefix=f"{self.prefix}-{environment}--", status="ALL"
        )["families"]
        for family in families:
            for status in ("ACTIVE", "INACTIVE"):
                found += ecs.list_task_definitions(familyPrefix=family, status=status)[
                    "taskDefinitionArns"
                ]
        found += [
            f"namespace {each['Name']}"
            for each in self.namespaces()
            if each["Name"] == (namespace or cluster)
        ]
        found += self.log_groups(environment)
        return found

    def namespaces(self) -> list[Json]:
        pages = self.client("servicediscovery").get_paginator("list_namespaces").paginate()
        return [namespace for page in pages for namespace in page["Namespaces"]]

    def cloud_map_services(self) -> list[str]:
        pages = self.client("servicediscovery").get_paginator("list_services").paginate()
        return [service["Name"] for page in pages for service in page["Services"]]

    def log_groups(self, environment: str) -> list[str]:
        groups = self.client("logs").describe_log_groups(
            logGroupNamePrefix=f"/{self.prefix}-{environment}/"
        )["logGroups"]
        return [group["logGroupName"] for group in groups]

    # --- between tests -----------------------------------------------------------------------

    def quiet(self) -> None:
        """Ends what a test left running, so that the next one sees only its own calls."""
        client = self.client("stepfunctions")
        for machine in client.list_state_machines()["stateMachines"]:
            running = client.list_executions(
                stateMachineArn=machine["stateMachineArn"], statusFilter="RUNNING"
            )["executions"]
            for execution in running:
                self.stop(execution["executionArn"])


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
    with LocalCloud(TEST, runtime, port=0, observe=calls.note) as cloud:
        calls.role_of = cloud.credentials.role_of
        yield Application(cloud, calls, runtime)


def environment_name(test: str, number: int) -> str:
    """An environment name that no other test of this process has."""
    words = re.sub(r"[^a-z0-9]+", "-", test.lower().removeprefix("test_"))[:28].strip("-")
    return f"{words}-{number}"
