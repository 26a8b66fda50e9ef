"""Valid requests of every feature, in every notation, for the measurement of the request check.

Written from the API reference and the developer guide, without a look at the planner: each feature
adds to one service what AWS documents as valid.
"""

from __future__ import annotations

import copy
import json
from collections.abc import Callable
from random import Random
from typing import Any

Json = dict[str, Any]
Feature = Callable[[Random, Json], None]

REGION = "ap-northeast-1"
ACCOUNT = "123456789012"
ROLE = f"arn:aws:iam::{ACCOUNT}:role/ecsTaskExecutionRole"
FILE_SYSTEM = "fs-0123456789abcdef0"
ENVIRONMENT_FILE = "arn:aws:s3:::settings/web.env"
SECRETS = (
    f"arn:aws:secretsmanager:{REGION}:{ACCOUNT}:secret:db-AbCdEf",
    f"arn:aws:secretsmanager:{REGION}:{ACCOUNT}:secret:db-AbCdEf:password::",
    f"arn:aws:ssm:{REGION}:{ACCOUNT}:parameter/shop/db",
    "shop-db",
)
SIZES = (
    *(("256", "1024"), ("256", "2048"), ("512", "1024"), ("512", "4096"), ("1024", "2048")),
    *(("2048", "16384"), ("4096", "30720"), ("8192", "61440"), ("16384", "122880")),
    *(("32768", "249856"), (".5 vCPU", "1 GB"), ("1 vcpu", "8GB")),
)
"""Task sizes of https://docs.aws.amazon.com/AmazonECS/latest/developerguide/fargate-tasks-services.html
of at least 1 GB."""


def base(name: str) -> Json:
    """The smallest service in ECS's own words."""
    return {
        "serviceName": name,
        "desiredCount": 1,
        "taskDefinition": {
            "cpu": "512",
            "memory": "2048",
            "containerDefinitions": [
                {
                    "name": "app",
                    "image": "nginx:1.27",
                    "portMappings": [{"name": name, "containerPort": 8080, "appProtocol": "http"}],
                }
            ],
        },
        "serviceConnectConfiguration": {
            "enabled": True,
            "services": [{"portName": name, "clientAliases": [{"port": 80, "dnsName": name}]}],
        },
    }


def app(service: Json) -> Json:
    container: Json = service["taskDefinition"]["containerDefinitions"][0]
    return container


def sidecar(service: Json, name: str, **more: Any) -> Json:
    """Another container of the task."""
    container = {"name": name, "image": "busybox", **more}
    service["taskDefinition"]["containerDefinitions"].append(container)
    return container


def endpoint(service: Json) -> Json:
    first: Json = service["serviceConnectConfiguration"]["services"][0]
    return first


def _size(random: Random, service: Json) -> None:
    cpu, memory = random.choice(SIZES)
    service["taskDefinition"] |= {"cpu": cpu, "memory": memory}


def _health(random: Random, service: Json) -> None:
    command = random.choice((["CMD-SHELL", "curl -f http://localhost:8080/"], ["CMD", "/check"]))
    app(service)["healthCheck"] = {
        "command": command,
        "interval": random.randint(5, 300),
        "timeout": random.randint(2, 60),
        "retries": random.randint(1, 10),
        "startPeriod": random.randint(0, 300),
    }


def _migration(random: Random, service: Json) -> None:
    sidecar(service, "migrate", essential=False, command=["migrate"])
    condition = random.choice(("SUCCESS", "COMPLETE", "START"))
    app(service).setdefault("dependsOn", []).append(
        {"containerName": "migrate", "condition": condition}
    )


def _checked_sidecar(_: Random, service: Json) -> None:
    sidecar(service, "cache", healthCheck={"command": ["CMD", "redis-cli", "ping"]})
    app(service).setdefault("dependsOn", []).append(
        {"containerName": "cache", "condition": "HEALTHY"}
    )


