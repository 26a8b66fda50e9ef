"""One set of rules for input from outside: all problems at once, and nothing crashes."""

from __future__ import annotations

import copy
import json
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bivouac.commands import events_in, inputs
from bivouac.commands.command import asked
from bivouac.environment.intents import Intent
from bivouac.errors import InvalidRequestError
from bivouac.request.planning.plan import plan
from tests.requests import environment, settings, web

Json = dict[str, Any]
NOW = datetime(2026, 1, 31, 12, tzinfo=UTC)
INTENT = {"id": "build-7", "at": "2026-01-31T11:00:00Z"}
KNOWN = {"environment": "demo", "generation": 3, "intent": INTENT}
CHANGE = {"serviceName": "web", "image": "nginx:2", "container": "web", "taskDefinition": {}}
REDEPLOY = {**KNOWN, "services": [CHANGE]}


def created(content: Any) -> None:
    """As check_request reads it before it calls AWS."""
    command = asked(content, "execution", NOW.isoformat(), NOW)
    if content is not command.content and "name" not in command.content:
        return  # of an environment in the record
    checked = plan(command.content, settings(), now=NOW)
    if found := (*command.problems, *checked.problems):
        raise InvalidRequestError(found)


def by(rule: inputs.Rule) -> Callable[[Any], None]:
    def reading(content: Any) -> None:
        inputs.require(rule, content, NOW)
        inputs.intent_of(content, {"execution": "arn", "startedAt": INTENT["at"]})

    return reading


def event(detail_type: str, detail: Json, source: str = "bivouac.client") -> Json:
    return {
        "id": "event-1",
        "source": source,
        "detail-type": detail_type,
        "account": "123456789012",
        "region": "eu-central-1",
        "time": "2026-01-31T11:00:00Z",
        "detail": detail,
    }


def received(content: Any) -> None:
    events_in.read(content, NOW)


REASON = {"reason": "the review is over"}
EXTENSION = {**KNOWN, **REASON, "ttl": "8h", "expectedExpiresAt": "2026-02-01T00:00:00Z"}
READ: dict[str, tuple[Callable[[Any], None], Any]] = {
    "create": (created, {**environment(web()), "intent": INTENT}),
    "redeploy": (created, {"redeploy": REDEPLOY}),
    "wake": (created, {"wake": KNOWN}),
    "roll back": (created, {"rollBack": KNOWN}),
    "delete": (
        by(inputs.DELETION),
        {
            **KNOWN,
            **REASON,
            "expiresAt": "2026-01-31T12:00:00Z",
            "keepSchedule": True,
            "unlessProven": True,
        },
    ),
    "sleep": (by(inputs.SLEEP), {**KNOWN, **REASON}),
    "extend": (by(inputs.EXTENSION), EXTENSION),
    "warning": (
        by(inputs.WARNING),
        {"environment": "demo", "expiresAt": "2026-02-01T00:00:00Z", "warningSeconds": 1800},
    ),
    "EnvironmentRequested": (
        received,
        event("EnvironmentRequested", {"request": environment(web()), "intent": INTENT}),
    ),
    "RedeployRequested": (received, event("RedeployRequested", REDEPLOY)),
    "TeardownRequested": (received, event("TeardownRequested", {**KNOWN, **REASON})),
    "LeaseExtensionRequested": (received, event("LeaseExtensionRequested", EXTENSION)),
    "PullRequestClosed": (
        received,
        event("PullRequestClosed", {"repository": "shop", "number": 7, "intent": INTENT}),
    ),
    "image push": (
        received,
        event("ECR Image Action", {"repository-name": "shop", "image-tag": "main"}, "aws.ecr"),
    ),
    "pull request of CodeCommit": (
        received,
        event(
            "CodeCommit Pull Request State Change",
            {"repositoryNames": ["shop"], "pullRequestId": "7"},
            "aws.codecommit",
        ),
    ),
}
"""Who reads it, and something with every field that it takes."""
everywhere = pytest.mark.parametrize(("read", "good"), READ.values(), ids=READ.keys())

