"""Calls one endpoint of the mesh by its client alias, until three answers in a row are right.

A separate program that proof clients run without Bivouac (edge_command.py). It prints a line when
the result changes; it follows no redirect and prints no body.
"""

from __future__ import annotations

import http.client
import os
import random
import signal
import socket
import sys
import time

PROVEN, NO_NAME, NO_CONNECTION, WRONG_STATUS = 0, 10, 11, 12
IN_A_ROW = 3
ATTEMPT_SECONDS = 3.0
NAME_SECONDS = 5.0
TCP_OPEN_SECONDS = 1.0
READ_LIMIT = 65_536
OF_SERVERS_PROXY = b"upstream connect error or disconnect/reset before headers"


class EdgeClient:
    def __init__(
        self, name: str, port: str, protocol: str, path: str, lowest: str, highest: str
    ) -> None:
        self.address = (name, int(port))
        self.ask = self.ask_http if protocol == "http" else self.ask_tcp
        self.path = path
        self.expected = range(int(lowest), int(highest) + 1)
        self.statuses = lowest if lowest == highest else f"{lowest}-{highest}"
        self.failure = NO_CONNECTION
        self.printed = ""

    def prove(self) -> int:
        right, name_end = 0, 0.0
        while True:
            code, words = self.attempt()
            if code != PROVEN:
                self.failure = code
            self.report(words)
            right = right + 1 if code == PROVEN else 0
            if right == IN_A_ROW:
                self.report(f"{words}, {IN_A_ROW} times in a row")
                return PROVEN
            if code != NO_NAME:
                name_end = 0.0
            elif not name_end:
                name_end = time.monotonic() + NAME_SECONDS
            elif time.monotonic() > name_end:
                return NO_NAME
            time.sleep(0.1 if right else random.uniform(0.3, 0.6))

    def report(self, words: str) -> None:
        if words != self.printed:
            print("{}:{}".format(*self.address), words, flush=True)
        self.printed = words

    def attempt(self) -> tuple[int, str]:
        try:
            return self.ask()
        except socket.gaierror:
            return NO_NAME, "does not resolve"
        except socket.timeout:  # noqa: UP041  Python 3.9 does not call it TimeoutError
            return NO_CONNECTION, f"timed out after {ATTEMPT_SECONDS:g} s"
        except http.client.RemoteDisconnected:
            return NO_CONNECTION, "closed without an answer"
        except OSError as error:
            return NO_CONNECTION, (error.strerror or type(error).__name__).lower()
        except http.client.HTTPException as error:
            return NO_CONNECTION, f"no whole HTTP answer: {type(error).__name__}"

    def ask_http(self) -> tuple[int, str]:
        connection = http.client.HTTPConnection(*self.address, timeout=ATTEMPT_SECONDS)
        try:
            connection.request("GET", self.path, headers={"User-Agent": "bivouac-proof"})
            answer = connection.getresponse()
            body = answer.read(READ_LIMIT)
        finally:
            connection.close()
        words = f"HTTP {answer.status}"
        if answer.status == 503:
            # The client's proxy adds the header to what it passes on; the server's proxy may have
            # answered.
            if not answer.getheader("x-envoy-upstream-service-time"):
                return NO_CONNECTION, f"{words} of the proxy: it has no server to pass this on to"
            if body.startswith(OF_SERVERS_PROXY):
                return NO_CONNECTION, f"{words} of the server's proxy: nothing answers behind it"
        if answer.status in self.expected:
            return PROVEN, words
        return WRONG_STATUS, f"{words}, expected {self.statuses}"

    def ask_tcp(self) -> tuple[int, str]:
        with socket.create_connection(self.address, ATTEMPT_SECONDS) as stream:
            stream.settimeout(TCP_OPEN_SECONDS)
            try:
                answered = stream.recv(1)
            except socket.timeout:  # noqa: UP041
                return PROVEN, "stays open"
        return (PROVEN, "answers") if answered else (NO_CONNECTION, "closed by the proxy")


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
