"""Check services: looks once at every service and says HEALTHY, WAIT or FAILED.

Reads only, in batches. "Not yet" is an answer with the pause until the next look; what cannot heal
is told at once (promise: proof, not "stable"; early and complete failure reports).
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from bivouac import checks, diagnosis, lease, pace
from bivouac.aws import clients, cloudmap, network
from bivouac.aws.holding import held
from bivouac.aws.observation import observe
from bivouac.blueprint import Blueprint
from bivouac.checks import Check, Expected, Observed, Outcome
from bivouac.observability import Event, step

if TYPE_CHECKING:
    from types_boto3_ec2 import EC2Client
    from types_boto3_ecs import ECSClient
    from types_boto3_servicediscovery import ServiceDiscoveryClient


def check_services(
    blueprint: Blueprint,
    expected: list[Expected],
    opened_at: datetime,
    deadline: datetime,
    now: datetime,
    ecs_client: ECSClient,
    cloud_map: ServiceDiscoveryClient,
    ec2: Callable[[], EC2Client],
) -> Event:
    """`status`, the checks with what was observed, and the probe's targets once all hold.

    EC2 is asked only then, and its client, the slowest of all to make, made only then."""
    observed = observe(ecs_client, blueprint.cluster["clusterName"], expected)
    found: list[Check] = []
    for service in expected:
        planned = blueprint.service(service.service_name)
        seen = observed[service.service_name]
        progress = checks.judge(planned, service, seen)
        if progress.failed:
            return _failed(progress.failed, found)
        found += progress.checks
        if progress.healthy:
            found += _registrations(blueprint, service, seen, cloud_map)
    waiting = [entry for entry in found if entry.outcome is not Outcome.OK]
    if not waiting:
        return {
            "status": "HEALTHY",
            "checks": [entry.to_json() for entry in found],
            "targets": _targets(blueprint, observed, ec2()),
        }
    if now >= deadline:
        reasons = [f"{entry.service}: {entry.name}: {entry.observed}" for entry in waiting]
        late = waiting[0].service
        events = (observed[late].service or {}).get("events", ())
        messages = [event["message"] for event in events]
        return _failed(diagnosis.out_of_time(late, reasons, messages), found)
    waited = (now - opened_at).total_seconds()
    statuses = [task["lastStatus"] for seen in observed.values() for task in seen.running]
    return {
        "status": "WAIT",
        "waitSeconds": pace.before_next_look(waited, statuses),
        "checks": [entry.to_json() for entry in found],
    }


def _failed(verdict: diagnosis.Verdict, found: list[Check]) -> Event:
    return {
        "status": "FAILED",
        "verdict": verdict.to_json(),
        "checks": [entry.to_json() for entry in found],
    }


def _registrations(
    blueprint: Blueprint, service: Expected, seen: Observed, cloud_map: ServiceDiscoveryClient
) -> list[Check]:
    """One check for each endpoint: Cloud Map lists exactly the running tasks."""
    primary = checks.primary_deployment(seen.service or {}) or {}
    discovery_ids = {
        resource["discoveryName"]: resource["discoveryArn"].rpartition("/")[2]
        for resource in primary.get("serviceConnectResources", ())
    }
    found = []
    for endpoint in blueprint.service(service.service_name).endpoints:
        discovery_id = discovery_ids.get(endpoint.discovery_name)
        instances = cloudmap.list_instances(cloud_map, discovery_id) if discovery_id else []
        found.append(checks.registered(service.service_name, endpoint, seen.running, instances))
    return found


def _targets(
    blueprint: Blueprint, observed: dict[str, Observed], ec2: EC2Client
) -> list[dict[str, Any]]:
    """What the probes are to ask: each endpoint of each running task, at its observed addresses."""
    interfaces = [
        interface
        for seen in observed.values()
        for task in seen.running
        if (interface := checks.interface_id(task))
    ]
    public = network.public_addresses(ec2, interfaces)
    group_ids = {
        group
        for planned in blueprint.services
        for group in planned.arguments["networkConfiguration"]["awsvpcConfiguration"][
            "securityGroups"
        ]
    }
    groups = network.security_groups(ec2, sorted(group_ids)) if public else {}
    targets = []
    for planned in blueprint.services:
        awsvpc = planned.arguments["networkConfiguration"]["awsvpcConfiguration"]
        its_groups = [groups[name] for name in awsvpc["securityGroups"] if name in groups]
        for task in observed[planned.service_name].running:
            address = public.get(checks.interface_id(task) or "")
            for endpoint in planned.endpoints:
                admitted = checks.admits_the_world(its_groups, endpoint.port)
                targets.append(
                    {
                        "service": planned.service_name,
                        "endpoint": endpoint.port_name,
                        "protocol": "http" if endpoint.app_protocol == "http" else "tcp",
                        "port": endpoint.port,
                        "path": endpoint.path,
                        "lowest_status": endpoint.lowest_status,
                        "highest_status": endpoint.highest_status,
                        "private_address": checks.private_address(task),
                        "public_address": address if admitted else None,
                        "not_public": f"no security group admits 0.0.0.0/0 on {endpoint.port}"
                        if address
                        else "the task has no public address",
                    }
                )
    return targets


@step
def handler(event: Event) -> Event:
    blueprint = held(event)
    return check_services(
        blueprint,
        [
            Expected(entry["serviceName"], entry["taskDefinitionArn"], entry["deploymentId"])
            for entry in event["services"]
        ],
        lease.moment(event["openedAt"]),
        lease.moment(event["deadline"]),
        datetime.now(UTC),
        clients.ecs(),
        clients.servicediscovery(),
        clients.ec2,
    )
