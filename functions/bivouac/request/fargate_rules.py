"""The rules of Fargate and Service Connect for task definitions and services. Pure.

Each rule yields its problems, with their paths. The ids name failure modes.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping

from bivouac.json_types import ReadOnlyJson

PROXY_MEMORY_MIB = 64
"""Recommended by AWS for the Service Connect proxy, which shares the task's limits (T15)."""

_GIB = 1024
_MEMORY_OF_CPU: dict[int, list[int]] = {
    256: [512, 1024, 2048],
    512: [gib * _GIB for gib in range(1, 5)],
    1024: [gib * _GIB for gib in range(2, 9)],
    2048: [gib * _GIB for gib in range(4, 17)],
    4096: [gib * _GIB for gib in range(8, 31)],
    8192: [gib * _GIB for gib in range(16, 61, 4)],
    16384: [gib * _GIB for gib in range(32, 121, 8)],
}
"""CPU units to MiB: the task sizes of the ECS developer guide's Fargate page (T04)."""

_SECRET_NAME = re.compile(
    r"PASSWORD|PASSWD|SECRET|TOKEN|API_?KEY|ACCESS_?KEY|PRIVATE_?KEY|CREDENTIAL", re.IGNORECASE
)
_CONNECT_NAME = re.compile(r"[a-z0-9_][a-z0-9_-]{0,63}")
_DNS_NAME = re.compile(r"[a-z0-9_.][a-z0-9_.-]{0,126}")


def _cpu_units(text: str) -> int | None:
    """CPU units of "256" or ".25 vCPU"; None if it is neither."""
    if re.fullmatch(r"[0-9]{1,6}", text):
        return int(text)
    match = re.fullmatch(r"([0-9]{0,3}\.?[0-9]{1,6})\s*vcpu", text, re.IGNORECASE)
    return round(float(match[1]) * 1024) if match else None


def _mebibytes(text: str) -> int | None:
    """MiB of "512" or "0.5 GB"; None if it is neither."""
    if re.fullmatch(r"[0-9]{1,6}", text):
        return int(text)
    match = re.fullmatch(r"([0-9]{0,3}\.?[0-9]{1,6})\s*gb", text, re.IGNORECASE)
    return round(float(match[1]) * 1024) if match else None


def task_size_problems(definition: ReadOnlyJson, path: str) -> Iterator[str]:
    """T04, T05, T15: task-level CPU and memory in a size of Fargate's, with room for the proxy."""
    missing = [key for key in ("cpu", "memory") if not definition.get(key)]
    if missing:
        for key in missing:
            yield f"{path}.{key}: Fargate requires it for the task, such as cpu 256, memory 512"
        return
    cpu, memory = _cpu_units(definition["cpu"]), _mebibytes(definition["memory"])
    if cpu not in _MEMORY_OF_CPU:
        offered = ", ".join(map(str, _MEMORY_OF_CPU))
        yield f"{path}.cpu: Fargate has no {definition['cpu']!r}; it offers {offered}"
        return
    if memory not in _MEMORY_OF_CPU[cpu]:
        offered = ", ".join(map(str, _MEMORY_OF_CPU[cpu]))
        yield (
            f"{path}.memory: Fargate has no {definition['memory']!r} with cpu {definition['cpu']}; "
            f"it offers {offered} MiB"
        )
        return
    containers = definition["containerDefinitions"]
    reserved = sum(
        container.get("memoryReservation") or container.get("memory") or 0
        for container in containers
    )
    if reserved + PROXY_MEMORY_MIB > memory:
        yield (
            f"{path}.containerDefinitions: they reserve {reserved} of the task's {memory} MiB; "
            f"leave {PROXY_MEMORY_MIB} MiB to the Service Connect proxy"
        )
    reserved_cpu = sum(container.get("cpu") or 0 for container in containers)
    if reserved_cpu > cpu:
        yield f"{path}.containerDefinitions: they reserve {reserved_cpu} of {cpu} CPU units"


def task_problems(definition: ReadOnlyJson, path: str) -> Iterator[str]:
    """What Fargate with Service Connect cannot run, and what Bivouac does not allow."""
    if definition.get("networkMode") != "awsvpc":
        yield f"{path}.networkMode: Fargate needs awsvpc"
    family = definition.get("runtimePlatform", {}).get("operatingSystemFamily", "LINUX")
    if family != "LINUX":
        yield f"{path}.runtimePlatform.operatingSystemFamily: Service Connect needs LINUX"
    for refused in ("proxyConfiguration", "inferenceAccelerators", "ipcMode"):
        if definition.get(refused):
            yield f"{path}.{refused}: not supported with Service Connect on Fargate"
    for index, volume in enumerate(definition.get("volumes", [])):
        for kind in (
            "host",
            "dockerVolumeConfiguration",
            "fsxWindowsFileServerVolumeConfiguration",
        ):
            if volume.get(kind):
                yield f"{path}.volumes[{index}].{kind}: refused; Fargate has no host to share"
    yield from _container_problems(
        definition["containerDefinitions"], f"{path}.containerDefinitions"
    )


