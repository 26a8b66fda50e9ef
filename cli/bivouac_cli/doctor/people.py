"""What the caller may do, command by command. Pure."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass

from bivouac_cli.doctor.finding import Finding, ng, ok
from bivouac_cli.rights import JOBS, MACHINES, RIGHTS

CHECK = "rights"
_WHOLE = ("Operator", "Setup")
"""The jobs that have every command between them."""
Access = tuple[str, str]
"""An action, and the ARN of a resource that it is for."""


@dataclass(frozen=True)
class Place:
    """Where the stack is, and how it is named."""

    partition: str
    region: str
    account: str
    prefix: str
    """NamePrefix."""

    def arn(self, service: str, resource: str) -> str:
        return f"arn:{self.partition}:{service}:{self.region}:{self.account}:{resource}"

    @property
    def cluster(self) -> str:
        """That of an environment."""
        return self.arn("ecs", f"cluster/{self.prefix}-doctor")


def accesses(
    place: Place, stack_id: str, outputs: Mapping[str, str]
) -> dict[str, frozenset[Access]]:
    """What each command needs, except doctor itself, which is running."""
    function = place.arn("lambda", f"function:{outputs['DescribeEnvironmentsFunctionName']}")
    fixed = {
        "cloudformation:DescribeStacks": stack_id,
        "lambda:InvokeFunction": function,
        "logs:FilterLogEvents": place.arn("logs", f"log-group:/{place.prefix}-doctor/web"),
        "ecs:ListTasks": "*",
        "ecs:ExecuteCommand": place.arn("ecs", f"task/{place.prefix}-doctor/0"),
        "ecs:ListServices": "*",
        "ecs:DescribeServices": place.arn("ecs", "service/doctor/web"),
        "ecs:DescribeTaskDefinition": "*",
    }

    def resource(command: str, action: str) -> str:
        if not action.startswith("states:"):
            return fixed[action]
        machine = outputs[f"{MACHINES[command]}StateMachineArn"]
        if action == "states:StartExecution":
            return machine
        return f"{machine.replace(':stateMachine:', ':execution:')}:doctor"

    return {
        command: frozenset((action, resource(command, action)) for action in actions)
        for command, actions in RIGHTS.items()
        if command != "doctor"
    }


def rights_finding(
    caller: str,
    needed: Mapping[str, frozenset[Access]],
    denied: frozenset[Access],
    outputs: Mapping[str, str],
) -> Finding:
    """`caller`: an ARN as STS returns it. The remedy attaches the stack's own policies."""
    lacking = {
        command: sorted({action for action, _ in accesses & denied})
        for command, accesses in needed.items()
        if accesses & denied
    }
    if not lacking:
        return ok(CHECK, "every command")
    told = "; ".join(f"{command} ({', '.join(actions)})" for command, actions in lacking.items())
    policies = [outputs[f"{job}PolicyArn"] for job in _WHOLE if lacking.keys() & set(JOBS[job])]
    mend = "\n".join(_attachment(caller, policy) for policy in policies)
    return ng(CHECK, f"not allowed: {told}", mend)


def role_name(caller: str) -> str | None:
    """Of a caller that has assumed a role (STS API reference, GetCallerIdentity); None for
    others."""
    match = re.fullmatch(r"arn:[a-z-]+:sts::[0-9]{12}:assumed-role/([^/]+)/.+", caller)
    return match[1] if match else None


def _attachment(caller: str, policy: str) -> str:
    if role := role_name(caller):
        return f"aws iam attach-role-policy --role-name {role} --policy-arn {policy}"
    user = caller.rpartition("/")[2]
    return f"aws iam attach-user-policy --user-name {user} --policy-arn {policy}"
