"""What AWS's messages about a task or a service mean: category, healing, next step. Pure data.

The texts are from the pages "Amazon ECS stopped tasks error messages" (and the pages on each of
its categories: TaskFailedToStart, ResourceInitializationError, CannotPullContainer,
OutOfMemoryError, SpotInterruption, CannotCreateVolumeError) and "Viewing Amazon ECS service event
messages", and from the answers that docs/failure-modes.md lists (its ids are below each table).
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum

from bivouac.aws.ecs_answers import HELD_DISCOVERY_NAME


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
    PROXY = "Service Connect proxy"
    ROLLBACK = "rollback"
    CONNECTIVITY = "connectivity"
    TIME_OUT = "out of time"
    UNKNOWN = "unknown"


class Healing(StrEnum):
    """Whether a cause may go away without any change."""

    NEVER = "never"
    """Once is enough for a verdict."""
    HARDLY = "hardly"
    """Twice in the same words is enough for a verdict: a first start may fail because of something
    that is still being created, such as a role or a server that the application calls."""
    MAYBE = "maybe"
    """A verdict only at the deadline, or when ECS itself gives up."""


@dataclass(frozen=True)
class Sign:
    """A text of AWS's, and its meaning."""

    pattern: re.Pattern[str]
    category: Category
    healing: Healing
    next_step: str
    source: str
    """Where the text is from: `recorded` in real accounts, or only `documented` by AWS."""


SEARCHED = 2_000
"""Characters of a text that are searched for signs."""


def _sign(pattern: str, category: Category, healing: Healing, next_step: str, source: str) -> Sign:
    return Sign(re.compile(pattern, re.IGNORECASE), category, healing, next_step, source)


_CANNOT_PULL = r"CannotPull(?:Container|Image|Manifest|ImageManifest)?(?:Error)?\b.{0,1500}?"
_UNREACHABLE = (
    r"connection issue|i/o timeout|deadline exceeded|request canceled|context canceled|"
    r"connection (?:reset|refused)|TLS handshake timeout|RequestError: send request failed|"
    r"network configuration"
)
_DENIED = r"AccessDenied|not authorized to perform"
_ASSUME_ROLE = "Check that the role exists and that its trust policy names ecs-tasks.amazonaws.com."
_REACH = (
    "Check that the task's subnets reach that service: a public address with a route to an "
    "internet gateway, a NAT gateway, or VPC endpoints whose security group admits port 443."
)

_OTHER_CAPACITY = "Try again, in more subnets, or with FARGATE instead of FARGATE_SPOT."

