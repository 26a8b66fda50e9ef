"""How CloudFormation identifies resources: only one stack in an account and Region can have a
resource of a given name."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

_NAMED_BY = {
    "AWS::CloudWatch::Alarm": ("AlarmName",),
    "AWS::DynamoDB::Table": ("TableName",),
    "AWS::Events::EventBus": ("Name",),
    # The bus is part of the schema's identifier, yet two stacks cannot have rules of the same name
    # on different buses: https://github.com/aws/aws-cdk/issues/29627
    "AWS::Events::EventBusPolicy": ("StatementId",),
    "AWS::Events::Rule": ("Name", "EventBusName"),
    "AWS::IAM::ManagedPolicy": ("ManagedPolicyName", "Path"),
    "AWS::IAM::Role": ("RoleName",),
    "AWS::Lambda::Function": ("FunctionName",),
    "AWS::Logs::LogGroup": ("LogGroupName",),
    "AWS::SQS::Queue": ("QueueName",),
    # Whatever its group
    "AWS::Scheduler::Schedule": ("Name",),
    "AWS::Scheduler::ScheduleGroup": ("Name",),
    "AWS::StepFunctions::StateMachine": ("StateMachineName",),
}
"""Type -> the property that names it, and the other parts of its identifier: the primaryIdentifier
of each type's schema in CloudFormation's registry, if a template can choose it. Resources without a
name are named after their stack."""

PhysicalId = tuple[str, ...]
"""The type, then the values of its properties; the name is the second."""


def physical_id(resource_type: str, properties: Mapping[str, Any]) -> PhysicalId | None:
    """None if the template does not choose it."""
    naming = _NAMED_BY.get(resource_type, ())
    if not naming or not properties.get(naming[0]):
        return None
    return (resource_type, *(str(properties.get(name, "")) for name in naming))
