"""Calls endpoints at addresses that earlier steps read, and checks the answers.

No AWS calls, no URLs, no redirects, no reply bodies: a target is an address that ECS reported and a
path from the checked request (P11). An endpoint passes after three right answers in a row, because
the first ones of a new proxy may fail (P07, H23).
"""

from __future__ import annotations

import http.client
import json
import random
import socket
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any, Literal, Self

from bivouac.aws import ecs_answers
from bivouac.environment.blueprint import Endpoint
from bivouac.proof.check import Check, CheckOutcome, few

IN_A_ROW = 3
WINDOW_SECONDS = 15.0
"""How long an endpoint may take to answer three times in a row within one probe."""
ATTEMPT_SECONDS = 3.0
TCP_OPEN_SECONDS = 1.0
"""A TCP connection that stays open this long passes: a proxy closes it if the app is dead."""
PAUSE_SECONDS = 0.3
READ_LIMIT = 65_536
CONCURRENCY = 50
"""Calls in parallel, which wait most of the time."""
TEXT_LIMIT = 160
"""Characters of a text by a server or the system."""
SHOWN_ANSWERS = 2
"""The number of different answers that are shown for one endpoint; the others are counted."""
MOST_TARGETS = 200
"""Addresses called in one probe: CONCURRENCY in parallel, they take four windows if none answers,
which is less than the function's timeout (template.yaml)."""
BAD_LIMIT = 15_000
"""Bytes as JSON of the checks, if an endpoint does not answer."""

Side = Literal["private", "public"]


@dataclass(frozen=True)
class Target:
    """One endpoint, and the tasks on which to call it."""

    service: str
    endpoint: str
    protocol: Literal["http", "tcp"]
    port: int
    path: str
    lowest_status: int
    highest_status: int
    tasks: int
    """How many run; if there are very many, not all are called."""
    private_addresses: Sequence[str]
    public_addresses: Sequence[str]
    not_public: str
    """Why there is nothing to call from outside, if there is no public address."""

    @classmethod
    def from_json(cls, content: Mapping[str, Any]) -> Self:
        """From the form of probe_targets.py. An execution that began before an update of the stack
        has one target for each task, with a single address."""
        if "private_address" not in content:
            return cls(**content)
        public = content["public_address"]
        return cls(
            **{key: content[key] for key in content if not key.endswith("_address")},
            tasks=1,
            private_addresses=[content["private_address"]],
            public_addresses=[public] if public else [],
        )

    def to_json(self) -> dict[str, Any]:
        return dict(vars(self))

    def addresses(self, side: Side) -> Sequence[str]:
        return self.private_addresses if side == "private" else self.public_addresses


@dataclass(frozen=True, order=True)
class Answer:
    good: bool
    observed: str

    @classmethod
    def bad(cls, observed: str) -> Answer:
        return cls(False, observed[:TEXT_LIMIT])


def target(
    service: str,
    endpoint: Endpoint,
    addresses: Sequence[tuple[str, str | None]],
    tasks: int,
) -> Target:
    """`addresses`: the private and the public address of each task to call. `tasks`: how many
    run."""
    has_public = any(public for _, public in addresses)
    return Target(
        service=service,
        endpoint=endpoint.port_name,
        protocol="http" if endpoint.app_protocol == "http" else "tcp",
        port=endpoint.port,
        path=endpoint.path,
        lowest_status=endpoint.lowest_status,
        highest_status=endpoint.highest_status,
        tasks=tasks,
        private_addresses=[private for private, _ in addresses],
        public_addresses=[public for _, public in addresses if public]
        if endpoint.admits_everybody
        else [],
        not_public=f"no security group admits 0.0.0.0/0 on {endpoint.port}"
        if has_public
        else "the task has no public address",
    )


def answer(targets: Sequence[dict[str, Any]], side: Side) -> dict[str, Any]:
    """The checks as JSON, and whether none of them is NG. If none is, an execution's state has room
    for all; otherwise it gets as many of the NG ones as fit (limits.py)."""
    checks = prove([Target.from_json(target) for target in targets], side)
    bad = [check for check in checks if check.outcome is CheckOutcome.NG]
    if bad and sum(map(_bytes, checks)) > BAD_LIMIT:
        checks = list(_bounded(bad))
    return {"proven": not bad, "checks": [check.to_json() for check in checks]}


def _bounded(bad: Sequence[Check]) -> Iterator[Check]:
    room = BAD_LIMIT
    for number, check in enumerate(bad):
        room -= _bytes(check)
        if room < 0:
            more = f"{len(bad) - number} more endpoints do not answer"
            yield Check(check.service, "and", CheckOutcome.NG, more)
            return
        yield check


def _bytes(check: Check) -> int:
    return len(json.dumps(check.to_json()))


def prove(targets: Sequence[Target], side: Side) -> list[Check]:
    """Calls all targets in parallel. Equal answers of a target become one check, so that an
    execution's state has room for the proof, however many tasks run (W08)."""
    calls = [(target, address) for target in targets for address in target.addresses(side)]
    with ThreadPoolExecutor(max_workers=CONCURRENCY) as pool:
        answers = iter(list(pool.map(lambda each: _called(*each), calls)))
    return [
        check
        for target in targets
        for check in checked(
            target, side, [(address, next(answers)) for address in target.addresses(side)]
        )
    ]


def checked(target: Target, side: Side, answers: Sequence[tuple[str, Answer]]) -> Iterator[Check]:
    """One check for the good answers and one for the others, if there are any. `answers`: each with
    its address."""
    where = "inside" if side == "private" else "outside"
    name = f"{target.endpoint} answers from {where} the VPC"
    if not answers:
        yield Check(target.service, name, CheckOutcome.SKIP, target.not_public, target.endpoint)
        return
    for outcome, good in ((CheckOutcome.OK, True), (CheckOutcome.NG, False)):
        alike: dict[str, list[str]] = {}
        for address, answer in answers:
            if answer.good is good:
                alike.setdefault(answer.observed, []).append(address)
        if alike:
            texts = [f"{_at(target, each)} {observed}" for observed, each in alike.items()]
            observed = few(texts, "; ", SHOWN_ANSWERS)
            yield Check(target.service, name, outcome, observed, target.endpoint)


def _at(target: Target, addresses: Sequence[str]) -> str:
    shown = few([f"{address}:{target.port}" for address in addresses])
    return shown if target.tasks == 1 else f"{len(addresses)} of {target.tasks} tasks, {shown}:"


def _called(target: Target, address: str) -> Answer:
    ask = _ask_http if target.protocol == "http" else _ask_tcp
    return _in_a_row(lambda: ask(target, address))


def _in_a_row(ask: Callable[[], Answer]) -> Answer:
    """The last answer, after IN_A_ROW good ones in a row or at the end of the window."""
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
        return Answer.bad(f"failed: {error or type(error).__name__}")
    finally:
        connection.close()
    server = reply.getheader("server", "no server header")[:TEXT_LIMIT]
    observed = f"HTTP {reply.status}, server: {server}"
    if not ecs_answers.came_through_proxy(reply.headers):
        return Answer(False, f"{observed}: it did not come through the Service Connect proxy")
    if not target.lowest_status <= reply.status <= target.highest_status:
        return Answer(False, f"{observed}: expected {target.lowest_status}-{target.highest_status}")
    return Answer(True, observed)


def _ask_tcp(target: Target, address: str) -> Answer:
    """Good if the connection answers or stays open: connecting succeeds even if the app is dead."""
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
        return Answer.bad(f"failed: {error or type(error).__name__}")
    return Answer(True, "answers") if received else Answer(False, "was closed by the proxy")
