"""Describe environments: one document about an environment, or a page about all."""

from __future__ import annotations

import json
from typing import Any

import pytest
from delete_proof_clients import delete_proof_clients

from bivouac import errors, times
from bivouac.environment import naming
from bivouac.environment.intents import Verb
from bivouac.environment.record import Status
from localcloud.account import SECURITY_GROUP_ID
from localcloud.tasks import scripted
from tests.functional.account import CREATE_MACHINE, SETTLED_SECONDS, BivouacAccount, execution
from tests.functional.machines import Machines, outcomes
from tests.parts import must_be
from tests.requests import connection, depends, environment, web

SECRET = "hunter2-and-nobody-else"
API = web(
    serviceName="api",
    primaryContainer={
        "image": "nginx",
        "containerPort": 8080,
        "environment": [{"name": "GREETING", "value": SECRET}],
    },
)
SHOP = environment(
    API,
    web(dependsOn=depends("api")),
    name="shop",
    owner="team-shop",
    tags={"costCenter": "482"},
    connect=[connection("web", "api")],
    triggers={"pullRequest": {"repository": "acme/shop", "number": 482}},
)


def rule(port: int, addresses: str) -> dict[str, Any]:
    ranges = [{"CidrIp": addresses}]
    return {"IpProtocol": "tcp", "FromPort": port, "ToPort": port, "IpRanges": ranges}


def only_the_vpc_reaches(account: BivouacAccount, port: int) -> None:
    account.client("ec2").authorize_security_group_ingress(
        GroupId=SECURITY_GROUP_ID, IpPermissions=[rule(port, "172.31.0.0/16")]
    )


def described(account: BivouacAccount, name: str = "shop") -> dict[str, Any]:
    document = account.invoke("describe_environments", {"environment": name})
    must_be("Document", document)
    return document


def listed(account: BivouacAccount, **question: Any) -> dict[str, Any]:
    page = account.invoke("describe_environments", question)
    must_be("Page", page)
    return page


def edge_states(document: dict[str, Any]) -> list[str]:
    return [edge["state"] for edge in document["edges"]]


def states(document: dict[str, Any]) -> list[tuple[str, str | None]]:
    return [(service["state"], service["because"]) for service in document["services"]]


def names(page: dict[str, Any]) -> list[str]:
    return [each["name"] for each in page["environments"]]


