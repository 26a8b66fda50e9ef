"""Every name, tag and token. Pure.

An environment's name is lower-case letters, digits and single hyphens, so `--` can separate what
follows it without ambiguity: environment "a-b" with service "c" is never "a" with "b-c".

Limits: cluster, service and family 255, execution 80, schedule 64, clientToken 36,
CreatorRequestId 64, Service Connect names 64 (botocore's service models).
"""

from __future__ import annotations

import base64
import hashlib
import json
import re
import secrets
from collections.abc import Mapping
from typing import Any

ENVIRONMENT_NAME_LIMIT = 40
"""Names made by `following_execution` must fit an execution name of 80, and schedule names 64."""

ENVIRONMENT_NAME = re.compile(r"[a-z](?:[a-z0-9]|-(?!-|$))*")

SERVICE_NAME_LIMIT = 128
"""<prefix 20>-<environment 40>--<service> must fit a family of 255; 128 is ample."""

STACK_TAG = "bivouac:stack"
ENVIRONMENT_TAG = "bivouac:environment"
OWNER_TAG = "bivouac:owner"
SPECIFICATION_TAG = "bivouac:specification"
ASLEEP = "asleep"
"""A service's specification tag while it sleeps: it is no hash of a specification, so that a wake
finds every service different (docs/decisions/0018)."""
ENDPOINTS_TAG = "bivouac:endpoints"
"""On a service that calls others: the hash of the endpoints that its deployment sees."""
NO_ENDPOINTS = "none"
"""The same for a service that no longer calls any: TagResource cannot remove a tag."""
DEPLOYMENT_TAG = "bivouac:deployment"
"""On a changed service: the id of the deployment that Bivouac started."""
RESERVED_TAG_PREFIXES = ("aws:", "bivouac:")

RESERVED_SERVICE_PREFIX = "bivouac-"
"""Prefix of the names of Bivouac's own services; no request may use it."""

PROOF = "bivouac-proof"
"""The proof clients' ECS services, families and log group are named after it."""

PROOF_PREFIX = f"{PROOF}-"
"""Prefix of the names of the proof clients' ECS services."""


def is_environment_name(name: str) -> bool:
    return len(name) <= ENVIRONMENT_NAME_LIMIT and bool(ENVIRONMENT_NAME.fullmatch(name))


def environment_name(name: str) -> str:
    """The name itself. Raises ValueError with the rules for what is none."""
    if not is_environment_name(name):
        raise ValueError(
            f"{name!r} is not an environment name: up to {ENVIRONMENT_NAME_LIMIT} lower-case "
            "letters, digits and single hyphens, starting with a letter and not ending with a "
            "hyphen"
        )
    return name


def cluster_name(prefix: str, environment: str) -> str:
    return f"{prefix}-{environment}"


def namespace_arn(execution_arn: str, namespace_id: str) -> str:
    """The ARN of a namespace in the account and Region of one of our executions."""
    _, partition, _, region, account, _ = execution_arn.split(":", 5)
    return f"arn:{partition}:servicediscovery:{region}:{account}:namespace/{namespace_id}"


def environment_of_cluster(prefix: str, cluster: str) -> str | None:
    """The inverse of `cluster_name`; None for a cluster that is not of this stack.

    Other names may begin like ours: those of a stack whose prefix begins with this one, or any."""
    environment = cluster.removeprefix(f"{prefix}-")
    return environment if environment != cluster and is_environment_name(environment) else None


def family_prefix(prefix: str, environment: str) -> str:
    return f"{prefix}-{environment}--"


def family(prefix: str, environment: str, service: str) -> str:
    return family_prefix(prefix, environment) + service


def log_group_prefix(prefix: str, environment: str) -> str:
    return f"/{prefix}-{environment}/"


def log_group(prefix: str, environment: str, service: str) -> str:
    return log_group_prefix(prefix, environment) + service


def proof_service(generation: int, number: int) -> str:
    """New in each generation, so that it never conflicts with its draining predecessor (S02)."""
    return f"{PROOF_PREFIX}{generation}-{number}"


def proof_family(prefix: str, environment: str, number: int) -> str:
    """The same in each generation, so that an equal definition is registered once (T03)."""
    return family(prefix, environment, f"{PROOF_PREFIX}{number}")


def proof_log_group(prefix: str, environment: str) -> str:
    return log_group(prefix, environment, PROOF)


def following_execution(environment: str, generation: int, held_by: str, ending: str) -> str:
    """The name of an execution that follows up on this generation of an environment.

    The first user of a name holds it for 90 days, so it must not be predictable: part of it derives
    from the ARN of the execution that held the environment, which ends in a random id.
    40 + 1 + 10 + 1 + 8 + 1 leave 19 characters of 80 for the ending."""
    return f"{environment}-{generation}-{token(held_by)[:8].lower()}-{ending}"


def execution_after(execution_arn: str, prefix: str) -> str:
    """The name of an execution after another one, as the state machines build it with
    States.Hash."""
    return f"{prefix}-{hashlib.sha256(execution_arn.encode()).hexdigest()}"


def another_execution(name: str) -> str:
    """An unpredictable name, for an execution to start when `name` is already taken."""
    return f"{name[:71]}-{secrets.token_hex(4)}"


def requested_execution(environment: str, verb: str, event_id: str) -> str:
    """The name of an execution that an event requests: however often the event is delivered, it
    starts one execution (W05).

    The bus assigns a random id, so the name is not predictable.
    40 + 1 + 8 (redeploy) + 1 + 26 leave 4 characters of 80."""
    return f"{environment}-{verb}-{token(event_id)[:26].lower()}"


_REQUESTED = re.compile(r".+-(create|redeploy|delete|extend)-[a-z2-7]{21,26}(-[0-9a-f]{8})?")


def is_requested_execution(name: str) -> bool:
    """Whether an event requested it, under its own name or under another one."""
    return bool(_REQUESTED.fullmatch(name))


def schedule(environment: str, what: str) -> str:
    """`what`: expiry, warning, up or down."""
    return f"{environment}-{what}"


_SCHEDULES = re.compile(r"(?P<environment>.+)-(expiry|warning|up|down)")


def environment_of_schedule(name: str) -> str:
    """Empty if it is not a name of Bivouac's schedules."""
    match = _SCHEDULES.fullmatch(name)
    environment = match["environment"] if match else ""
    return environment if is_environment_name(environment) else ""


def ownership_tags(prefix: str, environment: str) -> dict[str, str]:
    """The tags that make a resource ours. Nothing without both is ever changed or deleted (D18)."""
    return {STACK_TAG: prefix, ENVIRONMENT_TAG: environment}


def is_owned(tags: Mapping[str, str], prefix: str, environment: str) -> bool:
    return all(tags.get(key) == value for key, value in ownership_tags(prefix, environment).items())


def token(*parts: object) -> str:
    """A deterministic token of 32 characters for clientToken (36) and CreatorRequestId (64).

    The same parts give the same token, so that a repeated call creates nothing twice."""
    digest = hashlib.sha256("\0".join(map(str, parts)).encode()).digest()
    return base64.b32encode(digest[:20]).decode()


_CANONICAL = json.JSONEncoder(sort_keys=True, separators=(",", ":"))


def content_hash(content: Any) -> str:
    """The same for equal JSON content, whatever the order of its keys."""
    text = _CANONICAL.encode(content)
    return hashlib.sha256(text.encode()).hexdigest()[:32]
