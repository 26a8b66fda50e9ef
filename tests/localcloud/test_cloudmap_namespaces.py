"""Namespaces: created and deleted by operations that take time and can fail afterwards."""

from __future__ import annotations

from typing import Any

import pytest

from localcloud.account import ACCOUNT_ID
from localcloud.timings import TEST
from tests.localcloud.strict_cloud import Cloud, refused


def operation(cloud: Cloud, operation_id: str) -> dict[str, str]:
    found: dict[str, str] = cloud.cloudmap.get_operation(OperationId=operation_id)["Operation"]
    return found


def names(cloud: Cloud) -> list[str]:
    return [item["Name"] for item in cloud.cloudmap.list_namespaces()["Namespaces"]]


def test_a_namespace_exists_only_after_its_operation_has_succeeded(cloud: Cloud) -> None:
    """N04: SUBMITTED, PENDING, SUCCESS."""
    made = cloud.cloudmap.create_http_namespace(Name="shop")["OperationId"]
    assert (operation(cloud, made)["Status"], names(cloud)) == ("SUBMITTED", [])
    cloud.wait(TEST.namespace_operation / 2)
    assert (operation(cloud, made)["Status"], names(cloud)) == ("PENDING", [])
    cloud.wait(TEST.namespace_operation / 2)
    assert (operation(cloud, made)["Status"], names(cloud)) == ("SUCCESS", ["shop"])


def test_an_accepted_creation_can_fail_afterwards(cloud: Cloud) -> None:
    """N04: the name is free again."""
    cloud.plane.cloudmap.fail_next("CREATE_NAMESPACE", "THROTTLED_REQUEST", "Rate exceeded")
    made = cloud.cloudmap.create_http_namespace(Name="shop")["OperationId"]
    cloud.wait()
    failed = operation(cloud, made)
    assert (failed["Status"], failed["ErrorCode"]) == ("FAIL", "THROTTLED_REQUEST")
    assert names(cloud) == []
    cloud.namespace("shop")


def test_a_taken_name_is_refused_with_the_owners_id(cloud: Cloud) -> None:
    """N01."""
    first = cloud.cloudmap.create_http_namespace(Name="shop", CreatorRequestId="me")
    cloud.wait()
    with refused("NamespaceAlreadyExists") as error:
        cloud.cloudmap.create_http_namespace(Name="shop", CreatorRequestId="you")
    targets = cloud.cloudmap.get_operation(OperationId=first["OperationId"])["Operation"]["Targets"]
    assert error.answer["NamespaceId"] == targets["NAMESPACE"]
    assert error.answer["CreatorRequestId"] == "me"


@pytest.mark.parametrize(
    ("creator", "message"),
    [
        pytest.param("me", "The operation is already in progress.", id="N02, our own"),
        pytest.param("you", "Another operation of type CreateHttpNamespace", id="N03, another's"),
    ],
)
def test_a_creation_in_flight_is_a_duplicate(cloud: Cloud, creator: str, message: str) -> None:
    first = cloud.cloudmap.create_http_namespace(Name="shop", CreatorRequestId="me")["OperationId"]
    with refused("DuplicateRequest") as error:
        cloud.cloudmap.create_http_namespace(Name="shop", CreatorRequestId=creator)
    assert error.answer["DuplicateOperationId"] == first
    assert message in error.message


def test_an_unknown_operation_is_not_found(cloud: Cloud) -> None:
    """N05."""
    with refused("OperationNotFound"):
        operation(cloud, "nothing-like-it")


def test_a_region_holds_fifty_namespaces(cloud: Cloud) -> None:
    """N06."""
    for number in range(50):
        cloud.cloudmap.create_http_namespace(Name=f"shop-{number}")
    with refused("ResourceLimitExceeded"):
        cloud.cloudmap.create_http_namespace(Name="one-more")


