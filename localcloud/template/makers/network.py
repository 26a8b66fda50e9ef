"""EC2 security groups."""

from __future__ import annotations

from typing import Any

from localcloud.template.makers.base import (
    Cloud,
    Deleter,
    Deployed,
    Made,
    Maker,
    Request,
    Updater,
    call,
    changed,
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


def ingress(cloud: Cloud, request: Request) -> Made:
    _admit(cloud, "ingress", request.properties["GroupId"], request.properties)
    return Made(request.logical_id)


def egress(cloud: Cloud, request: Request) -> Made:
    _admit(cloud, "egress", request.properties["GroupId"], request.properties)
    return Made(request.logical_id)


def update_ingress(cloud: Cloud, before: Deployed, request: Request) -> Made:
    return _redescribe(cloud, "ingress", before, request)


def update_egress(cloud: Cloud, before: Deployed, request: Request) -> Made:
    return _redescribe(cloud, "egress", before, request)


def _redescribe(cloud: Cloud, direction: str, before: Deployed, request: Request) -> Made:
    changed(before, request, "Description")
    call(
        cloud,
        "ec2",
        f"update_security_group_rule_descriptions_{direction}",
        GroupId=request.properties["GroupId"],
        IpPermissions=[_permission(request.properties)],
    )
    return before.made


def _admit(cloud: Cloud, direction: str, group_id: str, rule: dict[str, Any]) -> None:
    call(
        cloud,
        "ec2",
        f"authorize_security_group_{direction}",
        GroupId=group_id,
        IpPermissions=[_permission(rule)],
    )


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


MAKERS: dict[str, Maker] = {
    "AWS::EC2::SecurityGroup": security_group,
    "AWS::EC2::SecurityGroupEgress": egress,
    "AWS::EC2::SecurityGroupIngress": ingress,
}


def delete_security_group(cloud: Cloud, deployed: Deployed) -> None:
    call(cloud, "ec2", "delete_security_group", GroupId=deployed.made.ref)


def delete_ingress(cloud: Cloud, deployed: Deployed) -> None:
    _revoke(cloud, "ingress", deployed)


def delete_egress(cloud: Cloud, deployed: Deployed) -> None:
    _revoke(cloud, "egress", deployed)


def _revoke(cloud: Cloud, direction: str, deployed: Deployed) -> None:
    rule = deployed.request.properties
    call(
        cloud,
        "ec2",
        f"revoke_security_group_{direction}",
        GroupId=rule["GroupId"],
        IpPermissions=[_permission(rule)],
    )


DELETERS: dict[str, Deleter] = {
    "AWS::EC2::SecurityGroup": delete_security_group,
    "AWS::EC2::SecurityGroupEgress": delete_egress,
    "AWS::EC2::SecurityGroupIngress": delete_ingress,
}

UPDATERS: dict[str, Updater] = {
    "AWS::EC2::SecurityGroupEgress": update_egress,
    "AWS::EC2::SecurityGroupIngress": update_ingress,
}
