"""The translated template as CloudFormation evaluates it: every intrinsic function has its value.

Names of resources are invented; the forms of their ARNs are those of the Service Authorization
Reference, and the values of `Ref` are in the CloudFormation User Guide for each type.
"""

from __future__ import annotations

from collections.abc import Callable, Set
from pathlib import Path
from typing import Any

from localcloud.template.definitions import read, substituted
from localcloud.template.intrinsics import Intrinsics
from localcloud.template.parameters import checked_parameters, value_of
from localcloud.template.source import read_template
from tests.template.declared import MACHINES, PROJECT, Json

ACCOUNT = "123456789012"
REGION = "eu-central-1"

_ROLE = f"arn:aws:iam::{ACCOUNT}:role/team"
_REQUIRED = {"VpcId": "vpc-0a1b2c3d", "SubnetIds": "subnet-0a1b2c3d"}

PARAMETERS: dict[str, dict[str, str]] = {
    "default": _REQUIRED,
    "all set": {
        "NamePrefix": "team-7",
        "VpcId": "vpc-0a1b2c3d4e5f60718",
        "SubnetIds": "subnet-0a1b2c3d4e5f60718,subnet-0a1b2c3d4e5f60719",
        "TaskSecurityGroupId": "sg-0a1b2c3d4e5f60718",
        "AssignPublicIp": "DISABLED",
        "AllowedTaskRoleArns": f"{_ROLE}/task",
        "AllowedExecutionRoleArns": f"{_ROLE}/execution,{_ROLE}/other",
        "ProofImage": f"{ACCOUNT}.dkr.ecr.{REGION}.amazonaws.com/python@sha256:{'0a' * 32}",
        "AllowEcsExec": "true",
        "DefaultLease": "90m",
        "MaximumLease": "30d",
        "LogRetentionDays": "30",
        "NamespaceQuota": "200",
        "AlarmTopicArn": f"arn:aws:sns:{REGION}:{ACCOUNT}:alarms",
        "PermissionsBoundaryArn": f"arn:aws:iam::{ACCOUNT}:policy/boundary",
    },
    "at their limits": {
        **_REQUIRED,
        "NamePrefix": "a" + "-9" * 9 + "z",
        "SubnetIds": ",".join(f"subnet-{number:017x}" for number in range(16)),
        "AllowedTaskRoleArns": ",".join(f"{_ROLE}{number:02}" for number in range(20)),
        "AllowedExecutionRoleArns": ",".join(f"{_ROLE}{number:02}" for number in range(20)),
        "ProofImage": "a",
        "DefaultLease": "1m",
        "MaximumLease": "99999d",
        "LogRetentionDays": "1",
        "NamespaceQuota": "1",
    },
}
"""Kind of stack -> parameters. Each set is checked as CloudFormation checks it."""

_ARNS = {
    "AWS::DynamoDB::Table": f"dynamodb:{REGION}:{ACCOUNT}:table/{{name}}",
    "AWS::Events::EventBus": f"events:{REGION}:{ACCOUNT}:event-bus/{{name}}",
    "AWS::Events::Rule": f"events:{REGION}:{ACCOUNT}:rule/{{name}}",
    "AWS::IAM::ManagedPolicy": f"iam::{ACCOUNT}:policy/{{name}}",
    "AWS::IAM::Role": f"iam::{ACCOUNT}:role/{{name}}",
    "AWS::Lambda::Alias": f"lambda:{REGION}:{ACCOUNT}:function:{{name}}:live",
    "AWS::Lambda::Function": f"lambda:{REGION}:{ACCOUNT}:function:{{name}}",
    "AWS::Lambda::Version": f"lambda:{REGION}:{ACCOUNT}:function:{{name}}:1",
    # CloudFormation's attribute has the form with the wildcard, like DescribeLogGroups' answer.
    "AWS::Logs::LogGroup": f"logs:{REGION}:{ACCOUNT}:log-group:{{name}}:*",
    "AWS::SQS::Queue": f"sqs:{REGION}:{ACCOUNT}:{{name}}",
    "AWS::Scheduler::ScheduleGroup": f"scheduler:{REGION}:{ACCOUNT}:schedule-group/{{name}}",
    "AWS::StepFunctions::StateMachine": f"states:{REGION}:{ACCOUNT}:stateMachine:{{name}}",
}
_REF_IS_ARN = (
    "AWS::IAM::ManagedPolicy",
    "AWS::Lambda::Alias",
    "AWS::Lambda::Version",
    "AWS::StepFunctions::StateMachine",
)
_PSEUDO = {
    "AWS::AccountId": ACCOUNT,
    "AWS::Partition": "aws",
    "AWS::Region": REGION,
    "AWS::StackId": f"arn:aws:cloudformation:{REGION}:{ACCOUNT}:stack/stack/0a1b2c3d",
    "AWS::StackName": "stack",
    "AWS::URLSuffix": "amazonaws.com",
}


class _Names:
    """Resolves what the template refers to."""

    def __init__(self, document: Json, parameters: dict[str, str], renamed: Set[str]) -> None:
        self._renamed = renamed
        self._resources: dict[str, Json] = document["Resources"]
        self._declared: dict[str, Json] = document["Parameters"]
        self._parameters = parameters

    def ref(self, name: str) -> Any:
        if name in _PSEUDO:
            return _PSEUDO[name]
        if name in self._declared:
            return value_of(self._declared[name], self._parameters[name])
        return self._arn(name) if self._type(name) in _REF_IS_ARN else self._name(name)

    def attribute(self, logical_id: str, attribute: str) -> Any:
        if attribute == "Arn":
            return self._arn(logical_id)
        assert attribute in ("QueueName", "Version"), attribute
        return self._name(logical_id) if attribute == "QueueName" else "1"

    def _type(self, logical_id: str) -> str:
        return str(self._resources[logical_id]["Type"])

    def _name(self, logical_id: str) -> str:
        name = f"{self._parameters['NamePrefix']}-{logical_id}"
        return f"{name}-again" if logical_id in self._renamed else name

    def _arn(self, logical_id: str) -> str:
        return "arn:aws:" + _ARNS[self._type(logical_id)].format(name=self._name(logical_id))


def evaluated(
    parameters: dict[str, str],
    change: Callable[[Json], None] = lambda _: None,
    *,
    template: Path = PROJECT / "template.yaml",
    renamed: Set[str] = frozenset(),
) -> Json:
    """The resources of a stack with these parameters, after `change`: logical id -> resource.
    `renamed`: logical ids of those with other names than before.
    """
    source = read_template(template)
    change(source.document)
    values = checked_parameters(source.document["Parameters"], parameters)
    document = source.translated(values, REGION)
    names = _Names(document, values, renamed)
    functions = Intrinsics(names, document["Conditions"], {})
    return {
        name: functions.value(resource)
        for name, resource in document["Resources"].items()
        if "Condition" not in resource or functions.holds(resource["Condition"])
    }


def definitions(resources: Json) -> dict[str, Json]:
    """File stem -> what Step Functions gets: substituted as text, then parsed."""
    return {
        stem: read(
            substituted(
                (PROJECT / machine.properties["DefinitionUri"]).read_text(encoding="utf-8"),
                resources[machine.logical_id]["Properties"]["DefinitionSubstitutions"],
            )
        )
        for stem, machine in MACHINES.items()
    }
