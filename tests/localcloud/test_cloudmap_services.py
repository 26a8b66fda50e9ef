"""Services and instances of Cloud Map."""

from __future__ import annotations

from tests.localcloud.strict_cloud import Cloud, refused


def web(cloud: Cloud, namespace: str) -> str:
    made = cloud.cloudmap.create_service(Name="web", NamespaceId=namespace)
    return str(made["Service"]["Id"])


def register(cloud: Cloud, service: str, instance: str) -> str:
    answer = cloud.cloudmap.register_instance(
        ServiceId=service, InstanceId=instance, Attributes={"AWS_INSTANCE_IPV4": "172.31.0.9"}
    )
    return str(answer["OperationId"])


def instances(cloud: Cloud, service: str) -> list[str]:
    return [item["Id"] for item in cloud.cloudmap.list_instances(ServiceId=service)["Instances"]]


def test_a_service_with_instances_cannot_be_deleted(cloud: Cloud) -> None:
    """D09, D10."""
    service = web(cloud, cloud.namespace())
    register(cloud, service, "one")
    cloud.wait()
    with refused("ResourceInUse") as error:
        cloud.cloudmap.delete_service(Id=service)
    assert error.message.startswith("Service contains registered instances;")

    cloud.cloudmap.deregister_instance(ServiceId=service, InstanceId="one")
    cloud.wait()
    cloud.cloudmap.delete_service(Id=service)

    with refused("ServiceNotFound"):
        cloud.cloudmap.delete_service(Id=service)


def test_an_instance_is_deregistered_once_and_then_not_found(cloud: Cloud) -> None:
    """D11."""
    service = web(cloud, cloud.namespace())
    register(cloud, service, "one")
    cloud.wait()
    first = cloud.cloudmap.deregister_instance(ServiceId=service, InstanceId="one")["OperationId"]
    with refused("DuplicateRequest") as error:
        cloud.cloudmap.deregister_instance(ServiceId=service, InstanceId="one")
    assert error.answer["DuplicateOperationId"] == first
    assert instances(cloud, service) == ["one"]
    cloud.wait()
    assert instances(cloud, service) == []
    with refused("InstanceNotFound"):
        cloud.cloudmap.deregister_instance(ServiceId=service, InstanceId="one")


def test_a_registration_fails_if_its_service_is_deleted_meanwhile(cloud: Cloud) -> None:
    """D12."""
    service = web(cloud, cloud.namespace())
    accepted = register(cloud, service, "one")
    cloud.cloudmap.delete_service(Id=service)
    cloud.wait()
    found = cloud.cloudmap.get_operation(OperationId=accepted)["Operation"]
    assert found["Status"] == "FAIL"


def test_a_service_created_again_under_its_name_has_its_old_id(cloud: Cloud) -> None:
    """D13: only the time of creation tells them apart."""
    namespace = cloud.namespace()
    service = web(cloud, namespace)
    before = cloud.cloudmap.get_service(Id=service)["Service"]["CreateDate"]
    cloud.cloudmap.delete_service(Id=service)
    cloud.wait()
    assert web(cloud, namespace) == service
    assert cloud.cloudmap.get_service(Id=service)["Service"]["CreateDate"] > before


def test_service_names_are_unique_in_a_namespace(cloud: Cloud) -> None:
    namespace = cloud.namespace()
    service = web(cloud, namespace)
    with refused("ServiceAlreadyExists") as error:
        web(cloud, namespace)
    assert error.answer["ServiceId"] == service
    web(cloud, cloud.namespace("another"))


def test_services_are_paged_first_and_filtered_afterwards(cloud: Cloud) -> None:
    """N08, D16: three and more pages, some of them empty, none of them recognisable as the last."""
    full, sparse = cloud.namespace("full"), cloud.namespace("sparse")
    first = cloud.cloudmap.create_service(Name="first", NamespaceId=sparse)["Service"]["Id"]
    for number in range(6):
        cloud.cloudmap.create_service(Name=f"web-{number}", NamespaceId=full)
    last = cloud.cloudmap.create_service(Name="last", NamespaceId=sparse)["Service"]["Id"]
    wanted = {"Name": "NAMESPACE_ID", "Values": [sparse.rsplit("/", 1)[-1]]}

    pages = list(
        cloud.cloudmap.get_paginator("list_services").paginate(Filters=[wanted], MaxResults=2)
    )

    found = [[item["Id"] for item in page["Services"]] for page in pages]
    assert found == [[first], [], [], [last]]


def test_instances_are_paged(cloud: Cloud) -> None:
    """P03, D16."""
    service = web(cloud, cloud.namespace())
    for number in range(7):
        register(cloud, service, f"i-{number}")
    cloud.wait()
    pages = cloud.cloudmap.get_paginator("list_instances").paginate(ServiceId=service, MaxResults=3)
    found = [[item["Id"] for item in page["Instances"]] for page in pages]
    assert [len(page) for page in found] == [3, 3, 1]
    assert {name for page in found for name in page} == {f"i-{number}" for number in range(7)}


def test_an_instance_has_its_attributes(cloud: Cloud) -> None:
    service = web(cloud, cloud.namespace())
    register(cloud, service, "one")
    cloud.wait()
    found = cloud.cloudmap.get_instance(ServiceId=service, InstanceId="one")["Instance"]
    assert found["Attributes"] == {"AWS_INSTANCE_IPV4": "172.31.0.9"}
    discovered = cloud.cloudmap.discover_instances(NamespaceName="shop", ServiceName="web")
    assert [item["InstanceId"] for item in discovered["Instances"]] == ["one"]
