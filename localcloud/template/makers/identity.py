"""IAM: roles and their policies."""

from __future__ import annotations

from typing import Any

from localcloud import aws_policies
from localcloud.template.errors import TemplateError
from localcloud.template.makers.base import (
    Cloud,
    Deployed,
    Handlers,
    Made,
    Request,
    call,
    changed,
    document,
    retagged,
)

MANAGED_POLICY_QUOTA = 6_144
INLINE_POLICIES_QUOTA = 10_240
"""Characters of one managed policy, and of all inline policies of a role together, without white
space (IAM user guide, "IAM and AWS STS quotas"). moto has no limit."""


def role(cloud: Cloud, request: Request) -> Made:
    properties = request.properties
    name = properties.get("RoleName", request.generated_name(64))
    _check_inline_policy_size(request, name)
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
    for policy in properties.get("Policies", []):
        _put_inline(cloud, name, policy)
    for arn in properties.get("ManagedPolicyArns", []):
        _attach(cloud, name, arn)
    return Made(name, {"Arn": made["Arn"], "RoleId": made["RoleId"]})


def _check_inline_policy_size(request: Request, name: str) -> None:
    sizes = (_size(policy["PolicyDocument"]) for policy in request.properties.get("Policies", []))
    if sum(sizes) > INLINE_POLICIES_QUOTA:
        raise TemplateError(
            f"{request.logical_id}: LimitExceeded: Maximum policy size of {INLINE_POLICIES_QUOTA} "
            f"bytes exceeded for role {name}"
        )


def _attach(cloud: Cloud, role_name: str, arn: str) -> None:
    if arn.startswith(aws_policies.PREFIX):
        cloud.provide_aws_policy(arn)
    call(cloud, "iam", "attach_role_policy", RoleName=role_name, PolicyArn=arn)


def update_role(cloud: Cloud, before: Deployed, request: Request) -> Made:
    """Adds before it removes: a session of the role never lacks what both versions allow."""
    name, old, new = before.made.ref, before.request.properties, request.properties
    differs = changed(
        before,
        request,
        "AssumeRolePolicyDocument",
        "ManagedPolicyArns",
        "PermissionsBoundary",
        "Policies",
        "Tags",
    )
    _check_inline_policy_size(request, name)
    if "AssumeRolePolicyDocument" in differs:
        trust = document(new["AssumeRolePolicyDocument"])
        call(cloud, "iam", "update_assume_role_policy", RoleName=name, PolicyDocument=trust)
    if boundary := new.get("PermissionsBoundary"):
        arn = {"PermissionsBoundary": boundary}
        call(cloud, "iam", "put_role_permissions_boundary", RoleName=name, **arn)
    elif "PermissionsBoundary" in differs:
        call(cloud, "iam", "delete_role_permissions_boundary", RoleName=name)
    for policy in new.get("Policies", []):
        _put_inline(cloud, name, policy)
    attached = new.get("ManagedPolicyArns", [])
    for arn in attached:
        _attach(cloud, name, arn)
    _take_away(
        cloud, name, _inline(old) - _inline(new), {*old.get("ManagedPolicyArns", [])} - {*attached}
    )
    if "Tags" in differs:
        tags, gone = retagged(before, request)
        listed = [{"Key": key, "Value": value} for key, value in tags.items()]
        call(cloud, "iam", "tag_role", RoleName=name, Tags=listed)
        if gone:
            call(cloud, "iam", "untag_role", RoleName=name, TagKeys=gone)
    return before.made


def _inline(properties: dict[str, Any]) -> set[str]:
    return {policy["PolicyName"] for policy in properties.get("Policies", [])}


def policy(cloud: Cloud, request: Request) -> Made:
    """An inline policy declared as a resource of its own."""
    for role_name in request.properties["Roles"]:
        _put_inline(cloud, role_name, request.properties)
    return Made(request.properties["PolicyName"])


def managed_policy(cloud: Cloud, request: Request) -> Made:
    properties = request.properties
    _check_managed_policy_size(request)
    made = call(
        cloud,
        "iam",
        "create_policy",
        PolicyName=properties.get("ManagedPolicyName", request.generated_name(128)),
        PolicyDocument=document(properties["PolicyDocument"]),
        Description=properties.get("Description"),
        Path=properties.get("Path"),
    )["Policy"]
    for role_name in properties.get("Roles", []):
        call(cloud, "iam", "attach_role_policy", RoleName=role_name, PolicyArn=made["Arn"])
    return Made(made["Arn"], {"PolicyArn": made["Arn"]})


def update_managed_policy(cloud: Cloud, before: Deployed, request: Request) -> Made:
    changed(before, request, "PolicyDocument")
    _check_managed_policy_size(request)
    arn = before.made.ref
    known = call(cloud, "iam", "get_policy", PolicyArn=arn)["Policy"]["DefaultVersionId"]
    call(
        cloud,
        "iam",
        "create_policy_version",
        PolicyArn=arn,
        PolicyDocument=document(request.properties["PolicyDocument"]),
        SetAsDefault=True,
    )
    call(cloud, "iam", "delete_policy_version", PolicyArn=arn, VersionId=known)
    return before.made


def _check_managed_policy_size(request: Request) -> None:
    if _size(request.properties["PolicyDocument"]) > MANAGED_POLICY_QUOTA:
        raise TemplateError(
            f"{request.logical_id}: LimitExceeded: Cannot exceed quota for PolicySize: "
            f"{MANAGED_POLICY_QUOTA}"
        )


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


def delete_role(cloud: Cloud, deployed: Deployed) -> None:
    """Also deletes its inline policies and detaches those that its own properties attach."""
    name, properties = deployed.made.ref, deployed.request.properties
    _take_away(cloud, name, _inline(properties), {*properties.get("ManagedPolicyArns", [])})
    call(cloud, "iam", "delete_role", RoleName=name)


def _take_away(cloud: Cloud, role_name: str, inline: set[str], attached: set[str]) -> None:
    for policy in sorted(inline):
        call(cloud, "iam", "delete_role_policy", RoleName=role_name, PolicyName=policy)
    for arn in sorted(attached):
        call(cloud, "iam", "detach_role_policy", RoleName=role_name, PolicyArn=arn)


def delete_policy(cloud: Cloud, deployed: Deployed) -> None:
    for name in deployed.request.properties["Roles"]:
        call(cloud, "iam", "delete_role_policy", RoleName=name, PolicyName=deployed.made.ref)


def delete_managed_policy(cloud: Cloud, deployed: Deployed) -> None:
    for name in deployed.request.properties.get("Roles", []):
        call(cloud, "iam", "detach_role_policy", RoleName=name, PolicyArn=deployed.made.ref)
    call(cloud, "iam", "delete_policy", PolicyArn=deployed.made.ref)


HANDLERS = {
    "AWS::IAM::Role": Handlers(role, delete_role, update_role),
    "AWS::IAM::Policy": Handlers(policy, delete_policy),
    "AWS::IAM::ManagedPolicy": Handlers(
        managed_policy, delete_managed_policy, update_managed_policy
    ),
}
