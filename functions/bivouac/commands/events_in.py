"""Parses events that request something: untrusted details in, intents out. An event that names no
environment says whether a record is meant.

Our events arrive on our own bus, where details are untrusted. AWS's arrive on the default bus,
where only AWS can put them; AWS may add fields, so unknown ones are ignored.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any

from pydantic import BaseModel, ValidationError

from bivouac.aws import events_answers
from bivouac.commands import inputs
from bivouac.commands.inputs import Fields, Rule, list_of, text
from bivouac.environment.blueprint import Blueprint
from bivouac.environment.intents import Intent
from bivouac.environment.record import Record
from bivouac.errors import InvalidRequestError
from bivouac.json_types import Json
from bivouac.request.models import EnvironmentRequest, PullRequest
from bivouac.request.reading import own_messages, pasted
from bivouac.request.reading.forms import form_of


class CommandKind(StrEnum):
    """What to start; also the word in the execution's name."""

    CREATE = "create"
    REDEPLOY = "redeploy"
    DELETE = "delete"
    EXTEND = "extend"


@dataclass(frozen=True)
class Named:
    """A request about one environment."""

    verb: CommandKind
    environment: str
    intent: Intent
    content: Json
    """The execution's input without the intent."""

    @property
    def input(self) -> Json:
        return {**self.content, "intent": self.intent.to_json()}


@dataclass(frozen=True)
class ImagePushed:
    """A tag of an ECR repository now refers to another image."""

    account: str
    region: str
    repository: str
    tag: str
    intent: Intent

    def redeploys(self, record: Record) -> bool:
        """Whether the triggers of the record's request name the repository and the tag."""
        named = {"repository": self.repository, "tag": self.tag}
        return named in record.blueprint["triggers"]["imagePush"]

    def runs_in(self, blueprint: Blueprint) -> list[str]:
        """The services with a container of the pushed image, by tag.

        The images of definitions that are not ours are unknown here."""
        return [
            service.service_name
            for service in blueprint.services
            if service.definition is not None
            and any(
                self._is(container["image"])
                for container in service.definition["containerDefinitions"]
            )
        ]

    def _is(self, image: str) -> bool:
        """<account>.dkr.ecr.<region>.amazonaws.com/<repository>[:<tag>]; no tag means latest, and a
        digest never matches
        (https://docs.aws.amazon.com/AmazonECR/latest/userguide/Registries.html)."""
        registry = re.escape(f"{self.account}.dkr.ecr.{self.region}.amazonaws.com")
        match = re.fullmatch(rf"{registry}(?:\.cn)?/([^:@]+)(?::([^:@]+))?", image)
        found = (match[1], match[2] or "latest") if match else None
        return found == (self.repository, self.tag)


@dataclass(frozen=True)
class PullRequestClosed:
    repositories: tuple[str, ...]
    number: int
    intent: Intent

    def deletes(self, record: Record) -> bool:
        """Whether the record's request names the pull request."""
        named = record.blueprint["triggers"]["pullRequest"]
        return (
            named is not None
            and named["repository"] in self.repositories
            and named["number"] == self.number
        )


Asked = Named | ImagePushed | PullRequestClosed


def _pull_request_id(given: str) -> None:
    if re.fullmatch(r"[1-9][0-9]{0,9}", given) is None:
        raise ValueError(f"{given!r} is not the id of a pull request")


def _tag(path: str, given: Any, now: datetime) -> Iterator[str]:
    """Empty of an untagged manifest (recorded in September 2025: github.com/awslabs/
    cfn-ecr-aws-soci-index-builder, pull request 137); the guide's example has none then."""
    if given:
        yield from inputs.text()(path, given, now)


def _request(path: str, given: Any, now: datetime) -> Iterator[str]:
    request, reader = pasted.read(given)
    yield from (f"{path}.{each}" for each in reader.problems)
    if request is not None:
        yield from _read_by(EnvironmentRequest, request, path)


def _pull_request_closed(path: str, given: Any, now: datetime) -> Iterator[str]:
    yield from inputs.Fields({"intent": inputs.INTENT}, others=True)(path, given, now)
    if isinstance(given, dict):
        named = {name: value for name, value in given.items() if name != "intent"}
        yield from _read_by(PullRequest, named, path)


