"""Lambda: functions and what belongs to them."""

from __future__ import annotations

import io
import zipfile

from localcloud.awslambda.function import Function, VpcConfig
from localcloud.template.errors import TemplateError
from localcloud.template.makers.base import (
    Cloud,
    Deleter,
    Deployed,
    Made,
    Maker,
    Request,
    call,
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
    name = properties.get("FunctionName", request.default_name[:64])
    variables = {
        key: str(value)
        for key, value in properties.get("Environment", {}).get("Variables", {}).items()
    }
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
        Environment={"Variables": variables},
        Architectures=properties.get("Architectures"),
        TracingConfig=properties.get("TracingConfig"),
        LoggingConfig=properties.get("LoggingConfig"),
        Tags=tags_map(properties),
    )
    vpc = properties.get("VpcConfig", {})
    if vpc:
        cloud.require(properties["Role"], _NETWORK_INTERFACES, f"{name} in a VPC")
    if properties.get("TracingConfig", {}).get("Mode") == "Active":
        cloud.require(properties["Role"], ["xray:PutTraceSegments"], f"the traces of {name}")
    registered = Function(
        name=name,
        arn=made["FunctionArn"],
        code=request.code,
        handler=properties["Handler"],
        role_arn=properties["Role"],
        timeout=float(properties.get("Timeout", 3)),
        memory=int(properties.get("MemorySize", 128)),
        environment=variables,
        log_group=properties.get("LoggingConfig", {}).get("LogGroup", ""),
        vpc=VpcConfig(tuple(vpc["SubnetIds"]), tuple(vpc["SecurityGroupIds"]))
        if vpc.get("SubnetIds")
        else None,
    )
    cloud.register_function(registered)
    return Made(name, {"Arn": made["FunctionArn"]}, registered)


def permission(cloud: Cloud, request: Request) -> Made:
    properties = request.properties
    call(
        cloud,
        "lambda",
        "add_permission",
        FunctionName=properties["FunctionName"],
        StatementId=request.logical_id,
        Action=properties["Action"],
        Principal=properties["Principal"],
        SourceArn=properties.get("SourceArn"),
        SourceAccount=properties.get("SourceAccount"),
    )
    return Made(request.logical_id)


def version(cloud: Cloud, request: Request) -> Made:
    made = call(
        cloud,
        "lambda",
        "publish_version",
        FunctionName=request.properties["FunctionName"],
        Description=request.properties.get("Description"),
    )
    # PublishVersion answers with the version's own ARN.
    return Made(
        made["FunctionArn"], {"FunctionArn": made["FunctionArn"], "Version": made["Version"]}
    )


def alias(cloud: Cloud, request: Request) -> Made:
    made = call(cloud, "lambda", "create_alias", **request.properties)
    return Made(made["AliasArn"], {"AliasArn": made["AliasArn"]})


def event_invoke_config(cloud: Cloud, request: Request) -> Made:
    properties = dict(request.properties)
    # The $LATEST that the template spells out is what the API takes for granted.
    if properties.get("Qualifier") == "$LATEST":
        del properties["Qualifier"]
    call(cloud, "lambda", "put_function_event_invoke_config", **properties)
    return Made(request.logical_id)


def delete_function(cloud: Cloud, deployed: Deployed) -> None:
    """With its versions; their DeletionPolicy (SAM writes Retain) saves nothing then."""
    call(cloud, "lambda", "delete_function", FunctionName=deployed.made.ref)


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
"""CreateFunction insists on code; workers take it from the CodeUri directory."""

MAKERS: dict[str, Maker] = {
    "AWS::Lambda::Function": function,
    "AWS::Lambda::Permission": permission,
    "AWS::Lambda::Version": version,
    "AWS::Lambda::Alias": alias,
    "AWS::Lambda::EventInvokeConfig": event_invoke_config,
}

DELETERS: dict[str, Deleter] = {
    "AWS::Lambda::Function": delete_function,
    "AWS::Lambda::Permission": delete_permission,
    "AWS::Lambda::Alias": delete_alias,
    "AWS::Lambda::EventInvokeConfig": delete_event_invoke_config,
}
