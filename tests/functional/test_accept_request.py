"""Accept request: each event starts what it requests, once, or says why not."""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any, ClassVar

import pytest
from moto.events.models import EventPattern

from bivouac import errors
from bivouac.commands import events_in
from bivouac.environment.intents import LIFECYCLE, Intent, Verb
from bivouac.environment.record import Status, packed
from localcloud.account import ACCOUNT_ID, REGION
from tests.functional.account import (
    CREATE_MACHINE,
    DELETE_MACHINE,
    EXTEND_MACHINE,
    REDEPLOY_MACHINE,
    TABLE,
    BivouacAccount,
    execution,
    started_at,
)
from tests.localcloud.recordings import recording
from tests.requests import environment, web
from tests.template.declared import functions, resources

REGISTRY = f"{ACCOUNT_ID}.dkr.ecr.{REGION}.amazonaws.com"
MACHINES = {
    "create": CREATE_MACHINE,
    "redeploy": REDEPLOY_MACHINE,
    "delete": DELETE_MACHINE,
    "extend": EXTEND_MACHINE,
}
NOON = "2025-06-01T12:00:00Z"
LATER = "2025-06-01T13:00:00Z"
PUSH = {
    "result": "SUCCESS",
    "repository-name": "shop/api",
    "image-digest": "sha256:7f5b2640fe6fb4f46592dfd3410c4a79dac4f89e4782432e0378abcd1234",
    "action-type": "PUSH",
    "image-tag": "main",
}
PULL_REQUEST_CLOSED = {
    "event": "pullRequestStatusChanged",
    "pullRequestId": "7",
    "pullRequestStatus": "Closed",
    "repositoryNames": ["shop"],
}


def event(
    detail_type: str,
    detail: Any,
    *,
    at: str = LATER,
    who: str = "event-1",
    source: str = "bivouac.client",
) -> dict[str, Any]:
    """As EventBridge delivers it."""
    return {
        "version": "0",
        "id": who,
        "detail-type": detail_type,
        "source": source,
        "account": ACCOUNT_ID,
        "time": at,
        "region": REGION,
        "resources": [],
        "detail": detail,
    }


def pushed(at: str = LATER, who: str = "event-1", **changes: Any) -> dict[str, Any]:
    return event("ECR Image Action", {**PUSH, **changes}, at=at, who=who, source="aws.ecr")


def accepted(account: BivouacAccount, given: dict[str, Any]) -> list[str]:
    """The verbs of the executions that were started."""
    names: list[str] = account.invoke("accept_request", given)["started"]
    return [name.split("-")[-2] for name in names]


def started(account: BivouacAccount, verb: str) -> list[dict[str, Any]]:
    """The inputs of the executions of one machine."""
    client = account.client("stepfunctions")
    listed = client.list_executions(stateMachineArn=MACHINES[verb])["executions"]
    arns = [each["executionArn"] for each in listed if each["name"] != "of-another"]
    return [json.loads(client.describe_execution(executionArn=arn)["input"]) for arn in arns]


@pytest.fixture
def account(account: BivouacAccount) -> BivouacAccount:
    """With the machines, and an unrelated execution of each."""
    for machine in MACHINES.values():
        account.start_execution("of-another", machine)
    return account


def ready(account: BivouacAccount, request: dict[str, Any] | None = None, **changes: Any) -> None:
    """An environment that was created at noon."""
    request = request or environment()
    content = packed(request)
    account.holds(
        account.planned(request),
        **{
            "status": Status.READY,
            "request": content,
            "base_request": content,
            "intents": {LIFECYCLE: Intent.from_json({"at": NOON, "id": "created"})},
            **changes,
        },
    )


def api(image: str, **triggers: Any) -> dict[str, Any]:
    """An environment whose api runs the image; a push to shop/api:main redeploys it."""
    service = web(serviceName="api", primaryContainer={"image": image, "containerPort": 80})
    push = [{"repository": "shop/api", "tag": "main"}]
    return environment(web(), service, triggers={"imagePush": push, **triggers})


