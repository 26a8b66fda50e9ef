"""docs/status.schema.json: one form for whatever says something of an environment."""

from __future__ import annotations

import json
import re
from typing import Any

import pytest
from jsonschema import Draft202012Validator

from bivouac.environment.event import EnvironmentEvent
from docs.status_schema import schema
from tests.parts import WRITTEN, must_be
from tests.template.declared import PROJECT
from tests.template.environment_events import PUBLISHED

TEXT = (PROJECT / "docs" / "command-line.md").read_text(encoding="utf-8")


def test_it_is_current() -> None:
    assert schema() == WRITTEN, "make schema"


def test_it_is_a_schema() -> None:
    Draft202012Validator.check_schema(WRITTEN)


@pytest.mark.parametrize("event", PUBLISHED, ids=lambda event: event.detail_type)
def test_every_event_is_a_part_of_it(event: EnvironmentEvent) -> None:
    must_be(event.detail_type, event.detail)


def test_the_documented_example_is_one() -> None:
    (example,) = re.findall(r"^```jsonc\n(.+?)^```", TEXT, re.MULTILINE | re.DOTALL)
    must_be("Document", json.loads(example))


def fields(part: str) -> dict[str, Any]:
    found: dict[str, Any] = WRITTEN["$defs"][part]["properties"]
    return {name: _without_text(each) for name, each in found.items()}


def _without_text(form: dict[str, Any]) -> dict[str, Any]:
    return {name: each for name, each in form.items() if name != "description"}


ONLY_IN = {"outcome", "because", "proof", "id", "omitted", "warningSeconds", "extendWith"}
"""What only an output or an event says."""
PARTS = ["Summary", "Done", "Ready", "Deleted"]
PARTS += [event.detail_type for event in PUBLISHED if event.detail_type.startswith("Environment")]


@pytest.mark.parametrize("part", PARTS)
def test_the_same_fact_has_the_same_name_and_form(part: str) -> None:
    """But for what the document may not know, and for what ECS shows of a service."""
    document = fields("Document")
    for name, form in fields(part).items():
        if name in ONLY_IN:
            assert name not in document, name
        elif name == "services":
            assert form["items"] == {"$ref": "#/$defs/PlannedService"}
        else:
            assert form in (document[name], *document[name].get("anyOf", ())), name


def test_a_service_has_what_was_planned() -> None:
    assert fields("PlannedService").items() <= fields("Service").items()
