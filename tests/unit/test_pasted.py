"""Requests as people paste them: output of other tools and of AWS becomes an environment, and every
field that is not used as written is reported."""

from __future__ import annotations

import json
from typing import Any

import pytest

from bivouac.environment.blueprint import Blueprint
from bivouac.request.findings import What
from bivouac.request.planning.plan import Plan, plan
from tests import requests
from tests.requests import environment, web
from tests.unit.planned import planned, problems

STACK = requests.settings()
ACCOUNT = "arn:aws:ecs:ap-northeast-1:123456789012"


def checked(content: Any) -> Plan:
    return plan(content, STACK, requests.NOW)


def accepted(content: Any) -> tuple[Blueprint, Plan]:
    found = checked(content)
    assert not found.problems, found.problems
    assert found.blueprint is not None
    return found.blueprint, found


def reported(found: Plan, what: What) -> list[str]:
    return [note.path for note in found.notes if note.what == what]


def container(**changes: Any) -> dict[str, Any]:
    return {
        "name": "app",
        "image": "nginx",
        "portMappings": [{"name": "http", "containerPort": 80, "appProtocol": "http"}],
        **changes,
    }


def definition(*containers: dict[str, Any], **changes: Any) -> dict[str, Any]:
    """RegisterTaskDefinition's arguments."""
    return {
        "cpu": "256",
        "memory": "512",
        "containerDefinitions": list(containers) or [container()],
        **changes,
    }


def described_definition(**changes: Any) -> dict[str, Any]:
    """The answer of `aws ecs describe-task-definition` (ECS API: TaskDefinition)."""
    return definition(
        container(cpu=0, essential=True, environment=[], mountPoints=[], volumesFrom=[]),
        taskDefinitionArn=f"{ACCOUNT}:task-definition/web:7",
        family="web",
        networkMode="awsvpc",
        revision=7,
        volumes=[],
        status="ACTIVE",
        requiresAttributes=[{"name": "ecs.capability.task-eni"}],
        placementConstraints=[],
        compatibilities=["EC2", "FARGATE"],
        requiresCompatibilities=["FARGATE"],
        registeredAt="2026-01-01T00:00:00Z",
        registeredBy="arn:aws:iam::123456789012:user/someone",
        **changes,
    )


def connect(**changes: Any) -> dict[str, Any]:
    entry = {"portName": "http", "clientAliases": [{"port": 80, "dnsName": "web"}]}
    return {"enabled": True, "services": [entry], **changes}


def service(**changes: Any) -> dict[str, Any]:
    """CreateService's arguments, with the definition in its place."""
    return {
        "serviceName": "web",
        "taskDefinition": definition(),
        "serviceConnectConfiguration": connect(),
        **changes,
    }


def described_service(**changes: Any) -> dict[str, Any]:
    """The answer of `aws ecs describe-services`: Service Connect is in the deployments (ECS API:
    Service, Deployment)."""
    namespace = "arn:aws:servicediscovery:ap-northeast-1:123456789012:namespace/ns-vdpucf3aztj23ecw"
    return {
        "serviceArn": f"{ACCOUNT}:service/shop/web",
        "serviceName": "web",
        "clusterArn": f"{ACCOUNT}:cluster/shop",
        "loadBalancers": [],
        "serviceRegistries": [],
        "status": "ACTIVE",
        "desiredCount": 2,
        "runningCount": 2,
        "pendingCount": 0,
        "launchType": "FARGATE",
        "platformVersion": "LATEST",
        "platformFamily": "Linux",
        "taskDefinition": f"{ACCOUNT}:task-definition/web:7",
        "deployments": [
            {"status": "ACTIVE", "serviceConnectConfiguration": {"enabled": False}},
            {
                "id": "ecs-svc/1234567890123456789",
                "status": "PRIMARY",
                "runningCount": 2,
                "serviceConnectConfiguration": connect(namespace=namespace),
            },
        ],
        "roleArn": "arn:aws:iam::123456789012:role/aws-service-role/ecs.amazonaws.com/x",
        "events": [{"id": "1", "message": "(service web) has reached a steady state."}],
        "createdAt": "2026-01-01T00:00:00Z",
        "createdBy": "arn:aws:iam::123456789012:user/someone",
        "placementConstraints": [],
        "placementStrategy": [],
        "healthCheckGracePeriodSeconds": 0,
        "schedulingStrategy": "REPLICA",
        "deploymentController": {"type": "ECS"},
        "enableECSManagedTags": True,
        "propagateTags": "NONE",
        "enableExecuteCommand": False,
        **changes,
    }


# --- what AWS describes --------------------------------------------------------------------------


def test_a_described_task_definition_can_be_registered() -> None:
    blueprint, found = accepted(environment(service(taskDefinition=described_definition())))
    made = blueprint.services[0].definition
    assert made is not None
    assert not {"revision", "status", "registeredAt", "taskDefinitionArn"} & set(made)
    dropped = reported(found, "dropped")
    assert "services[0].taskDefinition.revision" in dropped
    assert "services[0].taskDefinition.requiresAttributes" in dropped


