"""Waiting until an environment has gone: what is awaited, what is polled, and when it ends."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from typing import Any

import boto3
import pytest
from botocore.exceptions import WaiterError
from botocore.stub import Stubber
from delete_cluster import delete_cluster
from delete_log_groups import delete_log_groups
from delete_namespace import delete_namespace
from delete_services import delete_services
from delete_task_definitions import delete_task_definitions

from bivouac import errors, times
from bivouac.aws import cloudmap
from bivouac.aws.ecs_answers import ECS_REMOVES_WITHIN_SECONDS
from bivouac.deletion.step import PATIENCE_SECONDS
from bivouac.environment.blueprint import Blueprint
from bivouac.waiting.conditions.deleted import CLEAN_POLLS_AFTER_A_STOP, ROUNDS, DeletedPoll
from bivouac.waiting.wait import (
    POLL_SECONDS,
    STALE_SECONDS,
    Awaited,
    PollResult,
    Purpose,
    Stage,
    TaskEvent,
    Wait,
)
from localcloud.tasks import scripted
from tests.faults.injection import Fault, Injection, injected
from tests.functional.account import SETTLED_SECONDS, BivouacAccount, small_pages
from tests.functional.inventory import definition, foreign_neighbours, foreign_service
from tests.requests import environment, web

TWO = environment(web(), web(serviceName="shop", desiredCount=2))


def looking(account: BivouacAccount, blueprint: Blueprint) -> DeletedPoll:
    record = account.records.find(blueprint.environment) or account.holds(blueprint)
    account.forget_calls()
    return DeletedPoll(
        record,
        account.client("ecs"),
        lambda: account.client("servicediscovery"),
        lambda: account.client("logs"),
        account.now,
    )


def waiting(account: BivouacAccount, purpose: Purpose, **context: Any) -> Wait:
    closed_at = times.timestamp(account.now())
    return Wait("demo", 1, "token", purpose, {"closedAt": closed_at, **context})


def for_services(account: BivouacAccount, answer: dict[str, Any]) -> Wait:
    asked = {name: answer[name] for name in ("names", "namespaceId")}
    return waiting(account, Purpose.SERVICES_GONE, **asked)


def for_tasks(account: BivouacAccount, operation_id: str | None = None) -> Wait:
    return waiting(account, Purpose.TASKS_GONE, operationId=operation_id)


def for_everything(account: BivouacAccount, rounds: int = 0, thorough: bool = False) -> Wait:
    return waiting(account, Purpose.EVERYTHING_GONE, rounds=rounds, thorough=thorough)


def closed_long_ago(account: BivouacAccount, wait: Wait) -> Wait:
    then = account.now() - timedelta(seconds=PATIENCE_SECONDS + 1)
    return replace(wait, context={**wait.context, "closedAt": times.timestamp(then)})


def asked(account: BivouacAccount, blueprint: Blueprint) -> dict[str, Any]:
    """What Delete services answers."""
    return delete_services(account.deletion(blueprint), None, account.client("ecs"))


def stopping(account: BivouacAccount, blueprint: Blueprint) -> None:
    """The services are deleted, and ECS has told their tasks to stop."""
    asked(account, blueprint)
    client, stopped = account.client("ecs"), "STOPPED"
    while not client.list_tasks(cluster="bivouac-demo", desiredStatus=stopped)["taskArns"]:
        account.pass_time(0.01)


def until(
    account: BivouacAccount, look: Callable[[Wait], PollResult], wait: Wait
) -> dict[str, Any]:
    """The answer, polled as if every event triggered a poll."""
    for _ in range(1000):
        seen = look(wait)
        if seen.answer is not None:
            return seen.answer
        account.pass_time(seen.again_after or 0.05)
    raise AssertionError("no answer ever")


def left(answer: dict[str, Any] | None) -> set[tuple[str, str]]:
    assert answer is not None
    return {(item["kind"], item["name"]) for item in answer["items"] if item["outcome"] == "FAILED"}


def task_ids(account: BivouacAccount, service: str) -> list[str]:
    found = []
    for desired in ("RUNNING", "STOPPED"):
        listed = account.client("ecs").list_tasks(
            cluster="bivouac-demo", serviceName=service, desiredStatus=desired
        )
        found += [arn.rpartition("/")[2] for arn in listed["taskArns"]]
    return sorted(set(found))


class TestServices:
    def test_draining_services_are_polled_however_many_tasks_must_stop(
        self, account: BivouacAccount
    ) -> None:
        """D05: no event says that a service is INACTIVE, so its tasks' events are not awaited."""
        blueprint = account.healthy(TWO)
        look = looking(account, blueprint)
        wait = for_services(account, asked(account, blueprint))
        account.forget_calls()
        assert look(wait) == PollResult(again_after=POLL_SECONDS)
        assert account.calls == ["ecs:DescribeServices"]

    def test_a_gone_service_is_not_described_again(self, account: BivouacAccount) -> None:
        blueprint = account.healthy(TWO)
        look, client = looking(account, blueprint), account.client("ecs")
        client.delete_service(cluster="bivouac-demo", service="web", force=True)
        account.pass_time(SETTLED_SECONDS)
        wait = waiting(account, Purpose.SERVICES_GONE, names=["web", "shop"], namespaceId=None)
        look(wait)
        account.forget_calls()
        look(wait)
        (request,) = account.requests
        assert json.loads(request["body"])["services"] == ["shop"]

    def test_changes_without_an_event_are_polled(self, account: BivouacAccount) -> None:
        """D05, D09: DRAINING to INACTIVE, and ECS's removal of what is in the namespace."""
        blueprint = account.healthy(environment())
        wait = for_services(account, asked(account, blueprint))
        look = looking(account, blueprint)
        pauses = []
        while (seen := look(wait)).answer is None:
            pauses.append(seen.again_after)
            account.pass_time(0.02)
        assert seen.answer == {"status": "GONE"}
        assert pauses[-1] == POLL_SECONDS
        assert account.calls[-1] == "servicediscovery:ListServices"
        there = account.client("servicediscovery").list_services()["Services"]
        assert there == []

    def test_ten_services_are_described_a_call(self, account: BivouacAccount) -> None:
        blueprint = account.planned(environment(*(web(serviceName=f"s{n}") for n in range(12))))
        account.cluster(blueprint)
        names = [service.service_name for service in blueprint.services]
        wait = waiting(account, Purpose.SERVICES_GONE, names=names, namespaceId=None)
        assert looking(account, blueprint)(wait).answer == {"status": "GONE"}
        assert account.calls == ["ecs:DescribeServices"] * 2

    def test_without_deletions_nothing_is_read(self, account: BivouacAccount) -> None:
        blueprint = account.planned(environment())
        wait = waiting(account, Purpose.SERVICES_GONE, names=[], namespaceId="ns-1")
        assert looking(account, blueprint)(wait).answer == {"status": "GONE"}
        assert account.calls == []

    def test_the_services_of_a_deleted_cluster_are_gone(self, account: BivouacAccount) -> None:
        """C07."""
        blueprint = account.planned(environment())
        wait = waiting(account, Purpose.SERVICES_GONE, names=["web"], namespaceId=None)
        assert looking(account, blueprint)(wait).answer == {"status": "GONE"}

    def test_endpoints_that_ecs_never_removes_are_not_awaited_for_ever(
        self, account: BivouacAccount
    ) -> None:
        """D09, S07: the step that deletes the namespace deals with them."""
        account.plane.obstacles.leave_discovery_services("web")
        blueprint = account.healthy(environment())
        wait = for_services(account, asked(account, blueprint))
        begun = account.plane.clock.now()
        assert until(account, looking(account, blueprint), wait) == {"status": "GONE"}
        took = account.plane.clock.now() - begun
        assert ECS_REMOVES_WITHIN_SECONDS < took < ECS_REMOVES_WITHIN_SECONDS + 10

    def test_the_wait_ends_with_the_patience(self, account: BivouacAccount) -> None:
        """D06."""
        account.runtime.script("nginx", scripted.ignores_sigterm())
        blueprint = account.healthy(environment())
        wait = for_services(account, asked(account, blueprint))
        look = looking(account, blueprint)
        assert look(wait).answer is None
        assert look(closed_long_ago(account, wait)).answer == {"status": "STILL_THERE"}

    @pytest.mark.parametrize("purged", [False, True], ids=["INACTIVE", "MISSING"])
    def test_one_inactive_service_does_not_hide_a_draining_one(
        self, account: BivouacAccount, purged: bool
    ) -> None:
        """D05: one INACTIVE beside one DRAINING is not deleted; two that are purged are. The
        official inactive waiter gets this wrong."""
        blueprint = account.healthy(environment(web(), web(serviceName="shop")))
        for name in ("web", "shop"):
            account.pass_time(5)
            account.client("ecs").delete_service(cluster="bivouac-demo", service=name, force=True)
        wait = for_services(account, asked(account, blueprint))
        account.pass_time(3600 if purged else 0)
        seen = looking(account, blueprint)(wait)
        assert (seen.answer is not None) is purged
        assert seen.again_after == (None if purged else POLL_SECONDS)
        said = [
            {"serviceName": "web", "status": "INACTIVE"},
            {"serviceName": "shop", "status": "DRAINING"},
        ]
        missing = [{"arn": "web", "reason": "MISSING"}, {"arn": "shop", "reason": "MISSING"}]
        lie = {"services": [], "failures": missing} if purged else {"services": said}
        client: Any = boto3.client("ecs")
        with Stubber(client) as stubber:
            stubber.add_response("describe_services", lie)
            waiter = client.get_waiter("services_inactive")
            try:
                waiter.wait(services=["web", "shop"], WaiterConfig={"MaxAttempts": 1})
                verdict = "SUCCESS"
            except WaiterError:
                verdict = "FAILURE"
        assert verdict == ("FAILURE" if purged else "SUCCESS")


