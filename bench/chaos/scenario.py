"""The steps of a scenario: what people, pipelines, AWS and accidents do, one after the other.

Pure data, so that a scenario can be printed, drawn from a seed, and shrunk.
"""

from __future__ import annotations

import random
from collections.abc import Mapping
from dataclasses import dataclass, fields
from enum import StrEnum
from typing import Any

GOOD_IMAGES = ("chaos/app:1", "chaos/app:2")
CRASHES = "chaos/app:crashes"
MISSING = "chaos/app:missing"
BAD_IMAGES = (CRASHES, MISSING)
PUSHED_REPOSITORY, PUSHED_TAG = "chaos", "main"
"""The repository and the tag in the account's registry that environments may follow."""
REPOSITORY = "example/shop"
"""Where pull requests are."""


@dataclass(frozen=True)
class Service:
    name: str
    image: str = GOOD_IMAGES[0]
    """Empty: the image that is pushed to the account's registry."""
    count: int = 1
    health_check: bool = False
    text: int = 0
    """Characters of a value in its container's environment."""


@dataclass(frozen=True)
class Request:
    """A create's request without the environment's name."""

    services: tuple[Service, ...]
    edge: bool = False
    """The second service calls the first one."""
    in_order: bool = False
    """The second service is created once the first one is healthy."""
    on_failure: str = "delete"
    office_hours: bool = False
    pull_request: int | None = None

    @property
    def good(self) -> bool:
        """Nothing in it prevents READY."""
        return all(service.image not in BAD_IMAGES for service in self.services)

    def to_json(self, environment: str, registry: str) -> dict[str, Any]:
        """The input of create_environment; `registry` is the account's."""
        pushed = f"{registry}/{PUSHED_REPOSITORY}:{PUSHED_TAG}"
        request: dict[str, Any] = {
            "name": environment,
            "services": [_service(service, pushed) for service in self.services],
            "onFailure": self.on_failure,
        }
        triggers: dict[str, Any] = {}
        if any(not service.image for service in self.services):
            triggers["imagePush"] = [{"repository": PUSHED_REPOSITORY, "tag": PUSHED_TAG}]
        if self.pull_request is not None:
            triggers["pullRequest"] = {"repository": REPOSITORY, "number": self.pull_request}
        if triggers:
            request["triggers"] = triggers
        if self.edge:
            server, client = self.services[0].name, self.services[1].name
            request["connect"] = [{"from": client, "to": {"service": server}}]
        if self.in_order:
            first, second = request["services"][:2]
            depends = {"serviceName": first["serviceName"], "condition": "HEALTHY"}
            second["dependsOn"] = [depends]
        if self.office_hours:
            request["schedule"] = {
                "timezone": "UTC",
                "up": "cron(0 8 ? * MON-FRI *)",
                "down": "cron(0 19 ? * MON-FRI *)",
            }
        return request


def _service(service: Service, pushed: str) -> dict[str, Any]:
    container: dict[str, Any] = {"image": service.image or pushed, "containerPort": 80}
    if service.text:
        container["environment"] = [{"name": "TEXT", "value": _text(service)}]
    if service.health_check:
        container["healthCheck"] = {"command": ["CMD-SHELL", "true"], "interval": 5}
    return {
        "serviceName": service.name,
        "desiredCount": service.count,
        "primaryContainer": container,
    }


