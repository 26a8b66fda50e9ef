"""The network interface of a task as EC2 describes it (recorded in October 2023: cloud-custodian's
tests/data/placebo/test_ecs_task_sg_filter): attached by ECS, to a host outside the account.
"""

from __future__ import annotations

import secrets
from datetime import UTC, datetime
from typing import Any

from moto.ec2.models.elastic_network_interfaces import NetworkInterface

_HOSTS_OWNER = "111122223333"
"""Fargate's hosts belong to an account of AWS."""


class TaskInterface(NetworkInterface):
    """A record among moto's own, which knows interfaces of instances only."""

    def __init__(
        self,
        ec2: Any,
        subnet: Any,
        private_ip: str,
        group_ids: list[str],
        *,
        attachment_arn: str,
        private_dns_name: str,
        public_ip: str | None,
        public_dns_name: str,
    ) -> None:
        super().__init__(ec2, subnet, private_ip, group_ids=group_ids, description=attachment_arn)
        self.status = "in-use"
        self.requester_managed = True
        self.requester_id = self.owner_id
        self.public_ip = public_ip
        self.private_dns_name = private_dns_name
        self._public_dns_name = public_dns_name
        self._attached = {
            "AttachTime": datetime.now(UTC),
            "AttachmentId": f"eni-attach-{secrets.token_hex(9)[:17]}",
            "DeleteOnTermination": False,
            "DeviceIndex": 1,
            "NetworkCardIndex": 0,
            "InstanceOwnerId": _HOSTS_OWNER,
            "Status": "attached",
        }
        (address,) = self.private_ip_addresses
        address["PrivateDnsName"] = private_dns_name
        if public_ip is not None:
            address["Association"] = self.association

    @property
    def attachment(self) -> Any:
        return self._attached

    @property
    def association(self) -> dict[str, Any]:
        if self.public_ip is None:
            return {}
        return {
            "IpOwnerId": "amazon",
            "PublicDnsName": self._public_dns_name,
            "PublicIp": self.public_ip,
        }
