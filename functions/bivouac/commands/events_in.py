"""What an event asks for: untrusted details in, intents out. The only parser of events to us.

Ours come on our own bus, where anybody may put what he likes into a detail; AWS's come on the
default bus, where nobody else can put them. AWS may add fields to its own, so those are let be.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Annotated, Any, Literal, Self, TypeVar

from pydantic import (
    AwareDatetime,
    BaseModel,
    ConfigDict,
    Field,
    StringConstraints,
    ValidationError,
    model_validator,
)
from pydantic.alias_generators import to_camel

from bivouac.aws import events_answers
from bivouac.commands import command
from bivouac.environment.intents import Intent
from bivouac.errors import InvalidRequestError
from bivouac.json_types import Json
from bivouac.request.models import (
    Duration,
    EnvironmentRequest,
    GivenIntent,
    KnownEnvironment,
    PullRequest,
    Redeploy,
    described,
)

Model = TypeVar("Model", bound=BaseModel)


class CommandKind(StrEnum):
    """What is started; the word in the execution's name."""

    CREATE = "create"
    REDEPLOY = "redeploy"
    DELETE = "delete"
    EXTEND = "extend"


@dataclass(frozen=True)
class Named:
    """Something that is asked of one environment."""

    verb: CommandKind
    environment: str
    intent: Intent
    content: Json
    """The input of the execution, but for the intent."""


@dataclass(frozen=True)
class ImagePushed:
    """A tag of a repository of ECR is another image now."""

    account: str
    region: str
    repository: str
    tag: str
    intent: Intent


@dataclass(frozen=True)
class PullRequestClosed:
    repositories: tuple[str, ...]
    number: int
    intent: Intent


Asked = Named | ImagePushed | PullRequestClosed


class _Detail(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, strict=True, alias_generator=to_camel)


class _EnvironmentRequested(_Detail):
    request: EnvironmentRequest
    intent: GivenIntent | None = None


class _TeardownRequested(KnownEnvironment):
    reason: Annotated[str, StringConstraints(min_length=1, max_length=256)] | None = None


class _LeaseExtensionRequested(KnownEnvironment):
    ttl: Duration | None = None
    keep: Literal[True] | None = None
    expected_expires_at: str | None = None
    reason: Annotated[str, StringConstraints(min_length=1, max_length=256)] | None = None

    @model_validator(mode="after")
    def _one_end(self) -> Self:
        if (self.ttl is None) == (self.keep is None):
            raise ValueError('give either ttl, such as "8h", or "keep": true')
        return self


class _PullRequestClosed(PullRequest):
    intent: GivenIntent | None = None


class _ImageAction(BaseModel):
    """https://docs.aws.amazon.com/AmazonECR/latest/userguide/ecr-eventbridge.html"""

    model_config = ConfigDict(extra="ignore", frozen=True, strict=True)

    repository_name: Annotated[str, Field(alias="repository-name", min_length=1)]
    image_tag: Annotated[str | None, Field(alias="image-tag")] = None
    """Empty of an untagged manifest (recorded in September 2025: github.com/awslabs/
    cfn-ecr-aws-soci-index-builder, pull request 137); the guide's example has none then."""


class _PullRequestStateChange(BaseModel):
    """https://docs.aws.amazon.com/codecommit/latest/userguide/monitoring-events.html"""

    model_config = ConfigDict(extra="ignore", frozen=True, strict=True, alias_generator=to_camel)

    repository_names: Annotated[list[str], Field(min_length=1)]
    pull_request_id: Annotated[str, StringConstraints(pattern=r"^[1-9][0-9]{0,9}$")]


class _Envelope(BaseModel):
    """Of every event: https://docs.aws.amazon.com/eventbridge/latest/ref/overiew-event-structure.html"""

    model_config = ConfigDict(extra="ignore", frozen=True, strict=True)

    id: Annotated[str, StringConstraints(min_length=1, max_length=256)]
    source: str
    detail_type: Annotated[str, Field(alias="detail-type")]
    account: str
    region: str
    time: Annotated[AwareDatetime, Field(strict=False)]
    detail: Json


_NAMED: Mapping[str, tuple[CommandKind, type[KnownEnvironment]]] = {
    "RedeployRequested": (CommandKind.REDEPLOY, Redeploy),
    "TeardownRequested": (CommandKind.DELETE, _TeardownRequested),
    "LeaseExtensionRequested": (CommandKind.EXTEND, _LeaseExtensionRequested),
}


def read(event: Any, now: datetime) -> Asked | None:
    """None: it is about nothing that anybody can have asked for.

    Raises InvalidRequestError with every problem of the event."""
    envelope = _checked(_Envelope, event, "event")
    detail, given = envelope.detail, Intent(envelope.time, envelope.id)
    match envelope.source, envelope.detail_type:
        case "bivouac.client", "EnvironmentRequested":
            asked = _checked(_EnvironmentRequested, detail, "detail")
            intent = _intent(asked.intent, given, now)
            return Named(CommandKind.CREATE, asked.request.name, intent, detail["request"])
        case "bivouac.client", name if name in _NAMED:
            verb, model = _NAMED[name]
            known = _checked(model, detail, "detail")
            content = {key: value for key, value in detail.items() if key != "intent"}
            return Named(verb, known.environment, _intent(known.intent, given, now), content)
        case "bivouac.client", "PullRequestClosed":
            closed = _checked(_PullRequestClosed, detail, "detail")
            intent = _intent(closed.intent, given, now)
            return PullRequestClosed((closed.repository,), closed.number, intent)
        case events_answers.IMAGE_ACTION:
            image = _checked(_ImageAction, detail, "detail")
            repository, tag = image.repository_name, image.image_tag
            if not tag:
                return None
            return ImagePushed(envelope.account, envelope.region, repository, tag, given)
        case events_answers.PULL_REQUEST_CHANGE:
            change = _checked(_PullRequestStateChange, detail, "detail")
            return PullRequestClosed(
                tuple(change.repository_names), int(change.pull_request_id), given
            )
        case source, name:
            raise InvalidRequestError([f"event: nothing is done about {name!r} of {source!r}"])


def _checked(model: type[Model], content: Any, path: str) -> Model:
    try:
        return model.model_validate(content)
    except ValidationError as error:
        raise InvalidRequestError(list(described(error, path))) from None


def _intent(given: GivenIntent | None, default: Intent, now: datetime) -> Intent:
    """What the detail says is what counts: so a request that is put again is the same one."""
    if given is None:
        return default
    return command.given_intent(given, "detail.intent", now)
