"""Published events: a repetition is the same event, and each fits an entry."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from bivouac.deletion.receipt import Item, Outcome
from bivouac.diagnosis import report
from bivouac.environment.event import DetailType, EnvironmentEvent, Subject
from bivouac.notifications import events

ABOUT = Subject("demo", 3, datetime(2026, 1, 31, 10, 0, tzinfo=UTC))
LATER = replace(ABOUT, at=ABOUT.at + timedelta(minutes=1))
FAILURE: dict[str, Any] = {
    "error": "DeploymentFailedError",
    "category": "container exit",
    "cause": "web: container exit",
    "verdicts": [{"service": "web"}],
}
RECEIPT = {"items": [{"kind": "service", "name": "web", "outcome": "DELETED"}]}
LEFT = [Item("service", "web", Outcome.FAILED, "AccessDenied")]
SOON = "2026-01-31T11:00:00Z"
EXTEND = "arn:aws:states:eu-central-1:123456789012:stateMachine:bivouac-extend-lease"
LATE = "2026-02-01T11:00:00Z"
ARN = "arn:aws:ecs:eu-west-1:123456789012:cluster/bivouac-old"


def ready(subject: Subject, edges: list[str] | None = None) -> EnvironmentEvent:
    return events.ready(
        subject,
        cluster="bivouac-demo",
        namespace="bivouac-demo",
        expires_at=SOON,
        services=["web"],
        edges=["web:web"] if edges is None else edges,
    )


def orphan(subject: Subject, arn: str = ARN) -> EnvironmentEvent:
    return events.orphan_found(
        subject, kind="cluster", name="bivouac-old", arn=arn, reason="no record", goes_at=LATE
    )


def repaired(subject: Subject, found_at: str = SOON) -> EnvironmentEvent:
    return events.leak_repaired(
        subject, leak="expired", name="demo", repair="deletion started", found_at=found_at
    )


def all_of(subject: Subject) -> list[EnvironmentEvent]:
    return [
        ready(subject),
        events.failed(subject, FAILURE),
        events.expiring(subject, SOON, 3600, EXTEND),
        events.degraded(subject, FAILURE, SOON),
        events.deleted(subject, RECEIPT),
        events.not_deleted(subject, LEFT, LATE),
        orphan(subject),
        repaired(subject),
    ]


def ids(*told: EnvironmentEvent) -> list[str]:
    return [event.detail["id"] for event in told]


def test_every_event_names_environment_kind_and_time() -> None:
    assert {event.detail_type for event in all_of(ABOUT)} == set(DetailType)
    for event in all_of(ABOUT):
        detail = event.detail
        assert (detail["environment"], detail["generation"]) == ("demo", 3), event.detail_type
        assert detail["at"] == "2026-01-31T10:00:00Z", event.detail_type
        assert detail["id"], event.detail_type


def test_a_repeated_step_publishes_the_same_event() -> None:
    assert ids(*all_of(ABOUT)) == ids(*all_of(LATER))


def test_different_events_have_different_ids() -> None:
    told = [
        *all_of(ABOUT),
        *all_of(replace(ABOUT, generation=4)),
        *all_of(replace(ABOUT, environment="other")),
        events.expiring(ABOUT, LATE, 3600, EXTEND),
        events.expiring(ABOUT, SOON, 600, EXTEND),
        events.degraded(ABOUT, FAILURE, LATE),
        orphan(ABOUT, f"{ARN}-2"),
        repaired(ABOUT, LATE),
    ]
    assert len(set(ids(*told))) == len(told)


def test_later_facts_do_not_change_an_events_id() -> None:
    """A repetition may see more: a schedule that is gone, or another try at another time."""
    worse = [*LEFT, Item("cluster", "bivouac-demo", Outcome.FAILED, "in use")]
    first = events.not_deleted(ABOUT, LEFT, SOON)
    assert ids(first) == ids(events.not_deleted(ABOUT, worse, LATE))


@given(
    entries=st.integers(0, 3_000),
    length=st.integers(0, 600),
    letter=st.sampled_from(["x", '"', "\u20ac", "\U0001f3d5"]),
)
def test_every_list_is_cut_to_what_fits_and_says_so(entries: int, length: int, letter: str) -> None:
    text = letter * length
    failure = {
        **FAILURE,
        "cause": letter * report.LIMIT,
        "verdicts": [{"service": text}] * entries,
    }
    told = {
        "edges": ready(ABOUT, [text] * entries),
        "verdicts": events.failed(ABOUT, failure),
        "items": events.deleted(ABOUT, {"items": [{"name": text}] * entries}),
    }
    for listed, event in told.items():
        assert len(event.text.encode()) <= events.LIMIT
        assert len(event.detail[listed]) + event.detail["omitted"] == entries


def test_nothing_is_omitted_if_everything_fits() -> None:
    for event in all_of(ABOUT):
        assert event.detail.get("omitted", 0) == 0, event.detail_type
