"""CloudFormation's DescribeStacks: what was deployed here, and how it ended."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime

from moto.cloudformation.exceptions import ValidationError
from moto.cloudformation.models import CloudFormationBackend

from localcloud.patching import patched
from localcloud.template import Stack


@dataclass
class DescribedStack:
    """moto makes the answer of these names: StackName of `stack_name`."""

    stack_id: str
    stack_name: str
    creation_time: datetime
    parameters: list[dict[str, str]]
    outputs: list[dict[str, str]]
    stack_status: str = "CREATE_COMPLETE"
    stack_status_reason: str | None = None
    tags: dict[str, str] = field(default_factory=dict)


class DescribedStacks:
    """The stacks of the account that are not deleted, by name."""

    def __init__(self) -> None:
        self._stacks: dict[str, DescribedStack] = {}

    def deployed(self, stack: Stack, at: datetime) -> None:
        self._stacks[stack.name] = DescribedStack(
            stack_id=stack.id,
            stack_name=stack.name,
            creation_time=at,
            parameters=[
                {"ParameterKey": name, "ParameterValue": value}
                for name, value in stack.parameters.items()
            ],
            outputs=[
                {"OutputKey": name, "OutputValue": value} for name, value in stack.outputs.items()
            ],
        )

    def not_deleted(self, stack: Stack, reason: str) -> None:
        described = self._stacks[stack.name]
        described.stack_status, described.stack_status_reason = "DELETE_FAILED", reason

    def deleted(self, stack: Stack) -> None:
        del self._stacks[stack.name]

    @contextmanager
    def answer(self) -> Iterator[None]:
        """While entered, they are what moto's CloudFormation knows."""

        def describe_stacks(_: CloudFormationBackend, name_or_id: str) -> list[DescribedStack]:
            if not name_or_id:
                return list(self._stacks.values())
            for stack in self._stacks.values():
                if name_or_id in (stack.stack_name, stack.stack_id):
                    return [stack]
            raise ValidationError(name_or_id)

        with patched(CloudFormationBackend, "describe_stacks", describe_stacks):
            yield
