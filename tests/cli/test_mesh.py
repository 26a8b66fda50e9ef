"""The picture of the mesh: what is drawn, listed and said about a status document."""

from __future__ import annotations

import random
from collections.abc import Sequence
from typing import Any

import pytest

from bivouac_cli.mesh.drawing import awaiting, draw, picture
from bivouac_cli.mesh.graph import Edge, Graph, Node, graph_of
from bivouac_cli.mesh.live import sight

COLUMNS, ROWS = 80, 20


def node(name: str, state: str = "HEALTHY", because: str | None = None) -> Node:
    return Node(name, state, state.lower(), because)


def edge(client: str, server: str, state: str = "PROVEN", because: str | None = None) -> Edge:
    return Edge(f"{client} -> {server}:http", client, server, state, because)


def calling(calls: str) -> Graph:
    """ "web>api api>backend": healthy services in the order of their names here, edges OK."""
    pairs = [call.split(">") for call in calls.split()]
    names = dict.fromkeys(name for pair in pairs for name in pair)
    return Graph(
        tuple(node(name) for name in names),
        tuple(edge(client, server) for client, server in pairs),
    )


def drawn(graph: Graph, columns: int = COLUMNS, rows: int = ROWS) -> str:
    return "\n".join(line.plain for line in draw(graph, columns, rows))


# --- the picture ---------------------------------------------------------------------------------


def test_callers_stand_left_of_those_they_call_and_each_edge_shows_its_state() -> None:
    shop = Graph(
        (
            Node("backend", "HEALTHY", "healthy"),
            Node("api", "STARTING", "0/1 running"),
            Node("web", "MISSING", "waiting"),
        ),
        (edge("web", "api", "NOT_CALLED"), edge("api", "backend", "CALLED")),
    )
    assert drawn(shop) == (
        "  ┌─────────────┐        ┌─────────────┐        ┌─────────────┐\n"
        "  │ web         │───────▶│ api         │─ ... ─▶│ backend     │\n"
        "  │ waiting     │        │ 0/1 running │        │ healthy     │\n"
        "  └─────────────┘        └─────────────┘        └─────────────┘"
    )


def test_edges_that_part_and_meet_again_have_separate_lines() -> None:
    assert drawn(calling("web>api web>cache api>db cache>db")) == (
        "  ┌─────────────┐          ┌─────────────┐          ┌─────────────┐\n"
        "  │ web         │─ OK ────▶│ api         │─ OK ────▶│ db          │\n"
        "  │ healthy     │─ OK ─┐   │ healthy     │      ┌──▶│ healthy     │\n"
        "  └─────────────┘      │   └─────────────┘      │   └─────────────┘\n"
        "                       │   ┌─────────────┐      │\n"
        "                       └──▶│ cache       │─ OK ─┘\n"
        "                           │ healthy     │\n"
        "                           └─────────────┘"
    )


def test_an_edge_that_skips_a_layer_goes_around_the_services_in_between() -> None:
    assert drawn(calling("web>api api>db web>db")) == (
        "  ┌─────────────┐          ┌─────────────┐          ┌─────────────┐\n"
        "  │ web         │─ OK ────▶│ api         │─ OK ────▶│ db          │\n"
        "  │ healthy     │─ OK ─┐   │ healthy     │      ┌──▶│ healthy     │\n"
        "  └─────────────┘      │   └─────────────┘      │   └─────────────┘\n"
        "                       └────────────────────────┘"
    )


def test_a_call_back_is_listed_below_the_picture() -> None:
    lines = drawn(calling("web>api api>web")).splitlines()
    assert "│ web         │─ OK ──▶│ api         │" in lines[1]
    assert lines[-1] == "  proven: api -> web:http"


def test_a_service_that_calls_itself_is_listed_below_the_picture() -> None:
    assert drawn(calling("web>web")).splitlines()[-1] == "  proven: web -> web:http"


def test_boxes_do_not_move_while_services_change() -> None:
    def starts(text: str, edge_state: str) -> list[int]:
        nodes = tuple(Node(name, "STARTING", text) for name in ("api", "web"))
        first = draw(Graph(nodes, (edge("web", "api", edge_state),)), COLUMNS, ROWS)[0].plain
        return [position for position, character in enumerate(first) if character == "┌"]

    expected = starts("waiting", "NOT_CALLED")
    assert starts("0/1 running", "CALLED") == expected
    assert starts("healthy", "PROVEN") == expected


def test_four_services_in_a_row_still_fit_into_80_columns() -> None:
    lines = drawn(calling("web>api api>stock stock>db"), columns=79).splitlines()
    assert lines[1].count("▶") == 3
    assert max(map(len, lines)) <= 79


def test_a_long_name_is_cut_only_where_there_is_no_room_for_it() -> None:
    long = "service-connect-nginx-service"
    assert long in drawn(calling(f"web>{long}"))
    narrow = drawn(calling(f"web>{long}"), columns=44)
    assert "service-connect…" in narrow
    assert max(map(len, narrow.splitlines())) <= 44


# --- the list ------------------------------------------------------------------------------------


def test_twenty_services_are_counted_and_problematic_edges_come_first() -> None:
    names = [f"s{number}" for number in range(20)]
    edges = [edge(client, server) for client, server in zip(names[1:], names, strict=False)]
    edges[7] = edge("s8", "s7", "FAILED", "s7:80: the name does not resolve")
    edges[9] = edge("s10", "s9", "CALLED")
    lines = drawn(Graph(tuple(map(node, names)), tuple(edges)), rows=10).splitlines()
    assert lines[:4] == [
        "  20 services: 20 healthy",
        "  19 edges: 1 failed, 1 called, 17 proven",
        "  failed: s8 -> s7:http",
        "  called: s10 -> s9:http",
    ]
    assert lines[-1] == "  and 12 more"
    assert len(lines) == 10


