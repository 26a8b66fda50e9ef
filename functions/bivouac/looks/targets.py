"""What the probe functions are to ask: endpoints of running tasks, at their observed addresses."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from bivouac import checks
from bivouac.aws import network
from bivouac.blueprint import Blueprint

if TYPE_CHECKING:
    from types_boto3_ec2 import EC2Client

Tasks = Mapping[str, Sequence[dict[str, Any]]]
"""Running tasks by service."""

MOST_TARGETS = 150
"""An execution's state holds 262,144 bytes (quotas of Step Functions): a target takes up to 400 of
them, each of its two checks up to 350, and the checks of a hundred services half of the rest."""


def targets(blueprint: Blueprint, running: Tasks, ec2: EC2Client) -> list[dict[str, Any]]:
    """Each endpoint of each task; of very many tasks, as many of each service as find room."""
    endpoints = sum(len(service.endpoints) for service in blueprint.services)
    asked = {
        service.service_name: list(running.get(service.service_name, ()))[
            : max(1, MOST_TARGETS // max(1, endpoints))
        ]
        for service in blueprint.services
        if service.endpoints
    }
    interfaces = [
        interface
        for tasks in asked.values()
        for task in tasks
        if (interface := checks.interface_id(task))
    ]
    public = network.public_addresses(ec2, interfaces) if interfaces else {}
    found = []
    for planned in blueprint.services:
        for task in asked.get(planned.service_name, ()):
            address = public.get(checks.interface_id(task) or "")
            for endpoint in planned.endpoints:
                found.append(
                    {
                        "service": planned.service_name,
                        "endpoint": endpoint.port_name,
                        "protocol": "http" if endpoint.app_protocol == "http" else "tcp",
                        "port": endpoint.port,
                        "path": endpoint.path,
                        "lowest_status": endpoint.lowest_status,
                        "highest_status": endpoint.highest_status,
                        "private_address": checks.private_address(task),
                        "public_address": address if endpoint.admits_everybody else None,
                        "not_public": f"no security group admits 0.0.0.0/0 on {endpoint.port}"
                        if address
                        else "the task has no public address",
                    }
                )
    return found
