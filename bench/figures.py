"""What is compared: pure arithmetic on times and calls. All durations are seconds."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from statistics import mean
from typing import Any, Literal

from bench.calls import ApiCall
from localcloud.timings import Timings

WayName = Literal["AWS CLI", "Bivouac"]

MOST_MEAN_LAG = 3.0
"""Mean seconds from truly ready to proven that Bivouac may take."""
MOST_RATIO = 1.25
"""Time to proven that Bivouac may take, in floors."""


@dataclass(frozen=True)
class Step:
    """A state of the machine, or a command: where the time went."""

    name: str
    kind: str
    """Task, Wait, Choice... of a state; "command" of a command."""
    visits: int
    began_after: float
    """Since the start."""
    seconds: float
    """All visits together."""


@dataclass(frozen=True)
class Creation:
    """One environment, from its start until it has answered. Times are since the epoch."""

    way: WayName
    round: int
    pull: float
    """How long the image pull took in this round."""
    started_at: float
    ready_at: float
    """The true time, recorded by the local cloud: every task runs and is registered."""
    proven_at: float
    proof: float
    """How long the requests of its proof take alone."""
    calls: tuple[ApiCall, ...]
    transitions: int | None
    """Billed state transitions, retries included; None if there is no state machine."""
    steps: tuple[Step, ...]

    @property
    def seconds(self) -> float:
        return self.proven_at - self.started_at

    @property
    def before_services(self) -> float:
        """From the start until the last service was requested: nothing runs before."""
        last = max(call.at for call in self.calls if call.operation == "CreateService")
        return last - self.started_at

    @property
    def starting(self) -> float:
        """From then until they were truly ready, which depends only on ECS."""
        return self.seconds - self.before_services - self.lag

    @property
    def floor(self) -> float:
        """The fastest that this very run could have been, given when it started its tasks."""
        return self.ready_at - self.started_at + self.proof

    @property
    def lag(self) -> float:
        """Negative if the wait ended before the tasks were registered in Cloud Map."""
        return self.proven_at - self.ready_at


@dataclass(frozen=True)
class Deletion:
    """Times since the epoch."""

    round: int
    started_at: float
    gone_at: float
    """The true time, recorded by the local cloud: no task and no endpoint is left."""
    receipt_at: float
    calls: tuple[ApiCall, ...]
    transitions: int

    @property
    def seconds(self) -> float:
        return self.receipt_at - self.started_at

    @property
    def drain(self) -> float:
        return self.gone_at - self.started_at


def shortest_possible(timings: Timings, pull: float) -> float:
    """What nobody can beat: the waits that ECS itself imposes between CreateCluster and a
    registered task, without any time for calls, processes or the proof."""
    return timings.cluster_visible + _task(timings, pull)


def one_after_another(timings: Timings, pull: float) -> float:
    """The same if the namespace and the cluster's attachment are awaited, which passing the
    namespace by ARN, and not racing the cluster, requires."""
    return timings.namespace_operation + timings.cluster_attachment + _task(timings, pull)


def _task(timings: Timings, pull: float) -> float:
    return timings.placement + timings.provisioning + pull + timings.registration


@dataclass(frozen=True)
class Spread:
    mean: float
    best: float
    worst: float


def spread(values: Sequence[float]) -> Spread:
    return Spread(mean(values), min(values), max(values))


def percentile(values: Sequence[float], share: float) -> float:
    """The smallest value that at least `share` percent of all do not exceed (nearest rank)."""
    ordered = sorted(values)
    return ordered[max(0, math.ceil(len(ordered) * share / 100) - 1)]


@dataclass(frozen=True)
class Summary:
    """One way over all rounds."""

    way: WayName
    seconds: Spread
    before_services: Spread
    starting: Spread
    floor: Spread
    ratio: Spread
    """Time to proven / that run's own floor."""
    ratio_to_one_after_another: Spread
    ratio_to_shortest_possible: Spread
    lag: Spread
    calls: Spread
    calls_by_service: dict[str, float]
    """Mean."""
    transitions: Spread | None


def summarize(creations: Sequence[Creation], timings: Timings) -> Summary:
    """Of the creations of one way; there is at least one."""
    by_service = Counter(call.service for each in creations for call in each.calls)
    transitions = [each.transitions for each in creations if each.transitions is not None]
    return Summary(
        way=creations[0].way,
        seconds=spread([each.seconds for each in creations]),
        before_services=spread([each.before_services for each in creations]),
        starting=spread([each.starting for each in creations]),
        floor=spread([each.floor for each in creations]),
        ratio=spread([each.seconds / each.floor for each in creations]),
        ratio_to_one_after_another=spread(
            [each.seconds / one_after_another(timings, each.pull) for each in creations]
        ),
        ratio_to_shortest_possible=spread(
            [each.seconds / shortest_possible(timings, each.pull) for each in creations]
        ),
        lag=spread([each.lag for each in creations]),
        calls=spread([len(each.calls) for each in creations]),
        calls_by_service={
            service: count / len(creations) for service, count in by_service.most_common()
        },
        transitions=spread(transitions) if transitions else None,
    )


@dataclass(frozen=True)
class Target:
    name: str
    measured: float
    limit: float

    @property
    def met(self) -> bool:
        return self.measured <= self.limit


def targets(bivouac: Summary) -> list[Target]:
    return [
        Target("mean lag after the true ready moment, s", bivouac.lag.mean, MOST_MEAN_LAG),
        Target("time to proven / floor, worst round", bivouac.ratio.worst, MOST_RATIO),
    ]


@dataclass(frozen=True)
class StepShare:
    """A step's average duration in a round."""

    name: str
    kind: str
    visits: float
    began_after: float
    seconds: float


def shares(creations: Sequence[Creation]) -> list[StepShare]:
    """The steps of one way in the order of their beginning."""
    found: dict[str, list[Step]] = {}
    for each in creations:
        for step in each.steps:
            found.setdefault(step.name, []).append(step)
    rounds = len(creations)
    averages = [
        StepShare(
            name,
            steps[0].kind,
            sum(step.visits for step in steps) / rounds,
            mean(step.began_after for step in steps),
            sum(step.seconds for step in steps) / rounds,
        )
        for name, steps in found.items()
    ]
    return sorted(averages, key=lambda share: share.began_after)


def creation_as_json(creation: Creation) -> dict[str, Any]:
    """Every measured value, including every call."""
    return {
        **_rounded(asdict(creation)),
        "seconds": round(creation.seconds, 3),
        "beforeServices": round(creation.before_services, 3),
        "starting": round(creation.starting, 3),
        "floor": round(creation.floor, 3),
        "lag": round(creation.lag, 3),
        "calls": _calls_as_json(creation.calls, creation.started_at),
    }


def deletion_as_json(deletion: Deletion) -> dict[str, Any]:
    return {
        **_rounded(asdict(deletion)),
        "seconds": round(deletion.seconds, 3),
        "drain": round(deletion.drain, 3),
        "calls": _calls_as_json(deletion.calls, deletion.started_at),
    }


def _calls_as_json(calls: Sequence[ApiCall], started_at: float) -> list[dict[str, Any]]:
    return [
        {"after": round(call.at - started_at, 3), "call": f"{call.service}:{call.operation}"}
        for call in calls
    ]


def _rounded(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _rounded(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [_rounded(item) for item in value]
    return round(value, 3) if isinstance(value, float) else value