class TestTasks:
    def test_each_stopping_task_is_awaited(self, account: BivouacAccount) -> None:
        """C11."""
        account.runtime.script("nginx", scripted.ignores_sigterm())
        blueprint = account.healthy(TWO)
        stopping(account, blueprint)
        seen = looking(account, blueprint)(for_tasks(account))
        assert (seen.answer, seen.again_after) == (None, None)
        assert seen.awaited == Awaited({"web": 1, "shop": 2}, (frozenset({"web", "shop"}),))
        assert account.calls == ["ecs:ListTasks", "ecs:DescribeTasks"]

    def test_tasks_of_a_strangers_service_are_not_awaited(self, account: BivouacAccount) -> None:
        """D18: its tasks may end again and again."""
        blueprint = account.healthy(environment())
        foreign_service(account, "bivouac-demo")
        client = account.client("ecs")
        stopping(account, blueprint)
        look = looking(account, blueprint)
        seen = look(for_tasks(account))
        assert seen.awaited is not None
        assert seen.awaited.tasks == {"web": 1}
        account.pass_time(SETTLED_SECONDS)
        client.delete_service(cluster="bivouac-demo", service="theirs", force=True)
        theirs = {"cluster": "bivouac-demo", "serviceName": "theirs"}
        while not client.list_tasks(desiredStatus="STOPPED", **theirs)["taskArns"]:
            account.pass_time(0.01)
        assert look(for_tasks(account)).answer == {"status": "GONE"}

    def test_a_task_reported_as_stopped_is_read_again_at_once(
        self, account: BivouacAccount
    ) -> None:
        """W01: the read lags behind the event."""
        account.runtime.script("nginx", scripted.ignores_sigterm())
        blueprint = account.healthy(environment())
        stopping(account, blueprint)
        (task_id,) = task_ids(account, "web")
        told = {task_id: TaskEvent("web", Stage.STOPPED, 99)}
        seen = looking(account, blueprint)(replace(for_tasks(account), task_events=told))
        assert (seen.answer, seen.again_after) == (None, STALE_SECONDS)

    def test_the_namespaces_operation_is_followed_first(self, account: BivouacAccount) -> None:
        """N04, N14: it has no event, so it is polled, and the tasks are not read yet."""
        blueprint = account.healthy(environment())
        stopping(account, blueprint)
        account.pass_time(60)
        client = account.client("servicediscovery")
        operation_id = delete_namespace(account.deletion(blueprint), None, client)["operationId"]
        look, wait = looking(account, blueprint), for_tasks(account, operation_id)
        assert look(wait) == PollResult(again_after=POLL_SECONDS)
        assert account.calls == ["servicediscovery:GetOperation"]
        account.pass_time(10)
        assert look(wait).answer == {"status": "GONE"}

    def test_an_operation_that_cloud_map_forgot_is_over(self, account: BivouacAccount) -> None:
        """N05: the last check sees whether the namespace exists."""
        blueprint = account.planned(environment())
        wait = for_tasks(account, "op-nobody-knows-any-more")
        assert looking(account, blueprint)(wait).answer == {"status": "GONE"}

    def test_the_wait_ends_with_the_patience(self, account: BivouacAccount) -> None:
        """D06."""
        account.runtime.script("nginx", scripted.ignores_sigterm())
        blueprint = account.healthy(environment())
        stopping(account, blueprint)
        look, wait = looking(account, blueprint), for_tasks(account)
        assert look(wait).answer is None
        assert look(closed_long_ago(account, wait)).answer == {"status": "STILL_THERE"}


