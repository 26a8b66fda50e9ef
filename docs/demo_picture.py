"""Runs the demo and keeps what a terminal shows as docs/pictures/demo.svg (`make pictures`)."""

from __future__ import annotations

import io
import re
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from rich.console import Console

from localcloud.demo import main
from localcloud.following import Timeline
from localcloud.showing import Screen, states_table

PICTURE = Path(__file__).parent / "pictures" / "demo.svg"


class StillScreen(Screen):
    """A terminal of which only the last sight of each execution is kept."""

    def __init__(self) -> None:
        recording = Console(
            record=True, width=132, force_terminal=True, file=io.StringIO(), highlight=False
        )
        super().__init__(recording)

    @contextmanager
    def execution(self) -> Iterator[_LastSight]:
        last = _LastSight()
        yield last
        self.console.print(states_table(last.timeline, {}))

    @contextmanager
    def waiting(self, text: str) -> Iterator[None]:
        self.line(text, "dim")
        yield


class _LastSight:
    timeline = Timeline()

    def __call__(self, timeline: Timeline) -> None:
        self.timeline = timeline


if __name__ == "__main__":
    screen = StillScreen()
    outcome = main(sys.argv[1:], screen)
    picture = screen.console.export_svg(title="make demo", unique_id="demo")
    # The picture must not fetch a font from anywhere: the viewer's own will do.
    PICTURE.write_text(re.sub(r"@font-face \{.*?\}\n?", "", picture, flags=re.DOTALL))
    sys.exit(outcome)