class TestReady:
    @pytest.fixture
    def shop(self, account: BivouacAccount) -> BivouacAccount:
        only_the_vpc_reaches(account, 8080)
        Machines(account).create(SHOP)
        account.forget_calls()
        return account

    def test_it_shows_owner_lease_and_proof(self, shop: BivouacAccount) -> None:
        document = described(shop)
        assert (document["name"], document["status"], document["doing"]) == ("shop", "READY", None)
        assert (document["owner"], document["tags"]) == ("team-shop", {"costCenter": "482"})
        assert document["triggers"]["pullRequest"]["number"] == 482
        assert (document["cluster"], document["namespace"]) == ("bivouac-shop", "bivouac-shop")
        assert document["createdAt"] < document["readyAt"] <= document["observedAt"]
        left = times.moment(document["expiresAt"]) - times.moment(document["observedAt"])
        assert document["secondsLeft"] == pytest.approx(left.total_seconds(), abs=1)
        (edge,) = document["edges"]
        assert (edge["from"], edge["to"], edge["alias"]) == ("web", "api:api", "api:8080")
        assert (edge["state"], edge["because"], edge["proven"]) == ("PROVEN", None, True)
        assert times.moment(edge["at"]) <= times.moment(document["readyAt"])
        assert (document["diagnosis"], document["receipt"]) == (None, None)

    def test_it_shows_the_running_tasks(self, shop: BivouacAccount) -> None:
        (api, _) = described(shop)["services"]
        assert (api["name"], api["state"], api["because"]) == ("api", "HEALTHY", None)
        assert (api["desired"], api["running"], api["healthy"]) == (1, 1, 1)
        assert api["deployment"].startswith("ecs-svc/")
        assert api["aliases"] == ["api:8080"]
        assert api["logGroup"] == "/bivouac-shop/api"
        (image,) = api["images"]
        assert (image["container"], image["image"]) == ("api", "nginx")
        assert image["digest"].startswith("sha256:")

    def test_it_shows_the_public_addresses(self, shop: BivouacAccount) -> None:
        """Everybody may reach port 80, and nobody 8080."""
        document = described(shop)
        (url,) = document["urls"]
        assert url["service"] == "web"
        assert url["url"].startswith("http://203.0.113.")
        assert url["url"].endswith(":80/")
        assert url["proven"] is True
        assert document["noUrlBecause"] is None

    def test_a_task_deployed_since_the_proof_is_not_proven(self, shop: BivouacAccount) -> None:
        shop.client("ecs").update_service(
            cluster="bivouac-shop", service="web", forceNewDeployment=True
        )
        shop.pass_time(SETTLED_SECONDS)
        document = described(shop)
        assert {url["proven"] for url in document["urls"]} == {False}
        assert [edge["proven"] for edge in document["edges"]] == [False]

    def test_it_shows_nothing_secret_and_changes_nothing(self, shop: BivouacAccount) -> None:
        document = json.dumps(described(shop))
        assert SECRET not in document
        assert "GREETING" not in document
        assert shop.mutating_calls == []

    def test_repeating_the_question_gives_the_same_answer(self, shop: BivouacAccount) -> None:
        assert described(shop) == described(shop)

    def test_its_life_began_once_however_often_it_is_created(self, shop: BivouacAccount) -> None:
        first = described(shop)
        shop.pass_time(60)
        Machines(shop).create(SHOP, "again")
        again = described(shop)
        assert again["createdAt"] == first["createdAt"]
        assert again["readyAt"] > first["readyAt"]

    def test_a_deleted_environment_shows_its_receipt_and_a_new_one_another_life(
        self, shop: BivouacAccount
    ) -> None:
        first = described(shop)
        Machines(shop).delete({"environment": "shop"})
        document = described(shop)
        assert (document["status"], document["expiresAt"]) == ("DELETED", None)
        assert {item["name"] for item in document["receipt"]["items"]} >= {"api", "web"}
        assert [service["state"] for service in document["services"]] == ["MISSING", "MISSING"]
        assert (
            document["noUrlBecause"] == "no task runs that could answer; the environment is DELETED"
        )
        Machines(shop).create(SHOP, "anew")
        assert described(shop)["createdAt"] > first["createdAt"]

    def test_a_second_deletion_keeps_the_receipt(self, shop: BivouacAccount) -> None:
        Machines(shop).delete({"environment": "shop"})
        first = described(shop)["receipt"]
        shop.pass_time(60)
        again = Machines(shop).delete({"environment": "shop"}, "again")
        assert outcomes(again)["service", "web"] == "ALREADY_GONE"
        assert described(shop)["receipt"] == first
        assert outcomes(first)["service", "web"] == "DELETED"
        Machines(shop).create(SHOP, "anew")
        assert described(shop)["receipt"] is None

    def test_a_sleeping_environment_has_no_addresses(self, shop: BivouacAccount) -> None:
        Machines(shop).sleep({"environment": "shop"})
        document = described(shop)
        assert document["status"] == "ASLEEP"
        assert {service["state"] for service in document["services"]} == {"STOPPED"}
        assert edge_states(document) == ["NOT_CALLED"]
        assert [edge["proven"] for edge in document["edges"]] == [False]
        assert (
            document["noUrlBecause"] == "no task runs that could answer; the environment is ASLEEP"
        )


def test_without_a_public_rule_it_says_what_admits_callers(account: BivouacAccount) -> None:
    account.client("ec2").revoke_security_group_ingress(
        GroupId=SECURITY_GROUP_ID, IpPermissions=[rule(80, "0.0.0.0/0")]
    )
    only_the_vpc_reaches(account, 80)
    Machines(account).create(environment())
    document = described(account, "demo")
    assert document["urls"] == []
    assert "no security group admits 0.0.0.0/0" in document["noUrlBecause"]
    assert "web:80" in document["noUrlBecause"]


