"""Why a service does not become healthy, from what ECS shows of it. Pure.

Facts in, a verdict out: the category, the evidence, whether it can heal by itself, and the next
step to take. The ids in the table name failure modes.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from enum import StrEnum
from typing import Any

Described = Mapping[str, Any]


class Category(StrEnum):
    IMAGE_PULL = "image pull"
    SECRET_OR_ROLE = "secret or role"
    LOG_GROUP = "log group"
    ARCHITECTURE = "wrong CPU architecture"
    OUT_OF_MEMORY = "out of memory"
    HEALTH_CHECK = "health check"
    EXIT = "container exit"
    CAPACITY = "capacity"
    QUOTA = "quota"
    NETWORK = "network or security group"
    SERVICE_CONNECT_LEFTOVER = "Service Connect leftover"
    ROLLBACK = "rollback"
    CONNECTIVITY = "connectivity"
    TIME_OUT = "out of time"
    UNKNOWN = "unknown"


@dataclass(frozen=True)
class Verdict:
    """Why the environment is not ready."""

    category: Category
    service: str
    evidence: tuple[str, ...]
    next_step: str
    task: str = ""
    """ARN of the task that shows it, where one does."""
    container: str = ""

    def to_json(self) -> dict[str, Any]:
        return asdict(self)

    @classmethod
    def from_json(cls, content: Mapping[str, Any]) -> Verdict:
        return cls(
            **{
                **content,
                "category": Category(content["category"]),
                "evidence": tuple(content["evidence"]),
            }
        )


@dataclass(frozen=True)
class _Sign:
    """A text of ECS's and what it means."""

    pattern: re.Pattern[str]
    category: Category
    permanent: bool
    """It cannot heal: one occurrence is enough. Others need two of the same kind."""
    next_step: str


def _sign(pattern: str, category: Category, permanent: bool, next_step: str) -> _Sign:
    return _Sign(re.compile(pattern, re.IGNORECASE), category, permanent, next_step)


_STOP_SIGNS = (
    _sign(
        r"exec format error|image manifest does not contain descriptor matching platform",
        Category.ARCHITECTURE,
        True,
        "Build the image for the task's runtimePlatform.cpuArchitecture (X86_64 unless given), or "
        "set it to what the image is.",
    ),
    _sign(
        r"CannotPull\w*Error.*(not found|manifest unknown|does not exist|403|denied|unauthorized|"
        r"invalid reference)",
        Category.IMAGE_PULL,
        True,
        "Check the image's name and tag, and that the execution role may pull it (H07).",
    ),
    _sign(
        r"CannotPull\w*Error",
        Category.IMAGE_PULL,
        False,
        "Check that the subnets reach the registry: a public address, a NAT gateway or VPC "
        "endpoints; and the registry's rate limit (H07).",
    ),
    _sign(
        r"unable to pull secrets|unable to retrieve secret|secretsmanager|ssm:GetParameters",
        Category.SECRET_OR_ROLE,
        False,
        "Check the secret's ARN, that the execution role may read it, and that the subnets reach "
        "Secrets Manager or SSM (H08).",
    ),
    _sign(
        r"unable to assume the (task|execution)?.*role|unable to retrieve credentials",
        Category.SECRET_OR_ROLE,
        False,
        "Check that the role exists and that its trust policy names ecs-tasks.amazonaws.com (H18).",
    ),
    _sign(
        r"specified log group does not exist|failed to create Cloudwatch log stream|"
        r"failed to validate logger args",
        Category.LOG_GROUP,
        False,
        "Start the create again, which makes the log groups; if it names another group, check that "
        "it exists and that the execution role may write to it (H09).",
    ),
    _sign(
        r"OutOfMemory",
        Category.OUT_OF_MEMORY,
        False,
        "Give the task more memory, or the container less to do (H10).",
    ),
    _sign(
        r"failed container health checks|failed health checks|unhealthy",
        Category.HEALTH_CHECK,
        False,
        "Run the health check's command in the image by hand; give it a longer startPeriod if the "
        "application starts slowly.",
    ),
    _sign(
        r"Essential container in task exited",
        Category.EXIT,
        False,
        "Read the container's last lines, below.",
    ),
    _sign(
        r"network interface provisioning|timeout waiting for network|\bENI\b|subnet|security group",
        Category.NETWORK,
        False,
        "Check the subnets' free addresses and that subnets and security groups still exist.",
    ),
    _sign(
        r"Capacity is unavailable|SpotInterruption|\bspot\b",
        Category.CAPACITY,
        False,
        "Try again, in more subnets, or with FARGATE instead of FARGATE_SPOT (H14).",
    ),
)

