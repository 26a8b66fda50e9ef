"""Draws a graph of services: boxes and arrows, or a list if it is too large. Pure."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import groupby
from operator import itemgetter

from rich.console import Console
from rich.text import Text

from bivouac_cli.mesh.graph import Edge, Graph, Node
from bivouac_cli.mesh.layout import Placement, TooTangledError, place, split_cycles

MOST_NODES = 19
"""More than so many are listed."""
MARGIN = 2
STATE_WIDTH = len("0/1 running")
"""At least so wide, so that boxes do not grow while their services change."""
_SIZES = ((1, 40), (0, 40), (0, 16))
"""Spaces beside what boxes say, and the longest name that is not cut: tried one after the other."""
_AWAITING_LINES = 2
_PLAIN = Console()
"""Only to measure text with."""
_LABEL_WIDTH = 6
_ARROW_WIDTH = 2
_TRACK_WIDTH = 2

_NODE_STYLE = {
    "MISSING": "dim",
    "STARTING": "cyan",
    "HEALTHY": "green",
    "UNHEALTHY": "bold red",
    "STOPPED": "dim",
    "DRAINING": "yellow",
}
_EDGE_STYLE = {
    "NOT_CALLED": "dim",
    "CALLED": "cyan",
    "ANSWERED": "green",
    "PROVEN": "green",
    "FAILED": "bold red",
}
_EDGE_LABEL = {"CALLED": " ... ", "ANSWERED": " OK ", "PROVEN": " OK ", "FAILED": " NO "}
"""Nothing is said of an edge that nobody has called."""
_URGENT_FIRST = ("FAILED", "CALLED", "NOT_CALLED", "ANSWERED", "PROVEN")

_UP, _DOWN, _LEFT, _RIGHT = 1, 2, 4, 8
_LINES = {
    _LEFT: "─",
    _RIGHT: "─",
    _LEFT | _RIGHT: "─",
    _UP | _DOWN: "│",
    _DOWN | _RIGHT: "┌",
    _DOWN | _LEFT: "┐",
    _UP | _RIGHT: "└",
    _UP | _LEFT: "┘",
    _UP | _DOWN | _RIGHT: "├",
    _UP | _DOWN | _LEFT: "┤",
    _DOWN | _LEFT | _RIGHT: "┬",
    _UP | _LEFT | _RIGHT: "┴",
    _UP | _DOWN | _LEFT | _RIGHT: "┼",
}


def draw(graph: Graph, columns: int, rows: int) -> list[Text]:
    """Lines of at most `columns` characters, and at most about `rows` of them."""
    return picture(graph, columns, rows) or _listed(graph, columns, rows)


def picture(graph: Graph, columns: int, rows: int) -> list[Text]:
    """The same; empty if boxes and arrows do not fit."""
    names = [node.name for node in graph.nodes]
    pairs = [(edge.client, edge.server) for edge in graph.edges]
    if not 0 < len(names) <= MOST_NODES:
        return []
    forward, back = split_cycles(names, pairs)
    try:
        placement = place(names, [pairs[index] for index in forward])
    except TooTangledError:
        return []
    below = [_edge_line(graph.edges[index], columns) for index in back]
    for padding, longest_name in _SIZES:
        drawn = _Picture(
            graph.nodes, [graph.edges[index] for index in forward], padding, longest_name
        )
        lines = drawn.lines(placement)
        wide = max(line.cell_len for line in lines)
        if wide <= columns and len(lines) + len(below) <= rows:
            return lines + below
    return []


# --- the picture ---------------------------------------------------------------------------------


@dataclass
class _Canvas:
    lines: dict[tuple[int, int], int] = field(default_factory=dict)
    texts: dict[tuple[int, int], str] = field(default_factory=dict)
    styles: dict[tuple[int, int], str] = field(default_factory=dict)

    def write(self, x: int, y: int, text: str, style: str) -> None:
        for offset, character in enumerate(text):
            self.texts[x + offset, y] = character
            self.styles[x + offset, y] = style

    def across(self, first: int, last: int, y: int, style: str) -> None:
        for x in range(first, last + 1):
            self._line(x, y, (_LEFT if x > first else 0) | (_RIGHT if x < last else 0), style)

    def down(self, x: int, first: int, last: int, style: str) -> None:
        top, bottom = min(first, last), max(first, last)
        for y in range(top, bottom + 1):
            self._line(x, y, (_UP if y > top else 0) | (_DOWN if y < bottom else 0), style)

    def _line(self, x: int, y: int, directions: int, style: str) -> None:
        self.lines[x, y] = self.lines.get((x, y), 0) | directions
        self.styles[x, y] = style

    def rendered(self) -> list[Text]:
        cells = {place: _LINES.get(found, " ") for place, found in self.lines.items()} | self.texts
        lines = []
        for y in range(1 + max(y for _, y in cells)):
            row = [
                (cells.get((x, y), " "), self.styles.get((x, y), ""))
                for x in range(1 + max((x for x, row in cells if row == y), default=-1))
            ]
            runs = [
                ("".join(character for character, _ in run), style)
                for style, run in groupby(row, key=itemgetter(1))
            ]
            line = Text.assemble(*runs, no_wrap=True)
            line.rstrip()
            lines.append(line)
        return lines


class _Picture:
    def __init__(
        self, nodes: Sequence[Node], edges: Sequence[Edge], padding: int, longest_name: int
    ) -> None:
        self._nodes = nodes
        self._edges = edges
        self._padding = padding
        self._longest_name = longest_name

    def lines(self, placement: Placement) -> list[Text]:
        canvas = _Canvas()
        widths = [0] * placement.layers
        for node in self._nodes:
            layer = placement.boxes[node.name].layer
            widths[layer] = max(widths[layer], self._width(node))
        starts = [MARGIN]
        for layer in range(placement.layers - 1):
            starts.append(starts[-1] + widths[layer] + _gap_width(placement, layer))
        for node in self._nodes:
            box = placement.boxes[node.name]
            self._box(canvas, node, starts[box.layer], box.top, widths[box.layer], box.inner_rows)
        for index, edge in enumerate(self._edges):
            self._arrow(canvas, placement, index, edge, starts, widths)
        return canvas.rendered()

    def _width(self, node: Node) -> int:
        inner = max(len(self._short(node.name)), len(node.text), STATE_WIDTH)
        return inner + 2 * self._padding + 2

    def _short(self, name: str) -> str:
        longest = self._longest_name
        return name if len(name) <= longest else name[: longest - 1] + "…"

    def _box(
        self, canvas: _Canvas, node: Node, x: int, y: int, width: int, inner_rows: int
    ) -> None:
        style = _NODE_STYLE[node.state]
        right, bottom = x + width - 1, y + inner_rows + 1
        canvas.across(x, right, y, style)
        canvas.across(x, right, bottom, style)
        canvas.down(x, y, bottom, style)
        canvas.down(right, y, bottom, style)
        inside = x + 1 + self._padding
        canvas.write(inside, y + 1, self._short(node.name), f"bold {style}")
        canvas.write(inside, y + 2, node.text, style)

    def _arrow(
        self,
        canvas: _Canvas,
        placement: Placement,
        index: int,
        edge: Edge,
        starts: Sequence[int],
        widths: Sequence[int],
    ) -> None:
        style = _EDGE_STYLE[edge.state]
        first = placement.boxes[edge.client].layer
        path = placement.paths[index]
        for step, (left, right) in enumerate(path):
            layer = first + step
            begin = starts[layer] + (widths[layer] if step == 0 else 0)
            end = starts[layer + 1] - 1
            if left == right:
                canvas.across(begin, end, left, style)
            else:
                track = placement.tracks[layer].index((left, right))
                bend = starts[layer] + widths[layer] + _LABEL_WIDTH + _TRACK_WIDTH * track
                canvas.across(begin, bend, left, style)
                canvas.down(bend, left, right, style)
                canvas.across(bend, end, right, style)
            if step == 0:
                canvas.write(begin + 1, left, _EDGE_LABEL.get(edge.state, ""), style)
        canvas.write(starts[first + len(path)] - 1, path[-1][1], "▶", style)


def _gap_width(placement: Placement, layer: int) -> int:
    tracks = len(placement.tracks.get(layer, ()))
    return _LABEL_WIDTH + _TRACK_WIDTH * tracks + _ARROW_WIDTH


# --- the list ------------------------------------------------------------------------------------


def _listed(graph: Graph, columns: int, rows: int) -> list[Text]:
    """Counts of services by state, then the edges, first those that need attention."""
    nodes = Counter(node.text for node in graph.nodes)
    lines = [_counted("services", nodes, columns)]
    ordered = sorted(graph.edges, key=lambda edge: _URGENT_FIRST.index(edge.state))
    if ordered:
        edges = Counter(_in_words(edge.state) for edge in ordered)
        lines.append(_counted("edges", edges, columns))
    shown = ordered[: max(1, rows - len(lines) - 1)]
    lines += [_edge_line(edge, columns) for edge in shown]
    if hidden := len(ordered) - len(shown):
        lines.append(Text(f"  and {hidden} more", "dim"))
    return lines


def _counted(what: str, counts: Counter[str], columns: int) -> Text:
    told = ", ".join(f"{count} {text}" for text, count in counts.items())
    return _cut(Text(f"  {counts.total()} {what}: {told}"), columns)


def _in_words(state: str) -> str:
    return state.lower().replace("_", " ")


def _edge_line(edge: Edge, columns: int) -> Text:
    line = Text(f"  {_in_words(edge.state)}: ", _EDGE_STYLE[edge.state])
    line.append(edge.name, "")
    return _cut(line, columns)


def _cut(line: Text, columns: int) -> Text:
    line.no_wrap = True
    line.truncate(columns, overflow="ellipsis")
    return line


def awaiting(graph: Graph, columns: int) -> list[Text]:
    """What is still missing, in at most two lines; empty if nothing is."""
    told = "; ".join(graph.awaits)
    if not told:
        return []
    line = Text(told, "dim")
    wrapped = list(line.wrap(_PLAIN, columns - MARGIN))
    if len(wrapped) > _AWAITING_LINES:
        wrapped = wrapped[:_AWAITING_LINES]
        wrapped[-1].truncate(columns - MARGIN - 1)
        wrapped[-1].append("…")
    for each in wrapped:
        each.pad_left(MARGIN)
    return wrapped