def _container_problems(containers: list[ReadOnlyJson], path: str) -> Iterator[str]:
    names = [container.get("name") for container in containers]
    for name in sorted({name for name in names if name and names.count(name) > 1}):
        yield f"{path}: two containers are named {name!r}"
    if not containers:
        yield f"{path}: at least one container is needed"
    elif not any(container.get("essential", True) for container in containers):
        yield f"{path}: at least one container must be essential"
    port_names: list[str] = []
    ports: list[tuple[int, str]] = []
    for index, container in enumerate(containers):
        where = f"{path}[{index}]"
        if not container.get("name") or not container.get("image"):
            yield f"{where}: a container needs a name and an image"
        if container.get("privileged"):
            yield f"{where}.privileged: refused; Fargate has no privileged containers"
        yield from _environment_problems(container, where)
        yield from _log_problems(container.get("logConfiguration"), f"{where}.logConfiguration")
        for number, mapping in enumerate(container.get("portMappings", [])):
            here = f"{where}.portMappings[{number}]"
            container_port = mapping.get("containerPort")
            if not container_port:
                yield f"{here}.containerPort: Fargate requires it, and no port range"
                continue
            if mapping.get("hostPort", container_port) != container_port:
                yield f"{here}.hostPort: with awsvpc it is the container port, or left out"
            ports.append((container_port, mapping.get("protocol", "tcp")))
            if name := mapping.get("name"):
                if not _CONNECT_NAME.fullmatch(name):
                    yield f"{here}.name: {name!r} must be lower-case letters, digits, _ and -"
                port_names.append(name)
    for name in sorted({name for name in port_names if port_names.count(name) > 1}):
        yield f"{path}: two ports are named {name!r}"
    for port in sorted({port for port in ports if ports.count(port) > 1}):
        yield f"{path}: port {port[0]}/{port[1]} is mapped twice in one task"


def _environment_problems(container: ReadOnlyJson, path: str) -> Iterator[str]:
    for index, entry in enumerate(container.get("environment", [])):
        name = entry.get("name", "")
        if _SECRET_NAME.search(name):
            yield (
                f"{path}.environment[{index}]: {name} looks like a secret, but anyone who may "
                "describe task definitions can read plain values; use secrets with valueFrom"
            )


def _log_problems(configuration: ReadOnlyJson | None, path: str) -> Iterator[str]:
    """T07."""
    if configuration and configuration.get("logDriver") not in ("awslogs", "splunk", "awsfirelens"):
        yield f"{path}.logDriver: Fargate supports awslogs, splunk and awsfirelens"


def role_problems(
    definition: ReadOnlyJson,
    task_roles: tuple[str, ...],
    execution_roles: tuple[str, ...],
    path: str,
) -> Iterator[str]:
    """Choosing a role grants its rights, so the stack's parameters list the allowed roles."""
    allowed = {"taskRoleArn": task_roles, "executionRoleArn": execution_roles}
    for field, arns in allowed.items():
        if (arn := definition.get(field)) and arn not in arns:
            listed = ", ".join(arns) or "none"
            yield f"{path}.{field}: {arn} is not in the stack's allow-list ({listed})"
    needs_execution = any(
        container.get("secrets") or container.get("repositoryCredentials")
        for container in definition["containerDefinitions"]
    )
    if needs_execution and not definition.get("executionRoleArn"):
        yield f"{path}.executionRoleArn: needed, because a container has secrets"


_REFUSED = {
    "role": "Bivouac uses ECS's service-linked role",
    "loadBalancers": "environments are reached through Service Connect",
    "serviceRegistries": "environments are reached through Service Connect",
    "vpcLatticeConfigurations": "environments are reached through Service Connect",
    "volumeConfigurations": "it would need a role of its own",
    "placementConstraints": "Fargate decides on the placement of tasks",
    "placementStrategy": "Fargate decides on the placement of tasks",
    "clientToken": "Bivouac sets it, so that a repeated step creates nothing twice",
}