_EVENT_SIGNS = (
    _sign(
        r"limit on the number of vCPUs|limit on the number of tasks|above your (account )?limit",
        Category.QUOTA,
        True,
        "Ask for a higher Fargate quota in Service Quotas, or delete other environments (H15).",
    ),
    _sign(
        r"unable to place a task.*Internal error",
        Category.NETWORK,
        True,
        "A subnet is in an Availability Zone without Fargate; name other subnets (H16).",
    ),
    _sign(
        r"SC service is already used",
        Category.SERVICE_CONNECT_LEFTOVER,
        True,
        "Another service, or the remains of one, holds the endpoint's name in the namespace; give "
        "another discoveryName or delete the leftover Cloud Map service (S07).",
    ),
    _sign(
        r"unable to consistently start tasks successfully",
        Category.UNKNOWN,
        True,
        "Look at the stopped tasks of the service (H13).",
    ),
    _sign(
        r"unable to assume the",
        Category.SECRET_OR_ROLE,
        False,
        "Check that the role exists and that its trust policy names ecs-tasks.amazonaws.com (H18).",
    ),
)

HINTS = 3
"""Events that a report shows besides what decided."""

STOPS_UNTIL_FAILED = 2
"""Two stops of the same kind: ECS itself never gives up, or only much later (H11, H13, H24)."""

_OUR_DOING = ("Scaling activity initiated by", "Task stopped by user")


def _reason_texts(task: Described) -> list[str]:
    texts = [task.get("stoppedReason", "")]
    texts.extend(container.get("reason", "") for container in task.get("containers", ()))
    return [text for text in texts if text]


def _exited(task: Described) -> tuple[str, int] | None:
    """The container that ended the task, and its exit code."""
    exits = [
        (container["name"], container["exitCode"])
        for container in task.get("containers", ())
        if container.get("exitCode") is not None
        and not container["name"].startswith("ecs-service-connect-")
    ]
    failing = [entry for entry in exits if entry[1] != 0]
    return next(iter(failing or exits), None)


def _classified(task: Described) -> _Sign:
    texts = " | ".join(_reason_texts(task))
    for sign in _STOP_SIGNS:
        if sign.pattern.search(texts):
            return sign
    return _sign("", Category.UNKNOWN, False, "Look at the stopped tasks of the service.")


def of_stopped_tasks(service: str, stopped: Sequence[Described]) -> Verdict | None:
    """The verdict on a deployment's stopped tasks; None while it can still heal.

    `stopped` are the STOPPED tasks that the deployment started. A sign that cannot heal needs one
    stop, any other two of the same category (H07 to H11)."""
    signs = [
        (task, _classified(task))
        for task in stopped
        if not task.get("stoppedReason", "").startswith(_OUR_DOING)
    ]
    counts = Counter(sign.category for _, sign in signs)
    for task, sign in signs:
        if sign.permanent or counts[sign.category] >= STOPS_UNTIL_FAILED:
            exited = _exited(task)
            evidence = list(_reason_texts(task))
            if exited:
                evidence.append(f"container {exited[0]} exited with code {exited[1]}")
            evidence.append(f"{counts[sign.category]} stopped task(s) of this kind")
            return Verdict(
                sign.category,
                service,
                tuple(dict.fromkeys(evidence)),
                sign.next_step,
                task["taskArn"],
                exited[0] if exited else "",
            )
    return None


def of_events(service: str, messages: Iterable[str]) -> Verdict | None:
    """The verdict on a service's events since its deployment began; None while it can still heal.

    The absence of events never means health (H25)."""
    for message in messages:
        for sign in _EVENT_SIGNS:
            if sign.permanent and sign.pattern.search(message):
                return Verdict(sign.category, service, (message,), sign.next_step)
    return None