def test_a_described_service_brings_its_service_connect_configuration() -> None:
    given = described_service(taskDefinition=described_definition())
    blueprint, found = accepted(environment(given))
    (made,) = blueprint.services
    assert made.arguments["desiredCount"] == 2
    (endpoint,) = made.endpoints
    assert (endpoint.port_name, endpoint.port) == ("http", 80)
    assert "services[0].deployments[1].serviceConnectConfiguration" in reported(found, "takenOver")
    renamed = {each.path: (each.given, each.used) for each in blueprint.renamed}
    assert renamed["services[0] (web).clusterArn"] == (f"{ACCOUNT}:cluster/shop", "bivouac-demo")


def test_the_namespaces_arn_in_a_described_service_is_replaced_by_the_environments_own() -> None:
    blueprint, found = accepted(environment(described_service(taskDefinition=definition())))
    assert blueprint.namespace == "bivouac-demo"
    (replaced,) = reported(found, "replaced")
    assert replaced == "services[0].deployments[1].serviceConnectConfiguration.namespace"


@pytest.mark.parametrize(
    "wrapped",
    [
        {"services": [service()], "failures": []},
        {"service": service()},
        {"Type": "AWS::ECS::Service", "Properties": service()},
        json.dumps(service()),
        service(taskDefinition={"taskDefinition": definition()}),
        service(taskDefinition={"taskDefinition": definition(), "tags": [], "failures": []}),
        service(taskDefinition=json.dumps({"taskDefinition": definition()})),
        service(taskDefinition=json.dumps(definition(), indent=2)),
        service(taskDefinition=definition(containerDefinitions=[container(), None])),
        service(taskDefinition=definition(containerDefinitions=json.dumps([container()]))),
    ],
)
def test_wrappers_and_json_text_are_unwrapped(wrapped: Any) -> None:
    """As the CLI prints them, and as Terraform has the containers."""
    assert planned(environment(wrapped)).services == planned(environment(service())).services


def test_several_services_of_one_answer_are_several_services() -> None:
    answer = {"services": [web(), web(serviceName="api")], "failures": []}
    services = planned(environment(answer, web(serviceName="db"))).services
    assert [each.service_name for each in services] == ["web", "api", "db"]
    answer["services"][1]["desiredCount"] = -1
    (problem,) = problems(environment(web(serviceName="db"), answer))
    assert problem.startswith("services[1].services[1] (api).desiredCount")


@pytest.mark.parametrize(
    ("sizes", "cpu", "memory"),
    [
        ([{}], "256", "512"),
        ([{"memory": 512}], "256", "1024"),
        ([{"cpu": 300, "memory": 2048}, {"memory": 4096, "memoryReservation": 256}], "512", "4096"),
    ],
)
def test_a_list_of_containers_alone_is_a_task_that_holds_them(
    sizes: list[dict[str, int]], cpu: str, memory: str
) -> None:
    """The sizes of Fargate's page, with 64 MiB for the Service Connect proxy."""
    containers = [container(**size) for size in sizes]
    containers[1:] = [{**each, "name": "side", "portMappings": []} for each in containers[1:]]
    blueprint, found = accepted(environment(service(taskDefinition=containers)))
    made = blueprint.services[0].definition
    assert made is not None
    assert (made["cpu"], made["memory"]) == (cpu, memory)
    assert reported(found, "takenOver") == ["services[0].taskDefinition"]


def test_problems_in_a_list_of_containers_have_the_places_of_the_list() -> None:
    given = [container(), container(name="b", privileged=True, portMappings=[])]
    (problem,) = problems(environment(service(taskDefinition=given)))
    assert problem.startswith("services[0] (web).taskDefinition[1].privileged: ")


@pytest.mark.parametrize("text", ['{"cpu": "256",}', "[1, 2", '{"a": ' * 900])
def test_text_that_is_almost_json_is_one_mistake(text: str) -> None:
    (problem,) = problems(environment(service(taskDefinition=text)))
    assert problem.startswith("services[0].taskDefinition: ")


def test_an_execution_role_that_the_stack_does_not_list_is_replaced_by_its_own() -> None:
    """54 of 57 pasted definitions name one; the tasks of an environment need the stack's."""
    theirs = "arn:aws:iam::210987654321:role/ecsTaskExecutionRole"
    given = service(taskDefinition=definition(executionRoleArn=theirs))
    blueprint, found = accepted(environment(given))
    made = blueprint.services[0].definition
    assert made is not None
    assert made["executionRoleArn"] == requests.EXECUTION_ROLE
    assert reported(found, "replaced") == ["services[0] (web).taskDefinition.executionRoleArn"]


