"""Scripted containers that prove an edge, like the program of bivouac.proof.edge_command.

    runtime.script(proof_image, proof_client)

Nothing is sent: an edge works if the script of each container behind its alias answers rightly.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass

from localcloud.tasks.runtime import Task
from localcloud.tasks.scripted_answers import HttpAnswer

PROVEN, NO_NAME, NO_CONNECTION, WRONG_STATUS = 0, 10, 11, 12
"""Exit codes."""

NAME_SECONDS = 5.0
PROOF_SECONDS = 0.4
SETTLED_SECONDS = 10.0
"""The time that a name that does not resolve, or eight answers in a row, take."""

_OF_SERVERS_PROXY = {
    "http": "HTTP 503 of the server's proxy: nothing answers behind it",
    "http2": "HTTP/2 503 of the server's proxy: nothing answers behind it",
    "grpc": "gRPC UNAVAILABLE: nothing answers gRPC behind the proxy",
    "tcp": "closed by the proxy",
}


def is_of_a_start(words: str) -> bool:
    """Whether the answer may change by itself, because the application may still be starting."""
    return re.search(r" HTTP (429|502|503|504),", words) is not None


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
        asked = (self.dns_name, self.port)
        return next((a.endpoint for a in aliases if (a.dns_name, a.port) == asked), None)

    def result(self, task: Task, answers: Iterable[HttpAnswer | None]) -> tuple[int, str]:
        """(exit code, line of output); an answer is None if nothing listens."""
        code, words = self._verdict(task, [answer for answer in answers if answer is not None])
        return code, f"{self.dns_name}:{self.port} {words}"

    def _verdict(self, task: Task, answers: list[HttpAnswer]) -> tuple[int, str]:
        if self.endpoint(task) is None:
            return NO_NAME, "does not resolve"
        if not answers:
            # A server that refuses connections is skipped if there is another one.
            return NO_CONNECTION, "HTTP 503 of the proxy: it has no server to pass this on to"
        if any(answer.instead_of_application for answer in answers):
            return NO_CONNECTION, _OF_SERVERS_PROXY[self.protocol]
        if self.protocol == "tcp":
            return PROVEN, "stays open, 3 times in a row"
        if self.protocol == "grpc":
            return PROVEN, "SERVING, 8 times in a row"
        expected = range(self.lowest_status, self.highest_status + 1)
        for answer in answers:
            if answer.status not in expected:
                return WRONG_STATUS, (
                    f"HTTP {answer.status}, expected {self.lowest_status}-{self.highest_status}"
                )
        return PROVEN, f"HTTP {answers[0].status}, 8 times in a row"
