"""Scripted deployments: Bivouac and botocore's waiter poll the same ones, on one clock.

Everything is in this process: the strict account, and Bivouac's own functions called through their
handlers in the order of the state machines, as in its functional tests. Ten minutes take a tenth of
a second, and two runs of one story are the same.
"""

from __future__ import annotations

import json
import logging
import multiprocessing
import os
import random
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from functools import cache, partial
from typing import Any, TypeVar
from unittest import mock

import botocore.session
from botocore.waiter import SingleWaiterConfig, WaiterModel

# Powertools reads them when a function's module is first imported.
os.environ |= {
    "POWERTOOLS_SERVICE_NAME": "bivouac",
    "POWERTOOLS_METRICS_NAMESPACE": "Bivouac",
    "POWERTOOLS_METRICS_DISABLED": "true",
    "POWERTOOLS_LOG_LEVEL": "CRITICAL",
}

from bench.verdicts import Failure, Verdict, Word
from bench.waiting import Stop
from bivouac.errors import BivouacError
from localcloud.ecs.announcements import Announcement
from localcloud.strict import ControlPlane, mock_account
from localcloud.tasks.scripted import Script, ScriptsInTurn
from localcloud.timings import AWS_LIKE
from tests.functional import account as functional
from tests.functional.account import BivouacAccount
from tests.functional.machines import Machines, NotReadyError
from tests.functional.obstacles import Obstacle

T = TypeVar("T")
LIMIT = 1200.0
"""Seconds, of this machine's clock, for all stories of a measurement."""
ENVIRONMENT = "rehearsal"
CLUSTER = f"bivouac-{ENVIRONMENT}"
FUNCTION_SECONDS = 0.2
"""What each function of the machine takes."""
NO_VERDICT_AFTER = 1800.0
"""Seconds after which a create that still runs counts as endless."""


class _EndlessError(BaseException):
    """The create still runs: nothing in a function may catch this."""


@dataclass(frozen=True)
class Story:
    """What becomes of a deployment, and what disturbs its observers."""

    kind: str
    heals: bool
    """Whether the deployment becomes healthy: the right verdict in the end."""
    services: Sequence[dict[str, Any]]
    """Of the request."""
    scripts: Mapping[str, Script | ScriptsInTurn]
    """By image."""
    before: Sequence[dict[str, Any]] = ()
    """The services of an earlier request, which became healthy; empty: everything is new."""
    connect: Sequence[dict[str, Any]] = ()
    ready: str = "15m"
    """timeouts.ready."""
    read_lag: float = 0.0
    """Seconds by which DescribeServices and the like lag behind."""
    partial_for: float = 0.0
    """Seconds for which one of the services is now and then missing in DescribeServices."""
    at_zero: bool = False
    """Somebody sets the desired count to 0 once ECS has called the rollout FAILED."""
    disturbed: bool = False
    """Events come twice or not at all, and some without news come all the time."""
    before_services: Obstacle = lambda account: None
    """What somebody does when everything that the services need exists."""
    seed: int = 0


@dataclass(frozen=True)
class Played:
    """One story, and the verdicts about it."""

    story: Story
    ready_at: float | None
    """When the last service was truly ready, recorded by the control plane; None: never. Also None
    if the script says that it fails, although it may have been ready for a moment."""
    all_ready_at: float | None
    """The same whatever the script says."""
    bivouac: Verdict
    waiter: Verdict
    failures: tuple[Failure, ...]
    """In order."""
    deadline_at: float
    """When timeouts.ready has passed."""


# --- botocore's waiter ---------------------------------------------------------------------------


@cache
def _services_stable() -> SingleWaiterConfig:
    model = botocore.session.get_session().get_waiter_model("ecs")
    assert isinstance(model, WaiterModel)
    return model.get_waiter("ServicesStable")


@cache
def _waiters_client() -> Any:
    session: Any = botocore.session.get_session()
    return session.create_client("ecs", region_name="ap-northeast-1")