def test_a_described_resources_read_only_fields_are_left_out() -> None:
    """AWS adds fields; in what people write themselves an unknown field is still an error."""
    newer = described_definition(aFieldOfNextYear={"a": 1})
    _, found = accepted(environment(service(taskDefinition=newer)))
    assert "services[0].taskDefinition.aFieldOfNextYear" in reported(found, "dropped")
    (problem,) = problems(environment(service(taskDefinition=definition(aFieldOfNextYear=1))))
    assert "aFieldOfNextYear" in problem


def test_the_answers_of_powershells_commands_are_answered_with_ecss_notation() -> None:
    described = {
        "Services": [
            {
                "ServiceName": "web",
                "ServiceArn": f"{ACCOUNT}:service/shop/web",
                "RunningCount": 1,
                "TaskDefinition": {
                    "TaskDefinition": {**CLOUDFORMATION["TaskDefinition"], "Revision": 3}
                },
            }
        ],
        "Failures": [],
    }
    found = checked(environment(described))
    (problem,) = found.problems
    assert problem.startswith("services[0].Services[0]: CloudFormation's notation")
    assert "services[0].Services[0].ServiceArn" in reported(found, "dropped")
    assert planned(environment(corrected(problem))).services


def test_alarms_that_are_off_are_as_if_left_out() -> None:
    off = {"alarmNames": [], "enable": False, "rollback": False}
    given = service(deploymentConfiguration={"alarms": off, "maximumPercent": 200})
    made = planned(environment(given)).services[0].arguments["deploymentConfiguration"]
    assert made == {"maximumPercent": 200}
    on = service(deploymentConfiguration={"alarms": {"alarmNames": ["a"], "enable": True}})
    (problem,) = problems(environment(on))
    assert "deploymentConfiguration.alarms" in problem


def test_a_limit_that_is_the_whole_tasks_gives_way_to_a_proxy_that_nobody_asked_for() -> None:
    """Without Service Connect, containers are often given all of the task's memory."""
    given = without_mesh(taskDefinition=definition(container(memory=512)))
    blueprint, found = accepted(environment(given))
    made = blueprint.services[0].definition
    assert made is not None
    assert "memory" not in made["containerDefinitions"][0]
    assert reported(found, "dropped") == [
        "services[0].taskDefinition.containerDefinitions[0].memory"
    ]
    asked_for = service(taskDefinition=definition(container(memory=512)))
    (problem,) = problems(environment(asked_for))
    assert "leave 64 MiB to the Service Connect proxy" in problem
    off = {**asked_for, "serviceConnectConfiguration": {"enabled": False}}
    made = planned(environment(off)).services[0].definition
    assert made is not None
    assert made["containerDefinitions"][0]["memory"] == 512


# --- empty values --------------------------------------------------------------------------------


def test_nulls_and_empty_texts_count_as_left_out() -> None:
    """ecspresso init writes them."""
    given = service(
        launchType="",
        platformVersion="",
        desiredCount=None,
        capacityProviderStrategy=None,
        taskDefinition=definition(
            container(
                command=None, portMappings=[{**container()["portMappings"][0], "hostPort": None}]
            ),
            pidMode="",
            ipcMode="",
            executionRoleArn="",
            volumes=None,
        ),
    )
    blueprint, found = accepted(environment(given, owner=None))
    assert blueprint.services == planned(environment(service())).services
    dropped = reported(found, "dropped")
    assert "services[0].taskDefinition.containerDefinitions[0].portMappings[0].hostPort" in dropped
    assert "services[0].launchType" in dropped
    assert "owner" in dropped


def test_an_empty_variable_stays_empty() -> None:
    variables = [{"name": "DEBUG", "value": ""}]
    given = service(taskDefinition=definition(container(environment=variables)))
    made = planned(environment(given)).services[0].definition
    assert made is not None
    assert made["containerDefinitions"][0]["environment"] == variables


def test_a_null_in_a_list_does_not_move_the_places_of_problems() -> None:
    given = definition(container(), container(name="b", privileged=True, portMappings=[]))
    given["containerDefinitions"].insert(1, None)
    (problem,) = problems(environment(service(taskDefinition=given)))
    assert problem.startswith("services[0] (web).taskDefinition.containerDefinitions[2].privileged")


def test_a_network_that_the_stack_does_not_list_is_replaced_by_its_own_as_a_whole() -> None:
    """Tasks in the stack's public subnets need public addresses to pull their images."""
    theirs = {"subnets": ["subnet-0"], "securityGroups": ["sg-0"], "assignPublicIp": "DISABLED"}
    given = service(networkConfiguration={"awsvpcConfiguration": theirs})
    blueprint, found = accepted(environment(given))
    assert blueprint.services[0].arguments["networkConfiguration"]["awsvpcConfiguration"] == {
        "subnets": list(STACK.subnet_ids),
        "securityGroups": [STACK.task_security_group_id],
        "assignPublicIp": "ENABLED",
    }
    assert [path.rpartition(".")[2] for path in reported(found, "replaced")] == [
        "subnets",
        "assignPublicIp",
        "securityGroups",
    ]


