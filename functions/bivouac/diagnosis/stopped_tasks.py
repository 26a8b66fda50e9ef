"""Why a task stopped, which container failed first, and which stops are alike. Pure.

DescribeTasks shows a stopped task's reason, and an exit code or a reason of each container, but no
order in time; what failed first must be inferred. The ids name failure modes.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from bivouac.aws import ecs_answers
from bivouac.aws.ecs_answers import PROXY_CONTAINER_PREFIX
from bivouac.diagnosis import aws_messages
from bivouac.diagnosis.aws_messages import Category, Sign
from bivouac.json_types import Described

_FAILS_HEALTH_CHECKS = "Task failed container health checks"


@dataclass(frozen=True)
class Stop:
    """A failure of one task."""

    task: Described
    sign: Sign
    container: str
    """The one that failed first; empty if unknown."""
    evidence: tuple[str, ...]
    """The most significant first."""
    reason: str
    """Normalised reason, for grouping."""

    @property
    def kind(self) -> tuple[Sign, str, str]:
        """Equal for stops with the same cause. Each task's proxy has a name of its own."""
        proxy = self.container.startswith(PROXY_CONTAINER_PREFIX)
        return self.sign, PROXY_CONTAINER_PREFIX if proxy else self.container, self.reason


def on_purpose(task: Described) -> bool:
    """Whether someone, or the service scheduler as part of its work, stopped it (H06)."""
    return ecs_answers.is_ordered_stop(task) or ecs_answers.is_stopped_by_user(task)


def of_stopped(task: Described, definitions: Sequence[Described]) -> Stop:
    """Why a task stopped. `definitions`: its container definitions, if known."""
    return _stop(task, definitions, _reasons(task))


def of_unhealthy(task: Described, definitions: Sequence[Described]) -> Stop | None:
    """Why ECS will stop a running task; None unless a container fails its health check."""
    if unhealthy_container(task) is None:
        return None
    return _stop(task, definitions, [_FAILS_HEALTH_CHECKS])


def _stop(task: Described, definitions: Sequence[Described], reasons: Sequence[str]) -> Stop:
    sign = aws_messages.of_stop([*reasons, task.get("stopCode") or ""])
    container = _failing(task, definitions, sign)
    telling = sorted(reasons, key=lambda reason: not sign.pattern.search(reason))
    evidence = list(telling)
    if sign.category is Category.HEALTH_CHECK:
        evidence += _health_checks(definitions, container)
    exits = _exits(task, by_itself=sign.category not in _ENDED_BY_ECS)
    if sign.category is Category.EXIT:
        evidence = [told for name, told in exits if name == container] + evidence
        evidence += [told for name, told in exits if name != container]
        evidence += _waiting_for(definitions, container)
    else:
        evidence += [told for _, told in exits]
    if container.startswith(PROXY_CONTAINER_PREFIX):
        sign = aws_messages.PROXY_FAILED
        evidence.append(f"{container} is the Service Connect proxy, which ECS adds to the task")
    return Stop(task, sign, container, tuple(evidence), _normalised(telling[0]))


_ENDED_BY_ECS = (Category.HEALTH_CHECK, Category.CAPACITY)
"""Of stops in which ECS ends containers that would have gone on."""


def _reasons(task: Described) -> list[str]:
    texts = [task.get("stoppedReason"), *(c.get("reason") for c in task.get("containers", ()))]
    return [text for text in texts if text] or [task.get("stopCode") or "stopped without a reason"]


# --- alike ---------------------------------------------------------------------------------------

_VARYING = (
    (re.compile(r"arn:aws[\w-]*:[^\s'\"),]+"), "arn"),
    (re.compile(r"\b[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}\b|\b[0-9a-f]{8,}\b"), "id"),
    (re.compile(r"\d+"), "0"),
)
_COMPARED = 150
"""Characters. Fargate cuts long messages, at a length that depends on their variable parts."""


def _normalised(reason: str) -> str:
    """A reason without what varies from task to task: ids, addresses, ARNs, times, counts."""
    for pattern, instead in _VARYING:
        reason = pattern.sub(instead, reason)
    return reason[:_COMPARED]


def one_after_the_other(stops: Sequence[Stop]) -> bool:
    """Whether a later attempt failed like an earlier one (H11, H24).

    Tasks that ECS starts in parallel are one attempt: something that was still being created may
    have failed them all. A replacement is started once its predecessor has run or stopped, because
    ECS replaces an unhealthy task before it stops it."""
    if len(stops) < 2:
        return False
    created = [stop.task["createdAt"] for stop in stops if stop.task.get("createdAt")]
    started = [moment for stop in stops if (moment := _ran_or_stopped(stop.task))]
    if len(created) < len(stops) or len(started) < len(stops):
        return True
    return bool(max(created) >= min(started))


