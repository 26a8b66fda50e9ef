"""One module reads the clock. Steps read the time there and pass it on."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.template.declared import FUNCTIONS, tree

CLOCK = FUNCTIONS / "bivouac" / "clock.py"
MODULES = sorted(FUNCTIONS.rglob("*.py"))
ON_THEIR_OWN = {
    # Runs in its own container, without the package
    "bivouac/proof/edge_client.py",
    "bivouac/proof/edge_http.py",
    "bivouac/proof/edge_http2.py",
    "bivouac/proof/edge_tcp.py",
    # Measure how long sockets take
    "bivouac/proof/http2.py",
    "bivouac/proof/row.py",
}
LASTING = {
    "bivouac/aws/cloudformation.py",
    "bivouac/recheck/recheck.py",
    "bivouac/sweep/budget.py",
    "bivouac/waiting/poll.py",
}
"""Modules that run for a while, so that one reading is not enough, and pause between calls."""
READS = {
    ("datetime", "now"),
    ("datetime", "today"),
    ("datetime", "utcnow"),
    ("date", "today"),
    ("time", "monotonic"),
    ("time", "perf_counter"),
    ("time", "sleep"),
    ("time", "time"),
}


def reads_of_the_clock(code: ast.Module) -> Iterator[str]:
    for node in ast.walk(code):
        match node:
            case ast.Attribute(value=ast.Name(id=owner), attr=name) if (owner, name) in READS:
                yield ast.unparse(node)
            case ast.ImportFrom(module="time", names=names):
                yield from (each.name for each in names)


def name_of(file: Path) -> str:
    return str(file.relative_to(FUNCTIONS))


@pytest.mark.parametrize("file", MODULES, ids=name_of)
def test_only_the_clock_reads_the_time(file: Path) -> None:
    found = [*reads_of_the_clock(tree(file))]
    assert bool(found) == (file == CLOCK or name_of(file) in ON_THEIR_OWN), found


@pytest.mark.parametrize("file", MODULES, ids=name_of)
def test_only_steps_and_long_loops_read_our_clock(file: Path) -> None:
    asks = "clock" in {
        name.name
        for node in ast.walk(tree(file))
        if isinstance(node, ast.ImportFrom) and node.module == "bivouac"
        for name in node.names
    }
    if file.parent == FUNCTIONS:
        return  # a step
    assert asks == (name_of(file) in LASTING)


@pytest.mark.parametrize(
    "line",
    [
        "datetime.now(UTC)",
        "datetime.utcnow()",
        "time.sleep(1)",
        "from time import monotonic",
        "waiting = field(default_factory=time.monotonic)",
    ],
)
def test_a_direct_reading_is_found(line: str) -> None:
    assert [*reads_of_the_clock(ast.parse(line))]
