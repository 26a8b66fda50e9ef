"""Check request: refused as a whole, or planned; neither creates anything."""

from __future__ import annotations

import json
import random
import re
from dataclasses import replace
from typing import Any
from unittest import mock

import pytest

from bivouac import errors
from bivouac.commands.request_check import RequestCheck
from bivouac.environment.blueprint import Blueprint
from bivouac.environment.record import Status, packed
from bivouac.request.planning.plan import plan
from localcloud.account import SUBNET_IDS
from tests.functional.account import BivouacAccount, execution, started_at
from tests.functional.inventory import definition
from tests.requests import connection, environment, event, settings, web


def checked(account: BivouacAccount, request: Any, **stack: Any) -> dict[str, Any]:
    check = RequestCheck(
        account.now(),
        settings(**stack),
        account.records,
        account.client("ecs"),
        account.client("servicediscovery"),
        account.client("ec2"),
    )
    return check.answer(
        {"request": request, "execution": execution("first"), "startedAt": started_at(account)}
    )


def refused(account: BivouacAccount, request: Any, **stack: Any) -> tuple[str, ...]:
    with pytest.raises(errors.InvalidRequestError) as caught:
        checked(account, request, **stack)
    return caught.value.problems


@pytest.mark.parametrize("name", ["smallest", "tutorial"])
def test_a_valid_request_is_planned_and_nothing_is_created(
    account: BivouacAccount, name: str
) -> None:
    answer = account.invoke("check_request", account.machine_input(event(name)))
    blueprint = Blueprint.from_json(answer["plan"])
    open_to_all = [
        replace(
            service,
            endpoints=tuple(replace(each, admits_everybody=True) for each in service.endpoints),
        )
        for service in account.planned(event(name)).services
    ]
    assert blueprint == replace(account.planned(event(name)), services=tuple(open_to_all))
    assert answer["environment"] == event(name)["name"]
    assert answer["dryRun"] is False
    assert account.mutating_calls == []


def test_a_request_is_planned_once(account: BivouacAccount) -> None:
    with mock.patch("bivouac.commands.request_check.plan", wraps=plan) as planning:
        checked(account, event("tutorial"))
    assert planning.call_count == 1


def test_a_bad_request_is_refused_with_all_problems_and_no_aws_call(
    account: BivouacAccount,
) -> None:
    """The section on bad input: no call at all before the request itself is valid."""
    request = environment(
        web(serviceName="a/b"),
        web(desiredCount="two", role="x"),
        web(),
        web(),
        name="Not A Name",
        color="blue",
    )
    problems = refused(account, request)
    assert len(problems) >= 5
    assert account.calls == []


def test_a_packed_request_is_refused(account: BivouacAccount) -> None:
    """A packed request of 39 KB can unpack to 30 MB."""
    answer = {"status": "CHANGED", "asked": packed({"name": " " * 30_000_000})}
    problems = refused(account, answer)
    assert {"status: unknown field", "asked: unknown field"} <= set(problems)


def test_the_error_reaches_the_machine_under_its_name(account: BivouacAccount) -> None:
    request = {"name": "demo", "services": [], "color": "blue"}
    with pytest.raises(errors.InvalidRequestError, match="2 problems in the request"):
        account.invoke("check_request", account.machine_input(request))


def test_an_existing_definition_is_described_and_checked(
    account: BivouacAccount,
) -> None:
    """T09: used by its ARN with revision."""
    account.client("ecs").register_task_definition(**definition("theirs"))
    service = {
        "serviceName": "web",
        "taskDefinition": "theirs",
        "serviceConnectConfiguration": {
            "enabled": True,
            "services": [{"portName": "web", "clientAliases": [{"port": 80}]}],
        },
    }
    answer = checked(account, environment(service))
    planned = Blueprint.from_json(answer["plan"]).services[0]
    assert planned.existing_definition is not None
    assert planned.existing_definition.endswith("task-definition/theirs:1")