def _ran_or_stopped(task: Described) -> Any:
    return task.get("startedAt") or task.get("stoppingAt") or task.get("stoppedAt")


# --- containers ----------------------------------------------------------------------------------


def _failing(task: Described, definitions: Sequence[Described], sign: Sign) -> str:
    """The container that failed first.

    When one essential container ends, ECS stops the others, which end with 143, with 137 after
    their stop timeout, or with 0. If no container of the application failed, the proxy did, unless
    it ended with 0, as it does with its task (recorded in 2026). A container that another one needs
    to succeed counts as well, essential or not."""
    if sign.category is Category.HEALTH_CHECK:
        return _failing_its_check(task, definitions)
    for container in task.get("containers", ()):
        if container.get("exitCode") and _waiting_for(definitions, container["name"]):
            return str(container["name"])
    suspects = [
        (rank, ecs_answers.is_proxy(container), str(container["name"]))
        for container in task.get("containers", ())
        if _essential(container, definitions)
        and (rank := _suspicion(container)) is not None
        and not _ended_with_its_task(container)
    ]
    return min(suspects)[-1] if suspects else ""


def _ended_with_its_task(container: Described) -> bool:
    code, reason = container.get("exitCode"), container.get("reason")
    return ecs_answers.is_proxy(container) and code == 0 and not reason


def _waiting_for(definitions: Sequence[Described], container: str) -> list[str]:
    """The containers that start only once this one has succeeded."""
    return [
        f"container {definition['name']} starts only after {container} has ended with SUCCESS"
        for definition in definitions
        for needed in definition.get("dependsOn", ())
        if ecs_answers.waits_for_success(needed, container)
    ]


def _suspicion(container: Described) -> int | None:
    """The lower, the likelier it failed first; None if it did not end."""
    if container.get("reason"):
        return 0
    code = container.get("exitCode")
    if code is None:
        return None
    return {137: 2, 0: 3, 143: 4}.get(code, 1)


def _essential(container: Described, definitions: Sequence[Described]) -> bool:
    """Essential unless its definition says otherwise, as the proxy, which has none."""
    return all(
        definition.get("essential", True)
        for definition in definitions
        if definition["name"] == container["name"]
    )


def unhealthy_container(task: Described) -> Described | None:
    """The container of a task that is failing its health check now."""
    unhealthy = [c for c in task.get("containers", ()) if ecs_answers.is_unhealthy(c)]
    return min(unhealthy, key=lambda c: (ecs_answers.is_proxy(c), c["name"]), default=None)


def _failing_its_check(task: Described, definitions: Sequence[Described]) -> str:
    if container := unhealthy_container(task):
        return str(container["name"])
    checked = [definition["name"] for definition in definitions if definition.get("healthCheck")]
    return checked[0] if len(checked) == 1 else ""


def _health_checks(definitions: Sequence[Described], container: str) -> list[str]:
    """The checks that may have failed, as declared, with ECS's defaults."""
    return [
        f"container {definition['name']}: health check {' '.join(check['command'])} "
        f"(every {check.get('interval', 30)} s, {check.get('retries', 3)} retries, "
        f"startPeriod {check.get('startPeriod', 0)} s)"
        for definition in definitions
        if (check := definition.get("healthCheck")) and container in ("", definition["name"])
    ]


def _exits(task: Described, *, by_itself: bool) -> list[tuple[str, str]]:
    """Every container with an exit code, and the code in words, the likeliest cause first; without
    a proxy that ended with its task."""
    ended = [
        container
        for container in task.get("containers", ())
        if container.get("exitCode") is not None and not _ended_with_its_task(container)
    ]
    return [
        (
            container["name"],
            f"container {container['name']} exited with code {container['exitCode']}"
            + (f": {_meaning(container)}" if by_itself else " when ECS stopped the task"),
        )
        for container in sorted(ended, key=lambda c: (_suspicion(c) or 0, c["name"]))
    ]


def _meaning(container: Described) -> str:
    return aws_messages.exit_meaning(container["exitCode"], container.get("reason") or "")


def crashed_sidecars(task: Described, definitions: Sequence[Described]) -> list[str]:
    """Containers that are not essential and have failed: the task runs on without them."""
    return [
        f"container {container['name']}, which is not essential, exited with code {code}: "
        + aws_messages.exit_meaning(code, container.get("reason") or "")
        for container in task.get("containers", ())
        if (code := container.get("exitCode")) and not _essential(container, definitions)
    ]
