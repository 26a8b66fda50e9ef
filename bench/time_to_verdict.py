"""How long after the first evidence of a failure it is reported, and whether the cause is right.

The times are those of the control plane's own announcements. For comparison, botocore's
services_stable waiter polls the same deployments: it has 600 seconds, and names no cause.
"""

from __future__ import annotations

import argparse
import os
import random
import sys
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, replace
from functools import partial
from typing import Any

from rich.console import Console

from bench.figures import Target, percentile
from bench.rehearsal import (
    HEALTH_CHECK,
    Story,
    breaker,
    in_parallel,
    play,
    service,
)
from bench.report import table
from bench.running import Measurement, run
from bench.verdicts import Evidence, Verdict, evidence
from bench.waiting import Stop
from bivouac.diagnosis.aws_messages import Category
from bivouac.waiting.conditions.edges import GRACE_SECONDS
from bivouac.waiting.wait import POLL_SECONDS
from localcloud.ecs.obstacles import (
    CAPACITY,
    INTERFACE_TIMEOUT,
    INTERNAL_ERROR,
    TASK_LIMIT,
    VCPU_LIMIT,
)
from localcloud.tasks.scripted import (
    answers,
    answers_nothing,
    exits,
    never_starts,
    pull_failed,
    runs,
    serves_elsewhere,
    unhealthy,
)
from tests.functional.account import BivouacAccount
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

EACH = 4
"""Deployments of every cause, with other delays."""
FEWEST_CAUSES = 30
MOST_SECONDS = 3 * POLL_SECONDS
"""Three polls."""

Drawn = random.Random


@dataclass(frozen=True)
class Cause:
    name: str
    category: Category
    evidence: Evidence
    story: Callable[[Drawn], Story]
    step: str
    """What the next step must say."""


# --- the causes ----------------------------------------------------------------------------------


def _fails(script: Any, **more: Any) -> Story:
    config = more.pop("config", {})
    return Story("", False, [service(**config)], {"app:1": script}, **more)


def _obstructed(obstacle: Obstacle, **more: Any) -> Callable[[Drawn], Story]:
    """Something in the account is wrong."""
    return lambda draw: _fails(runs(draw.uniform(0, 5)), before_services=obstacle, **more)


def _pull(cause: str, **more: Any) -> Callable[[Drawn], Story]:
    return lambda draw: _fails(pull_failed(cannot_pull(cause), draw.uniform(0, 5)), **more)


def _secret(value_from: str) -> Callable[[Drawn], Story]:
    container = {"secrets": [{"name": "TOKEN", "valueFrom": value_from}]}
    return lambda draw: _fails(runs(draw.uniform(0, 5)), config={"container": container})


def _without_log_group(account: BivouacAccount) -> None:
    logs = account.client("logs")
    for group in logs.describe_log_groups()["logGroups"]:
        if group["logGroupName"].endswith("/web"):
            logs.delete_log_group(logGroupName=group["logGroupName"])


def _exit(draw: Drawn) -> Story:
    return _fails(exits(draw.choice((1, 2, 139)), after=draw.uniform(0.2, 1.5)))


def _memory(draw: Drawn) -> Story:
    return _fails(exits(137, after=draw.uniform(0.2, 1.5), reason=OUT_OF_MEMORY))


def _health_check(draw: Drawn) -> Story:
    return _fails(unhealthy(draw.uniform(1, 20)), config={"container": HEALTH_CHECK})


def _with_leftover(account: BivouacAccount) -> None:
    """What an earlier service has left in the namespace."""
    cloud_map = account.client("servicediscovery")
    (namespace,) = cloud_map.list_namespaces()["Namespaces"]
    cloud_map.create_service(Name="web", NamespaceId=namespace["Id"])


def _rolled_back(draw: Drawn) -> Story:
    """With a temporary cause, so that the rollback itself decides."""
    reason = cannot_pull("failed to do request: dial tcp 44.205.64.79:443: i/o timeout")
    config = breaker(rollback=True)
    return Story(
        "",
        False,
        [service(image="app:2", **config)],
        {"app:1": runs(), "app:2": pull_failed(reason, draw.uniform(0, 4))},
        before=[service(**config)],
    )


def _edge(script: Any) -> Callable[[Drawn], Story]:
    services = [service("web", "app:1"), service("api", "app:2", container=HEALTH_CHECK)]
    connect = [{"from": "web", "to": {"service": "api"}, "expectStatus": "200"}]
    scripts = {"app:1": runs(), "app:2": script}
    return lambda draw: Story("", False, services, scripts, connect=connect)


def _no_command(_: Drawn) -> Story:
    return _fails(exits(127, after=0.1, reason=NO_COMMAND))


