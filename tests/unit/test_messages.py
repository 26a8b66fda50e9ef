"""What is wrong with a request, in the words of whoever wrote it, and what to write instead."""

from __future__ import annotations

import re
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bivouac.request.messages import did_you_mean
from bivouac.request.planning.plan import plan
from tests.requests import NOW, environment, web
from tests.requests import settings as stack_settings
from tests.unit.planned import problems

SHORT = {"image": "nginx", "containerPort": 80}


def short(**changes: Any) -> dict[str, Any]:
    """The smallest environment with another primaryContainer."""
    return environment(web(primaryContainer={**SHORT, **changes}))


CONTAINER = "services[0] (web).taskDefinition.containerDefinitions[0]"


def short_definition(**changes: Any) -> dict[str, Any]:
    """The smallest environment with a task definition, and another container in it."""
    container = {"name": "app", "image": "nginx", **changes}
    definition = {"cpu": "256", "memory": "512", "containerDefinitions": [container]}
    return environment({"serviceName": "web", "taskDefinition": definition})


MISTAKES: list[tuple[str, Any, str]] = [
    (
        "a lease as text",
        environment(lease="8h"),
        'lease: must be an object, not the text "8h"; write "lease": {"ttl": "8h"}',
    ),
    (
        "a lease that is no time",
        environment(lease="soon"),
        'lease: must be an object, not the text "soon"; write "lease": {"ttl": "8h"}',
    ),
    (
        "one name of a plain value",
        environment(plainValues="A"),
        'plainValues: must be a list, not the text "A"; write "plainValues": ["A"]',
    ),
    (
        "a lease as a number",
        environment(lease={"ttl": 3600}),
        'lease.ttl: must be text, not the number 3600; write "ttl": "60m"',
    ),
    (
        "ECS's list of tags",
        environment(tags=[{"Key": "Env", "Value": "dev"}]),
        'tags: must be an object, not a list; write "tags": {"Env": "dev"}',
    ),
    (
        "a time-out as text",
        environment(timeouts="15m"),
        'timeouts: must be an object, not the text "15m"; write "timeouts": {"ready": "15m"}',
    ),
    (
        "a flag as text",
        environment(dryRun="true"),
        'dryRun: must be true or false, not the text "true"; write "dryRun": true',
    ),
    (
        "a dependency by name",
        environment(web(dependsOn=["api"])),
        'services[0].dependsOn[0]: must be an object, not the text "api"; '
        'write {"serviceName": "api"}',
    ),
    (
        "a destination by name",
        environment(connect=[{"from": "web", "to": "api"}]),
        'connect[0].to: must be an object, not the text "api"; write "to": {"service": "api"}',
    ),
    (
        "services as in Compose",
        {"name": "demo", "services": {"web": {"image": "nginx", "ports": ["8080:80"]}}},
        'services: must be a list, not an object; write "services": [{"serviceName": "web", '
        '"primaryContainer": {"image": "nginx", "containerPort": 80}}]',
    ),
    (
        "a port as text",
        short(containerPort="80"),
        'services[0].primaryContainer.containerPort: must be a whole number, not the text "80"; '
        'write "containerPort": 80',
    ),
    (
        "a command as text",
        short(command="npm run 'my server'"),
        "services[0].primaryContainer.command: must be a list, not the text "
        '"npm run \'my server\'"; write "command": ["npm", "run", "my server"]',
    ),
    (
        "vCPUs as a number",
        short(cpu=0.25),
        "services[0].primaryContainer.cpu: must be text, not the number 0.25; "
        'write "cpu": "256" (CPU units; 1024 are one vCPU)',
    ),
    (
        "vCPUs of a container",
        short_definition(cpu=0.5),
        f"{CONTAINER}.cpu: must be a whole number, not the number 0.5; "
        'write "cpu": 512 (CPU units; 1024 are one vCPU)',
    ),
    (
        "a fraction of a vCPU that is no whole number of units",
        short(cpu=0.3),
        "services[0].primaryContainer.cpu: must be text, not the number 0.3",
    ),
    (
        "a whole number with a point",
        short_definition(memory=64.0),
        f'{CONTAINER}.memory: must be a whole number, not the number 64.0; write "memory": 64',
    ),
    (
        "a truth as a size",
        short(cpu=True),
        "services[0].primaryContainer.cpu: must be text, not true",
    ),
    (
        "GB as a number",
        short(memory=0.5),
        "services[0].primaryContainer.memory: must be text, not the number 0.5; "
        'write "memory": "512" (MiB; 1024 are one GB)',
    ),
    (
        "ports as numbers",
        short_definition(portMappings=[80]),
        f"{CONTAINER}.portMappings[0]: must be an object, not the number 80; "
        'write {"containerPort": 80}',
    ),
    (
        "ports as in Compose",
        short_definition(portMappings=["8080:80"]),
        f'{CONTAINER}.portMappings[0]: must be an object, not the text "8080:80"; '
        'write {"containerPort": 80}',
    ),
    (
        "variables as texts",
        short_definition(environment=["LOG=debug"]),
        f"{CONTAINER}.environment[0]: must be an object, not text; "
        'write {"name": "LOG", "value": "..."}',
    ),
    (
        "a variable's value as a number",
        short_definition(environment=[{"name": "PORT", "value": 80}]),
        f"{CONTAINER}.environment[0].value: must be text, not a number; put it in quotation marks",
    ),
    (
        "variables as an object with numbers",
        short_definition(environment={"PORT": 80}),
        "services[0].taskDefinition.containerDefinitions[0].environment: must be a list, not an "
        'object; write "environment": [{"name": "PORT", "value": "80"}]',
    ),
    (
        "secrets as an object",
        short_definition(secrets={"DB": "/shop/db"}),
        f"{CONTAINER}.secrets: must be a list, not an object; "
        'write "secrets": [{"name": "DB", "valueFrom": "/shop/db"}]',
    ),
    (
        "ECS's command as text",
        short_definition(command="npm start"),
        f'{CONTAINER}.command: must be a list, not the text "npm start"; '
        'write "command": ["npm", "start"]',
    ),
    (
        "one container without a list",
        environment(
            {
                **web(),
                "primaryContainer": None,
                "taskDefinition": {
                    "cpu": "256",
                    "memory": "512",
                    "containerDefinitions": {"name": "a", "image": "b"},
                },
            }
        ),
        "services[0] (web).taskDefinition.containerDefinitions: must be a list, not an object; "
        'write "containerDefinitions": [{"name": "a", "image": "b"}]',
    ),
    (
        "containers by name",
        environment(
            {
                **web(),
                "primaryContainer": None,
                "taskDefinition": {
                    "cpu": "256",
                    "memory": "512",
                    "containerDefinitions": {"a": {"image": "b"}},
                },
            }
        ),
        "services[0] (web).taskDefinition.containerDefinitions: must be a list, not an object; "
        'write "containerDefinitions": [{"name": "a", "image": "b"}]',
    ),
    (
        "a definition as YAML",
        environment({**web(), "primaryContainer": None, "taskDefinition": "family: a\ncpu: 256"}),
        "services[0] (web).taskDefinition: text that may be YAML; write it as JSON, "
        "as an object with RegisterTaskDefinition's arguments",
    ),
    (
        "a health check in one text",
        short_definition(healthCheck="curl -f http://localhost/"),
        f'{CONTAINER}.healthCheck: must be an object, not the text "curl -f http://localhost/"; '
        'write "healthCheck": {"command": ["CMD-SHELL", "curl -f http://localhost/"]}',
    ),
    (
        "a health check's command as text",
        short_definition(healthCheck={"command": "test -f /up || exit 1"}),
        f'{CONTAINER}.healthCheck.command: must be a list, not the text "test -f /up || exit 1"; '
        'write "command": ["CMD-SHELL", "test -f /up || exit 1"]',
    ),
    (
        "a health check as in Compose",
        short_definition(healthCheck={"command": ["test", "-f", "/up"]}),
        f"{CONTAINER}.healthCheck.command: must begin with CMD or CMD-SHELL; "
        'write ["CMD", "test", "-f", "/up"]',
    ),
    (
        "seconds with their unit",
        short_definition(healthCheck={"command": ["CMD", "a"], "interval": "30s"}),
        f'{CONTAINER}.healthCheck.interval: must be a whole number, not the text "30s"; '
        'write "interval": 30',
    ),
    (
        "a log driver alone",
        short_definition(logConfiguration="awslogs"),
        f'{CONTAINER}.logConfiguration: must be an object, not the text "awslogs"; '
        'write "logConfiguration": {"logDriver": "awslogs"}',
    ),
    (
        "a container's dependency by name",
        short_definition(dependsOn=["db"]),
        f'{CONTAINER}.dependsOn[0]: must be an object, not the text "db"; '
        'write {"containerName": "db", "condition": "START"}',
    ),
    (
        "dependencies as in Compose",
        environment(web(dependsOn={"api": {"condition": "service_healthy"}})),
        "services[0].dependsOn: must be a list, not an object; "
        'write "dependsOn": [{"serviceName": "api"}]',
    ),
    (
        "a capacity provider alone",
        environment(web(capacityProviderStrategy="FARGATE_SPOT")),
        'must be a list, not the text "FARGATE_SPOT"; write "capacityProviderStrategy": '
        '[{"capacityProvider": "FARGATE_SPOT", "weight": 1}]',
    ),
    (
        "a whole number with a point",
        environment(web(desiredCount=2.0)),
        "services[0] (web).desiredCount: must be a whole number, not the number 2.0; "
        'write "desiredCount": 2',
    ),
    (
        "a level left out",
        environment(web(networkConfiguration={"subnets": ["subnet-1"]})),
        "services[0] (web).networkConfiguration.subnets: unknown field; it belongs into "
        '"awsvpcConfiguration"',
    ),
    (
        "two levels left out",
        environment(web(assignPublicIp="ENABLED")),
        "services[0] (web).assignPublicIp: unknown field; it belongs into "
        '"networkConfiguration.awsvpcConfiguration"',
    ),
    (
        "a capability",
        short_definition(linuxParameters={"capabilities": {"add": ["NET_ADMIN"]}}),
        'capabilities.add[0]: the text "NET_ADMIN" is not SYS_PTRACE, the only one that Fargate '
        "adds; leave it out",
    ),
    (
        "variables as an object",
        short(environment={"LOG": "debug"}),
        "services[0].primaryContainer.environment: must be a list, not an object; "
        'write "environment": [{"name": "LOG", "value": "debug"}]',
    ),
    (
        "a word of Compose",
        environment(web(replicas=2)),
        'services[0] (web).replicas: unknown field; did you mean "desiredCount"?',
    ),
    (
        "a typing error in an own field",
        environment(connect=[{"from": "web", "to": {"service": "web2", "portname_": "x"}}]),
        "connect[0].to.portname_: the field is portName",
    ),
    (
        "a typing error in ECS's field",
        environment(web(desiredCuont=2)),
        'services[0] (web).desiredCuont: unknown field; did you mean "desiredCount"?',
    ),
    (
        "another word",
        environment(onFailure="remove"),
        'onFailure: the text "remove" is not one of delete, keep',
    ),
    (
        "a name with capitals",
        environment(name="My Shop"),
        'a hyphen; write "name": "my-shop"',
    ),
    (
        "a number as ECS's text",
        environment(web(platformVersion=1)),
        "services[0] (web).platformVersion: must be text, not the number 1; "
        'write "platformVersion": "1"',
    ),
    (
        "a text as ECS's number",
        environment(web(desiredCount="2")),
        'services[0] (web).desiredCount: must be a whole number, not the text "2"; '
        'write "desiredCount": 2',
    ),
]