def test_without_a_public_address_it_says_so(account: BivouacAccount) -> None:
    vpc = {"awsvpcConfiguration": {"assignPublicIp": "DISABLED"}}
    Machines(account).create(environment(web(networkConfiguration=vpc)))
    document = described(account, "demo")
    assert document["urls"] == []
    assert document["noUrlBecause"].startswith("its tasks have no public address")


def test_during_a_create_it_names_the_execution(account: BivouacAccount) -> None:
    arn = account.start_execution("shop-482", CREATE_MACHINE)
    account.holds(account.planned(SHOP), execution=arn)
    document = described(account)
    assert (document["status"], document["doing"]) == ("CREATING", "CREATE")
    held_by = document["execution"]
    assert (held_by["machine"], held_by["status"]) == ("create_environment", "RUNNING")
    assert held_by["consoleUrl"].startswith("https://ap-northeast-1.console.aws.amazon.com/states/")
    assert held_by["consoleUrl"].endswith(arn)
    assert states(document) == [
        ("MISSING", "not created yet"),
        ("MISSING", "waiting for api (HEALTHY)"),
    ]
    assert edge_states(document) == ["NOT_CALLED"]


class TestEdgesWhileItIsCreated:
    """P01: what a proof client's containers report before the record holds a proof."""

    def test_an_edge_stays_answered_after_its_client_is_deleted(
        self, account: BivouacAccount
    ) -> None:
        account.runtime.script("nginx", scripted.runs(after=20))
        expected = account.create(SHOP)
        account.holds(account.planned(SHOP))
        seen: list[str] = []
        while "ANSWERED" not in seen[-1:]:
            seen += edge_states(described(account))
            account.pass_time(1)
        assert list(dict.fromkeys(seen)) == ["CALLED", "ANSWERED"]
        assert [edge["proven"] for edge in described(account)["edges"]] == [False]

        clients = [entry.service_name for entry in expected]
        delete_proof_clients(account.planned(SHOP), clients, account.client("ecs"))
        for _ in range(3):
            assert edge_states(described(account)) == ["ANSWERED"]
            account.pass_time(SETTLED_SECONDS)

    def test_an_edge_whose_client_gave_up_says_why(self, account: BivouacAccount) -> None:
        account.plane.endpoint_lag = 1e6
        account.create(SHOP)
        account.holds(account.planned(SHOP))
        account.pass_time(3600)
        (edge,) = described(account)["edges"]
        assert edge["state"] == "FAILED"
        assert edge["because"] == "api:8080: the name does not resolve"

    def test_a_replaced_clients_result_does_not_count(self, account: BivouacAccount) -> None:
        """Its task resolved an older mesh."""
        account.create(SHOP)
        account.holds(account.planned(SHOP))
        account.pass_time(SETTLED_SECONDS)
        assert edge_states(described(account)) == ["ANSWERED"]
        account.client("ecs").update_service(
            cluster="bivouac-shop", service=naming.proof_service(1, 1), forceNewDeployment=True
        )
        assert edge_states(described(account)) == ["NOT_CALLED"]

    def test_the_stopped_tasks_are_read_only_once_the_client_is_deleted(
        self, account: BivouacAccount
    ) -> None:
        account.create(SHOP)
        account.holds(account.planned(SHOP))
        account.pass_time(SETTLED_SECONDS)
        account.forget_calls()
        described(account)
        assert account.calls.count("ecs:ListTasks") == account.calls.count("ecs:DescribeTasks") == 1
        assert account.calls.count("ecs:DescribeServices") == 1


def test_an_edge_that_a_diagnosis_names_says_why(account: BivouacAccount) -> None:
    evidence = ["web -> api:api: api:8080: the connection failed"]
    verdict = {"service": "web -> api:api", "category": "network", "evidence": evidence}
    account.holds(account.planned(SHOP))
    failure = {
        "error": "DeploymentFailedError",
        "category": "network",
        "cause": f"web -> api:api: network: {evidence[0]}",
        "verdicts": [{**verdict, "next_step": "Look."}],
    }
    account.records.finish("shop", 1, Status.FAILED, failure=failure)
    (edge,) = described(account)["edges"]
    assert (edge["state"], edge["because"]) == ("FAILED", "api:8080: the connection failed")


