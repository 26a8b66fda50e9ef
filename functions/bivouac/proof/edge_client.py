"""Calls one endpoint of the mesh by its client alias, until enough answers in a row are right.

A separate program that proof clients run without Bivouac (edge_command.py). It prints a line when
the result changes (edge_lines.py says in which form); it follows no redirect and prints no body.
"""

from __future__ import annotations

import http.client
import json
import os
import random
import signal
import socket
import sys
import time
from typing import Any

from bivouac.proof.edge_http import get
from bivouac.proof.edge_http2 import ASKING
from bivouac.proof.edge_rules import (
    ATTEMPT_SECONDS,
    IN_A_ROW,
    NO_ANSWER,
    NO_CONNECTION,
    NO_NAME,
    NOT_YET,
    OF_CONNECTIONS,
    PROVEN,
    WRONG_STATUS,
    Row,
)
from bivouac.proof.edge_tcp import ask_tcp

NAME_SECONDS = 5.0
OF_SERVERS_PROXY = b"upstream connect error"


class EdgeClient:
    def __init__(
        self, name: str, port: str, protocol: str, path: str, lowest: str, highest: str
    ) -> None:
        self.address = (name, int(port))
        asking = {"http": EdgeClient.ask_http, "tcp": ask_tcp, **ASKING}
        self.ask = asking[protocol]
        self.path = path
        self.expected = range(int(lowest), int(highest) + 1)
        self.statuses = lowest if lowest == highest else f"{lowest}-{highest}"
        self.failure = NO_CONNECTION
        self.shown: Any = {}
        self.connections: list[tuple[int, str]] = []
        self.row = Row(OF_CONNECTIONS if protocol == "tcp" else IN_A_ROW)

    def prove(self) -> int:
        row, name_end = self.row, 0.0
        while True:
            code, words = self.attempt()
            now = time.monotonic()
            enough = row.add(code == PROVEN)
            if code != PROVEN:
                self.failure = code
            self.report(code, words)
            if enough:
                self.report(code, f"{words}, {row.needed} times in a row")
                return PROVEN
            if row.settled(words if self.meant and not row.failures else "", now):
                return code
            if code != NO_NAME:
                name_end = 0.0
            elif not name_end:
                name_end = now + NAME_SECONDS
            elif now > name_end:
                return NO_NAME
            time.sleep(0.05 if row.right else random.uniform(0.3, 0.6))

    def report(self, code: int, said: str) -> None:
        shown = {
            "edge": "{}:{}".format(*self.address),
            "said": said[:200],
            "code": code,
            "status": self.status,
            "failures": self.row.failures,
        }
        if shown != self.shown:
            self.shown = shown
            print(json.dumps({**shown, "asked": self.row.asked}), flush=True)

    def attempt(self) -> tuple[int, str]:
        self.status = 0
        self.meant = False  # an answer of the application's that more time will not change
        try:
            return self.ask(self)
        except socket.gaierror:
            return NO_NAME, "does not resolve"
        except socket.timeout:  # noqa: UP041  Python 3.9 does not call it TimeoutError
            return NO_CONNECTION, f"timed out after {ATTEMPT_SECONDS:g} s"
        except http.client.RemoteDisconnected:
            return NO_ANSWER, "closed without an answer"
        except OSError as error:
            # A security group lets connections time out: it neither refuses nor closes them.
            code = NO_ANSWER if isinstance(error, ConnectionError) else NO_CONNECTION
            return code, (error.strerror or str(error)).lower()
        except http.client.HTTPException as error:
            return NO_ANSWER, f"no whole HTTP answer: {type(error).__name__}"

    def ask_http(self) -> tuple[int, str]:
        answer = get(self.address, self.path, "bivouac-proof", ATTEMPT_SECONDS)
        return self.judged("HTTP", *answer)

    def judged(self, spoken: str, status: int, headers: Any, body: bytes) -> tuple[int, str]:
        self.status, words = status, f"{spoken} {status}"
        # The client's proxy adds the header to what it passes on.
        if status == 503 and not headers.get("x-envoy-upstream-service-time"):
            return NO_CONNECTION, f"{words} of the proxy: it has no server to pass this on to"
        if status in (502, 503, 504) and body.startswith(OF_SERVERS_PROXY):
            self.meant = b"protocol error" in body
            seen = "another protocol is spoken" if self.meant else "nothing answers"
            return NO_ANSWER, f"{words} of the server's proxy: {seen} behind it"
        if status in self.expected:
            return PROVEN, words
        self.meant = status not in NOT_YET
        return WRONG_STATUS, f"{words}, expected {self.statuses}"


def main() -> None:
    *edge, patience = sys.argv[1:]
    client = EdgeClient(*edge)
    for ending in (signal.SIGTERM, signal.SIGALRM):
        # Exit at once: an exception could be lost in the code that it interrupts.
        signal.signal(ending, lambda *_: os._exit(client.failure))
    signal.setitimer(signal.ITIMER_REAL, float(patience))
    sys.exit(client.prove())


if __name__ == "__main__":
    main()
