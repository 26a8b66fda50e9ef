"""How often a deployment gets a wrong verdict: from Bivouac, and from botocore's services_stable
waiter.

Both poll the same scripted deployments on the same account at the same time, the waiter with its
own acceptors and pauses, Bivouac with its own functions. The script says what is right.
"""

from __future__ import annotations

import argparse
import os
import random
import sys
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, replace
from functools import partial
from typing import Any

from rich.console import Console

from bench.figures import Target
from bench.rehearsal import (
    CLUSTER,
    HEALTH_CHECK,
    Played,
    Story,
    breaker,
    in_parallel,
    play,
    service,
)
from bench.report import table
from bench.running import Measurement, run
from bench.verdicts import FALSE, RIGHT, Verdict, judged
from bench.waiting import Stop
from localcloud.account import SUBNET_IDS
from localcloud.ecs.obstacles import CAPACITY
from localcloud.tasks.scripted import (
    Script,
    exits,
    healthy,
    in_turn,
    pull_failed,
    runs,
    unhealthy,
)
from localcloud.timings import AWS_LIKE
from tests.functional.account import BivouacAccount

EACH = 9
"""Deployments of every kind."""
FEWEST = 200

SLACK = AWS_LIKE.registration
"""Seconds before a task is listed in Cloud Map during which only Bivouac can know of it."""

NOT_THERE = (
    "CannotPullContainerError: pull image manifest has been retried 1 time(s): failed to resolve "
    "ref docker.io/library/app:1: not found"
)
UNREACHABLE = (
    "CannotPullContainerError: pull image manifest has been retried 5 time(s): failed to do "
    "request: dial tcp 44.205.64.79:443: i/o timeout"
)
OUT_OF_MEMORY = "OutOfMemoryError: Container killed due to memory usage"

Drawn = random.Random
Kind = Callable[[Drawn], Story]


# --- the deployments -----------------------------------------------------------------------------


def _fresh(kind: str, heals: bool, script: Any, count: int = 1, **more: Any) -> Story:
    return Story(kind, heals, [service(count=count)], {"app:1": script}, **more)


def _checked(kind: str, heals: bool, script: Script, **more: Any) -> Story:
    return Story(kind, heals, [service(container=HEALTH_CHECK)], {"app:1": script}, **more)


def _updated(kind: str, heals: bool, script: Any, config: dict[str, Any], **more: Any) -> Story:
    """From a running version to one that follows the script."""
    new = [service(image="app:2", **config)]
    scripts = {"app:1": runs(), "app:2": script}
    return Story(kind, heals, new, scripts, before=[service(**config)], **more)


def _crash(draw: Drawn) -> Script:
    """Before it is registered: what was ready for a moment counts as ready."""
    return exits(draw.choice((1, 2, 139)), after=draw.uniform(0.2, 1.5))


def _healthy(draw: Drawn) -> Story:
    return _fresh("new, healthy", True, runs(draw.uniform(0, 5)), draw.randint(1, 3))


def _slow(draw: Drawn) -> Story:
    return _fresh("new, slow to start", True, runs(draw.uniform(60, 400)), draw.randint(1, 2))


def _healthy_late(draw: Drawn) -> Story:
    return _checked("new, its health check holds late", True, healthy(draw.uniform(5, 240)))


def _crashes_once(draw: Drawn) -> Story:
    script = in_turn(_crash(draw), runs())
    return _fresh("crashes once, then runs", True, script, draw.randint(1, 2))


def _crash_together(draw: Drawn) -> Story:
    first = _crash(draw)
    return _fresh("both tasks crash once, then run", True, in_turn(first, first, runs()), count=2)


def _crashes(draw: Drawn) -> Story:
    return _fresh("crashes for ever", False, _crash(draw), draw.randint(1, 3))


def _crashes_after_its_check(draw: Drawn) -> Story:
    """It runs for a while, and is never healthy."""
    script = replace(exits(1, after=draw.uniform(5, 20)), health=())
    return _checked("crashes before its health check holds", False, script)


def _memory_once(draw: Drawn) -> Story:
    script = in_turn(exits(137, after=draw.uniform(0.2, 1.5), reason=OUT_OF_MEMORY), runs())
    return _fresh("out of memory once", True, script)


def _unhealthy(draw: Drawn) -> Story:
    return _checked("its health check fails", False, unhealthy(draw.uniform(1, 20)))


def _not_pulled(draw: Drawn) -> Story:
    return _fresh("the image does not exist", False, pull_failed(NOT_THERE, draw.uniform(0, 5)))


def _pulled_later(draw: Drawn) -> Story:
    failed = [pull_failed(UNREACHABLE, draw.uniform(1, 5))] * draw.randint(1, 3)
    return _fresh("the registry answers after some tries", True, in_turn(*failed, runs()))


