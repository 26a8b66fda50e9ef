"""The picture of services and their edges: what is drawn, listed and told of a graph."""

from __future__ import annotations

import random

import pytest

from demo.mesh_view.drawing import awaiting, draw
from demo.mesh_view.graph import (
    Condition,
    Edge,
    EdgeState,
    Graph,
    Node,
    changes,
    failed,
    proven,
)

COLUMNS, ROWS = 80, 20


def node(name: str, condition: Condition = Condition.HEALTHY, remark: str = "") -> Node:
    return Node(name, condition, str(condition), remark)


def edge(client: str, server: str, state: EdgeState = EdgeState.OK, observed: str = "") -> Edge:
    return Edge(f"{client} -> {server}:http", client, server, state, observed)


def graph_of(calls: str) -> Graph:
    """ "web>api api>backend": healthy services in the order of their names here, edges OK."""
    pairs = [call.split(">") for call in calls.split()]
    names = dict.fromkeys(name for pair in pairs for name in pair)
    return Graph(
        tuple(node(name) for name in names),
        tuple(edge(client, server) for client, server in pairs),
    )


def picture(graph: Graph, columns: int = COLUMNS, rows: int = ROWS) -> str:
    return "\n".join(line.plain for line in draw(graph, columns, rows))


# --- the picture ---------------------------------------------------------------------------------


def test_callers_stand_left_of_those_they_call_and_each_edge_shows_its_state() -> None:
    shop = Graph(
        (
            Node("backend", Condition.HEALTHY, "healthy"),
            Node("api", Condition.STARTING, "0/1 running"),
            Node("web", Condition.WAITING, "waiting"),
        ),
        (edge("web", "api", EdgeState.UNASKED), edge("api", "backend", EdgeState.ASKING)),
    )
    assert picture(shop) == (
        "  ┌─────────────┐        ┌─────────────┐        ┌─────────────┐\n"
        "  │ web         │─ ? ───▶│ api         │─ ... ─▶│ backend     │\n"
        "  │ waiting     │        │ 0/1 running │        │ healthy     │\n"
        "  └─────────────┘        └─────────────┘        └─────────────┘"
    )