@pytest.mark.parametrize(
    ("content", "message"),
    [(content, message) for _, content, message in MISTAKES],
    ids=[name for name, _, _ in MISTAKES],
)
def test_a_mistake_has_its_place_and_what_to_write(content: Any, message: str) -> None:
    assert any(problem.endswith(message) for problem in problems(content)), problems(content)


@pytest.mark.parametrize(
    ("changes", "place"),
    [
        ({"cpu": "300"}, "services[0] (web).primaryContainer.cpu"),
        ({"memory": 9999}, "services[0] (web).primaryContainer.memory"),
        ({"containerPort": 70000}, "services[0].primaryContainer.containerPort"),
        ({"protocol": "udp"}, "services[0].primaryContainer.protocol"),
        (
            {"environment": [{"name": "A", "value": 1}]},
            "services[0] (web).primaryContainer.environment[0].value",
        ),
        ({"healthCheck": {"interval": 1}}, "services[0] (web).primaryContainer.healthCheck"),
    ],
)
def test_a_problem_in_the_short_form_has_a_place_in_the_short_form(
    changes: dict[str, Any], place: str
) -> None:
    """Nobody wrote containerDefinitions[0] or serviceConnectConfiguration."""
    found = problems(short(**changes))
    assert found
    assert all(problem.startswith(place) for problem in found), found


