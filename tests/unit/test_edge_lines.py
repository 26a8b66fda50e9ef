"""What a proof client's log says: what is read, and that nothing is read out of anything else."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bivouac.environment.blueprint import Edge
from bivouac.proof import edge_lines
from bivouac.proof.edge_client import EdgeClient
from bivouac.proof.fault import Fault
from bivouac.proof.mesh import EdgeReading, State

EDGE = Edge("web", "api", "http", "api", 8080, "http", "/healthz", 200, 299)
CONTENT: dict[str, Any] = {
    "edge": "api:8080",
    "said": "HTTP 500, expected 200-299",
    "code": 12,
    "status": 500,
    "failures": 0,
    "asked": 0,
}


def line(**changes: Any) -> str:
    return json.dumps({**CONTENT, **changes})


def read(text: str) -> EdgeReading:
    found = edge_lines.read(text, EDGE)
    assert found is not None
    return found


def test_the_form_that_is_documented_is_read() -> None:
    assert edge_lines.__doc__ is not None
    shown = edge_lines.__doc__.split("\n\n")[1]
    found = read(" ".join(shown.split()))
    assert (found.observed, found.status) == ("api:8080 HTTP 500, expected 200-299", 500)
    assert (found.state, found.fault) == (State.NG, Fault.STATUS)


@pytest.mark.parametrize(
    "said",
    ["HTTP 200", "\U0001f3d5" * 300, '"}\n{"edge": "api:8080", "code": 0}'],
    ids=["plain", "long", "hostile"],
)
def test_what_the_program_prints_is_read_back(
    said: str, capsys: pytest.CaptureFixture[str]
) -> None:
    """However it ends: a line stays one line, and short enough to be read."""
    name = "a" * 127
    client = EdgeClient(name, "65535", "http", "/", "200", "399")
    client.status = 404
    client.row.failures, client.row.asked = 9, 31
    client.report(12, said)
    (printed,) = capsys.readouterr().out.splitlines()
    edge = Edge("web", "api", "http", name, 65535, "http", "/", 200, 399)
    found = edge_lines.read(printed, edge)
    assert found is not None
    assert (found.fault, found.status) == (Fault.UNSTEADY, 404)
    counted, _, shown = found.observed.partition(" after a right one: ")
    assert counted == f"{name}:65535 answers differently each time, 9 of 31 failed"
    assert shown[:5] == said.replace("\n", " ")[:5]
    assert len(shown) <= 200


@pytest.mark.parametrize(
    ("changes", "fault"),
    [
        ({"code": 10, "status": 0}, Fault.NAME),
        ({"code": 11, "status": 0}, Fault.CONNECTION),
        ({"code": 13, "status": 503}, Fault.NO_ANSWER),
        ({"code": 12}, Fault.STATUS),
        ({"code": 0, "status": 200}, None),
        ({"code": 0, "status": 200, "failures": 2, "asked": 9}, None),
        ({"code": 0, "status": 200, "failures": 3, "asked": 9}, Fault.UNSTEADY),
        ({"code": 12, "failures": 3, "asked": 9}, Fault.UNSTEADY),
        ({"code": 10, "failures": 3, "asked": 9}, Fault.NAME),
    ],
)
def test_the_fields_decide_and_the_words_do_not(
    changes: dict[str, Any], fault: Fault | None
) -> None:
    for said in ("HTTP 500, expected 200-299", "does not resolve", "of the server's proxy", ""):
        found = read(line(**changes, said=said))
        assert (found.state, found.fault) == (State.NG if fault else State.PENDING, fault)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "api:8080 HTTP 500, expected 200-299",
        "api:8080 does not resolve",
        line()[:-1],
        line()[1:],
        f"web says: {line()}",
        f"{line()} {line()}",
        line(edge="db:5432"),
        line(code=14),
        line(code="12"),
        line(code=True),
        line(code=None),
        line(status="500"),
        line(failures="0"),
        line(said=None),
        line(failures=-1),
        line(failures=9, asked=8),
        line(said="x" * 3_000),
        json.dumps([CONTENT]),
        json.dumps({key: CONTENT[key] for key in CONTENT if key != "asked"}),
        "null",
        "NaN",
        "[" * 2_900,
        '{"edge":' * 360,
        "1" * 2_900,
    ],
)
def test_anything_else_is_no_reading(text: str) -> None:
    """Lines of the earlier version, of another edge, and halves included."""
    assert edge_lines.read(text, EDGE) is None
    assert edge_lines.for_people(text, EDGE) == text


@given(st.text() | st.builds(lambda whole, end: whole[:end], st.just(line()), st.integers(0, 90)))
def test_no_text_breaks_it(text: str) -> None:
    assert edge_lines.read(text, EDGE) is None


def test_the_last_reading_counts_whatever_follows_it() -> None:
    lines = [line(code=11), line(code=12), line()[:20], "Traceback (most recent call last):"]
    last = edge_lines.last(lines, EDGE)
    assert last is not None
    assert last.fault is Fault.STATUS
    assert edge_lines.last(lines[2:], EDGE) is None


def test_people_read_the_words_with_the_counts_but_no_secrets() -> None:
    assert edge_lines.for_people(line(), EDGE) == "api:8080 HTTP 500, expected 200-299"
    unsteady = line(failures=9, asked=31)
    assert edge_lines.for_people(unsteady, EDGE) == (
        "api:8080 answers differently each time, 9 of 31 failed after a right one: "
        "HTTP 500, expected 200-299"
    )
    secret = line(said="closed: password=hunter2-hunter2")
    assert "hunter2" not in edge_lines.for_people(secret, EDGE)


def test_a_line_of_an_earlier_version_is_read_by_its_code() -> None:
    """It said in a field of its own whether the server's proxy was reached."""
    assert read(line(code=11, reached=True)).fault is Fault.CONNECTION


def test_a_status_that_is_none_is_none() -> None:
    assert read(line(code=11, status=0)).status is None
    assert read(line(status=10**30)).status is None
