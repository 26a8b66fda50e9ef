"""Service Connect: names, endpoints, Cloud Map, and what tasks resolve."""

from __future__ import annotations

from typing import Any

import pytest

from localcloud.tasks.runtime import Timeouts
from localcloud.timings import TEST
from tests.localcloud.strict_cloud import (
    Cloud,
    connected,
    fargate_service,
    fargate_task,
    refused,
    web_container,
)


@pytest.fixture
def namespace(cloud: Cloud) -> str:
    cloud.cluster_and_definition()
    return cloud.namespace()


REGION_AND_PREFIX = {"awslogs-region": "ap-northeast-1", "awslogs-stream-prefix": "proxy"}


def aliases(cloud: Cloud, number: int) -> list[tuple[str, int]]:
    """The aliases that the task with this index resolves."""
    proxy = cloud.runtime.handed_over[number].proxy
    assert proxy is not None
    return [(alias.dns_name, alias.port) for alias in proxy.client_aliases]


REFUSED = [
    pytest.param(
        {"portName": "nothing"},
        "portName(nothing) does not refer to any named PortMapping",
        id="S08",
    ),
    pytest.param(
        {"clientAliases": [{"port": 80}, {"port": 81}]},
        "2 clientAliases exceeds the max limit of 1",
        id="S10",
    ),
    pytest.param(
        {"clientAliases": [{"port": 80, "dnsName": "-web"}]},
        "The DNS name that you provided is invalid",
        id="S11, begins with a hyphen",
    ),
    pytest.param(
        {"clientAliases": [{"port": 80, "dnsName": "Web"}]},
        "The DNS name that you provided is invalid",
        id="S11, upper case",
    ),
    pytest.param({"clientAliases": []}, "clientAliases must have 1 element.", id="no alias"),
    pytest.param({"discoveryName": "Web"}, "discoveryName 'Web' is invalid", id="upper case"),
    pytest.param({"discoveryName": "-web"}, "discoveryName '-web' is invalid", id="hyphen first"),
]


@pytest.mark.parametrize(("endpoint", "message"), REFUSED)
def test_an_endpoint_that_breaks_a_rule_is_refused(
    cloud: Cloud, namespace: str, endpoint: dict[str, Any], message: str
) -> None:
    with refused("InvalidParameterException") as error:
        cloud.service(serviceConnectConfiguration=connected(namespace, **endpoint))
    assert message in error.message
    assert cloud.cloudmap.list_services()["Services"] == []


def test_service_connect_needs_a_namespace(cloud: Cloud, namespace: str) -> None:
    """S09."""
    with refused("InvalidParameterException") as error:
        cloud.service(serviceConnectConfiguration={"enabled": True})
    assert error.message == "Namespace is missing"


def test_an_unknown_namespace_arn_is_refused(cloud: Cloud, namespace: str) -> None:
    """C04."""
    with refused("NamespaceNotFoundException"):
        cloud.service(serviceConnectConfiguration=connected(namespace + "x"))


def test_an_unknown_namespace_name_silently_creates_a_namespace(
    cloud: Cloud, namespace: str
) -> None:
    """N09: by name, and names are case-sensitive."""
    cloud.service(serviceConnectConfiguration=connected("Shop"))
    cloud.wait()
    names = {item["Name"] for item in cloud.cloudmap.list_namespaces()["Namespaces"]}
    assert names == {"shop", "Shop"}


def test_task_level_memory_is_required(cloud: Cloud, namespace: str) -> None:
    """T15."""
    arguments = fargate_task(containerDefinitions=[web_container(memory=512)])
    del arguments["requiresCompatibilities"], arguments["memory"]
    cloud.ecs.register_task_definition(**arguments)
    with refused("InvalidParameterException") as error:
        cloud.ecs.create_service(
            **{
                name: value
                for name, value in fargate_service(
                    serviceConnectConfiguration=connected(namespace)
                ).items()
                if name != "launchType"
            }
        )
    assert "task-level memory" in error.message


