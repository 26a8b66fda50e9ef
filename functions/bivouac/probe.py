"""Asks endpoints at addresses that earlier steps observed, and says what answered.

No AWS calls, no URLs, no redirects, no reply bodies: a target is an address that ECS reported and a
path from the checked request (P11). An endpoint counts after three answers in a row, because the
first ones of a new proxy may fail (P07, H23).
"""

from __future__ import annotations

import http.client
import random
import socket
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any, Literal

from bivouac.aws import ecs_answers
from bivouac.checks import Check, Outcome

IN_A_ROW = 3
WINDOW_SECONDS = 15.0
"""How long an endpoint may take to answer three times in a row within one probe."""
ATTEMPT_SECONDS = 3.0
TCP_OPEN_SECONDS = 1.0
"""A TCP connection still open after this long counts: a proxy closes it if the app is dead."""
PAUSE_SECONDS = 0.3
READ_LIMIT = 65_536
CONCURRENCY = 16

Side = Literal["private", "public"]


@dataclass(frozen=True)
class Target:
    """One endpoint of one task."""

    service: str
    endpoint: str
    protocol: Literal["http", "tcp"]
    port: int
    path: str
    lowest_status: int
    highest_status: int
    private_address: str
    public_address: str | None
    not_public: str
    """Why there is nothing to ask from outside, where there is no public_address."""


@dataclass(frozen=True)
class Answer:
    good: bool
    observed: str


def answer(targets: Sequence[dict[str, Any]], side: Side) -> dict[str, Any]:
    """The checks as JSON, and whether none of them is NG."""
    checks = prove([Target(**target) for target in targets], side)
    return {
        "proven": all(check.outcome is not Outcome.NG for check in checks),
        "checks": [check.to_json() for check in checks],
    }


def prove(targets: Sequence[Target], side: Side) -> list[Check]:
    """Every target's check, asked side by side."""
    with ThreadPoolExecutor(max_workers=CONCURRENCY) as pool:
        return list(pool.map(lambda target: _check(target, side), targets))


def _check(target: Target, side: Side) -> Check:
    address = target.private_address if side == "private" else target.public_address
    where = "inside" if side == "private" else "outside"
    name = f"{target.endpoint} answers from {where} the VPC"
    if address is None:
        return Check(target.service, name, Outcome.SKIP, target.not_public, target.endpoint)
    ask = _ask_http if target.protocol == "http" else _ask_tcp
    answer = _in_a_row(lambda: ask(target, address))
    observed = f"{address}:{target.port} {answer.observed}"
    outcome = Outcome.OK if answer.good else Outcome.NG
    return Check(target.service, name, outcome, observed, target.endpoint)


def _in_a_row(ask: Callable[[], Answer]) -> Answer:
    """The last answer once IN_A_ROW good ones followed each other, or the window has closed."""
    end = time.monotonic() + WINDOW_SECONDS
    good = 0
    while True:
        answer = ask()
        good = good + 1 if answer.good else 0
        if good == IN_A_ROW:
            return Answer(True, f"{answer.observed}, {IN_A_ROW} times in a row")
        if time.monotonic() >= end:
            return Answer(False, answer.observed)
        if not answer.good:
            time.sleep(random.uniform(PAUSE_SECONDS / 2, PAUSE_SECONDS))


def _ask_http(target: Target, address: str) -> Answer:
    """One GET. The reply must come through the proxy (P06)."""
    connection = http.client.HTTPConnection(address, target.port, timeout=ATTEMPT_SECONDS)
    try:
        connection.request("GET", target.path, headers={"User-Agent": "bivouac-probe"})
        reply = connection.getresponse()
        reply.read(READ_LIMIT)
    except TimeoutError:
        return Answer(False, f"timed out after {ATTEMPT_SECONDS:g} s")
    except (OSError, http.client.HTTPException) as error:
        return Answer(False, f"failed: {error or type(error).__name__}")
    finally:
        connection.close()
    server = reply.getheader("server", "no server header")
    observed = f"HTTP {reply.status}, server: {server}"
    if not ecs_answers.came_through_proxy(reply.headers):
        return Answer(False, f"{observed}: it did not come through the Service Connect proxy")
    if not target.lowest_status <= reply.status <= target.highest_status:
        return Answer(False, f"{observed}: expected {target.lowest_status}-{target.highest_status}")
    return Answer(True, observed)


def _ask_tcp(target: Target, address: str) -> Answer:
    """A connection that answers or stays open: connecting alone succeeds with the app dead."""
    try:
        with socket.create_connection((address, target.port), timeout=ATTEMPT_SECONDS) as stream:
            stream.settimeout(TCP_OPEN_SECONDS)
            try:
                received = stream.recv(1)
            except TimeoutError:
                return Answer(True, "stays open")
    except TimeoutError:
        return Answer(False, f"timed out after {ATTEMPT_SECONDS:g} s")
    except OSError as error:
        return Answer(False, f"failed: {error or type(error).__name__}")
    return Answer(True, "answers") if received else Answer(False, "was closed by the proxy")
