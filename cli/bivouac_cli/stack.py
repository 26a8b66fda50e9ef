"""The deployed stack, by its outputs, and the few calls that are made to it."""

from __future__ import annotations

import json
import re
import secrets
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from botocore.exceptions import ClientError

from bivouac_cli import __version__
from bivouac_cli.clients import Clients, has_no_rights, plain_errors
from bivouac_cli.ending import CommandError, Exit, exit_of

Json = dict[str, Any]
_WHICH = "If yours is another, say which with --stack, --region or --profile"
_NO_SUCH_ENVIRONMENT = ("EnvironmentNotFoundError", "InvalidRequestError")
_DESCRIBE = "DescribeEnvironmentsFunctionName"


@dataclass(frozen=True)
class Execution:
    status: str
    error: str = ""
    cause: str = ""
    output: Any = None

    @property
    def is_over(self) -> bool:
        return self.status not in ("RUNNING", "PENDING_REDRIVE")


class Stack:
    def __init__(self, clients: Clients, name: str) -> None:
        """Raises CommandError if there is no such stack, or if it is of another version."""
        self._client = clients
        self.name = name
        with plain_errors():
            self._outputs = self._read_outputs()
        self._require_this_version()

    def _read_outputs(self) -> dict[str, str]:
        client = self._client("cloudformation")
        try:
            (stack,) = client.describe_stacks(StackName=self.name)["Stacks"]
        except ClientError as error:
            if has_no_rights(error):
                message = error.response["Error"]["Message"]
                raise CommandError(
                    Exit.NOT_FOUND, f"The stack {self.name} may not be seen: {message}. {_WHICH}"
                ) from None
            if "does not exist" not in str(error):
                raise
            raise CommandError(
                Exit.NOT_FOUND,
                f"There is no stack named {self.name} in {client.meta.region_name}. {_WHICH}, or "
                "deploy it: make deploy",
            ) from None
        return {each["OutputKey"]: each["OutputValue"] for each in stack.get("Outputs", ())}

    def _require_this_version(self) -> None:
        """Versions that differ in the last number only understand each other."""
        deployed = self._output("Version")
        if deployed.split(".")[:2] != __version__.split(".")[:2]:
            raise CommandError(
                Exit.NOT_FOUND,
                f"The stack {self.name} is of version {deployed}, and this program of "
                f"{__version__}. Update the stack (make deploy), or install that version "
                "(pip install . in a checkout of it)",
            )

    def _output(self, name: str) -> str:
        if name not in self._outputs:
            raise CommandError(
                Exit.NOT_FOUND,
                f"The stack {self.name} has no output {name}: it is no stack of Bivouac, or of "
                "another version. Update it: make deploy",
            )
        return self._outputs[name]

    # --- what there is ---------------------------------------------------------------------------

    def describe(self, environment: str) -> Json:
        """Its status document. Raises CommandError if there is none."""
        return self._asked({"environment": environment})

    def find(self, environment: str) -> Json | None:
        """The same; None if it was never created, or the name is invalid."""
        try:
            return self.describe(environment)
        except FunctionFailedError as error:
            if error.error in _NO_SUCH_ENVIRONMENT:
                return None
            raise

    def pages(self, filters: Json) -> Iterator[Json]:
        """Every page of the list."""
        page = self._asked(filters)
        yield page
        while page["nextToken"]:
            page = self._asked({**filters, "nextToken": page["nextToken"]})
            yield page

    def _asked(self, question: Json) -> Json:
        with plain_errors():
            answer = self._client("lambda").invoke(
                FunctionName=self._output(_DESCRIBE), Payload=json.dumps(question)
            )
            content = json.loads(answer["Payload"].read())
        if "FunctionError" in answer:
            error = content.get("errorType", "")
            raise FunctionFailedError(error, content.get("errorMessage", "it does not say why"))
        found: Json = content
        return found

    def log_events(self, group: str, since: int) -> Iterator[Json]:
        """Since this time, in milliseconds since 1970; none of a deleted group."""
        client = self._client("logs")
        with plain_errors():
            try:
                pages = client.get_paginator("filter_log_events").paginate(
                    logGroupName=group, startTime=since
                )
                for page in pages:
                    yield from page["events"]
            except client.exceptions.ResourceNotFoundException:
                return

    def running_tasks(self, cluster: str, service: str) -> list[str]:
        """Their ARNs."""
        with plain_errors():
            listed = self._client("ecs").list_tasks(
                cluster=cluster, serviceName=service, desiredStatus="RUNNING"
            )
        return list(listed["taskArns"])

    # --- what is to be done ----------------------------------------------------------------------

    def start(self, machine: str, content: Any, name: str) -> str:
        """The ARN of the new execution. Because of its name, a repeated call starts nothing."""
        words = re.sub(r"[^A-Za-z0-9-]+", "-", name)[:60].strip("-")
        with plain_errors():
            answer = self._client("stepfunctions").start_execution(
                stateMachineArn=self._output(f"{machine}StateMachineArn"),
                name=f"{words}-{secrets.token_hex(8)}",
                input=json.dumps(content),
            )
        return str(answer["executionArn"])

    def execution(self, arn: str) -> Execution:
        with plain_errors():
            try:
                found = self._client("stepfunctions").describe_execution(executionArn=arn)
            except ClientError as error:
                if error.response["Error"]["Code"] != "ExecutionDoesNotExist":
                    raise
                return Execution("RUNNING")  # it has just begun
        return Execution(
            found["status"],
            found.get("error", ""),
            found.get("cause", ""),
            json.loads(found.get("output", "null")),
        )


class FunctionFailedError(CommandError):
    """The stack's function refused the question, or failed."""

    def __init__(self, error: str, message: str) -> None:
        super().__init__(exit_of(error), message)
        self.error = error
