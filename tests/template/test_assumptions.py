"""docs/assumptions.md and the acceptance suite agree, and each row is complete."""

from __future__ import annotations

import re
from dataclasses import dataclass

import pytest

from docs.state_diagrams import ROOT
from tests.acceptance.beliefs import BELIEFS

TEXT = (ROOT / "docs" / "assumptions.md").read_text()
BY_THE_SUITE = "make accept"


@dataclass(frozen=True)
class Row:
    id: str
    belief: str
    stands_on: str
    if_wrong: str
    settled_by: str


def rows() -> list[Row]:
    found = []
    for line in TEXT.splitlines():
        if line.startswith("| `"):
            cells = [cell.strip() for cell in re.split(r"(?<!\\)\|", line)[1:-1]]
            found.append(Row(cells[0].strip("`"), *cells[1:]))
    return found


ROWS = rows()


def test_each_assumption_has_its_own_id() -> None:
    ids = [row.id for row in ROWS]
    assert len(ids) > 80
    assert len(set(ids)) == len(ids)
    for id in ids:
        assert re.fullmatch(r"[a-z]+\.[a-z]+(-[a-z]+)*", id), id


def test_the_suite_settles_exactly_the_assumptions_that_say_so() -> None:
    assert {row.id for row in ROWS if row.settled_by == BY_THE_SUITE} == BELIEFS.keys()


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row.id)
def test_each_assumption_names_its_evidence_its_dependents_and_its_check(row: Row) -> None:
    assert re.match(r"(recorded|documented|unknown)\b", row.stands_on)
    modules = re.findall(r"`([a-z_/.]+\.(?:py|yaml))`", row.if_wrong)
    assert modules
    for module in modules:
        assert (ROOT / "functions" / module).exists() or (ROOT / module).exists(), module
    assert row.settled_by == BY_THE_SUITE or re.fullmatch(r"`aws .+`", row.settled_by)
    assert row.belief