# --- tags ----------------------------------------------------------------------------------------


def test_tags_of_the_definition_are_tags_of_the_service() -> None:
    given = service(
        tags=[{"key": "team", "value": "blue"}],
        taskDefinition={
            "taskDefinition": definition(),
            "tags": [{"key": "team", "value": "red"}, {"key": "env", "value": "dev"}],
        },
    )
    blueprint, found = accepted(environment(given))
    assert blueprint.services[0].tags == {"team": "blue", "env": "dev"}
    assert reported(found, "takenOver") == ["services[0].taskDefinition.tags"]


def test_tags_that_only_aws_or_bivouac_may_set_are_left_out() -> None:
    """CloudFormation puts aws:cloudformation:stack-name on its resources; describing shows it."""
    tags = [
        {"key": "aws:cloudformation:stack-name", "value": "shop"},
        {"key": "bivouac:stack", "value": "other"},
        {"key": "team", "value": "blue"},
    ]
    blueprint, found = accepted(environment(service(tags=tags)))
    assert blueprint.services[0].tags == {"team": "blue"}
    reasons = [note.why for note in found.notes if note.path == "services[0].tags"]
    assert len(reasons) == 2


def test_tags_as_an_object_are_answered_with_ecss_list() -> None:
    (problem,) = problems(environment(service(tags={"team": "blue"})))
    assert problem == (
        'services[0].tags: must be a list, not an object; write "tags": '
        '[{"key": "team", "value": "blue"}]'
    )


# --- namespace and cluster -----------------------------------------------------------------------


def test_the_namespace_that_all_services_name_is_the_environments() -> None:
    named = connect(namespace="shop")
    other = web(serviceName="api")
    blueprint, found = accepted(environment(service(serviceConnectConfiguration=named), other))
    assert blueprint.namespace == "shop"
    assert reported(found, "takenOver") == ["services[0].serviceConnectConfiguration.namespace"]


def test_services_of_different_namespaces_are_refused() -> None:
    services = [
        web(serviceName=name, serviceConnectConfiguration={"enabled": True, "namespace": name})
        for name in ("shop", "bank")
    ]
    (problem,) = problems(environment(*services))
    assert problem.startswith("services: they are in different namespaces (bank, shop)")
    assert not problems(environment(*services[:1]))


def test_a_namespace_may_have_capitals_and_its_aliases_have_none() -> None:
    """ECS API, ServiceConnectClientAlias: lower-case letters; its default is
    discoveryName.namespace."""
    plain = connect(services=[{"portName": "http", "clientAliases": [{"port": 80}]}])
    given = environment(service(serviceConnectConfiguration=plain), namespace="ServiceConnectNS")
    blueprint, found = accepted(given)
    assert blueprint.namespace == "ServiceConnectNS"
    assert blueprint.edges[0].dns_name == "http.serviceconnectns"
    (note,) = found.notes
    assert note.path.endswith("clientAliases[0].dnsName")
    assert "http.serviceconnectns" in note.why


def test_services_of_two_clusters_are_refused_and_those_of_one_are_moved() -> None:
    one = [web(cluster="shop"), web(serviceName="api", cluster=f"{ACCOUNT}:cluster/shop")]
    assert planned(environment(*one)).cluster["clusterName"] == "bivouac-demo"
    one[1]["cluster"] = "bank"
    (problem,) = problems(environment(*one))
    assert "different clusters (bank, shop)" in problem


# --- load balancers ------------------------------------------------------------------------------

TARGET_GROUP = (
    "arn:aws:elasticloadbalancing:ap-northeast-1:123456789012:targetgroup/web/0123456789abcdef"
)


def balanced(name: Any = "app", port: Any = 80) -> dict[str, Any]:
    return {"targetGroupArn": TARGET_GROUP, "containerName": name, "containerPort": port}


def unnamed(**mapping: Any) -> dict[str, Any]:
    """A definition with an unnamed port, as most have behind a load balancer."""
    return definition(container(portMappings=[{"containerPort": 80, **mapping}]))


def without_mesh(**changes: Any) -> dict[str, Any]:
    given = service(**changes)
    if "serviceConnectConfiguration" not in changes:
        del given["serviceConnectConfiguration"]
    return given


def test_a_load_balancers_target_becomes_an_endpoint() -> None:
    given = without_mesh(
        serviceName="Web",
        taskDefinition=unnamed(),
        loadBalancers=[balanced()],
        healthCheckGracePeriodSeconds=60,
    )
    blueprint, found = accepted(environment(given))
    (made,) = blueprint.services
    assert not {"loadBalancers", "healthCheckGracePeriodSeconds"} & set(made.arguments)
    (endpoint,) = made.endpoints
    assert (endpoint.port_name, endpoint.port, endpoint.app_protocol) == ("app-80", 80, None)
    (edge,) = blueprint.edges
    assert (edge.dns_name, edge.port) == ("web", 80)
    assert reported(found, "dropped") == ["services[0].healthCheckGracePeriodSeconds"]
    (note,) = [note for note in found.notes if note.what == "takenOver"]
    assert note.path == "services[0].loadBalancers[0]"
    assert "web:80" in note.why


