"""What can be held against AWS before the first resource is made."""

from __future__ import annotations

from typing import TYPE_CHECKING

from bivouac import checks, errors, naming
from bivouac.aws import cloudmap, ecs, network
from bivouac.blueprint import Blueprint, from_ecs_tags

if TYPE_CHECKING:
    from types_boto3_ec2 import EC2Client
    from types_boto3_ecs import ECSClient
    from types_boto3_servicediscovery import ServiceDiscoveryClient

NAMESPACE_QUOTA = 50
"""Cloud Map's default quota of namespaces in a Region (N06); adjustable, so only told, not refused."""


def refuse_foreign(
    blueprint: Blueprint, ecs_client: ECSClient, cloud_map: ServiceDiscoveryClient
) -> None:
    """Raise ForeignResourceError where the cluster's or the namespace's name is a stranger's (D18)."""
    stack, environment = blueprint.stack, blueprint.environment
    namespace = cloudmap.find_namespace(cloud_map, blueprint.namespace)
    if namespace:
        require_owned(
            f"the namespace {namespace.name} ({namespace.id})",
            cloudmap.tags_of(cloud_map, namespace.arn),
            stack,
            environment,
        )
    name = blueprint.cluster["clusterName"]
    cluster = ecs.describe_cluster(ecs_client, name)
    if cluster:
        require_owned(f"the cluster {name}", from_ecs_tags(cluster.get("tags")), stack, environment)


def require_owned(what: str, tags: dict[str, str], stack: str, environment: str) -> None:
    if not naming.is_owned(tags, stack, environment):
        raise errors.ForeignResourceError(
            f"{what} exists and does not carry the tags of this environment "
            f"({naming.STACK_TAG}={stack}, {naming.ENVIRONMENT_TAG}={environment}); it is left as it "
            "is. Give the environment another name, or delete that resource yourself"
        )


def problems(
    blueprint: Blueprint, cloud_map: ServiceDiscoveryClient, ec2: EC2Client
) -> list[str]:
    """Subnets and security groups that do not exist (S15), ports that nobody lets in (P09)."""
    return [*_network_problems(blueprint, ec2), *_quota_problems(blueprint, cloud_map)]


def _network_problems(blueprint: Blueprint, ec2: EC2Client) -> list[str]:
    configurations = {
        service.service_name: service.arguments["networkConfiguration"]["awsvpcConfiguration"]
        for service in blueprint.services
    }
    subnets = sorted({subnet for config in configurations.values() for subnet in config["subnets"]})
    groups = sorted(
        {group for config in configurations.values() for group in config["securityGroups"]}
    )
    known_subnets = network.existing_subnets(ec2, subnets)
    known_groups = network.security_groups(ec2, groups)
    found = [f"subnet {subnet} does not exist" for subnet in subnets if subnet not in known_subnets]
    found += [
        f"security group {group} does not exist" for group in groups if group not in known_groups
    ]
    if found:
        return found
    for service in blueprint.services:
        its_groups = [known_groups[g] for g in configurations[service.service_name]["securityGroups"]]
        for endpoint in service.endpoints:
            if not checks.admits_group(
                its_groups, blueprint.probe_security_group_id, endpoint.port
            ):
                found.append(
                    f"{service.service_name}: no security group of its tasks admits port "
                    f"{endpoint.port} from {blueprint.probe_security_group_id}, so that the endpoint "
                    f"{endpoint.port_name} could never be proven; add that rule (P09)"
                )
    return found


def _quota_problems(blueprint: Blueprint, cloud_map: ServiceDiscoveryClient) -> list[str]:
    if cloudmap.find_namespace(cloud_map, blueprint.namespace):
        return []
    count = cloudmap.count_namespaces(cloud_map)
    if count < NAMESPACE_QUOTA:
        return []
    return [
        f"this Region has {count} Cloud Map namespaces, and the default quota is {NAMESPACE_QUOTA}; "
        "delete environments, or raise the quota"
    ]
