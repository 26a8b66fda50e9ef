"""What CloudFormation says about the stacks deployed here, and whether they may be deleted."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any
from unittest import mock

from moto.cloudformation.exceptions import ValidationError
from moto.cloudformation.models import CloudFormationBackend
from moto.cloudformation.responses import CloudFormationResponse
from moto.core.responses import ActionResult

from localcloud.moto_changes.patching import all_patched
from localcloud.template import Stack, StackProtectedError, TemplateError


@dataclass
class DescribedStack:
    """moto builds its response from these attributes: StackName from `stack_name`."""

    stack_id: str
    stack_name: str
    creation_time: datetime
    parameters: list[dict[str, str]]
    outputs: list[dict[str, str]]
    stack_status: str = "CREATE_COMPLETE"
    stack_status_reason: str | None = None
    enable_termination_protection: bool = False
    tags: dict[str, str] = field(default_factory=dict)


class DescribedStacks:
    """The account's stacks that are not deleted, by name."""

    def __init__(self) -> None:
        self._stacks: dict[str, DescribedStack] = {}
        self._deployed: dict[str, Stack] = {}

    def deployed(self, stack: Stack, at: datetime) -> None:
        self._deployed[stack.name] = stack
        self._stacks[stack.name] = DescribedStack(
            stack_id=stack.id,
            stack_name=stack.name,
            creation_time=at,
            parameters=_parameters(stack),
            outputs=_outputs(stack),
        )

    def updated(self, stack: Stack) -> None:
        self._deployed[stack.name] = stack
        described = self._stacks[stack.name]
        described.parameters, described.outputs = _parameters(stack), _outputs(stack)
        self.report(stack, "UPDATE_COMPLETE")

    def report(self, stack: Stack, status: str, reason: str | None = None) -> None:
        described = self._stacks[stack.name]
        described.stack_status, described.stack_status_reason = status, reason

    def require_updatable(self, stack: Stack) -> None:
        """Raises TemplateError with UpdateStack's message."""
        status = self._stacks[stack.name].stack_status
        if not status.endswith("_COMPLETE"):
            raise TemplateError(f"Stack:{stack.id} is in {status} state and can not be updated.")

    def require_unprotected(self, stack: Stack) -> None:
        """Raises StackProtectedError."""
        if self._stacks[stack.name].enable_termination_protection:
            raise StackProtectedError(
                f"Stack [{stack.name}] cannot be deleted while TerminationProtection is enabled"
            )

    def deleted(self, stack: Stack) -> None:
        del self._stacks[stack.name], self._deployed[stack.name]

    def _find(self, name_or_id: str) -> DescribedStack:
        for stack in self._stacks.values():
            if name_or_id in (stack.stack_name, stack.stack_id):
                return stack
        raise ValidationError(name_or_id)

    def _resources(self, stack: DescribedStack) -> list[dict[str, Any]]:
        return [
            {
                "StackName": stack.stack_name,
                "StackId": stack.stack_id,
                "LogicalResourceId": logical_id,
                "PhysicalResourceId": one.made.ref,
                "ResourceType": one.type,
                "Timestamp": stack.creation_time,
                "ResourceStatus": "CREATE_COMPLETE",
            }
            for logical_id, one in self._deployed[stack.stack_name].deployed.items()
        ]

    @contextmanager
    def answer(self) -> Iterator[None]:
        """While entered, moto's CloudFormation answers from these stacks."""

        def describe_stacks(_: CloudFormationBackend, name_or_id: str) -> list[DescribedStack]:
            return [self._find(name_or_id)] if name_or_id else list(self._stacks.values())

        def describe_stack_resources(request: CloudFormationResponse) -> ActionResult:
            stack = self._find(request._get_param("StackName"))
            return ActionResult({"StackResources": self._resources(stack)})

        def update_termination_protection(request: CloudFormationResponse) -> ActionResult:
            """moto does not have this operation."""
            stack = self._find(request._get_param("StackName"))
            wanted = request._get_param("EnableTerminationProtection")
            stack.enable_termination_protection = str(wanted).lower() == "true"
            return ActionResult({"StackId": stack.stack_id})

        added = mock.patch.object(
            CloudFormationResponse,
            "update_termination_protection",
            update_termination_protection,
            create=True,
        )
        with (
            added,
            all_patched(
                (
                    (CloudFormationBackend, "describe_stacks", describe_stacks),
                    (CloudFormationResponse, "describe_stack_resources", describe_stack_resources),
                )
            ),
        ):
            yield


def _parameters(stack: Stack) -> list[dict[str, str]]:
    return [
        {"ParameterKey": name, "ParameterValue": value} for name, value in stack.parameters.items()
    ]


def _outputs(stack: Stack) -> list[dict[str, str]]:
    return [{"OutputKey": name, "OutputValue": value} for name, value in stack.outputs.items()]
