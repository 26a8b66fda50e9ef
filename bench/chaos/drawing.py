"""Draws a scenario from a seed. Pure: the same seed gives the same scenario."""

from __future__ import annotations

import random
from dataclasses import replace

from bench.chaos.scenario import (
    BAD_IMAGES,
    GOOD_IMAGES,
    Accident,
    AddNameByHand,
    AddServiceByHand,
    ClosePullRequest,
    Create,
    DayPasses,
    Delete,
    DeleteClusterByHand,
    DeleteLogsByHand,
    DeleteServiceByHand,
    DeployAnotherStack,
    DeregisterByHand,
    Extend,
    Fate,
    Fault,
    Hindered,
    KillTask,
    LeaseEnds,
    LoseEvents,
    LoseRecord,
    LoseSchedule,
    Obstacle,
    Pause,
    PushImage,
    ReadsLag,
    Redeploy,
    Request,
    ScaleByHand,
    Scenario,
    Service,
    Settle,
    Sleep,
    Step,
    StopExecution,
    Sweep,
    Trouble,
    Wake,
)

ENVIRONMENTS = 2
LONGEST = 7
"""Steps after the first create."""
PULL_REQUESTS = (7, 8)
TEXTS = (30_000, 45_000, 60_000)
"""Characters: a task definition has at most 64 KiB, and an execution four times that."""

FAULTY_CALLS = (
    "*",
    "ecs:*",
    "ecs:CreateService",
    "ecs:UpdateService",
    "ecs:DeleteService",
    "ecs:RegisterTaskDefinition",
    "ecs:CreateCluster",
    "ecs:DeleteCluster",
    "ecs:Describe*",
    "servicediscovery:*",
    "dynamodb:*",
    "dynamodb:UpdateItem",
    "scheduler:*",
    "events:PutEvents",
    "logs:*",
    "states:*",
)
DECIDING = ("CheckRequest", "OpenEnvironment", "CloseEnvironment")
"""Functions after which something holds that did not hold before."""
TIMES = (1, 1, 1, 2, 4, 12, 40)
"""How many consecutive calls are hit: one, or as many as outlast every retry."""


def drawn(seed: int) -> Scenario:
    draw = random.Random(seed)
    first = Create(0, _way(draw), _request(draw, likely_good=True))
    steps: list[Step] = [first]
    if draw.random() < 0.2:
        closed = ClosePullRequest(draw.choice(PULL_REQUESTS), Fate.ONCE)
        steps = [closed, _overtaken(first, closed) if draw.random() < 0.5 else first]
    if draw.random() < 0.75:
        steps.append(Settle(0))
    for _ in range(draw.randint(2, LONGEST)):
        steps += _next(draw, steps)
    trouble = draw.choice(tuple(Trouble)) if draw.random() < 0.3 else None
    return Scenario(seed, tuple(_narrowed(draw, step) for step in steps), trouble)


def _overtaken(create: Create, closed: ClosePullRequest) -> Create:
    """Its pull request was closed after it was meant, and the closing arrives first."""
    request = replace(create.request, pull_request=closed.environment)
    return replace(create, event=create.event or Fate.ONCE, request=request, early=True)


def _next(draw: random.Random, so_far: list[Step]) -> list[Step]:
    made: list[Step] = []
    if draw.random() < 0.35:
        made.append(_accident(draw))
    made.append(_asked(draw, so_far) if draw.random() < 0.7 else _by_hand(draw))
    match draw.randrange(10):
        case 0 | 1 | 2 | 3:
            made.append(Settle(0))
        case 4 | 5 | 6:
            made.append(Pause(0, draw.choice((0.1, 0.4, 0.8, 1.6, 3.0))))
    if draw.random() < 0.12:
        stopped = _environment(draw)
        made.append(StopExecution(stopped))
        made.append(Settle(0) if draw.random() < 0.5 else _once_more(draw, stopped))
    return made


def _once_more(draw: random.Random, environment: int) -> Step:
    """Whoever stops an execution starts the same one again at once."""
    return Create(environment, None, _request(draw, likely_good=True))


def _environment(draw: random.Random) -> int:
    """Mostly the first one: failures come from what meets in one environment."""
    return 0 if draw.random() < 0.8 else draw.randrange(ENVIRONMENTS)


def _way(draw: random.Random) -> Fate | None:
    if draw.random() < 0.6:
        return None
    return draw.choices(tuple(Fate), (5, 2, 2, 1))[0]


