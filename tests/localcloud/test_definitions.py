"""State machine definitions: substituted as text, then read, as CloudFormation does."""

from __future__ import annotations

import json
from typing import Any

import pytest

from localcloud.template.definitions import read, substituted
from localcloud.template.errors import TemplateError
from tests.localcloud.recordings import recording

SCALARS: list[dict[str, Any]] = recording("cloudformation-definition-scalars")
QUOTABLE = [scalar["written"] for scalar in SCALARS if not set('"\\') & set(scalar["written"])]
"""The parameters refuse the others."""


@pytest.mark.parametrize("scalar", SCALARS, ids=lambda scalar: scalar["written"] or "nothing")
def test_what_a_value_becomes_where_it_stands(scalar: dict[str, Any]) -> None:
    """Its type too: `"1.0" == 1` would hide a number that was a text."""
    text = substituted("States:\n  Key: ${Value}\n", {"Value": scalar["written"]})
    if scalar.get("refused"):
        with pytest.raises(TemplateError, match="neither JSON nor YAML"):
            read(text)
        return
    found = read(text)["States"]["Key"]
    assert (type(found), found) == (type(scalar["read"]), scalar["read"])


@pytest.mark.parametrize("written", QUOTABLE)
def test_a_quoted_value_stays_a_text(written: str) -> None:
    text = substituted('States:\n  Key: "${Value}"\n', {"Value": written})
    assert read(text) == {"States": {"Key": written}}


def test_json_is_read_as_json() -> None:
    """First, so that a text which is both keeps what JSON makes of it."""
    text = substituted('{"Seconds": ${Seconds}, "Name": "${Name}"}', {"Seconds": "060", "Name": ""})
    assert read(text) == {"Seconds": 48, "Name": ""}  # no JSON any more, but YAML
    assert read('{"Seconds": 60, "Name": "yes"}') == {"Seconds": 60, "Name": "yes"}


def test_what_a_value_names_is_substituted_too() -> None:
    assert substituted("${A}", {"A": "<${B}>", "B": "b"}) == "<b>"


def test_values_that_name_each_other_are_refused() -> None:
    """Commons Lang's replaceEachRepeatedly gives up on them."""
    with pytest.raises(TemplateError, match="name each other"):
        substituted("${A}", {"A": "${B}", "B": "${A}"})


def test_true_is_written_as_in_the_template() -> None:
    """DefinitionSubstitutions takes texts, whole numbers and booleans."""
    assert json.loads(substituted("[${A}, ${B}]", {"A": True, "B": 5})) == [True, 5]