def _migration(draw: Drawn) -> Story:
    """One that the application waits for with SUCCESS."""
    definition = {
        "cpu": "256",
        "memory": "512",
        "containerDefinitions": [
            {
                "name": "app",
                "image": "app:1",
                "portMappings": [{"name": "http", "containerPort": 80, "appProtocol": "http"}],
                "dependsOn": [{"containerName": "migrate", "condition": "SUCCESS"}],
            },
            {"name": "migrate", "image": "migrate:1", "essential": False},
        ],
    }
    connect = {"enabled": True, "services": [{"portName": "http", "clientAliases": [{"port": 80}]}]}
    web = {
        "serviceName": "web",
        "desiredCount": 1,
        "taskDefinition": definition,
        "serviceConnectConfiguration": connect,
    }
    scripts = {"app:1": runs(), "migrate:1": exits(3, after=draw.uniform(0.2, 1.5))}
    return Story("", False, [web], scripts)


def _with_sick_proxies(account: BivouacAccount) -> None:
    """Each task's proxy is UNHEALTHY as soon as there is one, and its application is well."""
    for task in account.runtime.running():
        if task.proxy is not None and task.containers[0].image == "app:1":
            account.runtime.report_health(task.task_id, task.proxy.container_name, "UNHEALTHY")
    account.plane.clock.call_later(0.5, lambda: _with_sick_proxies(account))


def _pending(_: Drawn) -> Story:
    return _fails(never_starts(), ready="4m")


def _answer(status: int) -> Callable[[Drawn], Story]:
    """No health check, and no edge that the request names."""
    return lambda draw: _fails(answers(status))


_EFS = (
    "ResourceInitializationError: failed to invoke EFS utils commands to set up EFS volumes: "
    'stderr: Failed to resolve "fs-0123.efs.ap-northeast-1.amazonaws.com" - check that your file '
    "system ID is correct, and ensure that the VPC has an EFS mount target for this file system ID."
)
_NO_ADDRESS = (
    "Unexpected EC2 error while attempting to Create Network Interface in subnet 'subnet-1': "
    "InsufficientFreeAddressesInSubnet"
)
_NO_ECR = (
    "ResourceInitializationError: unable to pull secrets or registry auth: The task cannot pull "
    "registry auth from Amazon ECR: There is a connection issue between the task and Amazon ECR. "
    "Check your task network configuration."
)
_NO_SUBNET = (
    "Unexpected EC2 error while attempting to Create Network Interface with public IP assignment "
    "enabled in subnet 'subnet-f9bb89a2': InvalidSubnetID.NotFound"
)
_SECRET = "arn:aws:secretsmanager:ap-northeast-1:123456789012:secret:token-a1b2c3"