def test_every_edge_that_a_diagnosis_is_about_says_why(account: BivouacAccount) -> None:
    """The verdict names another one first; its evidence is for people alone."""
    seen = {"web -> api:api": "api:8080: the connection failed"}
    other = {"service": "other -> api:api", "category": "network", "next_step": ""}
    about = {**other, "evidence": ["web -> api:api: x"], "edges": seen}
    account.holds(account.planned(SHOP))
    failure = {"error": "NotProvenError", "category": "network", "cause": "network"}
    account.records.finish("shop", 1, Status.FAILED, failure={**failure, "verdicts": [about]})
    (edge,) = described(account)["edges"]
    assert (edge["state"], edge["because"]) == ("FAILED", "api:8080: the connection failed")


def test_a_pending_health_check_is_no_failure(account: BivouacAccount) -> None:
    """H20: its health is UNKNOWN until then."""
    check = {"command": ["CMD-SHELL", "true"]}
    container = {"name": "web", "image": "nginx", "healthCheck": check}
    definition = {"cpu": "256", "memory": "512", "containerDefinitions": [container]}
    account.runtime.script("nginx", scripted.healthy(after=300))
    account.create(environment({"serviceName": "web", "taskDefinition": definition}))
    account.pass_time(SETTLED_SECONDS)
    assert states(described(account, "demo")) == [
        ("STARTING", "its health check has not passed yet")
    ]
    account.pass_time(600)
    assert states(described(account, "demo")) == [("HEALTHY", None)]


def test_a_wake_is_called_waking(account: BivouacAccount) -> None:
    account.holds(account.planned(SHOP), verb=Verb.WAKE)
    assert described(account)["status"] == "WAKING"
    assert names(listed(account, status="WAKING")) == ["shop"]
    assert names(listed(account, status="CREATING")) == []


def test_a_service_that_does_not_start_says_why(account: BivouacAccount) -> None:
    account.runtime.script("nginx", scripted.never_starts())
    account.create(environment())
    account.pass_time(SETTLED_SECONDS)
    (service,) = described(account, "demo")["services"]
    assert (service["state"], service["because"]) == ("STARTING", "0 of 1 tasks running")


def test_what_ecs_adds_about_a_running_container_is_shown(account: BivouacAccount) -> None:
    account.runtime.script("nginx", scripted.runs(remark="a stand-in plays it"))
    account.create(environment())
    account.pass_time(SETTLED_SECONDS)
    (image,) = described(account, "demo")["services"][0]["images"]
    assert (image["image"], image["reason"]) == ("nginx", "a stand-in plays it")


def test_a_failure_is_shown_with_its_next_step(account: BivouacAccount) -> None:
    verdict = {"service": "web", "category": "container exit", "evidence": ["code 3"]}
    account.holds(account.planned(environment()))
    account.records.finish(
        "demo",
        1,
        Status.FAILED,
        failure={
            "error": "DeploymentFailedError",
            "category": "container exit",
            "cause": "web: container exit: code 3",
            "verdicts": [{**verdict, "next_step": "Read its log."}],
        },
    )
    document = described(account, "demo")
    assert document["diagnosis"] == {
        "error": "DeploymentFailedError",
        "category": "container exit",
        "cause": "web: container exit: code 3",
        "nextStep": "Read its log.",
        "verdicts": [{**verdict, "nextStep": "Read its log."}],
    }
    assert document["services"][0]["because"] == "container exit: code 3"


def test_an_unknown_environment_is_not_found(account: BivouacAccount) -> None:
    with pytest.raises(errors.EnvironmentNotFoundError, match="'shop' was ever created"):
        described(account)


