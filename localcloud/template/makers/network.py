"""EC2 security groups."""

from __future__ import annotations

from typing import Any, Literal

from localcloud.template.makers.base import (
    Cloud,
    Deployed,
    Handlers,
    Made,
    Request,
    call,
    changed,
    deleting,
)

_EVERYTHING_OUT = {"IpProtocol": "-1", "IpRanges": [{"CidrIp": "0.0.0.0/0"}]}


def security_group(cloud: Cloud, request: Request) -> Made:
    properties = request.properties
    tags = properties.get("Tags")
    made = call(
        cloud,
        "ec2",
        "create_security_group",
        GroupName=properties.get("GroupName", request.generated_name()),
        Description=properties["GroupDescription"],
        VpcId=properties["VpcId"],
        TagSpecifications=[{"ResourceType": "security-group", "Tags": tags}] if tags else None,
    )
    group_id = made["GroupId"]
    for rule in properties.get("SecurityGroupIngress", []):
        _admit(cloud, "ingress", group_id, rule)
    if egress := properties.get("SecurityGroupEgress"):
        # A new group allows all egress; a template that declares egress rules wants only those.
        call(
            cloud,
            "ec2",
            "revoke_security_group_egress",
            GroupId=group_id,
            IpPermissions=[_EVERYTHING_OUT],
        )
        for rule in egress:
            _admit(cloud, "egress", group_id, rule)
    return Made(group_id, {"GroupId": group_id, "VpcId": properties["VpcId"]})


def _rule(direction: Literal["ingress", "egress"]) -> Handlers:
    def create(cloud: Cloud, request: Request) -> Made:
        _admit(cloud, direction, request.properties["GroupId"], request.properties)
        return Made(request.logical_id)

    def update(cloud: Cloud, before: Deployed, request: Request) -> Made:
        changed(before, request, "Description")
        _call(
            cloud,
            f"update_security_group_rule_descriptions_{direction}",
            request.properties["GroupId"],
            request.properties,
        )
        return before.made

    def delete(cloud: Cloud, deployed: Deployed) -> None:
        rule = deployed.request.properties
        _call(cloud, f"revoke_security_group_{direction}", rule["GroupId"], rule)

    return Handlers(create, delete, update)


def _admit(cloud: Cloud, direction: str, group_id: str, rule: dict[str, Any]) -> None:
    _call(cloud, f"authorize_security_group_{direction}", group_id, rule)


def _call(cloud: Cloud, operation: str, group_id: str, rule: dict[str, Any]) -> None:
    call(cloud, "ec2", operation, GroupId=group_id, IpPermissions=[_permission(rule)])


def _permission(rule: dict[str, Any]) -> dict[str, Any]:
    permission: dict[str, Any] = {"IpProtocol": rule["IpProtocol"]}
    for port in ("FromPort", "ToPort"):
        if port in rule:
            permission[port] = rule[port]
    description = {"Description": rule["Description"]} if "Description" in rule else {}
    if "CidrIp" in rule:
        permission["IpRanges"] = [{"CidrIp": rule["CidrIp"], **description}]
    if "CidrIpv6" in rule:
        permission["Ipv6Ranges"] = [{"CidrIpv6": rule["CidrIpv6"], **description}]
    for peer in ("SourceSecurityGroupId", "DestinationSecurityGroupId"):
        if peer in rule:
            permission["UserIdGroupPairs"] = [{"GroupId": rule[peer], **description}]
    for prefixes in ("SourcePrefixListId", "DestinationPrefixListId"):
        if prefixes in rule:
            permission["PrefixListIds"] = [{"PrefixListId": rule[prefixes], **description}]
    return permission


HANDLERS = {
    "AWS::EC2::SecurityGroup": Handlers(
        security_group, deleting("ec2", "delete_security_group", "GroupId")
    ),
    "AWS::EC2::SecurityGroupEgress": _rule("egress"),
    "AWS::EC2::SecurityGroupIngress": _rule("ingress"),
}
