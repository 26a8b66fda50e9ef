"""Scripted containers that prove an edge, like the program of bivouac.proof.edge_command.

    runtime.script(proof_image, proof_client)

Nothing is sent: an edge works if the script of each container behind its alias answers rightly.
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import dataclass

from localcloud.tasks.runtime import Task
from localcloud.tasks.scripted_answers import HttpAnswer

PROVEN, NO_NAME, NO_CONNECTION, WRONG_STATUS, NO_ANSWER = 0, 10, 11, 12, 13
"""Exit codes."""

NAME_SECONDS = 5.0
PROOF_SECONDS = 0.4
SETTLED_SECONDS = 10.0
"""The time that a name that does not resolve, or eight answers in a row, take."""

_OF_A_START = (429, 502, 503, 504)
"""Statuses that may change by themselves, because the application may still be starting."""
_NOTHING_BEHIND = {
    "http": "HTTP 503 of the server's proxy: nothing answers behind it",
    "http2": "HTTP/2 503 of the server's proxy: nothing answers behind it",
    "grpc": "gRPC UNAVAILABLE: nothing answers gRPC behind the proxy",
    "tcp": "closed at once",
}
_ANOTHER_PROTOCOL = {
    "http": "HTTP 502 of the server's proxy: another protocol is spoken behind it",
    "http2": "HTTP/2 502 of the server's proxy: another protocol is spoken behind it",
    "grpc": "gRPC UNAVAILABLE: another protocol is spoken behind the proxy",
}


@dataclass(frozen=True)
class EdgeResult:
    """What a container that proves an edge has seen last."""

    code: int
    """Its exit code so far."""
    observed: str
    status: int = 0
    """The HTTP status of the application; 0 if it gave none."""
    meant: bool = False
    """Whether the application gives this answer on purpose."""

    def line(self, alias: str) -> str:
        """As the program of functions/bivouac/proof prints it."""
        seen = {"code": self.code, "status": self.status, "failures": 0, "asked": 0}
        return json.dumps({"edge": alias, "said": self.observed, **seen})


@dataclass(frozen=True)
class EdgeScript:
    """The client alias to call, and the HTTP status to expect."""

    dns_name: str
    port: int
    protocol: str
    lowest_status: int
    highest_status: int

    @classmethod
    def of_command(cls, command: tuple[str, ...]) -> EdgeScript:
        """Parses a container's command: python -c SOURCE <the edge> <patience>."""
        _, _, _, dns_name, port, protocol, _, lowest, highest, _ = command
        return cls(dns_name, int(port), protocol, int(lowest), int(highest))

    def endpoint(self, task: Task) -> str | None:
        """The endpoint behind the alias in this task; None if the alias does not resolve there
        (P08)."""
        aliases = task.proxy.client_aliases if task.proxy is not None else ()
        address = (self.dns_name, self.port)
        return next((a.endpoint for a in aliases if (a.dns_name, a.port) == address), None)

    @property
    def alias(self) -> str:
        return f"{self.dns_name}:{self.port}"

    def result(self, task: Task, answers: Iterable[HttpAnswer | None]) -> EdgeResult:
        """An answer is None if nothing listens."""
        given = [answer for answer in answers if answer is not None]
        if self.endpoint(task) is None:
            return EdgeResult(NO_NAME, "does not resolve")
        if not given:
            # A server that refuses connections is skipped if there is another one.
            observed = "HTTP 503 of the proxy: it has no server to pass this on to"
            return EdgeResult(NO_CONNECTION, observed, 503)
        of_proxy = {answer.status for answer in given if answer.instead_of_application}
        if 503 in of_proxy:
            return EdgeResult(NO_ANSWER, _NOTHING_BEHIND[self.protocol])
        if 502 in of_proxy and self.protocol != "tcp":
            return EdgeResult(NO_ANSWER, _ANOTHER_PROTOCOL[self.protocol], meant=True)
        if self.protocol == "tcp":
            return EdgeResult(PROVEN, "stays open, 3 times in a row")
        if self.protocol == "grpc":
            return EdgeResult(PROVEN, "SERVING, 8 times in a row")
        expected = range(self.lowest_status, self.highest_status + 1)
        for answer in given:
            if answer.status not in expected:
                observed = (
                    f"HTTP {answer.status}, expected {self.lowest_status}-{self.highest_status}"
                )
                meant = answer.status not in _OF_A_START
                return EdgeResult(WRONG_STATUS, observed, answer.status, meant)
        observed = f"HTTP {given[0].status}, 8 times in a row"
        return EdgeResult(PROVEN, observed, given[0].status)
