"""Why a service does not become healthy, as early as the evidence allows."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bivouac.diagnosis import report, service_verdicts
from bivouac.diagnosis.aws_messages import Category
from bivouac.diagnosis.service_verdicts import (
    EVIDENCE_LENGTH,
    EVIDENCE_LINES,
    VERDICTS_LIMIT,
    ServiceFacts,
    Verdict,
    kept,
)
from tests.unit.described import (
    BEGAN,
    DEPLOYMENT,
    OLD,
    OURS,
    PROXY,
    after,
    container,
    deployment,
    event,
    service,
    stopped,
    task,
    task_arn,
)

Described = dict[str, Any]

IN_PROGRESS = deployment(rolloutState="IN_PROGRESS", runningCount=0)
WEB: Described = {"name": "web", "essential": True}
CHECKED: Described = {
    **WEB,
    "healthCheck": {
        "command": ["CMD-SHELL", "curl -f http://localhost/ || exit 1"],
        "interval": 5,
        "retries": 2,
    },
}


def facts(
    stops: Sequence[Described] = (),
    running: Sequence[Described] = (),
    events: Sequence[Described] = (),
    containers: Sequence[Described] = (WEB,),
    service_name: str = "web",
    **changes: Any,
) -> ServiceFacts:
    described = service(
        **{"deployments": [IN_PROGRESS], "runningCount": 0, "events": list(events), **changes}
    )
    return ServiceFacts(
        service_name,
        DEPLOYMENT,
        OURS,
        any("healthCheck" in entry for entry in containers),
        tuple(containers),
        described,
        tuple(running),
        tuple(stops),
    )


def judged(*stops: Described, **more: Any) -> Verdict:
    found = service_verdicts.verdict(facts(stops, **more))
    assert found is not None
    return found


# --- what stops a task ---------------------------------------------------------------------------

NEVER, ECS_DECIDES = 1, None
"""After how many stops the verdict is there; None: at the deadline, or once ECS gives up."""
TWICE = 2


@dataclass(frozen=True)
class Cause:
    """One cause as DescribeTasks shows it."""

    name: str
    reason: str
    category: Category
    stops: int | None
    next_step: str
    containers: tuple[Described, ...] = (container(),)
    stop_code: str = "TaskFailedToStart"
    definitions: tuple[Described, ...] = field(default=(WEB,))

    def stopped(self, number: int) -> Described:
        return stopped(
            self.reason, number, containers=list(self.containers), stopCode=self.stop_code
        )


EXITED = "Essential container in task exited"
CAUSES = [
    Cause(
        "H07 no such image",
        "CannotPullContainerError: pull image manifest has been retried 1 time(s): failed to "
        "resolve ref docker.io/library/nope:latest: not found",
        Category.IMAGE_PULL,
        NEVER,
        "name and tag",
    ),
    Cause(
        "H07 manifest unknown",
        "CannotPullContainerError: inspect image has been retried 5 time(s): manifest unknown",
        Category.IMAGE_PULL,
        NEVER,
        "name and tag",
    ),
    Cause(
        "H07 a private image",
        "CannotPullContainerError: pull image manifest has been retried 1 time(s): failed to "
        "resolve ref docker.io/library/shop:1: pull access denied, repository does not exist or "
        "may require authorization: server message: insufficient_scope: authorization failed",
        Category.IMAGE_PULL,
        NEVER,
        "execution role may pull",
    ),
    Cause(
        "H07 the role may not",
        "CannotPullContainerError: The task can't pull the image. Check that the role has the "
        "permissions to pull images from the registry.",
        Category.IMAGE_PULL,
        NEVER,
        "execution role may pull",
    ),
    Cause(
        "H07 forbidden",
        "CannotPullContainerError: ref pull has been retried 1 time(s): failed to copy: "
        "httpReaderSeeker: failed open: unexpected status code "
        "https://registry.example/v2/app/manifests/1: 403 Forbidden",
        Category.IMAGE_PULL,
        NEVER,
        "execution role may pull",
    ),
    Cause(
        "H07 no route",
        "CannotPullContainerError: pull image manifest has been retried 5 time(s): failed to "
        "resolve ref docker.io/library/nginx:404: failed to do request: Head "
        '"https://registry-1.docker.io/v2/library/nginx/manifests/404": dial tcp 44.205.64.79:443: '
        "i/o timeout",
        Category.IMAGE_PULL,
        ECS_DECIDES,
        "subnets reach the registry",
    ),
    Cause(
        "H07 no route to Amazon ECR",
        "CannotPullContainerError: The task cannot pull 123456789012.dkr.ecr.eu-west-1.amazonaws."
        "com/shop:1 from the Amazon ECR repository. There is a connection issue between the task "
        "and Amazon ECR. Check your task network configuration.",
        Category.IMAGE_PULL,
        ECS_DECIDES,
        "subnets reach the registry",
    ),
    Cause(
        "H07 rate limit",
        "CannotPullContainerError: inspect image has been retried 5 time(s): httpReaderSeeker: "
        "failed open: unexpected status code https://registry-1.docker.io/v2/library/nginx: 429 "
        "Too Many Requests - Server message: toomanyrequests: You have reached your pull rate "
        "limit.",
        Category.IMAGE_PULL,
        ECS_DECIDES,
        "repositoryCredentials",
    ),
    Cause(
        "H07 no such registry",
        "CannotPullContainerError: pull image manifest has been retried 7 time(s): failed to "
        "resolve ref registry.exampel/app:1: dial tcp: lookup registry.exampel: no such host",
        Category.IMAGE_PULL,
        TWICE,
        "name and tag",
    ),
    Cause(
        "too large an image",
        "CannotPullContainerError: write /var/lib/containerd/tmp/1: no space left on device",
        Category.IMAGE_PULL,
        TWICE,
        "ephemeralStorage",
    ),
    Cause(
        "architecture, by its manifest",
        "CannotPullContainerError: pull image manifest has been retried 7 time(s): image Manifest "
        "does not contain descriptor matching platform 'linux/amd64'",
        Category.ARCHITECTURE,
        NEVER,
        "cpuArchitecture",
    ),
    Cause(
        "architecture, by its start",
        EXITED,
        Category.ARCHITECTURE,
        NEVER,
        "cpuArchitecture",
        (container(exitCode=1, reason="exec /app: exec format error"),),
        "EssentialContainerExited",
    ),
    Cause(
        "H08 no such secret",
        "ResourceInitializationError: unable to pull secrets or registry auth: execution resource "
        "retrieval failed: unable to retrieve secret from asm: service call has been retried 1 "
        "time(s): ResourceNotFoundException: Secrets Manager can't find the specified secret.",
        Category.SECRET_OR_ROLE,
        TWICE,
        "secret's ARN",
    ),
    Cause(
        "H08 no right to the secret",
        "ResourceInitializationError: unable to pull secrets or registry auth: execution resource "
        "retrieval failed: unable to retrieve secret from asm: AccessDeniedException: User: "
        "arn:aws:sts::123456789012:assumed-role/exec/0af1 is not authorized to perform: "
        "secretsmanager:GetSecretValue",
        Category.SECRET_OR_ROLE,
        TWICE,
        "execution role may read it",
    ),
    Cause(
        "H08 no way to Secrets Manager",
        "ResourceInitializationError: unable to pull secrets or registry auth: unable to retrieve "
        "secret from asm: There is a connection issue between the task and AWS Secrets Manager. "
        "Check your task network configuration. context deadline exceeded",
        Category.NETWORK,
        TWICE,
        "NAT gateway",
    ),
    Cause(
        "H08 no way to Amazon ECR",
        "ResourceInitializationError: unable to pull secrets or registry auth: execution resource "
        "retrieval failed: unable to retrieve ecr registry auth: service call has been retried 3 "
        "time(s): RequestError: send request failed caused by: Post https://api.ecr.",
        Category.NETWORK,
        TWICE,
        "VPC endpoints",
    ),
    Cause(
        "H18 role",
        "ECS was unable to assume the role 'arn:aws:iam::123456789012:role/x' that was provided "
        "for this task.",
        Category.SECRET_OR_ROLE,
        TWICE,
        "trust policy",
    ),
    Cause(
        "H09 log group",
        "ResourceInitializationError: failed to validate logger args: create stream has been "
        "retried 1 times: failed to create Cloudwatch log stream: ResourceNotFoundException: The "
        "specified log group does not exist.",
        Category.LOG_GROUP,
        TWICE,
        "creates the log groups",
    ),
    Cause(
        "H09 no right to the log group",
        "ResourceInitializationError: failed to validate logger args: create stream has been "
        "retried 1 times: failed to create Cloudwatch log group: AccessDeniedException: User: "
        "arn:aws:sts::123456789012:assumed-role/exec/0af1 is not authorized to perform: "
        "logs:CreateLogGroup",
        Category.LOG_GROUP,
        TWICE,
        "execution role may write",
    ),
    Cause(
        "H09 no way to CloudWatch",
        "ResourceInitializationError: failed to validate logger args: The task cannot find the "
        "Amazon CloudWatch log group defined in the task definition. There is a connection issue "
        "between the task and Amazon CloudWatch. Check your network configuration: signal: killed",
        Category.NETWORK,
        TWICE,
        "VPC endpoints",
    ),
    Cause(
        "H10 memory",
        EXITED,
        Category.OUT_OF_MEMORY,
        TWICE,
        "more memory",
        (container(exitCode=137, reason="OutOfMemoryError: Container killed due to memory usage"),),
        "EssentialContainerExited",
    ),
    Cause(
        "H11 exit",
        EXITED,
        Category.EXIT,
        TWICE,
        "last lines",
        (container(exitCode=3),),
        "EssentialContainerExited",
    ),
    Cause(
        "H10 no such command",
        'CannotStartContainerError: failed to create task: exec: "serve": executable file not '
        "found in $PATH",
        Category.EXIT,
        NEVER,
        "entryPoint and command",
    ),
    Cause(
        "health check",
        "Task failed container health checks",
        Category.HEALTH_CHECK,
        TWICE,
        "startPeriod",
        (container(exitCode=143),),
        "ServiceSchedulerInitiated",
        (CHECKED,),
    ),
    Cause(
        "H14 Spot takes it back",
        "Your Spot Task was interrupted.",
        Category.CAPACITY,
        ECS_DECIDES,
        "FARGATE instead of FARGATE_SPOT",
        (container(exitCode=143),),
        "SpotInterruption",
    ),
    Cause(
        "slow network interface",
        "Timeout waiting for network interface provisioning to complete.",
        Category.NETWORK,
        ECS_DECIDES,
        "start the create again",
    ),
    Cause(
        "no free address",
        "Unexpected EC2 error while attempting to Create Network Interface with public IP "
        "assignment enabled in subnet 'subnet-0123456789abcdef': InsufficientFreeAddressesInSubnet",
        Category.NETWORK,
        TWICE,
        "free addresses",
    ),
    Cause(
        "no such subnet",
        "Unexpected EC2 error while attempting to Create Network Interface: InvalidSubnetID."
        "NotFound: The subnet ID 'subnet-0123' does not exist",
        Category.NETWORK,
        NEVER,
        "name one that exists",
    ),
    Cause(
        "EFS",
        "ResourceInitializationError: failed to invoke EFS utils commands to set up EFS volumes: "
        "stderr: mount.nfs4: Connection reset by peer : unsuccessful EFS utils command execution",
        Category.NETWORK,
        TWICE,
        "mount target",
    ),
    Cause(
        "H10 anything else",
        "ContainerRuntimeTimeoutError: Could not transition to running; timed out after 1m",
        Category.UNKNOWN,
        TWICE,
        "stopped tasks",
    ),
    Cause("no words at all", "", Category.UNKNOWN, TWICE, "stopped tasks", (), ""),
]


@pytest.mark.parametrize("shown", CAUSES, ids=lambda shown: shown.name)
def test_a_stopped_task_is_diagnosed_without_its_stop_code(shown: Cause) -> None:
    """Events of Spot interruptions have none (aws/containers-roadmap#1565): capacity, and not an
    exit of the application."""
    tasks = [shown.stopped(number) for number in range(1, 11)]
    untold = [{k: v for k, v in each.items() if k != "stopCode"} for each in tasks]
    seen = facts(untold, containers=shown.definitions)
    verdict = service_verdicts.verdict(seen) or service_verdicts.hindrance(seen)
    assert verdict is not None
    assert verdict.category is shown.category


@pytest.mark.parametrize("shown", CAUSES, ids=lambda shown: shown.name)
def test_each_cause_is_recognised_as_soon_as_it_is_certain(shown: Cause) -> None:
    """H07 to H11, H14, H18, H24: after one stop, two equal stops, or at the deadline."""
    tasks = [shown.stopped(number) for number in range(1, 11)]
    found = [
        service_verdicts.verdict(facts(tasks[:count], containers=shown.definitions))
        for count in range(len(tasks) + 1)
    ]
    first = next((count for count, verdict in enumerate(found) if verdict), None)
    assert first == shown.stops
    verdict = found[-1] or service_verdicts.hindrance(facts(tasks, containers=shown.definitions))
    assert verdict is not None
    assert verdict.category is shown.category
    assert verdict.service == "web"
    assert shown.next_step in verdict.next_step
    assert any(verdict.task == task["taskArn"] for task in tasks)
    assert not shown.reason or any(shown.reason[:80] in entry for entry in verdict.evidence)


@pytest.mark.parametrize("shown", [c for c in CAUSES if c.stops is None], ids=lambda c: c.name)
def test_a_temporary_failure_is_the_cause_once_ecs_gave_up(shown: Cause) -> None:
    """H02."""
    broken = deployment(rolloutState="FAILED", rolloutStateReason="circuit breaker: failed")
    verdict = judged(shown.stopped(1), deployments=[broken])
    assert verdict.category is shown.category
    assert "circuit breaker: failed" in verdict.evidence


@pytest.mark.parametrize("shown", CAUSES, ids=lambda shown: shown.name)
def test_a_temporary_failure_is_awaited_while_ecs_retries_more_rarely(shown: Cause) -> None:
    """H13: ECS lengthens its pauses, and still starts tasks."""
    impaired = "(service web) is unable to consistently start tasks successfully."
    verdict = service_verdicts.verdict(
        facts(
            [shown.stopped(1)],
            events=[event(impaired)],
            deployments=[{**IN_PROGRESS, "failedTasks": 3}],
        )
    )
    assert (verdict is None) == (shown.stops is ECS_DECIDES)
    assert verdict is None or verdict.category == shown.category
    assert verdict is None or impaired in verdict.evidence[:3]


def test_reasons_that_differ_only_in_ids_addresses_and_times_are_equal() -> None:
    def reason(ip: str, request: str, tries: int) -> str:
        return (
            "ResourceInitializationError: unable to pull secrets or registry auth: service call "
            f"has been retried {tries} time(s): AccessDeniedException: User: arn:aws:sts::"
            f"123456789012:assumed-role/exec/{request.replace('-', '')} from {ip}, request id: "
            f"{request}"
        )

    one = stopped(reason("172.31.0.4", "6f9f40da-0dd6-4a3c-9a86-7d1d1e57c5f6", 1), 1)
    two = stopped(reason("172.31.16.19", "1b7d2a50-9f1c-4c5e-8e9e-0f5f2f7a6b1c", 12), 2)
    assert judged(one, two).category is Category.SECRET_OR_ROLE


def test_two_stops_of_different_kinds_can_still_heal() -> None:
    memory = stopped("OutOfMemoryError: container killed due to memory usage", 1)
    assert not service_verdicts.verdict(
        facts([memory, stopped("ContainerRuntimeTimeoutError: x", 2)])
    )
    web, sidecar = container(exitCode=1), container("sidecar", exitCode=1)
    stops = [
        stopped(EXITED, 1, containers=[web, container("sidecar")]),
        stopped(EXITED, 2, containers=[container(), sidecar]),
    ]
    assert not service_verdicts.verdict(facts(stops))


def test_tasks_started_together_are_one_try() -> None:
    """H11: all three called the same server that did not exist yet; their replacements may not
    fail."""
    side_by_side = [
        stopped(EXITED, 1, taskArn=task_arn(10 + number), containers=[container(exitCode=1)])
        for number in range(3)
    ]
    again = stopped(EXITED, 2, containers=[container(exitCode=1)])
    assert not service_verdicts.verdict(facts(side_by_side, desiredCount=3))
    assert "seen in 4 tasks" in judged(*side_by_side, again, desiredCount=3).evidence


def test_a_task_read_twice_is_one_stop() -> None:
    assert not service_verdicts.verdict(facts([stopped(EXITED), stopped(EXITED)]))


@pytest.mark.parametrize(
    "changes",
    [
        {"stoppedReason": "Scaling activity initiated by (deployment ecs-svc/1)"},
        {"stoppedReason": "Availability-zone rebalancing initiated by (deployment ecs-svc/1)"},
        {"stoppedReason": "Task stopped by user"},
        {"stoppedReason": "looking into it", "stopCode": "UserInitiated"},
        {"startedBy": "ecs-svc/1"},
    ],
)
def test_a_deliberate_stop_or_a_foreign_task_is_no_failure(changes: Described) -> None:
    """H06, C15."""
    stops = [stopped("x", number, **changes) for number in range(5)]
    assert service_verdicts.verdict(facts(stops)) is None
    assert service_verdicts.hindrance(facts(stops)) is None


def test_denied_is_not_mistaken_for_an_eni() -> None:
    """The letters "eni" are part of many words."""
    stop = "ResourceInitializationError: something was denied"
    assert judged(stopped(stop, 1), stopped(stop, 2)).category is Category.UNKNOWN


# --- which container -----------------------------------------------------------------------------


def exits(*containers: Described, definitions: Sequence[Described] = ()) -> Verdict:
    tasks = [stopped(EXITED, number, containers=list(containers)) for number in (1, 2)]
    return judged(*tasks, containers=definitions)


@pytest.mark.parametrize(
    ("containers", "named"),
    [
        (
            [container("a", exitCode=0), container(PROXY, exitCode=137), container(exitCode=3)],
            "web",
        ),
        ([container("a", exitCode=143), container(exitCode=137)], "web"),
        ([container("a", exitCode=137), container(exitCode=1)], "web"),
        ([container("a", exitCode=143), container(exitCode=0)], "web"),
        ([container("a", exitCode=1), container(exitCode=137, reason="OutOfMemoryError")], "web"),
        ([container("a"), container(exitCode=255)], "web"),
        ([container(exitCode=0), container(PROXY, exitCode=1)], PROXY),
        ([container()], ""),
    ],
)
def test_the_container_that_failed_first_is_named(containers: list[Described], named: str) -> None:
    """H11, H24: ECS then stops the others, and does not say in which order they ended."""
    for order in (containers, containers[::-1]):
        assert exits(*order).container == named


def test_a_container_that_may_end_is_not_named() -> None:
    migration = {"name": "migrate", "essential": False}
    verdict = exits(
        container("migrate", exitCode=1), container(exitCode=2), definitions=[WEB, migration]
    )
    assert verdict.container == "web"
    assert "container migrate exited with code 1: an error of the application" in verdict.evidence


def test_exit_codes_are_explained() -> None:
    for code, words in {
        0: "ended by itself",
        1: "an error of the application",
        127: "its command was not found",
        137: "killed, out of memory or after its stop time-out",
        139: "segmentation fault",
        143: "told to stop",
        134: "aborted",
        255: "another CPU architecture",
        150: "signal 22",
        42: "an error of the application",
    }.items():
        first = exits(container(exitCode=code)).evidence[0]
        assert first.startswith(f"container web exited with code {code}: ")
        assert words in first


def test_a_failure_of_the_proxy_is_not_blamed_on_the_application() -> None:
    """T15."""
    verdict = exits(container(exitCode=0), container(PROXY, exitCode=1))
    assert verdict.category is Category.PROXY
    assert f"{PROXY} is the Service Connect proxy, which ECS adds to the task" in verdict.evidence
    assert "256 CPU units and 64 MiB" in verdict.next_step


def test_a_health_check_is_named_with_its_container_and_command() -> None:
    """H20."""
    reason = "Task failed container health checks"
    verdict = judged(stopped(reason, 1), stopped(reason, 2), containers=[CHECKED])
    assert verdict.container == "web"
    assert (
        "container web: health check CMD-SHELL curl -f http://localhost/ || exit 1 "
        "(every 5 s, 2 retries, startPeriod 0 s)"
    ) in verdict.evidence


def unhealthy(number: int, name: str = "web") -> Described:
    sick = {"name": name, "lastStatus": "RUNNING", "healthStatus": "UNHEALTHY"}
    return task(
        taskArn=task_arn(number),
        healthStatus="UNHEALTHY",
        containers=[sick],
        createdAt=after(20 * number),
        startedAt=after(20 * number + 10),
    )


def test_an_unhealthy_task_counts_before_ecs_stops_it() -> None:
    """ECS starts its replacement first; the second failure is the verdict."""
    assert not service_verdicts.verdict(facts(running=[unhealthy(1)], containers=[CHECKED]))
    first = stopped("Task failed container health checks", 1)
    verdict = judged(first, running=[unhealthy(2)], containers=[CHECKED])
    assert verdict.category is Category.HEALTH_CHECK
    assert verdict.task == first["taskArn"], "the one whose log is complete"


def test_an_unhealthy_proxy_is_reported_as_the_proxys() -> None:
    verdict = judged(running=[unhealthy(1, PROXY), unhealthy(2, PROXY)])
    assert verdict.category is Category.PROXY
    assert verdict.container == PROXY
    assert "proxy failed, not your container" in verdict.next_step


@pytest.mark.parametrize("kind", ["ServiceConnect", "Service Connect"])
def test_a_task_that_cannot_be_attached_to_service_connect_fails(kind: str) -> None:
    """H21. AWS returns the first (recorded in 2024), its documentation has the second."""
    lost = task(lastStatus="PENDING", attachments=[{"type": kind, "status": "FAILED"}])
    assert judged(running=[lost]).category is Category.CONNECTIVITY


# --- events --------------------------------------------------------------------------------------

CAPACITY = (
    "(service web) was unable to place a task. Reason: Capacity is unavailable at this time. "
    "Please try again later or in a different availability zone."
)
ROLE = (
    "(service web) failed to launch a task with (error ECS was unable to assume the role "
    "'arn:aws:iam::123456789012:role/x' that was provided for this task.)."
)
EVENTS: list[tuple[str, str, Category | None, str]] = [
    (
        "H15 vCPUs",
        "(service web) was unable to place a task. Reason: You've reached the limit on the number "
        "of vCPUs you can run concurrently.",
        Category.QUOTA,
        "Service Quotas",
    ),
    (
        "H15 tasks",
        "(service web) was unable to place a task. Reason: You've reached the limit on the number "
        "of tasks you can run concurrently",
        Category.QUOTA,
        "Service Quotas",
    ),
    (
        "H15 size",
        "(service web) was unable to place a task. Reason: The requested MEMORY configuration is "
        "above your limit.",
        Category.QUOTA,
        "Service Quotas",
    ),
    (
        "H16",
        "(service web) was unable to place a task. Reason: Internal error.",
        Category.NETWORK,
        "Availability Zone",
    ),
    (
        "S07",
        "(service web) SC service is already used by arn:aws:servicediscovery:x",
        Category.SERVICE_CONNECT_LEFTOVER,
        "discoveryName",
    ),
    (
        "no container instances",
        "(service web) was unable to place a task because no container instance met all of its "
        "requirements. Reason: No Container Instances were found in your cluster.",
        Category.CAPACITY,
        "launchType FARGATE",
    ),
    (
        "IAM",
        "IAM trust relationship has been misconfigured or changed, and ECS can no longer maintain "
        "your service",
        Category.SECRET_OR_ROLE,
        "trust policy",
    ),
    (
        "H07 in an event",
        "(service web) was unable to place a task. Reason: CannotPullContainerError: pull image "
        "manifest has been retried 1 time(s): docker.io/library/nope:1: not found.",
        Category.IMAGE_PULL,
        "name and tag",
    ),
    (
        "H07 in an event of other words",
        "(service web) was unable to place a task. The reason for failure is "
        "CannotPullContainerError: pull image manifest has been retried 1 time(s): "
        "docker.io/library/nope:1: not found.",
        Category.IMAGE_PULL,
        "name and tag",
    ),
    (
        "H16 in other words",
        "(service web) was unable to place a task. The reason for failure is Internal error.",
        Category.NETWORK,
        "Availability Zone without Fargate",
    ),
    ("H14", CAPACITY, None, "more subnets"),
    ("H14 one", "(service web) could not launch 1 task for it.", None, "more subnets"),
    ("H14 some", "(service web) could not launch 2 tasks for it.", None, "more subnets"),
    (
        "H17",
        "(service web) operations are being throttled. Will try again later.",
        None,
        "fewer environments are created at once",
    ),
    (
        "H19",
        "(service web) was unable to stop or start tasks during a deployment because of the "
        "service deployment configuration.",
        None,
        "maximumPercent",
    ),
    ("H18", ROLE, None, "trust policy"),
]


@pytest.mark.parametrize(
    ("message", "category", "next_step"),
    [case[1:] for case in EVENTS],
    ids=[case[0] for case in EVENTS],
)
def test_an_event_ends_the_wait_only_if_the_failure_is_permanent(
    message: str, category: Category | None, next_step: str
) -> None:
    """H12 to H19, S07."""
    seen = facts(events=[event("(service web) has started 1 tasks", 1), event(message)])
    verdict = service_verdicts.verdict(seen)
    assert (verdict.category if verdict else None) is category
    told = verdict or service_verdicts.hindrance(seen)
    assert told is not None
    assert told.evidence == (message,)
    assert next_step in told.next_step


@pytest.mark.parametrize(
    "reason",
    [
        "CannotPullContainerError: pull image manifest has been retried 1 time(s): failed to "
        "resolve ref docker.io/library/nope:1: not found",
        "ResourceInitializationError: unable to pull secrets or registry auth: execution resource "
        "retrieval failed: AccessDeniedException: not authorized",
        "Timeout waiting for network interface provisioning to complete.",
    ],
)
def test_an_event_about_a_task_of_the_deployment_before_is_not_ours(reason: str) -> None:
    """Its task stops just after ours began, as while a redeploy is rolled back; the event names
    neither (its form is recorded 2025 and 2026: the stopped reason of the task)."""
    told = event(f"(service web) was unable to place a task. Reason: {reason.rstrip('.')}.", 3)
    theirs = stopped(reason, startedBy="ecs-svc/0000000000000000001", taskDefinitionArn=OLD)
    seen = facts([theirs], events=[told])
    assert service_verdicts.verdict(seen) is None
    assert service_verdicts.hindrance(seen) is None
    both = facts([theirs, stopped(reason, 2), stopped(reason, 3)], events=[told])
    verdict = service_verdicts.verdict(both) or service_verdicts.hindrance(both)
    assert verdict is not None, "ours ended so, too"
    assert reason in verdict.evidence[0]


def test_a_role_that_ecs_cannot_assume_is_reported_at_the_second_try() -> None:
    """H18, H25: the event is not repeated, the failed tries are counted."""
    once = [{**IN_PROGRESS, "failedTasks": 1}]
    twice = [{**IN_PROGRESS, "failedTasks": 2}]
    assert not service_verdicts.verdict(facts(events=[event(ROLE)], deployments=once))
    assert judged(events=[event(ROLE)], deployments=twice).category is Category.SECRET_OR_ROLE
    pulls = [stopped("CannotPullContainerError: i/o timeout", number) for number in (1, 2)]
    assert not service_verdicts.verdict(facts(pulls, events=[event(ROLE)], deployments=twice))


@pytest.mark.parametrize(
    "message",
    [
        "(service web) has reached a steady state.",
        "(service web) has started 1 tasks: (task 0123).",
        "(service web) (task 0123) failed container health checks.",
        "(service web) has stopped 1 running tasks: (task 0123).",
    ],
)
def test_other_events_are_no_cause(message: str) -> None:
    """H12, H25."""
    assert service_verdicts.verdict(facts(events=[event(message)])) is None
    assert service_verdicts.hindrance(facts(events=[event(message)])) is None


def test_only_events_of_our_deployment_count() -> None:
    """H13, H25: an update sees the events of earlier deployments."""
    quota = EVENTS[0][1]
    earlier = "(service web) (deployment ecs-svc/1) deployment failed: tasks failed to start."
    assert not service_verdicts.verdict(facts(events=[event(quota, -60), event(earlier, 5)]))
    named = f"(service web) (deployment {DEPLOYMENT}) deployment failed: tasks failed to start."
    failing = [{**IN_PROGRESS, "failedTasks": 3}]
    verdict = judged(events=[event(named)], deployments=failing)
    assert verdict.category is Category.UNKNOWN
    assert verdict.evidence[0] == named


# --- ECS gives up --------------------------------------------------------------------------------

ROLLED_BACK = deployment(
    id="ecs-svc/0000000000000000003",
    taskDefinition=OLD,
    createdAt=after(100),
    rolloutState="IN_PROGRESS",
    rolloutStateReason="ECS deployment circuit breaker: rolling back to deploymentId ecs-svc/1.",
)
FAILED = deployment(
    status="ACTIVE",
    rolloutState="FAILED",
    rolloutStateReason="ECS deployment circuit breaker: tasks failed to start.",
    failedTasks=3,
)


@pytest.mark.parametrize("listed", [[ROLLED_BACK, FAILED], [ROLLED_BACK]])
def test_a_rollback_is_reported_with_its_cause(listed: list[Described]) -> None:
    """H02, H03: the old revision runs well, and the create has still failed."""
    old = task(taskDefinitionArn=OLD, startedBy="ecs-svc/0000000000000000003")
    reason = "CannotPullContainerError: i/o timeout"
    verdict = judged(stopped(reason), running=[old], deployments=listed, runningCount=1)
    assert verdict.category is Category.IMAGE_PULL
    assert verdict.evidence[0] == reason
    assert any("rolled back by the circuit breaker" in entry for entry in verdict.evidence)


def test_a_rollback_without_evidence_is_reported_as_a_rollback() -> None:
    """H02, H03, H22."""
    verdict = judged(deployments=[ROLLED_BACK, FAILED])
    assert verdict.category is Category.ROLLBACK
    assert verdict.evidence[0] == "ECS deployment circuit breaker: tasks failed to start."
    assert "the service's events" in verdict.next_step


def test_a_foreign_deployment_is_no_rollback_by_ecs() -> None:
    """H03."""
    other = deployment(id="ecs-svc/0000000000000000009", rolloutState="COMPLETED")
    scaled = stopped(f"Scaling activity initiated by (deployment {other['id']})")
    verdict = judged(scaled, deployments=[other], running=[task(startedBy=other["id"])])
    assert verdict.category is Category.ROLLBACK
    assert "another deployment took over" in verdict.evidence[0]
    assert "let only Bivouac change it" in verdict.next_step


def test_reads_that_lag_behind_an_update_show_no_rollback() -> None:
    """H03, S16, S18: the earlier state, and no sign of ours."""
    before = deployment(id="ecs-svc/1", taskDefinition=OLD)
    ready = event("(service web) (deployment ecs-svc/1) deployment completed.", -60)
    running = task(startedBy="ecs-svc/1", taskDefinitionArn=OLD)
    assert not service_verdicts.verdict(
        facts(running=[running], events=[ready], deployments=[before])
    )


def test_a_failed_rollout_fails_although_nothing_is_desired() -> None:
    """H02: what the official waiter calls stable."""
    broken = deployment(rolloutState="FAILED")
    assert judged(deployments=[broken], desiredCount=0).category is Category.ROLLBACK


def test_throttled_starts_count_as_given_up_until_a_task_runs() -> None:
    """H05, H13."""
    impaired = [event("(service web) is unable to consistently start tasks successfully.")]
    failing, recovered = ({**IN_PROGRESS, "failedTasks": count} for count in (3, 0))
    assert judged(events=impaired, deployments=[failing]).category is Category.UNKNOWN
    assert not service_verdicts.verdict(facts(events=impaired, deployments=[recovered]))


# --- proof clients -------------------------------------------------------------------------------


@pytest.mark.parametrize("reason", ["CannotPullContainerError: not found", EXITED])
def test_a_failed_proof_client_is_not_reported_as_a_service(reason: str) -> None:
    tasks = [
        stopped(reason, number, containers=[container("idle", exitCode=127)]) for number in (1, 2)
    ]
    verdict = judged(*tasks, service_name="bivouac-proof-1-1")
    assert verdict.next_step.startswith("Bivouac's own short-lived client failed")
    assert "ProofImage" in verdict.next_step


# --- never from healthy data, and in any order ---------------------------------------------------

BENIGN = st.sampled_from(
    [
        "(service web) has started 1 tasks: (task 0123).",
        "(service web) has reached a steady state.",
        f"(service web) (deployment {DEPLOYMENT}) deployment completed.",
        "(service web) registered 1 targets in (target-group x)",
        "(service web) has stopped 1 running tasks: (task 0123).",
    ]
)
SECONDS = st.integers(0, 600)
STOPS = st.builds(
    lambda shown, number: shown.stopped(number), st.sampled_from(CAUSES), st.integers(1, 30)
)
ANY_EVENT = st.builds(
    event, BENIGN | st.sampled_from([case[1] for case in EVENTS]) | st.text(max_size=40), SECONDS
)


@given(
    desired=st.integers(0, 5),
    checked=st.booleans(),
    stops=st.lists(STOPS, max_size=8),
    events=st.lists(ANY_EVENT, max_size=8),
    state=st.sampled_from(["IN_PROGRESS", "COMPLETED"]),
)
def test_a_healthy_service_never_fails_whatever_happened_before(
    desired: int,
    checked: bool,
    stops: list[Described],
    events: list[Described],
    state: str,
) -> None:
    health = "HEALTHY" if checked else "UNKNOWN"
    running = [task(taskArn=task_arn(100 + n), healthStatus=health) for n in range(desired)]
    seen = facts(
        stops,
        running,
        events,
        [CHECKED if checked else WEB],
        desiredCount=desired,
        deployments=[deployment(rolloutState=state)],
    )
    assert service_verdicts.verdict(seen) is None
    assert service_verdicts.hindrance(seen) is None


@given(
    running=st.lists(st.sampled_from(["PROVISIONING", "PENDING", "ACTIVATING", "RUNNING"])),
    events=st.lists(st.builds(event, BENIGN, SECONDS), max_size=8),
    ended=st.integers(0, 5),
)
def test_a_starting_service_never_fails(
    running: list[str], events: list[Described], ended: int
) -> None:
    tasks = [task(taskArn=task_arn(100 + n), lastStatus=each) for n, each in enumerate(running)]
    scaled = "Scaling activity initiated by (deployment ecs-svc/1)"
    stops = [stopped(scaled, number) for number in range(ended)]
    assert service_verdicts.verdict(facts(stops, tasks, events, [CHECKED], desiredCount=9)) is None


@given(
    stops=st.lists(STOPS, max_size=6, unique_by=lambda stop: stop["taskArn"]),
    events=st.lists(ANY_EVENT, max_size=6),
    listed=st.sampled_from([[IN_PROGRESS], [ROLLED_BACK, FAILED]]),
    data=st.data(),
)
def test_the_order_of_tasks_and_events_does_not_matter(
    stops: list[Described], events: list[Described], listed: list[Described], data: st.DataObject
) -> None:
    """Lists come in any order, and events arrive late."""
    seen = facts(stops, events=events, deployments=listed)
    mixed = facts(
        data.draw(st.permutations(stops)),
        events=data.draw(st.permutations(events)),
        deployments=listed[::-1],
    )
    assert service_verdicts.verdict(seen) == service_verdicts.verdict(mixed)
    assert service_verdicts.hindrance(seen) == service_verdicts.hindrance(mixed)


@given(st.lists(STOPS, min_size=1, max_size=12), st.text(max_size=2_000))
def test_a_verdict_is_small_and_survives_json(stops: list[Described], noise: str) -> None:
    """W08: 20 of them must fit into a state of 256 KiB."""
    broken = deployment(rolloutState="FAILED", rolloutStateReason=noise)
    verdict = judged(*stops, deployments=[broken])
    text = json.dumps(verdict.to_json())
    assert Verdict.from_json(json.loads(text)) == verdict
    assert len(" ".join(verdict.evidence)) < 6_000


def test_evidence_shows_no_secrets() -> None:
    """Failure-modes 7.2: a reason or a health check can contain one just like a log line."""
    check = {**CHECKED, "healthCheck": {"command": ["CMD", "mysql", "--password=hunter2"]}}
    reason = "Task failed container health checks"
    tasks = [stopped(reason, n, containers=[container(reason="token=hunter2")]) for n in (1, 2)]
    verdict = judged(*tasks, containers=[check])
    assert "hunter2" not in str(verdict)
    assert "--password=[redacted]" in str(verdict)


# --- other verdicts ------------------------------------------------------------------------------


def test_a_refusal_for_a_leftover_endpoint_says_what_to_do() -> None:
    """S07."""
    message = (
        "service web: CreateService answered InvalidParameterException: "
        "SC service is already used by arn:x"
    )
    verdict = service_verdicts.of_refusal("demo", message)
    assert verdict is not None
    assert verdict.category is Category.SERVICE_CONNECT_LEFTOVER
    assert "discoveryName" in verdict.next_step


def test_a_clear_refusal_is_quoted_unchanged() -> None:
    assert service_verdicts.of_refusal("demo", "cluster demo: access denied") is None


def test_the_deadline_reports_what_was_still_missing() -> None:
    verdict = service_verdicts.out_of_time(
        "web", ["tasks running: 0 of 1"], ["has reached a steady state"]
    )
    assert verdict.category is Category.TIME_OUT
    assert verdict.evidence == ("tasks running: 0 of 1",)


def test_the_deadline_reports_missing_capacity() -> None:
    """H14: it was temporary, and lasted until the deadline."""
    verdict = service_verdicts.out_of_time("web", ["tasks running: 0 of 1"], [CAPACITY])
    assert verdict.category is Category.CAPACITY
    assert verdict.evidence == ("tasks running: 0 of 1", CAPACITY)


def test_the_deadline_reports_what_prevented_it() -> None:
    """H07: time-outs of the registry are waited for, and are the cause in the end."""
    reason = "CannotPullContainerError: i/o timeout"
    hindered = service_verdicts.hindrance(facts([stopped(reason, 1), stopped(reason, 2)]))
    verdict = service_verdicts.out_of_time("web", ["tasks running: 0 of 1"], [], hindered)
    assert verdict.category is Category.IMAGE_PULL
    assert verdict.evidence == (reason, "seen in 2 tasks", "tasks running: 0 of 1")


def test_a_past_failure_is_not_reported_at_the_deadline() -> None:
    """H20: it exited once, and has run since then without ever being HEALTHY."""
    once = stopped(EXITED, 1)
    assert service_verdicts.hindrance(facts([once], [task()], containers=[CHECKED])) is None


def test_only_the_log_tells_a_binary_of_another_architecture() -> None:
    exit_255 = exits(container(exitCode=255))
    told = service_verdicts.with_log(exit_255, ["exec /app/server: exec format error"])
    assert told.category is Category.ARCHITECTURE
    assert "cpuArchitecture" in told.next_step
    assert service_verdicts.with_log(exit_255, ["no database"]) == exit_255


@pytest.mark.parametrize(
    "line",
    [
        'nginx: [emerg] host not found in upstream "api" in /etc/nginx/conf.d/default.conf:3',
        "[error] 7#7: *1 api could not be resolved (3: Host not found), client: 127.0.0.1",
        "Error: getaddrinfo ENOTFOUND api",
        "Error: queryA ENOTFOUND api.internal",
        "requests.exceptions.ConnectionError: [Errno -2] Name or service not known",
        "java.net.UnknownHostException: api",
        "dial tcp: lookup api on 172.31.0.2:53: no such host",
        "curl: (6) Could not resolve host: api",
    ],
)
def test_an_application_that_resolves_no_alias_is_recognised_by_its_log(line: str) -> None:
    """mcp-gateway-registry#548: a resolver of its own ignores the hosts file."""
    broken = Verdict.of(Category.CONNECTIVITY, "web", ["web: HTTP 502"], "Check.")
    told = service_verdicts.with_log(broken, ["started", line, "last words"])
    assert told.category is Category.CONNECTIVITY
    assert f"the log says: {line}" in told.evidence
    assert "hosts files" in told.next_step


# --- the report ----------------------------------------------------------------------------------


def test_a_report_has_cause_evidence_last_lines_and_next_step() -> None:
    verdict = Verdict(Category.EXIT, "web", ("exited with code 3", "x"), "Do.", container="app")
    assert report.report([verdict], ["no database"]).splitlines() == [
        "web: container exit: exited with code 3",
        "  evidence: exited with code 3",
        "  evidence: x",
        "  last lines of app:",
        "    no database",
        "  next step: Do.",
    ]
    assert "last lines" not in report.report([verdict], [])


def test_a_report_has_a_line_for_each_other_failure() -> None:
    failed = [Verdict(Category.EXIT, name, (f"{name} died",), "Do.") for name in ("web", "api")]
    assert report.report(failed, []).splitlines()[-2:] == [
        "  next step: Do.",
        "also api: container exit: api died",
    ]


def test_a_report_fits_the_description_that_a_parent_execution_gets() -> None:
    """An execution that starts another and waits gets its whole description as JSON, cut at 32,768
    characters, and reads the cause from it (statemachine/wake_environment.asl.yaml)."""
    arn = "arn:aws:states:eu-central-1:123456789012:execution:bivouac-create-environment:"
    told = {
        "Cause": '"\\' * (report.LIMIT // 2),
        "Error": "DeploymentFailedError",
        "ExecutionArn": arn + "a" * 80,
        "Input": json.dumps({"wake": {"environment": "a" * 40, "reason": "b" * 256}}),
        "InputDetails": {"Included": True},
        "Name": "a" * 80,
        "StartDate": 1_700_000_000_000,
        "StateMachineArn": arn,
        "Status": "FAILED",
        "StopDate": 1_700_000_000_000,
    }
    assert len(json.dumps(told)) < 32_768


@given(st.integers(0, 400), st.lists(st.text(max_size=2_000), max_size=8))
def test_a_report_always_fits_and_keeps_the_next_step(others: int, evidence: list[str]) -> None:
    """W08."""
    first = Verdict(Category.EXIT, "web", tuple(evidence), "Do this.")
    other = Verdict(Category.EXIT, "a" * 120, ("died of something " * 20,), "Do.")
    text = report.report([first, *[other] * others], ["x" * 300] * 20)
    assert len(json.dumps(text, ensure_ascii=False).encode()) <= report.LIMIT + len('""')
    assert "next step: Do this." in text
    assert others < 100 or text.splitlines()[-1].endswith("more")


def test_a_few_verdicts_are_kept_in_full() -> None:
    few = [Verdict.of(Category.EXIT, name, ["died", "again"], "Do.") for name in ("web", "api")]
    assert [Verdict.from_json(entry) for entry in kept(few)] == few
    assert kept([]) == []


@pytest.mark.parametrize("count", [1, 7, 8, 60, 300])
@pytest.mark.parametrize("word", ["died ", "死んだ ", '"\\" '])
def test_of_many_verdicts_as_much_is_kept_as_fits(count: int, word: str) -> None:
    """Together with everything else that an execution's state and a record hold; as JSON."""
    line = (word * EVIDENCE_LENGTH)[: EVIDENCE_LENGTH - 2]
    lines = tuple(f"{n} {line}" for n in range(EVIDENCE_LINES))
    many = [Verdict(Category.EXIT, f"{n}-{'a' * 120}", lines, "Do.") for n in range(count)]
    entries = kept(many)
    assert len(json.dumps(entries)) <= VERDICTS_LIMIT
    told = [Verdict.from_json(entry) for entry in entries]
    assert told[0].evidence[: len(many[0].evidence)] == many[0].evidence
    assert [each.service for each in told] == [each.service for each in many[: len(told)]]
    if left := count - len(told):
        assert told[-1].evidence[-1] == f"and {left} more that failed"


def test_the_start_of_a_deployment_is_no_failure() -> None:
    """H01, H25."""
    assert IN_PROGRESS["createdAt"] == BEGAN
    assert service_verdicts.verdict(facts()) is None


# --- who ended what ------------------------------------------------------------------------------


def test_a_container_ended_by_ecs_is_not_reported_as_exiting() -> None:
    """A web server that ends with 0 when it is told to stop."""
    stops = [
        stopped(
            "Task failed container health checks",
            number,
            stopCode="ServiceSchedulerInitiated",
            containers=[container(exitCode=0)],
        )
        for number in (1, 2)
    ]
    verdict = judged(*stops, containers=[CHECKED])
    assert verdict.category is Category.HEALTH_CHECK
    assert verdict.evidence[:3] == (
        "Task failed container health checks",
        "container web: health check CMD-SHELL curl -f http://localhost/ || exit 1 "
        "(every 5 s, 2 retries, startPeriod 0 s)",
        "container web exited with code 0 when ECS stopped the task",
    )


def test_a_failed_migration_that_others_wait_for_is_named() -> None:
    app = {**WEB, "dependsOn": [{"containerName": "migrate", "condition": "SUCCESS"}]}
    verdict = exits(
        container(), container("migrate", exitCode=3), definitions=[app, SIDECAR | MIGRATE]
    )
    assert (verdict.category, verdict.container) == (Category.EXIT, "migrate")
    assert verdict.evidence[0] == (
        "container migrate exited with code 3: an error of the application"
    )
    assert "container web starts only after migrate has ended with SUCCESS" in verdict.evidence


SIDECAR: Described = {"name": "sidecar", "essential": False}
MIGRATE: Described = {"name": "migrate"}


def test_a_sidecar_that_crashes_is_mentioned_whatever_else_fails() -> None:
    verdict = exits(
        container(exitCode=1),
        container("sidecar", exitCode=2),
        definitions=[WEB, SIDECAR],
    )
    assert verdict.container == "web"
    assert any(
        line.startswith("container sidecar, which is not essential, exited with code 2")
        for line in verdict.evidence
    )


def test_crashes_of_the_proxy_are_equal_whatever_its_name() -> None:
    """Its name ends in different letters in each task (recorded in 2024)."""
    stops = [
        stopped(EXITED, number, containers=[container(f"ecs-service-connect-{name}", exitCode=1)])
        for number, name in ((1, "oRK9o"), (2, "Y84Lt"))
    ]
    verdict = judged(*stops)
    assert verdict.category is Category.PROXY
    assert verdict.container == "ecs-service-connect-oRK9o", "whose log there is"


def test_a_proxy_that_ended_with_its_task_is_not_blamed() -> None:
    """Recorded in 2026: the proxy ends with 0 after its application."""
    verdict = exits(container(exitCode=143), container(PROXY, exitCode=0))
    assert (verdict.category, verdict.container) == (Category.EXIT, "web")


@pytest.mark.parametrize("health", ["UNKNOWN", "UNHEALTHY"])
def test_a_proxy_that_never_becomes_healthy_is_the_verdict_at_the_deadline(health: str) -> None:
    """amazon-ecs-service-connect-agent#155."""
    running = task(
        containers=[
            {"name": PROXY, "lastStatus": "RUNNING", "healthStatus": health},
            {"name": "web", "lastStatus": "RUNNING"},
        ]
    )
    hindrance = service_verdicts.hindrance(facts(running=[running]))
    assert hindrance is not None
    assert hindrance.category is Category.PROXY
    assert hindrance.evidence[0] == (
        f"the Service Connect proxy {PROXY} is not HEALTHY but {health}"
    )


def test_a_denial_starts_with_who_what_and_which_resource() -> None:
    """However long the message is, and however it is shown."""
    secret = "arn:aws:secretsmanager:eu-central-1:111122223333:secret:prod/shop/database-a1B2c3"
    reason = (
        "ResourceInitializationError: unable to pull secrets or registry auth: execution resource "
        "retrieval failed: unable to retrieve secret from asm: service call has been retried 1 "
        f"time(s): failed to fetch secret {secret} from secrets manager: operation error Secrets "
        "Manager: GetSecretValue, https response error StatusCode: 400, RequestID: "
        "415e6826-9d7a-4ef1-8bc1-7d2b1d5bb7c2, api error AccessDeniedException: User: "
        "arn:aws:sts::111122223333:assumed-role/shopExecutionRole/7cb0a1 is not authorized to "
        f"perform: secretsmanager:GetSecretValue on resource: {secret} because no identity-based "
        "policy allows the secretsmanager:GetSecretValue action"
    )
    verdict = judged(stopped(reason, 1), stopped(reason, 2))
    said = "the role shopExecutionRole may not perform secretsmanager:GetSecretValue on " + secret
    assert verdict.evidence[0] == said
    assert said in report.report([verdict], []).splitlines()[0]


def test_the_end_of_a_long_message_is_shown_because_it_says_why() -> None:
    reason = "CannotPullContainerError: " + "x" * 900 + ": 403 Forbidden"
    shown = judged(stopped(reason)).evidence[0]
    assert len(shown) == EVIDENCE_LENGTH
    assert shown.startswith("CannotPullContainerError: ")
    assert shown.endswith(": 403 Forbidden")


def test_a_container_that_never_started_for_another_one_is_not_blamed() -> None:
    """amazon-ecs-agent#3218: it is marked with 143, and with the reason of its dependency."""
    reason = (
        "CannotStartContainerError: dependency graph: failed to resolve container ordering "
        "dependency [migrate (STOPPED->RUNNING) - Exit: 3] for target [web (NONE->RUNNING)]"
    )
    app = {**WEB, "dependsOn": [{"containerName": "migrate", "condition": "SUCCESS"}]}
    shown = [container(exitCode=143, reason=reason), container("migrate", exitCode=3)]
    stops = [stopped(reason, number, containers=shown) for number in (1, 2)]
    verdict = judged(*stops, containers=[app, SIDECAR | MIGRATE])
    assert (verdict.category, verdict.container) == (Category.EXIT, "migrate")