def test_several_services_with_the_same_port_name_have_separate_endpoints() -> None:
    services = [
        without_mesh(serviceName=name, loadBalancers=[balanced(), balanced()])
        for name in ("web", "api")
    ]
    blueprint = planned(environment(*services))
    assert [(edge.server, edge.dns_name) for edge in blueprint.edges] == [
        ("web", "web"),
        ("api", "api"),
    ]
    assert {e.discovery_name for s in blueprint.services for e in s.endpoints} == {"web", "api"}


def test_two_ports_behind_load_balancers_are_two_endpoints() -> None:
    ports = [{"containerPort": 80, "appProtocol": "http"}, {"containerPort": 9000}]
    given = without_mesh(
        taskDefinition=definition(container(portMappings=ports)),
        loadBalancers=[balanced(), balanced(port=9000)],
    )
    (made,) = planned(environment(given)).services
    assert [(each.port, each.app_protocol) for each in made.endpoints] == [
        (80, "http"),
        (9000, None),
    ]


def test_a_declared_endpoint_does_not_change() -> None:
    made = planned(environment(service(loadBalancers=[balanced()])))
    assert made.services == planned(environment(service())).services


@pytest.mark.parametrize(
    ("changes", "why"),
    [
        ({"serviceConnectConfiguration": {"enabled": False}}, "Service Connect"),
        ({"taskDefinition": unnamed(protocol="udp")}, "UDP"),
        ({"taskDefinition": "theirs:3"}, "existing task definition"),
    ],
)
def test_a_load_balancer_without_an_endpoint_is_reported_as_dropped(
    changes: dict[str, Any], why: str
) -> None:
    found = checked(environment(without_mesh(loadBalancers=[balanced()], **changes)))
    assert not found.problems
    (note,) = [note for note in found.notes if note.path == "services[0].loadBalancers[0]"]
    assert note.what == "dropped"
    assert why in note.why


@pytest.mark.parametrize(
    ("balancer", "message"),
    [
        (balanced("nobody"), "containerName: no container is named 'nobody' (containers: app)"),
        (balanced(["app"]), "containerName: no container is named ['app'] (containers: app)"),
        (
            balanced(port=81),
            "containerPort: the container app has no port 81 (ports: 80); "
            'add {"containerPort": 81}',
        ),
        (
            balanced(port="80"),
            'containerPort: must be a number, not the text "80"; write "containerPort": 80',
        ),
    ],
)
def test_a_load_balancer_without_a_target_is_refused(
    balancer: dict[str, Any], message: str
) -> None:
    """As it is for ECS."""
    (problem,) = problems(environment(service(loadBalancers=[balancer])))
    assert f"services[0].loadBalancers[0].{message}" in problem


# --- other notations -----------------------------------------------------------------------------

CLOUDFORMATION: dict[str, Any] = {
    "ServiceName": "web",
    "DesiredCount": 1,
    "EnableECSManagedTags": True,
    "NetworkConfiguration": {"AwsvpcConfiguration": {"Subnets": list(STACK.subnet_ids)}},
    "TaskDefinition": {
        "Cpu": 256,
        "Memory": "512",
        "ContainerDefinitions": [
            {"Name": "app", "Image": "nginx", "PortMappings": [{"ContainerPort": "80"}]}
        ],
        "Volumes": [{"Name": "data", "EFSVolumeConfiguration": {"FilesystemId": "fs-12345678"}}],
        "Tags": [{"Key": "Env", "Value": "dev"}],
    },
}
TERRAFORM = {
    "name": "web",
    "desired_count": 1,
    "deployment_maximum_percent": 200,
    "wait_for_steady_state": True,
    "enable_ecs_managed_tags": True,
    "network_configuration": [{"subnets": list(STACK.subnet_ids), "assign_public_ip": True}],
    "service_connect_configuration": {
        "enabled": True,
        "service": {"port_name": "http", "client_alias": {"port": 80, "dns_name": "web"}},
    },
    "task_definition": {
        "cpu": 256,
        "memory": 512,
        "container_definitions": json.dumps([container()]),
        "volume": {"name": "data"},
    },
    "tags": {"Env": "dev"},
}


def corrected(problem: str) -> Any:
    """The fragment to write, from a problem."""
    return json.loads(problem[problem.index("{") :])