STOPS: tuple[Sign, ...] = (
    _sign(
        r"maintenance on the underlying infrastructure|\b(?:task|infrastructure) retirement\b|"
        r"PATCHING_RETIREMENT",
        Category.CAPACITY,
        Healing.MAYBE,
        "AWS moved the task to other hardware, and ECS replaces it: nothing is wrong with your "
        "service. If no replacement runs, start the create again.",
        "recorded: maintenance, in public reports; documented: ECS guide, task retirement",
    ),
    _sign(
        r"SpotInterruption|Spot (?:Task|capacity).{0,40}interrupt|TerminationNotice|"
        r"Capacity is unavailable",
        Category.CAPACITY,
        Healing.MAYBE,
        _OTHER_CAPACITY,
        "recorded: interruption, in public reports; documented: SpotInterruption",
    ),
    _sign(
        r"exec format error|does not contain descriptor matching platform|"
        r"no match(?:ing manifest)? for (?:platform|linux)",
        Category.ARCHITECTURE,
        Healing.NEVER,
        "Build the image for the task's runtimePlatform.cpuArchitecture (X86_64 by default), or "
        "set that to the image's architecture.",
        "recorded: public reports of 2024 to 2026",
    ),
    _sign(
        _CANNOT_PULL + r"(?:toomanyrequests|Too Many Requests|pull rate limit)",
        Category.IMAGE_PULL,
        Healing.MAYBE,
        "The registry limits the rate of pulls: authenticate with repositoryCredentials, or use "
        "Amazon ECR for the image.",
        "documented: ECS guide, CannotPullContainer errors",
    ),
    _sign(
        _CANNOT_PULL
        + r"(?:not found|manifest unknown|name unknown|does not exist|invalid reference|"
        r"40[134] (?:Forbidden|Unauthorized|Not Found)|(?:status|error)\D{0,80}40[134]\b|"
        r"denied|unauthorized|no basic auth|insufficient_scope|permissions to pull)",
        Category.IMAGE_PULL,
        Healing.NEVER,
        "Check the image's name and tag, and that the execution role may pull it.",
        "recorded: github.com/aws/containers-roadmap, issues 2493 (2024) and 2687 (2025)",
    ),
    _sign(
        _CANNOT_PULL + r"(?:" + _UNREACHABLE + r"|\bEOF\b|(?:status|error)\D{0,80}5\d\d\b)",
        Category.IMAGE_PULL,
        Healing.MAYBE,
        "Check that the subnets reach the registry: a public address, a NAT gateway or VPC "
        "endpoints.",
        "recorded: public reports of 2024 to 2026; documented: the connection issue",
    ),
    _sign(
        _CANNOT_PULL + r"no space left",
        Category.IMAGE_PULL,
        Healing.HARDLY,
        "Give the task more ephemeralStorage than the unpacked image needs.",
        "documented: ECS guide, CannotPullContainer errors",
    ),
    _sign(
        r"CannotPull\w{0,40}",
        Category.IMAGE_PULL,
        Healing.HARDLY,
        "Check the image's name and tag, that the execution role may pull it, and that the subnets "
        "reach its registry.",
        "recorded: github.com/cloud-custodian/cloud-custodian, test_ecs_task_by_arn, 2019",
    ),
    _sign(
        r"(?:failed to validate logger args|Cloudwatch log|logging driver).{0,1500}?(?:"
        + _UNREACHABLE
        + r"|signal: killed)",
        Category.NETWORK,
        Healing.HARDLY,
        _REACH,
        "recorded: the connection issue with Amazon CloudWatch, in public reports",
    ),
    _sign(
        r"(?:failed to validate logger args|Cloudwatch log|logging driver).{0,1500}?(?:"
        + _DENIED
        + r")",
        Category.LOG_GROUP,
        Healing.HARDLY,
        "Check that the execution role may write to the log group: logs:CreateLogStream and "
        "logs:PutLogEvents, and logs:CreateLogGroup with awslogs-create-group.",
        "documented: ECS guide, ResourceInitializationError; the words are those of IAM",
    ),
    _sign(
        r"specified log group does not exist|failed to create Cloudwatch log (?:stream|group)|"
        r"failed to validate logger args|failed to initialize logging driver",
        Category.LOG_GROUP,
        Healing.HARDLY,
        "Start the create again, which creates the log groups; if the task names another group, "
        "check that it exists and that the execution role may write to it.",
        "recorded: a public report of 2026",
    ),
    _sign(
        r"(?:unable to pull secrets|unable to retrieve secret).{0,1500}?(?:"
        + _UNREACHABLE
        + r"|signal: killed)",
        Category.NETWORK,
        Healing.HARDLY,
        _REACH,
        "recorded: the connection issue with Secrets Manager and Systems Manager, 2025",
    ),
    _sign(
        r"(?:unable to pull secrets|unable to retrieve|failed to download env files).{0,1500}?(?:"
        + _DENIED
        + r")",
        Category.SECRET_OR_ROLE,
        Healing.HARDLY,
        "Allow the execution role what the evidence says that it may not do. If it is a secret, "
        "check that the execution role may read it and decrypt it.",
        "recorded: public reports of 2024 and 2025",
    ),
    _sign(
        r"unable to pull secrets|unable to retrieve secret|secretsmanager|ssm:GetParameters|"
        r"Secrets Manager can.t find|ResourceNotFoundException: .{0,200}secret",
        Category.SECRET_OR_ROLE,
        Healing.HARDLY,
        "Check the secret's ARN, and that the execution role may read it and decrypt it.",
        "recorded: public reports of 2023 to 2026",
    ),
    _sign(
        r"unable to assume|unable to retrieve credentials|trust relationship",
        Category.SECRET_OR_ROLE,
        Healing.HARDLY,
        _ASSUME_ROLE,
        "documented: ECS guide, stopped tasks error messages",
    ),
    _sign(
        r"OutOfMemory|\bOOM ?Kill|killed due to memory|\bout of memory\b",
        Category.OUT_OF_MEMORY,
        Healing.HARDLY,
        "Give the task more memory, or reduce what the container needs.",
        "recorded: public reports of 2026",
    ),
    _sign(
        r"failed (?:[\w-]{1,20} ){0,3}health ?checks?|health ?checks? (?:has |have )?failed|"
        r"is unhealthy in|failed to become healthy",
        Category.HEALTH_CHECK,
        Healing.HARDLY,
        "Run the health check's command in the image by hand; give it a longer startPeriod if the "
        "application starts slowly.",
        "recorded: the containers' of 2026, the load balancers' of 2022 and 2024",
    ),
    _sign(
        r"CannotCreateVolume|\bEFS\b|mount\.nfs",
        Category.NETWORK,
        Healing.HARDLY,
        "Check that the file system has a mount target in each subnet, that its security group "
        "admits port 2049 from the tasks, and that the task role may mount it.",
        "recorded: a public report of EFS; documented: CannotCreateVolumeError",
    ),
    _sign(
        r"InvalidSubnet|InvalidGroup|InvalidSecurityGroup|"
        r"(?:subnet|security group).{0,80}does not exist",
        Category.NETWORK,
        Healing.NEVER,
        "A subnet or security group is gone; name one that exists.",
        "documented: EC2 API, error codes",
    ),
    _sign(
        r"InsufficientFreeAddresses|not (?:have )?enough (?:free )?(?:IP )?address|"
        r"TagPolicyViolation|UnauthorizedOperation|Create Network Interface",
        Category.NETWORK,
        Healing.HARDLY,
        "Check the subnets' free addresses, and what EC2 refuses, in the evidence.",
        "recorded: tag policy and free addresses, in public reports of 2026",
    ),
    _sign(
        r"network interface|Unexpected EC2 error|\bENI\b|EphemeralStorage provisioning|"
        r"^InternalError",
        Category.NETWORK,
        Healing.MAYBE,
        "Check the subnets' free addresses and that subnets and security groups still exist; AWS "
        "may also have been slow, so start the create again.",
        "recorded: a time-out of 2022-12-07; documented: InternalError",
    ),
    _sign(
        r"CannotStartContainer.{0,1500}?(?:executable file not found|no such file|"
        r"permission denied)|exec: .{0,200}(?:not found|no such file|permission denied)",
        Category.EXIT,
        Healing.NEVER,
        "The image has no such command, or it may not be executed: check entryPoint and command.",
        "documented: ECS guide, CannotStartContainerError; the words are runc's",
    ),
    _sign(
        r"container ordering dependency|dependencies cannot be resolved",
        Category.EXIT,
        Healing.HARDLY,
        "A container waits for another one (dependsOn), which has failed: read its last lines, "
        "above.",
        "recorded: github.com/aws/amazon-ecs-agent, pull request 3218 (2022)",
    ),
    _sign(
        r"Essential container in task exited|EssentialContainerExited",
        Category.EXIT,
        Healing.HARDLY,
        "Read the container's last lines, above.",
        "recorded: many, such as the evidence of a lab of 2026-07-22",
    ),
)
"""For a stopped task's reasons (H07 to H11, H14, H18). The first match counts."""

