"""What redeploys change in a request: the newest change of each service, in whatever order they
arrive."""

from __future__ import annotations

import random
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from bivouac.environment.intents import Intent
from bivouac.environment.service_changes import (
    Change,
    Changes,
    from_json,
    newest,
    problems,
    redeployed,
    rolled_back,
    to_json,
)
from tests.requests import environment, web

NOON = datetime(2026, 1, 31, 12, tzinfo=UTC)


def change(minute: int, service: str = "web", **changes: Any) -> Change:
    return Change(service, Intent(NOON + timedelta(minutes=minute), f"push-{minute}"), **changes)


def changes(*given: Change) -> Changes:
    return newest({}, given)


def given_definition(*names: str) -> dict[str, Any]:
    containers = [{"name": name, "image": f"{name}:1"} for name in names]
    return {"serviceName": "api", "taskDefinition": {"containerDefinitions": containers}}


def images(request: dict[str, Any]) -> list[str]:
    definition = request["services"][0]["taskDefinition"]
    return [container["image"] for container in definition["containerDefinitions"]]


def test_a_redeploy_sets_the_image_and_its_id() -> None:
    request = redeployed(environment(), changes(change(1, image="nginx:2")))
    service = request["services"][0]
    assert service["primaryContainer"] == {"image": "nginx:2", "containerPort": 80}
    assert service["redeployedFor"] == "push-1"


def test_the_original_request_does_not_change() -> None:
    request = environment()
    redeployed(request, changes(change(1, image="nginx:2")))
    assert request == environment()


def test_the_same_image_again_is_another_deployment() -> None:
    """ECS pins a tag to a digest, so a push under the same tag needs a deployment."""
    first, second = (redeployed(environment(), changes(change(n))) for n in (1, 2))
    assert first != second
    assert first["services"][0]["primaryContainer"] == web()["primaryContainer"]


def test_an_image_in_the_defaults_is_overridden_for_one_service() -> None:
    request = {
        "name": "demo",
        "defaults": {"primaryContainer": {"image": "nginx:1", "containerPort": 80}},
        "services": [{"serviceName": "web"}, {"serviceName": "api"}],
    }
    changed = redeployed(request, changes(change(1, image="nginx:2")))
    assert changed["services"][0]["primaryContainer"] == {"image": "nginx:2"}
    assert "primaryContainer" not in changed["services"][1]


def test_one_of_several_containers_gets_a_new_image() -> None:
    request = environment(given_definition("app", "sidecar"))
    changed = redeployed(request, changes(change(1, "api", image="app:2", container="app")))
    assert images(changed) == ["app:2", "sidecar:1"]


def test_another_definition_replaces_the_short_form() -> None:
    changed = redeployed(environment(), changes(change(1, task_definition="web:7")))
    assert changed["services"][0]["taskDefinition"] == "web:7"
    assert "primaryContainer" not in changed["services"][0]


@pytest.mark.parametrize(
    ("asked", "message"),
    [
        (change(1, "wbe"), "no service is named 'wbe' (services: api)"),
        (
            change(1, "api", image="x"),
            "say with container which image to replace, one of app, sidecar",
        ),
        (
            change(1, "api", image="x", container="ap"),
            "no container is named 'ap' (containers: app, sidecar)",
        ),
        (change(1, "api", image="x", task_definition="y"), "either image or taskDefinition"),
    ],
)
def test_an_impossible_change_is_reported_with_what_is_possible(
    asked: Change, message: str
) -> None:
    (problem,) = problems(environment(given_definition("app", "sidecar")), {}, [asked])
    assert message in problem


def test_all_problems_are_reported_at_once() -> None:
    asked = [change(1, "one"), change(1, "two"), change(1, "two")]
    assert len(problems(environment(), {}, asked)) == 4, "one of them is named twice"


def test_a_definition_replaces_a_default_short_form() -> None:
    request = {"defaults": {"primaryContainer": web()["primaryContainer"]}, "services": [web()]}
    assert problems(request, {}, [change(1, task_definition="web:7")])


def test_the_result_is_the_same_in_any_order_and_with_repetitions() -> None:
    """W01: an image, the same again after it, another container's image, a definition."""
    request = environment(given_definition("app", "sidecar"), web())
    given = [
        change(1, image="nginx:2"),
        change(2),
        change(3, "api", image="app:2", container="app"),
        change(4, "api", image="sidecar:2", container="sidecar"),
        change(5, "api"),
        change(6, "api", image="app:3", container="app"),
    ]
    for seed in range(100):
        seen = random.Random(seed).choices(given, k=6) + given
        random.Random(seed).shuffle(seen)
        known: Changes = {}
        for each in seen:
            known = newest(known, [each])
        changed = redeployed(request, known)
        assert images(changed) == ["app:3", "sidecar:2"]
        assert changed["services"][0]["redeployedFor"] == "push-6"
        assert changed["services"][1]["primaryContainer"]["image"] == "nginx:2"
        assert changed["services"][1]["redeployedFor"] == "push-2"
        assert [each.intent.id for each in known["api"]] == ["push-4", "push-6"]


def test_a_definition_overrides_earlier_changes_and_no_later_ones() -> None:
    definition = given_definition("app", "new")["taskDefinition"]
    known = changes(
        change(3, "api", image="new:2", container="new"),
        change(2, "api", task_definition=definition),
        change(1, "api", image="app:9", container="app"),
    )
    assert images(redeployed(environment(given_definition("app")), known)) == ["app:1", "new:2"]
    assert len(known["api"]) == 2


def test_one_redeploy_can_change_two_containers() -> None:
    asked = [change(1, "api", image=f"{name}:2", container=name) for name in ("app", "sidecar")]
    request = environment(given_definition("app", "sidecar"))
    assert problems(request, {}, asked) == []
    assert images(redeployed(request, changes(*asked))) == ["app:2", "sidecar:2"]


def test_a_creation_drops_earlier_changes() -> None:
    known = changes(change(1), change(3, "api"))
    assert newest(known, (), since=change(2).intent) == changes(change(3, "api"))


def test_a_rolled_back_change_is_remembered_and_not_repeated() -> None:
    broken = change(2, image="nginx:broken")
    known = rolled_back(changes(broken), good={})
    assert redeployed(environment(), known) == environment()
    assert newest(known, [broken]) == known


def test_a_rollback_keeps_earlier_proven_changes() -> None:
    good = changes(change(1, image="nginx:2"), change(2, "api"))
    known = rolled_back(newest(good, [change(3, image="nginx:broken")]), good)
    assert redeployed(environment(), known) == redeployed(environment(), good)


def test_a_change_meant_before_a_failed_redeploy_can_still_arrive() -> None:
    known = rolled_back(changes(change(3, image="nginx:broken")), good={})
    late = newest(known, [change(2, image="nginx:2")])
    changed = redeployed(environment(), late)
    assert changed["services"][0]["primaryContainer"]["image"] == "nginx:2"


def test_a_limited_number_of_failures_is_remembered() -> None:
    known: Changes = {}
    for minute in range(40):
        known = rolled_back(newest(known, [change(minute)]), good={})
    assert [each.intent.id for each in known["web"]] == [f"push-{n}" for n in range(30, 40)]


def test_changes_are_kept_as_json() -> None:
    kept = changes(change(1, image="nginx:2", container="web"), change(2))
    assert from_json(to_json(kept)) == kept