def test_what_does_not_fit_is_listed() -> None:
    wide = drawn(calling("a>b b>c c>d d>e e>f"))
    assert wide.splitlines()[0] == "  6 services: 6 healthy"
    high = drawn(calling("a>b a>c a>d a>e"), rows=6)
    assert high.splitlines()[0] == "  5 services: 5 healthy"


@pytest.mark.parametrize("seed", range(40))
def test_whatever_calls_whatever_every_edge_is_shown_once_and_nothing_overflows(seed: int) -> None:
    chance = random.Random(seed)
    names = [f"s{number}" for number in range(chance.randint(1, 9))]
    pairs = {(chance.choice(names), chance.choice(names)) for _ in range(chance.randint(0, 12))}
    graph = Graph(tuple(map(node, names)), tuple(edge(*pair) for pair in sorted(pairs)))
    lines = drawn(graph, COLUMNS, 60)
    assert max(map(len, lines.splitlines())) <= COLUMNS
    listed = sum(edge.name in lines for edge in graph.edges)
    assert lines.count("▶") + listed == len(graph.edges)
    assert lines == drawn(graph, COLUMNS, 60)


# --- what is awaited -----------------------------------------------------------------------------


def test_what_is_awaited_takes_two_lines_at_most() -> None:
    names = [f"service-{number}" for number in range(9)]
    waiting = Graph(tuple(node(name, "STARTING", "0 of 1 tasks running") for name in names), ())
    lines = [line.plain for line in awaiting(waiting, COLUMNS)]
    assert lines[0].startswith(
        "  service-0: 0 of 1 tasks running; service-1: 0 of 1 tasks running;"
    )
    assert len(lines) == 2
    assert lines[1].endswith("…")
    assert max(map(len, lines)) <= COLUMNS


def test_edges_are_awaited_once_no_service_is() -> None:
    called = (edge("web", "api", "CALLED"), edge("web", "db", "FAILED", "db:1: no connection"))
    starting = node("api", "STARTING", "0 of 1 tasks running")
    assert Graph((starting, node("web")), called).awaits == ["api: 0 of 1 tasks running"]
    assert Graph((node("api"), node("web")), called).awaits == [
        "web -> api:http is being called",
        "web -> db:http: db:1: no connection",
    ]


# --- of a status document ------------------------------------------------------------------------


def status(word: str, *services: dict[str, Any], edges: Sequence[dict[str, Any]] = ()) -> Any:
    return {"status": word, "services": list(services), "edges": list(edges)}


def service(name: str, state: str, running: int = 0, desired: int = 1) -> dict[str, Any]:
    because = None if state == "HEALTHY" else "a reason"
    numbers = {"running": running, "desired": desired}
    return {"name": name, "state": state, "because": because, **numbers}


@pytest.mark.parametrize(
    ("word", "state", "running", "text"),
    [
        ("CREATING", "MISSING", 0, "waiting"),
        ("CREATING", "STARTING", 0, "0/1 running"),
        ("READY", "HEALTHY", 1, "healthy"),
        ("READY", "UNHEALTHY", 1, "unhealthy"),
        ("READY", "MISSING", 0, "missing"),
        ("FALLING_ASLEEP", "STOPPED", 1, "stopping"),
        ("ASLEEP", "STOPPED", 0, "asleep"),
        ("DELETING", "DRAINING", 1, "draining"),
        ("DELETING", "MISSING", 0, "gone"),
    ],
)
def test_a_service_is_described_in_a_word(word: str, state: str, running: int, text: str) -> None:
    (shown,) = graph_of(status(word, service("web", state, running))).nodes
    assert shown.text == text


def test_asleep_looks_asleep() -> None:
    """N5: no edge answers where no task runs."""
    called = {"from": "web", "to": "api:http", "state": "NOT_CALLED", "because": None}
    sleeping = [service(name, "STOPPED", desired=0) for name in ("web", "api")]
    assert drawn(graph_of(status("ASLEEP", *sleeping, edges=[called]))) == (
        "  ┌─────────────┐        ┌─────────────┐\n"
        "  │ web         │───────▶│ api         │\n"
        "  │ asleep      │        │ asleep      │\n"
        "  └─────────────┘        └─────────────┘"
    )


def test_without_a_client_bivouac_itself_calls() -> None:
    called = {"from": None, "to": "web:http", "state": "ANSWERED", "because": None}
    shown = drawn(graph_of(status("CREATING", service("web", "HEALTHY", 1), edges=[called])))
    assert "│ (Bivouac)   │─ OK ──▶│ web         │" in shown


@pytest.mark.parametrize(("columns", "rows"), [(20, 5), (40, 10), (80, 24), (200, 50)])
def test_a_live_sight_never_takes_more_than_the_terminal_has(columns: int, rows: int) -> None:
    names = [f"s{number}" for number in range(6)]
    services = [service(name, "STARTING") for name in names]
    edges = [
        {"from": "s0", "to": f"{name}:http", "state": "CALLED", "because": None}
        for name in names[1:]
    ]
    lines = sight(status("CREATING", *services, edges=edges), columns, rows)
    assert len(lines) <= rows - 2, "the spinner has a row, too"
    assert max(line.cell_len for line in lines) < columns


def test_where_there_is_no_room_there_is_no_picture() -> None:
    assert picture(calling("a>b b>c c>d d>e e>f"), COLUMNS, ROWS) == []
