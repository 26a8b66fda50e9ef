"""The commands of a proof client's containers, and the meaning of their exit codes."""

from __future__ import annotations

import re
from pathlib import Path
from types import ModuleType

from bivouac.environment.blueprint import Edge
from bivouac.proof import edge_client, edge_http, edge_http2, edge_row

_FUTURE = "from __future__ import annotations\n"
_LEFT_OUT = re.compile(
    r'^(?:from (?:bivouac\.|typing )[^\n]*| *""".*?"""| *#[^\n]*|)\n|  # [^\n]*',
    re.MULTILINE | re.DOTALL,
)
_SIGNATURE = re.compile(r"def \w+\((?:[^()]|\(\))*\)[^\n]*:\n")
_ANNOTATION = re.compile(
    r": [\w.]+(?:\[(?:[^][]|\[[^][]*\])*\])?| -> [^\n]*(?=:\n)|\n +(?=\))|(?<=\()\n +"
)
_INDENTED = re.compile(r"(?m)(?<![^\n ]) {4}")
"""What only readers need: docstrings, comments, blank lines, annotations, wide indentation; and
imports of the program's other parts."""


def _code(module: ModuleType) -> str:
    text = Path(str(module.__file__)).read_text("utf-8").partition(_FUTURE)[2]
    plain = _SIGNATURE.sub(lambda found: _ANNOTATION.sub("", found[0]), _LEFT_OUT.sub("", text))
    return _INDENTED.sub(" ", plain)


_CLIENT = _code(edge_row) + _code(edge_client)
_WITHOUT_HTTP2 = "ASKING = {}\n"
_PARTS = {
    "http": _code(edge_http) + _WITHOUT_HTTP2,
    "http2": _code(edge_http2),
    "grpc": _code(edge_http2),
    "tcp": _WITHOUT_HTTP2,
}


def source(protocol: str) -> str:
    """The whole program of one edge, for `python -c`, without what its protocol does not need. A
    task definition holds it for each edge, and is limited to 64 KB."""
    part = _PARTS[protocol]
    return part + "".join(
        line
        for line in _CLIENT.splitlines(keepends=True)
        if not (line.startswith("import ") and line in part)
    )


EXIT_MEANING: dict[int, str] = {
    edge_client.PROVEN: "proven",
    edge_client.NO_NAME: "the name does not resolve",
    edge_client.NO_CONNECTION: "the connection failed",
    edge_client.WRONG_STATUS: "the application answered with a wrong status",
}
"""By the exit code of an edge's container."""

IDLE_COMMAND = (
    "python",
    "-c",
    # The first process of a container gets SIGTERM only if it installs a handler.
    "import signal, sys; signal.signal(signal.SIGTERM, lambda *_: sys.exit()); signal.pause()",
)
"""Does nothing until SIGTERM: the essential container, which keeps the task running."""


def command(edge: Edge, patience_seconds: int) -> list[str]:
    """A container's command: it calls the endpoint until the edge is proven or patience ends."""
    protocol = edge.app_protocol or "tcp"
    statuses = (str(edge.lowest_status), str(edge.highest_status))
    return [
        *("python", "-c", source(protocol)),
        *(edge.dns_name, str(edge.port), protocol, edge.path, *statuses),
        str(max(patience_seconds, 1)),
    ]