class TestRequests:
    def test_a_create_event_starts_a_create(self, account: BivouacAccount) -> None:
        assert accepted(account, event("EnvironmentRequested", {"request": environment()})) == [
            "create"
        ]
        (content,) = started(account, "create")
        intent = {"at": "2025-06-01T13:00:00+00:00", "id": "event-1"}
        assert content == {**environment(), "intent": intent}

    def test_a_redeploy_event_starts_a_redeploy(self, account: BivouacAccount) -> None:
        ready(account)
        services = [{"serviceName": "web", "image": "nginx:2"}]
        detail = {"environment": "demo", "services": services}
        assert accepted(account, event("RedeployRequested", detail)) == ["redeploy"]
        (content,) = started(account, "redeploy")
        assert content["services"] == services
        assert content["intent"]["id"] == "event-1"

    def test_a_teardown_event_starts_a_deletion(self, account: BivouacAccount) -> None:
        ready(account)
        detail = {"environment": "demo", "reason": "the review is over"}
        assert accepted(account, event("TeardownRequested", detail)) == ["delete"]
        assert started(account, "delete")[0]["reason"] == "the review is over"

    @pytest.mark.parametrize("end", [{"ttl": "8h"}, {"keep": True}])
    def test_an_extend_event_starts_an_extension(
        self, account: BivouacAccount, end: dict[str, Any]
    ) -> None:
        ready(account)
        detail = {"environment": "demo", "expectedExpiresAt": NOON, **end}
        assert accepted(account, event("LeaseExtensionRequested", detail)) == ["extend"]
        (content,) = started(account, "extend")
        assert {key: content[key] for key in detail} == detail

    def test_an_intent_in_the_detail_takes_precedence(self, account: BivouacAccount) -> None:
        """So that the record recognises it when the sender sends the same request again."""
        ready(account)
        intent = {"id": "build-7", "at": "2025-06-01T12:30:00Z"}
        detail = {"environment": "demo", "intent": intent}
        for who in ("event-1", "event-2"):
            assert accepted(account, event("RedeployRequested", detail, who=who)) == ["redeploy"]
        known = {"id": "build-7", "at": "2025-06-01T12:30:00+00:00"}
        assert [each["intent"] for each in started(account, "redeploy")] == [known, known]


class TestOnce:
    def test_the_same_event_starts_one_execution(self, account: BivouacAccount) -> None:
        """W01, W05."""
        ready(account)
        given = event("RedeployRequested", {"environment": "demo"})
        names = {tuple(account.invoke("accept_request", given)["started"]) for _ in range(4)}
        assert len(names) == 1
        assert len(started(account, "redeploy")) == 1

    def test_the_same_event_starts_nothing_after_that_execution_has_ended(
        self, account: BivouacAccount
    ) -> None:
        ready(account)
        given = event("RedeployRequested", {"environment": "demo"})
        (name,) = account.invoke("accept_request", given)["started"]
        arn = f"{REDEPLOY_MACHINE.replace(':stateMachine:', ':execution:')}:{name}"
        account.client("stepfunctions").stop_execution(executionArn=arn)
        account.invoke("accept_request", given)
        assert len(started(account, "redeploy")) == 1

    def test_the_longest_environment_name_fits_an_execution_name(
        self, account: BivouacAccount
    ) -> None:
        ready(account, {**environment(), "name": "e" * 40})
        given = event("RedeployRequested", {"environment": "e" * 40}, who="i" * 256)
        (name,) = account.invoke("accept_request", given)["started"]
        assert len(name) <= 80


class TestOutdated:
    @pytest.mark.parametrize(
        ("detail_type", "detail"),
        [
            ("EnvironmentRequested", {"request": environment()}),
            ("RedeployRequested", {"environment": "demo"}),
            ("TeardownRequested", {"environment": "demo"}),
            ("LeaseExtensionRequested", {"environment": "demo", "ttl": "8h"}),
        ],
    )
    def test_an_event_meant_before_the_last_creation_starts_nothing(
        self, account: BivouacAccount, detail_type: str, detail: dict[str, Any]
    ) -> None:
        ready(account)
        given = event(detail_type, detail, at="2025-06-01T11:59:59Z")
        assert account.invoke("accept_request", given) == {"status": "NOTHING", "started": []}

    def test_a_late_redeploy_of_a_deleted_environment_starts_nothing(
        self, account: BivouacAccount
    ) -> None:
        ready(account, status=Status.DELETED, verb=Verb.DELETE)
        given = event("RedeployRequested", {"environment": "demo"}, at="2025-06-01T11:00:00Z")
        assert accepted(account, given) == []

    def test_a_teardown_of_another_generation_starts_nothing(self, account: BivouacAccount) -> None:
        ready(account, generation=4)
        assert (
            accepted(account, event("TeardownRequested", {"environment": "demo", "generation": 3}))
            == []
        )

    def test_a_pull_request_closed_before_the_creation_deletes_nothing(
        self, account: BivouacAccount
    ) -> None:
        """The pull request was opened again."""
        ready(account, environment(triggers={"pullRequest": {"repository": "shop", "number": 7}}))
        detail = {"repository": "shop", "number": 7}
        assert (
            accepted(account, event("PullRequestClosed", detail, at="2025-06-01T11:00:00Z")) == []
        )


