"""Bivouac's own fields of a request: untrusted JSON in, frozen models out.

The ECS parts stay plain JSON in ECS's own terms; `plan_service.py` checks and completes them.
Only the request check imports this module, because pydantic costs as much start-up time as boto3.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import Annotated, Any, Literal

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    StringConstraints,
    WithJsonSchema,
)
from pydantic.alias_generators import to_camel

from bivouac import times
from bivouac.environment import naming
from bivouac.request.rules import tag_rules

MOST_SERVICES = 50


def _must(rule: Callable[[Any], object]) -> AfterValidator:
    """`rule` raises ValueError for a wrong value."""

    def checked(value: Any) -> Any:
        rule(value)
        return value

    return AfterValidator(checked)


def _namespace_name(name: str) -> None:
    if not re.fullmatch(r"(?!arn:)[!-~]{1,100}", name) or re.search(r'[<>"/]', name):
        raise ValueError(
            f"{name!r} is not a namespace name: up to 100 printable characters without spaces, "
            'none of < > " /, not starting with arn:'
        )


def _service_name(name: str) -> None:
    if name.lower().startswith(naming.RESERVED_SERVICE_PREFIX):
        raise ValueError(
            f"{name!r}: names that begin with {naming.RESERVED_SERVICE_PREFIX} are reserved for "
            "Bivouac's own services"
        )


def _tags(tags: Mapping[str, str]) -> None:
    if wrong := [each.text for each in tag_rules.problems(tags, "")]:
        raise ValueError("; ".join(wrong))


def _owner(owner: str) -> None:
    _tags({"owner": owner})


def _one_or_many(value: Any) -> Any:
    return [value] if isinstance(value, Mapping) else value


def _status_range(value: Any) -> Any:
    match = re.fullmatch(r"([1-5][0-9]{2})(?:-([1-5][0-9]{2}))?", str(value))
    if match is None or int(match[1]) > int(match[2] or match[1]):
        raise ValueError(f'{value!r} is not a status or a range of them, such as "200-399"')
    return int(match[1]), int(match[2] or match[1])


def _size(value: Any) -> Any:
    """ECS has sizes of a task as text. 0 says nothing, as in described containers."""
    return (str(value) if value else None) if type(value) is int else value


Duration = Annotated[str, _must(times.duration_seconds)]
"""A number and m, h or d."""
TagKey = Annotated[str, StringConstraints(min_length=1, max_length=128)]
TagValue = Annotated[str, StringConstraints(max_length=256)]
Tags = Annotated[dict[TagKey, TagValue], Field(max_length=40), _must(_tags)]


class _Model(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, strict=True, alias_generator=to_camel)


ProbePath = Annotated[str, StringConstraints(pattern=r"^/[!-~]*$", max_length=512)]
StatusRange = Annotated[
    tuple[int, int],
    BeforeValidator(_status_range),
    WithJsonSchema({"type": ["string", "integer"]}),
]


Size = Annotated[
    str | None,
    BeforeValidator(_size),
    WithJsonSchema({"anyOf": [{"type": "string"}, {"type": "integer"}]}),
]


class Probe(_Model):
    """How to call one endpoint. Never a URL: ECS reports the address (P11)."""

    port_name: str
    path: ProbePath = "/"
    expect_status: StatusRange = (200, 399)


class DependsOn(_Model):
    """Another service that this one needs first."""

    service_name: str
    condition: Literal["HEALTHY", "START"] = "HEALTHY"
    """HEALTHY: its tasks are healthy; START: its endpoints exist."""


class Destination(_Model):
    """Where a connection leads: an endpoint, never a URL (P11)."""

    service: str
    port_name: str | None = None
    """Optional if the service has exactly one endpoint."""
    path: ProbePath | None = None
    """Default: that of the endpoint's probe."""


class Connection(_Model):
    """One edge of `connect`: which service calls which, through the client alias."""

    client: Annotated[str, Field(alias="from")]
    to: Destination
    expect_status: StatusRange | None = None
    """Default: that of the endpoint's probe."""


def _definition(given: Any) -> None:
    if not isinstance(given, dict | str):
        raise ValueError(
            "must be an object with RegisterTaskDefinition's arguments, or the name of a task "
            "definition that exists"
        )


def _no_port_twice(primary: PrimaryContainer) -> None:
    if primary.container_port is not None and primary.port_mappings is not None:
        raise ValueError("give either containerPort, or portMappings for several ports")
    if primary.container_port is None and "protocol" in primary.model_fields_set:
        raise ValueError("protocol is that of containerPort; portMappings have appProtocol")


