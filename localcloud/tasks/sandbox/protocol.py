"""The JSON messages between the server and a task's sandbox.

Times are seconds, unless a name ends in `_ms`.
"""

from __future__ import annotations

from typing import Literal, NotRequired, TypedDict


class HealthPlan(TypedDict):
    """A container health check, already scaled to the local cloud's pace."""

    argv: list[str]
    interval: float
    timeout: float
    retries: int
    start_period: float


class ProcessPlan(TypedDict):
    name: str
    argv: list[str]
    env: dict[str, str]
    stop_timeout: float
    health: NotRequired[HealthPlan]
    depends_on: NotRequired[dict[str, str]]
    """By container: START, COMPLETE, SUCCESS or HEALTHY."""


class ProxyPlan(TypedDict):
    process: ProcessPlan
    ready_socket: str
    """Its admin socket: it is ready when GET /ready there answers 200."""


class ForwardPlan(TypedDict):
    """Connections to `listen` are forwarded to `to`; addresses as in `forward.py`."""

    listen: str
    to: str


class Plan(TypedDict):
    """The file with which the sandbox is started."""

    isolated: bool
    hostname: str
    replaced_files: dict[str, str]
    """Path inside the task -> file of the server that is shown there. Isolated only."""
    writable: list[str]
    """Directories that stay writable. Isolated only: everything else is read-only."""
    proxy: NotRequired[ProxyPlan]
    """Ready before the first container starts, stopped after the last one has ended."""
    containers: list[ProcessPlan]
    forwards: list[ForwardPlan]


STOP = b"stop\n"
"""The only line of the sandbox's input: end every process in order."""


class Started(TypedDict):
    """Every process runs and the proxy, if any, is ready."""

    event: Literal["started"]


class Unmet(TypedDict):
    """A container never starts, because one that must succeed first has failed."""

    event: Literal["unmet"]
    name: str
    dependency: str
    code: int


class Output(TypedDict):
    event: Literal["output"]
    name: str
    at_ms: int
    line: str


class Exited(TypedDict):
    event: Literal["exited"]
    name: str
    code: int
    """As a container runtime reports it: 128 + the signal that ended it."""
    reason: str | None


class Health(TypedDict):
    event: Literal["health"]
    name: str
    status: Literal["HEALTHY", "UNHEALTHY"]


class Failed(TypedDict):
    """The sandbox itself could not be set up; nothing was started."""

    event: Literal["failed"]
    reason: str


Event = Started | Unmet | Output | Exited | Health | Failed