class TestPushedImages:
    def test_the_services_that_run_the_image_are_redeployed_once(
        self, account: BivouacAccount
    ) -> None:
        ready(account, api(f"{REGISTRY}/shop/api:main"))
        for _ in range(3):
            assert accepted(account, pushed()) == ["redeploy"]
        (content,) = started(account, "redeploy")
        assert content["services"] == [{"serviceName": "api"}]

    def test_every_environment_with_the_trigger_is_redeployed(
        self, account: BivouacAccount
    ) -> None:
        for name in ("one", "two"):
            ready(account, {**api(f"{REGISTRY}/shop/api:main"), "name": name})
        ready(account, environment(web(), name="three"))
        assert accepted(account, pushed()) == ["redeploy", "redeploy"]
        assert {content["environment"] for content in started(account, "redeploy")} == {
            "one",
            "two",
        }

    @pytest.mark.parametrize(
        "image",
        [
            f"{REGISTRY}/shop/api:1.2",
            f"{REGISTRY}/shop/api",
            f"{REGISTRY}/shop/api@sha256:{'a' * 64}",
            f"{REGISTRY}/shop/api/more:main",
            f"999999999999.dkr.ecr.{REGION}.amazonaws.com/shop/api:main",
            f"{ACCOUNT_ID}.dkr.ecr.eu-north-1.amazonaws.com/shop/api:main",
            "shop/api:main",
        ],
    )
    def test_another_image_redeploys_nothing(self, account: BivouacAccount, image: str) -> None:
        ready(account, api(image))
        assert accepted(account, pushed()) == []

    def test_an_image_without_a_tag_means_latest(self, account: BivouacAccount) -> None:
        push = [{"repository": "shop/api", "tag": "latest"}]
        ready(account, api(f"{REGISTRY}/shop/api", imagePush=push))
        assert accepted(account, pushed(**{"image-tag": "latest"})) == ["redeploy"]

    def test_an_environment_without_the_trigger_is_not_redeployed(
        self, account: BivouacAccount
    ) -> None:
        ready(account, api(f"{REGISTRY}/shop/api:main", imagePush=[]))
        assert accepted(account, pushed()) == []

    @pytest.mark.parametrize("status", [Status.DELETING, Status.NOT_DELETED, Status.SCHEDULED])
    def test_an_environment_that_does_not_run_is_not_redeployed(
        self, account: BivouacAccount, status: Status
    ) -> None:
        """At its next up, a scheduled environment starts with the tag's present image."""
        ready(account, api(f"{REGISTRY}/shop/api:main"), status=status)
        assert accepted(account, pushed()) == []


class TestUntaggedImages:
    """One push sends several events; those of untagged manifests have an empty tag (recorded in
    September 2025), and the guide's example of an untagged push has none."""

    @pytest.mark.parametrize("tag", ["", None, ...])
    def test_they_redeploy_nothing(self, account: BivouacAccount, tag: Any) -> None:
        given = pushed(**({} if tag is ... else {"image-tag": tag}))
        if tag is ...:
            del given["detail"]["image-tag"]
        account.forget_calls()
        assert account.invoke("accept_request", given) == {"status": "NOTHING", "started": []}
        assert account.calls == []

    def test_only_the_tagged_event_of_a_recorded_push_redeploys(
        self, account: BivouacAccount
    ) -> None:
        untagged, tagged = recording("ecr-image-action-push")
        received = datetime.fromisoformat(tagged["time"])
        assert events_in.read(untagged, received) is None
        read = events_in.read(tagged, received)
        assert isinstance(read, events_in.ImagePushed)
        assert (read.repository, read.tag) == ("soci-index-test-repo", "v4-soci")