def of_refusal(subject: str, message: str) -> Verdict | None:
    """The verdict on a call that AWS refused; None where its text says enough by itself."""
    for sign in _EVENT_SIGNS:
        if sign.pattern.search(message):
            return Verdict(sign.category, subject, (message,), sign.next_step)
    return None


def hints(messages: Iterable[str]) -> list[str]:
    """Events worth showing though they decide nothing (H12, H14, H17)."""
    keywords = re.compile(
        r"fail|unhealthy|error|throttl|unable|missing|unavailable|alarm detected|rolling back",
        re.IGNORECASE,
    )
    return [message for message in messages if keywords.search(message)]


def rollback(service: str, reason: str) -> Verdict:
    return Verdict(
        Category.ROLLBACK,
        service,
        (reason,),
        "ECS gave up on the deployment; look at the stopped tasks of the service (H02, H03).",
    )


def out_of_time(service: str, reasons: Sequence[str], messages: Iterable[str]) -> Verdict:
    """The verdict once the deadline is over; `messages` are the service's events.

    An event that could have healed and did not is the cause then, such as capacity (H14, H17)."""
    telling = hints(messages)[:HINTS]
    for message in telling:
        for sign in (*_EVENT_SIGNS, *_STOP_SIGNS):
            if sign.pattern.search(message):
                return Verdict(sign.category, service, (*reasons, message), sign.next_step)
    return Verdict(
        Category.TIME_OUT,
        service,
        (*reasons, *telling),
        "Give it more time with timeouts.ready, or find out from the logs what it waits for.",
    )


def not_proven(service: str, failed: Sequence[str]) -> Verdict:
    """Healthy in ECS's eyes, and an endpoint does not answer (P07, P09)."""
    security_group = any("timed out" in line for line in failed)
    return Verdict(
        Category.NETWORK if security_group else Category.CONNECTIVITY,
        service,
        tuple(failed),
        "Admit the stack's probe security group on the endpoint's port (P09)."
        if security_group
        else "Check that the application listens on its containerPort on all addresses and that "
        "probe.path and probe.expectStatus say what it answers.",
    )


_SECRETS = (
    re.compile(r"(?i)((?:authorization|bearer)[:= ]+)\S+(?: \S+)?"),
    re.compile(
        r"(?i)((?:password|passwd|secret|token|api[_-]?key|credential)[\w-]*\"?\s*[:=]\s*)"
        r"(\"[^\"]*\"?|'[^']*'?|\S+)"
    ),
    re.compile(r"((?:AKIA|ASIA))[0-9A-Z]{16}"),
    re.compile(r"(://[^\s:/@]+:)[^\s@]+(?=@)"),
)
_CONTROL = re.compile(r"[\x00-\x08\x0a-\x1f\x7f-\x9f]")
LOG_LINES = 20
LOG_LINE_LENGTH = 300
LOOKED_AT = 1_000
"""Characters of a line that are searched for secrets: a line may have 262,144, and the patterns'
time grows with the square."""


def redacted(lines: Sequence[str]) -> list[str]:
    """The last lines of a container, bounded, without control characters and likely secrets."""
    result = []
    for line in lines[-LOG_LINES:]:
        text = _CONTROL.sub(" ", line[:LOOKED_AT])
        for pattern in _SECRETS:
            text = pattern.sub(r"\1[redacted]", text)
        result.append(text[:LOG_LINE_LENGTH])
    return result


def report(verdict: Verdict, log_lines: Sequence[str]) -> str:
    """The execution's cause: what failed, the evidence, the last lines, the next step."""
    lines = [f"{verdict.service}: {verdict.category}"]
    lines += [f"  evidence: {entry}" for entry in verdict.evidence]
    if log_lines:
        lines.append(f"  last lines of {verdict.container or 'the container'}:")
        lines += [f"    {line}" for line in log_lines]
    lines.append(f"  next step: {verdict.next_step}")
    return "\n".join(lines)
