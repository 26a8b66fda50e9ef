"""How AWS creates, refuses and deletes clusters."""

from __future__ import annotations

import pytest

from localcloud.timings import TEST
from tests.localcloud.strict_cloud import Cloud, connected, fargate_service, refused


def test_a_cluster_with_a_namespace_is_provisioning_until_it_is_attached(cloud: Cloud) -> None:
    """C02: attachments are described only on request."""
    arn = cloud.namespace()
    made = cloud.ecs.create_cluster(clusterName="shop", serviceConnectDefaults={"namespace": arn})
    assert made["cluster"]["status"] == "PROVISIONING"

    cloud.wait()

    (plain,) = cloud.ecs.describe_clusters(clusters=["shop"])["clusters"]
    assert plain["status"] == "ACTIVE"
    assert "attachmentsStatus" not in plain
    (full,) = cloud.ecs.describe_clusters(clusters=["shop"], include=["ATTACHMENTS"])["clusters"]
    assert full["attachmentsStatus"] == "UPDATE_COMPLETE"
    assert [item["status"] for item in full["attachments"]] == ["ATTACHED"]


def test_a_cluster_without_a_namespace_is_active_at_once(cloud: Cloud) -> None:
    made = cloud.ecs.create_cluster(clusterName="shop", tags=[{"key": "owner", "value": "me"}])
    assert made["cluster"]["status"] == "ACTIVE"
    assert made["cluster"]["tags"] == [{"key": "owner", "value": "me"}]


def test_a_failed_namespace_creation_shows_in_the_clusters_attachment(cloud: Cloud) -> None:
    """N04, C02: the attachment is UPDATE_FAILED."""
    cloud.plane.cloudmap.fail_next("CREATE_NAMESPACE", "INTERNAL_FAILURE")
    cloud.cluster(serviceConnectDefaults={"namespace": "shop"})

    (cluster,) = cloud.ecs.describe_clusters(clusters=["shop"], include=["ATTACHMENTS"])["clusters"]
    assert cluster["attachmentsStatus"] == "UPDATE_FAILED"


def test_a_cluster_can_be_created_again_only_with_the_same_arguments(cloud: Cloud) -> None:
    """C03."""
    cloud.cluster(tags=[{"key": "owner", "value": "me"}])
    cloud.cluster(tags=[{"key": "owner", "value": "me"}])

    with refused("InvalidParameterException") as error:
        cloud.cluster(tags=[{"key": "owner", "value": "you"}])
    assert "inconsistent with arguments used in previous request(s)" in error.message


def test_a_namespace_arn_that_does_not_exist_is_refused(cloud: Cloud) -> None:
    """C04."""
    arn = cloud.plane.account.arn("servicediscovery", "namespace/ns-0000000000000000")
    with refused("NamespaceNotFoundException"):
        cloud.cluster(serviceConnectDefaults={"namespace": arn})


def test_a_namespace_name_makes_ecs_create_the_namespace(cloud: Cloud) -> None:
    """N03, N09: a creation of our own meanwhile is refused, because ECS's is in progress."""
    cloud.ecs.create_cluster(clusterName="shop", serviceConnectDefaults={"namespace": "shop"})

    with refused("DuplicateRequest") as error:
        cloud.cloudmap.create_http_namespace(Name="shop")
    assert "Another operation of type CreateHttpNamespace" in error.message


@pytest.mark.parametrize("name", ["a/b", "<a>", 'a"b'])
def test_ecs_accepts_fewer_namespace_names_than_cloud_map(cloud: Cloud, name: str) -> None:
    """N07."""
    with refused("InvalidParameterException"):
        cloud.cluster(serviceConnectDefaults={"namespace": name})


def test_an_unknown_cluster_is_missing_and_not_an_error(cloud: Cloud) -> None:
    """C05."""
    answer = cloud.ecs.describe_clusters(clusters=["nowhere"])
    assert answer["clusters"] == []
    assert [failure["reason"] for failure in answer["failures"]] == ["MISSING"]


def test_a_deleted_cluster_is_inactive_for_a_while_and_cannot_be_used(cloud: Cloud) -> None:
    """C06, C07, C13."""
    cloud.cluster_and_definition()
    cloud.ecs.delete_cluster(cluster="shop")

    (cluster,) = cloud.ecs.describe_clusters(clusters=["shop"])["clusters"]
    assert cluster["status"] == "INACTIVE"
    with refused("ClusterNotFoundException") as error:
        cloud.service()
    assert error.message == "The referenced cluster was inactive."
    assert cloud.ecs.delete_cluster(cluster="shop")["cluster"]["status"] == "INACTIVE"

    cloud.wait(TEST.inactive_visible)

    assert cloud.ecs.describe_clusters(clusters=["shop"])["clusters"] == []
    with refused("ClusterNotFoundException") as error:
        cloud.ecs.delete_cluster(cluster="shop")
    assert error.message == "Cluster not found."