def opened(account: BivouacAccount, meant: str, request: dict[str, Any]) -> str:
    given = {
        "environment": "demo",
        "plan": account.planned(request).to_json(),
        "instruction": account.instruction(request) | {"intent": {"id": "c", "at": meant}},
        "execution": execution("c"),
        "startedAt": started_at(account),
    }
    return str(account.invoke("open_environment", given)["status"])


class TestTornDownBeforeItsCreate:
    """It does not exist yet, which is what a teardown wants: no error, no retry."""

    TEARDOWN: ClassVar = {"environment": "demo"}

    def test_nothing_is_started(self, account: BivouacAccount) -> None:
        given = event("TeardownRequested", self.TEARDOWN)
        for _ in range(2):
            answer = account.invoke("accept_request", given)
            assert answer == {"status": "NOTHING", "started": []}

    def test_a_create_meant_before_it_creates_nothing(self, account: BivouacAccount) -> None:
        accepted(account, event("TeardownRequested", self.TEARDOWN, at=LATER))
        assert opened(account, NOON, environment()) == "OUTDATED"
        assert account.records.find("demo") is None
        assert account.armed() == {}

    def test_a_create_meant_later_creates(self, account: BivouacAccount) -> None:
        accepted(account, event("TeardownRequested", self.TEARDOWN, at=NOON))
        assert opened(account, LATER, environment()) == "OPEN"

    def test_the_later_of_two_teardowns_counts_in_either_order(
        self, account: BivouacAccount
    ) -> None:
        named = {"repository": "a/shop", "number": 7}
        request = environment(triggers={"pullRequest": named})
        accepted(account, event("PullRequestClosed", named, at=LATER))
        accepted(account, event("TeardownRequested", self.TEARDOWN, at=NOON))
        assert opened(account, "2025-06-01T12:30:00Z", request) == "OUTDATED"

    def test_other_environments_are_not_affected(self, account: BivouacAccount) -> None:
        accepted(account, event("TeardownRequested", {"environment": "demo-2"}))
        assert opened(account, NOON, environment()) == "OPEN"


class TestClosedBeforeItsCreate:
    """The create was meant before the pull request was closed, and arrives after it (W01)."""

    REQUEST: ClassVar = environment(triggers={"pullRequest": {"repository": "a/shop", "number": 7}})
    CLOSED: ClassVar = {"repository": "a/shop", "number": 7}

    def opened(self, account: BivouacAccount, meant: str, request: Any = None) -> str:
        return opened(account, meant, request or self.REQUEST)

    def test_the_create_creates_nothing(self, account: BivouacAccount) -> None:
        assert accepted(account, event("PullRequestClosed", self.CLOSED, at=LATER)) == []
        assert self.opened(account, NOON) == "OUTDATED"
        assert account.records.find("demo") is None
        assert account.armed() == {}

    def test_a_create_meant_later_creates(self, account: BivouacAccount) -> None:
        """The pull request was opened again."""
        accepted(account, event("PullRequestClosed", self.CLOSED, at=NOON))
        assert self.opened(account, LATER) == "OPEN"

    @pytest.mark.parametrize(
        "other",
        [{}, {"repository": "a/shop", "number": 8}, {"repository": "a/other", "number": 7}],
    )
    def test_other_pull_requests_are_not_affected(
        self, account: BivouacAccount, other: dict[str, Any]
    ) -> None:
        accepted(account, event("PullRequestClosed", self.CLOSED))
        request = environment(triggers={"pullRequest": other} if other else {})
        assert self.opened(account, NOON, request) == "OPEN"

    def test_the_later_of_two_closings_counts_in_either_order(
        self, account: BivouacAccount
    ) -> None:
        for at, who in ((LATER, "event-2"), (NOON, "event-1")):
            accepted(account, event("PullRequestClosed", self.CLOSED, at=at, who=who))
        assert self.opened(account, "2025-06-01T12:30:00Z") == "OUTDATED"

    def test_a_codecommit_event_can_name_several_repositories(
        self, account: BivouacAccount
    ) -> None:
        detail = {**PULL_REQUEST_CLOSED, "repositoryNames": ["other", "shop"]}
        source = "aws.codecommit"
        accepted(account, event("CodeCommit Pull Request State Change", detail, source=source))
        shop = {"repository": "shop", "number": 7}
        request = environment(triggers={"pullRequest": shop})
        assert self.opened(account, NOON, request) == "OUTDATED"

    def test_it_is_not_listed_as_an_environment(self, account: BivouacAccount) -> None:
        accepted(account, event("PullRequestClosed", self.CLOSED))
        assert account.records.names() == []
        assert account.records.listed() == []

    def test_it_is_forgotten_after_a_while(self, account: BivouacAccount) -> None:
        accepted(account, event("PullRequestClosed", self.CLOSED))
        (item,) = account.client("dynamodb").scan(TableName=TABLE)["Items"]
        goes = datetime.fromtimestamp(int(item["removeAt"]["N"]), UTC)
        assert goes - account.now() > timedelta(days=2), "longer than any event is delivered"
        specified = resources("AWS::DynamoDB::Table")["EnvironmentsTable"]["Properties"]
        assert specified["TimeToLiveSpecification"] == {
            "AttributeName": "removeAt",
            "Enabled": True,
        }


