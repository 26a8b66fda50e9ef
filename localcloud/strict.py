"""The strict control plane: ECS and Cloud Map by AWS's rules, in place of moto's.

Two ways to use it:

* `mock_account()` for tests in one process: moto's `mock_aws`, the seeded account, a clock that
  the test moves, and scripted tasks. No server, no thread.
* `install()` for a server, entered before the moto server starts.

What it changes in moto: the request handlers of ECS and Cloud Map are replaced, and those of the
services whose records it reads and writes (EC2, Logs, IAM) hold its lock, because moto's backends
are not thread-safe. The state of ECS and Cloud Map lives in the `ControlPlane`, not in moto's
backends, so moto's reset does not clear it.
"""

from __future__ import annotations

import contextlib
import functools
import os
import threading
from collections.abc import Callable, Iterator
from types import ModuleType
from typing import Any

import moto.ec2.urls
import moto.ecs.urls
import moto.iam.urls
import moto.logs.urls
import moto.servicediscovery.urls
from moto import backend_index, mock_aws
from moto.ecs.responses import EC2ContainerServiceResponse
from moto.servicediscovery.responses import ServiceDiscoveryResponse

from localcloud import account as accounts
from localcloud.account import Account
from localcloud.clock import Clock, ManualClock
from localcloud.cloudmap.registry import CloudMap
from localcloud.cloudmap.responses import CloudMapResponse
from localcloud.ecs.control_plane import Ecs
from localcloud.ecs.responses import EcsResponse
from localcloud.guarded_clock import GuardedClock
from localcloud.moto_changes.direct_calls import calls_are_direct
from localcloud.moto_changes.item_sizes import item_sizes_hold
from localcloud.moto_changes.lookups import lookups_are_kept
from localcloud.moto_changes.patching import all_patched, patched
from localcloud.network import Network, Reached, Refused, Route, Source
from localcloud.strict_response import Operation, StrictResponse
from localcloud.tasks.runtime import TaskRuntime
from localcloud.tasks.scripted import ScriptedRuntime
from localcloud.timings import TEST, Timings

_LOCKED_TOO = (moto.ec2.urls, moto.logs.urls, moto.iam.urls)
_PATH = "{0}/$"
_SERVICES = {
    *("cloudwatch", "dynamodb", "ec2", "ecs", "events", "iam", "lambda", "logs", "scheduler"),
    *("secretsmanager", "servicediscovery", "sqs", "ssm", "stepfunctions", "sts"),
}
_PATTERNS = [each for each in backend_index.backend_url_patterns if each[0] in _SERVICES]
"""For each request, moto tries one address after the other, and would register its 180 services
again for each account."""


class ControlPlane:
    """ECS, Cloud Map and the task network of one account, on one clock.

    `lock` guards all of it, and moto's EC2, Logs and IAM. It is held while a request is answered
    and while the clock's actions run, never while the task runtime is called.
    """

    def __init__(
        self, account: Account, clock: Clock, timings: Timings, runtime: TaskRuntime
    ) -> None:
        self.account = account
        self.clock = clock
        self.timings = timings
        self.runtime = runtime
        self.lock = threading.RLock()
        guarded = GuardedClock(clock, self.lock)
        self.network = Network(account)
        self.cloudmap = CloudMap(account, guarded, timings)
        self.ecs = Ecs(account, guarded, timings, self.network, self.cloudmap, runtime)
        self.announcements = self.ecs.announcements
        """What ECS sends to EventBridge; `listen` to it."""
        self.obstacles = self.ecs.obstacles
        """Obstacles that a test sets for services: no capacity, a quota, a lost clean-up..."""
        self.ready_moments = self.ecs.scheduler.ready_moments
        """By service ARN: (deployment id, epoch seconds) for each deployment that became ready.

        Ready: every desired task runs, is healthy if it declares a check, has its proxy, and is
        registered in Cloud Map."""
        self.gone_moments = self.ecs.scheduler.gone_moments
        """By ARN of a deleted service: epoch seconds when nothing of it was left."""

    def route(self, source: Source, ip: str, port: int) -> Route:
        """What a TCP connection from `source` to `ip` and `port` meets."""
        with self.lock:
            found = self.network.route(source, ip, port)
        if isinstance(found, Reached) and self.runtime.socket_of(found.private_ip, port) is None:
            return Refused()
        return found

    @property
    def read_lag(self) -> float:
        """Seconds by which DescribeTasks, ListTasks, DescribeServices and ListServices lag behind.

        Set by a test; 0 ends it.
        """
        return self.ecs.read_lag.seconds

    @read_lag.setter
    def read_lag(self, seconds: float) -> None:
        self.ecs.read_lag.seconds = seconds

    @property
    def endpoint_lag(self) -> float:
        """Seconds during which services that are created or deployed do not see a new Service
        Connect endpoint: their tasks never resolve it until they are deployed again.

        Set by a test; 0 ends it.
        """
        return self.ecs.connect.endpoint_lag

    @endpoint_lag.setter
    def endpoint_lag(self, seconds: float) -> None:
        with self.lock:
            self.ecs.connect.endpoint_lag = seconds

    @property
    def rolls_back_anew(self) -> bool:
        """Whether ECS rolls back by creating the last completed deployment again, which starts new
        tasks; otherwise that deployment takes over its running tasks at once. Public reports have
        both.

        Set by a test.
        """
        return self.ecs.scheduler.failures.rolls_back_anew

    @rolls_back_anew.setter
    def rolls_back_anew(self, anew: bool) -> None:
        with self.lock:
            self.ecs.scheduler.failures.rolls_back_anew = anew


