"""Network interfaces of tasks, and who may reach them.

The addresses are not bound on this machine. A task's interface is a record in moto's EC2, so that
DescribeNetworkInterfaces shows it; `Network.route` says what a connection to an address would meet
on AWS.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Container, Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from moto.ec2.models import ec2_backends

from localcloud.account import Account
from localcloud.task_interface import TaskInterface

PUBLIC_ADDRESSES = (
    ipaddress.IPv4Network("203.0.113.0/24"),
    ipaddress.IPv4Network("198.18.0.0/15"),
)
"""Addresses that no network on the Internet has (RFC 5737, and RFC 2544 once those are used up)."""
_RESERVED_IN_A_SUBNET = 4
"""AWS reserves a subnet's first four addresses (and the last)."""


@dataclass(frozen=True)
class Interface:
    id: str
    subnet_id: str
    availability_zone: str
    mac_address: str
    private_ip: str
    private_dns_name: str
    public_ip: str | None


@dataclass(frozen=True)
class InVpc:
    """A connection from a subnet of the VPC."""

    subnet_id: str
    security_group_ids: frozenset[str]


@dataclass(frozen=True)
class Internet:
    """A connection from outside the VPC."""


Source = InVpc | Internet


@dataclass(frozen=True)
class Reached:
    """It arrives: at this port of the task that has this private address."""

    private_ip: str
    port: int


@dataclass(frozen=True)
class TimedOut:
    """Nothing answers: no route, no such host, or no security group that admits it."""

    reason: str


@dataclass(frozen=True)
class Refused:
    """The host answers that nothing listens on the port."""


@dataclass(frozen=True)
class Unreachable:
    """The address is not of this cloud; what would be there is unknown."""


Route = Reached | TimedOut | Refused | Unreachable


@dataclass(frozen=True)
class IngressRule:
    """One permission of a security group. `ports` None: every port."""

    protocol: str
    ports: tuple[int, int] | None
    cidr: ipaddress.IPv4Network | None
    source_group_id: str | None

    def admits(self, port: int, network: ipaddress.IPv4Network, group_ids: frozenset[str]) -> bool:
        """Whether it admits TCP from `network` (and a source with these groups) to `port`."""
        if self.protocol not in ("tcp", "-1"):
            return False
        if self.ports is not None and not self.ports[0] <= port <= self.ports[1]:
            return False
        if self.source_group_id is not None:
            return self.source_group_id in group_ids
        return self.cidr is not None and network.subnet_of(self.cidr)


EVERYWHERE = ipaddress.IPv4Network("0.0.0.0/0")


