"""ECS's rules for a new or changed service beyond its model's shape. Pure.

The ids are those of the failure-mode catalogue; texts marked there as unknown are our own words.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any, Literal

from localcloud.ecs import errors
from localcloud.ecs.fargate_rules import LOG_DRIVERS
from localcloud.ecs.log_rules import check_log_configuration
from localcloud.ecs.model import TaskDefinition, ZoneRebalancing
from localcloud.ecs.strategy_rules import check_strategy

Request = Mapping[str, Any]

PLATFORM_VERSIONS = ("LATEST", "1.4.0", "1.3.0", "1.2.0", "1.1.0", "1.0.0")
CURRENT_PLATFORM_VERSION = "1.4.0"
MOST_CONNECT_TASKS = 1000
"""Tasks of one Service Connect service (S24)."""

_DNS_NAME = re.compile(r"[a-z0-9_.][a-z0-9_.-]{0,126}")
_DISCOVERY_NAME = re.compile(r"[a-z0-9_][a-z0-9_-]{0,63}")

_UNSUPPORTED = (
    "loadBalancers",
    "serviceRegistries",
    "volumeConfigurations",
    "vpcLatticeConfigurations",
    "gatewayConnectors",
    "placementConstraints",
    "placementStrategy",
)


def check_supported(request: Request) -> None:
    """Refuses what the local cloud would otherwise silently ignore."""
    unsupported = [member for member in _UNSUPPORTED if request.get(member)]
    if unsupported:
        raise errors.unsupported(f"The local cloud does not support: {', '.join(unsupported)}.")
    controller = request.get("deploymentController", {}).get("type", "ECS")
    strategy = request.get("deploymentConfiguration", {}).get("strategy", "ROLLING")
    scheduling = request.get("schedulingStrategy", "REPLICA")
    if (controller, strategy, scheduling) != ("ECS", "ROLLING", "REPLICA"):
        raise errors.unsupported(
            "The local cloud supports only rolling deployments (ECS) of REPLICA services, "
            f"not {controller}, {strategy}, {scheduling}."
        )


def check_arguments(request: Request) -> None:
    """What stands for itself: counts, limits, and what needs a load balancer."""
    if not request.get("desiredCount", 0) >= 0:
        raise errors.invalid_parameter("desiredCount cannot be negative.")
    if request.get("healthCheckGracePeriodSeconds"):  # aws-cloudformation/cfn-lint#3612
        raise errors.invalid_parameter(
            "Health check grace period is only valid for services configured to use load balancers"
        )
    if request.get("role"):
        raise errors.invalid_parameter(
            "You cannot specify an IAM role for services that require a service linked role."
        )
    network = request.get("networkConfiguration", {}).get("awsvpcConfiguration", {})
    for member, most in (("subnets", 16), ("securityGroups", 5)):
        if len(network.get(member, ())) > most:
            raise errors.invalid_parameter(f"{member} can have at most {most} items.")
    if network.get("subnets") == []:
        raise errors.invalid_parameter("subnets can not be empty.")


def check_launch(request: Request, cluster_providers: Sequence[str]) -> None:
    """Launch type, capacity providers and platform version fit together (S13, S23)."""
    strategy = request.get("capacityProviderStrategy", [])
    if strategy and "launchType" in request:
        raise errors.invalid_parameter(
            "Specifying both a launch type and capacity provider strategy is not supported. "
            "Remove one and try again."
        )
    check_strategy(strategy, cluster_providers)
    version = request.get("platformVersion", "LATEST")
    if version not in PLATFORM_VERSIONS:
        raise errors.EcsError(
            "PlatformUnknownException", f"The specified platform version {version} does not exist."
        )


def check_compatibility(request: Request, definition: TaskDefinition, *, fargate: bool) -> None:
    """The task definition can be launched as the service asks."""
    if fargate and "FARGATE" not in definition.compatibilities:
        raise errors.invalid_parameter("Task definition does not support launch_type FARGATE.")
    awsvpc = definition.definition.get("networkMode") == "awsvpc"
    if awsvpc and "awsvpcConfiguration" not in request.get("networkConfiguration", {}):
        raise errors.invalid_parameter(  # S14
            "Network Configuration must be provided when networkMode 'awsvpc' is specified."
        )
    if request.get("enableExecuteCommand") and "taskRoleArn" not in definition.definition:
        raise errors.invalid_parameter(
            "The service couldn't be created because a valid taskRoleArn is not being used. "
            "Specify a valid task role in your task definition and try again."
        )


def check_deployment_configuration(configuration: Request) -> None:
    most = configuration.get("maximumPercent", 200)
    least = configuration.get("minimumHealthyPercent", 100)
    if not 0 <= least <= 100:
        raise errors.invalid_parameter("minimumHealthyPercent must be at most 100")
    if most < 100:
        raise errors.invalid_parameter("maximumPercent must be at least 100")
    if least == most == 100:
        raise errors.invalid_parameter(
            "Both maximumPercent and minimumHealthyPercent cannot be 100 as this will block "
            "deployments."
        )


def zone_rebalancing(request: Request, configuration: Request) -> ZoneRebalancing:
    """For a new service: ENABLED if the request says nothing and the deployment configuration
    allows it.

    "availabilityZoneRebalancing" in the API reference. That CreateService chooses DISABLED
    otherwise is in public reports of 2026 and Terraform's documentation.
    """
    requested: ZoneRebalancing | None = request.get("availabilityZoneRebalancing")
    if requested is None:
        return "ENABLED" if configuration["maximumPercent"] > 100 else "DISABLED"
    check_zone_rebalancing(requested, configuration, "created")
    return requested


def check_zone_rebalancing(
    rebalancing: ZoneRebalancing, configuration: Request, doing: Literal["created", "updated"]
) -> None:
    """Rebalancing starts a task before it stops another, which needs room (guide, "Balancing an
    Amazon ECS service across Availability Zones"); the text is from public reports of 2026."""
    if rebalancing == "ENABLED" and configuration["maximumPercent"] <= 100:
        raise errors.invalid_parameter(
            f"The service couldn't be {doing} because Availability Zone Rebalancing does not "
            "support maximumPercent <= 100 % as deployment configuration."
        )


def check_service_connect(
    configuration: Request, definition: TaskDefinition, request: Request
) -> None:
    """S08, S10, S11, S12 within one service, S13, S24 and T15; without the namespace."""
    if not configuration["enabled"]:
        return
    if definition.definition.get("networkMode") not in ("awsvpc", "bridge"):
        raise errors.invalid_parameter(
            "Service Connect supports the network modes awsvpc and bridge only."
        )
    if definition.definition.get("memory") is None:
        raise errors.invalid_parameter(
            "Service Connect requires a task definition with task-level memory."
        )
    if request.get("platformVersion", "LATEST") not in ("LATEST", CURRENT_PLATFORM_VERSION):
        raise errors.EcsError(
            "PlatformTaskDefinitionIncompatibilityException",
            "Service Connect requires platform version 1.4.0 or later.",
        )
    if request.get("desiredCount", 0) > MOST_CONNECT_TASKS:
        raise errors.invalid_parameter(
            f"A Service Connect service can have at most {MOST_CONNECT_TASKS} tasks."
        )
    if "logConfiguration" in configuration:
        check_log_configuration(configuration["logConfiguration"], fargate=False)
        if configuration["logConfiguration"]["logDriver"] not in LOG_DRIVERS:
            raise errors.invalid_parameter("Fargate does not support this log driver.")
    services = configuration.get("services", [])
    for service in services:
        _check_connect_service(service, definition)
    ports = Counter(_ingress_port(service, definition) for service in services)
    repeated = [str(port) for port, times in ports.items() if times > 1]
    if repeated:
        raise errors.invalid_parameter(
            f"Service Connect services of a task need different ingress ports: "
            f"{', '.join(repeated)} is used more than once."
        )


def check_ports_unchanged(
    service_arn: str, old: TaskDefinition, new: TaskDefinition, port_names: Sequence[str]
) -> None:
    """The protocol of a Service Connect port cannot change while its service exists (T14).

    The text is quoted in aws/containers-roadmap#2378; the error's code is assumed.
    """
    for port_name in port_names:
        before, after = old.port_mapping(port_name), new.port_mapping(port_name)
        if before is None or after is None:
            continue
        previous, current = (_stable_configuration(item, service_arn) for item in (before, after))
        if previous != current:
            raise errors.invalid_parameter(
                "The following config cannot be changed for a SC service. "
                f"Previous config: {previous}, current config: {current}"
            )


def _stable_configuration(mapping: Mapping[str, Any], service_arn: str) -> str:
    return (
        f"ScServiceStableConfig(applicationProtocol={mapping.get('appProtocol', 'null')}, "
        f"transportProtocol={mapping.get('protocol', 'tcp')}, ecsServiceArn={service_arn})"
    )


def _check_connect_service(service: Request, definition: TaskDefinition) -> None:
    port_name = service["portName"]
    override = service.get("ingressPortOverride", 1025)
    if override <= 1024:  # hashicorp/terraform-provider-aws#28293
        raise errors.invalid_parameter("IngressPortOverride cannot use ports <= 1024.")
    if override > 65535:
        raise errors.invalid_parameter("ingressPortOverride must be between 1025 and 65535.")
    if definition.port_mapping(port_name) is None:
        raise errors.invalid_parameter(
            f"portName({port_name}) does not refer to any named PortMapping "
            "in the container definitions"
        )
    discovery_name = service.get("discoveryName", port_name)
    if not _DISCOVERY_NAME.fullmatch(discovery_name):
        raise errors.invalid_parameter(
            f"discoveryName {discovery_name!r} is invalid: up to 64 lowercase letters, numbers, "
            "underscores (_), and hyphens (-), not starting with a hyphen."
        )
    aliases = service.get("clientAliases", [])
    if not aliases:  # hashicorp/terraform-provider-aws#44027
        raise errors.invalid_parameter("clientAliases must have 1 element.")
    if len(aliases) > 1:
        raise errors.invalid_parameter(f"{len(aliases)} clientAliases exceeds the max limit of 1")
    for alias in aliases:
        if alias["port"] < 1:
            raise errors.invalid_parameter("A client alias needs a port between 1 and 65535.")
        dns_name = alias.get("dnsName")
        if dns_name is not None and not _DNS_NAME.fullmatch(dns_name):
            raise errors.invalid_parameter(
                f"The DNS name that you provided is invalid: {dns_name!r}"
            )
    timeout = service.get("timeout", {})
    mapping = definition.port_mapping(port_name) or {}
    if mapping.get("protocol") == "udp":
        raise errors.invalid_parameter(
            f"portName({port_name}) refers to a PortMapping with the protocol udp, "
            "which Service Connect does not support."
        )
    if "perRequestTimeoutSeconds" in timeout and "appProtocol" not in mapping:  # P10
        raise errors.invalid_parameter(
            f"perRequestTimeoutSeconds is not supported for portName({port_name}), "
            "which has no appProtocol."
        )


def _ingress_port(service: Request, definition: TaskDefinition) -> int:
    mapping = definition.port_mapping(service["portName"]) or {}
    port: int = service.get("ingressPortOverride") or mapping["containerPort"]
    return port
