"""Published events: a repetition is the same event, and each fits an entry."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any
from unittest import mock

from hypothesis import given
from hypothesis import strategies as st

from bivouac.diagnosis import report
from bivouac.environment.event import DetailType, EnvironmentEvent, Subject
from bivouac.environment.record import Record, Status
from bivouac.notifications import events
from bivouac.proof.mesh import EdgeProof
from tests.requests import environment
from tests.unit.planned import planned

NOW = datetime(2026, 1, 31, 10, 0, tzinfo=UTC)
ABOUT = Subject("demo", 3, NOW)
LATER = replace(ABOUT, at=NOW + timedelta(minutes=1))
SOON = "2026-01-31T11:00:00Z"
LATE = "2026-02-01T11:00:00Z"
FAILURE: dict[str, Any] = {
    "error": "DeploymentFailedError",
    "category": "container exit",
    "cause": "web: container exit",
    "verdicts": [
        {"category": "container exit", "service": "web", "evidence": ["x"], "next_step": "Look."}
    ],
    "since": SOON,
}
ITEM = {"kind": "service", "name": "web", "outcome": "DELETED"}
EXTEND = "arn:aws:states:eu-central-1:123456789012:stateMachine:bivouac-extend-lease"
ARN = "arn:aws:ecs:eu-west-1:123456789012:cluster/bivouac-old"
PROOF = EdgeProof("web:web", "hash", "", "ecs-svc/1", "OK", "HTTP 200", SOON)
BLUEPRINT = planned(environment()).to_json()


def record(subject: Subject, **changes: Any) -> Record:
    """With everything that an event may say; the event's type says which of it."""
    given: dict[str, Any] = {
        "status": Status.READY,
        "execution": "arn",
        "request_hash": "",
        "blueprint": BLUEPRINT,
        "expires_at": SOON,
        "settle": False,
        "failure": FAILURE,
        "receipt": {"status": "DELETED", "at": SOON, "items": [ITEM]},
    }
    return Record(subject.environment, subject.generation, **given | changes)


def orphan(subject: Subject, arn: str = ARN) -> EnvironmentEvent:
    return events.orphan_found(
        subject, kind="cluster", name="bivouac-old", arn=arn, because="no record", goes_at=LATE
    )


def repaired(subject: Subject, since: str = SOON) -> EnvironmentEvent:
    return events.leak_repaired(
        subject, leak="expired", name="demo", repair="deletion started", since=since
    )


def all_of(subject: Subject) -> list[EnvironmentEvent]:
    found = record(subject)
    return [
        events.of_record(DetailType.READY, found, subject.at),
        events.of_record(DetailType.FAILED, found, subject.at),
        events.expiring(found, subject.at, 3600, EXTEND),
        events.of_record(DetailType.DEGRADED, found, subject.at),
        events.of_record(DetailType.DELETED, found, subject.at),
        events.of_record(DetailType.NOT_DELETED, found, subject.at),
        orphan(subject),
        repaired(subject),
    ]


def ids(*published: EnvironmentEvent) -> list[str]:
    return [event.detail["id"] for event in published]


def test_every_event_names_environment_kind_and_time() -> None:
    assert {event.detail_type for event in all_of(ABOUT)} == set(DetailType)
    for event in all_of(ABOUT):
        detail = event.detail
        assert (detail["name"], detail["generation"]) == ("demo", 3), event.detail_type
        assert detail["observedAt"] == "2026-01-31T10:00:00Z", event.detail_type
        assert detail["id"], event.detail_type


def test_a_repeated_step_publishes_the_same_event() -> None:
    assert ids(*all_of(ABOUT)) == ids(*all_of(LATER))


def test_different_events_have_different_ids() -> None:
    published = [
        *all_of(ABOUT),
        *all_of(replace(ABOUT, generation=4)),
        *all_of(replace(ABOUT, environment="other")),
        events.expiring(record(ABOUT, expires_at=LATE), NOW, 3600, EXTEND),
        events.expiring(record(ABOUT), NOW, 600, EXTEND),
        events.of_record(
            DetailType.DEGRADED, record(ABOUT, failure=FAILURE | {"since": LATE}), NOW
        ),
        orphan(ABOUT, f"{ARN}-2"),
        repaired(ABOUT, LATE),
    ]
    assert len(set(ids(*published))) == len(published)


def test_later_facts_do_not_change_an_events_id() -> None:
    """A repetition may see more: a schedule that is gone, or another try at another time."""
    worse = {"kind": "cluster", "name": "bivouac-demo", "outcome": "FAILED", "reason": "in use"}
    receipt = {"status": "NOT_DELETED", "at": LATE, "items": [ITEM, worse]}
    first = events.of_record(DetailType.NOT_DELETED, record(ABOUT), NOW)
    assert ids(first) == ids(
        events.of_record(
            DetailType.NOT_DELETED, record(ABOUT, receipt=receipt, expires_at=LATE), NOW
        )
    )


@given(
    entries=st.integers(0, 3_000),
    length=st.integers(0, 600),
    letter=st.sampled_from(["x", '"', "\u20ac", "\U0001f3d5"]),
)
def test_every_list_is_cut_to_what_fits_and_says_so(entries: int, length: int, letter: str) -> None:
    text = letter * length
    verdict = FAILURE["verdicts"][0] | {"service": text}
    failure = {**FAILURE, "cause": letter * report.LIMIT, "verdicts": [verdict] * entries}
    receipt = {"status": "DELETED", "at": SOON, "items": [ITEM | {"name": text}] * entries}
    found = record(ABOUT, failure=failure, receipt=receipt)
    published = {
        ("diagnosis", "verdicts"): events.of_record(DetailType.FAILED, found, NOW),
        ("receipt", "items"): events.of_record(DetailType.DELETED, found, NOW),
    }
    for (part, listed), event in published.items():
        assert len(event.text.encode()) <= events.LIMIT
        assert len(event.detail[part][listed]) + event.detail["omitted"] == entries


def test_edges_are_cut_to_what_fits() -> None:
    """The largest environment has fewer; that of tomorrow may not."""
    without = events.of_record(DetailType.READY, record(ABOUT), NOW)
    assert (without.detail["edges"], without.detail["omitted"]) == ([], 0)
    proofs = [PROOF.to_json()]
    with mock.patch.object(events, "LIMIT", len(without.text) + 10):
        event = events.of_record(DetailType.READY, record(ABOUT, edges=proofs), NOW)
    assert (event.detail["edges"], event.detail["omitted"]) == ([], 1)
    whole = events.of_record(DetailType.READY, record(ABOUT, edges=proofs), NOW).detail
    assert ([edge["to"] for edge in whole["edges"]], whole["omitted"]) == (["web:web"], 0)


def test_nothing_is_omitted_if_everything_fits() -> None:
    for event in all_of(ABOUT):
        assert event.detail.get("omitted", 0) == 0, event.detail_type
