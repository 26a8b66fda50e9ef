"""Step Functions state machines."""

from __future__ import annotations

import json
import re

from localcloud.template.errors import TemplateError
from localcloud.template.makers.base import (
    Cloud,
    Deleter,
    Deployed,
    Made,
    Maker,
    Request,
    call,
    camel_case,
)

_LOG_DELIVERY = (
    "logs:CreateLogDelivery",
    "logs:GetLogDelivery",
    "logs:UpdateLogDelivery",
    "logs:DeleteLogDelivery",
    "logs:ListLogDeliveries",
    "logs:PutResourcePolicy",
    "logs:DescribeResourcePolicies",
    "logs:DescribeLogGroups",
)
_TRACING = (
    "xray:PutTraceSegments",
    "xray:PutTelemetryRecords",
    "xray:GetSamplingRules",
    "xray:GetSamplingTargets",
)


def state_machine(cloud: Cloud, request: Request) -> Made:
    properties = request.properties
    definition = properties.get("DefinitionString") or json.dumps(properties["Definition"])
    name = properties.get("StateMachineName", request.default_name[:80])
    made = call(
        cloud,
        "stepfunctions",
        "create_state_machine",
        name=name,
        definition=_substituted(request, definition),
        roleArn=properties["RoleArn"],
        type=properties.get("StateMachineType", "STANDARD"),
        loggingConfiguration=camel_case(properties.get("LoggingConfiguration")),
        tracingConfiguration=camel_case(properties.get("TracingConfiguration")),
        tags=camel_case(properties.get("Tags")),
    )
    if properties.get("LoggingConfiguration", {}).get("Level", "OFF") != "OFF":
        cloud.require(properties["RoleArn"], _LOG_DELIVERY, f"the execution logs of {name}")
    if properties.get("TracingConfiguration", {}).get("Enabled"):
        cloud.require(properties["RoleArn"], _TRACING, f"the traces of {name}")
    arn = made["stateMachineArn"]
    return Made(arn, {"Arn": arn, "Name": name})


def _substituted(request: Request, definition: str) -> str:
    values = request.properties.get("DefinitionSubstitutions", {})

    def replaced(match: re.Match[str]) -> str:
        if match[1] not in values:
            raise TemplateError(
                f"{request.logical_id}: its definition uses {match[0]}, "
                "which DefinitionSubstitutions does not have"
            )
        return str(values[match[1]])

    unused = [name for name in values if "${" + name + "}" not in definition]
    if unused:
        raise TemplateError(
            f"{request.logical_id}: its definition does not use the substitutions {unused}"
        )
    return re.sub(r"\$\{([A-Za-z0-9_]+)\}", replaced, definition)


MAKERS: dict[str, Maker] = {"AWS::StepFunctions::StateMachine": state_machine}


def delete_state_machine(cloud: Cloud, deployed: Deployed) -> None:
    """Its executions end with it."""
    call(cloud, "stepfunctions", "delete_state_machine", stateMachineArn=deployed.made.ref)


DELETERS: dict[str, Deleter] = {"AWS::StepFunctions::StateMachine": delete_state_machine}