def test_a_definition_that_does_not_exist_is_named(account: BivouacAccount) -> None:
    """T13: ECS has no code of its own for "not found"."""
    service = {"serviceName": "web", "taskDefinition": "nobody:7"}
    (problem,) = refused(account, environment(service))
    assert "task definition nobody:7" in problem


def test_a_name_taken_by_others_is_refused_and_nothing_is_touched(account: BivouacAccount) -> None:
    """D18, N01, C03."""
    account.client("servicediscovery").create_http_namespace(Name="service-connect")
    account.client("ecs").create_cluster(clusterName="bivouac-demo")
    account.pass_time(60)
    account.forget_calls()
    for request, what in ((event("tutorial"), "the namespace"), (environment(), "the cluster")):
        with pytest.raises(errors.ForeignResourceError, match=what):
            checked(account, request)
    assert account.mutating_calls == []


def test_our_own_resources_are_no_obstacle(account: BivouacAccount) -> None:
    account.healthy(environment())
    assert checked(account, environment())["environment"] == "demo"


def test_subnets_and_groups_that_do_not_exist_are_all_named(account: BivouacAccount) -> None:
    """S15."""
    vpc = {"subnets": ["subnet-0", "subnet-1"], "securityGroups": ["sg-0"]}
    request = environment(web(networkConfiguration={"awsvpcConfiguration": vpc}))
    listed = {
        "allowed_subnet_ids": ("subnet-0", "subnet-1"),
        "allowed_security_group_ids": ("sg-0",),
    }
    assert refused(account, request, **listed) == (
        "subnet subnet-0 does not exist",
        "subnet subnet-1 does not exist",
        "security group sg-0 does not exist",
    )


def test_subnets_and_groups_of_another_vpc_are_refused(account: BivouacAccount) -> None:
    ec2 = account.client("ec2")
    stacks = ec2.describe_subnets(SubnetIds=list(SUBNET_IDS))["Subnets"][0]["VpcId"]
    probe = ec2.create_security_group(GroupName="p", Description="p", VpcId=stacks)["GroupId"]
    other = ec2.create_vpc(CidrBlock="10.9.0.0/16")["Vpc"]["VpcId"]
    subnet = ec2.create_subnet(VpcId=other, CidrBlock="10.9.1.0/24")["Subnet"]["SubnetId"]
    group = ec2.create_security_group(GroupName="g", Description="g", VpcId=other)["GroupId"]
    vpc = {"subnets": [*SUBNET_IDS, subnet], "securityGroups": [group]}
    request = environment(web(networkConfiguration={"awsvpcConfiguration": vpc}))
    found = refused(
        account,
        request,
        probe_security_group_id=probe,
        allowed_subnet_ids=(subnet,),
        allowed_security_group_ids=(group,),
    )
    for name in (subnet, group):
        assert any(
            each.startswith(f"{name} is in the VPC {other}, and the stack in {stacks}")
            for each in found
        )
    assert not any(each.startswith(SUBNET_IDS[0]) for each in found)


def test_a_port_that_no_group_admits_is_refused_before_anything_is_created(
    account: BivouacAccount,
) -> None:
    """P09."""
    container = {"image": "nginx", "containerPort": 8080}
    (problem,) = refused(account, environment(web(primaryContainer=container)))
    assert "admits port 8080" in problem
    assert "could never be proven" in problem


def test_an_edge_that_no_security_group_admits_is_refused(account: BivouacAccount) -> None:
    """P09: the probe function is admitted, and the calling service is not."""
    ec2 = account.client("ec2")
    vpc = ec2.describe_subnets(SubnetIds=list(SUBNET_IDS))["Subnets"][0]["VpcId"]
    groups = [
        ec2.create_security_group(GroupName=name, Description=name, VpcId=vpc)
        for name in ("servers", "clients", "probe")
    ]
    servers, clients, probe = (group["GroupId"] for group in groups)
    ec2.authorize_security_group_ingress(
        GroupId=servers,
        IpPermissions=[
            {
                "IpProtocol": "tcp",
                "FromPort": 80,
                "ToPort": 80,
                "UserIdGroupPairs": [{"GroupId": probe}],
            }
        ],
    )

    def network(group: str) -> dict[str, Any]:
        return {"awsvpcConfiguration": {"securityGroups": [group]}}

    shop = environment(
        web(serviceName="api", networkConfiguration=network(servers)),
        web(
            networkConfiguration=network(clients),
            serviceConnectConfiguration={"enabled": True, "services": []},
        ),
        connect=[connection("web", "api")],
    )
    listed = {"allowed_security_group_ids": (servers, clients)}
    (problem,) = refused(account, shop, probe_security_group_id=probe, **listed)
    assert "no security group of its tasks admits port 80 from those of web" in problem
    assert "the edge web -> api:api could never be proven" in problem