@pytest.mark.parametrize("name", ["", "with space", "arn:aws:thing"])
def test_names_that_break_the_pattern_are_refused(cloud: Cloud, name: str) -> None:
    """N07."""
    with refused("InvalidInput"):
        cloud.cloudmap.create_http_namespace(Name=name)


def test_a_filtered_listing_can_have_an_empty_page_before_a_full_one(cloud: Cloud) -> None:
    """N08: paged first, filtered afterwards."""
    for number in range(8):
        cloud.namespace(f"shop-{number}")
    wanted = {"Name": "NAME", "Values": ["shop-5"]}

    pages = list(
        cloud.cloudmap.get_paginator("list_namespaces").paginate(Filters=[wanted], MaxResults=2)
    )

    found = [[item["Name"] for item in page["Namespaces"]] for page in pages]
    assert len(found) == 4
    assert sorted(found) == [[], [], [], ["shop-5"]]
    assert all("NextToken" in page for page in pages[:-1])


def test_namespaces_are_filtered_by_type_and_name_prefix(cloud: Cloud) -> None:
    for name in ("shop-a", "shop-b", "bank"):
        cloud.namespace(name)

    def found(**condition: object) -> set[str]:
        answer = cloud.cloudmap.list_namespaces(Filters=[condition])
        return {item["Name"] for item in answer["Namespaces"]}

    assert found(Name="NAME", Values=["shop-"], Condition="BEGINS_WITH") == {"shop-a", "shop-b"}
    assert found(Name="TYPE", Values=["HTTP"]) == {"shop-a", "shop-b", "bank"}
    assert found(Name="TYPE", Values=["DNS_PRIVATE"]) == set()
    with refused("InvalidInput"):
        found(Name="NAME", Values=["a", "b"], Condition="EQ")


def test_an_unknown_next_token_is_refused(cloud: Cloud) -> None:
    with refused("InvalidInput"):
        cloud.cloudmap.list_namespaces(NextToken="?")


def test_a_name_used_again_has_another_http_name(cloud: Cloud) -> None:
    """N10: DiscoverInstances uses HttpName."""
    first = cloud.namespace("shop")
    assert http_name(cloud, first) == "shop"
    cloud.cloudmap.delete_namespace(Id=first)
    cloud.wait()

    again = http_name(cloud, cloud.namespace("shop"))

    assert again != "shop"
    assert again.startswith("shop-")
    with refused("NamespaceNotFound"):
        discover(cloud, "shop")
    with refused("ServiceNotFound"):
        discover(cloud, again)


def test_a_namespace_with_services_cannot_be_deleted(cloud: Cloud) -> None:
    """N11."""
    namespace = cloud.namespace()
    service = cloud.cloudmap.create_service(Name="web", NamespaceId=namespace)["Service"]
    with refused("ResourceInUse") as error:
        cloud.cloudmap.delete_namespace(Id=namespace)
    assert error.message == (
        "Namespace has associated services; delete the services before deleting the namespace"
    )
    cloud.cloudmap.delete_service(Id=service["Id"])
    cloud.cloudmap.delete_namespace(Id=namespace)


def test_a_deleted_namespace_is_not_found(cloud: Cloud) -> None:
    """N12, N13: a second deletion at the same time is a duplicate."""
    namespace = cloud.namespace()
    first = cloud.cloudmap.delete_namespace(Id=namespace)["OperationId"]
    with refused("DuplicateRequest") as error:
        cloud.cloudmap.delete_namespace(Id=namespace)
    assert error.answer["DuplicateOperationId"] == first
    cloud.wait()
    with refused("NamespaceNotFound"):
        cloud.cloudmap.delete_namespace(Id=namespace)


def test_an_accepted_deletion_can_fail_afterwards(cloud: Cloud) -> None:
    """N14: the namespace still exists, and can be deleted again."""
    namespace = cloud.namespace()
    cloud.plane.cloudmap.fail_next("DELETE_NAMESPACE", "INTERNAL_FAILURE")
    failing = cloud.cloudmap.delete_namespace(Id=namespace)["OperationId"]
    cloud.wait()
    assert operation(cloud, failing)["Status"] == "FAIL"
    assert names(cloud) == ["shop"]
    cloud.cloudmap.delete_namespace(Id=namespace)
    cloud.wait()
    assert names(cloud) == []


