"""What redeploys change of a request: the newest change of each service, whatever comes first."""

from __future__ import annotations

import random
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from bivouac.intents import Intent
from bivouac.redeployment import Change, newest, problems, redeployed, voided
from tests.requests import environment, web

NOON = datetime(2026, 1, 31, 12, tzinfo=UTC)


def change(minute: int, service: str = "web", **changes: Any) -> Change:
    return Change(service, Intent(NOON + timedelta(minutes=minute), f"push-{minute}"), **changes)


def given_definition(*names: str) -> dict[str, Any]:
    containers = [{"name": name, "image": f"{name}:1"} for name in names]
    return {"serviceName": "api", "taskDefinition": {"containerDefinitions": containers}}


def images(request: dict[str, Any]) -> list[str]:
    definition = request["services"][0]["taskDefinition"]
    return [container["image"] for container in definition["containerDefinitions"]]


def test_a_new_image_and_the_mark_of_the_redeploy() -> None:
    request = redeployed(environment(), {"web": change(1, image="nginx:2")})
    service = request["services"][0]
    assert service["primaryContainer"] == {"image": "nginx:2", "containerPort": 80}
    assert service["redeployedFor"] == "push-1"


def test_the_request_itself_stays_as_it_was() -> None:
    request = environment()
    redeployed(request, {"web": change(1, image="nginx:2")})
    assert request == environment()


def test_the_same_again_is_another_deployment() -> None:
    """A tag is pinned to a digest by ECS, so what was pushed under it needs one."""
    first, second = (redeployed(environment(), {"web": change(n)}) for n in (1, 2))
    assert first != second
    assert first["services"][0]["primaryContainer"] == web()["primaryContainer"]


def test_an_image_in_the_defaults_is_overridden_for_one_service() -> None:
    request = {
        "name": "demo",
        "defaults": {"primaryContainer": {"image": "nginx:1", "containerPort": 80}},
        "services": [{"serviceName": "web"}, {"serviceName": "api"}],
    }
    changed = redeployed(request, {"web": change(1, image="nginx:2")})
    assert changed["services"][0]["primaryContainer"] == {"image": "nginx:2"}
    assert "primaryContainer" not in changed["services"][1]


def test_the_image_of_one_container_of_several() -> None:
    request = environment(given_definition("app", "sidecar"))
    changes = {"api": change(1, "api", image="app:2", container="app")}
    assert images(redeployed(request, changes)) == ["app:2", "sidecar:1"]


def test_another_definition_takes_the_place_of_the_short_form() -> None:
    changed = redeployed(environment(), {"web": change(1, task_definition="web:7")})
    assert changed["services"][0]["taskDefinition"] == "web:7"
    assert "primaryContainer" not in changed["services"][0]


@pytest.mark.parametrize(
    ("asked", "told"),
    [
        (change(1, "wbe"), "no service 'wbe'; there are api"),
        (change(1, "api", image="x"), "say whose image it is with container, one of app, sidecar"),
        (change(1, "api", image="x", container="ap"), "no container 'ap'; there are app, sidecar"),
        (change(1, "api", image="x", task_definition="y"), "either image or taskDefinition"),
    ],
)
def test_what_cannot_be_changed_is_told_with_what_could_be(asked: Change, told: str) -> None:
    (problem,) = problems(environment(given_definition("app", "sidecar")), [asked])
    assert told in problem


def test_all_problems_are_told_at_once() -> None:
    asked = [change(1, "one"), change(1, "two")]
    assert len(problems(environment(), asked)) == 2


def test_whatever_the_order_and_however_often_the_newest_of_each_service_holds() -> None:
    """W01."""
    pushed = [change(n, service) for n in range(1, 5) for service in ("web", "api")]
    for seed in range(50):
        seen = random.Random(seed).choices(pushed, k=3) + pushed
        random.Random(seed).shuffle(seen)
        known: dict[str, Change] = {}
        for each in seen:
            known = newest(known, [each], since=None)
        assert known == {"web": change(4), "api": change(4, "api")}


def test_what_came_before_a_creation_is_over_with_it() -> None:
    known = {"web": change(1), "api": change(3, "api")}
    assert newest(known, (), since=change(2).intent) == {"api": change(3, "api")}


def test_what_was_rolled_back_is_known_and_not_made_again() -> None:
    known = voided({"web": change(2, image="nginx:broken")})
    assert redeployed(environment(), known) == environment()
    assert newest(known, [change(2, image="nginx:broken")], since=None) == known
    assert newest(known, [change(1, image="nginx:older")], since=None) == known


def test_a_change_is_kept_as_json() -> None:
    kept = change(1, image="nginx:2", container="web")
    assert Change.from_json(kept.to_json()) == kept