class Network:
    """The task interfaces of the account's VPC. Called with the control plane's lock held."""

    def __init__(self, account: Account) -> None:
        self._account = account
        self._by_private_ip: dict[str, Interface] = {}
        self._by_public_ip: dict[str, Interface] = {}
        self._last_address: dict[ipaddress.IPv4Network, int] = {}
        """Offset of the last address assigned, so that a released address is not reused at once."""

    def attach(
        self, subnet_id: str, security_group_ids: Iterable[str], *, public: bool, attachment_id: str
    ) -> Interface:
        """Creates a task's interface, which EC2 describes until it is released."""
        subnet = self._ec2.get_subnet(subnet_id)
        public_ip = self._free_public_ip() if public else None
        private_ip = self._free_private_ip(subnet.cidr)
        domain = f"{self._account.region}.compute"
        private_dns_name = f"ip-{private_ip.replace('.', '-')}.{domain}.internal"
        record = TaskInterface(
            self._ec2,
            subnet,
            private_ip,
            list(security_group_ids),
            attachment_arn=self._account.arn("ecs", f"attachment/{attachment_id}"),
            private_dns_name=private_dns_name,
            public_ip=public_ip,
            public_dns_name=f"ec2-{(public_ip or '').replace('.', '-')}.{domain}.amazonaws.com",
        )
        self._ec2.enis[record.id] = record
        interface = Interface(
            id=record.id,
            subnet_id=subnet_id,
            availability_zone=subnet.availability_zone,
            mac_address=record.mac_address,
            private_ip=private_ip,
            private_dns_name=private_dns_name,
            public_ip=public_ip,
        )
        self._by_private_ip[interface.private_ip] = interface
        if public_ip is not None:
            self._by_public_ip[public_ip] = interface
        return interface

    def release(self, interface: Interface) -> None:
        """Deletes it; its addresses are free again."""
        del self._by_private_ip[interface.private_ip]
        if interface.public_ip is not None:
            del self._by_public_ip[interface.public_ip]
        self._ec2.enis.pop(interface.id, None)

    def availability_zone(self, subnet_id: str) -> str:
        zone: str = self._ec2.get_subnet(subnet_id).availability_zone
        return zone

    def missing_subnets(self, subnet_ids: Iterable[str]) -> list[str]:
        known = {subnet.id for by_zone in self._ec2.subnets.values() for subnet in by_zone.values()}
        return [subnet_id for subnet_id in subnet_ids if subnet_id not in known]

    def missing_security_groups(self, group_ids: Iterable[str]) -> list[str]:
        known = {group_id for by_vpc in self._ec2.groups.values() for group_id in by_vpc}
        return [group_id for group_id in group_ids if group_id not in known]

    def default_security_group(self) -> str:
        group_id: str = self._ec2.get_default_security_group(self._account.vpc_id).id
        return group_id

    def interface_at(self, ip: str) -> Interface | None:
        """The interface with this private or public address."""
        return self._by_private_ip.get(ip) or self._by_public_ip.get(ip)

    def route(self, source: Source, ip: str, port: int) -> Reached | TimedOut | Unreachable:
        """How far a TCP connection from `source` to `ip` and `port` comes.

        Whether anything listens there, only the task runtime knows: `ControlPlane.route`.
        """
        address = ipaddress.IPv4Address(ip)
        public = any(address in network for network in PUBLIC_ADDRESSES)
        if not public and address not in self._account.vpc_cidr:
            return Unreachable()
        if isinstance(source, InVpc) == public:
            where = "public addresses" if public else "private addresses"
            return TimedOut(f"there is no route from there to the VPC's {where}")
        interface = self.interface_at(ip)
        if interface is None:
            return TimedOut(f"no network interface has the address {ip}")
        network, groups = self._seen_as(source)
        if not any(rule.admits(port, network, groups) for rule in self._rules(interface)):
            return TimedOut(f"no security group of {interface.id} admits TCP {port} from there")
        return Reached(interface.private_ip, port)

    def _seen_as(self, source: Source) -> tuple[ipaddress.IPv4Network, frozenset[str]]:
        if isinstance(source, Internet):
            return EVERYWHERE, frozenset()
        return self._ec2.get_subnet(source.subnet_id).cidr, source.security_group_ids

    def _rules(self, interface: Interface) -> Iterator[IngressRule]:
        for group in self._ec2.enis[interface.id].group_set:
            for rule in group.ingress_rules:
                yield _ingress_rule(rule)

    def _free_private_ip(self, subnet: ipaddress.IPv4Network) -> str:
        taken = {eni.private_ip_address for eni in self._ec2.enis.values()}
        return self._next_free([subnet], _RESERVED_IN_A_SUBNET, taken)

    def _free_public_ip(self) -> str:
        return self._next_free(PUBLIC_ADDRESSES, 1, self._by_public_ip)

    def _next_free(
        self, networks: Sequence[ipaddress.IPv4Network], first: int, taken: Container[str]
    ) -> str:
        for network in networks:
            usable = network.num_addresses - 1 - first
            last = self._last_address.get(network, first - 1)
            for step in range(1, usable + 1):
                offset = first + (last - first + step) % usable
                address = str(network[offset])
                if address not in taken:
                    self._last_address[network] = offset
                    return address
        raise RuntimeError(f"every address of {networks[-1]} is taken: use fewer tasks")

    @property
    def _ec2(self) -> Any:
        return ec2_backends[self._account.account_id][self._account.region]


def _ingress_rule(rule: Any) -> IngressRule:
    """Converts moto's record of a rule to this module's type."""
    ports = None if rule.ip_protocol == "-1" else (int(rule.from_port), int(rule.to_port))
    return IngressRule(
        protocol=rule.ip_protocol,
        ports=ports,
        cidr=ipaddress.IPv4Network(rule.cidr_ipv4) if rule.cidr_ipv4 else None,
        source_group_id=(rule.source_group or {}).get("GroupId"),
    )
