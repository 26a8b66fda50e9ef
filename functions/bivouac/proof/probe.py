"""Asks endpoints at addresses that earlier steps observed, and says what answered.

No AWS calls, no URLs, no redirects, no reply bodies: a target is an address that ECS reported and a
path from the checked request (P11). An endpoint counts after three answers in a row, because the
first ones of a new proxy may fail (P07, H23).
"""

from __future__ import annotations

import http.client
import json
import random
import socket
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass
from typing import Any, Literal, Self

from bivouac.aws import ecs_answers
from bivouac.environment.blueprint import Endpoint
from bivouac.proof.check import Check, CheckOutcome, few

IN_A_ROW = 3
WINDOW_SECONDS = 15.0
"""How long an endpoint may take to answer three times in a row within one probe."""
ATTEMPT_SECONDS = 3.0
TCP_OPEN_SECONDS = 1.0
"""A TCP connection still open after this long counts: a proxy closes it if the app is dead."""
PAUSE_SECONDS = 0.3
READ_LIMIT = 65_536
CONCURRENCY = 50
"""Whoever asks waits for most of the time."""
TEXT_LIMIT = 160
"""Characters of what a server or the system says."""
TOLD = 2
"""Different answers that are told of one endpoint; the others are counted."""
MOST_TARGETS = 200
"""Addresses that are asked in one probe: CONCURRENCY side by side, they take four windows even
where none answers, and then Lambda's time is not over (template.yaml)."""
BAD_LIMIT = 15_000
"""Bytes as JSON of what is told where an endpoint does not answer."""

Side = Literal["private", "public"]


@dataclass(frozen=True)
class Target:
    """One endpoint, and the tasks at which it is asked."""

    service: str
    endpoint: str
    protocol: Literal["http", "tcp"]
    port: int
    path: str
    lowest_status: int
    highest_status: int
    tasks: int
    """How many run; of very many not all are asked."""
    private_addresses: Sequence[str]
    public_addresses: Sequence[str]
    not_public: str
    """Why there is nothing to ask from outside, where there is no public address."""

    @classmethod
    def from_json(cls, content: Mapping[str, Any]) -> Self:
        """As looks/targets.py makes it. An execution that began before an update of the stack has
        one for each task, with an address of its own."""
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
        return asdict(self)

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
    """`addresses`: private and public one of each task that is asked, of so many `tasks`."""
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
    """The checks as JSON, and whether none of them is NG. Where some are, the state has room for as
    many of these; where none is, for all (limits.py)."""
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
    """What each target answers, asked side by side: the checks of one with equal answers are one,
    so that however many tasks run, an execution's state has room for the proof (W08)."""
    asked = [(target, address) for target in targets for address in target.addresses(side)]
    with ThreadPoolExecutor(max_workers=CONCURRENCY) as pool:
        answers = list(pool.map(lambda each: _asked(*each), asked))
    told = iter(answers)
    return [
        check
        for target in targets
        for check in checked(
            target, side, [(address, next(told)) for address in target.addresses(side)]
        )
    ]


def checked(target: Target, side: Side, answers: Sequence[tuple[str, Answer]]) -> Iterator[Check]:
    """One for the good answers and one for the others, where there are any; `answers`: each with
    the address that gave it."""
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
            told = [f"{_at(target, each)} {observed}" for observed, each in alike.items()]
            yield Check(target.service, name, outcome, few(told, "; ", TOLD), target.endpoint)


def _at(target: Target, addresses: Sequence[str]) -> str:
    shown = few([f"{address}:{target.port}" for address in addresses])
    return shown if target.tasks == 1 else f"{len(addresses)} of {target.tasks} tasks, {shown}:"


def _asked(target: Target, address: str) -> Answer:
    ask = _ask_http if target.protocol == "http" else _ask_tcp
    return _in_a_row(lambda: ask(target, address))


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
        return Answer.bad(f"failed: {error or type(error).__name__}")
    return Answer(True, "answers") if received else Answer(False, "was closed by the proxy")