@contextlib.contextmanager
def install(
    clock: Clock, timings: Timings, runtime: TaskRuntime, account: Account
) -> Iterator[ControlPlane]:
    """Puts the strict control plane of a seeded account in moto's place until the block ends.

    Enter it before the moto server starts, and after any reset of moto.
    """
    _check_patch_point(moto.ecs.urls, EC2ContainerServiceResponse)
    _check_patch_point(moto.servicediscovery.urls, ServiceDiscoveryResponse)
    plane = ControlPlane(account, clock, timings, runtime)
    tables = [m.url_paths for m in (moto.ecs.urls, moto.servicediscovery.urls, *_LOCKED_TOO)]
    before = [dict(table) for table in tables]
    moto.ecs.urls.url_paths[_PATH] = _bound(EcsResponse, plane, plane.ecs.operations())
    moto.servicediscovery.urls.url_paths[_PATH] = _bound(
        CloudMapResponse, plane, plane.cloudmap.operations()
    )
    for module in _LOCKED_TOO:
        for path, handler in module.url_paths.items():
            module.url_paths[path] = _holding(plane.lock, handler)
    try:
        yield plane
    finally:
        for table, handlers in zip(tables, before, strict=True):
            table.update(handlers)


@contextlib.contextmanager
def mock_account(
    timings: Timings = TEST,
    clock: Clock | None = None,
    runtime: TaskRuntime | None = None,
) -> Iterator[ControlPlane]:
    """Points boto3 in this process to a strict account of its own until the block ends.

    Without arguments the clock is a `ManualClock` (`plane.clock.advance(seconds)` lets time pass)
    and the runtime a `ScriptedRuntime` on it (`plane.runtime.script(image, ...)`). Services that no
    stack needs answer with 404.
    """
    clock = clock if clock is not None else ManualClock()
    runtime = runtime if runtime is not None else ScriptedRuntime(clock)
    environment = {
        "AWS_DEFAULT_REGION": accounts.REGION,
        "AWS_REGION": accounts.REGION,
        "MOTO_EC2_LOAD_DEFAULT_AMIS": "false",  # a thousand records that no task needs
    }
    with (
        all_patched((os.environ, name, value) for name, value in environment.items()),
        patched(backend_index, "backend_url_patterns", _PATTERNS),
        mock_aws(),
        lookups_are_kept(),
        item_sizes_hold(),
    ):
        try:
            with install(clock, timings, runtime, accounts.seed()) as plane, calls_are_direct():
                yield plane
        finally:
            runtime.close()
            accounts.forget()


def _check_patch_point(urls: ModuleType, response: type) -> None:
    """moto is pinned; says at once if another version is installed."""
    handler = getattr(urls, "url_paths", {}).get(_PATH)
    if getattr(handler, "__self__", None) is not response:
        raise RuntimeError(
            f"{urls.__name__} has no handler of {response.__name__} at {_PATH!r}: this version of "
            "moto is not the pinned one, or a strict control plane is already installed."
        )


def _bound(
    response: type[StrictResponse], plane: ControlPlane, operations: dict[str, Operation]
) -> Any:
    bound = type(
        response.__name__,
        (response,),
        {
            "__module__": response.__module__,
            "operations": operations,
            "lock": plane.lock,
            "region_served": plane.account.region,
        },
    )
    return bound.dispatch  # type: ignore[attr-defined]


def _holding(lock: threading.RLock, handler: Callable[..., Any]) -> Callable[..., Any]:
    @functools.wraps(handler)
    def hold(*args: Any, **kwargs: Any) -> Any:
        with lock:
            return handler(*args, **kwargs)

    # moto's server names its routes after the class that a handler is bound to.
    hold.__self__ = getattr(handler, "__self__", None)  # type: ignore[attr-defined]
    return hold