class PrimaryContainer(_Model):
    """The short form of a task definition: one container, and an endpoint for each of its ports."""

    image: Annotated[str, StringConstraints(min_length=1, max_length=512)]
    container_port: Annotated[int, Field(ge=1, le=65535)] | None = None
    """Its only port, which is an endpoint with the service's name as its client alias."""
    protocol: Literal["http", "http2", "grpc", "tcp"] = "http"
    """What containerPort speaks."""
    port_mappings: list[dict[str, Any]] | None = None
    """Several ports, in ECS's words; each is an endpoint, TCP without an appProtocol."""
    cpu: Size = None
    """CPU units of the task; 256 by default."""
    memory: Size = None
    """MiB of the task; 512 by default."""
    command: list[Any] | None = None
    environment: list[Any] | None = None
    secrets: list[Any] | None = None
    health_check: dict[str, Any] | None = None


class Service(BaseModel):
    """One entry of `services`: our fields; all others are CreateService's."""

    model_config = ConfigDict(extra="allow", frozen=True, strict=True, alias_generator=to_camel)

    service_name: Annotated[
        str,
        StringConstraints(
            pattern=r"^[A-Za-z0-9][A-Za-z0-9_-]*$", max_length=naming.SERVICE_NAME_LIMIT
        ),
        _must(_service_name),
    ]
    task_definition: Annotated[Any, _must(_definition)] = None
    """RegisterTaskDefinition's arguments, or the name of a definition that exists."""
    primary_container: Annotated[PrimaryContainer, _must(_no_port_twice)] | None = None
    probe: Annotated[list[Probe], BeforeValidator(_one_or_many)] = Field(default_factory=list)
    depends_on: list[DependsOn] = Field(default_factory=list)
    redeployed_for: Annotated[str, StringConstraints(max_length=256)] = ""
    """Any text; a change causes a new deployment of the same. Redeploys write their id here."""

    @property
    def arguments(self) -> dict[str, Any]:
        """The CreateService arguments as given."""
        return {"serviceName": self.service_name, **(self.model_extra or {})}


class Lease(_Model):
    ttl: Duration | None = None
    max_ttl: Duration | None = None
    """The longest time from an extension to the new end; at most the stack's maximum."""
    warn_before: Duration = "30m"
    """How long before its end an event warns of it, if the lease is longer than this."""


class Schedule(_Model):
    """Office hours: when the environment runs, in expressions of EventBridge Scheduler."""

    timezone: str = "UTC"
    up: str
    down: str
    down_action: Literal["sleep", "delete"] = "sleep"
    begin: Literal["now", "up"] = "now"
    """up: not the create but the first up creates everything."""


class ImagePush(_Model):
    """A push to this ECR repository redeploys the services that use it."""

    repository: Annotated[str, StringConstraints(min_length=2, max_length=256)]
    tag: Annotated[str, StringConstraints(min_length=1, max_length=300)]


class PullRequest(_Model):
    """The environment is deleted once this pull request is closed."""

    repository: Annotated[str, StringConstraints(min_length=1, max_length=256)]
    number: Annotated[int, Field(ge=1, le=9_999_999_999)]


class Triggers(_Model):
    image_push: list[ImagePush] = Field(default_factory=list)
    pull_request: PullRequest | None = None


class Timeouts(_Model):
    ready: Duration = "15m"
    """From the opening of the environment until every endpoint is proven."""


class EnvironmentRequest(_Model):
    """The execution input of create_environment."""

    name: Annotated[str, _must(naming.environment_name)]
    owner: Annotated[str, StringConstraints(min_length=1, max_length=128), _must(_owner)] | None = (
        None
    )
    tags: Tags = Field(default_factory=dict)
    namespace: Annotated[str, _must(_namespace_name)] | None = None
    cluster: dict[str, Any] = Field(default_factory=dict)
    defaults: dict[str, Any] = Field(default_factory=dict)
    services: Annotated[list[Any], Field(min_length=1, max_length=MOST_SERVICES)]
    # Each is read by itself, so that a wrong one hides no other.
    connect: Annotated[list[Connection], Field(min_length=1)] | None = None
    """The connections to prove; by default, every endpoint is proven once."""
    lease: Lease = Field(default_factory=Lease)
    schedule: Schedule | None = None
    triggers: Triggers = Field(default_factory=Triggers)
    timeouts: Timeouts = Field(default_factory=Timeouts)
    plain_values: list[str] = Field(default_factory=list)
    """Names of environment variables, options of log drivers and labels whose values are no
    secrets, whatever they look like."""
    on_failure: Literal["delete", "keep"] = "delete"
    dry_run: bool = False
