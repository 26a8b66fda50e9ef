"""What the probe functions call: endpoints of running tasks, at their observed addresses."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import zip_longest
from typing import Any

from bivouac.aws import network
from bivouac.aws.client_types import EC2Client
from bivouac.environment.blueprint import Blueprint
from bivouac.proof import probe
from bivouac.proof.probe import MOST_TARGETS
from bivouac.services import deployments
from bivouac.services.deployments import Tasks


def targets(blueprint: Blueprint, running: Tasks, ec2: EC2Client) -> list[dict[str, Any]]:
    """Each endpoint with its tasks' addresses, limited to as many tasks of each service as can be
    called in time."""
    endpoints = sum(len(service.endpoints) for service in blueprint.services)
    most = max(1, MOST_TARGETS // max(1, endpoints))
    chosen = {
        service.service_name: list(running.get(service.service_name, ()))[:most]
        for service in blueprint.services
        if service.endpoints
    }
    interfaces = [
        interface
        for tasks in chosen.values()
        for task in tasks
        if (interface := deployments.interface_id(task))
    ]
    public = network.public_addresses(ec2, interfaces) if interfaces else {}
    return [
        probe.target(
            planned.service_name,
            endpoint,
            [
                (private, public.get(deployments.interface_id(task) or ""))
                for task in tasks
                if (private := deployments.private_address(task))
            ],
            len(running[planned.service_name]),
        ).to_json()
        for planned in blueprint.services
        if (tasks := chosen.get(planned.service_name))
        for endpoint in planned.endpoints
    ]


def for_each_task(asked: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """The same targets in the form of executions that began before an update of the stack."""
    known = ("service", "endpoint", "protocol", "port", "path", "lowest_status", "highest_status")
    return [
        {
            **{name: each[name] for name in (*known, "not_public")},
            "private_address": private,
            "public_address": public,
        }
        for each in asked
        for private, public in zip_longest(each["private_addresses"], each["public_addresses"])
        if private
    ]
