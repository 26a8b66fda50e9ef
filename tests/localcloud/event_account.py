"""A local cloud whose time a test moves, with helpers for events and schedules."""

from __future__ import annotations

import json
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from localcloud.awslambda.function import Function
from localcloud.clock import ManualClock
from localcloud.cloud import LocalCloud
from localcloud.timings import TEST

FUNCTIONS = Path(__file__).parent / "data" / "functions"
ROLE = "arn:aws:iam::123456789012:role/delivers"
OF_RULES = {"ArnLike": {"aws:SourceArn": "arn:aws:events:*:123456789012:rule/*"}}


class Account:
    """A local cloud whose time a test moves, with helpers for events."""

    def __init__(self, cloud: LocalCloud, clock: ManualClock) -> None:
        self.cloud = cloud
        self.clock = clock
        for service in ("events", "scheduler", "sqs", "stepfunctions", "lambda", "logs"):
            setattr(self, service, cloud.client(service))

    events: Any
    scheduler: Any
    sqs: Any
    stepfunctions: Any
    logs: Any

    def queue(
        self, *, admits_rules: bool = True, where: dict[str, Any] | None = None
    ) -> tuple[str, str]:
        """URL and ARN of a new queue. `where`: the condition in its policy."""
        name = f"q-{uuid.uuid4().hex[:8]}"
        url = self.sqs.create_queue(QueueName=name)["QueueUrl"]
        arn = f"arn:aws:sqs:ap-northeast-1:123456789012:{name}"
        if admits_rules:
            policy = _admission(arn, where or OF_RULES)
            self.sqs.set_queue_attributes(QueueUrl=url, Attributes={"Policy": policy})
        return url, arn

    def machine(self, **definition: Any) -> str:
        """The ARN of a state machine that returns its input."""
        default = {"StartAt": "Done", "States": {"Done": {"Type": "Succeed"}}}
        arn: str = self.stepfunctions.create_state_machine(
            name=f"m-{uuid.uuid4().hex}",
            definition=json.dumps({**default, **definition}),
            roleArn=ROLE,
        )["stateMachineArn"]
        return arn

    def function(self, handler: str) -> Function:
        name = f"{handler.replace('.', '-')}-{uuid.uuid4().hex[:8]}"
        arn = f"arn:aws:lambda:ap-northeast-1:123456789012:function:{name}"
        function = Function(name, arn, FUNCTIONS, handler, ROLE, timeout=10)
        self.cloud.client("lambda").create_function(
            FunctionName=name,
            Role=ROLE,
            Runtime="python3.13",
            Handler=handler,
            Code={"ZipFile": b"PK\x05\x06" + bytes(18)},
        )
        self.cloud.workers.register(function)
        return function

    def rule(self, *targets: dict[str, Any], **pattern: Any) -> str:
        name = f"r-{uuid.uuid4().hex[:8]}"
        self.events.put_rule(Name=name, EventPattern=json.dumps(pattern))
        numbered = [{"Id": str(number), **target} for number, target in enumerate(targets)]
        self.events.put_targets(Rule=name, Targets=numbered)
        return name

    def put(self, **detail: Any) -> None:
        """Publishes an event, and waits for its first delivery."""
        entry = {"Source": "ci", "DetailType": "Branch pushed", "Detail": json.dumps(detail)}
        assert self.events.put_events(Entries=[entry])["FailedEntryCount"] == 0
        self.clock.advance(0)

    def schedule(self, expression: str, target: dict[str, Any], **more: Any) -> str:
        arguments = {
            "Name": f"s-{uuid.uuid4().hex[:8]}",
            "ScheduleExpression": expression,
            "FlexibleTimeWindow": {"Mode": "OFF"},
            "Target": {"RoleArn": ROLE, **target},
            **more,
        }
        self.scheduler.create_schedule(**arguments)
        return str(arguments["Name"])

    def role(self, *statements: dict[str, Any]) -> str:
        """The ARN of a role with only this right."""
        name = f"r-{uuid.uuid4().hex[:8]}"
        iam = self.cloud.client("iam")
        arn: str = iam.create_role(RoleName=name, AssumeRolePolicyDocument="{}")["Role"]["Arn"]
        full = [{"Effect": "Allow", "Resource": "*", **statement} for statement in statements]
        policy = json.dumps({"Version": "2012-10-17", "Statement": full})
        iam.put_role_policy(RoleName=name, PolicyName="own", PolicyDocument=policy)
        return arn

    def settle(self) -> None:
        """Waits until every delivery is made or given up, however often it is retried."""
        for _ in range(20):
            if self.cloud.deliveries.wait_until_idle(0.2):
                return
            self.clock.advance(120)
        raise AssertionError("deliveries do not end")

    def messages(self, url: str) -> list[dict[str, Any]]:
        self.settle()
        return self.received(url)

    def received(self, url: str) -> list[dict[str, Any]]:
        """What is in a queue now."""
        answer = self.sqs.receive_message(
            QueueUrl=url, MaxNumberOfMessages=10, MessageAttributeNames=["All"]
        )
        found: list[dict[str, Any]] = answer.get("Messages", [])
        return found

    def inputs(self, machine_arn: str) -> list[Any]:
        """The inputs of all executions of a machine."""
        self.settle()
        executions = self.stepfunctions.list_executions(stateMachineArn=machine_arn)["executions"]
        return [
            json.loads(
                self.stepfunctions.describe_execution(executionArn=e["executionArn"])["input"]
            )
            for e in executions
        ]


def _admission(queue_arn: str, where: dict[str, Any]) -> str:
    statement = {
        "Effect": "Allow",
        "Principal": {"Service": "events.amazonaws.com"},
        "Action": "sqs:SendMessage",
        "Resource": queue_arn,
        "Condition": where,
    }
    return json.dumps({"Version": "2012-10-17", "Statement": statement})


@contextmanager
def opened() -> Iterator[Account]:
    """With ROLE, which may do everything."""
    clock = ManualClock()
    with LocalCloud(timings=TEST, runtime="scripted", port=0, clock=clock) as cloud:
        iam = cloud.client("iam")
        name = ROLE.rpartition("/")[2]
        iam.create_role(RoleName=name, AssumeRolePolicyDocument="{}")
        everything = {"Effect": "Allow", "Action": "*", "Resource": "*"}
        policy = json.dumps({"Version": "2012-10-17", "Statement": everything})
        iam.put_role_policy(RoleName=name, PolicyName="everything", PolicyDocument=policy)
        yield Account(cloud, clock)