class TestClosedPullRequests:
    def test_our_own_event_closes_it(self, account: BivouacAccount) -> None:
        ready(account, environment(triggers={"pullRequest": {"repository": "a/shop", "number": 7}}))
        detail = {"repository": "a/shop", "number": 7}
        assert accepted(account, event("PullRequestClosed", detail)) == ["delete"]
        assert started(account, "delete")[0]["reason"] == "pull request a/shop#7 closed"

    def test_codecommits_event_closes_it(self, account: BivouacAccount) -> None:
        ready(account, environment(triggers={"pullRequest": {"repository": "shop", "number": 7}}))
        closed = event(
            "CodeCommit Pull Request State Change", PULL_REQUEST_CLOSED, source="aws.codecommit"
        )
        assert accepted(account, closed) == ["delete"]

    @pytest.mark.parametrize("status", [Status.DELETING, Status.NOT_DELETED])
    def test_a_closed_pull_request_also_ends_a_kept_schedule(
        self, account: BivouacAccount, status: Status
    ) -> None:
        """A down that deletes keeps the schedule, which also ends with the pull request."""
        pull_request = {"repository": "a/shop", "number": 7}
        ready(account, environment(triggers={"pullRequest": pull_request}), status=status)
        assert accepted(account, event("PullRequestClosed", pull_request)) == ["delete"]

    @pytest.mark.parametrize("named", [("shop", 8), ("shop2", 7)])
    def test_other_pull_requests_environments_stay(
        self, account: BivouacAccount, named: tuple[str, int]
    ) -> None:
        trigger = {"repository": named[0], "number": named[1]}
        ready(account, environment(triggers={"pullRequest": trigger}))
        detail = {"repository": "shop", "number": 7}
        assert accepted(account, event("PullRequestClosed", detail)) == []