def _asked(draw: random.Random, so_far: list[Step]) -> Step:
    environment = _environment(draw)
    kind = draw.choices(
        ("create", "again", "redeploy", "delete", "close", "sleep", "wake", "extend", "push"),
        (16, 12, 14, 10, 8, 12, 10, 9, 6),
    )[0]
    way = _way(draw)
    created = [step for step in so_far if isinstance(step, Create)]
    match kind:
        case "create":
            early = way is not None and draw.random() < 0.3
            before = draw.choice(created)
            if draw.random() < 0.4:
                return Create(before.environment, way, _changed(draw, before.request), early)
            return Create(environment, way, _request(draw), early)
        case "again":
            before = draw.choice(created)
            return Create(before.environment, way, before.request)
        case "redeploy":
            image = draw.choice((*GOOD_IMAGES, *BAD_IMAGES))
            return Redeploy(environment, way, draw.choice(("web", "api")), image)
        case "delete":
            return Delete(environment, way)
        case "close":
            return ClosePullRequest(draw.choice(PULL_REQUESTS), way or Fate.ONCE)
        case "sleep":
            return Sleep(environment)
        case "wake":
            return Wake(environment)
        case "extend":
            return Extend(environment, way, draw.choice(("1h", "2d", "6d")))
    return PushImage(environment, way or Fate.ONCE)


def _by_hand(draw: random.Random) -> Step:
    environment = _environment(draw)
    kinds: tuple[tuple[Step, int], ...] = (
        (KillTask(environment), 4),
        (ScaleByHand(environment, draw.choice((0, 1, 3))), 5),
        (DeleteServiceByHand(environment), 3),
        (DeleteClusterByHand(environment), 3),
        (DeleteLogsByHand(environment), 2),
        (DeregisterByHand(environment), 2),
        (AddServiceByHand(environment), 4),
        (AddNameByHand(environment), 3),
        (Hindered(environment, draw.choice(tuple(Obstacle))), 4),
        (DayPasses(environment), 3),
        (DeployAnotherStack(environment), 2),
        (LoseSchedule(environment), 4),
        (LoseRecord(environment), 2),
        (Sweep(environment), 3),
        (LeaseEnds(environment), 3),
        (ReadsLag(environment, draw.choice((0.2, 1.0, 3.0))), 3),
        (LoseEvents(environment), 2),
    )
    return draw.choices([step for step, _ in kinds], [weight for _, weight in kinds])[0]


def _accident(draw: random.Random) -> Fault:
    return Fault(
        0,
        draw.choice(FAULTY_CALLS),
        draw.choice(tuple(Accident)),
        draw.choice((0, 0, 0, 1, 2, 5)),
        draw.choice(TIMES),
    )


def _narrowed(draw: random.Random, step: Step) -> Step:
    """Some accidents hit only one function, whatever it calls: once, or until it gives up."""
    if not isinstance(step, Fault) or draw.random() < 0.5:
        return step
    return replace(
        step, call="*", function=draw.choice(DECIDING), skip=0, times=draw.choice((1, 40))
    )


def _request(draw: random.Random, likely_good: bool = False) -> Request:
    bad = draw.random() < (0.1 if likely_good else 0.3)
    images = BAD_IMAGES if bad else (*GOOD_IMAGES, *GOOD_IMAGES, "")
    count = draw.choice((1, 1, 1, 2))
    services = [Service("web", draw.choice(images), count, draw.random() < 0.3)]
    if draw.random() < 0.5:
        services.append(Service("api", draw.choice(GOOD_IMAGES), draw.choice((1, 1, 2))))
    edge = len(services) == 2 and draw.random() < 0.6
    in_order = len(services) == 2 and draw.random() < 0.4
    if draw.random() < 0.08:
        text = draw.choice(TEXTS)
        services += [Service(f"text-{n}", text=text) for n in range(draw.randint(1, 4))]
    return Request(
        tuple(services),
        edge,
        in_order,
        draw.choice(("delete", "delete", "keep")),
        draw.random() < 0.1,
        draw.choice((None, None, *PULL_REQUESTS)),
    )


def _changed(draw: random.Random, request: Request) -> Request:
    """As people change a request: one part of it."""
    first, *others = request.services
    match draw.randrange(5):
        case 0 | 1 if others:
            return replace(request, edge=not request.edge)
        case 4 if others:
            return replace(request, services=(first,), edge=False, in_order=False)
        case 4:
            return replace(request, services=(first, Service("api")))
        case 2:
            changed = replace(first, count=3 - first.count)
        case _:
            changed = replace(first, image=draw.choice(GOOD_IMAGES))
    return replace(request, services=(changed, *others))