class TestList:
    @pytest.fixture
    def five(self, account: BivouacAccount) -> BivouacAccount:
        """pr-1 to pr-5; the first is READY, and the second is another team's."""
        for number in range(1, 6):
            pull_request = {"repository": "acme/shop", "number": number}
            request = environment(
                name=f"pr-{number}",
                owner="team-cart" if number == 2 else "team-shop",
                triggers={"pullRequest": pull_request},
            )
            account.holds(account.planned(request), execution=execution(f"pr-{number}"))
        account.records.finish("pr-1", 1, Status.READY, readyAt=times.timestamp(account.now()))
        account.forget_calls()
        return account

    def test_a_list_is_one_query(self, five: BivouacAccount) -> None:
        page = listed(five)
        assert sorted(names(page)) == ["pr-1", "pr-2", "pr-3", "pr-4", "pr-5"]
        assert (page["nextToken"], page["observedAt"]) == (None, times.timestamp(five.now()))
        assert five.calls == ["dynamodb:Query"]

    def test_each_listed_environment_shows_its_record(self, five: BivouacAccount) -> None:
        (ready,) = listed(five, status="READY")["environments"]
        assert (ready["name"], ready["owner"], ready["doing"]) == ("pr-1", "team-shop", None)
        assert ready["triggers"]["pullRequest"]["number"] == 1
        assert ready["readyAt"] == times.timestamp(five.now())
        assert ready["expiresAt"] == "2030-01-01T00:00:00Z"
        assert ready["execution"]["arn"] == execution("pr-1")

    @pytest.mark.parametrize(
        ("question", "wanted"),
        [
            ({"status": "CREATING"}, ["pr-2", "pr-3", "pr-4", "pr-5"]),
            ({"owner": "team-cart"}, ["pr-2"]),
            ({"pullRequest": {"repository": "acme/shop", "number": 4}}, ["pr-4"]),
            ({"pullRequest": {"repository": "acme/cart", "number": 4}}, []),
            ({"owner": "team-cart", "status": "READY"}, []),
        ],
    )
    def test_filters_select_environments(
        self, five: BivouacAccount, question: dict[str, Any], wanted: list[str]
    ) -> None:
        assert sorted(names(listed(five, **question))) == wanted

    def test_pages_follow_each_other_to_the_end(self, five: BivouacAccount) -> None:
        seen: list[str] = []
        page = listed(five, limit=2)
        while True:
            assert len(page["environments"]) <= 2
            seen += names(page)
            if page["nextToken"] is None:
                break
            page = listed(five, limit=2, nextToken=page["nextToken"])
        assert sorted(seen) == ["pr-1", "pr-2", "pr-3", "pr-4", "pr-5"]

    def test_deleted_environments_are_not_listed(self, five: BivouacAccount) -> None:
        five.records.finish("pr-3", 1, Status.DELETED)
        assert "pr-3" not in names(listed(five))


@pytest.mark.parametrize(
    ("question", "problem"),
    [
        ({"environmnt": "shop"}, "environmnt: unknown field"),
        ({"environment": "Shop!"}, "environment: 'Shop!' is not an environment name"),
        ({"environment": "shop", "owner": "me"}, "owner: of a list, not of one environment"),
        ({"status": "GREEN"}, "status: must be one of"),
        ({"status": "DELETED"}, "ask for one by its name"),
        ({"limit": 0}, "limit: must be 1 to 100"),
        ({"limit": True}, "limit: must be a number"),
        ({"nextToken": "bWFkZSB1cA=="}, "nextToken: no page ended with it"),
        ({"nextToken": "?"}, "nextToken: no page ended with it"),
        ({"pullRequest": {"number": 4}}, "pullRequest.repository: required, but missing"),
        (
            {"pullRequest": {"repository": "a/b", "number": "4"}},
            "pullRequest.number: must be a number",
        ),
    ],
)
def test_an_invalid_question_is_refused(
    account: BivouacAccount, question: dict[str, Any], problem: str
) -> None:
    with pytest.raises(errors.InvalidRequestError) as refused:
        listed(account, **question)
    assert problem in str(refused.value)
    assert account.calls == []
