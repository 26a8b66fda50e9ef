"""The deployed stack's protection against deletion, and its release once nothing would be left.

CloudFormation refuses to delete a protected stack, and changes nothing. The stack's own guard can
only refuse when the deletion has begun: then the stack is in DELETE_FAILED, and can no longer be
updated (docs/decisions/0020). So the guard's check runs before the protection is removed.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Protocol, Self

from guard_stack import guard_stack

from bivouac.aws.environments_table import Records


class Clients(Protocol):
    """A boto3 session, with the deployer's rights."""

    def client(self, service: str) -> Any: ...


@dataclass(frozen=True)
class Target:
    """Where SAM deploys to."""

    stack_name: str
    region: str | None
    """None: that of the environment or the profile, as for SAM."""
    profile: str | None

    @classmethod
    def of(cls, samconfig: Mapping[str, Any]) -> Self:
        """The content of samconfig.toml."""
        default = samconfig["default"]
        parameters = {
            **default.get("global", {}).get("parameters", {}),
            **default.get("deploy", {}).get("parameters", {}),
        }
        return cls(parameters["stack_name"], parameters.get("region"), parameters.get("profile"))


def protect(clients: Clients, stack_name: str) -> None:
    """Turns the protection on. Repeating it changes nothing."""
    _set_protection(clients, stack_name, protected=True)


def release(clients: Clients, stack_name: str) -> None:
    """Turns it off; `refusal` says whether that is safe. Repeating it changes nothing."""
    _set_protection(clients, stack_name, protected=False)


def _set_protection(clients: Clients, stack_name: str, *, protected: bool) -> None:
    clients.client("cloudformation").update_termination_protection(
        StackName=stack_name, EnableTerminationProtection=protected
    )


def refusal(clients: Clients, stack_name: str) -> str:
    """Why the stack must stay, in its guard's words; empty if it can be deleted."""
    cloudformation = clients.client("cloudformation")
    (stack,) = cloudformation.describe_stacks(StackName=stack_name)["Stacks"]
    outputs = {each["OutputKey"]: each["OutputValue"] for each in stack.get("Outputs", ())}
    if "EnvironmentsTableName" not in outputs:
        return ""  # its creation has failed: there never was an environment
    resources = cloudformation.describe_stack_resources(StackName=stack_name)["StackResources"]
    groups = [
        each["PhysicalResourceId"]
        for each in resources
        if each["ResourceType"] == "AWS::EC2::SecurityGroup" and each.get("PhysicalResourceId")
    ]
    question = {"RequestType": "Delete", "ResourceProperties": {"SecurityGroups": groups}}
    records = Records(clients.client("dynamodb"), outputs["EnvironmentsTableName"])
    machine = outputs["DeleteEnvironmentStateMachineArn"]
    return guard_stack(question, records, clients.client("ec2"), machine)