def test_a_name_that_service_connect_does_not_take_is_the_services() -> None:
    (problem, *_) = problems(environment(web(serviceName="a" * 70)))
    assert problem.partition(": ")[0].endswith(").serviceName")


def test_a_number_that_may_be_a_secret_is_not_repeated() -> None:
    found = problems(short(environment=[{"name": "DB_PASSWORD", "value": 13371337}]))
    assert found
    assert "13371337" not in "".join(found)


@pytest.mark.parametrize(
    ("given", "known", "meant"),
    [
        ("ServiceName", ["serviceName"], "serviceName"),
        ("container_port", ["image", "containerPort"], "containerPort"),
        ("imge", ["image", "memory"], "image"),
        ("name", ["serviceName", "cluster"], "serviceName"),
        ("colour", ["image", "memory"], ""),
    ],
)
def test_what_was_meant_is_offered_only_where_it_is_near(
    given: str, known: list[str], meant: str
) -> None:
    assert did_you_mean(given, known) == (f'; did you mean "{meant}"?' if meant else "")


LIBRARIES = re.compile(
    r"<class|dict\[|list\[|NoneType|Input should|instance of|pydantic|Traceback|validation error"
    r"|parameter validation|\bNone\b|\bTrue\b|\bFalse\b"
)
anything = st.recursive(
    st.none() | st.booleans() | st.integers() | st.sampled_from(["", "x", "8h", "{", "a: b"]),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(["name", "key", "value", "Ref", "image", "x"]), inner, max_size=3
        )
    ),
    max_leaves=6,
)
FIELDS = [
    *("name", "owner", "tags", "namespace", "cluster", "defaults", "services", "connect", "lease"),
    *("schedule", "triggers", "timeouts", "onFailure", "dryRun", "plainValues", "other"),
]
SERVICE_FIELDS = [
    *("serviceName", "taskDefinition", "primaryContainer", "probe", "dependsOn", "redeployedFor"),
    *("desiredCount", "loadBalancers", "networkConfiguration", "serviceConnectConfiguration"),
    *("tags", "cluster", "deployments", "capacityProviderStrategy", "other"),
]


