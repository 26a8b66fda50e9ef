"""The stories that `make demo` tells (SCENARIO=...). Each is True if everything in it held."""

from __future__ import annotations

import copy
import json
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from demo.stage import Stage

Request = dict[str, Any]
Scenario = Callable[["Stage", Any], bool]

PUSHED_TAG = "demo"


def cycle(stage: Stage, request: Any) -> bool:
    """Created, proven, deleted."""
    known = stage.executions("DeleteEnvironment")
    created = stage.execute("CreateEnvironment", request, _name_of(request))
    if not created.succeeded:
        _clean_up(stage, known)
        return False
    if "proof" not in created.output:
        stage.screen.title("The plan (a dry run creates nothing)")
        stage.screen.line(json.dumps(created.output, indent=2))
        return True
    held = stage.proven(created)
    return _deleted(stage, created.output["environment"]) and held


def lifecycle(stage: Stage, request: Request) -> bool:
    """Created, redeployed by an image push, deleted at the end of its lease."""
    name = str(request["name"])
    request, repository, service = _from_own_registry(stage, request)
    stage.screen.line(
        f"The image of {service} is taken from the account's own registry, as "
        f"{repository}:{PUSHED_TAG}, and a push to it triggers a redeploy."
    )
    stage.cloud.push_image(repository, PUSHED_TAG)
    created = stage.execute("CreateEnvironment", request, name)
    if not created.succeeded or not stage.proven(created):
        return False

    before = stage.environment(name).deployments()
    known, children = stage.executions("RedeployEnvironment"), stage.executions("CreateEnvironment")
    stage.screen.title(f"Somebody pushes {repository}:{PUSHED_TAG} again")
    digest = stage.cloud.push_image(repository, PUSHED_TAG)
    stage.screen.line(f"ECR tells EventBridge of {digest}; the rule ImagePushed starts:")
    redeployment = stage.started("RedeployEnvironment", known)
    stage.screen.title("redeploy_environment, which is a create_environment of what it changes")
    redeployed = stage.follow(stage.started("CreateEnvironment", children), name)
    if not redeployed.succeeded or not stage.follow(redeployment).succeeded:
        return False
    held = stage.proven(redeployed)
    after, expires_at = stage.environment(name).deployments(), redeployed.output["expiresAt"]
    again = [each for each in after if after[each] != before.get(each)]
    stage.screen.line(
        f"Deployed again, of {', '.join(after)}: {', '.join(again)}. "
        f"The lease ends at {expires_at} instead of {created.output['expiresAt']}."
    )
    return _expired(stage, name, expires_at) and held and again == [service]


def office_hours(stage: Stage, request: Request) -> bool:
    """Created at its first up, put to sleep, woken, deleted."""
    name = str(request["name"])
    hours = {
        "timezone": "Europe/Berlin",
        "up": "cron(0 8 ? * MON-FRI *)",
        "down": "cron(0 19 ? * MON-FRI *)",
        "begin": "up",
    }
    request = {**request, "schedule": request.get("schedule", hours)}
    if not stage.execute("CreateEnvironment", request).succeeded:
        return False
    stage.screen.line(
        f"Nothing is made yet: {name} is up at {request['schedule']['up']} and down at "
        f"{request['schedule']['down']}, {request['schedule'].get('timezone', 'UTC')}."
    )
    if not _up(stage, name, "Monday morning: its first up creates it"):
        return False
    if not _down(stage, name):
        return False
    if not _up(stage, name, "The next morning: up"):
        return False
    return _deleted(stage, name)


SCENARIOS: Mapping[str, Scenario] = {
    "cycle": cycle,
    "lifecycle": lifecycle,
    "office-hours": office_hours,
}
"""By what SCENARIO says."""


def _name_of(request: Any) -> str | None:
    """None where the request does not even name one: it will be refused."""
    name = request.get("name") if isinstance(request, dict) else None
    return name if isinstance(name, str) and name else None


def _deleted(stage: Stage, environment: str) -> bool:
    content = {"environment": environment, "reason": "the demo is over"}
    deleted = stage.execute("DeleteEnvironment", content)
    if deleted.succeeded:
        stage.receipt(deleted)
    return deleted.succeeded


def _clean_up(stage: Stage, known: frozenset[str]) -> None:
    """A failed create starts its own deletion, unless the request says keep: show it."""
    if running := stage.executions("DeleteEnvironment") - known:
        stage.screen.title("delete_environment, started by the failure")
        deleted = stage.follow(min(running))
        if deleted.succeeded:
            stage.receipt(deleted)


def _expired(stage: Stage, name: str, expires_at: str) -> bool:
    """The lease's end, at once: its schedule fires as if it were due."""
    known = stage.executions("DeleteEnvironment")
    stage.screen.title(f"The lease ends at {expires_at}: the demo turns to that moment")
    stage.cloud.fire_schedule(f"{name}-expiry")
    stage.screen.title("delete_environment, started by the schedule")
    deleted = stage.follow(stage.started("DeleteEnvironment", known))
    if deleted.succeeded:
        stage.receipt(deleted)
    return deleted.succeeded


def _up(stage: Stage, name: str, title: str) -> bool:
    known, children = stage.executions("WakeEnvironment"), stage.executions("CreateEnvironment")
    stage.screen.title(title)
    stage.cloud.fire_schedule(f"{name}-up")
    waking = stage.started("WakeEnvironment", known)
    stage.screen.title("wake_environment, which is a create_environment of what is stored")
    woken = stage.follow(stage.started("CreateEnvironment", children), name)
    if not woken.succeeded or not stage.follow(waking).succeeded:
        return False
    return stage.proven(woken)


def _down(stage: Stage, name: str) -> bool:
    known = stage.executions("SleepEnvironment")
    stage.screen.title("The evening: down")
    stage.cloud.fire_schedule(f"{name}-down")
    stage.screen.title("sleep_environment, started by the schedule")
    asleep = stage.follow(stage.started("SleepEnvironment", known), name)
    if asleep.succeeded:
        stage.screen.line("No task runs. What it runs as, and how many, is in the record.")
    return asleep.succeeded


def _from_own_registry(stage: Stage, request: Request) -> tuple[Request, str, str]:
    """The request with its last service's image from a repository of the account; that
    repository's name, and the service's."""
    changed = copy.deepcopy(request)
    service = changed["services"][-1]
    repository = f"{changed['name']}-{service['serviceName']}".lower()
    account = stage.cloud.account
    registry = f"{account.account_id}.dkr.ecr.{account.region}.amazonaws.com"
    service["primaryContainer"]["image"] = f"{registry}/{repository}:{PUSHED_TAG}"
    changed["triggers"] = {"imagePush": [{"repository": repository, "tag": PUSHED_TAG}]}
    return changed, repository, str(service["serviceName"])
