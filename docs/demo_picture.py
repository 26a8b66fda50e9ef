"""Runs the demo and keeps what a terminal shows as a picture (`make pictures`).

python -m docs.demo_picture REQUEST PICTURE TITLE
"""

from __future__ import annotations

import io
import re
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from rich.console import Console

from demo.__main__ import main
from demo.mesh_view.drawing import awaiting, draw
from demo.mesh_view.graph import Condition, EdgeState, Graph
from demo.showing import LARGEST_PICTURE, ExecutionView, Screen, Sight
from localcloud.following import Timeline

WIDE, NARROW = 132, 80
"""Columns."""


class StillScreen(Screen):
    """A terminal of which the last sight of each execution is kept."""

    def __init__(self, columns: int = WIDE) -> None:
        recording = Console(
            record=True, width=columns, force_terminal=True, file=io.StringIO(), highlight=False
        )
        super().__init__(recording)

    @contextmanager
    def execution(self) -> Iterator[_Sights]:
        sights = _Sights()
        yield sights
        sight = Sight(sights.timeline, sights.graph, {}, self.console.width, rows=None)
        self.console.print(sight)

    @contextmanager
    def waiting(self, text: str) -> Iterator[None]:
        self.line(text, "dim")
        yield


class GraphScreen(StillScreen):
    """A terminal of which only the graph is kept, at the moments that tell how it grew."""

    def __init__(self) -> None:
        super().__init__(NARROW)

    def title(self, text: str) -> None:
        """Left out, as all that is not about the graph."""

    def checks(self, proof: list[dict[str, str]]) -> None:
        """Left out."""

    def receipt(self, receipt: dict[str, Any]) -> None:
        """Left out."""

    @contextmanager
    def execution(self) -> Iterator[_Sights]:
        sights = _Sights()
        yield sights
        for seconds, graph in sights.telling():
            self.line(f"{seconds:5.1f} s", "dim")
            for line in [*draw(graph, NARROW, LARGEST_PICTURE), *awaiting(graph, NARROW)]:
                self.console.print(line)
            self.console.print()


class _Sights(ExecutionView):
    def __init__(self) -> None:
        self.timeline = Timeline()
        self._began = time.monotonic()
        self._graphs: list[tuple[float, Graph]] = []

    @property
    def graph(self) -> Graph | None:
        return self._graphs[-1][1] if self._graphs else None

    def __call__(self, timeline: Timeline, graph: Graph | None) -> None:
        self.timeline = timeline
        if graph and graph != self.graph:
            self._graphs.append((time.monotonic() - self._began, graph))

    def telling(self) -> list[tuple[float, Graph]]:
        """When the first service was started, when it was there, near the end, and at the end."""
        started = [sight for sight in self._graphs if _begun(sight[1])]
        there = [sight for sight in self._graphs if _reached(sight[1])]
        before = [sight for sight in there if _reached(sight[1]) < _reached(there[-1][1])]
        return list(dict.fromkeys([*started[:1], *there[:1], *before[-1:], *there[-1:]]))


def _begun(graph: Graph) -> bool:
    return any(node.condition is not Condition.WAITING for node in graph.nodes)


def _reached(graph: Graph) -> int:
    """How many services are healthy and how many edges are proven."""
    healthy = sum(node.condition is Condition.HEALTHY for node in graph.nodes)
    return healthy + sum(edge.state is EdgeState.OK for edge in graph.edges)


if __name__ == "__main__":
    kind, request, picture, title = sys.argv[1:]
    screen = {"whole": StillScreen, "graph": GraphScreen}[kind]()
    outcome = main([request], screen)
    svg = screen.console.export_svg(title=title, unique_id=Path(picture).stem)
    # The picture must not fetch a font from anywhere: the viewer's own will do.
    Path(picture).write_text(re.sub(r"@font-face \{.*?\}\n?", "", svg, flags=re.DOTALL))
    sys.exit(outcome)