def test_edges_that_part_and_meet_again_have_lines_of_their_own() -> None:
    assert picture(graph_of("web>api web>cache api>db cache>db")) == (
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
    assert picture(graph_of("web>api api>db web>db")) == (
        "  ┌─────────────┐          ┌─────────────┐          ┌─────────────┐\n"
        "  │ web         │─ OK ────▶│ api         │─ OK ────▶│ db          │\n"
        "  │ healthy     │─ OK ─┐   │ healthy     │      ┌──▶│ healthy     │\n"
        "  └─────────────┘      │   └─────────────┘      │   └─────────────┘\n"
        "                       └────────────────────────┘"
    )


def test_a_call_back_is_told_below_the_picture() -> None:
    lines = picture(graph_of("web>api api>web")).splitlines()
    assert "│ web         │─ OK ──▶│ api         │" in lines[1]
    assert lines[-1] == "  OK  api -> web:http"


def test_a_service_that_calls_itself_is_told_below_the_picture() -> None:
    assert picture(graph_of("web>web")).splitlines()[-1] == "  OK  web -> web:http"


def test_why_a_service_failed_and_an_edge_is_not_proven_stands_below_the_picture() -> None:
    graph = Graph(
        (node("api", Condition.FAILED, "api: out of memory: killed"), node("web")),
        (edge("web", "api", EdgeState.NG, "api:80: the connection failed"),),
    )
    assert picture(graph).splitlines()[-2:] == [
        "  api: out of memory: killed",
        "  NG  web -> api:http  api:80: the connection failed",
    ]


def test_boxes_do_not_move_while_services_change() -> None:
    def starts(state: str, edge_state: EdgeState) -> list[int]:
        nodes = tuple(Node(name, Condition.STARTING, state) for name in ("api", "web"))
        first = draw(Graph(nodes, (edge("web", "api", edge_state),)), COLUMNS, ROWS)[0].plain
        return [position for position, character in enumerate(first) if character == "┌"]

    expected = starts("waiting", EdgeState.UNASKED)
    assert starts("0/1 running", EdgeState.ASKING) == expected
    assert starts("healthy", EdgeState.OK) == expected


def test_four_services_in_a_row_still_fit_into_80_columns() -> None:
    lines = picture(graph_of("web>api api>stock stock>db"), columns=79).splitlines()
    assert lines[1].count("▶") == 3
    assert max(map(len, lines)) <= 79


def test_a_long_name_is_cut_only_where_there_is_no_room_for_it() -> None:
    long = "service-connect-nginx-service"
    assert long in picture(graph_of(f"web>{long}"))
    narrow = picture(graph_of(f"web>{long}"), columns=44)
    assert "service-connect…" in narrow
    assert max(map(len, narrow.splitlines())) <= 44


# --- the list ------------------------------------------------------------------------------------


def test_twenty_services_are_counted_and_the_edges_that_need_a_look_come_first() -> None:
    names = [f"s{number}" for number in range(20)]
    edges = [edge(client, server) for client, server in zip(names[1:], names, strict=False)]
    edges[7] = edge("s8", "s7", EdgeState.NG, "s7:80: the name does not resolve")
    edges[9] = edge("s10", "s9", EdgeState.ASKING)
    lines = picture(Graph(tuple(map(node, names)), tuple(edges)), rows=10).splitlines()
    assert lines[:4] == [
        "  20 services: 20 healthy",
        "  19 edges: 1 NG, 1 asked, 17 OK",
        "  NG  s8 -> s7:http  s7:80: the name does not resolve",
        "  ... s10 -> s9:http",
    ]
    assert lines[-1] == "  and 12 more"
    assert len(lines) == 10


def test_what_does_not_fit_is_listed() -> None:
    wide = picture(graph_of("a>b b>c c>d d>e e>f"))
    assert wide.splitlines()[0] == "  6 services: 6 healthy"
    high = picture(graph_of("a>b a>c a>d a>e"), rows=6)
    assert high.splitlines()[0] == "  5 services: 5 healthy"


@pytest.mark.parametrize("seed", range(40))
def test_whatever_calls_whatever_every_edge_is_shown_once_and_nothing_overflows(seed: int) -> None:
    chance = random.Random(seed)
    names = [f"s{number}" for number in range(chance.randint(1, 9))]
    pairs = {(chance.choice(names), chance.choice(names)) for _ in range(chance.randint(0, 12))}
    graph = Graph(tuple(map(node, names)), tuple(edge(*pair) for pair in sorted(pairs)))
    lines = picture(graph, COLUMNS, 60)
    assert max(map(len, lines.splitlines())) <= COLUMNS
    listed = sum(edge.name in lines for edge in graph.edges)
    assert lines.count("▶") + listed == len(graph.edges)
    assert lines == picture(graph, COLUMNS, 60)


# --- what is awaited -----------------------------------------------------------------------------


def test_what_is_awaited_takes_two_lines_at_most() -> None:
    remarks = [f"service-{number}: 0 of 1 running" for number in range(9)]
    waiting = Graph(tuple(node(text[:9], Condition.STARTING, text) for text in remarks), ())
    lines = [line.plain for line in awaiting(waiting, COLUMNS)]
    assert lines[0].startswith("  service-0: 0 of 1 running; service-1: 0 of 1 running;")
    assert len(lines) == 2
    assert lines[1].endswith("…")
    assert max(map(len, lines)) <= COLUMNS


def test_edges_are_awaited_once_no_service_is() -> None:
    asked = (edge("web", "api", EdgeState.ASKING),)
    starting = node("api", Condition.STARTING, "api: 0 of 1 running")
    assert Graph((starting, node("web")), asked).awaits == ["api: 0 of 1 running"]
    assert Graph((node("api"), node("web")), asked).awaits == ["web -> api:http is being asked"]


# --- what has changed ----------------------------------------------------------------------------


def test_each_change_is_told_once_and_edges_only_with_what_came_of_them() -> None:
    waits = Graph(
        (
            Node("backend", Condition.STARTING, "0/1 running", "backend: 0 of 1 running"),
            Node("api", Condition.WAITING, "waiting", "api waits for backend (HEALTHY)"),
        ),
        (edge("api", "backend", EdgeState.UNASKED),),
    )
    asks = Graph((node("backend"), waits.nodes[1]), (edge("api", "backend", EdgeState.ASKING),))
    ends = Graph((node("backend"), node("api")), (edge("api", "backend"),))
    assert list(changes(None, waits)) == [
        "backend: 0 of 1 running",
        "api waits for backend (HEALTHY)",
    ]
    assert list(changes(waits, waits)) == []
    assert list(changes(waits, asks)) == ["backend healthy"]
    assert list(changes(asks, ends)) == ["api healthy", "edge api -> backend:http OK"]


def test_services_of_which_nothing_is_known_yet_are_not_told_of() -> None:
    assert list(changes(None, Graph((node("web", Condition.WAITING),), ()))) == []


# --- the end -------------------------------------------------------------------------------------


def test_a_ready_environment_is_proven_whatever_was_seen_last() -> None:
    last = Graph(
        (node("api"), node("web", Condition.RUNNING, "web: running, 0 of 1 healthy")),
        (edge("web", "api", EdgeState.ASKING),),
    )
    assert picture(proven(last)) == picture(graph_of("web>api"))
    assert proven(last).awaits == []


def test_a_failed_environment_shows_the_edges_that_its_cause_tells_of() -> None:
    last = Graph(
        (node("backend"), node("api"), node("web")),
        (edge("web", "api", EdgeState.ASKING), edge("api", "backend")),
    )
    cause = "web -> api:http: connectivity: api:80 answers 503\n  next step: look at api"
    after = failed(last, cause)
    assert [each.state for each in after.edges] == [EdgeState.NG, EdgeState.OK]
    assert after.edges[0].observed == "connectivity: api:80 answers 503"
    assert failed(last, "backend: container exit") == last
