"""ECS's rules for a new task definition beyond its model's shape. Pure.

The ids are those of the failure-mode catalogue.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

from localcloud.ecs import errors
from localcloud.ecs.name_rules import check_name

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
"""The memory that each CPU size (units) may have (T04; documentation of the API)."""


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
    """Why Fargate has no task of this size; None if it has one (T04, T05)."""
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
    """T07; Fargate needs the stream prefix too."""
    if configuration["logDriver"] != "awslogs":
        return
    needed = ["awslogs-group", "awslogs-region", *(["awslogs-stream-prefix"] if fargate else [])]
    given = configuration.get("options", {})
    missing = [option for option in needed if not given.get(option)]
    if missing:
        raise errors.client_error(f"Log driver awslogs requires options: {', '.join(missing)}")


def _check_health_check(name: str, check: Request) -> None:
    """The ranges in the documentation of HealthCheck."""
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