class TestEverything:
    def test_after_a_stopped_create_two_consecutive_polls_must_find_nothing(
        self, account: BivouacAccount
    ) -> None:
        """D11, D15, W13: a function of it may have created something at the very last."""
        blueprint = account.planned(environment())
        account.holds(blueprint, settle=True)
        look, wait = looking(account, blueprint), for_everything(account)
        seen = look(wait)
        assert seen.answer is None
        assert seen.again_after
        assert look(wait).answer == {"status": "GONE", "rounds": 1, "items": []}
        assert (
            account.calls
            == [
                "ecs:DescribeClusters",
                "ecs:ListTaskDefinitionFamilies",
                "servicediscovery:ListNamespaces",
                "logs:DescribeLogGroups",
            ]
            * CLEAN_POLLS_AFTER_A_STOP
        )

    def test_if_every_create_ended_by_itself_one_poll_is_enough(
        self, account: BivouacAccount
    ) -> None:
        blueprint = account.planned(environment())
        look, wait = looking(account, blueprint), for_everything(account)
        assert look(wait).answer == {"status": "GONE", "rounds": 1, "items": []}

    def test_everything_that_remains_is_named(self, account: BivouacAccount) -> None:
        blueprint = account.healthy(environment())
        wait = for_everything(account)
        account.pass_time(ECS_REMOVES_WITHIN_SECONDS + 1)
        answer = looking(account, blueprint)(wait).answer
        assert answer is not None
        assert (answer["status"], answer["rounds"]) == ("LEFT", 1)
        (task,) = [name for kind, name in left(answer) if kind == "stray task"]
        assert left(answer) == {
            ("cluster", "bivouac-demo"),
            ("service", "web"),
            ("stray task", task),
            ("task definition", "bivouac-demo--web:1"),
            ("task definition", "bivouac-demo--bivouac-proof-1:1"),
            ("namespace", "bivouac-demo"),
            ("log group", "/bivouac-demo/web"),
            ("log group", "/bivouac-demo/bivouac-proof"),
        }

    def test_a_draining_service_remains(self, account: BivouacAccount) -> None:
        """S02: it is in no list, so it is described by its name."""
        account.runtime.script("nginx", scripted.ignores_sigterm())
        blueprint = account.healthy(environment())
        wait = for_everything(account)
        account.pass_time(ECS_REMOVES_WITHIN_SECONDS + 1)
        account.client("ecs").delete_service(cluster="bivouac-demo", service="web", force=True)
        assert ("service", "web") in left(looking(account, blueprint)(wait).answer)

    def test_a_leftover_restarts_the_count(self, account: BivouacAccount) -> None:
        blueprint = account.planned(environment())
        account.holds(blueprint, settle=True)
        look, wait = looking(account, blueprint), for_everything(account)
        group, tags = "/bivouac-demo/web", blueprint.ownership_tags
        assert look(wait).answer is None
        account.client("logs").create_log_group(logGroupName=group, tags=tags)
        assert left(look(wait).answer) == {("log group", group)}
        account.client("logs").delete_log_group(logGroupName=group)
        assert look(wait).answer is None
        assert look(wait).answer is not None

    def test_what_ecs_is_about_to_remove_is_awaited(self, account: BivouacAccount) -> None:
        """D09, N11: another round at once would only find the namespace in use again."""
        blueprint = account.healthy(environment())
        look, wait = looking(account, blueprint), for_everything(account)
        seen = look(wait)
        assert (seen.answer, seen.again_after) == (None, POLL_SECONDS)
        account.pass_time(ECS_REMOVES_WITHIN_SECONDS + 1)
        assert ("namespace", "bivouac-demo") in left(look(wait).answer)

    @pytest.mark.parametrize(
        ("rounds", "waited", "status"),
        [
            (ROUNDS - 2, ECS_REMOVES_WITHIN_SECONDS + 1, "LEFT"),
            (ROUNDS - 1, ECS_REMOVES_WITHIN_SECONDS + 1, "STILL_THERE"),
            (0, PATIENCE_SECONDS + 1, "STILL_THERE"),
        ],
    )
    def test_a_deletion_gives_up_in_the_end(
        self, account: BivouacAccount, rounds: int, waited: float, status: str
    ) -> None:
        """D17: what is left goes into the receipt."""
        blueprint = account.healthy(environment())
        wait = for_everything(account, rounds)
        account.pass_time(waited)
        answer = looking(account, blueprint)(wait).answer
        assert answer is not None
        assert answer["status"] == status

    def test_a_strangers_resource_is_reported_but_no_leftover(
        self, account: BivouacAccount
    ) -> None:
        """D18."""
        foreign_neighbours(account)
        account.client("servicediscovery").create_http_namespace(Name="bivouac-demo")
        account.client("ecs").create_cluster(clusterName="bivouac-demo")
        account.client("ecs").register_task_definition(**definition("bivouac-demo--theirs"))
        account.pass_time(60)
        look = looking(account, account.planned(environment()))
        answer = until(account, look, for_everything(account))
        assert answer["status"] == "GONE"
        assert {item["outcome"] for item in answer["items"]} == {"RETAINED"}
        assert ("task definition", "bivouac-demo--theirs:1") in {
            (item["kind"], item["name"]) for item in answer["items"]
        }

    @pytest.mark.parametrize("thorough", [False, True])
    def test_revisions_remain_until_ecs_deletes_them(
        self, account: BivouacAccount, thorough: bool
    ) -> None:
        """T12: INACTIVE ones are searched for if a step could not delete them."""
        client, name = account.client("ecs"), ("task definition", "bivouac-demo--web:1")
        blueprint = account.planned(environment())
        tags = [{"key": k, "value": v} for k, v in blueprint.ownership_tags.items()]
        client.register_task_definition(**definition("bivouac-demo--web"), tags=tags)
        wait = for_everything(account, thorough=thorough)

        def is_left() -> bool:
            answer = looking(account, blueprint)(wait).answer
            return answer is not None and name in left(answer)

        assert is_left()
        client.deregister_task_definition(taskDefinition=name[1])
        assert is_left() is thorough
        client.delete_task_definitions(taskDefinitions=[name[1]])
        assert not is_left()

    def test_every_page_is_read(self, account: BivouacAccount) -> None:
        """D16: 0 leaks at three pages and more of everything."""
        services = [web(), web(serviceName="shop"), web(serviceName="cart", desiredCount=2)]
        account.healthy(environment(*services))
        wait = for_everything(account)
        account.pass_time(ECS_REMOVES_WITHIN_SECONDS + 1)
        look = looking(account, account.planned(environment()))
        with small_pages(account):
            found = left(look(wait).answer)
        assert len(found) == 1 + 3 + 4 + 4 + 1 + 4

    @pytest.mark.parametrize(
        "call", ["DescribeClusters", "Families", "ListNamespaces", "LogGroups"]
    )
    def test_a_denied_read_never_counts_as_gone(self, account: BivouacAccount, call: str) -> None:
        """D17: the machine takes the error into the receipt."""
        look = looking(account, account.planned(environment()))
        denied = Injection(account, Fault.DENIED, lambda number, name: call in name)
        with injected(denied), pytest.raises(errors.AccessDeniedError):
            look(for_everything(account))


