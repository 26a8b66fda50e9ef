"""Calls of EC2: the tasks' addresses, and what may reach them."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import Any

from bivouac.aws import ec2_answers
from bivouac.aws.client_types import EC2Client
from bivouac.aws.listing import batches, list_all

INTERFACES_A_CALL = 200


def public_addresses(client: EC2Client, interface_ids: Sequence[str]) -> dict[str, str]:
    """Public addresses by network interface, for those that have one.

    With a filter, not by id: EC2 is eventually consistent, and an id that it does not know yet must
    not fail the others (P04, P05)."""
    found: dict[str, str] = {}
    for batch in batches(interface_ids, INTERFACES_A_CALL):
        for interface in list_all(
            "network interfaces of the tasks",
            client,
            "describe_network_interfaces",
            "NetworkInterfaces",
            Filters=[{"Name": "network-interface-id", "Values": batch}],
        ):
            if address := ec2_answers.public_address(interface):
                found[interface["NetworkInterfaceId"]] = address
    return found


def security_groups(client: EC2Client, group_ids: Sequence[str]) -> dict[str, dict[str, Any]]:
    """The existing groups with their rules, by id. Filtered, so that a missing one is absent."""
    what = f"security groups {', '.join(group_ids)}"
    found = _security_groups(what, client, "group-id", group_ids)
    return {group["GroupId"]: group for group in found}


def _security_groups(
    what: str, client: EC2Client, name: str, values: Iterable[str]
) -> list[dict[str, Any]]:
    filters = [{"Name": name, "Values": sorted(values)}]
    return list_all(what, client, "describe_security_groups", "SecurityGroups", Filters=filters)


def references(client: EC2Client, group_ids: Collection[str]) -> dict[str, set[str]]:
    """By security group: which of the given groups its rules refer to. Without the given ones."""
    found: dict[str, set[str]] = {}
    for direction in ("ip-permission", "egress.ip-permission") if group_ids else ():
        what = f"security groups whose rules name {', '.join(group_ids)}"
        for group in _security_groups(what, client, f"{direction}.group-id", group_ids):
            named = _named_by(group) & set(group_ids)
            if named and group["GroupId"] not in group_ids:
                found[group["GroupId"]] = found.get(group["GroupId"], set()) | named
    return found


def _named_by(group: Mapping[str, Any]) -> set[str]:
    rules = (*group.get("IpPermissions", ()), *group.get("IpPermissionsEgress", ()))
    return {pair.get("GroupId", "") for rule in rules for pair in rule.get("UserIdGroupPairs", ())}


def vpcs_of_subnets(client: EC2Client, subnet_ids: Sequence[str]) -> dict[str, str]:
    """The VPC of each existing subnet, by id. Filtered, so that a missing one is absent."""
    filters = [{"Name": "subnet-id", "Values": list(subnet_ids)}]
    what = f"subnets {', '.join(subnet_ids)}"
    found = list_all(what, client, "describe_subnets", "Subnets", Filters=filters)
    return {subnet["SubnetId"]: subnet["VpcId"] for subnet in found}
