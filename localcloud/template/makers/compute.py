"""Lambda: functions, their versions, aliases and permissions."""

from __future__ import annotations

import io
import zipfile
from typing import Any

from localcloud.awslambda.function import Function, VpcConfig
from localcloud.template.errors import TemplateError
from localcloud.template.makers.base import (
    Cloud,
    Deployed,
    Handlers,
    Made,
    Request,
    call,
    changed,
    deleting,
    retagged,
    tags_map,
)

_NETWORK_INTERFACES = (
    "ec2:CreateNetworkInterface",
    "ec2:DescribeNetworkInterfaces",
    "ec2:DeleteNetworkInterface",
)


def function(cloud: Cloud, request: Request) -> Made:
    properties = request.properties
    if request.code is None:
        raise TemplateError(
            f"{request.logical_id}: only functions with a CodeUri directory can run here"
        )
    name = properties.get("FunctionName", request.generated_name(64))
    made = call(
        cloud,
        "lambda",
        "create_function",
        FunctionName=name,
        Runtime=properties["Runtime"],
        Role=properties["Role"],
        Handler=properties["Handler"],
        Code={"ZipFile": _PLACEHOLDER},
        Description=properties.get("Description"),
        Timeout=properties.get("Timeout", 3),
        MemorySize=properties.get("MemorySize", 128),
        VpcConfig=properties.get("VpcConfig"),
        Environment={"Variables": _variables(request)},
        Architectures=properties.get("Architectures"),
        TracingConfig=properties.get("TracingConfig"),
        LoggingConfig=properties.get("LoggingConfig"),
        Tags=tags_map(properties),
    )
    _check_lambda_rights(cloud, name, request)
    registered = _registered(cloud, name, made["FunctionArn"], request)
    return Made(name, {"Arn": made["FunctionArn"]}, registered)


def _variables(request: Request) -> dict[str, str]:
    environment = request.properties.get("Environment", {})
    return {key: str(value) for key, value in environment.get("Variables", {}).items()}


def _check_lambda_rights(cloud: Cloud, name: str, request: Request) -> None:
    properties = request.properties
    if properties.get("VpcConfig"):
        cloud.require(properties["Role"], _NETWORK_INTERFACES, f"{name} in a VPC")
    if properties.get("TracingConfig", {}).get("Mode") == "Active":
        cloud.require(properties["Role"], ["xray:PutTraceSegments"], f"the traces of {name}")


def _registered(cloud: Cloud, name: str, arn: str, request: Request) -> Function:
    properties, code = request.properties, request.code
    assert code
    vpc = properties.get("VpcConfig", {})
    registered = Function(
        name=name,
        arn=arn,
        code=code,
        handler=properties["Handler"],
        role_arn=properties["Role"],
        timeout=float(properties.get("Timeout", 3)),
        memory=int(properties.get("MemorySize", 128)),
        environment=_variables(request),
        log_group=properties.get("LoggingConfig", {}).get("LogGroup", ""),
        vpc=VpcConfig(tuple(vpc["SubnetIds"]), tuple(vpc["SecurityGroupIds"]))
        if vpc.get("SubnetIds")
        else None,
    )
    cloud.register_function(registered)
    return registered


_CONFIGURATION: dict[str, Any] = {
    "Description": "",
    "Environment": {},
    "Handler": None,
    "LoggingConfig": {},
    "MemorySize": 128,
    "Role": None,
    "Runtime": None,
    "Timeout": 3,
    "TracingConfig": {"Mode": "PassThrough"},
    "VpcConfig": {"SubnetIds": [], "SecurityGroupIds": []},
}
"""UpdateFunctionConfiguration's members -> their values for a function that declares none."""


def update_function(cloud: Cloud, before: Deployed, request: Request) -> Made:
    name, arn = before.made.ref, before.made.attributes["Arn"]
    differs = changed(before, request, *_CONFIGURATION, "Architectures", "Code", "Tags")
    _check_lambda_rights(cloud, name, request)
    configuration = {
        key: request.properties.get(key, default)
        for key, default in _CONFIGURATION.items()
        if key in differs
    }
    if configuration:
        call(cloud, "lambda", "update_function_configuration", FunctionName=name, **configuration)
    if "Tags" in differs:
        tags, gone = retagged(before, request)
        call(cloud, "lambda", "tag_resource", Resource=arn, Tags=tags)
        if gone:
            call(cloud, "lambda", "untag_resource", Resource=arn, TagKeys=gone)
    return Made(name, before.made.attributes, _registered(cloud, name, arn, request))