def test_no_poll_changes_anything(account: BivouacAccount) -> None:
    blueprint = account.healthy(environment())
    answer = asked(account, blueprint)
    look = looking(account, blueprint)
    for wait in (for_services(account, answer), for_tasks(account), for_everything(account)):
        until(account, look, wait)
    assert account.mutating_calls == []


def test_the_calls_of_a_whole_deletion_of_one_service(
    account: BivouacAccount,
) -> None:
    """The promise's price, call by call; the record and the waits add theirs."""
    blueprint = account.healthy(environment())
    account.holds(blueprint)
    registered = account.client("ecs").list_task_definitions()["taskDefinitionArns"]
    ecs, cloud_map = account.client("ecs"), account.client("servicediscovery")
    made = cloudmap.find_namespace(cloud_map, blueprint.namespace)
    assert made is not None
    look = looking(account, blueprint)
    answer = asked(account, blueprint)
    account.pass_time(30)
    until(account, look, for_services(account, answer))
    used = delete_namespace(account.deletion(blueprint), made.arn, cloud_map)
    delete_task_definitions(account.deletion(blueprint), registered, ecs)
    account.pass_time(30)
    assert look(for_tasks(account, used["operationId"])).answer
    delete_cluster(account.deletion(blueprint), ecs)
    delete_log_groups(account.deletion(blueprint), account.client("logs"))
    until(account, look, for_everything(account))
    assert [call.partition(":")[2] for call in account.calls] == [
        *("ListServices", "DescribeServices", "DeleteService"),
        *("DescribeServices", "ListServices"),
        "DeleteNamespace",
        *("DeregisterTaskDefinition", "DeregisterTaskDefinition", "DeleteTaskDefinitions"),
        *("GetOperation", "ListTasks", "DescribeTasks"),
        *("DescribeClusters", "DeleteCluster"),
        "DescribeLogGroups",
        *("ListTagsForResource", "DeleteLogGroup") * 2,
        *("DescribeClusters", "ListTaskDefinitionFamilies", "ListNamespaces", "DescribeLogGroups"),
    ]