CAUSES: Sequence[Cause] = (
    Cause(
        "image that does not exist",
        Category.IMAGE_PULL,
        "first stop",
        _pull("failed to resolve ref docker.io/library/app:1: not found"),
        "name and tag",
    ),
    Cause("image of another CPU", Category.ARCHITECTURE, "first stop", _pull(OTHER_CPU), "X86_64"),
    Cause(
        "secret that does not exist",
        Category.SECRET_OR_ROLE,
        "second stop",
        _secret("arn:aws:secretsmanager:ap-northeast-1:123456789012:secret:not-there-a1b2c3"),
        "secret's ARN",
    ),
    Cause(
        "role that tasks may not assume",
        Category.SECRET_OR_ROLE,
        "second stop",
        _obstructed(distrusts_ecs),
        "trust policy",
    ),
    Cause(
        "log group that is gone",
        Category.LOG_GROUP,
        "second stop",
        _obstructed(_without_log_group),
        "log groups",
    ),
    Cause("container exits", Category.EXIT, "second stop", _exit, "last lines"),
    Cause("out of memory", Category.OUT_OF_MEMORY, "second stop", _memory, "more memory"),
    Cause("health check fails", Category.HEALTH_CHECK, "second stop", _health_check, "startPeriod"),
    Cause(
        "capacity never comes",
        Category.CAPACITY,
        "deadline",
        _obstructed(refuses_placement(CAPACITY), ready="4m"),
        "more subnets",
    ),
    Cause(
        "vCPU quota",
        Category.QUOTA,
        "first stop",
        _obstructed(refuses_placement(VCPU_LIMIT)),
        "Service Quotas",
    ),
    Cause(
        "task quota",
        Category.QUOTA,
        "first stop",
        _obstructed(refuses_placement(TASK_LIMIT)),
        "Service Quotas",
    ),
    Cause(
        "zone without Fargate",
        Category.NETWORK,
        "first stop",
        _obstructed(refuses_placement(INTERNAL_ERROR)),
        "other subnets",
    ),
    Cause(
        "subnet that is gone",
        Category.NETWORK,
        "first stop",
        _obstructed(fails_provisioning(_NO_SUBNET)),
        "name one that exists",
    ),
    Cause(
        "Service Connect leftover",
        Category.SERVICE_CONNECT_LEFTOVER,
        "refusal",
        _obstructed(_with_leftover),
        "discoveryName",
    ),
    Cause("rolled back", Category.IMAGE_PULL, "rollback", _rolled_back, "reach the registry"),
    Cause(
        "edge with a wrong status",
        Category.CONNECTIVITY,
        "answer",
        _edge(answers(500)),
        "`connect` entry from web to api",
    ),
    Cause(
        "edge that nobody answers",
        Category.NETWORK,
        "grace",
        _edge(answers_nothing()),
        "security groups of api",
    ),
    Cause(
        "application at another port",
        Category.CONNECTIVITY,
        "grace",
        _edge(serves_elsewhere()),
        "containerPort",
    ),
    Cause(
        "image that may not be pulled",
        Category.IMAGE_PULL,
        "first stop",
        _pull("pulling from host x failed with status code [manifests latest]: 403 Forbidden"),
        "execution role may pull it",
    ),
    Cause(
        "registry that is not reached",
        Category.IMAGE_PULL,
        "deadline",
        _pull("dial tcp 44.205.64.79:443: i/o timeout", ready="4m"),
        "reach the registry",
    ),
    Cause(
        "rate limit of a registry",
        Category.IMAGE_PULL,
        "deadline",
        _pull("toomanyrequests: You have reached your pull rate limit.", ready="4m"),
        "repositoryCredentials",
    ),
    Cause(
        "image too large",
        Category.IMAGE_PULL,
        "second stop",
        _pull("write /var/lib/containerd/x: no space left on device"),
        "ephemeralStorage",
    ),
    Cause(
        "secret that may not be read",
        Category.SECRET_OR_ROLE,
        "second stop",
        _obstructed(
            denies("secrets", "secretsmanager:"),
            config={"container": {"secrets": [{"name": "TOKEN", "valueFrom": _SECRET}]}},
        ),
        "Allow the execution role",
    ),
    Cause(
        "parameter that does not exist",
        Category.SECRET_OR_ROLE,
        "second stop",
        _secret("/not/there"),
        "execution role",
    ),
    Cause(
        "logs that may not be written",
        Category.LOG_GROUP,
        "second stop",
        _obstructed(denies("logs", "logs:CreateLogStream")),
        "logs:CreateLogStream",
    ),
    Cause(
        "registry's credentials not reached",
        Category.NETWORK,
        "second stop",
        _obstructed(fails_provisioning(_NO_ECR)),
        "NAT gateway",
    ),
    Cause(
        "file system of nobody",
        Category.NETWORK,
        "second stop",
        _obstructed(fails_provisioning(_EFS)),
        "mount target",
    ),
    Cause(
        "no free address",
        Category.NETWORK,
        "second stop",
        _obstructed(fails_provisioning(_NO_ADDRESS)),
        "free addresses",
    ),
    Cause(
        "interface that is not made",
        Category.NETWORK,
        "deadline",
        _obstructed(fails_provisioning(INTERFACE_TIMEOUT), ready="4m"),
        "start the create again",
    ),
    Cause(
        "Spot capacity that is taken away",
        Category.CAPACITY,
        "deadline",
        _obstructed(fails_provisioning("Your Spot Task was interrupted."), ready="4m"),
        "FARGATE_SPOT",
    ),
    Cause("command that does not exist", Category.EXIT, "first stop", _no_command, "entryPoint"),
    Cause("migration that failed", Category.EXIT, "second stop", _migration, "last lines"),
    Cause(
        "proxy that is not healthy",
        Category.PROXY,
        "deadline",
        _obstructed(_with_sick_proxies, ready="4m"),
        "proxy failed, not your container",
    ),
    Cause(
        "ECS's calls are throttled",
        Category.QUOTA,
        "deadline",
        _obstructed(lambda account: account.plane.obstacles.throttle_operations("*"), ready="4m"),
        "throttles",
    ),
    Cause("task that stays PENDING", Category.TIME_OUT, "deadline", _pending, "stays PENDING"),
    Cause(
        "application answers 404",
        Category.CONNECTIVITY,
        "answer",
        _answer(404),
        '"expectStatus": "404" in the `probe` of web',
    ),
    Cause(
        "application answers 500",
        Category.CONNECTIVITY,
        "answer",
        _answer(500),
        '"expectStatus": "500" in the `probe` of web',
    ),
)