@dataclass
class Waiter:
    """services_stable: its own acceptors, delay and attempts, on the account's clock."""

    plane: ControlPlane
    services: Sequence[str]
    verdict: Verdict | None = None
    _began: float = 0.0
    _looks: int = 0

    def begin(self, after: float) -> None:
        self._began = self.plane.clock.now()
        self.plane.clock.call_later(after, self._look)

    def _look(self) -> None:
        config = _services_stable()
        self._looks += 1
        answer = _waiters_client().describe_services(cluster=CLUSTER, services=list(self.services))
        state = next((a.state for a in config.acceptors if a.matcher_func(answer)), "retry")
        if state != "retry":
            self._say("HEALTHY" if state == "success" else "FAILED")
        elif self._looks >= config.max_attempts:
            self._say("NONE")
        else:
            self.plane.clock.call_later(config.delay, self._look)

    def _say(self, word: Word) -> None:
        self.verdict = Verdict(word, self.plane.clock.now() - self._began, looks=self._looks)


# --- playing -------------------------------------------------------------------------------------


@dataclass
class _Stage:
    """One account while one story is played on it."""

    story: Story
    account: BivouacAccount
    draw: random.Random
    waiter: Waiter
    began: float | None = None
    """When the first call of the deployment in question was answered."""
    announced: list[Announcement] = field(default_factory=list)
    _machines: Machines = field(init=False)

    @property
    def plane(self) -> ControlPlane:
        return self.account.plane

    def now(self) -> float:
        return self.plane.clock.now()

    # --- disturbances ----------------------------------------------------------------------------

    def begins(self, **_: Any) -> None:
        """CreateService or UpdateService was answered."""
        if self.began is None:
            self.began = self.now()
            self.waiter.begin(self.draw.uniform(0.2, 1.5))
            if self.story.disturbed:
                self._tell_nothing_new()

    def cut(self, parsed: dict[str, Any], **_: Any) -> None:
        """DescribeServices' answer without one of the services."""
        late = self.began is None or self.now() > self.began + self.story.partial_for
        if not late and parsed.get("services") and self.draw.random() < 0.5:
            parsed["services"].pop(self.draw.randrange(len(parsed["services"])))

    def tells(self, event: dict[str, Any]) -> list[dict[str, Any]]:
        if not self.story.disturbed:
            return [event]
        return [event] * self.draw.choice((0, 1, 1, 2))

    def _tell_nothing_new(self) -> None:
        """Events that trigger a poll by themselves, so that times in between are judged too."""
        (name, *_) = self.waiter.services
        detail = {"eventType": "WARN", "eventName": "SERVICE_TASK_START_IMPAIRED"}
        self.account.announced(
            Announcement("ECS Service Action", self._arn(name), detail, self.now())
        )
        if self.now() < (self.began or 0.0) + 300:
            self.plane.clock.call_later(2.0, self._tell_nothing_new)

    def note_announcement(self, announcement: Announcement) -> None:
        self.announced.append(announcement)
        if (
            self.story.at_zero
            and announcement.detail.get("eventName") == "SERVICE_DEPLOYMENT_FAILED"
        ):
            name = announcement.resource.rpartition("/")[2]
            scale = partial(
                _waiters_client().update_service, cluster=CLUSTER, service=name, desiredCount=0
            )
            self.plane.clock.call_later(1.0, scale)

    # --- both observers --------------------------------------------------------------------------

    def bivouac(self, request: dict[str, Any]) -> Verdict:
        machines = Machines(self.account, before_step=self._before_step, tells=self.tells)
        self._machines = machines
        self.account.forget_calls()
        too_long = self.plane.clock.call_later(NO_VERDICT_AFTER, _give_up)
        try:
            machines.create(request, name="in-question")
        except _EndlessError:
            return self._said("NONE")
        except BivouacError as error:
            cause = json.dumps({"errorMessage": str(error)})
            return self._diagnosed({"failure": {"Error": type(error).__name__, "Cause": cause}})
        except NotReadyError as error:
            return self._diagnosed({"progress": error.progress})
        finally:
            too_long.cancel()
        return self._said("HEALTHY")

    def _diagnosed(self, failed: dict[str, Any]) -> Verdict:
        """As the machine does it; the categories are those that the record keeps."""
        record = self.account.records.find(ENVIRONMENT)
        assert record is not None
        held = {"environment": ENVIRONMENT, "generation": record.generation}
        self.account.invoke("diagnose_failure", {"state": {**held, **failed}, "tries": 0})
        item = self.account.client("dynamodb").get_item(
            TableName=functional.TABLE, Key={"environment": {"S": ENVIRONMENT}}
        )["Item"]
        failure = json.loads(item["failure"]["S"])
        verdicts = failure["verdicts"]
        more = [verdict["category"] for verdict in verdicts[1:]]
        evidence = [entry for verdict in verdicts for entry in verdict["evidence"]]
        step = verdicts[0]["next_step"] if verdicts else ""
        return self._said("FAILED", (failure["category"], *more), tuple(evidence), step)

    def _said(
        self,
        word: Word,
        categories: tuple[str, ...] = (),
        evidence: tuple[str, ...] = (),
        next_step: str = "",
    ) -> Verdict:
        looks = self.account.calls.count("ecs:DescribeServices")
        rounds = self._machines.states.count("create_services")
        at = self.now() - (self.began or 0.0)
        return Verdict(word, at, categories, evidence, looks, next_step, rounds)

    def _before_step(self, step: str) -> None:
        if step != "resume_execution":  # those run concurrently
            self.account.pass_time(FUNCTION_SECONDS)
        if step == "create_services" and self.began is None:
            self.story.before_services(self.account)
            self.plane.read_lag = self.story.read_lag

    def finish(self) -> Verdict:
        """Lets the waiter finish."""
        while self.waiter.verdict is None:
            self.account.pass_time(1.0)
        return self.waiter.verdict

    # --- the truth -----------------------------------------------------------------------------

    def ready_at(self) -> float | None:
        """The last service's first ready time since the deployment began."""
        began = self.began or 0.0
        moments = []
        for name in self.waiter.services:
            later = [
                moment
                for _, moment in self.plane.ready_moments.get(self._arn(name), ())
                if moment >= began
            ]
            if not later:
                return None
            moments.append(later[0])
        return max(moments) - began

    def failures(self) -> Iterator[Failure]:
        """The first announcement of each task that stopped although it should run, and each service
        action or deployment that is an ERROR or a WARN; without proof clients."""
        known: set[str] = set()
        for announcement in self.announced:
            if not self._is_ours(announcement):
                continue
            detail, at = announcement.detail, announcement.time - (self.began or 0.0)
            if announcement.detail_type != "ECS Task State Change":
                if detail.get("eventType") in ("ERROR", "WARN"):
                    yield Failure(at, str(detail["eventName"]))
            elif announcement.resource not in known and _failed(detail):
                known.add(announcement.resource)
                yield Failure(at, str(detail.get("stoppedReason", "an edge's container failed")))

    def _is_ours(self, announcement: Announcement) -> bool:
        group = announcement.detail.get("group", announcement.resource.rpartition("/")[2])
        return str(group).removeprefix("service:") in self.waiter.services

    def _arn(self, service: str) -> str:
        return self.plane.account.arn("ecs", f"service/{CLUSTER}/{service}")


