"""Places a graph of services from left to right: callers before those they call. Pure.

Every edge has its own row at both of its ends and its own column where it bends, so that each can
carry its own state. The same graph is always placed alike.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from itertools import pairwise

Pair = tuple[str, str]
"""Client and server."""
Link = tuple[int, int]
"""The rows of an edge at the left and at the right of one gap between layers."""

INNER_ROWS = 2
"""A service shows its name and its state."""
_SWEEPS = 4


class TooTangledError(Exception):
    """No order of the bends keeps two edges from sharing a piece of line: list them instead."""


@dataclass(frozen=True)
class Box:
    layer: int
    top: int
    inner_rows: int

    @property
    def bottom(self) -> int:
        """The first row below it."""
        return self.top + self.inner_rows + 2


@dataclass
class Placement:
    boxes: dict[str, Box]
    paths: dict[int, list[Link]]
    """By the edge's index: one link for each gap that it passes, from its client on."""
    tracks: dict[int, list[Link]]
    """By gap: the links that bend, in the order of their columns, from the left."""
    layers: int
    rows: int


def split_cycles(names: Sequence[str], pairs: Sequence[Pair]) -> tuple[list[int], list[int]]:
    """Indices of the edges that lead forward, and of those that close a cycle."""
    servers: dict[str, list[tuple[int, str]]] = defaultdict(list)
    for index, (client, server) in enumerate(pairs):
        servers[client].append((index, server))
    back: set[int] = set()
    done: set[str] = set()

    def visit(name: str, above: tuple[str, ...]) -> None:
        for index, server in servers[name]:
            if server in (*above, name):
                back.add(index)
            elif server not in done:
                visit(server, (*above, name))
        done.add(name)

    called = {server for _, server in pairs}
    for name in sorted(names, key=lambda name: name in called):
        if name not in done:
            visit(name, ())
    return [index for index in range(len(pairs)) if index not in back], sorted(back)


def layers_of(names: Sequence[str], pairs: Sequence[Pair]) -> dict[str, int]:
    """Each service as far left as its callers allow; callers without callers close to theirs.

    `pairs` have no cycle."""
    layers = dict.fromkeys(names, 0)
    for _ in names:
        for client, server in pairs:
            layers[server] = max(layers[server], layers[client] + 1)
    called = {server for _, server in pairs}
    for name in names:
        servers = [layers[server] for client, server in pairs if client == name]
        if name not in called and servers:
            layers[name] = min(servers) - 1
    return layers


@dataclass
class _Slot:
    """A service in a layer, or the row in which an edge passes it."""

    name: str
    edge: int | None = None
    entries: list[int] = field(default_factory=list)
    exits: list[int] = field(default_factory=list)
    top: int = 0

    @property
    def inner_rows(self) -> int:
        return max(INNER_ROWS, len(self.entries), len(self.exits))

    def row(self, ports: Sequence[int], edge: int) -> int:
        if self.edge is not None:
            return self.top
        return self.top + 1 + (self.inner_rows - len(ports)) // 2 + ports.index(edge)


def place(names: Sequence[str], pairs: Sequence[Pair]) -> Placement:
    """`pairs` have no cycle. Raises TooTangledError."""
    layers = layers_of(names, pairs)
    columns: list[list[_Slot]] = [[] for _ in range(max(layers.values(), default=0) + 1)]
    for name in names:
        columns[layers[name]].append(_Slot(name))
    slots = {slot.name: slot for column in columns for slot in column}
    chains: dict[int, list[_Slot]] = {}
    for edge, (client, server) in enumerate(pairs):
        chain = [slots[client]]
        for layer in range(layers[client] + 1, layers[server]):
            passing = _Slot(f"{client} -> {server} #{edge}", edge)
            columns[layer].append(passing)
            chain.append(passing)
        chains[edge] = [*chain, slots[server]]
    _put_in_order(columns, chains.values())
    _connect(columns, chains)
    rows = max(_stack(column) for column in columns)
    paths = {
        edge: [
            (left.row(left.exits, edge), right.row(right.entries, edge))
            for left, right in pairwise(chain)
        ]
        for edge, chain in chains.items()
    }
    gaps: dict[int, list[Link]] = defaultdict(list)
    for edge, path in paths.items():
        for step, link in enumerate(path):
            gaps[layers[pairs[edge][0]] + step].append(link)
    boxes = {name: Box(layers[name], slot.top, slot.inner_rows) for name, slot in slots.items()}
    tracks = {gap: _tracks(links) for gap, links in gaps.items()}
    return Placement(boxes, paths, tracks, len(columns), rows)


def _put_in_order(columns: list[list[_Slot]], chains: Iterable[Sequence[_Slot]]) -> None:
    """Moves slots next to what they are connected with, so that few edges cross."""
    beside: dict[str, list[str]] = defaultdict(list)
    for chain in chains:
        for left, right in pairwise(chain):
            beside[left.name].append(right.name)
            beside[right.name].append(left.name)
    for sweep in range(_SWEEPS):
        for column in columns if sweep % 2 == 0 else reversed(columns):
            position = {slot.name: index for column in columns for index, slot in enumerate(column)}

            def middle(slot: _Slot, position: dict[str, int] = position) -> float:
                around = [position[name] for name in beside[slot.name]]
                return sum(around) / len(around) if around else len(position)

            column.sort(key=middle)


def _connect(columns: list[list[_Slot]], chains: dict[int, list[_Slot]]) -> None:
    """Edges leave and arrive in the order of their neighbours."""
    order = {slot.name: index for column in columns for index, slot in enumerate(column)}
    exits: dict[str, list[tuple[int, int]]] = defaultdict(list)
    entries: dict[str, list[tuple[int, int]]] = defaultdict(list)
    for edge, chain in chains.items():
        for left, right in pairwise(chain):
            exits[left.name].append((order[right.name], edge))
            entries[right.name].append((order[left.name], edge))
    for slot in (slot for column in columns for slot in column):
        slot.exits = [edge for _, edge in sorted(exits[slot.name])]
        slot.entries = [edge for _, edge in sorted(entries[slot.name])]


def _stack(column: list[_Slot]) -> int:
    """Sets the rows of a layer's slots; the number of rows that they take."""
    row = 0
    for slot in column:
        if slot.edge is not None:
            slot.top = max(row, 1)
            row = slot.top + 1
        else:
            slot.top = row
            row += slot.inner_rows + 2
    return row


def _tracks(links: Sequence[Link]) -> list[Link]:
    """The links that bend, ordered so that no two share a piece of a row.

    One that arrives in the row in which another leaves must bend to the right of it."""
    left = sorted(
        (link for link in links if link[0] != link[1]),
        key=lambda link: (link[1] < link[0], -link[0] if link[1] > link[0] else link[0]),
    )
    ordered: list[Link] = []
    while left:
        for link in left:
            if not any(other[0] == link[1] for other in left if other != link):
                ordered.append(link)
                left.remove(link)
                break
        else:
            raise TooTangledError
    return ordered