def _secrets(random: Random, service: Json) -> None:
    service["taskDefinition"]["executionRoleArn"] = ROLE
    app(service)["secrets"] = [{"name": "DB_URL", "valueFrom": random.choice(SECRETS)}]


def _environment(_: Random, service: Json) -> None:
    app(service)["environment"] = [{"name": "MODE", "value": "test"}, {"name": "E", "value": ""}]


def _environment_files(_: Random, service: Json) -> None:
    service["taskDefinition"]["executionRoleArn"] = ROLE
    app(service)["environmentFiles"] = [{"value": ENVIRONMENT_FILE, "type": "s3"}]


def _limits(random: Random, service: Json) -> None:
    soft = random.randint(1024, 65535)
    app(service)["ulimits"] = [{"name": "nofile", "softLimit": soft, "hardLimit": 65535}]
    app(service)["systemControls"] = [{"namespace": "net.core.somaxconn", "value": "1024"}]


def _linux(random: Random, service: Json) -> None:
    app(service)["linuxParameters"] = {
        "initProcessEnabled": random.choice((True, False)),
        "capabilities": {"add": ["SYS_PTRACE"], "drop": ["NET_RAW", "MKNOD"]},
        "tmpfs": [{"containerPath": "/tmp", "size": 64, "mountOptions": ["noexec", "mode=1777"]}],
    }


def _restart(random: Random, service: Json) -> None:
    app(service)["restartPolicy"] = {
        "enabled": True,
        "ignoredExitCodes": [0, 143],
        "restartAttemptPeriod": random.randint(60, 1800),
    }


def _shared_volume(_: Random, service: Json) -> None:
    service["taskDefinition"].setdefault("volumes", []).append({"name": "shared", "host": {}})
    mount = {"sourceVolume": "shared", "containerPath": "/shared", "readOnly": True}
    app(service).setdefault("mountPoints", []).append(mount)
    sidecar(service, "reader", essential=False, volumesFrom=[{"sourceContainer": "app"}])


def _efs(random: Random, service: Json) -> None:
    efs: Json = {"fileSystemId": FILE_SYSTEM, "transitEncryption": "ENABLED"}
    if random.random() < 0.5:
        efs["transitEncryptionPort"] = random.randint(1, 65535)
    if random.random() < 0.5:
        service["taskDefinition"]["taskRoleArn"] = ROLE
        efs["authorizationConfig"] = {"iam": "ENABLED"}
    else:
        efs["rootDirectory"] = "/data"
    volume = {"name": "files", "efsVolumeConfiguration": efs}
    service["taskDefinition"].setdefault("volumes", []).append(volume)
    mount = {"sourceVolume": "files", "containerPath": "/files"}
    app(service).setdefault("mountPoints", []).append(mount)


def _log_router(_: Random, service: Json) -> None:
    sidecar(service, "router", firelensConfiguration={"type": "fluentbit"})
    options = {"Name": "cloudwatch", "region": REGION, "log_group_name": "shop"}
    app(service)["logConfiguration"] = {"logDriver": "awsfirelens", "options": options}


def _logs(random: Random, service: Json) -> None:
    options = {
        "awslogs-group": "/ecs/web",
        "awslogs-region": random.choice((REGION, "us-east-1")),
        "awslogs-stream-prefix": "web",
        "mode": "non-blocking",
        "max-buffer-size": "25m",
    }
    app(service)["logConfiguration"] = {"logDriver": "awslogs", "options": options}


def _splunk(_: Random, service: Json) -> None:
    service["taskDefinition"]["executionRoleArn"] = ROLE
    app(service)["logConfiguration"] = {
        "logDriver": "splunk",
        "options": {"splunk-url": "https://splunk.example.com"},
        "secretOptions": [{"name": "splunk-token", "valueFrom": SECRETS[0]}],
    }