def _read_by(model: type[BaseModel], given: Any, path: str) -> Iterator[str]:
    """As a request is read."""
    try:
        model.model_validate(given)
    except ValidationError as error:
        yield from map(str, own_messages.problems_of(error, path, form_of(model)))


_ENVELOPE = Fields(
    {
        "id": text(inputs.LONGEST_ID),
        "source": text(),
        "detail-type": text(),
        "account": text(),
        "region": text(),
        "time": inputs.past_moment,
        "detail": Fields({}, others=True),
    },
    ("id", "source", "detail-type", "account", "region", "time", "detail"),
    others=True,
)
"""Of every event: https://docs.aws.amazon.com/eventbridge/latest/ref/overiew-event-structure.html"""
_CLIENT = "bivouac.client"
_ENVIRONMENT_REQUESTED = (_CLIENT, "EnvironmentRequested")
_PULL_REQUEST_CLOSED = (_CLIENT, "PullRequestClosed")
_NAMED: Mapping[tuple[str, str], tuple[CommandKind, Rule]] = {
    (_CLIENT, "RedeployRequested"): (CommandKind.REDEPLOY, inputs.REDEPLOY),
    (_CLIENT, "TeardownRequested"): (CommandKind.DELETE, inputs.TEARDOWN),
    (_CLIENT, "LeaseExtensionRequested"): (CommandKind.EXTEND, inputs.EXTENSION),
}
_DETAILS: Mapping[tuple[str, str], Rule] = {
    _ENVIRONMENT_REQUESTED: Fields({"request": _request, "intent": inputs.INTENT}, ("request",)),
    **{kind: rule for kind, (_, rule) in _NAMED.items()},
    _PULL_REQUEST_CLOSED: _pull_request_closed,
    # https://docs.aws.amazon.com/AmazonECR/latest/userguide/ecr-eventbridge.html
    events_answers.IMAGE_ACTION: Fields(
        {"repository-name": text(), "image-tag": _tag}, ("repository-name",), others=True
    ),
    # https://docs.aws.amazon.com/codecommit/latest/userguide/monitoring-events.html
    events_answers.PULL_REQUEST_CHANGE: Fields(
        {
            "repositoryNames": list_of(text(), least=1),
            "pullRequestId": text(read=_pull_request_id),
        },
        ("repositoryNames", "pullRequestId"),
        others=True,
    ),
}


def read(event: Any, now: datetime) -> Asked | None:
    """None: no environment can depend on it.

    Raises InvalidRequestError with every problem of the event."""
    found = inputs.problems(_ENVELOPE, event, now, "event")
    kind = _kind(event)
    if kind in _DETAILS:
        found += inputs.problems(_DETAILS[kind], event.get("detail"), now, "detail")
    elif not found:
        found.append(f"event: {kind[1]!r} of {kind[0]!r} is not supported")
    if found:
        raise InvalidRequestError(found)
    return _from_client(kind, event) if kind[0] == _CLIENT else _from_aws(kind, event)


def _from_client(kind: tuple[str, str], event: Json) -> Asked:
    content = dict(event["detail"])
    # The detail's intent takes precedence, so that a repeated request counts as the same one.
    intent = Intent.from_json(content.pop("intent", _meant(event)))
    if kind == _ENVIRONMENT_REQUESTED:
        request = content["request"]
        return Named(CommandKind.CREATE, request["name"], intent, request)
    if kind == _PULL_REQUEST_CLOSED:
        return PullRequestClosed((content["repository"],), content["number"], intent)
    return Named(_NAMED[kind][0], content["environment"], intent, content)


def _from_aws(kind: tuple[str, str], event: Json) -> Asked | None:
    detail, intent = event["detail"], Intent.from_json(_meant(event))
    if kind == events_answers.PULL_REQUEST_CHANGE:
        names, number = detail["repositoryNames"], detail["pullRequestId"]
        return PullRequestClosed(tuple(names), int(number), intent)
    if not (tag := detail.get("image-tag")):
        return None
    return ImagePushed(event["account"], event["region"], detail["repository-name"], tag, intent)


def _kind(event: Any) -> tuple[str, str]:
    if not isinstance(event, dict):
        return "", ""
    return str(event.get("source")), str(event.get("detail-type"))


def _meant(event: Json) -> Json:
    return {"at": event["time"], "id": event["id"]}
