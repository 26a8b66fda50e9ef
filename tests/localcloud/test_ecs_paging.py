"""Everything that AWS pages is paged, over three pages and more, and nothing is lost (D16)."""

from __future__ import annotations

from typing import Any

import pytest

from tests.localcloud.strict_cloud import Cloud, connected, refused


def pages(cloud: Cloud, operation: str, member: str, **arguments: Any) -> list[list[str]]:
    paginator = cloud.ecs.get_paginator(operation)
    return [page[member] for page in paginator.paginate(**arguments)]


def test_clusters(cloud: Cloud) -> None:
    arns = {
        cloud.ecs.create_cluster(clusterName=f"c-{n}")["cluster"]["clusterArn"] for n in range(7)
    }
    found = pages(cloud, "list_clusters", "clusterArns", PaginationConfig={"PageSize": 2})
    assert [len(page) for page in found] == [2, 2, 2, 1]
    assert {arn for page in found for arn in page} == arns


def test_services_come_ten_to_a_page_unless_said_otherwise(cloud: Cloud) -> None:
    cloud.cluster_and_definition()
    arns = {cloud.service(f"web-{n}", desiredCount=0)["serviceArn"] for n in range(23)}
    found = pages(cloud, "list_services", "serviceArns", cluster="shop")
    assert [len(page) for page in found] == [10, 10, 3]
    assert {arn for page in found for arn in page} == arns


def test_services_of_a_namespace(cloud: Cloud) -> None:
    arn = cloud.namespace()
    cloud.cluster_and_definition()
    for number in range(5):
        endpoint = {"discoveryName": f"w-{number}", "clientAliases": [{"port": 80}]}
        cloud.service(
            f"w-{number}",
            desiredCount=0,
            serviceConnectConfiguration=connected(arn, **endpoint),
        )
    found = pages(
        cloud,
        "list_services_by_namespace",
        "serviceArns",
        namespace=arn,
        PaginationConfig={"PageSize": 2},
    )
    assert [len(page) for page in found] == [2, 2, 1]


def test_tasks(cloud: Cloud) -> None:
    cloud.running_web(desiredCount=7)
    found = pages(cloud, "list_tasks", "taskArns", cluster="shop", PaginationConfig={"PageSize": 3})
    assert [len(page) for page in found] == [3, 3, 1]
    assert len({arn for page in found for arn in page}) == 7


def test_task_definitions_in_the_order_of_their_revisions(cloud: Cloud) -> None:
    arns = [cloud.task_definition() for _ in range(11)]
    cloud.task_definition("web-other")
    listing = {"familyPrefix": "web", "PaginationConfig": {"PageSize": 4}}
    found = pages(cloud, "list_task_definitions", "taskDefinitionArns", **listing)
    assert [len(page) for page in found] == [4, 4, 3]
    assert [arn for page in found for arn in page] == arns
    found = pages(cloud, "list_task_definitions", "taskDefinitionArns", sort="DESC", **listing)
    assert [arn for page in found for arn in page] == arns[::-1]


def test_families(cloud: Cloud) -> None:
    for number in range(5):
        cloud.task_definition(f"web-{number}")
    cloud.ecs.deregister_task_definition(taskDefinition="web-0:1")
    listing = {"familyPrefix": "web", "PaginationConfig": {"PageSize": 2}}
    found = pages(cloud, "list_task_definition_families", "families", **listing)
    assert found == [["web-0", "web-1"], ["web-2", "web-3"], ["web-4"]]
    found = pages(cloud, "list_task_definition_families", "families", status="ACTIVE", **listing)
    assert found == [["web-1", "web-2"], ["web-3", "web-4"]]


def test_a_deletion_between_two_pages_hides_no_other_item(cloud: Cloud) -> None:
    for name in "abcd":
        cloud.ecs.create_cluster(clusterName=name)
    first = cloud.ecs.list_clusters(maxResults=2)
    cloud.ecs.delete_cluster(cluster="a")
    second = cloud.ecs.list_clusters(maxResults=2, nextToken=first["nextToken"])
    assert [arn[-1] for arn in second["clusterArns"]] == ["c", "d"]
    assert "nextToken" not in second


@pytest.mark.parametrize(
    "arguments", [{"nextToken": "nonsense"}, {"maxResults": 101}, {"maxResults": 0}]
)
def test_invalid_tokens_and_page_sizes_are_refused(cloud: Cloud, arguments: dict[str, Any]) -> None:
    with refused("InvalidParameterException"):
        cloud.ecs.list_clusters(**arguments)


def test_a_call_describes_ten_services_a_hundred_tasks_a_hundred_clusters(cloud: Cloud) -> None:
    """S20."""
    cloud.cluster()
    cloud.ecs.describe_services(cluster="shop", services=["x"] * 10)
    cloud.ecs.describe_tasks(cluster="shop", tasks=["x"] * 100)
    cloud.ecs.describe_clusters(clusters=["x"] * 100)
    with refused("InvalidParameterException"):
        cloud.ecs.describe_services(cluster="shop", services=["x"] * 11)
    with refused("InvalidParameterException"):
        cloud.ecs.describe_tasks(cluster="shop", tasks=["x"] * 101)
    with refused("InvalidParameterException"):
        cloud.ecs.describe_clusters(clusters=["x"] * 101)
