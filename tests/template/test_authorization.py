"""Every policy agrees with the Service Authorization Reference.

It is read from a copy that others maintain: docs/decisions/0022."""

from __future__ import annotations

import pytest

from tests.template.authorization import Statement, problems, statements
from tests.template.evaluated import PARAMETERS, evaluated


@pytest.mark.parametrize("parameters", PARAMETERS.values(), ids=PARAMETERS)
def test_every_statement_of_the_translated_template_is_valid(parameters: dict[str, str]) -> None:
    found = [
        f"{statement.where}: {problem}"
        for statement in statements(evaluated(parameters))
        for problem in problems(statement)
    ]
    assert found == []


def test_every_kind_of_policy_is_checked() -> None:
    wheres = {
        statement.where.split(", ")[0] for statement in statements(evaluated(PARAMETERS["default"]))
    }
    assert wheres >= {
        "CreateServicesFunctionRole",  # inline, in a role that SAM creates
        "ExpiryRole",  # inline, in one of our roles
        "LookingPolicy",  # managed
        "EventBusSources",  # of a bus
        "UndeliveredEventsPolicy",  # of a queue
        "FollowUpExecutionFunctionExecutionEndedPermission",  # of a function
    }


NAMESPACE = "arn:aws:servicediscovery:eu-central-1:123456789012:namespace/*"
CLUSTER = "arn:aws:ecs:eu-central-1:123456789012:cluster/bivouac-*"


@pytest.mark.parametrize(
    ("action", "resource", "key", "problem"),
    [
        ("ecs:DescribeCluster", "*", None, "there is no such action"),
        ("elasticcontainer:DescribeClusters", "*", None, "there is no such action"),
        ("servicediscovery:ListTagsForResource", NAMESPACE, None, "its resource must be *"),
        ("servicediscovery:DeleteNamespace", CLUSTER, None, "takes only"),
        ("ecs:DescribeServices", CLUSTER, None, "takes only"),
        ("ecs:DescribeClusters", CLUSTER, "ecs:clusters", "has no condition key ecs:clusters"),
        ("ecs:ListClusters", "*", "aws:RequestTag/bivouac:stack", "has no condition key"),
    ],
)
def test_a_mistake_is_found(action: str, resource: str, key: str | None, problem: str) -> None:
    """CloudFormation and IAM accept each of these silently, and the right is missing."""
    statement = Statement("a role", [action], [resource], {key} if key else set())
    assert problem in "; ".join(problems(statement))


def test_a_resource_that_no_action_of_its_statement_takes_is_found() -> None:
    statement = Statement("a role", ["ecs:DescribeClusters"], [CLUSTER, NAMESPACE], set())
    assert "is of no type" in "; ".join(problems(statement))


def test_a_valid_statement_has_no_problem() -> None:
    for statement in (
        Statement("a role", ["ecs:DescribeClusters"], [CLUSTER], {"aws:ResourceTag/bivouac:stack"}),
        Statement("a role", ["ecs:TagResource"], [CLUSTER], {"ecs:CreateAction"}),
        Statement("a role", ["servicediscovery:ListTagsForResource"], ["*"], set()),
        Statement("a role, trust", ["sts:AssumeRole"], None, {"aws:SourceAccount"}),
    ):
        assert list(problems(statement)) == []
