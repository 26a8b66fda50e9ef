"""What the code compares with EC2's answers, each literal with its source. Pure.

Recorded by github.com/cloud-custodian/cloud-custodian, tests/data/placebo (132 answers of
DescribeSecurityGroups, 2016 to 2024; DescribeNetworkInterfaces of a task in October 2023): every
permission has the members IpProtocol, IpRanges, Ipv6Ranges, PrefixListIds and UserIdGroupPairs, and
ports unless its protocol is "-1".
"""

from __future__ import annotations

from bivouac.json_types import Described

_ALL_PROTOCOLS, _TCP = "-1", "tcp"
_EVERYWHERE = "0.0.0.0/0"


def is_about(permission: Described, port: int) -> bool:
    """Whether it is about a TCP port."""
    protocol = permission.get("IpProtocol")
    lowest, highest = permission.get("FromPort", 0), permission.get("ToPort", 65535)
    return protocol == _ALL_PROTOCOLS or (protocol == _TCP and lowest <= port <= highest)


def admits_everybody(permission: Described) -> bool:
    """Over IPv4, which the probes use. Whom a prefix list admits is unknown."""
    return any(entry.get("CidrIp") == _EVERYWHERE for entry in permission.get("IpRanges", ()))


def may_admit(permission: Described, group_id: str) -> bool:
    """Whether it can admit callers in a security group over IPv4.

    Their addresses and the content of a prefix list are not known beforehand, so any range or list
    counts. IPv6 ranges do not, because nothing here uses IPv6."""
    return bool(
        permission.get("IpRanges")
        or permission.get("PrefixListIds")
        or any(pair.get("GroupId") == group_id for pair in permission.get("UserIdGroupPairs", ()))
    )


def public_address(interface: Described) -> str | None:
    """None if it has none. Recorded: Association.PublicIp."""
    address = interface.get("Association", {}).get("PublicIp")
    return str(address) if address else None