def test_services_cannot_be_created_in_a_cluster_just_created(cloud: Cloud) -> None:
    """C08."""
    cloud.task_definition()
    cloud.ecs.create_cluster(clusterName="shop")
    with refused("ClusterNotFoundException"):
        cloud.service()

    cloud.wait(TEST.cluster_visible)

    assert cloud.service()["status"] == "ACTIVE"


def test_a_cluster_is_busy_while_its_attachment_changes(cloud: Cloud) -> None:
    """C09."""
    cloud.ecs.create_cluster(clusterName="shop", serviceConnectDefaults={"namespace": "shop"})
    for call in (cloud.ecs.delete_cluster, cloud.ecs.update_cluster):
        with refused("UpdateInProgressException") as error:
            call(cluster="shop")
        assert "busy state" in error.message


def test_a_cluster_with_services_cannot_be_deleted_active_or_draining(cloud: Cloud) -> None:
    """C10."""
    cloud.running_web()
    with refused("ClusterContainsServicesException"):
        cloud.ecs.delete_cluster(cluster="shop")
    cloud.ecs.delete_service(cluster="shop", service="web", force=True)
    assert cloud.described()["status"] == "DRAINING"
    with refused("ClusterContainsServicesException"):
        cloud.ecs.delete_cluster(cluster="shop")


def test_a_cluster_with_stopping_tasks_cannot_be_deleted(cloud: Cloud) -> None:
    """C11: services are INACTIVE as soon as their tasks are STOPPING."""
    cloud.running_web()
    cloud.ecs.delete_service(cluster="shop", service="web", force=True)
    cloud.wait(TEST.placement)
    assert cloud.described()["status"] == "INACTIVE"

    with refused("ClusterContainsTasksException"):
        cloud.ecs.delete_cluster(cluster="shop")
    cloud.wait()
    assert cloud.ecs.delete_cluster(cluster="shop")["cluster"]["status"] == "INACTIVE"


def test_the_default_namespace_cannot_be_unset(cloud: Cloud) -> None:
    """C14: documented, and refused."""
    cloud.cluster(serviceConnectDefaults={"namespace": "shop"})
    with refused("InvalidParameterException"):
        cloud.ecs.update_cluster(cluster="shop", serviceConnectDefaults={"namespace": ""})


def test_a_cluster_created_again_has_none_of_the_old_tasks(cloud: Cloud) -> None:
    """C15."""
    cloud.running_web()
    (task,) = cloud.tasks()
    cloud.ecs.delete_service(cluster="shop", service="web", force=True)
    cloud.wait()
    cloud.ecs.delete_cluster(cluster="shop")
    cloud.cluster()

    assert cloud.tasks("STOPPED") == []
    answer = cloud.ecs.describe_tasks(cluster="shop", tasks=[task["taskArn"]])
    assert [failure["reason"] for failure in answer["failures"]] == ["MISSING"]


def test_deleting_a_cluster_leaves_its_namespace(cloud: Cloud) -> None:
    """ECS never deletes a namespace, not even one that it created."""
    cloud.cluster(serviceConnectDefaults={"namespace": "shop"})
    cloud.ecs.delete_cluster(cluster="shop")
    cloud.wait()
    assert [item["Name"] for item in cloud.cloudmap.list_namespaces()["Namespaces"]] == ["shop"]


def test_the_first_use_of_ecs_in_an_account_fails_until_its_role_exists(cloud: Cloud) -> None:
    """C01, S04."""
    cloud.iam.delete_role(RoleName="AWSServiceRoleForECS")
    cloud.task_definition()
    with refused("InvalidParameterException") as error:
        cloud.cluster()
    assert "Unable to assume the service linked role" in error.message

    cloud.cluster()
    cloud.iam.delete_role(RoleName="AWSServiceRoleForECS")
    with refused("InvalidParameterException"):
        cloud.service()
    assert cloud.service()["roleArn"] == cloud.plane.account.service_linked_role_arn


def test_services_use_the_default_namespace_of_their_cluster(cloud: Cloud) -> None:
    arn = cloud.namespace()
    cloud.cluster(serviceConnectDefaults={"namespace": arn})
    cloud.task_definition()
    configuration = connected(arn)
    del configuration["namespace"]
    made = cloud.ecs.create_service(**fargate_service(serviceConnectConfiguration=configuration))
    (deployment,) = made["service"]["deployments"]
    assert deployment["serviceConnectConfiguration"]["namespace"] == arn
