"""The event bus: an entry that PutEvents does not accept is an error, however it says so."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime

import pytest
from botocore.stub import Stubber

from bivouac import errors
from bivouac.aws.event_bus import EventBus
from bivouac.environment.event import Subject
from bivouac.notifications import events
from tests.functional.account import EVENT_BUS, BivouacAccount

ABOUT = Subject("demo", 1, datetime(2026, 1, 31, 10, 0, tzinfo=UTC))
EVENT = events.leak_repaired(
    ABOUT, leak="expired", name="demo", repair="deletion started", since="2026-01-31T10:00:00Z"
)


@pytest.fixture
def stubbed(account: BivouacAccount) -> Iterator[Stubber]:
    with Stubber(account.client("events")) as stubber:
        yield stubber


def not_taken(code: str) -> dict[str, object]:
    entry = {"ErrorCode": code, "ErrorMessage": "the entry was not taken"}
    return {"FailedEntryCount": 1, "Entries": [entry]}


def test_events_go_to_the_stacks_bus_with_our_source(account: BivouacAccount) -> None:
    account.bus.publish(EVENT)
    assert account.published == [("LeakRepaired", EVENT.detail)]
    (request,) = account.requests
    assert '"EventBusName": "bivouac", "Source": "bivouac"' in request["body"].decode()


@pytest.mark.parametrize(
    ("code", "error"),
    [
        ("ThrottlingException", errors.ThrottledError),
        ("InternalFailure", errors.UnavailableError),
        ("InternalException", errors.UnavailableError),
        ("AccessDeniedException", errors.AccessDeniedError),
        ("MalformedDetail", errors.RefusedByAwsError),
    ],
)
def test_a_refused_entry_is_an_error_although_the_call_succeeded(
    account: BivouacAccount, stubbed: Stubber, code: str, error: type[errors.BivouacError]
) -> None:
    """W04."""
    stubbed.add_response("put_events", not_taken(code))
    with pytest.raises(error, match=f"event LeakRepaired of demo: .*{code}"):
        account.bus.publish(EVENT)


def test_a_missing_bus_is_an_error(account: BivouacAccount) -> None:
    with pytest.raises(errors.RefusedByAwsError, match="event LeakRepaired of demo"):
        EventBus(account.client("events"), f"{EVENT_BUS}-gone").publish(EVENT)