# --- measuring -----------------------------------------------------------------------------------


@dataclass(frozen=True)
class Reported:
    """One failure, and when it was reported. Seconds since the deployment began."""

    cause: str
    expected: Category
    counted_from: Evidence
    first_evidence_at: float
    evidence_at: float
    bivouac: Verdict
    waiter: Verdict
    step: str
    """What the next step must say."""

    @property
    def seconds(self) -> float:
        return self.bivouac.at - self.evidence_at

    @property
    def right(self) -> bool:
        return self.bivouac.word == "FAILED" and self.bivouac.categories[:1] == (self.expected,)

    @property
    def helps(self) -> bool:
        return self.step in self.bivouac.next_step


def reported(seed: int, each: int, number: int) -> Reported:
    """The result for one story, in any process: its number identifies it."""
    cause = CAUSES[number // each]
    draw = random.Random(f"{seed} {number}")
    story = replace(cause.story(draw), kind=cause.name, seed=draw.randrange(1 << 30))
    played = play(story)
    grace_ends_at = (played.all_ready_at or 0.0) + GRACE_SECONDS
    first, due = evidence(
        cause.evidence,
        played.failures,
        played.deadline_at,
        grace_ends_at,
        played.all_ready_at or 0.0,
    )
    return Reported(
        cause.name,
        cause.category,
        cause.evidence,
        first,
        due,
        played.bivouac,
        played.waiter,
        cause.step,
    )


# --- showing -------------------------------------------------------------------------------------


def show(found: Sequence[Reported], console: Console) -> None:
    made = table(
        "\nSeconds from the evidence to the verdict, worst of each cause",
        *(
            "cause",
            "counted from",
            "s",
            "since the first",
            "category",
            "wrong next step",
            "waiter, since the first",
        ),
    )
    for cause in dict.fromkeys(each.cause for each in found):
        of_cause = [each for each in found if each.cause == cause]
        worst = max(of_cause, key=lambda each: each.seconds)
        wrong = [each for each in of_cause if not each.right]
        categories_shown = (
            ", ".join(wrong[0].bivouac.categories) or wrong[0].bivouac.word if wrong else ""
        )
        made.add_row(
            cause,
            worst.counted_from,
            f"{worst.seconds:.1f}",
            f"{max(each.bivouac.at - each.first_evidence_at for each in of_cause):.1f}",
            f"[red]{categories_shown}[/] instead of {worst.expected}" if wrong else worst.expected,
            ", ".join({each.bivouac.next_step[:60] for each in of_cause if not each.helps}),
            ", ".join(sorted({_waiter(each) for each in of_cause})),
        )
    console.print(made)


def _waiter(each: Reported) -> str:
    match each.waiter.word:
        case "NONE":
            return "nothing in 600 s"
        case "HEALTHY":
            return f"calls it stable, {each.waiter.at - each.first_evidence_at:.0f} s"
        case "FAILED":
            return f"failed, {each.waiter.at - each.first_evidence_at:.0f} s"


def targets(found: Sequence[Reported]) -> list[Target]:
    seconds = [each.seconds for each in found]
    causes = {each.cause for each in found}
    return [
        Target("verdict after the evidence, p95, s", percentile(seconds, 95), MOST_SECONDS),
        Target("verdicts with a wrong category", sum(not each.right for each in found), 0),
        Target("verdicts with a wrong next step", sum(not each.helps for each in found), 0),
        Target(f"causes that {FEWEST_CAUSES} lacks", max(0, FEWEST_CAUSES - len(causes)), 0),
    ]


def main() -> int:
    """Exit code 0 only if every target is met."""
    parser = argparse.ArgumentParser(prog="python -m bench.time_to_verdict", description=__doc__)
    parser.add_argument("--each", type=int, default=EACH, help="deployments of every cause")
    parser.add_argument("--seed", type=int, default=1, help="of what is drawn (default 1)")
    given = parser.parse_args()

    def measured(console: Console, stop: Stop) -> Measurement:
        count = len(CAUSES) * given.each
        console.print(f"{count} deployments that fail, on {os.cpu_count()} processors")
        found = in_parallel(partial(reported, given.seed, given.each), count, stop)
        show(found, console)
        content: dict[str, Any] = {
            "seed": given.seed,
            "pollSeconds": POLL_SECONDS,
            "deployments": [asdict(each) for each in found],
        }
        return Measurement(targets(found), content)

    return run("time_to_verdict", measured)


if __name__ == "__main__":
    sys.exit(main())
