"""What Fargate refuses of a task definition. Pure.

"Fargate considerations" and "Task definition parameters for Fargate" in the developer guide; that
Fargate mounts tmpfs: aws/containers-roadmap#736. Texts that ECS is known to use:
github.com/badmintoncryer/cdk-preflight (rules/ecs). The ids are in the failure-mode catalogue.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any

from localcloud.ecs import errors

Request = Mapping[str, Any]

MEMORY_MIB: Mapping[int, Sequence[int]] = {
    256: (512, 1024, 2048),
    512: tuple(range(1024, 4096 + 1, 1024)),
    1024: tuple(range(2048, 8192 + 1, 1024)),
    2048: tuple(range(4096, 16384 + 1, 1024)),
    4096: tuple(range(8192, 30720 + 1, 1024)),
    8192: tuple(range(16384, 61440 + 1, 4096)),
    16384: tuple(range(32768, 122880 + 1, 8192)),
    32768: (61440, 122880, 249856),
}
"""The memory that each CPU size (units) may have (T04)."""
LOG_DRIVERS = ("awslogs", "splunk", "awsfirelens")

_NOT_OF_TASKS = {
    "ipcMode": "Fargate compatible task definitions do not support ipcMode",
    "inferenceAccelerators": "Unsupported field 'inferenceAccelerators'",
    "placementConstraints": "Fargate compatible task definitions do not support "
    "placementConstraints",
    "trustedExecutionConfiguration": "Fargate compatible task definitions do not support "
    "trustedExecutionConfiguration",
}
_NOT_OF_CONTAINERS = {
    "links": "Links are not supported when networkMode=awsvpc",
    "hostname": "hostname is not supported on container when networkMode=awsvpc",
    "disableNetworking": "Disable Networking is not supported on container when networkMode=awsvpc",
    "dnsServers": "DNS servers are not supported on container when networkMode=awsvpc",
    "dnsSearchDomains": "DNS search domains are not supported on container when networkMode=awsvpc",
    "extraHosts": "Extra hosts are not supported when networkMode=awsvpc",
    "dockerSecurityOptions": "Fargate compatible task definitions do not support "
    "dockerSecurityOptions",
    "privileged": "Fargate requires that the 'privileged' setting be 'false'",
    "resourceRequirements": "Tasks using the Fargate launch type do not support GPU resource "
    "requirements",
    "credentialSpecs": "Fargate compatible task definitions do not support credentialSpecs",
}
_NOT_OF_LINUX = ("devices", "sharedMemorySize", "maxSwap", "swappiness")


def size_problem(cpu: str | None, memory: str | None) -> str | None:
    """Why Fargate has no task of this size; None if it has one (T04, T05)."""
    if cpu is None:
        return "Fargate requires that 'cpu' be defined at the task level."
    if memory is None:
        return "Fargate requires that 'memory' be defined at the task level."
    units, mebibytes = _cpu_units(cpu), _mebibytes(memory)
    if units is None or mebibytes not in MEMORY_MIB.get(units, ()):
        return f"No Fargate configuration exists for given values: {cpu} CPU, {memory} memory."
    return None


def check_fargate(request: Request) -> None:
    if request.get("networkMode") != "awsvpc":
        raise errors.client_error("Fargate only supports network mode 'awsvpc'.")
    problem = size_problem(request.get("cpu"), request.get("memory"))
    if problem is not None:
        raise errors.client_error(problem)
    _check_sums(request)
    for member, text in _NOT_OF_TASKS.items():
        if request.get(member):
            raise errors.client_error(text)
    if request.get("pidMode", "task") != "task":
        raise errors.client_error(
            f"Tasks using the Fargate launch type do not support pidMode '{request['pidMode']}'. "
            "The supported value for pidMode is 'task'."
        )
    if not 21 <= request.get("ephemeralStorage", {}).get("sizeInGiB", 21) <= 200:
        raise errors.client_error("Ephemeral storage must be between 21 and 200 GiB.")
    for volume in request.get("volumes", []):
        if "dockerVolumeConfiguration" in volume:
            raise errors.client_error(
                "Fargate compatible task definitions do not support dockerVolumeConfiguration"
            )
        if volume.get("host", {}).get("sourcePath"):
            raise errors.client_error(
                "Fargate compatible task definitions do not support sourcePath"
            )
    for container in request["containerDefinitions"]:
        _check_container(request, container)


def _check_sums(request: Request) -> None:
    containers = request["containerDefinitions"]
    units, mebibytes = _cpu_units(request["cpu"]), _mebibytes(request["memory"])
    if sum(item.get("cpu", 0) for item in containers) > (units or 0):
        raise errors.client_error(
            "The sum of all container 'cpu' values cannot be greater than the value of the task "
            "'cpu'."
        )
    for item in containers:
        if item.get("memory", 0) > (mebibytes or 0):
            raise errors.client_error(
                f"The 'memory' setting for container '{item['name']}' is greater than for the task."
            )
    reserved = sum(item.get("memoryReservation") or item.get("memory", 0) for item in containers)
    if reserved > (mebibytes or 0):
        raise errors.client_error("The containers reserve more memory than the task has.")


def _check_container(request: Request, container: Request) -> None:
    for member, text in _NOT_OF_CONTAINERS.items():
        if container.get(member):
            raise errors.client_error(text)
    linux = container.get("linuxParameters", {})
    for member in _NOT_OF_LINUX:
        if linux.get(member):
            raise errors.client_error(
                f"Fargate compatible task definitions do not support {member}"
            )
    for capability in linux.get("capabilities", {}).get("add", []):
        if capability != "SYS_PTRACE":
            raise errors.client_error(f"{capability} is not allowed on Fargate.")
    for member in ("startTimeout", "stopTimeout"):
        if not 2 <= container.get(member, 2) <= 120:
            raise errors.client_error(f"Fargate supports a {member} of 2 to 120 seconds.")
    logs = container.get("logConfiguration", {})
    if logs.get("logDriver", "awslogs") not in LOG_DRIVERS:
        raise errors.client_error(
            f"Fargate does not support the log driver {logs['logDriver']}; it supports "
            f"{', '.join(LOG_DRIVERS)}."
        )
    router = container.get("firelensConfiguration", {}).get("options", {})
    if router.get("config-file-type", "file") != "file":
        raise errors.client_error("Fargate only supports the file configuration file type.")
    if "executionRoleArn" in request:
        return
    if logs.get("logDriver") == "awslogs":
        raise errors.client_error(
            "Fargate requires task definition to have execution role ARN "
            "to support log driver awslogs."
        )
    if ".dkr.ecr." in container["image"]:
        raise errors.client_error(
            "Fargate requires task definition to have execution role ARN to support ECR images."
        )


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