characters = st.text(st.characters(exclude_categories=()), max_size=20)
odd = st.sampled_from(
    [
        "0001-01-01T00:00:00+14:00",
        "9999-12-31T23:59:59-14:00",
        "2026-W05-6T12:00:00Z",
        "2999-01-01T00:00:00Z",
        "x" * 3_000,
        10**400,
        "1" * 400 + "h",
        "CHANGED",
        "WAIT",
    ]
)
anything = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | characters | odd,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(characters, inner, max_size=4),
    max_leaves=8,
)


def places(content: Any) -> Iterator[tuple[Any, Any]]:
    """Every object and list in it, with each of its keys."""
    if isinstance(content, dict | list):
        for key in list(content) if isinstance(content, dict) else range(len(content)):
            yield content, key
            yield from places(content[key])


changes = st.integers(1, 3)
kinds_of_change = st.sampled_from(["replace", "remove", "add"])
added = characters | st.sampled_from(["status", "settled", "asked"])


@st.composite
def spoiled(draw: st.DrawFn, good: Any) -> Any:
    """With up to three values replaced, left out or added."""
    content = copy.deepcopy(good)
    for _ in range(draw(changes)):
        where, key = draw(st.sampled_from(list(places(content))))
        match draw(kinds_of_change):
            case "replace":
                where[key] = draw(anything)
            case "add" if isinstance(where, dict):
                where[draw(added)] = draw(anything)
            case "remove" if len(where) > 1:
                del where[key]
    return content


def refusal(read: Callable[[Any], None], content: Any) -> InvalidRequestError | None:
    try:
        read(content)
    except InvalidRequestError as refused:
        return refused
    return None


@everywhere
def test_valid_input_is_accepted(read: Callable[[Any], None], good: Any) -> None:
    read(good)


@pytest.mark.parametrize(
    ("read", "inputs"),
    [(read, anything | spoiled(good)) for read, good in READ.values()],
    ids=READ.keys(),
)
@given(data=st.data())
def test_any_input_is_accepted_or_refused(
    read: Callable[[Any], None], inputs: st.SearchStrategy[Any], data: st.DataObject
) -> None:
    if refused := refusal(read, data.draw(inputs)):
        assert refused.problems
        assert len(set(refused.problems)) == len(refused.problems)
        for problem in refused.problems:
            path, _, message = problem.partition(": ")
            assert path
            assert message
        str(refused).encode()


@everywhere
def test_input_nested_too_deeply_is_refused(read: Callable[[Any], None], good: Any) -> None:
    deep: Any = "x"
    for _ in range(900):
        deep = [deep]
    for content in (deep, {**good, next(iter(good)): deep}):
        with pytest.raises(InvalidRequestError, match="nested deeper than 40 levels"):
            read(content)


@everywhere
@pytest.mark.parametrize("half", [{"\ud800": 1}, ["\udfff"]])
def test_a_lone_surrogate_is_refused(read: Callable[[Any], None], good: Any, half: Any) -> None:
    """JSON can write it, and it cannot be stored or logged in UTF-8."""
    for content in (half, {**good, next(iter(good)): half}):
        with pytest.raises(InvalidRequestError, match="is no character"):
            read(content)


def with_moment(good: Any, name: str, moment: Any) -> Iterator[Any]:
    """Once for each such field."""
    for number, (where, key) in enumerate(list(places(good))):
        if key == name and not isinstance(where, list):
            content = copy.deepcopy(good)
            inner, _ = list(places(content))[number]
            inner[key] = moment
            yield content


