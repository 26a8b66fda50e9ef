"""Step Functions state machines."""

from __future__ import annotations

import json
import re

from localcloud.template import definitions
from localcloud.template.errors import TemplateError
from localcloud.template.makers.base import (
    Cloud,
    Deployed,
    Handlers,
    Made,
    Request,
    call,
    camel_case,
    changed,
    deleting,
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
    name = properties.get("StateMachineName", request.generated_name(80))
    made = call(
        cloud,
        "stepfunctions",
        "create_state_machine",
        name=name,
        definition=_definition(request),
        roleArn=properties["RoleArn"],
        type=properties.get("StateMachineType", "STANDARD"),
        loggingConfiguration=camel_case(properties.get("LoggingConfiguration")),
        tracingConfiguration=camel_case(properties.get("TracingConfiguration")),
        tags=camel_case(properties.get("Tags")),
    )
    _check_step_functions_rights(cloud, name, request)
    arn = made["stateMachineArn"]
    return Made(arn, {"Arn": arn, "Name": name})


def update_state_machine(cloud: Cloud, before: Deployed, request: Request) -> Made:
    """Running executions keep the definition with which they began (Step Functions' API reference,
    UpdateStateMachine)."""
    properties = request.properties
    changed(
        before,
        request,
        "Definition",
        "DefinitionS3Location",
        "DefinitionString",
        "DefinitionSubstitutions",
        "LoggingConfiguration",
        "RoleArn",
        "TracingConfiguration",
    )
    call(
        cloud,
        "stepfunctions",
        "update_state_machine",
        stateMachineArn=before.made.ref,
        definition=_definition(request),
        roleArn=properties["RoleArn"],
        loggingConfiguration=camel_case(properties.get("LoggingConfiguration", {"Level": "OFF"})),
        tracingConfiguration=camel_case(properties.get("TracingConfiguration", {"Enabled": False})),
    )
    _check_step_functions_rights(cloud, before.made.attributes["Name"], request)
    return before.made


def _check_step_functions_rights(cloud: Cloud, name: str, request: Request) -> None:
    properties = request.properties
    if properties.get("LoggingConfiguration", {}).get("Level", "OFF") != "OFF":
        cloud.require(properties["RoleArn"], _LOG_DELIVERY, f"the execution logs of {name}")
    if properties.get("TracingConfiguration", {}).get("Enabled"):
        cloud.require(properties["RoleArn"], _TRACING, f"the traces of {name}")


def _definition(request: Request) -> str:
    """The definition that CreateStateMachine gets: JSON."""
    properties = request.properties
    if "DefinitionS3Location" in properties:
        assert request.definition is not None
        return json.dumps(definitions.read(_substituted(request, request.definition)))
    inline = properties.get("DefinitionString") or json.dumps(properties["Definition"])
    return _substituted(request, inline)


def _substituted(request: Request, text: str) -> str:
    """Stricter than CloudFormation, which leaves unknown names as they are."""
    values = request.properties.get("DefinitionSubstitutions", {})
    used = set(re.findall(r"\$\{([A-Za-z0-9_]+)\}", text))
    if unknown := sorted(used - set(values)):
        raise TemplateError(
            f"{request.logical_id}: its definition uses ${{{unknown[0]}}}, "
            "which DefinitionSubstitutions does not have"
        )
    if unused := [name for name in values if name not in used]:
        raise TemplateError(
            f"{request.logical_id}: its definition does not use the substitutions {unused}"
        )
    return definitions.substituted(text, values)


HANDLERS = {
    # Its executions end too.
    "AWS::StepFunctions::StateMachine": Handlers(
        state_machine,
        deleting("stepfunctions", "delete_state_machine", "stateMachineArn"),
        update_state_machine,
    ),
}
