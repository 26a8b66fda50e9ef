"""The rules that ECS puts on a request beyond the shape of its model. Pure: no state, no clock.

The ids are those of the failure-mode catalogue; texts marked there as unknown are our own words.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

from localcloud.ecs import errors
from localcloud.ecs.model import TaskDefinition

Request = Mapping[str, Any]

FARGATE_MEMORY_MIB: Mapping[int, Sequence[int]] = {
    256: (512, 1024, 2048),
    512: tuple(range(1024, 4096 + 1, 1024)),
    1024: tuple(range(2048, 8192 + 1, 1024)),
    2048: tuple(range(4096, 16384 + 1, 1024)),
    4096: tuple(range(8192, 30720 + 1, 1024)),
    8192: tuple(range(16384, 61440 + 1, 4096)),
    16384: tuple(range(32768, 122880 + 1, 8192)),
    32768: (*range(61440, 249856, 16384), 249856),
}
"""The memory that each size of CPU (units) may have (T04; documentation of the API)."""
PLATFORM_VERSIONS = ("LATEST", "1.4.0", "1.3.0", "1.2.0", "1.1.0", "1.0.0")
CURRENT_PLATFORM_VERSION = "1.4.0"
FARGATE_PROVIDERS = ("FARGATE", "FARGATE_SPOT")
MOST_CONNECT_TASKS = 1000
"""Tasks of one Service Connect service (S24)."""
MOST_TAGS = 50

_NAME = re.compile(r"[a-zA-Z0-9_-]{1,255}")
_DNS_NAME = re.compile(r"[a-z0-9_.][a-z0-9_.-]{0,126}")
_DISCOVERY_NAME = re.compile(r"[a-z0-9_-]{1,64}")
_CLIENT_TOKEN = re.compile(r"[!-~]{1,36}")
_NOT_IN_A_NAMESPACE_NAME = set('<>"/')


def check_name(kind: str, name: str) -> None:
    """Cluster, service and family names: up to 255 letters, digits, underscores and hyphens."""
    if not _NAME.fullmatch(name):
        raise errors.invalid_parameter(
            f"{kind} {name!r} is invalid: up to 255 letters (uppercase and lowercase), numbers, "
            "underscores, and hyphens are allowed."
        )


def check_client_token(token: str) -> None:
    if not _CLIENT_TOKEN.fullmatch(token):
        raise errors.invalid_parameter(
            "clientToken is invalid: up to 36 ASCII characters in the range 33 to 126."
        )


def check_tags(tags: Sequence[Mapping[str, str]]) -> None:
    repeated = [key for key, times in Counter(tag["key"] for tag in tags).items() if times > 1]
    if repeated:
        raise errors.invalid_parameter(f"Duplicate tag keys: {', '.join(repeated)}")
    reserved = [tag["key"] for tag in tags if tag["key"].lower().startswith("aws:")]
    if reserved:
        raise errors.invalid_parameter(
            f"Tag keys starting with 'aws:' are reserved for system use: {', '.join(reserved)}"
        )


def check_namespace_name(name: str) -> None:
    """What ECS takes as a namespace name is narrower than what Cloud Map takes (N07)."""
    if not name or len(name) > 1024 or set(name) & _NOT_IN_A_NAMESPACE_NAME:
        raise errors.invalid_parameter(
            f"The namespace name {name!r} is invalid: 1 to 1024 characters, "
            'without the characters < > " /.'
        )


# --- RegisterTaskDefinition ------------------------------------------------------------------


def check_task_definition(request: Request) -> None:
    """Raises ClientException for the first rule that a new task definition breaks."""
    check_name("Family", request["family"])
    containers: Sequence[Request] = request["containerDefinitions"]
    if not containers:
        raise errors.client_error("Container list cannot be empty.")
    _check_container_names(containers)
    _check_ports(containers)
    if not any(container.get("essential", True) for container in containers):
        raise errors.client_error("A task definition must have at least one essential container.")
    for container in containers:
        _check_container(request, container)
    if "FARGATE" in request.get("requiresCompatibilities", []):
        _check_fargate(request)


def fargate_size(cpu: str | None, memory: str | None) -> str | None:
    """Why Fargate has no task of this size; None: it has one (T04, T05)."""
    if cpu is None:
        return "Fargate requires that 'cpu' be defined at the task level."
    if memory is None:
        return "Fargate requires that 'memory' be defined at the task level."
    units, mebibytes = _cpu_units(cpu), _mebibytes(memory)
    if units is None or mebibytes not in FARGATE_MEMORY_MIB.get(units, ()):
        return f"No Fargate configuration exists for given values: {cpu} CPU, {memory} memory."
    return None


def _cpu_units(cpu: str) -> int | None:
    written = re.fullmatch(r"(\d*\.?\d+)\s*(vcpu)?", cpu.strip(), re.IGNORECASE)
    if written is None:
        return None
    return int(float(written[1]) * (1024 if written[2] else 1))


def _mebibytes(memory: str) -> int | None:
    written = re.fullmatch(r"(\d*\.?\d+)\s*(gb)?", memory.strip(), re.IGNORECASE)
    if written is None:
        return None
    return int(float(written[1]) * (1024 if written[2] else 1))


def _check_container_names(containers: Sequence[Request]) -> None:
    for container in containers:
        for member in ("name", "image"):
            if not container.get(member):
                raise errors.client_error(f"Container.{member} should not be null or empty.")
        check_name("Container name", container["name"])
    repeated = [
        name for name, times in Counter(item["name"] for item in containers).items() if times > 1
    ]
    if repeated:
        raise errors.client_error(f"Container names must be unique: {', '.join(repeated)}")


def _check_ports(containers: Sequence[Request]) -> None:
    mappings = [mapping for item in containers for mapping in item.get("portMappings", [])]
    names = Counter(mapping["name"] for mapping in mappings if "name" in mapping)
    for name, times in names.items():
        if times > 1:
            raise errors.client_error(f"Port mapping names must be unique: {name}")
    ports = Counter(
        (mapping.get("containerPort"), mapping.get("protocol", "tcp")) for mapping in mappings
    )
    for (port, protocol), times in ports.items():
        if times > 1:
            raise errors.client_error(
                f"Container port {port}/{protocol} is mapped more than once in the task."
            )
    for mapping in mappings:
        if "appProtocol" in mapping and "name" not in mapping:
            raise errors.client_error("appProtocol needs a named port mapping.")
        container_port = mapping.get("containerPort")
        if mapping.get("hostPort", container_port) != container_port:
            raise errors.client_error(
                "When networkMode=awsvpc, the host ports and container ports in port mappings "
                "must match."
            )


def _check_container(request: Request, container: Request) -> None:
    name = container["name"]
    has_limit = {"memory", "memoryReservation"} & set(container) or "memory" in request
    if not has_limit:
        raise errors.client_error(
            f"Invalid setting for container '{name}'. "
            "At least one of 'memory' or 'memoryReservation' must be specified."
        )
    if container.get("secrets") and "executionRoleArn" not in request:  # T06
        raise errors.client_error(
            "When you are specifying container secrets, "
            "you must also specify a value for 'executionRoleArn'"
        )
    if "logConfiguration" in container:
        check_log_configuration(
            container["logConfiguration"],
            fargate="FARGATE" in request.get("requiresCompatibilities", []),
        )
    if "healthCheck" in container:
        _check_health_check(name, container["healthCheck"])


def check_log_configuration(configuration: Request, *, fargate: bool) -> None:
    """T07; Fargate needs the stream prefix as well."""
    if configuration["logDriver"] != "awslogs":
        return
    needed = ["awslogs-group", "awslogs-region", *(["awslogs-stream-prefix"] if fargate else [])]
    given = configuration.get("options", {})
    missing = [option for option in needed if not given.get(option)]
    if missing:
        raise errors.client_error(f"Log driver awslogs requires options: {', '.join(missing)}")


def _check_health_check(name: str, check: Request) -> None:
    """The ranges that the documentation of HealthCheck gives."""
    if not check["command"] or check["command"][0] not in ("CMD", "CMD-SHELL", "NONE"):
        raise errors.client_error(
            f"Container '{name}': the health check command must start with CMD or CMD-SHELL."
        )
    for member, least, most in (
        ("interval", 5, 300),
        ("timeout", 2, 60),
        ("retries", 1, 10),
        ("startPeriod", 0, 300),
    ):
        if member in check and not least <= check[member] <= most:
            raise errors.client_error(
                f"Container '{name}': health check {member} must be between {least} and {most}."
            )


def _check_fargate(request: Request) -> None:
    if request.get("networkMode") != "awsvpc":
        raise errors.client_error("Fargate only supports network mode 'awsvpc'.")
    problem = fargate_size(request.get("cpu"), request.get("memory"))
    if problem is not None:
        raise errors.client_error(problem)
    for container in request["containerDefinitions"]:
        if container.get("privileged"):
            raise errors.client_error(
                "Tasks using the Fargate launch type do not support 'privileged' containers."
            )
        driver = container.get("logConfiguration", {}).get("logDriver")
        if driver == "awslogs" and "executionRoleArn" not in request:
            raise errors.client_error(
                "Fargate requires task definition to have execution role ARN "
                "to support log driver awslogs."
            )
        if ".dkr.ecr." in container["image"] and "executionRoleArn" not in request:
            raise errors.client_error(
                "Fargate requires task definition to have execution role ARN to support ECR images."
            )


# --- CreateService and UpdateService ---------------------------------------------------------

_NOT_PLAYED = (
    "loadBalancers",
    "serviceRegistries",
    "volumeConfigurations",
    "vpcLatticeConfigurations",
    "gatewayConnectors",
    "placementConstraints",
    "placementStrategy",
)


def check_what_is_played(request: Request) -> None:
    """Refuse what the local cloud would otherwise silently leave out."""
    asked = [member for member in _NOT_PLAYED if request.get(member)]
    if asked:
        raise errors.unsupported(f"The local cloud does not play: {', '.join(asked)}.")
    controller = request.get("deploymentController", {}).get("type", "ECS")
    strategy = request.get("deploymentConfiguration", {}).get("strategy", "ROLLING")
    scheduling = request.get("schedulingStrategy", "REPLICA")
    if (controller, strategy, scheduling) != ("ECS", "ROLLING", "REPLICA"):
        raise errors.unsupported(
            "The local cloud plays rolling deployments (ECS) of REPLICA services only, "
            f"not {controller}, {strategy}, {scheduling}."
        )


def check_launch(request: Request, cluster_providers: Sequence[str]) -> None:
    """Launch type, capacity providers and platform version fit together (S13, S23)."""
    strategy = request.get("capacityProviderStrategy", [])
    if strategy and "launchType" in request:
        raise errors.invalid_parameter(
            "Specifying both a launch type and capacity provider strategy is not supported. "
            "Remove one and try again."
        )
    for item in strategy:
        if item["capacityProvider"] not in cluster_providers:
            raise errors.invalid_parameter(
                "The specified capacity provider strategy cannot contain a capacity provider "
                "that is not associated with the cluster. Associate the capacity provider with "
                "the cluster and try again."
            )
    version = request.get("platformVersion", "LATEST")
    if version not in PLATFORM_VERSIONS:
        raise errors.EcsError(
            "PlatformUnknownException", f"The specified platform version {version} does not exist."
        )


def check_compatibility(request: Request, definition: TaskDefinition, *, fargate: bool) -> None:
    """The task definition can be launched where the service asks for it."""
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
    if least > 100 or least < 0 or most < 100 or most > 200:
        raise errors.invalid_parameter(
            "Both maximumPercent (100 to 200) and minimumHealthyPercent (0 to 100) "
            "must be in their range."
        )
    if least == most == 100:
        raise errors.invalid_parameter(
            "Both maximumPercent and minimumHealthyPercent cannot be 100 as this will block "
            "deployments."
        )


def check_service_connect(
    configuration: Request, definition: TaskDefinition, request: Request
) -> None:
    """S08, S10, S11, S12 within one service, S13, S24 and T15; the namespace is not looked at."""
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
    old: TaskDefinition, new: TaskDefinition, port_names: Sequence[str]
) -> None:
    """The protocol of a Service Connect port cannot change while its service lives (T14)."""
    for port_name in port_names:
        before, after = old.port_mapping(port_name), new.port_mapping(port_name)
        if before is None or after is None:
            continue
        for member in ("protocol", "appProtocol"):
            if before.get(member) != after.get(member):
                raise errors.invalid_parameter(
                    f"{member} of port {port_name} cannot be changed from {before.get(member)} to "
                    f"{after.get(member)}: delete the service and create it again."
                )


def _check_connect_service(service: Request, definition: TaskDefinition) -> None:
    port_name = service["portName"]
    if definition.port_mapping(port_name) is None:
        raise errors.invalid_parameter(
            f"portName({port_name}) does not refer to any named PortMapping "
            "in the container definitions"
        )
    discovery_name = service.get("discoveryName", port_name)
    if not _DISCOVERY_NAME.fullmatch(discovery_name):
        raise errors.invalid_parameter(
            f"discoveryName {discovery_name!r} is invalid: up to 64 lowercase letters, numbers, "
            "underscores (_), and hyphens (-)."
        )
    aliases = service.get("clientAliases", [])
    if len(aliases) > 1:
        raise errors.invalid_parameter(f"{len(aliases)} clientAliases exceeds the max limit of 1")
    for alias in aliases:
        dns_name = alias.get("dnsName")
        if dns_name is not None and not _DNS_NAME.fullmatch(dns_name):
            raise errors.invalid_parameter(
                f"The DNS name that you provided is invalid: {dns_name!r}"
            )
    timeout = service.get("timeout", {})
    mapping = definition.port_mapping(port_name) or {}
    if "perRequestTimeoutSeconds" in timeout and "appProtocol" not in mapping:  # P10
        raise errors.invalid_parameter(
            f"perRequestTimeoutSeconds is not supported for portName({port_name}), "
            "which has no appProtocol."
        )


def _ingress_port(service: Request, definition: TaskDefinition) -> int:
    mapping = definition.port_mapping(service["portName"]) or {}
    port: int = service.get("ingressPortOverride") or mapping["containerPort"]
    return port
