"""Events that arrive duplicated, shuffled and late: does every order have the same end?

Ten intents for one environment (create, redeploys of two services, an image push, an extension, a
teardown, a create again), each delivered one to five times in a random order. The real functions
decide; the deliveries and the machines around the steps are simulated, as in the functional tests.
"""

from __future__ import annotations

import argparse
import random
import sys
from collections import Counter
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from datetime import timedelta
from functools import partial

from rich.console import Console

from bench import rehearsal
from bench.figures import Target
from bench.report import table
from bench.running import Measurement, run
from bench.waiting import Stop
from bivouac.environment.record import Status
from tests.functional.account import bivouac_account
from tests.functional.playing import Player, shuffled, story

ORDERS = 500
AT_ONCE = 25
"""Orders in one account, one environment each."""
WINDOW = 100.0
"""Seconds within which each delivery comes."""


@dataclass(frozen=True)
class Order:
    seed: int
    deliveries: int
    executions: int
    effective: int
    """Executions that took the environment."""
    most_of_one: int
    """The most of these for one intent."""
    same_end: bool
    dead_letters: int


def play(seed: int, begin: int) -> list[Order]:
    """The orders of the seeds from `seed` + AT_ONCE x `begin` on."""
    found = []
    with bivouac_account() as account:
        for number in range(begin * AT_ONCE, (begin + 1) * AT_ONCE):
            chance = random.Random(seed + number)
            player = Player(account, chance)
            name = f"order-{number}"
            events, end = story(name, account.now() - timedelta(minutes=20))
            deliveries = shuffled(events, chance, WINDOW)
            player.play(deliveries)
            record = player.record(name)
            taken = Counter(player.changed)
            found.append(
                Order(
                    seed + number,
                    len(deliveries),
                    len(player.executions),
                    sum(taken.values()),
                    max(taken.values(), default=0),
                    record is not None and (record.status, record.requested) == (Status.READY, end),
                    len(player.dead_letters),
                )
            )
    return found


def measure(orders: int, seed: int, stop: Stop) -> list[Order]:
    """Raises StoppedError."""
    accounts = -(-orders // AT_ONCE)
    played = rehearsal.in_parallel(partial(play, seed), accounts, stop)
    return [order for each in played for order in each]


def targets(orders: Sequence[Order]) -> list[Target]:
    other = [order.seed for order in orders if not order.same_end]
    return [
        Target(f"orders with another end, of {len(orders)}", len(other), 0),
        Target(
            "most effective executions of one intent", max(each.most_of_one for each in orders), 1
        ),
        Target("events in the dead letters", sum(each.dead_letters for each in orders), 0),
    ]


def show(orders: Sequence[Order], console: Console) -> None:
    made = table(
        f"\n{len(orders)} random orders of the same ten wants", "per order", "least", "mean", "most"
    )
    for title, values in (
        ("deliveries", [each.deliveries for each in orders]),
        ("executions begun", [each.executions for each in orders]),
        ("executions that took the environment", [each.effective for each in orders]),
    ):
        mean = sum(values) / len(values)
        made.add_row(title, str(min(values)), f"{mean:.1f}", str(max(values)))
    console.print(made)
    for order in orders:
        if not order.same_end:
            console.print(f"another end with seed {order.seed}")


def main() -> int:
    """Exit code 0 only if every target is met."""
    parser = argparse.ArgumentParser(prog="python -m bench.intents", description=__doc__)
    parser.add_argument("--orders", type=int, default=ORDERS)
    parser.add_argument("--seed", type=int, default=1000)
    given = parser.parse_args()

    def measured(console: Console, stop: Stop) -> Measurement:
        orders = measure(given.orders, given.seed, stop)
        show(orders, console)
        return Measurement(targets(orders), {"orders": [asdict(each) for each in orders]})

    return run("intents", measured)


if __name__ == "__main__":
    sys.exit(main())