@pytest.mark.parametrize(
    ("given", "whose"), [(CLOUDFORMATION, "CloudFormation's"), (TERRAFORM, "Terraform's")]
)
def test_another_notation_is_refused_once_with_what_to_write(given: Any, whose: str) -> None:
    (problem,) = problems(environment(given))
    assert problem.startswith(f"services[0]: {whose} notation; write ECS's: ")
    again = corrected(problem)
    assert again["serviceName"] == "web"
    assert again["taskDefinition"]["cpu"] == "256"
    assert (
        again["taskDefinition"]["containerDefinitions"][0]["portMappings"][0]["containerPort"] == 80
    )
    made = planned(environment(again))
    assert made.services[0].tags == {"Env": "dev"}
    awsvpc = made.services[0].arguments["networkConfiguration"]["awsvpcConfiguration"]
    assert awsvpc["assignPublicIp"] == "ENABLED"


@pytest.mark.parametrize(
    "key",
    [
        "containerdefinitions",
        "ContainerDefinitions",
        "container-definitions",
        "CONTAINER_DEFINITIONS",
    ],
)
def test_another_letter_case_is_recognised_at_its_place(key: str) -> None:
    given = definition()
    given[key] = given.pop("containerDefinitions")
    (problem,) = problems(environment(service(taskDefinition=given)))
    assert problem.startswith("services[0].taskDefinition: ")
    assert corrected(problem) == definition()


def test_another_notation_hides_no_other_mistake() -> None:
    given = {**CLOUDFORMATION, "Role": "ecsServiceRole"}
    found = problems(environment(given, web(serviceName="api", desiredCount=-1)))
    assert any("services[0] (web).Role: refused" in each for each in found), found
    assert any("services[1] (api).desiredCount" in each for each in found)
    assert len(found) == 3


def test_intrinsic_functions_of_cloudformation_must_be_replaced() -> None:
    (problem,) = problems(environment(service(taskDefinition={"Ref": "Definition"})))
    assert problem.startswith("services[0].taskDefinition: Ref is CloudFormation's")
    image = {"Fn::Sub": "${Repository}:latest"}
    (problem,) = problems(environment(service(taskDefinition=definition(container(image=image)))))
    assert problem.startswith("services[0].taskDefinition.containerDefinitions[0].image: Fn::Sub")


@pytest.mark.parametrize(
    ("image", "reported"),
    [
        ({"Fn::Sub": "${Repository}:latest"}, "Fn::Sub is CloudFormation's"),
        ("!Sub ${Repository}:latest", "!Sub is CloudFormation's"),
        ("1.dkr.ecr.${AWS::Region}.amazonaws.com/app", "${AWS::Region} is CloudFormation's"),
        ("{{resolve:ssm:image}}", "{{resolve:ssm:image}} is CloudFormation's"),
        ("${aws_ecr_repository.app.repository_url}:1", "repository_url} is Terraform's"),
        ("${var.image}", "${var.image} is Terraform's"),
        ("aws_ecr_repository.app.repository_url", "is Terraform's"),
        ("var.image", "var.image is Terraform's"),
        ("app:{{ must_env `TAG` }}", "{{ must_env `TAG` }} is ecspresso's"),
        ("file://image.txt", "file://image.txt is the AWS CLI's"),
    ],
)
def test_what_another_tool_fills_in_must_be_replaced(image: Any, reported: str) -> None:
    (problem,) = problems(environment(service(taskDefinition=definition(container(image=image)))))
    where, _, said = problem.partition(": ")
    assert where == "services[0].taskDefinition.containerDefinitions[0].image"
    assert reported in said
    assert said.endswith(", which does not read this; write the value itself")


@pytest.mark.parametrize(
    "value", ["local.db", "${HOME}/bin", "{{name}}", "$VAR", "!important", "var.lib", "{{ .Env }}"]
)
def test_a_variable_may_hold_what_only_looks_like_a_reference(value: str) -> None:
    given = container(environment=[{"name": "A", "value": value}], command=["sh", "-c", value])
    assert planned(environment(service(taskDefinition=definition(given))))


def test_references_to_what_an_environment_has_itself_are_left_out() -> None:
    logs = {
        "awslogs-group": {"Ref": "LogGroup"},
        "awslogs-region": {"Ref": "AWS::Region"},
        "awslogs-stream-prefix": "web",
    }
    given = service(
        cluster={"Ref": "Cluster"},
        networkConfiguration={
            "awsvpcConfiguration": {
                "subnets": {"Ref": "Subnets"},
                "securityGroups": [{"Fn::GetAtt": ["Group", "GroupId"]}],
            }
        },
        loadBalancers=[
            {"targetGroupArn": {"Ref": "Target"}, "containerName": "app", "containerPort": 80}
        ],
        taskDefinition=definition(
            container(logConfiguration={"logDriver": "awslogs", "options": logs}),
            family="${aws_ecs_service.web.name}",
            executionRoleArn={"Fn::GetAtt": ["Role", "Arn"]},
        ),
    )
    blueprint, found = accepted(environment(given))
    awsvpc = blueprint.services[0].arguments["networkConfiguration"]["awsvpcConfiguration"]
    assert awsvpc["subnets"] == list(STACK.subnet_ids)
    dropped = reported(found, "dropped")
    options = "services[0].taskDefinition.containerDefinitions[0].logConfiguration.options"
    assert {
        "services[0].cluster",
        "services[0].taskDefinition.family",
        "services[0].taskDefinition.executionRoleArn",
        "services[0].networkConfiguration.awsvpcConfiguration.subnets",
        "services[0].networkConfiguration.awsvpcConfiguration.securityGroups",
        "services[0].loadBalancers[0].targetGroupArn",
        f"{options}.awslogs-group",
        f"{options}.awslogs-region",
    } <= set(dropped)