@everywhere
@pytest.mark.parametrize("name", ["at", "time"])
@pytest.mark.parametrize(
    ("moment", "message"),
    [
        ((NOW + timedelta(minutes=5, seconds=1)).isoformat(), "is in the future"),
        ("2099-01-01T00:00:00Z", "is in the future"),
        ("9999-12-31T23:59:59-14:00", "is not in any calendar"),
        ("0001-01-01T00:00:00+14:00", "is not in any calendar"),
        ("2026-W05-6T11:00:00Z", "is not a moment"),
        ("2026-01-31T11:00:00", "has no offset"),
        (1_769_860_000, "must be a text"),
        (None, "must be a text"),
    ],
)
def test_a_future_or_impossible_time_is_refused_everywhere(
    read: Callable[[Any], None], good: Any, name: str, moment: Any, message: str
) -> None:
    """A deletion meant in 2099 would block the name until then."""
    for content in with_moment(good, name, moment):
        with pytest.raises(InvalidRequestError) as refused:
            read(content)
        (problem,) = refused.value.problems
        assert f"{name}: " in problem
        assert message in problem


@everywhere
def test_clocks_may_differ_by_five_minutes(read: Callable[[Any], None], good: Any) -> None:
    for name in ("at", "time"):
        for content in with_moment(good, name, (NOW + timedelta(minutes=5)).isoformat()):
            read(content)


WRONG: dict[str, tuple[Json, set[str]]] = {
    "delete": (
        {"environment": "A B", "generation": "3", "reason": "", "expiresAt": "x", "force": True},
        {"environment", "generation", "reason", "expiresAt", "force"},
    ),
    "extend": (
        {"environment": None, "ttl": "long", "keep": True, "intent": {"id": 7}},
        {"environment", "ttl", "intent.id", "intent.at"},
    ),
    "redeploy": (
        {"redeploy": {"services": [{"image": 7}, "web"], "intent": []}, "name": "demo"},
        {
            "redeploy",
            "redeploy.environment",
            "redeploy.intent",
            "redeploy.services[0].serviceName",
            "redeploy.services[0].image",
            "redeploy.services[1]",
        },
    ),
    "create": (
        {"name": "A B", "intent": {"id": "", "at": "2099-01-01T00:00:00Z"}, "color": "blue"},
        {"name", "intent.id", "intent.at", "color", "services"},
    ),
    "TeardownRequested": (
        {**event("TeardownRequested", {"reason": 7, "keepSchedule": True}), "time": "noon"},
        {"event.time", "detail.environment", "detail.reason", "detail.keepSchedule"},
    ),
}


@pytest.mark.parametrize("who", WRONG)
def test_all_problems_are_reported_at_once(who: str) -> None:
    read, _ = READ[who]
    content, paths = WRONG[who]
    with pytest.raises(InvalidRequestError) as refused:
        read(content)
    assert {problem.partition(": ")[0] for problem in refused.value.problems} == paths


@pytest.mark.parametrize("who", ["extend", "LeaseExtensionRequested"])
@pytest.mark.parametrize("end", [{}, {"ttl": "8h", "keep": True}, {"keep": False}])
def test_an_extension_has_one_end(who: str, end: Json) -> None:
    read, good = READ[who]
    asked_for = {"environment": "demo", **end}
    content = {**good, "detail": asked_for} if "detail" in good else asked_for
    with pytest.raises(InvalidRequestError, match='ttl: give either ttl, such as "8h", or "keep"'):
        read(content)


def test_a_machine_accepts_what_an_event_requests() -> None:
    """So nothing that was accepted is refused a second later."""
    rules = {
        events_in.CommandKind.REDEPLOY: inputs.REDEPLOY,
        events_in.CommandKind.DELETE: inputs.DELETION,
        events_in.CommandKind.EXTEND: inputs.EXTENSION,
    }
    for name in ("RedeployRequested", "TeardownRequested", "LeaseExtensionRequested"):
        named = events_in.read(READ[name][1], NOW)
        assert isinstance(named, events_in.Named)
        assert named.intent == Intent.from_json(INTENT)
        content = json.loads(json.dumps({**named.content, "intent": named.intent.to_json()}))
        assert inputs.problems(rules[named.verb], content, NOW) == []