def test_a_service_has_at_most_a_thousand_connected_tasks(cloud: Cloud, namespace: str) -> None:
    """S24."""
    with refused("InvalidParameterException") as error:
        cloud.service(desiredCount=1001, serviceConnectConfiguration=connected(namespace))
    assert "1000" in error.message


def test_the_proxies_on_both_sides_get_the_time_outs(cloud: Cloud, namespace: str) -> None:
    """P10."""
    given = {"perRequestTimeoutSeconds": 7, "idleTimeoutSeconds": 30}
    cloud.service(serviceConnectConfiguration=connected(namespace, timeout=given))
    cloud.wait()
    proxy = cloud.runtime.handed_over[0].proxy
    assert proxy is not None
    assert [ingress.timeouts for ingress in proxy.ingress] == [Timeouts(7, 30)]
    assert [alias.timeouts for alias in proxy.client_aliases] == [Timeouts(7, 30)]


def test_a_discovery_name_belongs_to_one_service_of_the_namespace(
    cloud: Cloud, namespace: str
) -> None:
    """S07."""
    cloud.service(serviceConnectConfiguration=connected(namespace))
    with refused("InvalidParameterException") as error:
        cloud.service("other", serviceConnectConfiguration=connected(namespace))
    assert error.message == f"SC service is already used by {namespace}"


def test_an_orphaned_cloud_map_service_keeps_the_name_until_it_is_deleted(
    cloud: Cloud, namespace: str
) -> None:
    """S07: the Cloud Map service that a rolled-back deployment has left."""
    orphan = cloud.cloudmap.create_service(
        Name="web", NamespaceId=namespace, Tags=[{"Key": "AmazonECSManaged", "Value": "true"}]
    )
    with refused("InvalidParameterException"):
        cloud.service(serviceConnectConfiguration=connected(namespace))
    cloud.cloudmap.delete_service(Id=orphan["Service"]["Id"])
    cloud.service(serviceConnectConfiguration=connected(namespace))


def test_an_alias_is_unique_in_a_namespace(cloud: Cloud, namespace: str) -> None:
    """S12: the pair of name and port."""
    cloud.service(serviceConnectConfiguration=connected(namespace))
    with refused("InvalidParameterException") as error:
        cloud.service("b", serviceConnectConfiguration=connected(namespace, discoveryName="b"))
    assert "web:80" in error.message
    cloud.service(
        "c",
        serviceConnectConfiguration=connected(
            namespace, discoveryName="c", clientAliases=[{"port": 81, "dnsName": "web"}]
        ),
    )


def test_a_tasks_endpoints_need_different_ports(cloud: Cloud, namespace: str) -> None:
    """S12."""
    configuration = connected(namespace)
    configuration["services"].append(
        {"portName": "http", "discoveryName": "again", "clientAliases": [{"port": 81}]}
    )
    with refused("InvalidParameterException") as error:
        cloud.service(serviceConnectConfiguration=configuration)
    assert "ingress ports" in error.message
    configuration["services"][1]["ingressPortOverride"] = 15000
    cloud.service(serviceConnectConfiguration=configuration)


@pytest.mark.parametrize("port", [0, 1024])
def test_the_proxy_listens_on_no_privileged_port(cloud: Cloud, namespace: str, port: int) -> None:
    """hashicorp/terraform-provider-aws#28293."""
    configuration = connected(namespace)
    configuration["services"][0]["ingressPortOverride"] = port
    with refused("InvalidParameterException") as error:
        cloud.service(serviceConnectConfiguration=configuration)
    assert error.message == "IngressPortOverride cannot use ports <= 1024."


