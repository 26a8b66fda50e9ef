"""IAM: roles and their policies."""

from __future__ import annotations

from typing import Any

from localcloud import aws_policies
from localcloud.template.errors import TemplateError
from localcloud.template.makers.base import (
    Cloud,
    Deleter,
    Deployed,
    Made,
    Maker,
    Request,
    call,
    document,
)

MANAGED_POLICY_QUOTA = 6_144
INLINE_POLICIES_QUOTA = 10_240
"""Characters of one managed policy, and of all inline policies of a role together, without white
space (IAM user guide, "IAM and AWS STS quotas"). moto has no limit."""


def role(cloud: Cloud, request: Request) -> Made:
    properties = request.properties
    name = properties.get("RoleName", request.default_name[:64])
    inline = properties.get("Policies", [])
    if sum(_size(policy["PolicyDocument"]) for policy in inline) > INLINE_POLICIES_QUOTA:
        raise TemplateError(
            f"{request.logical_id}: LimitExceeded: Maximum policy size of {INLINE_POLICIES_QUOTA} "
            f"bytes exceeded for role {name}"
        )
    made = call(
        cloud,
        "iam",
        "create_role",
        RoleName=name,
        AssumeRolePolicyDocument=document(properties["AssumeRolePolicyDocument"]),
        Path=properties.get("Path"),
        Description=properties.get("Description"),
        PermissionsBoundary=properties.get("PermissionsBoundary"),
        MaxSessionDuration=properties.get("MaxSessionDuration"),
        Tags=properties.get("Tags"),
    )["Role"]
    for policy in inline:
        _put_inline(cloud, name, policy)
    for arn in properties.get("ManagedPolicyArns", []):
        if arn.startswith(aws_policies.PREFIX):
            cloud.provide_aws_policy(arn)
        call(cloud, "iam", "attach_role_policy", RoleName=name, PolicyArn=arn)
    return Made(name, {"Arn": made["Arn"], "RoleId": made["RoleId"]})


def policy(cloud: Cloud, request: Request) -> Made:
    """An inline policy that is declared beside its roles."""
    for role_name in request.properties["Roles"]:
        _put_inline(cloud, role_name, request.properties)
    return Made(request.properties["PolicyName"])


def managed_policy(cloud: Cloud, request: Request) -> Made:
    properties = request.properties
    if _size(properties["PolicyDocument"]) > MANAGED_POLICY_QUOTA:
        raise TemplateError(
            f"{request.logical_id}: LimitExceeded: Cannot exceed quota for PolicySize: "
            f"{MANAGED_POLICY_QUOTA}"
        )
    made = call(
        cloud,
        "iam",
        "create_policy",
        PolicyName=properties.get("ManagedPolicyName", request.default_name),
        PolicyDocument=document(properties["PolicyDocument"]),
        Description=properties.get("Description"),
        Path=properties.get("Path"),
    )["Policy"]
    for role_name in properties.get("Roles", []):
        call(cloud, "iam", "attach_role_policy", RoleName=role_name, PolicyArn=made["Arn"])
    return Made(made["Arn"], {"PolicyArn": made["Arn"]})


def _size(policy: dict[str, Any]) -> int:
    return len("".join(document(policy).split()))


def _put_inline(cloud: Cloud, role_name: str, policy: dict[str, Any]) -> None:
    call(
        cloud,
        "iam",
        "put_role_policy",
        RoleName=role_name,
        PolicyName=policy["PolicyName"],
        PolicyDocument=document(policy["PolicyDocument"]),
    )


MAKERS: dict[str, Maker] = {
    "AWS::IAM::Role": role,
    "AWS::IAM::Policy": policy,
    "AWS::IAM::ManagedPolicy": managed_policy,
}


def delete_role(cloud: Cloud, deployed: Deployed) -> None:
    """With what it has inline and what its own properties attach."""
    name, properties = deployed.made.ref, deployed.request.properties
    for policy in properties.get("Policies", []):
        call(cloud, "iam", "delete_role_policy", RoleName=name, PolicyName=policy["PolicyName"])
    for arn in properties.get("ManagedPolicyArns", []):
        call(cloud, "iam", "detach_role_policy", RoleName=name, PolicyArn=arn)
    call(cloud, "iam", "delete_role", RoleName=name)


def delete_policy(cloud: Cloud, deployed: Deployed) -> None:
    for name in deployed.request.properties["Roles"]:
        call(cloud, "iam", "delete_role_policy", RoleName=name, PolicyName=deployed.made.ref)


def delete_managed_policy(cloud: Cloud, deployed: Deployed) -> None:
    for name in deployed.request.properties.get("Roles", []):
        call(cloud, "iam", "detach_role_policy", RoleName=name, PolicyArn=deployed.made.ref)
    call(cloud, "iam", "delete_policy", PolicyArn=deployed.made.ref)


DELETERS: dict[str, Deleter] = {
    "AWS::IAM::Role": delete_role,
    "AWS::IAM::Policy": delete_policy,
    "AWS::IAM::ManagedPolicy": delete_managed_policy,
}
