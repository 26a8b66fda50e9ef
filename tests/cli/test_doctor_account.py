"""The doctor's calls and answers compared with botocore's models: it uses nothing that AWS does not
have."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, cast

import pytest

from bivouac_cli.clients import Clients
from bivouac_cli.doctor.account import Account
from bivouac_cli.ending import CommandError
from tests.cli.stubbed import StubbedClients

ARN = "arn:aws:iam::123456789012:role/team/dev"


@pytest.fixture
def account(clients: StubbedClients) -> Account:
    return Account(cast(Clients, clients))


def stack(name: str) -> dict[str, Any]:
    return {"StackName": name, "CreationTime": 0, "StackStatus": "CREATE_COMPLETE"}


def test_the_caller_and_the_region(account: Account, clients: StubbedClients) -> None:
    clients.script("sts").add_response("get_caller_identity", {"Arn": ARN}, {})
    assert account.caller() == ARN
    assert account.region == "eu-west-1"


def test_stacks_of_bivouac_are_known_by_their_description(
    account: Account, clients: StubbedClients
) -> None:
    summaries = [
        {**stack("team-a"), "TemplateDescription": "Bivouac - short-lived Amazon ECS"},
        {**stack("other"), "TemplateDescription": "A web shop"},
        {**stack("plain")},
        {
            **stack("gone"),
            "TemplateDescription": "Bivouac - short-lived Amazon ECS",
            "StackStatus": "DELETE_COMPLETE",
        },
    ]
    clients.script("cloudformation").add_response("list_stacks", {"StackSummaries": summaries}, {})
    assert account.stacks_of_bivouac() == ["team-a"]


def test_the_description_is_that_of_the_template() -> None:
    from bivouac_cli.doctor.account import _DESCRIPTION
    from tests.template.declared import TEMPLATE

    assert TEMPLATE["Description"].startswith(_DESCRIPTION)


def test_other_regions_are_asked_for_the_stack(account: Account, clients: StubbedClients) -> None:
    regions = [{"RegionName": "eu-central-1"}, {"RegionName": "eu-west-1"}]
    clients.script("ec2").add_response("describe_regions", {"Regions": regions}, {})
    clients.script("cloudformation").add_response(
        "describe_stacks", {"Stacks": [stack("bivouac")]}, {"StackName": "bivouac"}
    )
    assert account.regions_with("bivouac") == ["eu-central-1"]


def test_what_is_denied_of_a_resource(account: Account, clients: StubbedClients) -> None:
    cluster = "arn:aws:ecs:eu-west-1:123456789012:cluster/bivouac-doctor"
    results = [
        {"EvalActionName": "ecs:ListTasks", "EvalDecision": "allowed"},
        {"EvalActionName": "ecs:ListServices", "EvalDecision": "implicitDeny"},
    ]
    clients.script("iam").add_response(
        "simulate_principal_policy",
        {"EvaluationResults": results, "IsTruncated": False},
        {
            "PolicySourceArn": ARN,
            "ActionNames": ["ecs:ListServices", "ecs:ListTasks"],
            "ResourceArns": ["*"],
            "ContextEntries": [
                {
                    "ContextKeyName": "ecs:cluster",
                    "ContextKeyValues": [cluster],
                    "ContextKeyType": "string",
                }
            ],
        },
    )
    actions = {"ecs:ListTasks", "ecs:ListServices"}
    assert account.denied(ARN, actions, "*", cluster) == {"ecs:ListServices"}


def test_quotas_and_what_is_used_of_them(account: Account, clients: StubbedClients) -> None:
    clients.script("service-quotas").add_response(
        "get_service_quota",
        {"Quota": {"Value": 6.0}},
        {"ServiceCode": "fargate", "QuotaCode": "L-3032A538"},
    )
    namespaces = [{"Id": "ns-1"}, {"Id": "ns-2"}]
    clients.script("servicediscovery").add_response("list_namespaces", {"Namespaces": namespaces})
    assert account.quota("fargate", "L-3032A538") == 6
    assert account.namespaces() == 2


def test_the_network(account: Account, clients: StubbedClients) -> None:
    ec2 = clients.script("ec2")
    in_vpc = {"Filters": [{"Name": "vpc-id", "Values": ["vpc-1"]}]}
    ec2.add_response(
        "describe_subnets",
        {"Subnets": [{"SubnetId": "subnet-1"}]},
        {"Filters": [{"Name": "subnet-id", "Values": ["subnet-1"]}]},
    )
    ec2.add_response("describe_route_tables", {"RouteTables": [{"RouteTableId": "r"}]}, in_vpc)
    ec2.add_response("describe_vpc_endpoints", {"VpcEndpoints": [{"VpcEndpointId": "e"}]}, in_vpc)
    by_id = {"Filters": [{"Name": "group-id", "Values": ["sg-1"]}]}
    ec2.add_response("describe_security_groups", {"SecurityGroups": []}, by_id)
    assert account.subnets(["subnet-1"]) == [{"SubnetId": "subnet-1"}]
    assert account.route_tables("vpc-1") == [{"RouteTableId": "r"}]
    assert account.endpoints("vpc-1") == [{"VpcEndpointId": "e"}]
    assert account.security_group("sg-1") is None


MISSING = [
    ("iam", "get_role", "NoSuchEntity", lambda account: account.role("dev")),
    ("iam", "get_policy", "NoSuchEntity", lambda account: account.policy(ARN)),
    ("sns", "get_topic_attributes", "NotFound", lambda account: account.topic("arn")),
    ("cloudformation", "describe_stacks", "ValidationError", lambda account: account.stack("b")),
]


@pytest.mark.parametrize(
    ("service", "operation", "code", "ask"), MISSING, ids=[each[1] for each in MISSING]
)
def test_a_missing_resource_is_none_and_a_refusal_is_reported(
    account: Account,
    clients: StubbedClients,
    service: str,
    operation: str,
    code: str,
    ask: Callable[[Account], Any],
) -> None:
    clients.script(service).add_client_error(operation, code, "does not exist")
    assert ask(account) is None
    clients.script(service).add_client_error(operation, "AccessDenied", "not authorized to")
    with pytest.raises(CommandError, match="not authorized to"):
        ask(account)