def test_configuration_is_described_only_under_deployments(cloud: Cloud, namespace: str) -> None:
    made = cloud.service(
        serviceConnectConfiguration={
            "enabled": True,
            "namespace": namespace,
            "services": [{"portName": "http", "clientAliases": [{"port": 80}]}],
        }
    )
    assert "serviceConnectConfiguration" not in made
    configuration = made["deployments"][0]["serviceConnectConfiguration"]
    assert configuration["services"] == [
        {
            "portName": "http",
            "discoveryName": "http",
            "clientAliases": [{"port": 80, "dnsName": "http.shop"}],
        }
    ]


def test_the_endpoint_exists_before_any_task_and_is_marked_as_managed(
    cloud: Cloud, namespace: str
) -> None:
    made = cloud.service(serviceConnectConfiguration=connected(namespace))
    (resource,) = made["deployments"][0]["serviceConnectResources"]
    tags = cloud.cloudmap.list_tags_for_resource(ResourceARN=resource["discoveryArn"])["Tags"]
    assert [tag["Key"] for tag in tags] == ["AmazonECSManaged"]
    found = cloud.cloudmap.get_service(Id=resource["discoveryArn"])["Service"]
    assert (found["Name"], found["InstanceCount"]) == ("web", 0)


def test_running_tasks_are_registered_a_little_later_and_deregistered_at_the_end(
    cloud: Cloud, namespace: str
) -> None:
    """H21, P03."""
    made = cloud.service(desiredCount=2, serviceConnectConfiguration=connected(namespace))
    discovery_arn = made["deployments"][0]["serviceConnectResources"][0]["discoveryArn"]
    cloud.wait(TEST.placement + TEST.provisioning + TEST.pull)
    assert [task["lastStatus"] for task in cloud.tasks()] == ["ACTIVATING", "ACTIVATING"]
    cloud.wait(TEST.registration / 2)
    assert [task["lastStatus"] for task in cloud.tasks()] == ["RUNNING", "RUNNING"]
    assert instances(cloud, discovery_arn) == {}

    cloud.wait(TEST.registration)

    addresses = {
        task["taskArn"].rsplit("/", 1)[-1]: (private_ip(task), "8080") for task in cloud.tasks()
    }
    assert instances(cloud, discovery_arn) == addresses
    leads_to = {(ip, int(port)) for ip, port in addresses.values()}
    assert set(cloud.runtime.endpoints[endpoint_key(namespace)]) == leads_to

    cloud.ecs.update_service(cluster="shop", service="web", desiredCount=0)
    cloud.wait()
    assert instances(cloud, discovery_arn) == {}
    assert cloud.runtime.endpoints[endpoint_key(namespace)] == ()


def test_the_proxy_is_described_as_attachment_and_container(cloud: Cloud, namespace: str) -> None:
    """H21. The type as AWS returns it; its documentation has a space in it (recorded in July 2024:
    github.com/apptality/aws-ecs-cloudmap-prometheus-sd, EcsDiscovery.cs)."""
    cloud.service(serviceConnectConfiguration=connected(namespace))
    cloud.wait(TEST.placement + TEST.provisioning)
    assert attachments(cloud.tasks()[0])["ServiceConnect"]["status"] == "PRECREATED"
    cloud.wait()
    (task,) = cloud.tasks()
    attachment = attachments(task)["ServiceConnect"]
    (detail,) = attachment["details"]
    assert (attachment["status"], detail["name"]) == ("ATTACHED", "ContainerName")
    (proxy,) = [item for item in task["containers"] if item["name"] == detail["value"]]
    assert (proxy["lastStatus"], proxy["healthStatus"]) == ("RUNNING", "HEALTHY")
    assert task["healthStatus"] == "UNKNOWN"


