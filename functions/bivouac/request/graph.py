"""Who comes before whom. Pure.

A graph maps each name to the names that it depends on. Whatever is in it, the answer is the same
for the same graph: names and dependencies count in the order in which they are given.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Collection, Iterable, Mapping
from graphlib import TopologicalSorter

Graph = Mapping[str, Collection[str]]


def in_order(graph: Graph) -> list[str]:
    """Every name after all that it depends on, else as given. Raises CycleError, a ValueError."""
    sorter: TopologicalSorter[str] = TopologicalSorter(dict.fromkeys(graph, ()))
    for name, needed in graph.items():
        sorter.add(name, *needed)
    return list(sorter.static_order())


def cycles(graph: Graph) -> list[tuple[str, ...]]:
    """The cycles of a graph, each once, beginning with the name that is given first.

    For each dependency that lies on a cycle, the shortest one through it. All cycles can be more
    than could ever be told; these name every dependency that has a part in any."""
    place = {name: number for number, name in enumerate(graph)}
    found: dict[tuple[str, ...], None] = {}
    for name, needed in graph.items():
        for other in needed:
            way_back = _shortest_way(graph, other, name)
            if way_back is None:
                continue
            first = min(range(len(way_back)), key=lambda step: place[way_back[step]])
            found[(*way_back[first:], *way_back[:first])] = None
    return list(found)


def without_cycles(
    graph: Graph, candidates: Iterable[tuple[str, str]]
) -> dict[str, tuple[str, ...]]:
    """`graph` and those candidates (name, what it depends on) that close no cycle, earlier first.

    A candidate that the graph holds already changes nothing."""
    grown = {name: list(needed) for name, needed in graph.items()}
    for name, other in candidates:
        if other not in grown[name] and _shortest_way(grown, other, name) is None:
            grown[name].append(other)
    return {name: tuple(needed) for name, needed in grown.items()}


def _shortest_way(graph: Graph, start: str, end: str) -> list[str] | None:
    """The names from start to end, both included; None where no way leads there."""
    came_from: dict[str, str | None] = {start: None}
    waiting = deque([start])
    while waiting:
        name = waiting.popleft()
        if name == end:
            return _way(came_from, end)
        for other in graph.get(name, ()):
            if other not in came_from:
                came_from[other] = name
                waiting.append(other)
    return None


def _way(came_from: Mapping[str, str | None], end: str) -> list[str]:
    way = [end]
    while (name := came_from[way[-1]]) is not None:
        way.append(name)
    return way[::-1]