class TestRefused:
    """Lambda retries what raises; then it goes to the undelivered events."""

    @pytest.mark.parametrize(
        ("detail_type", "detail"),
        [
            ("RedeployRequested", {"environment": "demo"}),
            ("LeaseExtensionRequested", {"environment": "demo", "keep": True}),
        ],
    )
    def test_a_redeploy_of_an_unknown_environment_is_an_error(
        self, account: BivouacAccount, detail_type: str, detail: dict[str, Any]
    ) -> None:
        """Its creation may be on the way."""
        with pytest.raises(errors.EnvironmentNotFoundError, match="demo"):
            accepted(account, event(detail_type, detail))

    def test_a_redeploy_after_the_deletion_is_an_error(self, account: BivouacAccount) -> None:
        ready(account, status=Status.DELETED, verb=Verb.DELETE)
        with pytest.raises(errors.EnvironmentNotFoundError, match="cannot bring it back"):
            accepted(account, event("RedeployRequested", {"environment": "demo"}))

    def test_extending_a_deleted_environment_is_an_error(self, account: BivouacAccount) -> None:
        ready(account, status=Status.DELETED, verb=Verb.DELETE)
        detail = {"environment": "demo", "ttl": "8h"}
        with pytest.raises(errors.EnvironmentNotFoundError, match="its lease is over"):
            accepted(account, event("LeaseExtensionRequested", detail))

    def test_redeploying_an_unknown_service_is_an_error(self, account: BivouacAccount) -> None:
        ready(account)
        detail = {"environment": "demo", "services": [{"serviceName": "wbe"}]}
        with pytest.raises(errors.InvalidRequestError, match="services: web"):
            accepted(account, event("RedeployRequested", detail))

    @pytest.mark.parametrize(
        ("detail_type", "detail", "problems"),
        [
            (
                "EnvironmentRequested",
                {"req": 1},
                ["detail.request: required", "detail.req: unknown"],
            ),
            (
                "EnvironmentRequested",
                {"request": {"name": "No", "services": []}, "intent": {"id": "x", "at": "noon"}},
                ["detail.request.name", "detail.request.services", "detail.intent.at"],
            ),
            (
                "RedeployRequested",
                {"services": [{"image": 3}], "more": 1},
                [
                    "detail.environment",
                    "services[0].serviceName",
                    "services[0].image",
                    "detail.more",
                ],
            ),
            (
                "TeardownRequested",
                {"environment": "demo", "generation": "3"},
                ["detail.generation"],
            ),
            ("LeaseExtensionRequested", {"environment": "demo"}, ["give either ttl"]),
            (
                "LeaseExtensionRequested",
                {"environment": "demo", "ttl": "8h", "keep": True},
                ["give either ttl"],
            ),
            ("PullRequestClosed", {"number": "7"}, ["detail.repository", "detail.number"]),
        ],
    )
    def test_all_problems_of_a_detail_are_reported_at_once(
        self,
        account: BivouacAccount,
        detail_type: str,
        detail: dict[str, Any],
        problems: list[str],
    ) -> None:
        with pytest.raises(errors.InvalidRequestError) as refused:
            accepted(account, event(detail_type, detail))
        assert [each for each in problems if each not in str(refused.value)] == []

    def test_an_intent_in_the_future_is_refused(self, account: BivouacAccount) -> None:
        detail = {"request": environment(), "intent": {"id": "x", "at": "2999-01-01T00:00:00Z"}}
        with pytest.raises(errors.InvalidRequestError, match="in the future"):
            accepted(account, event("EnvironmentRequested", detail))

    def test_an_event_that_no_rule_sends_is_an_error(self, account: BivouacAccount) -> None:
        with pytest.raises(errors.InvalidRequestError, match=r"'Else' of .* is not supported"):
            accepted(account, event("Else", {}))
        with pytest.raises(errors.InvalidRequestError, match="required, but missing"):
            account.invoke("accept_request", {"detail": {}})


class TestRules:
    RULES: Mapping[str, Any] = functions()["AcceptRequestFunction"]["Events"]

    def matching(self, given: dict[str, Any]) -> list[str]:
        def plain(content: Any) -> Any:
            if isinstance(content, dict):
                if "Ref" in content:
                    return ACCOUNT_ID
                return {name: plain(each) for name, each in content.items()}
            return [plain(each) for each in content] if isinstance(content, list) else content

        return [
            name
            for name, rule in self.RULES.items()
            if EventPattern(None, plain(rule["Properties"]["Pattern"])).matches_event(given)
        ]

    @pytest.mark.parametrize(
        ("given", "rule"),
        [
            (pushed(), "ImagePushed"),
            (
                event(
                    "CodeCommit Pull Request State Change",
                    PULL_REQUEST_CLOSED,
                    source="aws.codecommit",
                ),
                "PullRequestStateChange",
            ),
            (event("RedeployRequested", {}), "RedeployRequested"),
        ],
    )
    def test_each_event_matches_one_rule(self, given: dict[str, Any], rule: str) -> None:
        assert self.matching(given) == [rule]

    def test_a_failed_or_untagged_push_matches_no_rule(self) -> None:
        assert self.matching(pushed(result="FAILURE")) == []
        assert self.matching(pushed(**{"action-type": "DELETE"})) == []
        untagged = pushed()
        del untagged["detail"]["image-tag"]
        assert self.matching(untagged) == []
        assert self.matching(pushed(**{"image-tag": ""})) == []
        matched = [self.matching(each) for each in recording("ecr-image-action-push")]
        assert matched == [[], ["ImagePushed"]]

    def test_every_rule_has_a_dead_letter_queue(self) -> None:
        """W01, W22: `source` and `detail-type` are fixed; SAM makes a target of each."""
        for name, rule in self.RULES.items():
            properties = rule["Properties"]
            assert {"source", "detail-type"} <= set(properties["Pattern"]), name
            assert properties["DeadLetterConfig"] == {
                "Arn": {"Fn::GetAtt": ["UndeliveredEvents", "Arn"]}
            }, name
            assert "RetryPolicy" in properties, name
            ours = properties["Pattern"]["source"] == ["bivouac.client"]
            assert (properties.get("EventBusName") == {"Ref": "EventBus"}) is ours, name
