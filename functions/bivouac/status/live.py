"""Reads one environment from AWS, in as few calls as possible."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

from bivouac.aws import ecs, ecs_answers, executions, network
from bivouac.aws.client_types import EC2Client, ECSClient, SFNClient
from bivouac.aws.errors import cluster_is_missing
from bivouac.environment.record import GONE, Record, Status
from bivouac.errors import RefusedByAwsError
from bivouac.json_types import Json
from bivouac.proof import mesh
from bivouac.services import deployments
from bivouac.services.observation import tasks_by_service


@dataclass(frozen=True)
class Live:
    services: Mapping[str, Json] = field(default_factory=dict)
    running: Mapping[str, Sequence[Json]] = field(default_factory=dict)
    """Tasks by service."""
    stopped: Mapping[str, Sequence[Json]] = field(default_factory=dict)
    """Of proof clients that are being deleted, and whatever else has stopped meanwhile."""
    public_addresses: Mapping[str, str] = field(default_factory=dict)
    """By network interface, of tasks that everybody may reach."""
    execution_status: str | None = None
    """None where Step Functions no longer knows the execution."""


def read_live(
    record: Record, ecs_client: ECSClient, ec2: Callable[[], EC2Client], stepfunctions: SFNClient
) -> Live:
    """Creates EC2's client, the slowest to create, only if a service is public."""
    held_by = executions.described(stepfunctions, record.execution)
    status = held_by.status if held_by else None
    blueprint = record.planned
    cluster = blueprint.cluster["clusterName"]
    names = [service.service_name for service in blueprint.services]
    provers = [
        client.service.service_name
        for client in mesh.proof_clients(blueprint, record.generation)
        if record.status in (Status.CREATING, Status.FAILED)
    ]
    if record.status in GONE:
        return Live(execution_status=status)
    try:
        services = ecs.describe_services(ecs_client, cluster, [*names, *provers])
        running = tasks_by_service(ecs_client, cluster, "RUNNING")
        deleted = [
            name
            for name in provers
            if name in services and not ecs_answers.is_active(services[name])
        ]
        stopped = tasks_by_service(ecs_client, cluster, "STOPPED") if deleted else {}
    except RefusedByAwsError as error:
        if not cluster_is_missing(error):
            raise
        return Live(execution_status=status)
    interfaces = [
        interface
        for service in blueprint.services
        if any(endpoint.admits_everybody for endpoint in service.endpoints)
        for task in running.get(service.service_name, ())
        if (interface := deployments.interface_id(task))
    ]
    public = network.public_addresses(ec2(), interfaces) if interfaces else {}
    return Live(services, running, stopped, public, status)
