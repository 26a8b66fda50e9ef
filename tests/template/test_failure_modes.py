"""docs/failure-modes.md lists every id that the project names, and users see none without a
link."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from docs.state_diagrams import ROOT
from localcloud.template.source import parse_yaml
from tests.template.declared import tree

CATALOGUE = ROOT / "docs" / "failure-modes.md"
READ = {".md", ".py", ".yaml"}
PLACES = ("bench", "demo", "deployment", "docs", "functions", "localcloud", "statemachine", "tests")
FIRST_LETTERS = "NCTSHDPW"
ID = re.compile(rf"\b[{FIRST_LETTERS}]\d\d\b")
RANGE = re.compile(rf"\b([{FIRST_LETTERS}])(\d\d) to \1(\d\d)\b")
ROW = re.compile(r'^\| <a id="([a-z]\d\d)"></a>([A-Z]\d\d) \|(.*)\|(.*)\|$', re.MULTILINE)
LINK = re.compile(r"\[[^\]]*\]\([^)]*failure-modes\.md#[a-z]\d\d\)")
ROWS = ROW.findall(CATALOGUE.read_text())


def _files() -> Iterator[Path]:
    yield from (ROOT / "README.md", ROOT / "template.yaml", ROOT / "Makefile")
    for place in PLACES:
        for path in sorted((ROOT / place).rglob("*")):
            if path.suffix in READ and path != CATALOGUE:
                yield path


def _named() -> dict[str, str]:
    """Each id, including those within a range, and a file that names it."""
    found: dict[str, str] = {}
    for path in _files():
        text = path.read_text()
        ids = set(ID.findall(text))
        for letter, first, last in RANGE.findall(text):
            ids |= {f"{letter}{number:02}" for number in range(int(first), int(last) + 1)}
        found |= dict.fromkeys(ids, str(path.relative_to(ROOT)))
    return found


def test_the_catalogue_lists_exactly_the_ids_that_the_project_names() -> None:
    listed = [id for _, id, _, _ in ROWS]
    named = _named()
    assert len(set(listed)) == len(listed)
    assert {id: file for id, file in named.items() if id not in listed} == {}
    assert set(listed) <= named.keys()


def test_each_entry_can_be_linked_to_and_has_a_fact_and_a_source() -> None:
    for anchor, id, fact, source in ROWS:
        assert anchor == id.lower()
        assert fact.strip(), id
        assert re.search(r"\]\(https://|^ General knowledge", source), id


# Not everything beneath the root: the virtual environments have tens of thousands of files.
DOCUMENTS = sorted(
    {*ROOT.glob("*.md"), *(path for place in PLACES for path in (ROOT / place).rglob("*.md"))}
    - {CATALOGUE}
)


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: str(path.relative_to(ROOT)))
def test_documents_link_the_ids_that_they_name(document: Path) -> None:
    assert ID.findall(LINK.sub("", document.read_text())) == []


@pytest.mark.parametrize(
    "module",
    sorted((ROOT / "functions").rglob("*.py")),
    ids=lambda path: str(path.relative_to(ROOT / "functions")),
)
def test_no_message_holds_an_id(module: Path) -> None:
    code = tree(module)
    descriptions = {
        id(statement.value)
        for node in ast.walk(code)
        if isinstance(body := getattr(node, "body", None), list)
        for statement in body
        if isinstance(statement, ast.Expr)
    }
    for node in ast.walk(code):
        if isinstance(node, ast.Constant) and isinstance(node.value, str):
            assert id(node) in descriptions or not ID.search(node.value), node.value


def test_no_text_of_the_template_or_of_a_state_machine_holds_an_id() -> None:
    for path in [ROOT / "template.yaml", *sorted((ROOT / "statemachine").glob("*.yaml"))]:
        assert ID.findall(str(parse_yaml(path.read_text()))) == [], path.name
