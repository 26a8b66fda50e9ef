"""The commands of a proof client's containers, and the meaning of their exit codes."""

from __future__ import annotations

import re
from pathlib import Path

from bivouac.environment.blueprint import Edge
from bivouac.proof import edge_client

SOURCE = Path(edge_client.__file__).read_text("utf-8")
"""The whole program of one edge, for `python -c`. A task definition holds it up to nine times, and
is limited to 64 KB."""

EXIT_MEANING: dict[int, str] = {
    edge_client.PROVEN: "proven",
    edge_client.NO_NAME: "the name does not resolve",
    edge_client.NO_CONNECTION: "the connection failed",
    edge_client.WRONG_STATUS: "the application answered with a wrong status",
}
"""By the exit code of an edge's container."""

NO_NAME = edge_client.NO_NAME
NO_CONNECTION = edge_client.NO_CONNECTION
WRONG_STATUS = edge_client.WRONG_STATUS


def code_of(line: str) -> int | None:
    """The exit code that matches a line of the program's output; None if the answer was right.

    For an edge without an answer, whose container has no exit code yet."""
    if "does not resolve" in line:
        return NO_NAME
    if re.search(r" HTTP [0-9]{3}, expected ", line):
        return WRONG_STATUS
    right = re.search(r" (HTTP [0-9]{3}|answers|stays open)(, [0-9]+ times in a row)?$", line)
    return None if right else NO_CONNECTION


IDLE_COMMAND = (
    "python",
    "-c",
    # The first process of a container gets SIGTERM only if it installs a handler.
    "import signal, sys; signal.signal(signal.SIGTERM, lambda *_: sys.exit()); signal.pause()",
)
"""Does nothing until SIGTERM: the essential container, which keeps the task running."""


def command(edge: Edge, patience_seconds: int) -> list[str]:
    """A container's command: it calls the endpoint until the edge is proven or patience ends."""
    protocol = "http" if edge.app_protocol == "http" else "tcp"
    statuses = (str(edge.lowest_status), str(edge.highest_status))
    return [
        *("python", "-c", SOURCE),
        *(edge.dns_name, str(edge.port), protocol, edge.path, *statuses),
        str(max(patience_seconds, 1)),
    ]
