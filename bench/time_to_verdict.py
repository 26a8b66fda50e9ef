"""How long after the first evidence of a failure it is reported, and whether the cause is right.

The times are those of the control plane's own announcements. For comparison, botocore's
services_stable waiter polls the same deployments: it has 600 seconds, and names no cause.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import sys
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, replace
from functools import partial
from typing import Any

import boto3
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
from bench.verdicts import Evidence, Said, evidence
from bench.waiting import Stop
from bivouac.diagnosis.aws_messages import Category
from bivouac.waiting.conditions.edges import GRACE_SECONDS
from bivouac.waiting.wait import POLL_SECONDS
from localcloud.account import EXECUTION_ROLE_NAME
from localcloud.ecs.obstacles import CAPACITY, INTERNAL_ERROR, VCPU_LIMIT
from localcloud.tasks.scripted import answers, answers_nothing, exits, pull_failed, runs, unhealthy
from tests.functional.account import BivouacAccount

EACH = 4
"""Deployments of every cause, with other delays."""
FEWEST_CAUSES = 12
MOST_SECONDS = 3 * POLL_SECONDS
"""Three polls."""

Drawn = random.Random


@dataclass(frozen=True)
class Cause:
    name: str
    category: Category
    evidence: Evidence
    story: Callable[[Drawn], Story]


# --- the causes ----------------------------------------------------------------------------------


def _fails(script: Any, **more: Any) -> Story:
    config = more.pop("config", {})
    return Story("", False, [service(**config)], {"app:1": script}, **more)


def _image(draw: Drawn) -> Story:
    reason = (
        "CannotPullContainerError: pull image manifest has been retried 1 time(s): failed to "
        "resolve ref docker.io/library/app:1: not found"
    )
    return _fails(pull_failed(reason, draw.uniform(0, 5)))


def _architecture(draw: Drawn) -> Story:
    reason = (
        "CannotPullContainerError: pull image manifest has been retried 1 time(s): image Manifest "
        "does not contain descriptor matching platform 'linux/amd64'"
    )
    return _fails(pull_failed(reason, draw.uniform(0, 5)))


def _secret(draw: Drawn) -> Story:
    secret = "arn:aws:secretsmanager:ap-northeast-1:123456789012:secret:not-there-a1b2c3"
    container = {"secrets": [{"name": "TOKEN", "valueFrom": secret}]}
    return _fails(runs(draw.uniform(0, 5)), config={"container": container})


def _role(_: Drawn) -> Story:
    somebody_else = {
        "Effect": "Allow",
        "Principal": {"Service": "ec2.amazonaws.com"},
        "Action": "sts:AssumeRole",
    }

    def distrust(_: BivouacAccount) -> None:
        boto3.client("iam").update_assume_role_policy(
            RoleName=EXECUTION_ROLE_NAME,
            PolicyDocument=json.dumps({"Version": "2012-10-17", "Statement": [somebody_else]}),
        )

    return _fails(runs(), before_services=distrust)


def _log_group(draw: Drawn) -> Story:
    def delete(account: BivouacAccount) -> None:
        logs = account.client("logs")
        for group in logs.describe_log_groups()["logGroups"]:
            if group["logGroupName"].endswith("/web"):
                logs.delete_log_group(logGroupName=group["logGroupName"])

    return _fails(runs(draw.uniform(0, 5)), before_services=delete)


def _exit(draw: Drawn) -> Story:
    return _fails(exits(draw.choice((1, 2, 139)), after=draw.uniform(0.2, 1.5)))


def _memory(draw: Drawn) -> Story:
    reason = "OutOfMemoryError: Container killed due to memory usage"
    return _fails(exits(137, after=draw.uniform(0.2, 1.5), reason=reason))


def _health_check(draw: Drawn) -> Story:
    return _fails(unhealthy(draw.uniform(1, 20)), config={"container": HEALTH_CHECK})


def _refused(reason: str, **more: Any) -> Callable[[Drawn], Story]:
    def refuse(account: BivouacAccount) -> None:
        account.plane.obstacles.refuse_placement("*", reason)

    return lambda draw: _fails(runs(), before_services=refuse, **more)


def _subnet(_: Drawn) -> Story:
    def gone(account: BivouacAccount) -> None:
        account.plane.obstacles.fail_provisioning(
            "*",
            "Unexpected EC2 error while attempting to Create Network Interface with public IP "
            "assignment enabled in subnet 'subnet-f9bb89a2': InvalidSubnetID.NotFound",
        )

    return _fails(runs(), before_services=gone)


def _leftover(_: Drawn) -> Story:
    """What an earlier service has left in the namespace."""

    def leave(account: BivouacAccount) -> None:
        cloud_map = account.client("servicediscovery")
        (namespace,) = cloud_map.list_namespaces()["Namespaces"]
        cloud_map.create_service(Name="web", NamespaceId=namespace["Id"])

    return _fails(runs(), before_services=leave)


def _rolled_back(draw: Drawn) -> Story:
    """With a temporary cause, so that the rollback itself decides."""
    reason = (
        "CannotPullContainerError: pull image manifest has been retried 5 time(s): failed to do "
        "request: dial tcp 44.205.64.79:443: i/o timeout"
    )
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


CAUSES: Sequence[Cause] = (
    Cause("image that does not exist", Category.IMAGE_PULL, "first stop", _image),
    Cause("image of another CPU", Category.ARCHITECTURE, "first stop", _architecture),
    Cause("secret that does not exist", Category.SECRET_OR_ROLE, "second stop", _secret),
    Cause("role that tasks may not assume", Category.SECRET_OR_ROLE, "second stop", _role),
    Cause("log group that is gone", Category.LOG_GROUP, "second stop", _log_group),
    Cause("container exits", Category.EXIT, "second stop", _exit),
    Cause("out of memory", Category.OUT_OF_MEMORY, "second stop", _memory),
    Cause("health check fails", Category.HEALTH_CHECK, "second stop", _health_check),
    Cause("capacity never comes", Category.CAPACITY, "deadline", _refused(CAPACITY, ready="4m")),
    Cause("vCPU quota", Category.QUOTA, "first stop", _refused(VCPU_LIMIT)),
    Cause("zone without Fargate", Category.NETWORK, "first stop", _refused(INTERNAL_ERROR)),
    Cause("subnet that is gone", Category.NETWORK, "first stop", _subnet),
    Cause("Service Connect leftover", Category.SERVICE_CONNECT_LEFTOVER, "refusal", _leftover),
    Cause("rolled back", Category.IMAGE_PULL, "rollback", _rolled_back),
    Cause("edge with a wrong status", Category.CONNECTIVITY, "grace", _edge(answers(500))),
    Cause("edge that nobody answers", Category.NETWORK, "grace", _edge(answers_nothing())),
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
    bivouac: Said
    waiter: Said

    @property
    def seconds(self) -> float:
        return self.bivouac.at - self.evidence_at

    @property
    def right(self) -> bool:
        return self.bivouac.word == "FAILED" and self.bivouac.categories[:1] == (self.expected,)


def reported(seed: int, each: int, number: int) -> Reported:
    """The result for one story, in any process: its number identifies it."""
    cause = CAUSES[number // each]
    draw = random.Random(f"{seed} {number}")
    story = replace(cause.story(draw), kind=cause.name, seed=draw.randrange(1 << 30))
    played = play(story)
    grace_ends_at = (played.all_ready_at or 0.0) + GRACE_SECONDS
    first, due = evidence(cause.evidence, played.failures, played.deadline_at, grace_ends_at)
    return Reported(
        cause.name, cause.category, cause.evidence, first, due, played.bivouac, played.waiter
    )


# --- showing -------------------------------------------------------------------------------------


def show(found: Sequence[Reported], console: Console) -> None:
    made = table(
        "\nSeconds from the evidence to the verdict, worst of each cause",
        *("cause", "counted from", "s", "since the first", "category", "waiter, since the first"),
    )
    for cause in dict.fromkeys(each.cause for each in found):
        of_cause = [each for each in found if each.cause == cause]
        worst = max(of_cause, key=lambda each: each.seconds)
        wrong = [each for each in of_cause if not each.right]
        told = ", ".join(wrong[0].bivouac.categories) or wrong[0].bivouac.word if wrong else ""
        made.add_row(
            cause,
            worst.counted_from,
            f"{worst.seconds:.1f}",
            f"{max(each.bivouac.at - each.first_evidence_at for each in of_cause):.1f}",
            f"[red]{told}[/] instead of {worst.expected}" if wrong else worst.expected,
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