PROXY_FAILED = _sign(
    r"",
    Category.PROXY,
    Healing.HARDLY,
    "The Service Connect proxy failed, not your container. Leave 256 CPU units and 64 MiB of the "
    "task's size to it, check serviceConnectConfiguration.logConfiguration, read the proxy's log "
    "if it has one, and start the create again.",
    "recorded: github.com/aws/amazon-ecs-service-connect-agent, issues 127 and 155",
)
"""For a stop or a failed health check of the proxy's own container, whatever its words."""

UNCLEAR = _sign(
    r"", Category.UNKNOWN, Healing.HARDLY, "Look at the stopped tasks of the service.", ""
)
"""For a stop that matches no sign."""

_BECAUSE = r"\b.{0,40}?(?:Reason:|The reason for failure is) "
"""The first wording was recorded three times in 2025 and 2026, the other once in 2026."""

EVENTS: tuple[Sign, ...] = (
    _sign(
        r"limit on the number of (?:vCPUs|tasks)|configuration is above your (?:account )?limit",
        Category.QUOTA,
        Healing.NEVER,
        "Ask for a higher Fargate quota in Service Quotas, or delete other environments.",
        "recorded: vCPUs and tasks, 2026; documented: the size",
    ),
    _sign(
        rf"unable to place a task{_BECAUSE}Internal error",
        Category.NETWORK,
        Healing.NEVER,
        "A subnet is in an Availability Zone without Fargate; name other subnets.",
        "documented: ECS guide, service event messages",
    ),
    _sign(
        r"no Container Instances? (?:were found|met all)",
        Category.CAPACITY,
        Healing.NEVER,
        "The service asks for container instances; give it launchType FARGATE or the capacity "
        "providers FARGATE and FARGATE_SPOT.",
        "documented: ECS guide, service event messages",
    ),
    _sign(
        HELD_DISCOVERY_NAME,
        Category.SERVICE_CONNECT_LEFTOVER,
        Healing.NEVER,
        "Another service, or what is left of one, uses the endpoint's name in the namespace: "
        "choose another discoveryName, or delete the leftover Cloud Map service.",
        "recorded: github.com/aws/copilot-cli, issues 4313, 4337 and 4659 (2023)",
    ),
    _sign(
        r"IAM (?:permissions policies|trust relationship) ha(?:s|ve) been misconfigured",
        Category.SECRET_OR_ROLE,
        Healing.NEVER,
        "Check the permissions and the trust policy of the task's roles and of ECS's own.",
        "documented: ECS guide, service event messages",
    ),
    _sign(
        r"unable to assume the",
        Category.SECRET_OR_ROLE,
        Healing.HARDLY,
        _ASSUME_ROLE,
        "recorded: public reports of 2023 to 2026",
    ),
    _sign(
        r"Capacity is unavailable|could not launch \d{1,6} tasks?|provisioning capacity limit",
        Category.CAPACITY,
        Healing.MAYBE,
        _OTHER_CAPACITY,
        'recorded: "Capacity is unavailable", 2026; documented: the others',
    ),
    _sign(
        r"operations are being throttled|OPERATION_THROTTLED|Rate exceeded",
        Category.QUOTA,
        Healing.MAYBE,
        "AWS throttles its API calls; try again when fewer environments are created at once.",
        "documented: ECS guide, service event messages",
    ),
    _sign(
        r"because of the service deployment configuration",
        Category.UNKNOWN,
        Healing.MAYBE,
        "minimumHealthyPercent and maximumPercent leave no room to replace a task: change one of "
        "them.",
        "documented: ECS guide, service event messages",
    ),
)
"""For a service's events and for refused calls (H12 to H19, S07)."""