def _give_up() -> None:
    raise _EndlessError


def _failed(task: Mapping[str, Any]) -> bool:
    reason = str(task.get("stoppedReason", ""))
    if task["desiredStatus"] == "STOPPED":
        return not reason.startswith(("Scaling activity", "Availability-zone rebalancing"))
    return any(container.get("exitCode") for container in task["containers"])


def play(story: Story) -> Played:
    """Both poll it until each has given a verdict."""
    with _stage(story) as stage:
        if story.before:
            Machines(stage.account).create(_request(story, story.before, ()))
            stage.account.pass_time(60.0)
        hold = stage.account.client("ecs").meta.events
        waiters = _waiters_client().meta.events
        with ExitStack() as hooks:
            for operation in ("CreateService", "UpdateService"):
                _hooked(hooks, hold, f"after-call.ecs.{operation}", stage.begins)
            if story.partial_for:
                for events in (hold, waiters):
                    _hooked(hooks, events, "after-call.ecs.DescribeServices", stage.cut)
            stage.plane.announcements.listen(stage.note_announcement)
            opened = stage.now()
            verdict = stage.bivouac(_request(story, story.services, story.connect))
            waited = stage.finish()
        return Played(
            story,
            stage.ready_at() if story.heals else None,
            stage.ready_at(),
            verdict,
            waited,
            tuple(stage.failures()),
            _seconds(story.ready) - ((stage.began or 0.0) - opened),
        )