def _container(random: Random, service: Json) -> None:
    app(service).update(
        {
            "command": ["serve", "--port", "8080"],
            "entryPoint": ["/entry"],
            "user": "1000:1000",
            "workingDirectory": "/srv",
            "readonlyRootFilesystem": True,
            "interactive": False,
            "pseudoTerminal": False,
            "dockerLabels": {"team": "blue"},
            "versionConsistency": random.choice(("enabled", "disabled")),
            "stopTimeout": random.randint(2, 120),
            "startTimeout": random.randint(2, 120),
            "cpu": random.randint(0, 256),
            "memory": random.randint(256, 512),
            "memoryReservation": random.randint(6, 256),
        }
    )


def _registry(_: Random, service: Json) -> None:
    service["taskDefinition"]["executionRoleArn"] = ROLE
    app(service)["repositoryCredentials"] = {"credentialsParameter": SECRETS[0]}


def _task(random: Random, service: Json) -> None:
    service["taskDefinition"] |= {
        "networkMode": "awsvpc",
        "requiresCompatibilities": ["FARGATE"],
        "pidMode": "task",
        "ephemeralStorage": {"sizeInGiB": random.randint(21, 200)},
        "runtimePlatform": {
            "operatingSystemFamily": "LINUX",
            "cpuArchitecture": random.choice(("X86_64", "ARM64")),
        },
        "enableFaultInjection": random.choice((True, False)),
    }


def _spot(random: Random, service: Json) -> None:
    service.pop("launchType", None)
    service["capacityProviderStrategy"] = [
        {"capacityProvider": "FARGATE", "base": random.randint(0, 2), "weight": 1},
        {"capacityProvider": "FARGATE_SPOT", "weight": random.randint(1, 1000)},
    ]


def _launch(random: Random, service: Json) -> None:
    service.pop("capacityProviderStrategy", None)
    service |= {
        "launchType": "FARGATE",
        "platformVersion": random.choice(("LATEST", "1.4.0")),
        "schedulingStrategy": "REPLICA",
        "deploymentController": {"type": "ECS"},
    }


def _deployment(random: Random, service: Json) -> None:
    service["deploymentConfiguration"] = {
        "maximumPercent": random.choice((200, 300)),
        "minimumHealthyPercent": random.choice((0, 50, 100)),
        "deploymentCircuitBreaker": {"enable": True, "rollback": random.choice((True, False))},
        "strategy": "ROLLING",
    }
    service["availabilityZoneRebalancing"] = random.choice(("ENABLED", "DISABLED"))


def _tags(_: Random, service: Json) -> None:
    service["tags"] = [{"key": "team", "value": "blue +-=._:/@ é"}, {"key": "cost", "value": ""}]
    service["enableECSManagedTags"] = True
    service["propagateTags"] = "TASK_DEFINITION"


def _exec(_: Random, service: Json) -> None:
    service["taskDefinition"]["taskRoleArn"] = ROLE
    service["enableExecuteCommand"] = True


def _count(random: Random, service: Json) -> None:
    service["desiredCount"] = random.randint(0, 10)


def _tcp(_: Random, service: Json) -> None:
    del app(service)["portMappings"][0]["appProtocol"]


def _grpc(random: Random, service: Json) -> None:
    app(service)["portMappings"][0] |= {
        "appProtocol": random.choice(("grpc", "http2")),
        "protocol": "tcp",
        "hostPort": 8080,
    }


def _second_port(_: Random, service: Json) -> None:
    name = f"{service['serviceName']}-admin"
    app(service)["portMappings"].append({"name": name, "containerPort": 9090})
    app(service)["portMappings"].append({"containerPort": 5353, "protocol": "udp"})
    service["serviceConnectConfiguration"]["services"].append(
        {"portName": name, "discoveryName": name, "clientAliases": [{"port": 9090}]}
    )


def _connect(random: Random, service: Json) -> None:
    service["serviceConnectConfiguration"]["accessLogConfiguration"] = {
        "format": random.choice(("TEXT", "JSON")),
        "includeQueryParameters": "DISABLED",
    }
    service["serviceConnectConfiguration"]["logConfiguration"] = {"logDriver": "awslogs"}
    endpoint(service).update(
        {
            "discoveryName": f"{service['serviceName']}_v2",
            "ingressPortOverride": 15000,
            "timeout": {"idleTimeoutSeconds": random.choice((0, 60))},
        }
    )


