"""Mistakes in requests, each with the page that says so, for the measurement of the request check.

Written from botocore's model and from cited pages, without a look at the planner. API_X stands for
https://docs.aws.amazon.com/AmazonECS/latest/APIReference/API_X.html, FARGATE for
https://docs.aws.amazon.com/AmazonECS/latest/developerguide/fargate-tasks-services.html, QUOTAS for
https://docs.aws.amazon.com/AmazonECS/latest/developerguide/service-quotas.html, PREFLIGHT for what
ECS answered as https://github.com/badmintoncryer/cdk-preflight (rules/ecs) has it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from random import Random
from typing import Any

from botocore.loaders import create_loader
from botocore.model import ListShape, ServiceModel, Shape, StringShape, StructureShape

from bench.request_features import REGION, SECRETS, Json, app, endpoint, sidecar

Apply = Callable[[Random, Json], str | None]
"""Changes a service; the end of the path that an answer must name, None if it does not apply."""

TASK = "taskDefinition"
APP = "containerDefinitions[0]"


@dataclass(frozen=True)
class Mistake:
    name: str
    source: str
    apply: Apply
    aws: bool = True
    """Whether it is ECS that refuses it; otherwise only Bivouac does."""


def _at(path: str, value: Any, named: str = "") -> Apply:
    """Sets what stands at a dotted path of the service."""

    def apply(_: Random, service: Json) -> str:
        target: Any = service
        *steps, last = path.split(".")
        for step in steps:
            target = target[int(step)] if step.isdigit() else target.setdefault(step, {})
        target[last] = value
        return named or last

    return apply


def _of_app(path: str, value: Any, named: str = "") -> Apply:
    return _at(f"{TASK}.containerDefinitions.0.{path}", value, named)


def _between(path: str, low: int, high: int) -> Apply:
    def apply(random: Random, service: Json) -> str | None:
        value = random.choice((low - 1, high + 1, low - random.randint(2, 900), high * 10 + 7))
        return _at(path, value)(random, service)

    return apply


def _depends(name: str, condition: str) -> Apply:
    def apply(_: Random, service: Json) -> str:
        entry = {"containerName": name, "condition": condition}
        app(service)["dependsOn"] = [entry]
        return f"{APP}.dependsOn[0]"

    return apply


def _depends_on_essential(random: Random, service: Json) -> str:
    sidecar(service, "db")
    return str(_depends("db", random.choice(("SUCCESS", "COMPLETE")))(random, service))


def _depends_on_unchecked(random: Random, service: Json) -> str:
    sidecar(service, "db")
    return str(_depends("db", "HEALTHY")(random, service))


def _circle(_: Random, service: Json) -> str:
    back = {"containerName": "app", "condition": "START"}
    other = sidecar(service, "other", dependsOn=[back])
    app(service)["dependsOn"] = [{"containerName": other["name"], "condition": "START"}]
    return "containerDefinitions"


def _eleven(_: Random, service: Json) -> str:
    for number in range(10):
        sidecar(service, f"c{number}")
    return "containerDefinitions"


def _twin(_: Random, service: Json) -> str:
    sidecar(service, "app")
    return "containerDefinitions"


def _no_essential(_: Random, service: Json) -> str:
    for each in service[TASK]["containerDefinitions"]:
        each["essential"] = False
    return "containerDefinitions"


def _same_port(random: Random, service: Json) -> str:
    protocol = random.choice(("tcp", "udp"))
    app(service)["portMappings"].append({"containerPort": 8080, "protocol": protocol})
    return "containerDefinitions"


def _same_port_name(_: Random, service: Json) -> str:
    name = service["serviceName"]
    sidecar(service, "twin", portMappings=[{"name": name, "containerPort": 7070}])
    return "containerDefinitions"


def _shared_name(_: Random, service: Json) -> str:
    app(service)["environment"] = [{"name": "LEVEL", "value": "1"}]
    app(service)["secrets"] = [{"name": "LEVEL", "valueFrom": SECRETS[3]}]
    return f"{APP}.secrets[0].name"


def _efs(changes: Json, named: str) -> Apply:
    def apply(_: Random, service: Json) -> str:
        efs = {"fileSystemId": "fs-0123456789abcdef0", **changes}
        service[TASK]["volumes"] = [{"name": "v", "efsVolumeConfiguration": efs}]
        app(service)["mountPoints"] = [{"sourceVolume": "v", "containerPath": "/v"}]
        return f"volumes[0].efsVolumeConfiguration.{named}"

    return apply


def _no_volume(_: Random, service: Json) -> str:
    app(service)["mountPoints"] = [{"sourceVolume": "nowhere", "containerPath": "/n"}]
    return f"{APP}.mountPoints[0].sourceVolume"


def _mounted_twice(_: Random, service: Json) -> str:
    service[TASK]["volumes"] = [{"name": "a"}, {"name": "b"}]
    app(service)["mountPoints"] = [
        {"sourceVolume": name, "containerPath": "/same"} for name in ("a", "b")
    ]
    return f"{APP}.mountPoints"


def _strategy(*items: Json) -> Apply:
    def apply(_: Random, service: Json) -> str:
        service.pop("launchType", None)
        service["capacityProviderStrategy"] = list(items)
        return "capacityProviderStrategy"

    return apply


def _both(_: Random, service: Json) -> str:
    service["launchType"] = "FARGATE"
    service["capacityProviderStrategy"] = [{"capacityProvider": "FARGATE_SPOT", "weight": 1}]
    return "launchType"


def _exec(_: Random, service: Json) -> str:
    service["enableExecuteCommand"] = True
    service[TASK].pop("taskRoleArn", None)
    for volume in service[TASK].get("volumes", ()):
        volume.get("efsVolumeConfiguration", {}).pop("authorizationConfig", None)
    return "enableExecuteCommand"


def _udp(_: Random, service: Json) -> str:
    mapping = app(service)["portMappings"][0]
    mapping["protocol"] = "udp"
    mapping.pop("appProtocol", None)
    return "serviceConnectConfiguration.services[0].portName"


def _no_such_port(_: Random, service: Json) -> str:
    endpoint(service)["portName"] = "nothing"
    service.pop("probe", None)
    return "serviceConnectConfiguration.services[0].portName"


def _aliases(*aliases: Json) -> Apply:
    def apply(_: Random, service: Json) -> str:
        endpoint(service)["clientAliases"] = list(aliases)
        return "services[0].clientAliases"

    return apply


def _request_time_of_tcp(_: Random, service: Json) -> str | None:
    if app(service)["portMappings"][0].get("name") != endpoint(service).get("portName"):
        return None  # nobody can know which port it is about
    app(service)["portMappings"][0].pop("appProtocol", None)
    endpoint(service)["timeout"] = {"perRequestTimeoutSeconds": 5}
    return "services[0].timeout.perRequestTimeoutSeconds"


def _memory(_: Random, service: Json) -> str:
    app(service).update({"memory": 128, "memoryReservation": 256})
    return f"{APP}.memoryReservation"


def _logs(options: Json, named: str, driver: str = "awslogs") -> Apply:
    def apply(_: Random, service: Json) -> str:
        app(service)["logConfiguration"] = {"logDriver": driver, "options": options}
        return f"{APP}.logConfiguration.{named}"

    return apply


_LOGS = {"awslogs-group": "g", "awslogs-region": REGION, "awslogs-stream-prefix": "p"}


def _no_router(_: Random, service: Json) -> str:
    containers = service[TASK]["containerDefinitions"]
    for each in containers:
        each.pop("firelensConfiguration", None)
    app(service)["logConfiguration"] = {"logDriver": "awsfirelens"}
    return f"{APP}.logConfiguration.logDriver"


def _proxy_logs_without_router(_: Random, service: Json) -> str | None:
    if any("firelensConfiguration" in each for each in service[TASK]["containerDefinitions"]):
        return None
    logs = {"logDriver": "awsfirelens", "options": {"Name": "stdout"}}
    service["serviceConnectConfiguration"]["logConfiguration"] = logs
    return "serviceConnectConfiguration.logConfiguration.logDriver"


def _taken_ingress_port(random: Random, service: Json) -> str:
    port = random.randint(20_000, 30_000)
    sidecar(service, "admin", essential=False, portMappings=[{"containerPort": port}])
    endpoint(service)["ingressPortOverride"] = port
    return "serviceConnectConfiguration.services[0].ingressPortOverride"


def _router(_: Random, service: Json) -> str:
    options = {"config-file-type": "s3", "config-file-value": "arn:aws:s3:::b/f"}
    where = len(service[TASK]["containerDefinitions"])
    router = {"type": "fluentbit", "options": options}
    for each in service[TASK]["containerDefinitions"]:
        each.pop("firelensConfiguration", None)
    sidecar(service, "routing", firelensConfiguration=router)
    return f"containerDefinitions[{where}].firelensConfiguration.options.config-file-type"


def _limit(_: Random, service: Json) -> str:
    app(service)["ulimits"] = [{"name": "nofile", "softLimit": 9, "hardLimit": 1}]
    return f"{APP}.ulimits[0].softLimit"


def _percent(_: Random, service: Json) -> str:
    service.pop("availabilityZoneRebalancing", None)
    service["deploymentConfiguration"] = {"maximumPercent": 100, "minimumHealthyPercent": 100}
    return "deploymentConfiguration"


def _rebalancing(_: Random, service: Json) -> str:
    service["availabilityZoneRebalancing"] = "ENABLED"
    service["deploymentConfiguration"] = {"maximumPercent": 100, "minimumHealthyPercent": 0}
    return "availabilityZoneRebalancing"


def _linux(value: Json, named: str) -> Apply:
    def apply(_: Random, service: Json) -> str:
        app(service)["linuxParameters"] = value
        return f"{APP}.linuxParameters.{named}"

    return apply


def _tag(key: str, value: str) -> Apply:
    def apply(_: Random, service: Json) -> str:
        service["tags"] = [{"key": key, "value": value}]
        return "tags"

    return apply


def _sizes(**changes: str) -> Apply:
    def apply(_: Random, service: Json) -> str:
        for each in service[TASK]["containerDefinitions"]:
            each.pop("cpu", None)
        service[TASK] |= changes
        return next(reversed(changes))

    return apply


def _secret(value: str) -> Apply:
    def apply(_: Random, service: Json) -> str:
        app(service)["secrets"] = [{"name": "LEVEL", "valueFrom": value}]
        app(service).pop("environment", None)
        return f"{APP}.secrets[0].valueFrom"

    return apply


SPOT = {"capacityProvider": "FARGATE_SPOT", "weight": 1}
ON_DEMAND = {"capacityProvider": "FARGATE", "weight": 1}
CHECK = {"command": ["CMD", "true"]}
HOST = {"hostname": "db", "ipAddress": "10.0.0.1"}
TAKEN_ROLE = f"arn:aws:iam::123456789012:role/{'admin'}"

MISTAKES: tuple[Mistake, ...] = (
    # Fargate and awsvpc
    Mistake("links", "API_ContainerDefinition", _of_app("links", ["db"])),
    Mistake("hostname", "API_ContainerDefinition", _of_app("hostname", "web")),
    Mistake("extra hosts", "FARGATE", _of_app("extraHosts", [HOST])),
    Mistake("DNS servers", "FARGATE", _of_app("dnsServers", ["10.0.0.2"])),
    Mistake("DNS search domains", "FARGATE", _of_app("dnsSearchDomains", ["corp"])),
    Mistake("no network", "FARGATE", _of_app("disableNetworking", True)),
    Mistake("privileged", "FARGATE", _of_app("privileged", True)),
    Mistake("security options", "FARGATE", _of_app("dockerSecurityOptions", ["label:x"])),
    Mistake("GPU", "FARGATE", _of_app("resourceRequirements", [{"type": "GPU", "value": "1"}])),
    Mistake("capability", "FARGATE", _linux({"capabilities": {"add": ["NET_ADMIN"]}}, "cap")),
    Mistake("devices", "FARGATE", _linux({"devices": [{"hostPath": "/dev/x"}]}, "devices")),
    Mistake("shared memory", "FARGATE", _linux({"sharedMemorySize": 64}, "sharedMemorySize")),
    Mistake("swap", "FARGATE", _linux({"maxSwap": 64, "swappiness": 10}, "maxSwap")),
    Mistake("host pid mode", "API_RegisterTaskDefinition", _at(f"{TASK}.pidMode", "host")),
    Mistake("ipc mode", "FARGATE", _at(f"{TASK}.ipcMode", "task")),
    Mistake("bridge", "API_RegisterTaskDefinition", _at(f"{TASK}.networkMode", "bridge")),
    Mistake("placement", "FARGATE", _at(f"{TASK}.placementConstraints", [{"type": "memberOf"}])),
    Mistake("no such size", "FARGATE", _sizes(cpu="256", memory="4096")),
    Mistake("no such cpu", "FARGATE", _sizes(memory="2048", cpu="300")),
    Mistake("no such 32 vCPU", "FARGATE", _sizes(cpu="32768", memory="65536")),
    Mistake(
        "storage", "API_EphemeralStorage", _between(f"{TASK}.ephemeralStorage.sizeInGiB", 21, 200)
    ),
    Mistake(
        "stop",
        "API_ContainerDefinition",
        _between(f"{TASK}.containerDefinitions.0.stopTimeout", 2, 120),
    ),
    Mistake(
        "start",
        "API_ContainerDefinition",
        _between(f"{TASK}.containerDefinitions.0.startTimeout", 2, 120),
    ),
    Mistake(
        "host volume",
        "API_HostVolumeProperties",
        _at(f"{TASK}.volumes", [{"name": "h", "host": {"sourcePath": "/"}}], "sourcePath"),
    ),
    Mistake(
        "docker volume",
        "FARGATE",
        _at(
            f"{TASK}.volumes",
            [{"name": "h", "dockerVolumeConfiguration": {"scope": "task"}}],
            "dockerVolumeConfiguration",
        ),
    ),
    Mistake(
        "log driver",
        "API_LogConfiguration",
        _of_app("logConfiguration", {"logDriver": "syslog"}, "logDriver"),
    ),
    Mistake("router's file", "API_FirelensConfiguration", _router),
    # Containers
    Mistake("too many containers", "QUOTAS", _eleven),
    Mistake("twin containers", "API_ContainerDefinition", _twin),
    Mistake("nothing essential", "API_ContainerDefinition", _no_essential),
    Mistake("no image", "API_ContainerDefinition", _of_app("image", " ", "image")),
    Mistake("image", "API_ContainerDefinition", _of_app("image", "nginx latest", "image")),
    Mistake("name", "API_ContainerDefinition", _of_app("name", "my app", "name")),
    Mistake("depends on nobody", "API_ContainerDependency", _depends("nobody", "START")),
    Mistake("depends on itself", "API_ContainerDependency", _depends("app", "START")),
    Mistake("waits for an essential end", "API_ContainerDependency", _depends_on_essential),
    Mistake("waits for no check", "API_ContainerDependency", _depends_on_unchecked),
    Mistake("circle", "API_ContainerDependency", _circle),
    Mistake(
        "port",
        "API_PortMapping",
        _between(f"{TASK}.containerDefinitions.0.portMappings.0.containerPort", 1, 65535),
    ),
    Mistake("host port", "API_PortMapping", _of_app("portMappings.0.hostPort", 80)),
    Mistake("port's name", "API_PortMapping", _of_app("portMappings.0.name", "Web", "name")),
    Mistake("same port", "API_PortMapping", _same_port),
    Mistake("same port name", "PREFLIGHT", _same_port_name),
    Mistake("reservation", "API_ContainerDefinition", _memory),
    Mistake("memory of the container", "PREFLIGHT", _of_app("memory", 999_999)),
    Mistake(
        "cpu of the container",
        "API_ContainerDefinition",
        _of_app("cpu", 99_999, "containerDefinitions"),
    ),
    Mistake(
        "health command",
        "API_HealthCheck",
        _of_app("healthCheck", {"command": ["curl"]}, "healthCheck.command"),
    ),
    Mistake(
        "no health command",
        "API_HealthCheck",
        _of_app("healthCheck", {"command": ["CMD-SHELL"]}, "healthCheck.command"),
    ),
    *(
        Mistake(
            f"health {name}",
            "API_HealthCheck",
            _of_app("healthCheck", {**CHECK, name: value}, f"healthCheck.{name}"),
        )
        for name, value in (
            ("interval", 4),
            ("interval", 301),
            ("timeout", 1),
            ("timeout", 61),
            ("retries", 0),
            ("retries", 11),
            ("startPeriod", 301),
        )
    ),
    Mistake(
        "restart",
        "API_ContainerRestartPolicy",
        _of_app(
            "restartPolicy", {"enabled": True, "restartAttemptPeriod": 59}, "restartAttemptPeriod"
        ),
    ),
    Mistake(
        "exit codes",
        "API_ContainerRestartPolicy",
        _of_app(
            "restartPolicy",
            {"enabled": True, "ignoredExitCodes": list(range(51))},
            "ignoredExitCodes",
        ),
    ),
    Mistake("limit", "PREFLIGHT", _limit),
    Mistake(
        "kernel parameter",
        "API_SystemControl",
        _of_app(
            "systemControls",
            [{"namespace": "vm.swappiness", "value": "1"}],
            "systemControls[0].namespace",
        ),
    ),
    Mistake(
        "variable's name",
        "API_KeyValuePair",
        _of_app("environment", [{"name": "", "value": "1"}], "environment[0].name"),
    ),
    Mistake(
        "files",
        "API_EnvironmentFile",
        _of_app(
            "environmentFiles",
            [{"value": f"arn:aws:s3:::b/{n}.env", "type": "s3"} for n in range(11)],
            "environmentFiles",
        ),
    ),
    Mistake(
        "file",
        "API_EnvironmentFile",
        _of_app(
            "environmentFiles", [{"value": "web.env", "type": "s3"}], "environmentFiles[0].value"
        ),
    ),
    Mistake("secret and variable", "API_Secret", _shared_name),
    Mistake("secret's source", "API_Secret", _secret("arn:aws:sqs:eu-west-1:123456789012:queue")),
    Mistake(
        "secret of another Region",
        "API_Secret",
        _secret(SECRETS[0].replace(REGION, "us-west-2")),
        aws=False,
    ),
    Mistake(
        "parameter of another Region",
        "API_Secret",
        _secret(SECRETS[2].replace(REGION, "eu-west-1")),
        aws=False,
    ),
    # Logs
    Mistake(
        "log option", "API_LogConfiguration", _logs({**_LOGS, "log_key": "log"}, "options.log_key")
    ),
    Mistake(
        "two patterns",
        "API_LogConfiguration",
        _logs(
            {**_LOGS, "awslogs-datetime-format": "%Y", "awslogs-multiline-pattern": "x"},
            "options.awslogs-multiline-pattern",
        ),
    ),
    Mistake("log mode", "API_LogConfiguration", _logs({**_LOGS, "mode": "fast"}, "options.mode")),
    Mistake(
        "splunk's token",
        "API_LogConfiguration",
        _logs({"splunk-url": "https://s"}, "options.splunk-token", "splunk"),
    ),
    Mistake("no log router", "PREFLIGHT", _no_router),
    # Volumes
    Mistake("no volume", "API_MountPoint", _no_volume),
    Mistake("mounted twice", "API_MountPoint", _mounted_twice),
    Mistake(
        "volumes from nobody",
        "API_VolumeFrom",
        _of_app("volumesFrom", [{"sourceContainer": "no"}], "volumesFrom[0].sourceContainer"),
    ),
    Mistake(
        "EFS IAM in the clear",
        "API_EFSAuthorizationConfig",
        _efs({"authorizationConfig": {"iam": "ENABLED"}}, "transitEncryption"),
    ),
    Mistake(
        "EFS access point in the clear",
        "API_EFSAuthorizationConfig",
        _efs(
            {"authorizationConfig": {"accessPointId": "fsap-0123456789abcdef0"}},
            "transitEncryption",
        ),
    ),
    Mistake(
        "EFS port in the clear",
        "PREFLIGHT",
        _efs({"transitEncryptionPort": 2049}, "transitEncryption"),
    ),
    Mistake(
        "EFS access point and directory",
        "API_EFSAuthorizationConfig",
        _efs(
            {
                "transitEncryption": "ENABLED",
                "rootDirectory": "/x",
                "authorizationConfig": {"accessPointId": "fsap-0123456789abcdef0"},
            },
            "rootDirectory",
        ),
    ),
    # Services
    Mistake("launch type and strategy", "API_CreateService", _both),
    Mistake(
        "two bases",
        "API_CapacityProviderStrategyItem",
        _strategy({**SPOT, "base": 1}, {**ON_DEMAND, "base": 1}),
    ),
    Mistake(
        "no weight",
        "API_CapacityProviderStrategyItem",
        _strategy({"capacityProvider": "FARGATE_SPOT"}),
    ),
    Mistake("provider twice", "API_CapacityProviderStrategyItem", _strategy(SPOT, SPOT)),
    Mistake(
        "provider of nobody",
        "API_CapacityProviderStrategyItem",
        _strategy({**SPOT, "capacityProvider": "mine"}),
    ),
    Mistake("weight", "API_CapacityProviderStrategyItem", _strategy({**SPOT, "weight": 1001})),
    Mistake("EC2", "API_CreateService", _at("launchType", "EC2"), aws=False),
    Mistake("DAEMON", "API_CreateService", _at("schedulingStrategy", "DAEMON")),
    Mistake("platform", "API_CreateService", _at("platformVersion", "1.3.0")),
    Mistake("no such platform", "API_CreateService", _at("platformVersion", "9.9.9")),
    Mistake("count", "QUOTAS", _at("desiredCount", 1001)),
    Mistake("negative count", "API_CreateService", _at("desiredCount", -1)),
    Mistake(
        "grace period",
        "https://github.com/aws-cloudformation/cfn-lint/issues/3612",
        _at("healthCheckGracePeriodSeconds", 60),
    ),
    Mistake(
        "exec without a role",
        "https://docs.aws.amazon.com/AmazonECS/latest/developerguide/ecs-exec.html",
        _exec,
    ),
    Mistake("no room to deploy", "PREFLIGHT", _percent),
    Mistake("no room to rebalance", "API_CreateService", _rebalancing),
    Mistake(
        "maximum",
        "PREFLIGHT",
        _at("deploymentConfiguration", {"maximumPercent": 99}, "maximumPercent"),
    ),
    Mistake(
        "minimum",
        "PREFLIGHT",
        _at("deploymentConfiguration", {"minimumHealthyPercent": 101}, "minimumHealthyPercent"),
    ),
    Mistake("service's role", "API_CreateService", _at("role", "ecsServiceRole")),
    Mistake("placement of tasks", "FARGATE", _at("placementStrategy", [{"type": "random"}])),
    Mistake("AWS's value", "API_Tag", _tag("team", "aws:blue")),
    Mistake("tag's characters", "API_Tag", _tag("team", "a<b")),
    Mistake("tag's length", "API_Tag", _tag("t" * 129, "x")),
    Mistake("tag's value's length", "API_Tag", _tag("team", "x" * 257)),
    # Service Connect
    Mistake("UDP endpoint", "API_ServiceConnectService", _udp),
    Mistake("no such port", "API_ServiceConnectService", _no_such_port),
    Mistake(
        "no alias", "https://github.com/hashicorp/terraform-provider-aws/issues/44027", _aliases()
    ),
    Mistake("two aliases", "API_ServiceConnectService", _aliases({"port": 80}, {"port": 81})),
    Mistake(
        "alias in capitals",
        "API_ServiceConnectClientAlias",
        _aliases({"port": 80, "dnsName": "Web"}),
    ),
    Mistake("alias's port", "API_ServiceConnectClientAlias", _aliases({"port": 0})),
    Mistake(
        "discovery name",
        "API_ServiceConnectService",
        _at("serviceConnectConfiguration.services.0.discoveryName", "Web"),
    ),
    Mistake(
        "ingress port",
        "https://github.com/hashicorp/terraform-provider-aws/issues/28293",
        _between("serviceConnectConfiguration.services.0.ingressPortOverride", 1025, 65535),
    ),
    Mistake(
        "ingress port of a container",
        "API_ServiceConnectService",
        _taken_ingress_port,
        aws=False,
    ),
    Mistake(
        "proxy's logs without a router",
        "https://docs.aws.amazon.com/AmazonECS/latest/developerguide/using_firelens.html",
        _proxy_logs_without_router,
        aws=False,
    ),
    Mistake(
        "plain token of a log driver",
        "docs/request.md",
        _logs(
            {"splunk-url": "https://splunk.example.com", "splunk-token": "abc"},
            "options.splunk-token",
            driver="splunk",
        ),
        aws=False,
    ),
    Mistake("request time of TCP", "API_ServiceConnectTlsConfiguration", _request_time_of_tcp),
    # Bivouac's own
    Mistake(
        "role outside the list",
        "docs/security.md",
        _at(f"{TASK}.taskRoleArn", TAKEN_ROLE),
        aws=False,
    ),
    Mistake(
        "volume of EBS", "docs/request.md", _at("volumeConfigurations", [{"name": "v"}]), aws=False
    ),
    Mistake(
        "lattice",
        "docs/request.md",
        _at("vpcLatticeConfigurations", [{"roleArn": "r", "targetGroupArn": "t", "portName": "p"}]),
        aws=False,
    ),
    Mistake(
        "hooks",
        "docs/request.md",
        _at(
            "deploymentConfiguration.lifecycleHooks",
            [{"targetType": "PAUSE", "lifecycleStages": ["PRE_SCALE_UP"]}],
        ),
        aws=False,
    ),
    Mistake(
        "blue/green",
        "docs/request.md",
        _at("deploymentConfiguration.strategy", "BLUE_GREEN"),
        aws=False,
    ),
    Mistake(
        "TLS",
        "docs/request.md",
        _at(
            "serviceConnectConfiguration.services.0.tls",
            {"issuerCertificateAuthority": {"awsPcaAuthorityArn": "a"}},
        ),
        aws=False,
    ),
    Mistake("own token", "docs/request.md", _at("clientToken", "mine"), aws=False),
)


# --- from botocore's model -----------------------------------------------------------------------

_MODEL = ServiceModel(create_loader().load_service_model("ecs", "service-2"), "ecs")
_WRONG: dict[str, tuple[Any, ...]] = {
    "string": (5, True, ["x"], {"a": "b"}),
    "integer": ("many", True, [1], {"a": 1}, 1.5),
    "boolean": ("perhaps", 1, [True]),
    "structure": (5, "text", [1, 2]),
    "list": (5, "text"),
    "map": (5, "text", ["x"]),
}


def model_mistake(random: Random, service: Json) -> tuple[str, str] | None:
    """A value of the wrong type, one that an enumeration does not have, or a field that ECS does
    not have, somewhere in a service; what it is, and the path of it."""
    places = list(_places(service, _MODEL.operation_model("CreateService").input_shape, ""))
    definition = _MODEL.operation_model("RegisterTaskDefinition").input_shape
    places += _places(service[TASK], definition, f".{TASK}")
    holder, name, shape, path = random.choice(places)
    if random.random() < 0.3:
        inside = [each for each in places if each[0] is holder and isinstance(each[1], str)]
        if inside:
            holder["zebraCount"] = 1
            return "unknown field", f"{path.rpartition('.')[0]}.zebraCount"
    if isinstance(shape, StringShape) and shape.enum and random.random() < 0.5:
        holder[name] = "zebra"
        return "not of the enumeration", path
    holder[name] = random.choice(_WRONG[shape.type_name])
    return f"wrong type of {shape.type_name}", path


def _places(value: Any, shape: Shape | None, path: str) -> Iterator[tuple[Any, Any, Shape, str]]:
    """Every value at every depth: its holder, its name there, its shape, and its path."""
    if isinstance(shape, StructureShape):
        for name, inner in value.items():
            if name in shape.members and name != TASK:
                yield value, name, shape.members[name], f"{path}.{name}"
                yield from _places(inner, shape.members[name], f"{path}.{name}")
    elif isinstance(shape, ListShape):
        for index, inner in enumerate(value):
            if isinstance(shape.member, StructureShape):
                yield from _places(inner, shape.member, f"{path}[{index}]")