def _placed_later(draw: Drawn) -> Story:
    after = draw.uniform(10, 90)

    def no_capacity(account: BivouacAccount) -> None:
        account.plane.obstacles.refuse_placement("*", CAPACITY)
        account.plane.clock.call_later(after, account.plane.obstacles.clear)

    return _fresh("capacity comes late", True, runs(), before_services=no_capacity)


def _update(draw: Drawn) -> Story:
    return _updated("updated, healthy", True, runs(draw.uniform(0, 30)), {})


def _update_crashes_once(draw: Drawn) -> Story:
    script = in_turn(_crash(draw), runs())
    return _updated("updated, crashes once, then runs", True, script, breaker(rollback=True))


def _rolled_back(draw: Drawn) -> Story:
    return _updated(
        "updated, rolled back by the circuit breaker",
        False,
        pull_failed(UNREACHABLE, draw.uniform(0, 4)),
        breaker(rollback=True),
    )


def _update_crashes(draw: Drawn) -> Story:
    return _updated("updated, crashes", False, _crash(draw), breaker(rollback=False))


def _broken(draw: Drawn) -> Story:
    """By the circuit breaker: at once if the image is missing, late if it may still come."""
    new = [service(**breaker(rollback=False))]
    script = pull_failed(UNREACHABLE, draw.uniform(0, 4))
    return Story("new, failed by the circuit breaker", False, new, {"app:1": script})


def _at_zero(draw: Drawn) -> Story:
    return replace(_broken(draw), kind="FAILED, then desired count 0", at_zero=True)


def _missing(draw: Drawn) -> Story:
    lag = draw.uniform(2, 8)
    return replace(_healthy(draw), kind="MISSING just after create", read_lag=lag)


def _lagging(draw: Drawn) -> Story:
    return replace(_update(draw), kind="updated, read late", read_lag=draw.uniform(2, 8))


def _lagging_crash(draw: Drawn) -> Story:
    lag = draw.uniform(2, 8)
    return replace(_update_crashes(draw), kind="updated, crashes, read late", read_lag=lag)


def _partly(draw: Drawn) -> Story:
    names = ("web", "api", "backend")
    services = [service(name, f"{name}:1") for name in names]
    scripts = {f"{name}:1": runs(draw.uniform(0, 60)) for name in names}
    return Story("answers leave out a service", True, services, scripts, partial_for=120)


def _partly_crash(draw: Drawn) -> Story:
    return replace(
        _partly(draw),
        kind="answers leave out a service, one crashes",
        heals=False,
        scripts={"web:1": runs(), "api:1": _crash(draw), "backend:1": runs()},
    )


def _stopped_by_hand(draw: Drawn) -> Story:
    """Somebody stops tasks while the create waits for a slower service."""
    moments = sorted(draw.uniform(45, 150) for _ in range(draw.randint(1, 3)))

    def stop(account: BivouacAccount) -> None:
        ecs = account.client("ecs")
        for task in ecs.list_tasks(cluster=CLUSTER, serviceName="web")["taskArns"]:
            ecs.stop_task(cluster=CLUSTER, task=task, reason="looking into it")

    return _beside_a_slow_one("stopped by hand", draw, moments, stop, count=1)


def _scaled_by_hand(draw: Drawn) -> Story:
    """Somebody takes a task away, and gives it back."""
    counts = [1, 2]

    def scale(account: BivouacAccount) -> None:
        account.client("ecs").update_service(
            cluster=CLUSTER, service="web", desiredCount=counts.pop(0)
        )

    moments = (draw.uniform(45, 90), draw.uniform(120, 400))
    return _beside_a_slow_one("scaled by hand, and back", draw, moments, scale, count=2)


def _rebalanced(draw: Drawn) -> Story:
    """ECS moves tasks to a zone that had no capacity when they started."""
    zones: list[str] = []

    def without_a_zone(account: BivouacAccount) -> None:
        zones.append(account.plane.network.availability_zone(SUBNET_IDS[-1]))
        account.plane.obstacles.exhaust_capacity_in(zones[0])
        account.plane.clock.call_later(draw.uniform(30, 60), account.plane.obstacles.clear)

    balanced = {"availabilityZoneRebalancing": "ENABLED"}
    slow = service("slow", "slow:1")
    return Story(
        "rebalanced over zones",
        True,
        [service("web", "app:1", count=3, **balanced), slow],
        {"app:1": runs(), "slow:1": runs(draw.uniform(300, 400))},
        before_services=without_a_zone,
    )


def _beside_a_slow_one(
    kind: str,
    draw: Drawn,
    moments: Sequence[float],
    act: Callable[[BivouacAccount], None],
    count: int,
) -> Story:
    def later(account: BivouacAccount) -> None:
        for moment in moments:
            account.plane.clock.call_later(moment, partial(act, account))

    return Story(
        kind,
        True,
        [service("web", "app:1", count=count), service("slow", "slow:1")],
        {"app:1": runs(), "slow:1": runs(draw.uniform(200, 300))},
        before_services=later,
    )


