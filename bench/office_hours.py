"""What office hours save in a week, and how long a wake takes compared with a new create.

A week on the strict account's own clock, in AWS's times: up at eight, down at seven in the evening,
from Monday to Friday. Bivouac's own functions are called through their handlers in the order of the
state machines, as in the functional tests.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from datetime import datetime
from functools import partial
from typing import Any

from rich.console import Console

from bench import rehearsal, samples
from bench.figures import Target
from bench.report import table
from bench.running import Measurement, run
from bench.waiting import BenchError, Stop
from localcloud.ecs.announcements import Announcement
from tests.functional.account import BivouacAccount
from tests.functional.machines import Machines

HOUR, DAY, WEEK = 3600.0, 86_400.0, 7 * 86_400.0
UP, DOWN = 8 * HOUR, 19 * HOUR
WORKING_DAYS = 5
ENVIRONMENT = "hours"
HOLIDAY = "holiday"
"""Created for comparison."""


@dataclass
class TaskSeconds:
    """What Fargate bills: from the start of the pull until the task has stopped."""

    until: float
    """The end of the week; tasks that still run then are counted until then."""
    _since: dict[str, float] = field(default_factory=dict)
    _ended: float = 0.0

    def hear(self, announcement: Announcement) -> None:
        """A listener for the control plane's announcements."""
        detail, task = announcement.detail, announcement.resource
        if announcement.detail_type != "ECS Task State Change":
            return
        if (started := detail.get("pullStartedAt")) and detail["lastStatus"] != "STOPPED":
            self._since.setdefault(task, _seconds(started))
        if detail["lastStatus"] == "STOPPED" and task in self._since:
            stopped = min(_seconds(detail["stoppedAt"]), self.until)
            self._ended += max(0.0, stopped - self._since.pop(task))

    @property
    def total(self) -> float:
        running = sum(max(0.0, self.until - since) for since in self._since.values())
        return self._ended + running


def _seconds(text: str) -> float:
    return datetime.fromisoformat(text).timestamp()


@dataclass(frozen=True)
class Week:
    services: int
    created: float
    """Seconds from the start of the execution until it was proven."""
    fresh: float
    """The same for an equal environment that is created in the end."""
    woken: Sequence[float]
    asleep: Sequence[float]
    """Seconds until no task ran."""
    task_seconds: float
    always_on: float
    """Task-seconds of the same services without office hours."""

    @property
    def saved(self) -> float:
        return 1 - self.task_seconds / self.always_on

    @property
    def slowest_wake(self) -> float:
        return max(self.woken)


def play(services: int) -> Week:
    """One week, and a new create after it."""
    with rehearsal.aws_like_account() as account:
        monday = account.plane.clock.now()
        billed = TaskSeconds(until=monday + WEEK)
        account.plane.announcements.listen(billed.hear)
        machines = Machines(account, before_step=partial(_takes_time, account))

        def taken(what: Any, *given: Any) -> float:
            began = account.plane.clock.now()
            what(*given)
            return account.plane.clock.now() - began

        def until(moment: float) -> None:
            account.pass_time(moment - account.plane.clock.now())

        until(monday + UP)
        request = samples.environment(ENVIRONMENT, services) | {"lease": {"ttl": "7d"}}
        created = taken(machines.create, request, "monday")
        woken, asleep = [], []
        for day in range(WORKING_DAYS):
            if day:
                until(monday + day * DAY + UP)
                wake = {"wake": {"environment": ENVIRONMENT}}
                woken.append(taken(machines.create, wake, f"wake-{day}"))
            until(monday + day * DAY + DOWN)
            asleep.append(taken(machines.sleep, {"environment": ENVIRONMENT}, f"sleep-{day}"))
        until(monday + WEEK)
        task_seconds = billed.total
        fresh = taken(machines.create, samples.environment(HOLIDAY, services), "fresh")
        until_the_end = WEEK - UP - created
        return Week(services, created, fresh, woken, asleep, task_seconds, services * until_the_end)


def _takes_time(account: BivouacAccount, step: str) -> None:
    if step != "resume_execution":  # those run concurrently
        account.pass_time(rehearsal.FUNCTION_SECONDS)


def targets(weeks: Sequence[Week]) -> list[Target]:
    found = []
    for week in weeks:
        what = f"{week.services} service{'s' if week.services > 1 else ''}"
        found.append(
            Target(f"slowest wake / fresh create, {what}", week.slowest_wake / week.fresh, 1.0)
        )
    return found


def show(weeks: Sequence[Week], console: Console) -> None:
    made = table(
        "\nSeconds until proven, and until asleep",
        *("services", "first create", "fresh create", "wakes, slowest", "asleep, slowest"),
    )
    saved = table(
        f"\nTask-seconds of a week with {WORKING_DAYS} days of {(DOWN - UP) / HOUR:.0f} hours",
        *("services", "with office hours", "never asleep", "saved"),
    )
    for week in weeks:
        cells = (week.created, week.fresh, week.slowest_wake, max(week.asleep))
        made.add_row(str(week.services), *(f"{cell:.1f}" for cell in cells))
        counts = (f"{week.task_seconds:,.0f}", f"{week.always_on:,.0f}", f"{week.saved:.1%}")
        saved.add_row(str(week.services), *counts)
    console.print(made)
    console.print(saved)


def measure(sizes: Sequence[int], stop: Stop) -> list[Week]:
    """Raises BenchError, StoppedError."""
    weeks = rehearsal.in_parallel(partial(_nth, tuple(sizes)), len(sizes), stop)
    for week in weeks:
        if week.task_seconds <= 0:
            raise BenchError(f"{week.services} services ran no task in a week")
    return weeks


def _nth(sizes: Sequence[int], number: int) -> Week:
    return play(sizes[number])


def as_json(weeks: Sequence[Week]) -> Mapping[str, Any]:
    return {"weeks": [{**asdict(week), "saved": week.saved} for week in weeks]}


def main() -> int:
    """Exit code 0 only if every target is met."""
    parser = argparse.ArgumentParser(prog="python -m bench.office_hours", description=__doc__)
    parser.add_argument("--services", type=int, nargs="+", default=[1, 5])
    given = parser.parse_args()

    def measured(console: Console, stop: Stop) -> Measurement:
        weeks = measure(given.services, stop)
        show(weeks, console)
        return Measurement(targets(weeks), dict(as_json(weeks)))

    return run("office_hours", measured)


if __name__ == "__main__":
    sys.exit(main())
