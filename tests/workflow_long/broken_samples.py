"""The samples of events/samples, each broken in ways that people meet, and what they should be
told.

Each is played on the local cloud with AWS's times, on a clock of its own, and its first verdict is
kept. What a broken container does is scripted: its output, exit code, health and answers are those
of the program that the breakage names; the reasons of stops are those of tests/recorded.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any
from unittest import mock

import boto3

from bench.rehearsal import FUNCTION_SECONDS, aws_like_account
from bivouac.errors import InvalidRequestError
from localcloud.account import SECURITY_GROUP_ID
from localcloud.ecs.obstacles import CAPACITY, VCPU_LIMIT
from localcloud.tasks.scripted import (
    Script,
    answers,
    exits,
    never_starts,
    pull_failed,
    runs,
    serves_elsewhere,
    serves_otherwise,
    unhealthy,
)
from tests.functional.account import SETTINGS, TABLE, BivouacAccount
from tests.functional.machines import Machines, NotReadyError
from tests.functional.obstacles import (
    NO_COMMAND,
    OTHER_CPU,
    OUT_OF_MEMORY,
    Obstacle,
    cannot_pull,
    denies,
    distrusts_ecs,
    fails_provisioning,
    refuses_placement,
)
from tests.requests import event

Json = dict[str, Any]

REFUSED = "refused"
"""In place of a category: nothing was created."""
SECOND_STOP = 130.0
"""Seconds from the request to the verdict, if the same failure must be seen twice: a task needs 35
to 45 s to start and to stop, and the next one begins 17 s later."""
FIRST_STOP = 60.0
READY_AND_ANSWERED = 75.0
"""All tasks run, a proof client starts, and the same answer comes for 10 s."""
DEADLINE_SECONDS = 240.0
DEADLINE = DEADLINE_SECONDS + 5.0
"""Where a cause may still go away, or an application without a health check may still start."""


@dataclass(frozen=True)
class Breakage:
    sample: str
    what: str
    change: Callable[[Json], None]
    """What is wrong in the request."""
    category: str
    service: str
    """The service, or the edge."""
    step: str
    """Words of the next step."""
    within: float
    """Seconds from the request to the verdict."""
    cause: str = ""
    """Words of the rest of the cause: what the container printed, or who may not do what."""
    scripts: Mapping[str, Script] = field(default_factory=dict)
    """By the name of a container."""
    before: Obstacle = lambda account: None
    """What is wrong in the account."""

    @property
    def name(self) -> str:
        return f"{self.sample}: {self.what}"


@dataclass(frozen=True)
class Diagnosis:
    category: str
    service: str
    next_step: str
    cause: str
    at: float


# --- what is wrong in a request ------------------------------------------------------------------


def service_of(request: Json, name: str) -> Json:
    found: Json = next(each for each in request["services"] if each["serviceName"] == name)
    return found


def container(service: str, **changes: Any) -> Callable[[Json], None]:
    """Changes the only container of a service."""

    def change(request: Json) -> None:
        service_of(request, service)["primaryContainer"] |= changes

    return change


def nothing(_: Json) -> None:
    """The request is right: what it names is broken."""


def of_sidecars(name: str, **changes: Any) -> Callable[[Json], None]:
    """Changes one of the containers of the sample with sidecars."""

    def change(request: Json) -> None:
        definitions = service_of(request, "web")["taskDefinition"]["containerDefinitions"]
        next(each for each in definitions if each["name"] == name).update(changes)

    return change


def waits_for_the_collector(request: Json) -> None:
    of_sidecars("collector", healthCheck=checked("/healthcheck"))(request)
    waits = {"containerName": "collector", "condition": "HEALTHY"}
    of_sidecars("app", dependsOn=[waits])(request)


def in_a_group_of_its_own(request: Json) -> None:
    groups = SETTINGS["ALLOWED_SECURITY_GROUP_IDS"].split(",")
    network = {"awsvpcConfiguration": {"securityGroups": groups}}
    service_of(request, "db")["networkConfiguration"] = network


def checked(command: str) -> Json:
    return {
        "command": ["CMD-SHELL", command],
        "interval": 5,
        "timeout": 2,
        "retries": 2,
    }


SECRET = "arn:aws:secretsmanager:ap-northeast-1:123456789012:secret:{}-a1b2c3"


def secret(name: str) -> list[Json]:
    return [{"name": "TOKEN", "valueFrom": SECRET.format(name)}]


NOT_THERE = cannot_pull(
    "failed to resolve ref docker.io/nicholasjackson/fake-service:v9.9.9: not found"
)
NO_ACCESS = cannot_pull(
    "failed to resolve ref docker.io/acme/greeter-gateway:1.4: pull access denied, repository does "
    "not exist or may require authorization: server message: insufficient_scope: authorization "
    "failed"
)

BREAKAGES: tuple[Breakage, ...] = (
    # --- five services over HTTP
    Breakage(
        "retail-store",
        "a tag that does not exist",
        container("orders", image="nicholasjackson/fake-service:v9.9.9"),
        "image pull",
        "orders",
        "name and tag",
        FIRST_STOP,
        "fake-service:v9.9.9: not found",
        {"orders": pull_failed(NOT_THERE, 3)},
    ),
    Breakage(
        "retail-store",
        "a crash at start",
        nothing,
        "container exit",
        "carts",
        "last lines",
        SECOND_STOP,
        "panic: DYNAMODB_TABLE is not set",
        {"carts": exits(2, after=1, output=["carts 1.2", "panic: DYNAMODB_TABLE is not set"])},
    ),
    Breakage(
        "retail-store",
        "a health check with a program that the image lacks",
        container("ui", healthCheck=checked("curl -f http://localhost/health || exit 1")),
        "health check",
        "ui",
        "health check's command in the image",
        SECOND_STOP,
        "curl -f http://localhost/health",
        {"ui": unhealthy(10)},
    ),
    Breakage(
        "retail-store",
        "a secret that does not exist",
        container("catalog", secrets=secret("nobodys")),
        "secret or role",
        "catalog",
        "secret's ARN",
        SECOND_STOP,
        "can't find the specified secret",
    ),
    Breakage(
        "retail-store",
        "another port than its application's",
        container("checkout", environment=[{"name": "LISTEN_ADDR", "value": "0.0.0.0:9090"}]),
        "connectivity",
        "ui -> checkout:checkout",
        "containerPort",
        DEADLINE,
        "nothing answers behind it",
        {"checkout": serves_elsewhere()},
    ),
    Breakage(
        "retail-store",
        "too little memory",
        nothing,
        "out of memory",
        "orders",
        "more memory",
        SECOND_STOP,
        "OutOfMemoryError",
        {"orders": exits(137, after=1, reason=OUT_OF_MEMORY)},
    ),
    # --- TCP, and a worker that serves nothing
    Breakage(
        "voting-app",
        "a database without its password",
        container("db", environment=[{"name": "POSTGRES_USER", "value": "postgres"}]),
        "container exit",
        "db",
        "last lines",
        SECOND_STOP,
        "superuser password is not specified",
        {
            "db": exits(
                1,
                after=1,
                output=[
                    "Error: Database is uninitialized and superuser password is not specified."
                ],
            )
        },
    ),
    Breakage(
        "voting-app",
        "a database at another port",
        container("db", containerPort=5433),
        "connectivity",
        "result -> db:db",
        "No security group is in the way",
        DEADLINE,
        "closed at once",
        {"db": serves_elsewhere()},
    ),
    Breakage(
        "voting-app",
        "a host that no client alias has",
        container("worker", environment=[{"name": "REDIS_HOST", "value": "cache"}]),
        "container exit",
        "worker",
        "cannot resolve a name",
        2 * SECOND_STOP,
        "getaddrinfo ENOTFOUND cache",
        {"worker": exits(1, after=1, output=["Error: getaddrinfo ENOTFOUND cache"])},
    ),
    Breakage(
        "voting-app",
        "a service that others wait for, and that is never healthy",
        container("redis", healthCheck=checked("redis-cli -a wrong ping | grep PONG")),
        "health check",
        "redis",
        "health check's command in the image",
        SECOND_STOP,
        "redis-cli",
        {"redis": unhealthy(10)},
    ),
    Breakage(
        "voting-app",
        "an image of another CPU",
        nothing,
        "wrong CPU architecture",
        "vote",
        "X86_64",
        FIRST_STOP,
        "linux/amd64",
        {"vote": pull_failed(cannot_pull(OTHER_CPU), 3)},
    ),
    Breakage(
        "voting-app",
        "logs that its execution role may not write",
        nothing,
        "log group",
        "result",
        "logs:CreateLogStream",
        SECOND_STOP,
        "the role ecsTaskExecutionRole may not perform logs:CreateLogStream",
        before=denies("logs", "logs:CreateLogStream", "/result"),
    ),
    Breakage(
        "voting-app",
        "a security group that does not admit its callers",
        in_a_group_of_its_own,
        REFUSED,
        "db",
        "add that rule",
        1.0,
        "admits port 5432 from those of result",
    ),
    # --- gRPC
    Breakage(
        "greeter-grpc",
        "gRPC behind an appProtocol of HTTP",
        container("greeter", protocol="http"),
        "connectivity",
        "gateway -> greeter:greeter",
        "appProtocol",
        READY_AND_ANSWERED,
        "another protocol is spoken behind it",
        {"greeter": serves_otherwise()},
    ),
    Breakage(
        "greeter-grpc",
        "HTTP behind an appProtocol of gRPC",
        nothing,
        "connectivity",
        "gateway -> greeter:greeter",
        "appProtocol",
        READY_AND_ANSWERED,
        "another protocol is spoken behind the proxy",
        {"greeter": serves_otherwise()},
    ),
    Breakage(
        "greeter-grpc",
        "gRPC at another port",
        container("greeter", containerPort=50052),
        "connectivity",
        "gateway -> greeter:greeter",
        "containerPort",
        DEADLINE,
        "nothing answers gRPC",
        {"greeter": serves_elsewhere()},
    ),
    Breakage(
        "greeter-grpc",
        "gRPC at another port, of an application that says that it has started",
        container("greeter", containerPort=50052, healthCheck=checked("true")),
        "connectivity",
        "gateway -> greeter:greeter",
        "containerPort",
        READY_AND_ANSWERED,
        "nothing answers gRPC",
        {"greeter": serves_elsewhere()},
    ),
    Breakage(
        "greeter-grpc",
        "a probe that the image does not have",
        container("greeter", healthCheck=checked("grpc_health_probe -addr=:50051")),
        "health check",
        "greeter",
        "health check's command in the image",
        SECOND_STOP,
        "grpc_health_probe",
        {"greeter": unhealthy(10)},
    ),
    Breakage(
        "greeter-grpc",
        "a secret that may not be read",
        container("gateway", secrets=secret("token")),
        "secret or role",
        "gateway",
        "Allow the execution role",
        SECOND_STOP,
        "the role ecsTaskExecutionRole may not perform secretsmanager:GetSecretValue on "
        + SECRET.format("token"),
        before=denies("secrets", "secretsmanager:GetSecretValue", "token"),
    ),
    Breakage(
        "greeter-grpc",
        "a command that the image lacks",
        container("gateway", command=["serve"]),
        "container exit",
        "gateway",
        "entryPoint and command",
        FIRST_STOP,
        "executable file not found",
        {"gateway": exits(127, after=0.1, reason=NO_COMMAND)},
    ),
    Breakage(
        "greeter-grpc",
        "an image of a private repository",
        nothing,
        "image pull",
        "gateway",
        "execution role may pull it",
        FIRST_STOP,
        "pull access denied",
        {"gateway": pull_failed(NO_ACCESS, 3)},
    ),
    # --- Fargate Spot
    Breakage(
        "mostly-spot",
        "no capacity",
        nothing,
        "capacity",
        "api",
        "FARGATE instead of FARGATE_SPOT",
        DEADLINE,
        "Capacity is unavailable",
        before=refuses_placement(CAPACITY),
    ),
    Breakage(
        "mostly-spot",
        "capacity that is taken away again and again",
        nothing,
        "capacity",
        "api",
        "FARGATE instead of FARGATE_SPOT",
        DEADLINE,
        "Spot Task was interrupted",
        before=fails_provisioning("Your Spot Task was interrupted.", "api"),
    ),
    Breakage(
        "mostly-spot",
        "a path that the application does not have",
        lambda request: service_of(request, "api").update(
            probe={"portName": "api", "path": "/helth"}
        ),
        "connectivity",
        "web -> api:api",
        '"path"',
        READY_AND_ANSWERED,
        "HTTP 404, expected 200-399",
        {"api": answers(404)},
    ),
    Breakage(
        "mostly-spot",
        "another status than the application's",
        lambda request: request["connect"][0].update(expectStatus="204"),
        "connectivity",
        "web -> api:api",
        '"expectStatus": "200" in the `connect` entry from web to api',
        READY_AND_ANSWERED,
        "HTTP 200, expected 204",
    ),
    Breakage(
        "mostly-spot",
        "more vCPUs than the account's quota",
        nothing,
        "quota",
        "api",
        "Service Quotas",
        FIRST_STOP,
        "number of vCPUs",
        before=refuses_placement(VCPU_LIMIT),
    ),
    Breakage(
        "mostly-spot",
        "a role that tasks may not assume",
        nothing,
        "secret or role",
        "api",
        "trust policy",
        SECOND_STOP,
        "unable to assume the role",
        before=distrusts_ecs,
    ),
    # --- sidecars, and a load balancer left out
    Breakage(
        "sidecars",
        "a sidecar that crashes, and that the task needs",
        of_sidecars("agent", essential=True),
        "container exit",
        "web",
        "last lines",
        SECOND_STOP,
        "container agent exited with code 1",
        {"agent": exits(1, after=1, output=["E! no CloudWatch agent configuration"])},
    ),
    Breakage(
        "sidecars",
        "a preparation that fails, and that others wait for",
        of_sidecars("app", dependsOn=[{"containerName": "agent", "condition": "SUCCESS"}]),
        "container exit",
        "web",
        "last lines",
        SECOND_STOP,
        "app starts only after agent has ended with SUCCESS",
        {"agent": exits(3, after=1)},
    ),
    Breakage(
        "sidecars",
        "a container that waits for ever for another one",
        waits_for_the_collector,
        "out of time",
        "web",
        "dependsOn",
        DEADLINE,
        "1 PENDING",
        {"app": never_starts()},
    ),
    Breakage(
        "sidecars",
        "a collector of another CPU",
        nothing,
        "wrong CPU architecture",
        "web",
        "X86_64",
        FIRST_STOP,
        "linux/amd64",
        {"collector": pull_failed(cannot_pull(OTHER_CPU), 3)},
    ),
    Breakage(
        "sidecars",
        "an answer that a load balancer would not call healthy",
        of_sidecars("app", portMappings=[{"containerPort": 80, "appProtocol": "http"}]),
        "connectivity",
        "web:app-80",
        '"expectStatus": "403" in the `probe` of web',
        READY_AND_ANSWERED,
        "HTTP 403, expected 200-399",
        {"app": answers(403)},
    ),
    Breakage(
        "sidecars",
        "a proxy for a host that does not resolve",
        nothing,
        "container exit",
        "web",
        "cannot resolve a name",
        SECOND_STOP,
        "container app exited with code 1",
        {
            "app": exits(
                1,
                after=1,
                output=['nginx: [emerg] host not found in upstream "api" in default.conf:3'],
            )
        },
    ),
)


# --- playing -------------------------------------------------------------------------------------


@contextmanager
def network() -> Iterator[None]:
    """The stack's group for tasks admits its probes, and another group that the stack allows admits
    nobody else."""
    ec2: Any = boto3.client("ec2")
    (vpc,) = {each["VpcId"] for each in ec2.describe_subnets()["Subnets"]}
    probe, other = (
        ec2.create_security_group(GroupName=name, Description=name, VpcId=vpc)["GroupId"]
        for name in ("probe", "other")
    )
    from_probes = {
        "IpProtocol": "tcp",
        "FromPort": 1,
        "ToPort": 65_535,
        "UserIdGroupPairs": [{"GroupId": probe}],
    }
    for group in (SECURITY_GROUP_ID, other):
        ec2.authorize_security_group_ingress(GroupId=group, IpPermissions=[from_probes])
    listed = {"PROBE_SECURITY_GROUP_ID": probe, "ALLOWED_SECURITY_GROUP_IDS": other}
    with mock.patch.dict(SETTINGS, listed):
        yield


def diagnosis_of(number: int) -> Diagnosis:
    """What people are told of one of BREAKAGES."""
    broken = BREAKAGES[number]
    request = event(f"samples/{broken.sample}")
    with aws_like_account() as account, network():
        broken.change(request)
        for image in images(request):
            account.runtime.script(image, lambda each: broken.scripts.get(each.name, runs()))
        began = account.plane.clock.now()

        def before(step: str) -> None:
            if step != "resume_execution":
                account.pass_time(FUNCTION_SECONDS)
            if step == "create_services":
                broken.before(account)

        asked = {**request, "onFailure": "keep", "timeouts": {"ready": "4m"}}
        try:
            Machines(account, before_step=before).create(asked)
        except InvalidRequestError as refused:
            at = account.plane.clock.now() - began
            return Diagnosis(REFUSED, broken.service, str(refused), str(refused), at)
        except NotReadyError as failed:
            at = account.plane.clock.now() - began
            return diagnosed(account, request["name"], failed.progress, at)
    raise AssertionError(f"{broken.name} became READY")


def images(request: Json) -> Iterator[str]:
    for service in request["services"]:
        definitions = service.get("taskDefinition", {}).get("containerDefinitions")
        for each in definitions or [service["primaryContainer"]]:
            yield each["image"]


def diagnosed(account: BivouacAccount, environment: str, progress: Json, at: float) -> Diagnosis:
    """As the machine does it; what the record keeps."""
    state = {
        "environment": environment,
        "generation": account.record(environment).generation,
        "progress": progress,
    }
    account.invoke("diagnose_failure", {"state": state, "tries": 0})
    item = account.client("dynamodb").get_item(
        TableName=TABLE, Key={"environment": {"S": environment}}
    )["Item"]
    failure = json.loads(item["failure"]["S"])
    first = failure["verdicts"][0]
    return Diagnosis(
        failure["category"], first["service"], first["next_step"], failure["cause"], at
    )
