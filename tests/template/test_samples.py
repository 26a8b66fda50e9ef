"""The samples in events/ are requests that the application accepts, and events that it
publishes."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest

from bivouac.commands import events_in
from bivouac.environment.event import DetailType, EnvironmentEvent
from bivouac.request.planning.plan import plan
from tests.requests import EVENTS, NOW, settings
from tests.template.declared import PROJECT, TEMPLATE
from tests.template.environment_events import PUBLISHED, delivered

SAMPLES = sorted(EVENTS.glob("*.json"))
IN = sorted((EVENTS / "in").glob("*.json"))
OUT = EVENTS / "out"
DESCRIBED = (PROJECT / "docs" / "events.md").read_text(encoding="utf-8")


@pytest.mark.parametrize("sample", SAMPLES, ids=[path.stem for path in SAMPLES])
def test_each_sample_request_can_be_planned(sample: Path) -> None:
    checked = plan(json.loads(sample.read_text(encoding="utf-8")), settings(), NOW)
    assert checked.problems == ()
    assert checked.blueprint is not None


class TestEventsIn:
    """The samples in events/in are valid for PutEvents and for accept_request."""

    @pytest.mark.parametrize("sample", IN, ids=[path.stem for path in IN])
    def test_each_sample_event_is_accepted(self, sample: Path) -> None:
        (entry,) = json.loads(sample.read_text(encoding="utf-8"))
        assert (entry["EventBusName"], entry["Source"]) == ("bivouac", "bivouac.client")
        event = {
            "id": "given",
            "source": entry["Source"],
            "detail-type": entry["DetailType"],
            "account": "123456789012",
            "region": "eu-central-1",
            "time": "2026-01-31T12:00:00Z",
            "detail": json.loads(entry["Detail"]),
        }
        asked = events_in.read(event, NOW)
        assert asked is not None
        # Its own time, not the event's: what a pipeline sends late must not undo what came since.
        assert asked.intent.at < NOW

    def test_there_is_a_sample_of_each_request(self) -> None:
        types = [json.loads(sample.read_text())[0]["DetailType"] for sample in IN]
        policy = TEMPLATE["Resources"]["EventBusRequests"]["Properties"]["Statement"]
        known = policy["Condition"]["StringNotEquals"]["events:detail-type"]
        assert sorted(types) == sorted(known)


def sample_of(event: EnvironmentEvent) -> Path:
    return OUT / (re.sub(r"(?<!^)(?=[A-Z])", "_", event.detail_type).lower() + ".json")


class TestEventsOut:
    """The samples in events/out, and their documentation in docs/events.md, match the code."""

    def test_every_event_has_a_sample(self) -> None:
        assert {event.detail_type for event in PUBLISHED} == set(DetailType)
        assert sorted(sample_of(event) for event in PUBLISHED) == sorted(OUT.glob("*"))

    @pytest.mark.parametrize("event", PUBLISHED, ids=lambda event: event.detail_type)
    def test_each_sample_equals_the_published_event(self, event: EnvironmentEvent) -> None:
        sample = json.loads(sample_of(event).read_text(encoding="utf-8"))
        assert sample == json.loads(json.dumps(delivered(event)))

    @pytest.mark.parametrize("event", PUBLISHED, ids=lambda event: event.detail_type)
    def test_each_events_fields_are_documented(self, event: EnvironmentEvent) -> None:
        common, *sections = re.split(r"^## ", DESCRIBED, flags=re.MULTILINE)
        described = {section.partition("\n")[0]: fields_of(section) for section in sections}
        assert described.keys() == set(DetailType)
        common, _, of_environments = common.partition("\n### ")
        expected = fields_of(common) | described[event.detail_type]
        if event.detail_type.startswith("Environment"):
            expected |= fields_of(of_environments)
        if event.detail_type is DetailType.DEGRADED:
            expected |= described[DetailType.FAILED]
        if event.detail_type is DetailType.NOT_DELETED:
            expected |= described[DetailType.DELETED]
        assert event.detail.keys() == expected


def fields_of(section: str) -> set[str]:
    """The names in the first column of its table."""
    rows = re.findall(r"^\| (`.+?) \|", section, re.MULTILINE)
    return {name for row in rows for name in re.findall(r"`(\w+)`", row)}