def test_a_client_resolves_only_what_existed_when_its_deployment_began(
    cloud: Cloud, namespace: str
) -> None:
    """P08: not even a replacement task does; a new deployment does."""
    client = {"serviceConnectConfiguration": {"enabled": True, "namespace": namespace}}
    cloud.service("client", **client)
    cloud.service("web", serviceConnectConfiguration=connected(namespace))
    cloud.wait()
    first, web = (task.task_id for task in cloud.runtime.handed_over)
    assert (aliases(cloud, 0), aliases(cloud, 1)) == ([], [("web", 80)])

    cloud.ecs.stop_task(cluster="shop", task=first)
    cloud.wait()
    assert aliases(cloud, 2) == []

    cloud.ecs.update_service(cluster="shop", service="client", forceNewDeployment=True)
    cloud.wait()
    assert aliases(cloud, 3) == [("web", 80)]
    assert web in {task.task_id for task in cloud.runtime.running()}


def test_a_client_deployed_soon_after_its_server_may_not_resolve_it(
    cloud: Cloud, namespace: str
) -> None:
    """Services created together are reported not to find each other now and then (2024:
    ben-foster.dev; github.com/aws/containers-roadmap/issues/2692). A deployment helps."""
    client = {"serviceConnectConfiguration": {"enabled": True, "namespace": namespace}}
    cloud.plane.endpoint_lag = 1.0
    cloud.service("web", serviceConnectConfiguration=connected(namespace))
    cloud.wait(0.5)
    cloud.service("client", **client)
    cloud.wait()
    assert (aliases(cloud, 0), aliases(cloud, 1)) == ([("web", 80)], [])

    cloud.ecs.update_service(cluster="shop", service="client", forceNewDeployment=True)
    cloud.wait()
    assert aliases(cloud, 2) == [("web", 80)]

    cloud.ecs.update_service(cluster="shop", service="web", forceNewDeployment=True)
    cloud.ecs.update_service(cluster="shop", service="client", forceNewDeployment=True)
    cloud.wait()
    handed_over = cloud.runtime.handed_over
    assert [aliases(cloud, number) for number in range(len(handed_over))][3:] == [
        [("web", 80)],
        [("web", 80)],
    ], "an endpoint keeps its age through deployments"


@pytest.mark.parametrize("forced", [True, False], ids=["forced", "configuration changed"])
def test_a_deployment_resolves_only_what_exists_when_it_begins(
    cloud: Cloud, namespace: str, forced: bool
) -> None:
    """P08, S19: desiredCount starts no deployment, so new tasks resolve no more than the old
    ones."""
    configuration: dict[str, Any] = {"enabled": True, "namespace": namespace}
    cloud.service("client", serviceConnectConfiguration=configuration)
    cloud.service("web", serviceConnectConfiguration=connected(namespace))
    cloud.wait()
    cloud.ecs.update_service(cluster="shop", service="client", desiredCount=2)
    cloud.wait()
    assert aliases(cloud, 2) == []

    log = {"logDriver": "awslogs", "options": {"awslogs-group": "proxy", **REGION_AND_PREFIX}}
    cloud.logs.create_log_group(logGroupName="proxy")
    logged = {"serviceConnectConfiguration": {**configuration, "logConfiguration": log}}
    change: dict[str, Any] = {"forceNewDeployment": True} if forced else logged
    cloud.ecs.update_service(cluster="shop", service="client", **change)
    later = connected(namespace, discoveryName="api", clientAliases=[{"port": 80, "dnsName": "a"}])
    cloud.service("api", serviceConnectConfiguration=later)
    cloud.wait()
    handed_over = cloud.runtime.handed_over
    clients = [n for n, task in enumerate(handed_over) if task.proxy and not task.proxy.ingress]
    assert [aliases(cloud, number) for number in clients[2:]] == [[("web", 80)]] * 2


def test_the_protocol_of_a_port_cannot_change(cloud: Cloud, namespace: str) -> None:
    """T14."""
    arn = cloud.service(serviceConnectConfiguration=connected(namespace))["serviceArn"]
    grpc = web_container(
        portMappings=[{"name": "http", "containerPort": 8080, "appProtocol": "grpc"}]
    )
    changed = cloud.task_definition(containerDefinitions=[grpc])
    with refused("InvalidParameterException") as error:
        cloud.ecs.update_service(cluster="shop", service="web", taskDefinition=changed)
    assert error.message == (
        "The following config cannot be changed for a SC service. Previous config: "
        f"ScServiceStableConfig(applicationProtocol=http, transportProtocol=tcp, "
        f"ecsServiceArn={arn}), current config: "
        f"ScServiceStableConfig(applicationProtocol=grpc, transportProtocol=tcp, "
        f"ecsServiceArn={arn})"
    )


