"""The deployed stack, as CloudFormation describes it, and the clients that call AWS."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import boto3
from botocore.config import Config
from botocore.exceptions import ClientError

from .recorder import Recorder

_READ_TIMEOUT = 300
"""Seconds: an invocation answers when the function has ended."""
_ATTEMPTS = {"cloudformation": 1}
"""It is called first: if nothing answers, people want to know at once."""


_OUTPUTS = (
    "CreateEnvironmentStateMachineArn",
    "RedeployEnvironmentStateMachineArn",
    "DeleteEnvironmentStateMachineArn",
    "SleepEnvironmentStateMachineArn",
    "WakeEnvironmentStateMachineArn",
    "ExtendLeaseStateMachineArn",
    "SweepEnvironmentsFunctionName",
    "EventBusName",
)


class NoStackError(Exception):
    """There is no such stack, or it is not one of Bivouac's."""


class Aws:
    """Clients of one account and Region, or of another endpoint; a recorder gets their answers."""

    def __init__(self, region: str, endpoint_url: str | None, recorder: Recorder) -> None:
        self.region = region
        self.endpoint_url = endpoint_url
        self._recorder = recorder
        self._session = boto3.Session(region_name=region)
        self._clients: dict[str, Any] = {}

    def client(self, service: str) -> Any:
        if service not in self._clients:
            attempts = _ATTEMPTS.get(service, 8)
            retries = {"mode": "standard", "total_max_attempts": attempts}
            config = Config(retries=retries, read_timeout=_READ_TIMEOUT)  # type: ignore[arg-type]
            session: Any = self._session
            client = session.client(service, endpoint_url=self.endpoint_url, config=config)
            self._recorder.listen_to(client)
            self._clients[service] = client
        return self._clients[service]


@dataclass(frozen=True)
class Deployed:
    """What CloudFormation says of the stack."""

    name: str
    partition: str
    """"aws", except in China and GovCloud."""
    account: str
    prefix: str
    """The prefix of all names that the stack creates."""
    status: str
    outputs: dict[str, str] = field(repr=False)

    def machine(self, verb: str) -> str:
        """The ARN of a state machine: "CreateEnvironment", "ExtendLease"..."""
        return self.outputs[f"{verb}StateMachineArn"]


def described(aws: Aws, name: str) -> Deployed:
    """Raises NoStackError."""
    try:
        answer = aws.client("cloudformation").describe_stacks(StackName=name)
    except ClientError as error:
        if error.response["Error"]["Code"] != "ValidationError":
            raise
        raise NoStackError(f"there is no stack {name} in {aws.region}") from error
    (stack,) = answer["Stacks"]
    outputs = {each["OutputKey"]: each["OutputValue"] for each in stack.get("Outputs", ())}
    parameters = {
        each["ParameterKey"]: each["ParameterValue"] for each in stack.get("Parameters", ())
    }
    missing = [each for each in _OUTPUTS if each not in outputs]
    if missing or "NamePrefix" not in parameters:
        raise NoStackError(
            f"the stack {name} ({stack['StackStatus']}) is not one of Bivouac's, or an older one: "
            f"it has no {', '.join(missing) or 'NamePrefix'}"
        )
    _, partition, _, _, account, _ = stack["StackId"].split(":", 5)
    prefix, status = parameters["NamePrefix"], stack["StackStatus"]
    return Deployed(name, partition, account, prefix, status, outputs)