_WRAPPED_STOP = re.compile(rf"unable to (?:place|start) a task{_BECAUSE}|failed to launch")
"""Events also say why a task did not start, in the words of its stopped reason."""


def of_stop(texts: Sequence[str]) -> Sign:
    """The sign of a stopped task, from its reasons and those of its containers."""
    text = " | ".join(texts)[:SEARCHED]
    return _first(STOPS, text) or _first(EVENTS, text) or UNCLEAR


def of_event(message: str) -> Sign | None:
    """The sign of a service event; None if it names no cause (H12, H25)."""
    text = message[:SEARCHED]
    if sign := _first(EVENTS, text):
        return sign
    return _first(STOPS, text) if _WRAPPED_STOP.search(text) else None


def of_refusal(message: str) -> Sign | None:
    """The sign of a call that AWS refused; None if the error explains itself."""
    return _first(EVENTS, message[:SEARCHED])


def of_log(lines: Sequence[str]) -> Sign | None:
    """The sign of a cause that only a container's output shows: a binary of another
    architecture."""
    exec_format = next(sign for sign in STOPS if sign.category is Category.ARCHITECTURE)
    return exec_format if any(exec_format.pattern.search(line) for line in lines) else None


_UNRESOLVED = re.compile(
    r"host not found in (?:upstream|resolver)|could not be resolved|no resolver defined|"
    r"\b(?:ENOTFOUND|EAI_AGAIN|NXDOMAIN|SERVFAIL)\b|Name or service not known|"
    r"Temporary failure in name resolution|could not resolve host|UnknownHostException|"
    r"\bno such host\b|nodename nor servname|Name does not resolve|failed to resolve",
    re.IGNORECASE,
)
"""What nginx, Node.js, glibc, musl, curl, Java, Go and Python print where a name has no address."""

UNRESOLVED_STEP = (
    "The application cannot resolve a name that it calls. If it is a client alias, the endpoint "
    "must have existed when this service's deployment began (dependsOn sees to it), and the "
    "application must resolve it as the system does: ECS writes aliases into hosts files, which a "
    "resolver of the application's own (nginx's `resolver`, dns.resolve of Node.js) ignores. Edges "
    "are proven through the hosts file, and may answer all the same."
)


def unresolved_name(lines: Sequence[str]) -> str | None:
    """The last line of a container's output that says that a name has no address."""
    return next((line for line in reversed(lines) if _UNRESOLVED.search(line[:SEARCHED])), None)


def _first(signs: Sequence[Sign], text: str) -> Sign | None:
    return next((sign for sign in signs if sign.pattern.search(text)), None)


_MEANINGS = {
    0: "it ended by itself, but the service needs it to keep running",
    1: "an error of the application",
    125: "the container could not be run",
    126: "its command may not be executed",
    127: "its command was not found",
    132: "an instruction that this CPU does not have (SIGILL)",
    134: "aborted (SIGABRT)",
    137: "killed, out of memory or after its stop time-out (SIGKILL)",
    139: "segmentation fault (SIGSEGV)",
    143: "told to stop (SIGTERM)",
    255: "an error outside the usual codes; a binary of another CPU architecture ends so, too",
}
"""AWS Knowledge Center, "Why is my Amazon ECS task stopped?", common exit codes; POSIX shell."""


def exit_meaning(code: int, reason: str = "") -> str:
    """The meaning of an exit code; `reason` is ECS's reason for the container."""
    if "OutOfMemory" in reason:
        return "killed, out of memory"
    if code in _MEANINGS:
        return _MEANINGS[code]
    return f"ended by signal {code - 128}" if 128 < code < 160 else "an error of the application"
