"""What the stack's parameters become in the state machines' definitions."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

import pytest

from localcloud.template.definitions import read, substituted
from localcloud.template.errors import TemplateError
from localcloud.template.parameters import checked_parameters
from tests.template.declared import MACHINES, PROJECT, TEMPLATE, Machine

EACH = pytest.mark.parametrize("machine", MACHINES.values(), ids=MACHINES.keys())


_QUOTED = re.compile(r'"(?:[^"\\]|\\.)*"')


def unquoted_placeholders(text: str) -> Iterator[str]:
    """Every line with a placeholder that is not in double quotes.

    CloudFormation substitutes in the text before it parses it, so an empty value would become null,
    and `true` a boolean (tests/recorded/cloudformation-definition-scalars.json). In single quotes
    an apostrophe would end the value, in a block a new line."""
    for number, line in enumerate(text.splitlines(), start=1):
        if "${" in _QUOTED.sub("", line):
            yield f"line {number}: {line.strip()}"


@EACH
def test_every_placeholder_is_quoted(machine: Machine) -> None:
    text = (PROJECT / machine.properties["DefinitionUri"]).read_text(encoding="utf-8")
    assert list(unquoted_placeholders(text)) == []


@pytest.mark.parametrize("written", ["${A}", "arn:${A}:b", "{b: ${A}}", "'${A}'", "|\n  ${A}"])
def test_an_unquoted_placeholder_is_found(written: str) -> None:
    assert list(unquoted_placeholders(f"Key: {written}\n"))


def test_a_quoted_placeholder_is_accepted() -> None:
    assert not list(unquoted_placeholders('Key: "${A}"\nOther: {b: "arn:${A}:c", d: "${A}"}\n'))


@pytest.mark.parametrize("character", ['"', "\\", " ", "\n", "#"])
def test_an_image_cannot_end_its_quotes(character: str) -> None:
    declared = TEMPLATE["Parameters"]["ProofImage"]
    assert checked_parameters({"ProofImage": declared}, {}) == {"ProofImage": declared["Default"]}
    with pytest.raises(TemplateError, match="ProofImage"):
        checked_parameters({"ProofImage": declared}, {"ProofImage": f"python{character}3"})


ODD = ("", "true", "no", "null", "~", "1.10", "0050", "1e3", "a # b", "a: b", "@a", "- a", "[a]")
"""What YAML would read as something else, or could not read."""


@EACH
@pytest.mark.parametrize("value", ODD)
def test_any_parameter_value_stays_text(machine: Machine, value: str) -> None:
    text = (PROJECT / machine.properties["DefinitionUri"]).read_text(encoding="utf-8")
    values = dict.fromkeys(machine.properties["DefinitionSubstitutions"], value)
    assert read(substituted(text, values)) == filled(machine.definition, value)


def filled(definition: Any, value: str) -> Any:
    """The definition with a value in each placeholder, as text whatever it is."""
    if isinstance(definition, dict):
        return {name: filled(content, value) for name, content in definition.items()}
    if isinstance(definition, list):
        return [filled(content, value) for content in definition]
    return re.sub(r"\$\{\w+\}", value, definition) if isinstance(definition, str) else definition
