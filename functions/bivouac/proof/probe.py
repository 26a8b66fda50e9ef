"""Calls endpoints at addresses that earlier steps read, and checks the answers.

No AWS calls and no URLs: a target is an address that ECS reported and a path from the checked
request (P11). Each endpoint is asked in its own protocol (asking.py), until it has given enough
right answers in a row (row.py).
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from typing import Any, Literal, Self, cast

from bivouac.environment.blueprint import Endpoint
from bivouac.proof.asking import Protocol, Question, ask
from bivouac.proof.check import SHOWN, Check, CheckOutcome, few
from bivouac.proof.edge_rules import IN_A_ROW, OF_CONNECTIONS
from bivouac.proof.fault import Fault
from bivouac.proof.row import Answer, in_a_row

CONCURRENCY = 100
"""Calls in parallel, which wait most of the time."""
SHOWN_ANSWERS = 2
"""The number of different answers that are shown for one endpoint; the others are counted."""
MOST_TARGETS = 200
"""Addresses called in one probe: CONCURRENCY in parallel, they take two windows if none answers,
which is less than the function's timeout (template.yaml)."""
BAD_LIMIT = 15_000
"""Bytes as JSON of the checks, if an endpoint does not answer."""

Side = Literal["private", "public"]


@dataclass(frozen=True)
class Target:
    """One endpoint, and the tasks on which to call it."""

    service: str
    endpoint: str
    protocol: Protocol
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
        protocol=cast(Protocol, endpoint.app_protocol or "tcp"),
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
    """The checks as JSON, whether none of them is NG, and whether one is final: more time alone
    will not change it. If none is NG, an execution's state has room for all; otherwise it gets as
    many of the NG ones as fit (limits.py)."""
    called = prove([Target.from_json(target) for target in targets], side)
    checks = [check for each in called for check in each.checks]
    bad = [check for check in checks if check.is_ng]
    if bad and sum(map(_bytes, checks)) > BAD_LIMIT:
        checks = list(_bounded(bad))
    return {
        "proven": not bad,
        "final": any(each.final for each in called),
        "checks": [check.to_json() for check in checks],
    }


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


@dataclass(frozen=True)
class Called:
    """One target, with what each of its addresses answered."""

    target: Target
    side: Side
    answers: Sequence[tuple[str, Answer]]

    @property
    def final(self) -> bool:
        return any(answer.final for _, answer in self.answers)

    @property
    def checks(self) -> Iterator[Check]:
        """One for the good answers and one for the others, if there are any."""
        where = "inside" if self.side == "private" else "outside"
        target = self.target
        name = f"{target.endpoint} answers from {where} the VPC"
        if not self.answers:
            yield Check(target.service, name, CheckOutcome.SKIP, target.not_public, target.endpoint)
            return
        for outcome, good in ((CheckOutcome.OK, True), (CheckOutcome.NG, False)):
            alike: dict[str, list[str]] = {}
            for address, answer in self.answers:
                if answer.good is good:
                    alike.setdefault(answer.observed, []).append(address)
            if alike:
                texts = [f"{_at(target, each)} {observed}" for observed, each in alike.items()]
                observed = few(texts, "; ", SHOWN_ANSWERS)
                made = Check(target.service, name, outcome, observed, target.endpoint)
                yield made if good else replace(made, **self._why(alike))

    def _why(self, alike: Mapping[str, Sequence[str]]) -> dict[str, Any]:
        """Of the answers that were not good, by what was observed: the clearest fault."""
        bad = [answer for _, answer in self.answers if not answer.good]
        clearest = min(bad, key=lambda answer: _CLEAREST_FIRST.index(answer.fault))
        asked = [address for each in alike.values() for address in each[:SHOWN]]
        return {
            "fault": clearest.fault,
            "status": clearest.status,
            "addresses": tuple(asked[: SHOWN * SHOWN_ANSWERS]),
        }


_CLEAREST_FIRST = (Fault.STATUS, Fault.UNSTEADY, Fault.CONNECTION, Fault.NO_ANSWER, None)


def prove(targets: Sequence[Target], side: Side) -> list[Called]:
    """Calls all targets in parallel. Equal answers of a target become one check, so that an
    execution's state has room for the proof, however many tasks run (W08)."""
    calls = [(target, address) for target in targets for address in target.addresses(side)]
    with ThreadPoolExecutor(max_workers=CONCURRENCY) as pool:
        answers = iter(list(pool.map(lambda each: _called(*each), calls)))
    return [
        Called(target, side, [(address, next(answers)) for address in target.addresses(side)])
        for target in targets
    ]


def _at(target: Target, addresses: Sequence[str]) -> str:
    shown = few([f"{address}:{target.port}" for address in addresses])
    return shown if target.tasks == 1 else f"{len(addresses)} of {target.tasks} tasks, {shown}:"


def _called(target: Target, address: str) -> Answer:
    question = Question(target.protocol, target.path, target.lowest_status, target.highest_status)
    needed = OF_CONNECTIONS if target.protocol == "tcp" else IN_A_ROW
    return in_a_row(lambda: ask(question, (address, target.port)), needed)