KINDS: Sequence[Kind] = (
    _stopped_by_hand,
    _scaled_by_hand,
    _rebalanced,
    _healthy,
    _slow,
    _healthy_late,
    _crashes_once,
    _crash_together,
    _memory_once,
    _pulled_later,
    _placed_later,
    _crashes,
    _crashes_after_its_check,
    _unhealthy,
    _not_pulled,
    _broken,
    _at_zero,
    _update,
    _update_crashes_once,
    _update_crashes,
    _rolled_back,
    _missing,
    _lagging,
    _lagging_crash,
    _partly,
    _partly_crash,
)


def stories(seed: int, each: int) -> list[Story]:
    """The same for the same seed; every fourth one is disturbed."""
    made = []
    for number, kind in enumerate(KINDS):
        for repetition in range(each):
            draw = random.Random(f"{seed} {number} {repetition}")
            story = kind(draw)
            made.append(replace(story, seed=draw.randrange(1 << 30), disturbed=repetition % 4 == 1))
    return made


def _judgement(seed: int, each: int, number: int) -> Judgement:
    """The verdict about one story, in any process: its number identifies it."""
    return judgement(play(stories(seed, each)[number]))


# --- showing -------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Judgement:
    kind: str
    disturbed: bool
    heals: bool
    ready_at: float | None
    bivouac: Verdict
    bivouac_is: str
    waiter: Verdict
    waiter_is: str


def judgement(played: Played) -> Judgement:
    story = played.story
    return Judgement(
        story.kind,
        story.disturbed,
        story.heals,
        played.ready_at,
        played.bivouac,
        judged(played.bivouac, story.heals, played.ready_at, SLACK),
        played.waiter,
        judged(played.waiter, story.heals, played.ready_at, SLACK),
    )


def show(judgements: Sequence[Judgement], console: Console) -> None:
    made = table(
        "\nFalse verdicts by kind of deployment", "deployment", "in truth", "n", "looks",
        "Bivouac", "waiter", "the waiter",
    )  # fmt: skip
    for kind in dict.fromkeys(each.kind for each in judgements):
        of_kind = [each for each in judgements if each.kind == kind]
        words = Counter(each.waiter_is for each in of_kind if each.waiter_is != RIGHT)
        made.add_row(
            kind,
            "healthy" if of_kind[0].heals else "failed",
            str(len(of_kind)),
            str(sum(each.bivouac.looks for each in of_kind)),
            str(sum(each.bivouac_is in FALSE for each in of_kind) or ""),
            str(sum(each.waiter_is in FALSE for each in of_kind) or ""),
            ", ".join(f"{word} ({n})" for word, n in words.most_common()),
        )
    made.add_section()
    made.add_row(
        "all",
        "",
        str(len(judgements)),
        str(sum(each.bivouac.looks for each in judgements)),
        str(sum(each.bivouac_is in FALSE for each in judgements)),
        str(sum(each.waiter_is in FALSE for each in judgements)),
    )
    console.print(made)
    for each in judgements:
        if each.bivouac_is != RIGHT:
            console.print(
                f"Bivouac {each.bivouac_is}: {each.kind}, after {each.bivouac.at:.1f} s "
                f"(ready at {each.ready_at}): {'; '.join(each.bivouac.evidence[:2])}",
                highlight=False,
            )


def targets(judgements: Sequence[Judgement]) -> list[Target]:
    wrong = sum(each.bivouac_is != RIGHT for each in judgements)
    missing = max(0, FEWEST - len(judgements))
    return [
        Target("Bivouac's false or missing verdicts", wrong, 0),
        Target(f"deployments that {FEWEST} lacks", missing, 0),
    ]


def main() -> int:
    """Exit code 0 only if every target is met."""
    parser = argparse.ArgumentParser(prog="python -m bench.false_verdicts", description=__doc__)
    parser.add_argument("--each", type=int, default=EACH, help="deployments of every kind")
    parser.add_argument("--seed", type=int, default=1, help="of what is drawn (default 1)")
    given = parser.parse_args()

    def measured(console: Console, stop: Stop) -> Measurement:
        count = len(KINDS) * given.each
        console.print(f"{count} deployments, on {os.cpu_count()} processors")
        judgements = in_parallel(partial(_judgement, given.seed, given.each), count, stop)
        show(judgements, console)
        content: dict[str, Any] = {
            "seed": given.seed,
            "deployments": [asdict(each) for each in judgements],
        }
        return Measurement(targets(judgements), content)

    return run("false_verdicts", measured)


if __name__ == "__main__":
    sys.exit(main())