def _text(service: Service) -> str:
    """Compresses to a fifth of its size."""
    unlike = random.Random(service.name).randbytes(service.text // 10).hex()
    return unlike.ljust(service.text, "x")


class Fate(StrEnum):
    """What becomes of an event on its way."""

    ONCE = "once"
    TWICE = "twice"
    LATE = "late"
    LOST = "lost"


@dataclass(frozen=True)
class Step:
    """An event in one environment, which is named by its number in the scenario."""

    environment: int


@dataclass(frozen=True)
class Command(Step):
    """Somebody requests something: by starting an execution, or by an event with that fate."""

    event: Fate | None = None


@dataclass(frozen=True)
class Create(Command):
    request: Request = Request((Service("web"),))
    early: bool = False
    """It was meant before everything requested until now, and arrives late."""


@dataclass(frozen=True)
class Redeploy(Command):
    service: str = "web"
    image: str = GOOD_IMAGES[1]


@dataclass(frozen=True)
class Delete(Command):
    pass


@dataclass(frozen=True)
class ClosePullRequest(Command):
    """Always an event; `environment` is the pull request's number."""


@dataclass(frozen=True)
class Sleep(Command):
    pass


@dataclass(frozen=True)
class Wake(Command):
    pass


@dataclass(frozen=True)
class Extend(Command):
    ttl: str = "2d"


@dataclass(frozen=True)
class PushImage(Step):
    fate: Fate = Fate.ONCE


@dataclass(frozen=True)
class StopExecution(Step):
    """Somebody stops whatever runs for the environment."""


@dataclass(frozen=True)
class KillTask(Step):
    """A container of the environment ends by itself."""


@dataclass(frozen=True)
class ScaleByHand(Step):
    count: int = 0


@dataclass(frozen=True)
class DeleteServiceByHand(Step):
    pass


@dataclass(frozen=True)
class AddServiceByHand(Step):
    """Somebody adds their own service to the environment's cluster."""


@dataclass(frozen=True)
class AddNameByHand(Step):
    """Somebody registers their own name in the environment's namespace."""


@dataclass(frozen=True)
class DeregisterByHand(Step):
    """Somebody deregisters the task definition that a service runs."""


@dataclass(frozen=True)
class DeleteLogsByHand(Step):
    """Somebody deletes the log groups of the environment."""


@dataclass(frozen=True)
class DeleteClusterByHand(Step):
    """Somebody cleans up in the console: the services, and the cluster once it is empty."""


@dataclass(frozen=True)
class DeployAnotherStack(Step):
    """Somebody deploys Bivouac once more; its prefix is the beginning of our cluster's name."""


@dataclass(frozen=True)
class LoseSchedule(Step):
    pass


@dataclass(frozen=True)
class LoseRecord(Step):
    pass


class Accident(StrEnum):
    """Something that hits AWS calls, or the function that makes them."""

    THROTTLED = "throttled"
    UNAVAILABLE = "503"
    RESET = "reset"
    ANSWER_LOST = "answer lost"
    KILLED = "function killed"
    DENIED = "denied"


@dataclass(frozen=True)
class Fault(Step):
    """The next calls of functions that match `call` ("ecs:CreateService", "*:Put*"): after `skip`
    of them, `times` are hit."""

    call: str = "*"
    accident: Accident = Accident.THROTTLED
    skip: int = 0
    times: int = 1
    function: str = ""
    """Of this function only; empty: of any."""


class Obstacle(StrEnum):
    """What AWS puts in the way for a while, without failing a call of ours."""

    NO_CAPACITY = "Fargate has no capacity"
    NO_INTERFACE = "tasks get no network interface"
    NAMES_STAY = "ECS leaves names of deleted services in Cloud Map"
    LAMBDA_BUSY = "Lambda throttles invocations"


@dataclass(frozen=True)
class Hindered(Step):
    """Until everything comes to rest."""

    obstacle: Obstacle = Obstacle.NO_CAPACITY


@dataclass(frozen=True)
class ReadsLag(Step):
    seconds: float = 0.5


@dataclass(frozen=True)
class LoseEvents(Step):
    """AWS's own events (of tasks, deployments, executions) are lost from now on."""


@dataclass(frozen=True)
class Sweep(Step):
    pass


@dataclass(frozen=True)
class LeaseEnds(Step):
    """Days pass: the lease of every environment is over."""


@dataclass(frozen=True)
class DayPasses(Step):
    """Longer than most leases, and shorter than those that were extended."""


@dataclass(frozen=True)
class Settle(Step):
    """Nothing happens until everything has come to rest."""


@dataclass(frozen=True)
class Pause(Step):
    seconds: float = 0.3


class Trouble(StrEnum):
    """What happens to the end of a lease before the sweep comes."""

    DIES = "the deletion that it starts dies"
    FORGOTTEN = "its schedule is lost"


@dataclass(frozen=True)
class Scenario:
    seed: int
    steps: tuple[Step, ...]
    trouble: Trouble | None = None
    """At the end of the leases."""

    def without(self, first: int, count: int) -> Scenario:
        steps = self.steps[:first] + self.steps[first + count :]
        return Scenario(self.seed, steps, self.trouble)

    def described(self) -> list[str]:
        """A line for each step."""
        lines = [_described(step) for step in self.steps]
        if self.trouble:
            lines.append(f"(at the end of the lease {self.trouble})")
        return lines


def _described(step: Step) -> str:
    given: Mapping[str, Any] = {
        field.name: value
        for field in fields(step)
        if (value := getattr(step, field.name)) != field.default
    }
    return (
        f"{type(step).__name__}({', '.join(f'{name}={value!r}' for name, value in given.items())})"
    )
