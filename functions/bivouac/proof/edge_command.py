"""The commands of a proof client's containers, and the meaning of their exit codes."""

from __future__ import annotations

import ast
import re
from functools import cache
from pathlib import Path
from types import ModuleType

from bivouac.environment.blueprint import Edge
from bivouac.proof import edge_client, edge_http, edge_http2, edge_rules, edge_tcp
from bivouac.proof.fault import Fault


class _OnlyWhatRuns(ast.NodeTransformer):
    """Without docstrings, annotations, and imports of the program's other parts and of types."""

    def visit_arg(self, node: ast.arg) -> ast.arg:
        node.annotation = None
        return node

    def visit_FunctionDef(self, node: ast.FunctionDef) -> ast.FunctionDef:
        node.returns = None
        self.generic_visit(node)
        return node

    def visit_AnnAssign(self, node: ast.AnnAssign) -> ast.Assign | None:
        if node.value is None:
            return None
        return ast.copy_location(ast.Assign([node.target], node.value), node)

    def visit_Expr(self, node: ast.Expr) -> ast.Expr | None:
        return None if isinstance(node.value, ast.Constant) else node

    def visit_ImportFrom(self, node: ast.ImportFrom) -> None:
        """No module of the program imports anything else in this way."""


def _lines(module: ModuleType) -> list[str]:
    """Its code without blank lines, indented by one space for each level."""
    whole = ast.parse(Path(str(module.__file__)).read_text("utf-8"))
    lines = ast.unparse(_OnlyWhatRuns().visit(whole)).splitlines()
    return [re.sub(r"^(?: {4})+", lambda wide: wide[0][::4], line) for line in lines if line]


_PARTS = {
    "http": (edge_http,),
    "http2": (edge_http2,),
    "grpc": (edge_http2,),
    "tcp": (edge_tcp,),
}
_INSTEAD = {edge_http2: "ASKING = {}", edge_tcp: "ask_tcp = None"}
"""Of a part that a protocol does not need."""


@cache
def source(protocol: str) -> str:
    """The whole program of one edge, for `python -c`, without what its protocol does not need or
    only readers do. A task definition holds it for each edge, and is limited to 64 KB: as they
    stand, the modules of five HTTP edges fit, and of three gRPC edges."""
    modules = (edge_rules, *_PARTS[protocol], edge_client)
    lines = [line for module in modules for line in _lines(module)]
    imports = dict.fromkeys(line for line in lines if line.startswith("import "))
    instead = [line for part, line in _INSTEAD.items() if part not in modules]
    return "\n".join([*imports, *instead, *(each for each in lines if each not in imports)])


EXIT_MEANING: dict[int, str] = {
    edge_rules.PROVEN: "proven",
    edge_rules.NO_NAME: "the name does not resolve",
    edge_rules.NO_CONNECTION: "the connection failed",
    edge_rules.WRONG_STATUS: "the application answered with a wrong status",
    edge_rules.NO_ANSWER: "connected, but nothing behind it answers rightly",
}
"""By the exit code of an edge's container."""

FAULTS: dict[int, Fault] = {
    edge_rules.NO_NAME: Fault.NAME,
    edge_rules.NO_CONNECTION: Fault.CONNECTION,
    edge_rules.WRONG_STATUS: Fault.STATUS,
    edge_rules.NO_ANSWER: Fault.NO_ANSWER,
}
"""By each exit code that is not PROVEN."""

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