@given(st.sampled_from(FIELDS), st.sampled_from(SERVICE_FIELDS), anything, anything)
@settings(max_examples=300, deadline=None)
def test_no_text_of_a_library_reaches_whoever_wrote_the_request(
    field: str, service_field: str, value: Any, service_value: Any
) -> None:
    content = {**environment(web(**{service_field: service_value})), field: value}
    found = plan(content, stack_settings(), NOW).problems
    assert not [problem for problem in found if LIBRARIES.search(problem)], found


def test_a_wrong_kind_never_repeats_a_secret() -> None:
    """Problems end in logs and in the execution's cause."""
    given = [
        short_definition(environment=["DB_PASSWORD=hunter2"]),
        short_definition(command="app --password hunter2"),
        short(command="app --password hunter2"),
        short_definition(environment=[{"Name": "DB_PASSWORD", "Value": "hunter2"}]),
        short_definition(secrets={"DB_PASSWORD": "hunter2"}),
        short_definition(secrets=[{"name": "DB", "valueFrom": "password=hunter2"}]),
        short_definition(
            LogConfiguration={"LogDriver": "splunk", "Options": {"splunk-token": "hunter2"}}
        ),
        environment({"image": "nginx", "secrets": {"DB_PASSWORD": "hunter2"}}),
        environment({"serviceName": "web", "taskDefinition": "password=hunter2"}),
    ]
    assert "hunter2" not in "".join(each for request in given for each in problems(request))


def test_a_strategy_of_texts_is_told_once_for_each() -> None:
    found = problems(environment(web(capacityProviderStrategy=["FARGATE", "FARGATE_SPOT"])))
    assert len(found) == 2
