"""The stories of `make demo` (SCENARIO=...). Each returns True if everything in it held."""

from __future__ import annotations

import copy
from collections.abc import Callable, Mapping
from functools import partial
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from demo.stage import Stage

Request = dict[str, Any]
Scenario = Callable[["Stage", str, Any], bool]

PUSHED_TAG = "demo"
FAILED = 1
"""The exit code of `bivouac up` for a failed create."""


def cycle(stage: Stage, file: str, request: Any) -> bool:
    """Created, proven, deleted."""
    ended = stage.run("up", file)
    if ended == FAILED and request.get("onFailure") != "keep":
        stage.say("A create that fails is deleted again, unless the request says keep")
        stage.run("wait", request["name"], "--for", "deleted")
    if ended or request.get("dryRun"):
        return not ended
    return stage.run("down", request["name"]) == 0


def lifecycle(stage: Stage, file: str, request: Request) -> bool:
    """Created, redeployed by an image push, deleted at the end of its lease."""
    request, repository, service = _from_own_registry(stage, request)
    name = str(request["name"])
    stage.say(
        f"{file}, with the image of {service} from the account's own registry, and a trigger: "
        f"a push to {repository}:{PUSHED_TAG} redeploys it"
    )
    stage.cloud.push_image(repository, PUSHED_TAG)
    if stage.run("up", stage.written(request)):
        return False
    before = _deployments(stage, name)
    stage.say(f"Somebody pushes {repository}:{PUSHED_TAG} again")
    stage.happens(name, lambda: stage.cloud.push_image(repository, PUSHED_TAG))
    if stage.run("wait", name):
        return False
    after = _deployments(stage, name)
    again = [each for each in after if after[each] != before[each]]
    stage.say(f"Deployed again, of {', '.join(after)}: {', '.join(again)}")
    stage.say(f"The lease ends: the demo turns to {stage.status(name)['expiresAt']}")
    stage.happens(name, lambda: stage.cloud.fire_schedule(f"{name}-expiry"))
    return stage.run("wait", name, "--for", "deleted") == 0 and again == [service]


def office_hours(stage: Stage, file: str, request: Request) -> bool:
    """Created at its first up, put to sleep, woken, deleted."""
    hours = {
        "timezone": "Europe/Berlin",
        "up": "cron(0 8 ? * MON-FRI *)",
        "down": "cron(0 19 ? * MON-FRI *)",
        "begin": "up",
    }
    request = {**request, "schedule": request.get("schedule", hours)}
    name = str(request["name"])
    stage.say(f"{file}, with office hours; nothing is made before the first up")
    if stage.run("up", stage.written(request)):
        return False
    for moment, schedule, wanted in (
        ("Monday morning: its first up creates it", "up", "ready"),
        ("The evening: down", "down", "asleep"),
        ("The next morning: up", "up", "ready"),
    ):
        stage.say(moment)
        stage.happens(name, partial(stage.cloud.fire_schedule, f"{name}-{schedule}"))
        if stage.run("wait", name, "--for", wanted):
            return False
    return stage.run("down", name) == 0


SCENARIOS: Mapping[str, Scenario] = {
    "cycle": cycle,
    "lifecycle": lifecycle,
    "office-hours": office_hours,
}
"""By what SCENARIO says."""


def _deployments(stage: Stage, name: str) -> dict[str, str]:
    """Their ids, by service."""
    return {each["name"]: each["deployment"] for each in stage.status(name)["services"]}


def _from_own_registry(stage: Stage, request: Request) -> tuple[Request, str, str]:
    """The request with its last service's image from a repository of the account; returns also that
    repository's name, and the service's."""
    changed = copy.deepcopy(request)
    service = changed["services"][-1]
    repository = f"{changed['name']}-{service['serviceName']}".lower()
    account = stage.cloud.account
    registry = f"{account.account_id}.dkr.ecr.{account.region}.amazonaws.com"
    service["primaryContainer"]["image"] = f"{registry}/{repository}:{PUSHED_TAG}"
    changed["triggers"] = {"imagePush": [{"repository": repository, "tag": PUSHED_TAG}]}
    return changed, repository, str(service["serviceName"])
