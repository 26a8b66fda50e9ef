"""Check services: one look, and what it says while tasks start, fail, and run."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from bivouac import lease
from localcloud.account import SECURITY_GROUP_ID
from localcloud.tasks import scripted
from tests.functional.account import BivouacAccount, small_pages
from tests.requests import environment, event, web

PULL = "CannotPullContainerError: pull image manifest has been retried 1 time(s): not found"
HEALTH_CHECK = {"command": ["CMD-SHELL", "true"], "interval": 5, "retries": 1}


def looks(account: BivouacAccount, request: dict[str, Any], at_most: float) -> dict[str, Any]:
    """Look as the state machine does until it is no longer WAIT."""
    blueprint = account.planned(request)
    expected = account.create(request)
    begun = account.now()
    while True:
        answer = account.look(blueprint, expected, opened_at=begun)
        if answer["status"] != "WAIT":
            return answer
        account.pass_time(answer["waitSeconds"])
        assert account.now() - begun < timedelta(seconds=at_most), answer


def test_the_tutorial_becomes_healthy_registered_and_reachable(account: BivouacAccount) -> None:
    """H01, H20, H21, P03, P04."""
    answer = looks(account, event("tutorial"), at_most=60)
    assert {check["outcome"] for check in answer["checks"]} == {"OK"}
    assert [check["name"] for check in answer["checks"]] == [
        "tasks running",
        "only this deployment",
        "proxy attached",
        "registered in Cloud Map as nginx",
    ]
    (target,) = answer["targets"]
    assert (target["endpoint"], target["protocol"], target["port"]) == ("nginx", "http", 80)
    assert target["private_address"].startswith("172.31.")
    assert target["public_address"].startswith("203.0.113.")
    assert answer["checks"][3]["observed"] == f"{target['private_address']}:80"


def test_it_waits_and_says_what_is_missing(account: BivouacAccount) -> None:
    blueprint = account.planned(environment())
    answer = account.look(blueprint, account.create(environment()))
    assert answer["status"] == "WAIT"
    assert answer["waitSeconds"] > 0
    assert {check["outcome"] for check in answer["checks"]} == {"NG", "OK"}


def test_it_only_reads(account: BivouacAccount) -> None:
    blueprint = account.healthy(environment())
    expected = account.services(blueprint, account.namespace(blueprint))
    account.forget_calls()
    account.look(blueprint, expected)
    assert account.mutating_calls == []


def test_all_services_are_looked_at_in_batches(account: BivouacAccount) -> None:
    """S20: ten services and a hundred tasks a call."""
    services = [web(serviceName=f"web-{number}") for number in range(12)]
    request = environment(*services)
    blueprint, expected = account.planned(request), account.create(request)
    account.pass_time(60)
    account.forget_calls()
    assert account.look(blueprint, expected)["status"] == "HEALTHY"
    assert account.calls.count("ecs:DescribeServices") == 2
    assert account.calls.count("ecs:ListTasks") == 1
    assert account.calls.count("ecs:DescribeTasks") == 1


def test_every_page_is_read(account: BivouacAccount) -> None:
    """D16, N08."""
    request = environment(web(desiredCount=4))
    blueprint, expected = account.planned(request), account.create(request)
    account.pass_time(60)
    with small_pages(account):
        answer = account.look(blueprint, expected)
    assert answer["status"] == "HEALTHY"
    assert len(answer["targets"]) == 4


@pytest.mark.parametrize(
    ("script", "category", "evidence"),
    [
        (scripted.pull_failed(PULL), "image pull", "not found"),
        (scripted.exits(3, after=0.1), "container exit", "exited with code 3"),
        (
            scripted.exits(137, after=0.1, reason="OutOfMemoryError: Container killed"),
            "out of memory",
            "OutOfMemoryError",
        ),
    ],
    ids=["H07 image", "H11 exit", "H10 memory"],
)
def test_what_cannot_heal_fails_within_seconds(
    account: BivouacAccount, script: scripted.Script, category: str, evidence: str
) -> None:
    """H07, H10, H11, H24: promise 4; ECS itself would try for hours."""
    account.runtime.script("nginx", script)
    answer = looks(account, environment(), at_most=30)
    assert answer["status"] == "FAILED"
    assert answer["verdict"]["category"] == category
    assert any(evidence in entry for entry in answer["verdict"]["evidence"]), answer["verdict"]
    assert answer["verdict"]["task"].startswith("arn:aws:ecs:")
    assert answer["verdict"]["next_step"]


def test_an_unhealthy_task_fails(account: BivouacAccount) -> None:
    """H20, H12."""
    account.runtime.script("nginx", scripted.unhealthy())
    container = {"image": "nginx", "containerPort": 80, "healthCheck": HEALTH_CHECK}
    answer = looks(account, environment(web(primaryContainer=container)), at_most=60)
    assert answer["status"] == "FAILED"
    assert answer["verdict"]["category"] == "health check"


def test_a_task_that_is_not_healthy_yet_is_waited_for(account: BivouacAccount) -> None:
    """H20: running is not enough where a health check is declared."""
    account.runtime.script("nginx", scripted.healthy(after=20))
    container = {"image": "nginx", "containerPort": 80, "healthCheck": HEALTH_CHECK}
    request = environment(web(primaryContainer=container))
    blueprint, expected = account.planned(request), account.create(request)
    account.pass_time(10)
    answer = account.look(blueprint, expected)
    assert answer["status"] == "WAIT"
    assert answer["checks"][0]["name"] == "tasks healthy"
    account.pass_time(20)
    assert account.look(blueprint, expected)["status"] == "HEALTHY"


def test_one_stop_may_heal_by_itself(account: BivouacAccount) -> None:
    """H11: two of the same kind are a failure, one is not."""
    account.runtime.script("nginx", scripted.in_turn(scripted.exits(1, after=0.1), scripted.runs()))
    assert looks(account, environment(), at_most=60)["status"] == "HEALTHY"


def test_out_of_time_tells_what_was_still_missing(account: BivouacAccount) -> None:
    account.runtime.script("nginx", scripted.never_starts())
    blueprint, expected = account.planned(environment()), account.create(environment())
    account.pass_time(60)
    assert account.look(blueprint, expected)["status"] == "WAIT"
    answer = account.look(blueprint, expected, deadline=account.now())
    assert answer["status"] == "FAILED"
    assert answer["verdict"]["category"] == "out of time"
    assert "web: tasks running: 0 of 1" in answer["verdict"]["evidence"]


def test_a_service_that_somebody_deleted_fails(account: BivouacAccount) -> None:
    blueprint, expected = account.planned(environment()), account.create(environment())
    account.client("ecs").delete_service(cluster="bivouac-demo", service="web", force=True)
    answer = account.look(blueprint, expected)
    assert answer["status"] == "FAILED"
    assert answer["verdict"]["category"] == "rollback"


def test_another_deployment_than_ours_fails(account: BivouacAccount) -> None:
    """H03: somebody else's update, or ECS's own rollback."""
    blueprint, expected = account.planned(environment()), account.create(environment())
    account.pass_time(60)
    account.client("ecs").update_service(
        cluster="bivouac-demo", service="web", forceNewDeployment=True
    )
    answer = account.look(blueprint, expected)
    assert answer["status"] == "FAILED"
    assert expected[0].deployment_id in answer["verdict"]["evidence"][0]


def test_a_service_that_is_not_visible_yet_is_waited_for(account: BivouacAccount) -> None:
    """S18."""
    blueprint = account.planned(environment())
    account.cluster(blueprint)
    namespace = account.namespace(blueprint)
    expected = account.services(blueprint, namespace)
    missing = type(expected[0])("web", expected[0].task_definition_arn, "ecs-svc/1")
    account.client("ecs").delete_service(cluster="bivouac-demo", service="web", force=True)
    account.pass_time(3600)
    answer = account.look(blueprint, [missing])
    assert answer["status"] == "WAIT"
    assert answer["checks"][0]["observed"] == "not visible yet (S18)"


def test_a_task_that_nobody_may_reach_from_outside_is_said_so(account: BivouacAccount) -> None:
    """P04, P09."""
    account.client("ec2").revoke_security_group_ingress(
        GroupId=SECURITY_GROUP_ID,
        IpPermissions=[
            {
                "IpProtocol": "tcp",
                "FromPort": 80,
                "ToPort": 80,
                "IpRanges": [{"CidrIp": "0.0.0.0/0"}],
            }
        ],
    )
    (target,) = looks(account, environment(), at_most=60)["targets"]
    assert target["public_address"] is None
    assert target["not_public"] == "no security group admits 0.0.0.0/0 on 80"


def test_a_task_without_public_address_is_said_so(account: BivouacAccount) -> None:
    """P04."""
    vpc = {"awsvpcConfiguration": {"assignPublicIp": "DISABLED"}}
    (target,) = looks(account, environment(web(networkConfiguration=vpc)), at_most=60)["targets"]
    assert target["public_address"] is None
    assert target["not_public"] == "the task has no public address"


def test_no_desired_task_is_nothing_to_wait_for(account: BivouacAccount) -> None:
    answer = looks(account, environment(web(desiredCount=0)), at_most=30)
    assert (answer["status"], answer["targets"]) == ("HEALTHY", [])


def test_it_answers_as_a_function(account: BivouacAccount) -> None:
    blueprint = account.planned(environment())
    account.holds(blueprint)
    expected = account.create(environment())
    account.pass_time(60)
    answer = account.invoke(
        "check_services",
        {
            "environment": "demo",
            "generation": 1,
            "openedAt": lease.timestamp(account.now()),
            "deadline": "2100-01-01T00:00:00Z",
            "services": [
                {
                    "serviceName": entry.service_name,
                    "taskDefinitionArn": entry.task_definition_arn,
                    "deploymentId": entry.deployment_id,
                }
                for entry in expected
            ],
        },
    )
    assert answer["status"] == "HEALTHY"