def test_a_namespace_has_creator_request_id_service_count_and_tags(cloud: Cloud) -> None:
    cloud.cloudmap.create_http_namespace(
        Name="shop", CreatorRequestId="me", Tags=[{"Key": "owner", "Value": "me"}]
    )
    cloud.wait()
    (summary,) = cloud.cloudmap.list_namespaces()["Namespaces"]
    cloud.cloudmap.create_service(Name="web", NamespaceId=summary["Id"])

    detail = cloud.cloudmap.get_namespace(Id=summary["Id"])["Namespace"]

    assert (detail["CreatorRequestId"], detail["ServiceCount"]) == ("me", 1)
    cloud.cloudmap.tag_resource(ResourceARN=detail["Arn"], Tags=[{"Key": "team", "Value": "shop"}])
    cloud.cloudmap.untag_resource(ResourceARN=detail["Arn"], TagKeys=["owner"])
    tags = cloud.cloudmap.list_tags_for_resource(ResourceARN=detail["Arn"])["Tags"]
    assert tags == [{"Key": "team", "Value": "shop"}]
    with refused("ResourceNotFoundException"):
        cloud.cloudmap.list_tags_for_resource(ResourceARN=detail["Arn"] + "x")


def http_name(cloud: Cloud, namespace: str) -> str:
    found = cloud.cloudmap.get_namespace(Id=namespace)["Namespace"]["Properties"]
    return str(found["HttpProperties"]["HttpName"])


def discover(cloud: Cloud, namespace_name: str) -> None:
    cloud.cloudmap.discover_instances(NamespaceName=namespace_name, ServiceName="web")


class TestShared:
    """Namespaces of other accounts, shared with this one (Cloud Map guide, "Shared Cloud Map
    namespaces"; Cloud Map API, ListNamespaces, ResourceOwner)."""

    def test_they_are_listed_with_their_owner(self, cloud: Cloud) -> None:
        cloud.namespace("shop")
        cloud.plane.cloudmap.share("shop", owner="210987654321")
        owners = {
            item["ResourceOwner"]: item["Arn"]
            for item in cloud.cloudmap.list_namespaces()["Namespaces"]
        }
        assert owners.keys() == {ACCOUNT_ID, "210987654321"}
        assert all(f":{owner}:namespace/" in arn for owner, arn in owners.items())

    @pytest.mark.parametrize(("owner", "ours"), [("SELF", True), ("OTHER_ACCOUNTS", False)])
    def test_a_filter_separates_own_and_shared(self, cloud: Cloud, owner: str, ours: bool) -> None:
        cloud.namespace("shop")
        cloud.plane.cloudmap.share("shop", owner="210987654321")
        filters: list[Any] = [
            {"Name": "NAME", "Values": ["shop"], "Condition": "EQ"},
            {"Name": "RESOURCE_OWNER", "Values": [owner], "Condition": "EQ"},
        ]
        (found,) = cloud.cloudmap.list_namespaces(Filters=filters)["Namespaces"]
        assert (f":{ACCOUNT_ID}:" in found["Arn"]) is ours

    def test_their_tags_cannot_be_read(self, cloud: Cloud) -> None:
        cloud.plane.cloudmap.share("shop", owner="210987654321")
        (found,) = cloud.cloudmap.list_namespaces()["Namespaces"]
        with refused("ResourceNotFoundException"):
            cloud.cloudmap.list_tags_for_resource(ResourceARN=found["Arn"])

    def test_they_block_no_name_and_count_against_no_quota(self, cloud: Cloud) -> None:
        for number in range(50):
            cloud.plane.cloudmap.share(f"shop-{number}", owner="210987654321")
        cloud.namespace("shop-1")
