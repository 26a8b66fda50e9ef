"""State machine definitions: substituted as text, then parsed, as CloudFormation does."""

from __future__ import annotations

import json
from typing import Any

import pytest

from localcloud.template.definitions import read, substituted
from localcloud.template.errors import TemplateError
from tests.localcloud.recordings import recording

SCALARS: list[dict[str, Any]] = recording("cloudformation-definition-scalars")
QUOTABLE = [scalar["written"] for scalar in SCALARS if not set('"\\') & set(scalar["written"])]
"""The template's parameters refuse other values."""


@pytest.mark.parametrize("scalar", SCALARS, ids=lambda scalar: scalar["written"] or "nothing")
def test_the_type_of_a_substituted_value(scalar: dict[str, Any]) -> None:
    """Compares types too: `"1.0" == 1` would hide a number that became text."""
    text = substituted("States:\n  Key: ${Value}\n", {"Value": scalar["written"]})
    if scalar.get("refused"):
        with pytest.raises(TemplateError, match="neither JSON nor YAML"):
            read(text)
        return
    found = read(text)["States"]["Key"]
    assert (type(found), found) == (type(scalar["read"]), scalar["read"])


@pytest.mark.parametrize("written", QUOTABLE)
def test_a_quoted_value_stays_text(written: str) -> None:
    text = substituted('States:\n  Key: "${Value}"\n', {"Value": written})
    assert read(text) == {"States": {"Key": written}}


def test_json_is_read_as_json() -> None:
    """JSON first, so that text that is both keeps its JSON meaning."""
    text = substituted('{"Seconds": ${Seconds}, "Name": "${Name}"}', {"Seconds": "060", "Name": ""})
    assert read(text) == {"Seconds": 48, "Name": ""}  # YAML, but not JSON
    assert read('{"Seconds": 60, "Name": "yes"}') == {"Seconds": 60, "Name": "yes"}


def test_a_substitution_inside_a_value_is_substituted() -> None:
    assert substituted("${A}", {"A": "<${B}>", "B": "b"}) == "<b>"


def test_circular_substitutions_are_refused() -> None:
    """Commons Lang's replaceEachRepeatedly gives up on them."""
    with pytest.raises(TemplateError, match="name each other"):
        substituted("${A}", {"A": "${B}", "B": "${A}"})


def test_true_is_written_as_in_the_template() -> None:
    """DefinitionSubstitutions accepts text, integers and booleans."""
    assert json.loads(substituted("[${A}, ${B}]", {"A": True, "B": 5})) == [True, 5]