def _probe(_: Random, service: Json) -> None:
    service["probe"] = {"portName": service["serviceName"], "path": "/", "expectStatus": "200-404"}


FEATURES: dict[str, Feature] = {
    "size": _size,
    "health check": _health,
    "migration": _migration,
    "checked sidecar": _checked_sidecar,
    "secrets": _secrets,
    "environment": _environment,
    "environment files": _environment_files,
    "limits": _limits,
    "linux parameters": _linux,
    "restart policy": _restart,
    "shared volume": _shared_volume,
    "EFS": _efs,
    "log router": _log_router,
    "logs": _logs,
    "splunk": _splunk,
    "container": _container,
    "registry": _registry,
    "task": _task,
    "Spot": _spot,
    "launch type": _launch,
    "deployment": _deployment,
    "tags": _tags,
    "ECS Exec": _exec,
    "count": _count,
    "TCP": _tcp,
    "gRPC": _grpc,
    "second port": _second_port,
    "connect": _connect,
    "probe": _probe,
}
_ONE_OF = (
    {"log router", "logs", "splunk"},
    {"Spot", "launch type"},
    {"TCP", "gRPC", "probe", "connect"},
)
"""Features that write the same place."""


def features(random: Random) -> list[str]:
    """Some that go together."""
    chosen: list[str] = []
    for name in random.sample(sorted(FEATURES), random.randint(0, 9)):
        if not any(name in group and group & set(chosen) for group in _ONE_OF):
            chosen.append(name)
    return chosen


def valid(random: Random, name: str = "web") -> tuple[Json, list[str]]:
    """A service, and what it has."""
    service, chosen = base(name), features(random)
    for feature in chosen:
        FEATURES[feature](random, service)
    return service, chosen


# --- notations -----------------------------------------------------------------------------------


def _described(service: Json) -> Json:
    """As DescribeServices and DescribeTaskDefinition answer, with their wrappers."""
    definition = service.pop("taskDefinition")
    described = {
        "taskDefinitionArn": f"arn:aws:ecs:{REGION}:{ACCOUNT}:task-definition/web:3",
        "family": "web",
        "revision": 3,
        "status": "ACTIVE",
        "requiresAttributes": [{"name": "ecs.capability.task-eni"}],
        "compatibilities": ["EC2", "FARGATE"],
        "registeredAt": "2026-01-01T00:00:00+00:00",
        "registeredBy": f"arn:aws:iam::{ACCOUNT}:user/dev",
        "placementConstraints": [],
        **definition,
    }
    return {
        "serviceArn": f"arn:aws:ecs:{REGION}:{ACCOUNT}:service/shop/web",
        "status": "ACTIVE",
        "runningCount": 1,
        "pendingCount": 0,
        "loadBalancers": [],
        "serviceRegistries": [],
        "placementConstraints": [],
        "placementStrategy": [],
        "healthCheckGracePeriodSeconds": 0,
        "createdAt": "2026-01-01T00:00:00+00:00",
        "events": [],
        "deployments": [],
        **service,
        "taskDefinition": {"taskDefinition": described},
    }


def _empty_values(service: Json) -> Json:
    """As `ecspresso init` writes it."""
    app(service).update({"mountPoints": app(service).get("mountPoints", []), "links": None})
    service["taskDefinition"] |= {"ipcMode": "", "proxyConfiguration": None}
    return {"role": "", "clientToken": None, **service}


def _as_text(service: Json) -> Json:
    return {**service, "taskDefinition": json.dumps(service["taskDefinition"])}


NOTATIONS: dict[str, Callable[[Json], Json]] = {
    "ECS's own": lambda service: service,
    "described": _described,
    "with empty values": _empty_values,
    "definition as text": _as_text,
}


def written(service: Json, notation: str) -> Json:
    return NOTATIONS[notation](copy.deepcopy(service))
