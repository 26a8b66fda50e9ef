"""Compares a plan with what exists in the account. Creates nothing."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any

from bivouac.aws import cloudmap, ec2_answers, ecs, network
from bivouac.aws.client_types import EC2Client, ECSClient, ServiceDiscoveryClient
from bivouac.aws.cloudmap import Namespace
from bivouac.environment.blueprint import Blueprint, from_ecs_tags
from bivouac.environment.ownership import require_owned
from bivouac.errors import InvalidRequestError, RefusedByAwsError
from bivouac.json_types import Described, Json


def compared(
    blueprint: Blueprint,
    namespace_quota: int,
    ecs_client: ECSClient,
    cloud_map: ServiceDiscoveryClient,
    ec2: EC2Client,
) -> tuple[Blueprint, bool]:
    """The blueprint with what its network admits, and whether something of it exists, whatever the
    record says: records can be lost.

    Raises InvalidRequestError, ForeignResourceError."""
    namespaces = cloudmap.list_namespaces(cloud_map)
    there = refuse_foreign(blueprint, namespaces, ecs_client, cloud_map)
    problems, blueprint = network_problems(blueprint, ec2)
    problems += quota_problems(blueprint, namespaces, namespace_quota)
    if problems:
        raise InvalidRequestError(problems)
    return blueprint, there


def existing_definitions(
    names: Sequence[str], client: ECSClient
) -> tuple[dict[str, Json], list[str]]:
    """The existing task definitions that a request names, and why others cannot be described."""
    definitions: dict[str, Json] = {}
    problems = []
    for name in names:
        try:
            definitions[name], _ = ecs.describe_task_definition(client, name)
        except RefusedByAwsError as error:
            problems.append(str(error))
    return definitions, problems


def refuse_foreign(
    blueprint: Blueprint,
    namespaces: Sequence[Namespace],
    ecs_client: ECSClient,
    cloud_map: ServiceDiscoveryClient,
) -> bool:
    """Whether the cluster or the namespace is there, and is ours.

    Raises ForeignResourceError where its name is taken (D18)."""
    found = False
    for namespace in namespaces:
        if namespace.name == blueprint.namespace:
            tags = cloudmap.tags_of(cloud_map, namespace.arn)
            require_owned(f"the namespace {namespace.name} ({namespace.id})", tags, blueprint)
            found = True
    name = blueprint.cluster["clusterName"]
    if cluster := ecs.describe_cluster(ecs_client, name):
        require_owned(f"the cluster {name}", from_ecs_tags(cluster.get("tags")), blueprint)
        found = True
    return found


def quota_problems(
    blueprint: Blueprint, namespaces: Sequence[Namespace], quota: int
) -> Iterator[str]:
    """N06: refuse with the count before anything is created, rather than fail half-way."""
    if any(namespace.name == blueprint.namespace for namespace in namespaces):
        return
    if len(namespaces) >= quota:
        yield (
            f"this Region has {len(namespaces)} Cloud Map namespaces of {quota}; delete "
            "environments, or raise the quota in Service Quotas and the parameter NamespaceQuota"
        )


def network_problems(blueprint: Blueprint, ec2: EC2Client) -> tuple[list[str], Blueprint]:
    """Missing subnets and security groups (S15) and ports that no group admits (P09); and the
    blueprint with the endpoints that the security groups open to everyone."""
    networks = [
        service.arguments["networkConfiguration"]["awsvpcConfiguration"]
        for service in blueprint.services
    ]
    subnets = sorted({subnet for each in networks for subnet in each["subnets"]})
    groups = sorted({group for each in networks for group in each["securityGroups"]})
    known_subnets = network.vpcs_of_subnets(ec2, subnets)
    known_groups = network.security_groups(ec2, [*groups, blueprint.probe_security_group_id])
    found = [f"subnet {subnet} does not exist" for subnet in subnets if subnet not in known_subnets]
    found += [
        f"security group {group} does not exist" for group in groups if group not in known_groups
    ]
    found += _of_another_vpc(blueprint, known_subnets, known_groups)
    if found:
        return found, blueprint
    services = []
    for service in blueprint.services:
        its_groups = [known_groups[group] for group in service.security_groups]
        endpoints = []
        for endpoint in service.endpoints:
            if not admits_group(its_groups, blueprint.probe_security_group_id, endpoint.port):
                found.append(
                    f"{service.service_name}: no security group of its tasks admits port "
                    f"{endpoint.port} from {blueprint.probe_security_group_id}, so the endpoint "
                    f"{endpoint.port_name} could never be proven; add that rule"
                )
            to_all = admits_the_world(its_groups, endpoint.port)
            endpoints.append(replace(endpoint, admits_everybody=to_all))
        services.append(replace(service, endpoints=tuple(endpoints)))
    found += _closed_edges(blueprint, known_groups)
    return found, replace(blueprint, services=tuple(services))


def _of_another_vpc(
    blueprint: Blueprint,
    vpcs_of_subnets: Mapping[str, str],
    groups: Mapping[str, Mapping[str, Any]],
) -> Iterator[str]:
    """ECS refuses a service whose groups and subnets are of two VPCs, and no probe reaches tasks
    in another VPC than its own."""
    vpcs = {**vpcs_of_subnets, **{name: group["VpcId"] for name, group in groups.items()}}
    own = vpcs.pop(blueprint.probe_security_group_id, None)
    for name, vpc in sorted(vpcs.items()):
        if own is not None and vpc != own:
            yield (
                f"{name} is in the VPC {vpc}, and the stack in {own}; leave it out, or name one "
                f"of {own} that the stack allows"
            )


def _closed_edges(blueprint: Blueprint, groups: Mapping[str, Mapping[str, Any]]) -> Iterator[str]:
    """Edges whose client no security group of the server admits (P09). The proof client uses the
    network configuration of `from`."""
    for edge in blueprint.edges:
        server = blueprint.service(edge.server)
        client = blueprint.service(edge.client or edge.server)
        port = server.endpoint(edge.port_name).port
        its_groups = [groups[group] for group in server.security_groups]
        if not any(admits_group(its_groups, each, port) for each in client.security_groups):
            yield (
                f"{edge.server}: no security group of its tasks admits port {port} from those of "
                f"{client.service_name} ({', '.join(client.security_groups)}), so the edge "
                f"{edge.name} could never be proven; add that rule"
            )


def admits_the_world(groups: Sequence[Described], port: int) -> bool:
    """Whether any of a task's security groups admits everyone on a TCP port."""
    return any(ec2_answers.admits_everybody(each) for each in _permissions(groups, port))


def admits_group(groups: Sequence[Described], source_group_id: str, port: int) -> bool:
    """Whether any of a task's security groups may admit another group on a TCP port (P09)."""
    return any(ec2_answers.may_admit(each, source_group_id) for each in _permissions(groups, port))


def _permissions(groups: Sequence[Described], port: int) -> list[Described]:
    return [
        permission
        for group in groups
        for permission in group.get("IpPermissions", ())
        if ec2_answers.is_about(permission, port)
    ]
