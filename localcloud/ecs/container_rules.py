"""ECS's rules for the containers of a new task definition, whatever it runs on. Pure.

Rules: the API reference's ContainerDefinition and the pages of the shapes in it. Texts that ECS is
known to use: github.com/badmintoncryer/cdk-preflight (rules/ecs) and reports; the others are ours.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Mapping, Sequence
from graphlib import CycleError, TopologicalSorter
from typing import Any

from localcloud.ecs import errors
from localcloud.ecs.log_rules import check_log_configuration
from localcloud.ecs.name_rules import check_name

Request = Mapping[str, Any]

MOST_CONTAINERS = 10
"""Containers per task definition (service quotas)."""
MOST_ENVIRONMENT_FILES = 10
MOST_IGNORED_EXIT_CODES = 50
LEAST_MEMORY = 6
"""MiB that Docker reserves for a container at least (ContainerDefinition, memory)."""

_CONNECT_NAME = re.compile(r"[a-z0-9_][a-z0-9_-]{0,63}")
_IMAGE = re.compile(r"[A-Za-z0-9_.:/#-]{1,255}(@sha256:[A-Fa-f0-9]{64})?")
_SECRET = re.compile(
    r"arn:aws[a-z-]*:(ssm:[a-z0-9-]*:[0-9]*:parameter/.+|secretsmanager:[a-z0-9-]*:[0-9]*:secret:.+)"
    r"|[A-Za-z0-9_./-]+"
)
_ENVIRONMENT_FILE = re.compile(r"arn:aws[a-z-]*:s3:::[^/]+/.+\.env")
_SYSTEM_CONTROL = re.compile(
    r"kernel\.(msgmax|msgmnb|msgmni|sem|shmall|shmmax|shmmni|shm_rmid_forced)|fs\.mqueue\..+|net\..+"
)
_HEALTH_CHECK = (
    ("interval", 5, 300),
    ("timeout", 2, 60),
    ("retries", 1, 10),
    ("startPeriod", 0, 300),
)


def check_containers(request: Request) -> None:
    containers: Sequence[Request] = request["containerDefinitions"]
    if not containers:
        raise errors.client_error("Container list cannot be empty.")
    if len(containers) > MOST_CONTAINERS:  # aws/amazon-ecs-cli#184
        raise errors.client_error("Too many containers.")
    _check_names(containers)
    if not any(container.get("essential", True) for container in containers):
        raise errors.client_error("A task definition must have at least one essential container.")
    _check_ports(containers)
    _check_dependencies(containers)
    _check_log_router(containers)
    for container in containers:
        _check_container(request, container)


def _check_names(containers: Sequence[Request]) -> None:
    for container in containers:
        for member in ("name", "image"):
            if not container.get(member):
                raise errors.client_error(f"Container.{member} should not be null or empty.")
        check_name("Container name", container["name"])
        if not _IMAGE.fullmatch(container["image"]):
            raise errors.client_error("Container.image contains invalid characters.")
    repeated = _repeated(item["name"] for item in containers)
    if repeated:
        raise errors.client_error(f"Container names must be unique: {', '.join(repeated)}")


def _check_ports(containers: Sequence[Request]) -> None:
    mappings = [mapping for item in containers for mapping in item.get("portMappings", [])]
    for name in _repeated(mapping["name"] for mapping in mappings if "name" in mapping):
        raise errors.client_error(f"Port mapping names must be unique: {name}")
    for port, protocol in _repeated(
        (mapping.get("containerPort"), mapping.get("protocol", "tcp")) for mapping in mappings
    ):
        raise errors.client_error(
            f"Container port {port}/{protocol} is mapped more than once in the task."
        )
    for item in containers:
        ports = {(m.get("containerPort"), m.get("protocol", "tcp")) for m in _mappings(item)}
        for port in _repeated(port for port, _ in ports):
            raise errors.client_error(
                f"Container port {port} cannot be exposed for multiple protocols."
            )
    for mapping in mappings:
        _check_port(mapping)


def _mappings(container: Request) -> Sequence[Request]:
    found: Sequence[Request] = container.get("portMappings", [])
    return found


def _check_port(mapping: Request) -> None:
    if "name" in mapping and not _CONNECT_NAME.fullmatch(mapping["name"]):
        raise errors.client_error(
            f"Port mapping name {mapping['name']!r} is invalid: up to 64 lowercase letters, "
            "numbers, underscores (_), and hyphens (-), not starting with a hyphen."
        )
    if "appProtocol" in mapping and "name" not in mapping:
        raise errors.client_error("appProtocol needs a named port mapping.")
    if "appProtocol" in mapping and mapping.get("protocol") == "udp":
        raise errors.client_error("appProtocol is not supported for the udp protocol.")
    container_port = mapping.get("containerPort")
    if mapping.get("hostPort", container_port) != container_port:
        raise errors.client_error(
            "When networkMode=awsvpc, the host ports and container ports in port mappings "
            "must match."
        )
    if container_port is None and "containerPortRange" not in mapping:
        raise errors.client_error("A port mapping needs a containerPort or a containerPortRange.")
    if container_port is not None and not 1 <= container_port <= 65535:
        raise errors.client_error(f"Invalid 'containerPort' setting: {container_port}")


def _check_dependencies(containers: Sequence[Request]) -> None:
    """ContainerDependency."""
    by_name = {item["name"]: item for item in containers}
    graph: dict[str, list[str]] = {}
    for item in containers:
        for dependency in item.get("dependsOn", []):
            name, condition = dependency["containerName"], dependency["condition"]
            other = by_name.get(name)
            if other is None:
                raise errors.client_error(
                    f"Cannot depend on container {name} because it does not exist"
                )
            if name == item["name"]:
                raise errors.client_error(f"Container {name} cannot depend on itself.")
            graph.setdefault(item["name"], []).append(name)
            if condition in ("SUCCESS", "COMPLETE") and other.get("essential", True):
                raise errors.client_error(
                    "A dependency container with SUCCESS or COMPLETE condition cannot be an "
                    "essential container"
                )
            command = other.get("healthCheck", {}).get("command", ["NONE"])
            if condition == "HEALTHY" and command[:1] == ["NONE"]:
                raise errors.client_error(
                    "A dependency container with HEALTHY condition must have health check "
                    "configured"
                )
    try:
        TopologicalSorter(graph).prepare()
    except CycleError as error:
        raise errors.client_error("Container dependencies should not have a cycle.") from error


def _check_log_router(containers: Sequence[Request]) -> None:
    routers = [item["name"] for item in containers if "firelensConfiguration" in item]
    if len(routers) > 1:
        raise errors.client_error("Only one container can have a firelensConfiguration.")
    for item in containers:
        if item.get("logConfiguration", {}).get("logDriver") != "awsfirelens":
            continue
        if not routers:
            raise errors.client_error(
                "When awsfirelens log driver is specified in log configuration, a firelens "
                "configuration object must be specified"
            )
        if item["name"] in routers:
            raise errors.client_error("A log router cannot use the awsfirelens log driver.")


def _check_container(request: Request, container: Request) -> None:
    name = container["name"]
    _check_memory(request, container)
    _check_environment(request, container)
    if "logConfiguration" in container:
        fargate = "FARGATE" in request.get("requiresCompatibilities", [])
        check_log_configuration(container["logConfiguration"], fargate=fargate)
    if "healthCheck" in container:
        _check_health_check(name, container["healthCheck"])
    limits = container.get("ulimits", [])
    for limit in limits:
        soft, hard = limit["softLimit"], limit["hardLimit"]
        if soft < -1 or hard < -1 or (hard != -1 and (soft == -1 or soft > hard)):
            raise errors.client_error(f"Soft limit exceeds hard limit for ulimit {limit['name']}")
    for repeated in _repeated(limit["name"] for limit in limits):
        raise errors.client_error(f"Duplicate ulimit: {repeated}")
    _check_system_controls(container.get("systemControls", []))
    policy = container.get("restartPolicy", {})
    if not 60 <= policy.get("restartAttemptPeriod", 300) <= 1800:
        raise errors.client_error(
            f"the 'restartAttemptPeriod' setting for container '{name}' must be between 60 and 1800"
        )
    codes = policy.get("ignoredExitCodes", [])
    if len(codes) > MOST_IGNORED_EXIT_CODES or any(not 0 <= code <= 255 for code in codes):
        raise errors.client_error(
            f"the 'ignoredExitCodes' setting for container '{name}' can have at most "
            f"{MOST_IGNORED_EXIT_CODES} exit codes from 0 to 255"
        )


def _check_system_controls(controls: Sequence[Request]) -> None:
    for control in controls:
        if not control.get("value") or not _SYSTEM_CONTROL.fullmatch(control.get("namespace", "")):
            raise errors.client_error(
                f"Invalid namespaced kernel parameter: {control.get('namespace')}"
            )
    for repeated in _repeated(control["namespace"] for control in controls):
        raise errors.client_error(f"Duplicate namespaced kernel parameter: {repeated}")


def _check_memory(request: Request, container: Request) -> None:
    name, given = container["name"], {"memory", "memoryReservation"} & set(container)
    if not given and "memory" not in request:
        raise errors.client_error(
            f"Invalid setting for container '{name}'. "
            "At least one of 'memory' or 'memoryReservation' must be specified."
        )
    if any(container[member] < LEAST_MEMORY for member in given):
        raise errors.client_error(
            f"Invalid setting for container '{name}'. 'memory' must be at least {LEAST_MEMORY}."
        )
    if len(given) == 2 and container["memoryReservation"] > container["memory"]:
        raise errors.client_error(
            f"Invalid setting for container '{name}'. 'memory' must be greater than or equal to "
            "'memoryReservation'."
        )
    if container.get("cpu", 0) < 0:
        raise errors.client_error(f"Invalid setting for container '{name}'. 'cpu' is negative.")


def _check_environment(request: Request, container: Request) -> None:
    secrets = container.get("secrets", [])
    if secrets and "executionRoleArn" not in request:  # T06
        raise errors.client_error(
            "When you are specifying container secrets, "
            "you must also specify a value for 'executionRoleArn'"
        )
    plain = [entry.get("name") for entry in container.get("environment", [])]
    if not all(plain):
        raise errors.client_error("Environment variable name should not be null or empty.")
    for secret in secrets:
        if not secret["name"] or not _SECRET.fullmatch(secret["valueFrom"]):
            raise errors.client_error(f"Invalid secret: {secret['name']}, {secret['valueFrom']}")
    names = [secret["name"] for secret in secrets]
    shared = [*(name for name in names if name in plain), *_repeated(names)]
    if shared:
        raise errors.client_error(
            "The secret name must be unique and not shared with any new or existing environment "
            f"variables set on the container, such as '{shared[0]}'."
        )
    files = container.get("environmentFiles", [])
    if len(files) > MOST_ENVIRONMENT_FILES:
        raise errors.client_error(
            f"At most {MOST_ENVIRONMENT_FILES} environment files can be specified."
        )
    if any(not _ENVIRONMENT_FILE.fullmatch(file["value"]) for file in files):
        raise errors.client_error("Invalid arn syntax")


def _check_health_check(name: str, check: Request) -> None:
    """The ranges that the documentation of HealthCheck gives."""
    command = check["command"]
    if not command or command[0] not in ("CMD", "CMD-SHELL", "NONE"):
        raise errors.client_error(
            f"Container '{name}': the health check command must start with CMD or CMD-SHELL."
        )
    if command[0] != "NONE" and not any(command[1:]):
        raise errors.client_error(f"Container '{name}': the health check has no command.")
    for member, least, most in _HEALTH_CHECK:
        if member in check and not least <= check[member] <= most:
            raise errors.client_error(
                f"Container '{name}': health check {member} must be between {least} and {most}."
            )


def _repeated(values: Any) -> list[Any]:
    return [value for value, times in Counter(values).items() if times > 1]