def test_a_full_region_is_refused_with_the_count(account: BivouacAccount) -> None:
    """N06, N08: namespaces are counted over all pages."""
    cloud_map = account.client("servicediscovery")
    for number in range(12):
        cloud_map.create_http_namespace(Name=f"theirs-{number}")
    account.pass_time(60)
    (problem,) = refused(account, environment(), namespace_quota=12)
    assert "12 Cloud Map namespaces of 12" in problem
    assert checked(account, environment(), namespace_quota=13)


def test_namespaces_that_others_share_are_neither_ours_nor_counted(
    account: BivouacAccount,
) -> None:
    """In an organisation they are listed with the account's own."""
    account.plane.cloudmap.share("bivouac-demo", owner="210987654321")
    account.plane.cloudmap.share("theirs", owner="210987654321")
    assert checked(account, environment(), namespace_quota=1)
    arn = account.namespace(account.planned(environment()))
    assert ":123456789012:namespace/" in arn


def test_an_existing_environment_needs_no_room_in_the_quota(account: BivouacAccount) -> None:
    """N06: the second create of the last environment must still work."""
    account.healthy(environment())
    assert checked(account, environment(), namespace_quota=1)


def test_a_dry_run_is_passed_on(account: BivouacAccount) -> None:
    assert checked(account, environment(dryRun=True))["dryRun"] is True


def large(services: int, told: int, repeated: int) -> dict[str, Any]:
    """A request whose services each have much text that does not compress, and much that does."""
    chance = random.Random(1)
    return environment(
        *(
            web(
                serviceName=f"web-{n}",
                primaryContainer={
                    "image": "nginx",
                    "containerPort": 80,
                    "command": [f"{chance.getrandbits(4 * told):x}", "x" * repeated],
                },
            )
            for n in range(services)
        )
    )


def redeployed(account: BivouacAccount, commands: int) -> dict[str, Any]:
    """A redeploy of a large environment that adds much to one of its services."""
    request = large(services=1, told=46_000, repeated=80_000)
    request["services"].append(web())
    content = packed(request)
    account.holds(
        account.planned(request), status=Status.READY, request=content, base_request=content
    )
    port = {"name": "web", "containerPort": 80, "appProtocol": "http"}
    container = {"name": "web", "image": "nginx", "command": ["y" * commands]}
    task = {"containerDefinitions": [{**container, "portMappings": [port]}]}
    change = {"serviceName": "web", "taskDefinition": {"cpu": "256", "memory": "512", **task}}
    return {"redeploy": {"environment": "demo", "services": [change]}}


def test_a_request_too_large_for_an_execution_is_refused_with_the_reason(
    account: BivouacAccount,
) -> None:
    """A state holds 262,144 bytes (quotas of Step Functions): the plan, the request that it was
    made from, and what redeploys changed, each of which is valid alone."""
    (problem,) = refused(account, redeployed(account, commands=18_500))
    assert re.match(r"request: an execution would have to hold 2\d\d,\d{3} bytes ", problem)
    assert "of it, of 240,000; the plan takes 14" in problem
    assert "split the environment" in problem


def test_the_next_steps_answer_fits_a_state(account: BivouacAccount) -> None:
    """Open environment returns all of it while it waits for another execution."""
    fits = checked(account, redeployed(account, commands=10_000))
    assert 200_000 < len(json.dumps(fits)) <= 240_000