def service_problems(arguments: ReadOnlyJson, allow_ecs_exec: bool, path: str) -> Iterator[str]:
    """What environments support: Fargate and Fargate Spot, rolling deployments, replicas."""
    for field, reason in _REFUSED.items():
        if arguments.get(field):
            yield f"{path}.{field}: refused; {reason}"
    if arguments.get("schedulingStrategy", "REPLICA") != "REPLICA":
        yield f"{path}.schedulingStrategy: only REPLICA runs on Fargate"
    if arguments.get("deploymentController", {}).get("type", "ECS") != "ECS":
        yield f"{path}.deploymentController: only ECS (rolling) deployments support Service Connect"
    if arguments.get("launchType") and arguments.get("capacityProviderStrategy"):
        yield f"{path}: give launchType or capacityProviderStrategy, not both"
    if arguments.get("launchType", "FARGATE") != "FARGATE":
        yield f"{path}.launchType: only FARGATE"
    for provider in arguments.get("capacityProviderStrategy", []):
        if provider.get("capacityProvider") not in ("FARGATE", "FARGATE_SPOT"):
            yield f"{path}.capacityProviderStrategy: only FARGATE and FARGATE_SPOT"
    if not re.fullmatch(r"LATEST|1\.[4-9]\.[0-9]+", arguments.get("platformVersion", "LATEST")):
        yield f"{path}.platformVersion: Service Connect needs 1.4.0 or later"
    if arguments.get("enableExecuteCommand") and not allow_ecs_exec:
        yield f"{path}.enableExecuteCommand: the stack's parameter AllowEcsExec does not allow it"
    desired = arguments.get("desiredCount", 1)
    if not 0 <= desired <= 1000:
        yield f"{path}.desiredCount: a Service Connect service has at most 1,000 tasks"
    deployment = arguments.get("deploymentConfiguration", {})
    if (
        desired == 1
        and deployment.get("maximumPercent", 200) < 200
        and deployment.get("minimumHealthyPercent", 100) > 0
    ):
        yield (
            f"{path}.deploymentConfiguration: with one task, no deployment could ever replace it; "
            "set maximumPercent to 200 or minimumHealthyPercent to 0"
        )
    rebalancing = arguments.get("availabilityZoneRebalancing")
    if rebalancing == "ENABLED" and deployment.get("maximumPercent", 200) <= 100:
        yield (
            f"{path}.availabilityZoneRebalancing: ECS starts a task in another zone before it "
            "stops one, but maximumPercent 100 leaves no room for it; write "
            '"availabilityZoneRebalancing": "DISABLED", or a maximumPercent above 100'
        )
    if deployment.get("strategy", "ROLLING") != "ROLLING":
        yield f"{path}.deploymentConfiguration.strategy: only ROLLING"


def connect_problems(
    configuration: ReadOnlyJson, ports: Mapping[str, ReadOnlyJson], namespace: str, path: str
) -> Iterator[str]:
    """S08, S10, S11, P10 and the shape of Service Connect names.

    `ports` are the named port mappings of the task definition."""
    if not isinstance(configuration.get("enabled"), bool):
        yield f"{path}.enabled: must be true or false"
        return
    services = configuration.get("services", [])
    if services and not configuration["enabled"]:
        yield f"{path}: services are listed, but enabled is false"
    for index, service in enumerate(services):
        where = f"{path}.services[{index}]"
        port_name = service.get("portName", "")
        if port_name not in ports:
            known = ", ".join(sorted(ports)) or "none"
            yield f"{where}.portName: no container has a port named {port_name!r} (named: {known})"
        discovery = service.get("discoveryName", port_name)
        if not _CONNECT_NAME.fullmatch(discovery):
            yield f"{where}.discoveryName: {discovery!r} must be 1 to 64 of a-z, 0-9, _ and -"
        aliases = service.get("clientAliases", [])
        if len(aliases) != 1:
            port = ports.get(port_name, {}).get("containerPort", 80)
            yield (
                f"{where}.clientAliases: {len(aliases)} given, but ECS needs exactly one, such as "
                f'[{{"port": {port}}}]'
            )
        for number, alias in enumerate(aliases):
            name = alias.get("dnsName", f"{discovery}.{namespace}")
            if not _DNS_NAME.fullmatch(name):
                yield (
                    f"{where}.clientAliases[{number}].dnsName: {name!r} must be 1 to 127 of "
                    "a-z, 0-9, _ . and -, not starting with -"
                )
        if service.get("tls"):
            yield f"{where}.tls: refused; it would need a role and a certificate authority"
        yield from _timeout_problems(
            service.get("timeout"), ports.get(port_name, {}).get("appProtocol"), f"{where}.timeout"
        )
    if configuration.get("accessLogConfiguration", {}).get("includeQueryParameters") == "ENABLED":
        yield f"{path}.accessLogConfiguration: query parameters can hold tokens; leave them out"


def _timeout_problems(
    timeout: ReadOnlyJson | None, app_protocol: str | None, path: str
) -> Iterator[str]:
    if not timeout:
        return
    idle, request = timeout.get("idleTimeoutSeconds"), timeout.get("perRequestTimeoutSeconds")
    if request is not None and app_protocol is None:
        yield f"{path}.perRequestTimeoutSeconds: a TCP endpoint has no requests"
    elif request and idle and idle < request:
        yield (
            f"{path}.idleTimeoutSeconds: {idle} closes a connection before "
            f"perRequestTimeoutSeconds, {request}, is over"
        )