def test_the_number_of_a_port_can_change(cloud: Cloud, namespace: str) -> None:
    """T14: only the protocols must stay."""
    cloud.service(serviceConnectConfiguration=connected(namespace))
    moved = web_container(
        portMappings=[{"name": "http", "containerPort": 9090, "appProtocol": "http"}]
    )
    changed = cloud.task_definition(containerDefinitions=[moved])
    cloud.ecs.update_service(cluster="shop", service="web", taskDefinition=changed)
    cloud.wait()
    assert cloud.described()["deployments"][0]["rolloutState"] == "COMPLETED"


def test_services_are_found_by_their_namespace(cloud: Cloud, namespace: str) -> None:
    made = cloud.service(serviceConnectConfiguration=connected(namespace))
    cloud.service("apart")
    for identifier in (namespace, "shop"):
        answer = cloud.ecs.list_services_by_namespace(namespace=identifier)
        assert answer["serviceArns"] == [made["serviceArn"]]
    with refused("NamespaceNotFoundException"):
        cloud.ecs.list_services_by_namespace(namespace="nothing")


def test_the_endpoint_is_removed_some_time_after_its_service(cloud: Cloud, namespace: str) -> None:
    """N11, D09: until then the namespace cannot be deleted."""
    cloud.service(serviceConnectConfiguration=connected(namespace))
    cloud.wait()
    cloud.ecs.delete_service(cluster="shop", service="web", force=True)
    cloud.wait(TEST.placement + TEST.registration)
    assert cloud.described()["status"] == "INACTIVE"
    with refused("ResourceInUse"):
        cloud.cloudmap.delete_namespace(Id=namespace)
    cloud.wait(TEST.discovery_removal)
    cloud.cloudmap.delete_namespace(Id=namespace)


def test_ecs_leaves_its_cloud_map_service_when_somebody_else_uses_it(
    cloud: Cloud, namespace: str
) -> None:
    """S07, D09: a stranger's registration there makes it an orphan."""
    made = cloud.service(serviceConnectConfiguration=connected(namespace))
    discovery_arn = made["deployments"][0]["serviceConnectResources"][0]["discoveryArn"]
    cloud.cloudmap.register_instance(
        ServiceId=discovery_arn.rsplit("/", 1)[-1], InstanceId="stranger", Attributes={}
    )
    cloud.wait()
    cloud.ecs.delete_service(cluster="shop", service="web", force=True)
    cloud.wait()
    assert set(instances(cloud, discovery_arn)) == {"stranger"}
    with refused("InvalidParameterException"):
        cloud.service(serviceConnectConfiguration=connected(namespace))


def instances(cloud: Cloud, discovery_arn: str) -> dict[str, tuple[str, str]]:
    found = cloud.cloudmap.list_instances(ServiceId=discovery_arn)["Instances"]
    return {
        item["Id"]: (
            item["Attributes"].get("AWS_INSTANCE_IPV4", ""),
            item["Attributes"].get("AWS_INSTANCE_PORT", ""),
        )
        for item in found
    }


def attachments(task: dict[str, Any]) -> dict[str, dict[str, Any]]:
    return {attachment["type"]: attachment for attachment in task["attachments"]}


def private_ip(task: dict[str, Any]) -> str:
    details = attachments(task)["ElasticNetworkInterface"]["details"]
    return str(next(d["value"] for d in details if d["name"] == "privateIPv4Address"))


def endpoint_key(namespace: str) -> str:
    return f"{namespace.rsplit('/', 1)[-1]}/web"