def test_a_reference_in_another_notation_is_told_once_and_leaves_a_gap() -> None:
    given = {**CLOUDFORMATION, "DesiredCount": {"Ref": "Count"}}
    first, second = problems(environment({"Type": "AWS::ECS::Service", "Properties": given}))
    assert first.startswith("services[0].Properties.DesiredCount: Ref is CloudFormation's")
    assert corrected(second)["desiredCount"] == "..."


def test_empty_blocks_of_terraforms_state_are_left_out() -> None:
    """`terraform show -json` has every block of a resource, also those that nobody wrote."""
    empty: dict[str, Any] = {
        "alarms": [],
        "ordered_placement_strategy": [],
        "service_connect_configuration": [],
        "triggers": {},
        "timeouts": None,
    }
    found = checked(environment({**TERRAFORM, **empty}))
    (problem,) = found.problems
    assert "serviceConnectConfiguration" not in corrected(problem)
    assert "services[0].alarms" in reported(found, "dropped")


def test_entries_of_a_skeleton_that_say_nothing_are_left_out() -> None:
    """`aws ecs create-service --generate-cli-skeleton` has one of each, empty or 0."""
    given = service(
        loadBalancers=[{"targetGroupArn": "", "containerName": "", "containerPort": 0}],
        serviceRegistries=[{"registryArn": "", "port": 0}],
        capacityProviderStrategy=[{"capacityProvider": "", "weight": 0, "base": 0}],
    )
    blueprint, found = accepted(environment(given))
    assert blueprint.services[0].arguments["launchType"] == "FARGATE"
    assert "services[0].serviceRegistries[0]" in reported(found, "dropped")


SHORT = {"image": "nginx", "containerPort": 80}


@pytest.mark.parametrize(
    ("given", "whose", "written"),
    [
        (
            {"serviceName": "web", "image": "nginx", "containerPort": 80},
            "a container in the place of a service",
            {"serviceName": "web", "primaryContainer": SHORT},
        ),
        (
            {"image": "nginx"},
            "a container in the place of a service",
            {"serviceName": "web", "primaryContainer": {"image": "nginx"}},
        ),
        (
            {
                "container_name": "web",
                "image": "nginx",
                "ports": ["127.0.0.1:8080:80/tcp"],
                "depends_on": {"db": {"condition": "service_healthy"}},
                "deploy": {"replicas": 2},
                "command": "serve --port 80",
                "environment": ["LOG=debug"],
            },
            "Compose's notation",
            {
                "serviceName": "web",
                "primaryContainer": {
                    **SHORT,
                    "command": ["serve", "--port", "80"],
                    "environment": [{"name": "LOG", "value": "debug"}],
                },
                "desiredCount": 2,
                "dependsOn": [{"serviceName": "db"}],
            },
        ),
        (
            {"web": {"build": ".", "ports": [{"target": 80}]}},
            "Compose's notation",
            {"serviceName": "web", "primaryContainer": {"image": "...", "containerPort": 80}},
        ),
        (
            {
                "name": "web",
                "type": "Backend Service",
                "image": {"location": "nginx", "port": 80},
                "cpu": 256,
                "memory": 512,
                "count": 2,
                "variables": {"WORKERS": 4},
                "secrets": {"DB_URL": "/shop/db"},
            },
            "Copilot's notation",
            {
                "serviceName": "web",
                "primaryContainer": {
                    **SHORT,
                    "cpu": 256,
                    "memory": 512,
                    "environment": [{"name": "WORKERS", "value": "4"}],
                    "secrets": [{"name": "DB_URL", "valueFrom": "/shop/db"}],
                },
                "desiredCount": 2,
            },
        ),
    ],
)
def test_a_service_of_another_tool_is_answered_once_with_a_service(
    given: dict[str, Any], whose: str, written: dict[str, Any]
) -> None:
    (problem,) = problems(environment(given))
    assert problem.startswith(f"services[0]: {whose}; write ECS's: ")
    assert corrected(problem) == written


def test_a_service_of_another_tool_hides_no_mistake_of_other_services() -> None:
    found = problems(environment({"image": "nginx"}, web(serviceName="api", desiredCount=-1)))
    assert len(found) == 2
    assert found[1].startswith("services[1] (api).desiredCount: ")


