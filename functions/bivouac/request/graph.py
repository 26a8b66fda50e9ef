"""Orders names by their dependencies. Pure.

A graph maps each name to the names that it depends on. Results are deterministic: names and
dependencies count in the order in which they are given.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Collection, Iterable, Mapping
from graphlib import TopologicalSorter

Graph = Mapping[str, Collection[str]]


def in_order(graph: Graph) -> list[str]:
    """Every name after those that it depends on, otherwise in the given order. Raises CycleError, a
    ValueError."""
    sorter: TopologicalSorter[str] = TopologicalSorter(dict.fromkeys(graph, ()))
    for name, needed in graph.items():
        sorter.add(name, *needed)
    return list(sorter.static_order())


def cycles(graph: Graph) -> list[tuple[str, ...]]:
    """The cycles of a graph, each once, starting with the name that is given first.

    For each dependency on a cycle, the shortest cycle through it. There can be too many cycles to
    list them all; these contain every dependency that is part of any."""
    place = {name: number for number, name in enumerate(graph)}
    found: dict[tuple[str, ...], None] = {}
    for name, needed in graph.items():
        for other in needed:
            path = _shortest_path(graph, other, name)
            if path is None:
                continue
            first = min(range(len(path)), key=lambda step: place[path[step]])
            found[path[first:] + path[:first]] = None
    return list(found)


def without_cycles(
    graph: Graph, candidates: Iterable[tuple[str, str]]
) -> dict[str, tuple[str, ...]]:
    """`graph` with those candidates (name, what it depends on) that close no cycle; earlier
    candidates take precedence.

    A candidate that is already in the graph changes nothing."""
    grown = {name: list(needed) for name, needed in graph.items()}
    for name, other in candidates:
        if other not in grown[name] and _shortest_path(grown, other, name) is None:
            grown[name].append(other)
    return {name: tuple(needed) for name, needed in grown.items()}


def _shortest_path(graph: Graph, start: str, end: str) -> tuple[str, ...] | None:
    """The names from start to end, both included; None if there is no path."""
    seen = {start}
    waiting: deque[tuple[str, ...]] = deque([(start,)])
    while waiting:
        path = waiting.popleft()
        if path[-1] == end:
            return path
        for other in graph.get(path[-1], ()):
            if other not in seen:
                seen.add(other)
                waiting.append((*path, other))
    return None
