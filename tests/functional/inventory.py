"""What exists in an account, under names that are the same in every run; and foreign resources."""

from __future__ import annotations

from typing import Any

from bivouac.aws import ecs
from bivouac.environment import naming
from bivouac.environment.blueprint import from_ecs_tags
from localcloud.account import EXECUTION_ROLE_NAME, SUBNET_IDS
from tests.functional.account import SETTLED_SECONDS, TABLE, BivouacAccount

Inventory = dict[str, list[str]]


def inventory(account: BivouacAccount) -> Inventory:
    """Every resource of the account, read through the APIs, each as one line."""
    client, cloud_map = account.client("ecs"), account.client("servicediscovery")
    clusters, services, tasks = [], [], []
    for arn in client.list_clusters()["clusterArns"]:
        name = arn.rpartition("/")[2]
        found = ecs.describe_cluster(client, name)
        assert found is not None
        clusters.append(f"{name} {found['status']} {_owner(found)}")
        listed = ecs.describe_services(client, name, ecs.list_services(client, name))
        services += [
            f"{name}/{service['serviceName']} {service['status']} "
            f"{service['runningCount']}/{service['desiredCount']}, "
            f"{len(service['deployments'])} deployment(s), "
            f"{service['taskDefinition'].rpartition('/')[2]}"
            for service in listed.values()
        ]
        running = ecs.describe_tasks(client, name, ecs.list_tasks(client, name, "RUNNING"))
        tasks += [f"{name} {task['group']} {task['lastStatus']}" for task in running]
    return {
        "clusters": sorted(clusters),
        "services": sorted(services),
        "tasks": sorted(tasks),
        "definitions": sorted(
            f"{arn.rpartition('/')[2]} {status}"
            for status in ("ACTIVE", "INACTIVE")
            for arn in client.list_task_definitions(status=status)["taskDefinitionArns"]
        ),
        "namespaces": sorted(entry["Name"] for entry in _namespaces(cloud_map)),
        "discovery": sorted(
            f"{service['Name']} with {len(_instances(cloud_map, service))} instance(s)"
            for service in cloud_map.list_services()["Services"]
        ),
        "logs": sorted(
            f"{group['logGroupName']} {group.get('retentionInDays')}"
            for group in account.client("logs").describe_log_groups()["logGroups"]
        ),
        "schedules": sorted(account.armed()),
        "records": sorted(
            f"{item['environment']['S']} {item['generation']['N']} {item['status']['S']}"
            for item in account.client("dynamodb").scan(TableName=TABLE)["Items"]
        ),
    }


def foreign_neighbours(account: BivouacAccount) -> None:
    """Resources that others created beside the environment "demo", some with names like ours
    (D18)."""
    client = account.client("ecs")
    account.client("servicediscovery").create_http_namespace(Name="theirs")
    account.pass_time(60)
    namespace = _namespaces(account.client("servicediscovery"))[0]
    for name in ("theirs", "bivouac-demo-2"):
        client.create_cluster(
            clusterName=name, serviceConnectDefaults={"namespace": namespace["Arn"]}
        )
    account.pass_time(60)
    for family in ("theirs", "bivouac-demo-2--web", "bivouac-demo--webshop"):
        client.register_task_definition(**definition(family))
    client.create_service(
        cluster="theirs",
        serviceName="web",
        taskDefinition="theirs",
        desiredCount=1,
        launchType="FARGATE",
        networkConfiguration={"awsvpcConfiguration": {"subnets": [SUBNET_IDS[0]]}},
        serviceConnectConfiguration={
            "enabled": True,
            "services": [{"portName": "web", "clientAliases": [{"port": 80}]}],
        },
    )
    for group in ("/theirs", "/bivouac-demo-2/web", "/bivouac-demo/theirs"):
        account.client("logs").create_log_group(logGroupName=group)
    account.pass_time(60)


def foreign_service(account: BivouacAccount, cluster: str, name: str = "theirs") -> None:
    """Somebody adds a service to one of our clusters."""
    client = account.client("ecs")
    client.register_task_definition(**definition("theirs"))
    client.create_service(
        cluster=cluster,
        serviceName=name,
        taskDefinition="theirs",
        desiredCount=1,
        launchType="FARGATE",
        networkConfiguration={"awsvpcConfiguration": {"subnets": [SUBNET_IDS[0]]}},
    )
    account.pass_time(SETTLED_SECONDS)


def definition(family: str) -> dict[str, Any]:
    """RegisterTaskDefinition arguments of somebody else."""
    return {
        "family": family,
        "networkMode": "awsvpc",
        "requiresCompatibilities": ["FARGATE"],
        "cpu": "256",
        "memory": "512",
        "executionRoleArn": f"arn:aws:iam::123456789012:role/{EXECUTION_ROLE_NAME}",
        "containerDefinitions": [
            {
                "name": "web",
                "image": "theirs",
                "portMappings": [{"name": "web", "containerPort": 80, "appProtocol": "http"}],
            }
        ],
    }


def _owner(found: dict[str, Any]) -> str:
    tags = from_ecs_tags(found.get("tags"))
    return f"of {tags[naming.STACK_TAG]} {tags[naming.ENVIRONMENT_TAG]}" if tags else "not ours"


def _namespaces(client: Any) -> list[Any]:
    pages = client.get_paginator("list_namespaces").paginate()
    return [entry for page in pages for entry in page["Namespaces"]]


def _instances(client: Any, service: Any) -> list[Any]:
    return list(client.list_instances(ServiceId=service["Id"])["Instances"])