def permission(cloud: Cloud, request: Request) -> Made:
    properties, name = request.properties, request.generated_name(100)
    call(
        cloud,
        "lambda",
        "add_permission",
        FunctionName=properties["FunctionName"],
        StatementId=name,
        Action=properties["Action"],
        Principal=properties["Principal"],
        SourceArn=properties.get("SourceArn"),
        SourceAccount=properties.get("SourceAccount"),
    )
    return Made(name)


def version(cloud: Cloud, request: Request) -> Made:
    name = request.properties["FunctionName"]
    published = call(cloud, "lambda", "list_versions_by_function", FunctionName=name)["Versions"]
    made = call(
        cloud,
        "lambda",
        "publish_version",
        FunctionName=name,
        Description=request.properties.get("Description"),
    )
    if made["Version"] in [known["Version"] for known in published]:
        # Lambda publishes nothing if nothing has changed, which CloudFormation treats as a failure
        # (https://github.com/aws/aws-cdk/issues/28252).
        raise TemplateError(
            f"{request.logical_id}: Version already exists: [{made['FunctionArn']}]. Please modify "
            "the function to create a new version."
        )
    # PublishVersion returns the version's own ARN.
    return Made(
        made["FunctionArn"], {"FunctionArn": made["FunctionArn"], "Version": made["Version"]}
    )


def alias(cloud: Cloud, request: Request) -> Made:
    made = call(cloud, "lambda", "create_alias", **request.properties)
    return Made(made["AliasArn"], {"AliasArn": made["AliasArn"]})


def update_alias(cloud: Cloud, before: Deployed, request: Request) -> Made:
    changed(before, request, "FunctionVersion", "Description")
    call(cloud, "lambda", "update_alias", **request.properties)
    return before.made


def event_invoke_config(cloud: Cloud, request: Request) -> Made:
    properties = dict(request.properties)
    # The template names $LATEST; in the API that is the default.
    if properties.get("Qualifier") == "$LATEST":
        del properties["Qualifier"]
    call(cloud, "lambda", "put_function_event_invoke_config", **properties)
    return Made(request.logical_id)


def update_event_invoke_config(cloud: Cloud, _: Deployed, request: Request) -> Made:
    """Put also resets what it is not given."""
    return event_invoke_config(cloud, request)


def delete_permission(cloud: Cloud, deployed: Deployed) -> None:
    name = deployed.request.properties["FunctionName"]
    call(cloud, "lambda", "remove_permission", FunctionName=name, StatementId=deployed.made.ref)


def delete_alias(cloud: Cloud, deployed: Deployed) -> None:
    properties = deployed.request.properties
    name = properties["FunctionName"]
    call(cloud, "lambda", "delete_alias", FunctionName=name, Name=properties["Name"])


def delete_event_invoke_config(cloud: Cloud, deployed: Deployed) -> None:
    properties = deployed.request.properties
    call(
        cloud,
        "lambda",
        "delete_function_event_invoke_config",
        FunctionName=properties["FunctionName"],
        Qualifier=properties.get("Qualifier"),
    )


def _empty_zip() -> bytes:
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w") as archive:
        archive.writestr("empty", "")
    return packed.getvalue()


_PLACEHOLDER = _empty_zip()
"""CreateFunction requires code; workers take it from the CodeUri directory."""


HANDLERS = {
    # Also deletes its versions; their DeletionPolicy (SAM writes Retain) does not keep them.
    "AWS::Lambda::Function": Handlers(
        function, deleting("lambda", "delete_function", "FunctionName"), update_function
    ),
    "AWS::Lambda::Permission": Handlers(permission, delete_permission),
    "AWS::Lambda::Version": Handlers(version),
    "AWS::Lambda::Alias": Handlers(alias, delete_alias, update_alias),
    "AWS::Lambda::EventInvokeConfig": Handlers(
        event_invoke_config, delete_event_invoke_config, update_event_invoke_config
    ),
}
