"""Servers come before their clients, and cycles are named."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bivouac.request.graph import cycles, in_order, without_cycles

Graph = dict[str, list[str]]

names = st.lists(st.sampled_from("abcdefgh"), unique=True, min_size=1)
graphs = names.flatmap(
    lambda some: st.fixed_dictionaries(
        {name: st.lists(st.sampled_from(some), unique=True, max_size=4) for name in some}
    )
)


def reached(graph: Graph, start: str) -> set[str]:
    """Everything that a name depends on, directly or not."""
    found: set[str] = set()
    waiting = list(graph[start])
    while waiting:
        name = waiting.pop()
        if name not in found:
            found.add(name)
            waiting += graph[name]
    return found


def test_servers_come_first_and_the_given_order_is_kept_otherwise() -> None:
    assert in_order({"web": ["api"], "jobs": [], "api": ["db"], "db": []}) == [
        "jobs",
        "db",
        "api",
        "web",
    ]
    assert in_order({"c": [], "a": [], "b": []}) == ["c", "a", "b"]


def test_a_cycle_has_no_order() -> None:
    with pytest.raises(ValueError, match="cycle"):
        in_order({"web": ["api"], "api": ["web"]})


def test_each_cycle_is_named_once_from_its_first_service() -> None:
    graph = {"db": [], "web": ["api"], "api": ["db", "web"], "x": ["y"], "y": ["z"], "z": ["x"]}
    assert cycles(graph) == [("web", "api"), ("x", "y", "z")]
    assert cycles({"a": ["a"]}) == [("a",)]
    assert cycles({"a": ["b"], "b": []}) == []


def test_two_cycles_that_share_a_service_are_both_named() -> None:
    assert cycles({"a": ["b", "c"], "b": ["a"], "c": ["a"]}) == [("a", "b"), ("a", "c")]


def test_a_call_back_is_left_out_because_the_first_call_counts() -> None:
    calls = [("web", "api"), ("api", "web"), ("api", "db")]
    assert without_cycles({"web": (), "api": (), "db": ()}, calls) == {
        "web": ("api",),
        "api": ("db",),
        "db": (),
    }


def test_depends_on_takes_precedence_over_every_call() -> None:
    said = {"web": (), "api": ("web",)}
    assert without_cycles(said, [("web", "api"), ("api", "web")]) == said


def test_many_services_that_all_depend_on_each_other_are_handled() -> None:
    """It has more cycles than could be listed; each dependency is named in one."""
    crowd = [f"s{number}" for number in range(50)]
    found = cycles({name: [other for other in crowd if other != name] for name in crowd})
    assert len(found) == 50 * 49 // 2


@given(graphs)
def test_a_dependency_is_named_exactly_if_it_is_on_a_cycle(graph: Graph) -> None:
    found = cycles(graph)
    steps = {step for cycle in found for step in zip(cycle, (*cycle[1:], cycle[0]), strict=True)}
    assert steps == {
        (name, other)
        for name, needed in graph.items()
        for other in needed
        if name == other or name in reached(graph, other)
    }
    order = list(graph)
    assert len({frozenset(zip(c, (*c[1:], c[0]), strict=True)) for c in found}) == len(found)
    assert all(len(set(cycle)) == len(cycle) for cycle in found)
    assert all(cycle[0] == min(cycle, key=order.index) for cycle in found)


@given(graphs)
def test_an_order_respects_every_dependency_unless_there_is_a_cycle(graph: Graph) -> None:
    if cycles(graph):
        with pytest.raises(ValueError, match="cycle"):
            in_order(graph)
        return
    order = in_order(graph)
    assert sorted(order) == sorted(graph)
    assert order == in_order(graph)
    for name, needed in graph.items():
        for other in needed:
            assert order.index(other) < order.index(name)


@given(graphs)
def test_as_many_calls_are_kept_as_form_no_cycle(graph: Graph) -> None:
    calls = [(name, other) for name, needed in graph.items() for other in needed]
    kept = without_cycles(dict.fromkeys(graph, ()), calls)
    assert not cycles(kept)
    for name, other in calls:
        if other not in kept[name]:
            assert name == other or name in reached({k: list(v) for k, v in kept.items()}, other)