def in_parallel(judge: Callable[[int], T], count: int, stop: Stop) -> list[T]:
    """`judge` of each number below `count`, in order; it must be a function of a module.

    Raises StoppedError."""
    with ProcessPoolExecutor(mp_context=multiprocessing.get_context("spawn")) as pool:
        waiting = [pool.submit(judge, number) for number in range(count)]
        try:
            stop.until(lambda: all(each.done() for each in waiting), "every story", LIMIT)
        except BaseException:
            pool.shutdown(cancel_futures=True)
            raise
        return [each.result() for each in waiting]


@contextmanager
def aws_like_account() -> Iterator[BivouacAccount]:
    """In AWS's times."""
    logging.getLogger("bivouac").setLevel(logging.CRITICAL)
    aws_like = partial(mock_account, AWS_LIKE)
    with (
        mock.patch.object(functional, "mock_account", aws_like),
        functional.bivouac_account() as account,
    ):
        yield account


@contextmanager
def _stage(story: Story) -> Iterator[_Stage]:
    with aws_like_account() as account:
        for image, script in story.scripts.items():
            account.runtime.script(image, script)
        names = [service["serviceName"] for service in story.services]
        waiter = Waiter(account.plane, names)
        yield _Stage(story, account, random.Random(story.seed), waiter)


def _hooked(hooks: ExitStack, events: Any, name: str, hook: Callable[..., None]) -> None:
    events.register(name, hook)
    hooks.callback(events.unregister, name, hook)


def _request(
    story: Story, services: Sequence[dict[str, Any]], connect: Sequence[dict[str, Any]]
) -> dict[str, Any]:
    request: dict[str, Any] = {
        "name": ENVIRONMENT,
        "services": list(services),
        "onFailure": "keep",
        "timeouts": {"ready": story.ready},
    }
    return request | ({"connect": list(connect)} if connect else {})


def _seconds(duration: str) -> float:
    return float(duration[:-1]) * {"s": 1, "m": 60, "h": 3600}[duration[-1]]


def service(name: str = "web", image: str = "app:1", count: int = 1, **more: Any) -> dict[str, Any]:
    """A service of a request; `container` among `more` goes into its container."""
    container = {"image": image, "containerPort": 80, **more.pop("container", {})}
    return {"serviceName": name, "desiredCount": count, "primaryContainer": container, **more}


HEALTH_CHECK = {
    "healthCheck": {"command": ["CMD-SHELL", "true"], "interval": 5, "retries": 1, "timeout": 2}
}
"""For a service's `container`."""


def breaker(rollback: bool) -> dict[str, Any]:
    """A service's deploymentConfiguration."""
    return {
        "deploymentConfiguration": {
            "deploymentCircuitBreaker": {"enable": True, "rollback": rollback},
            "maximumPercent": 200,
            "minimumHealthyPercent": 100,
        }
    }