def test_a_requests_own_fields_are_recognised_too() -> None:
    found = problems({"Name": "demo", "Services": [web()], "dry_run": True})
    assert sorted(found) == [
        "Name: the field is name",
        "Services: the field is services",
        "dry_run: the field is dryRun",
    ]


def test_a_corrected_fragment_never_repeats_a_secret() -> None:
    """Problems end in logs and in the execution's cause."""
    variables = [
        {"Name": "DB_PASSWORD", "Value": "hunter2"},
        {"Name": "DATABASE_URL", "Value": "postgres://shop:hunter2@db/shop"},
    ]
    given = {
        "ServiceName": "web",
        "TaskDefinition": {
            "ContainerDefinitions": [{"Name": "a", "Image": "x", "Environment": variables}]
        },
    }
    assert "hunter2" not in "".join(problems(environment(given)))


def test_a_fragment_that_is_too_long_names_what_to_rename() -> None:
    given = json.loads(json.dumps(CLOUDFORMATION))
    given["TaskDefinition"]["ContainerDefinitions"][0]["Command"] = ["x" * 4000]
    (problem,) = problems(environment(given))
    assert "serviceName for ServiceName" in problem
    assert "containerPort for ContainerPort" in problem
    assert len(problem) < 2000


@pytest.mark.parametrize(
    "given",
    [
        definition(family="web"),
        {"serviceName": "web", "desiredCount": 1, **definition()},
        described_definition(),
    ],
)
def test_a_definition_in_the_place_of_a_service_is_answered_with_the_service(
    given: dict[str, Any],
) -> None:
    (problem,) = problems(environment(given))
    assert problem.startswith("services[0]: a task definition is only a part of a service; write ")
    (made,) = planned(environment(corrected(problem))).services
    assert made.service_name == "web"


def test_mistakes_in_a_definition_in_the_place_of_a_service_are_told_where_they_stand() -> None:
    given = definition(container(privileged=True), family="web")
    found = problems(environment(given))
    assert found[1].startswith("services[0] (web).containerDefinitions[0].privileged: ")


# --- reading again -------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "content",
    [
        environment(described_service(taskDefinition={"taskDefinition": described_definition()})),
        environment(without_mesh(taskDefinition=unnamed(), loadBalancers=[balanced()])),
        environment(service(serviceConnectConfiguration=connect(namespace="Shop"))),
    ],
)
def test_a_read_request_reads_the_same_again(content: Any) -> None:
    """The record keeps what was read: a redeploy and a wake plan it again."""
    blueprint, found = accepted(content)
    again, repeated = accepted(found.request)
    assert again == blueprint.__class__(**{**blueprint.__dict__, "renamed": again.renamed})
    assert not repeated.notes
    assert repeated.request == found.request


# --- what stands where a request should stand ----------------------------------------------------


@pytest.mark.parametrize(
    ("content", "said"),
    [
        ("", "it is empty text"),
        ("name: demo\nservices:\n- serviceName: web", "text that may be YAML; write it as JSON"),
        (json.dumps(environment()), "JSON as text; write the object itself"),
        ("demo", "must be an object, not text"),
        ([], "must be an object, not a list"),
        ([environment()], "a list with one request in it"),
        (7, "must be an object, not a number"),
        (None, "must be an object, not null"),
        ({}, "it is empty; the smallest one is"),
        ({"Resources": {"Web": {"Type": "AWS::ECS::Service"}}}, "a template of CloudFormation"),
        ({"request": environment()}, 'a request inside of "request"; write what is in it'),
    ],
)
def test_what_is_no_request_has_one_answer(content: Any, said: str) -> None:
    (problem,) = problems(content)
    assert problem.startswith("request: ")
    assert said in problem


@pytest.mark.parametrize(
    "content",
    [
        [container()],
        [service()],
        definition(family="web"),
        {"taskDefinition": described_definition(), "tags": []},
        service(),
        {"service": described_service(taskDefinition=definition())},
        [definition(family="web"), definition(family="api")],
        {"name": "web", "type": "Backend Service", "image": {"location": "nginx", "port": 80}},
        {
            "apiVersion": "apps/v1",
            "kind": "Deployment",
            "metadata": {"name": "web"},
            "spec": {
                "replicas": 2,
                "template": {
                    "spec": {
                        "containers": [
                            {"name": "app", "image": "nginx", "ports": [{"containerPort": 80}]}
                        ]
                    }
                },
            },
        },
    ],
)
def test_a_part_of_a_request_is_answered_with_a_request_around_it(content: Any) -> None:
    (problem,) = problems(content)
    assert "alone; write a request around it: " in problem
    assert planned(corrected(problem)).services


def test_an_editor_may_name_the_schema() -> None:
    named = {"$schema": "./request.schema.json", **environment()}
    assert planned(named) == planned(environment())
