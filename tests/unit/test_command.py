"""What an input requests, and the request that results from it and the record."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from bivouac.commands.command import Resolved, asked, resolved
from bivouac.environment.intents import LIFECYCLE, Intent, Verb
from bivouac.environment.record import Record, Status, packed
from bivouac.environment.service_changes import Change, Changes, newest, redeployed
from bivouac.errors import EnvironmentNotFoundError, InvalidRequestError
from tests.requests import environment, web

Json = dict[str, Any]
NOON = datetime(2026, 1, 31, 12, tzinfo=UTC)
BASE = environment(web(), web(serviceName="api"))


def intent(minute: int) -> Intent:
    return Intent(NOON + timedelta(minutes=minute), f"intent-{minute}")


def change(minute: int, service: str = "web", **changes: Any) -> Change:
    return Change(service, intent(minute), **changes)


def record(*made: Change, good: Changes | None = None, **changes: Any) -> Record:
    """Created at noon, and redeployed; without `good` its first request was proven."""
    known = newest({}, made)
    return Record(
        **{
            "environment": "demo",
            "generation": 4,
            "status": Status.READY,
            "execution": "arn",
            "request_hash": "",
            "blueprint": {},
            "expires_at": "2030-01-01T00:00:00Z",
            "settle": False,
            "request": packed(redeployed(BASE, known)),
            "base_request": packed(BASE),
            "changes": known,
            "good_base_request": packed(BASE),
            "good_changes": good or {},
            "intents": {LIFECYCLE: intent(0)},
            **changes,
        }
    )


def means(content: Json, known: Record | None, minute: int = 30) -> Resolved:
    now = NOON + timedelta(minutes=minute)
    return resolved(asked(content, "execution", now.isoformat(), now), known)


def redeploy(*services: Json, minute: int | None = None, **more: Any) -> Json:
    given = {"environment": "demo", "services": list(services), **more}
    if minute is not None:
        given["intent"] = intent(minute).to_json()
    return {"redeploy": given}


def image_of(request: Json, service: str = "web") -> str:
    (found,) = [each for each in request["services"] if each["serviceName"] == service]
    return str(found["primaryContainer"]["image"])


class TestRedeploys:
    def test_a_redeploy_is_the_recorded_request_with_the_change(self) -> None:
        found = means(redeploy({"serviceName": "web", "image": "nginx:2"}), record())
        assert (found.outdated, found.based_on, found.base) == ("", 4, BASE)
        assert image_of(found.request) == "nginx:2"
        assert image_of(found.request, "api") == "nginx"

    def test_a_redeploy_includes_changes_in_progress(self) -> None:
        """It supersedes the execution that makes them."""
        running = record(change(1, "api", image="nginx:2"), status=Status.CREATING)
        found = means(redeploy({"serviceName": "web", "image": "nginx:3"}), running)
        assert image_of(found.request, "api") == "nginx:2"
        assert image_of(found.request) == "nginx:3"

    def test_a_redeploy_without_services_covers_all(self) -> None:
        found = means(redeploy(), record())
        assert [bool(each["redeployedFor"]) for each in found.request["services"]] == [True, True]

    @pytest.mark.parametrize("minute", [-1, 0])
    def test_a_redeploy_meant_before_the_creation_is_outdated(self, minute: int) -> None:
        assert "later creation" in means(redeploy(minute=minute), record()).outdated

    def test_a_repeated_redeploy_changes_nothing(self) -> None:
        again = redeploy({"serviceName": "web"}, minute=1)
        assert "were made before" in means(again, record(change(1))).outdated

    def test_a_rolled_back_redeploy_is_not_repeated(self) -> None:
        again = redeploy({"serviceName": "web", "image": "nginx:broken"}, minute=1)
        known = record(change(1, image="nginx:broken", void=True))
        assert "were made before" in means(again, known).outdated

    @pytest.mark.parametrize("status", [Status.DELETING, Status.NOT_DELETED, Status.DELETED])
    def test_a_redeploy_does_not_bring_back_a_deleted_environment(self, status: Status) -> None:
        with pytest.raises(EnvironmentNotFoundError, match="create it"):
            means(redeploy(), record(status=status))

    @pytest.mark.parametrize("status", [Status.ASLEEP, Status.SCHEDULED])
    def test_a_redeploy_of_a_sleeping_environment_is_planned(self, status: Status) -> None:
        """Opening it then only keeps the change."""
        found = means(redeploy({"serviceName": "web", "image": "nginx:2"}), record(status=status))
        assert image_of(found.request) == "nginx:2"

    def test_a_redeploy_for_another_generation_is_outdated(self) -> None:
        assert "took over from 3" in means(redeploy(generation=3), record()).outdated

    def test_a_redeploy_of_an_unknown_environment_is_an_error(self) -> None:
        with pytest.raises(EnvironmentNotFoundError, match="'demo' was ever created"):
            means(redeploy(), None)

    def test_every_problem_is_reported_at_once(self) -> None:
        with pytest.raises(InvalidRequestError) as refused:
            means(redeploy({"serviceName": "one"}, {"serviceName": "two"}), record())
        assert len(refused.value.problems) == 2


class TestRollBacks:
    BACK: Json = {"rollBack": {"environment": "demo", "generation": 4}}  # noqa: RUF012

    def test_a_rollback_voids_the_failed_change_and_keeps_the_proven_request(self) -> None:
        good = newest({}, [change(1, image="nginx:2"), change(2, "api")])
        known = record(
            change(1, image="nginx:2"),
            change(2, "api"),
            change(3, "api", image="nginx:broken"),
            good=good,
        )
        found = means(self.BACK, known)
        assert found.request == redeployed(BASE, good)
        assert found.base == BASE
        assert [each.void for each in found.changes["api"]] == [False, True]
        assert [each.void for each in found.changes["web"]] == [False]

    def test_a_rollback_restores_what_a_failed_create_replaced(self) -> None:
        other = packed(environment(web(), owner="another"))
        known = record(status=Status.FAILED, request=other, base_request=other)
        assert means(self.BACK, known).base == BASE

    def test_without_a_proven_request_there_is_no_rollback(self) -> None:
        assert "no other request" in means(self.BACK, record()).outdated
        assert "no other request" in means(self.BACK, record(good_base_request="")).outdated

    def test_a_rollback_after_a_takeover_is_superseded(self) -> None:
        assert "took over" in means(self.BACK, record(change(1), generation=5)).outdated


class TestCreates:
    def test_a_late_create_keeps_newer_redeploys(self) -> None:
        known = record(change(1, image="nginx:2"), change(9, image="nginx:3"))
        found = means({**BASE, "intent": intent(5).to_json()}, known)
        assert image_of(found.request) == "nginx:3"
        assert image_of(found.base) == "nginx"
        assert "intent" not in found.request

    def test_a_newer_create_is_used_unchanged(self) -> None:
        found = means(BASE, record(change(1, image="nginx:2")))
        assert (found.request, found.changes) == (BASE, {})


class TestInputs:
    @pytest.mark.parametrize(
        ("content", "message"),
        [
            ({"redeploy": "web"}, "redeploy: "),
            ({"redeploy": {"environment": "demo"}, "more": 1}, "no other field is allowed with it"),
            ({"redeploy": {"environment": "demo", "serivces": []}}, "redeploy.serivces: unknown"),
            (redeploy(intent={"id": "x"}), "redeploy.intent.at: required"),
            ({"rollBack": {}}, "rollBack.environment: required"),
            (redeploy(minute=999), "is in the future"),
        ],
    )
    def test_invalid_inputs_are_refused(self, content: Json, message: str) -> None:
        with pytest.raises(InvalidRequestError, match=message):
            means(content, record())

    def test_a_manual_start_is_meant_at_its_start_time(self) -> None:
        found = asked(redeploy(), "arn:execution", NOON.isoformat(), NOON)
        assert (found.verb, found.intent) == (Verb.REDEPLOY, Intent(NOON, "arn:execution"))
