"""What a request may name only as the stack's parameters allow."""

from __future__ import annotations

from typing import Any

import pytest

from bivouac.request.planning.plan import Plan, plan
from bivouac.request.rules.allowed import is_address
from tests.requests import NOW, environment, settings, web

STACK = settings()
OTHER_ROLE = "arn:aws:iam::123456789012:role/theirs"
FILE = "arn:aws:s3:::team-config/shop/web.env"


def planned(request: Any, **stack: Any) -> Plan:
    return plan(request, settings(**stack), NOW)


def with_network(**awsvpc: Any) -> dict[str, Any]:
    return environment(web(networkConfiguration={"awsvpcConfiguration": awsvpc}))


def network_of(made: Plan) -> dict[str, Any]:
    assert made.blueprint is not None, made.problems
    (service,) = made.blueprint.services
    network: dict[str, Any] = service.arguments["networkConfiguration"]["awsvpcConfiguration"]
    return network


def notes(made: Plan) -> dict[str, str]:
    return {note.path: note.why for note in made.notes if note.what == "replaced"}


@pytest.mark.parametrize(
    ("field", "theirs", "own", "parameter"),
    [
        ("subnets", "subnet-0fedcba9", list(STACK.subnet_ids), "AllowedSubnetIds"),
        (
            "securityGroups",
            "sg-0fedcba9",
            [STACK.task_security_group_id],
            "AllowedSecurityGroupIds",
        ),
    ],
)
def test_a_network_that_is_not_listed_is_replaced_by_the_stacks_and_reported(
    field: str, theirs: str, own: list[str], parameter: str
) -> None:
    made = planned(with_network(**{field: [theirs, own[0]], "assignPublicIp": "DISABLED"}))
    assert network_of(made)[field] == own
    # The stack's subnets decide about public addresses, and only with them the request does not.
    kept = STACK.assign_public_ip if field == "subnets" else "DISABLED"
    assert network_of(made)["assignPublicIp"] == kept
    (why,) = [why for path, why in notes(made).items() if path.endswith(f".{field}")]
    assert own[0] in why
    assert parameter in why


def test_a_network_that_is_listed_is_used() -> None:
    request = with_network(subnets=["subnet-0fedcba9"], securityGroups=["sg-0fedcba9"])
    listed = {
        "allowed_subnet_ids": ("subnet-0fedcba9",),
        "allowed_security_group_ids": ("sg-0fedcba9",),
    }
    made = planned(request, **listed)
    assert network_of(made)["subnets"] == ["subnet-0fedcba9"]
    assert network_of(made)["securityGroups"] == ["sg-0fedcba9"]
    assert notes(made) == {}


def with_definition(**more: Any) -> dict[str, Any]:
    container = {"name": "web", "image": "nginx", **more.pop("container", {})}
    definition = {"cpu": "256", "memory": "512", "containerDefinitions": [container], **more}
    return environment({"serviceName": "web", "taskDefinition": definition})


def test_an_execution_role_that_is_not_listed_becomes_the_stacks_own() -> None:
    made = planned(with_definition(executionRoleArn=OTHER_ROLE))
    assert made.blueprint is not None
    definition = made.blueprint.services[0].definition
    assert definition is not None
    assert definition["executionRoleArn"] == STACK.execution_role_arns[0]
    assert any(path.endswith(".executionRoleArn") for path in notes(made))


def test_a_task_role_that_is_not_listed_is_refused() -> None:
    (problem,) = planned(with_definition(taskRoleArn=OTHER_ROLE)).problems
    assert f"taskRoleArn: {OTHER_ROLE}" in problem


def with_file_system(named: str) -> dict[str, Any]:
    return with_definition(
        volumes=[{"name": "data", "efsVolumeConfiguration": {"fileSystemId": named}}],
        container={"mountPoints": [{"sourceVolume": "data", "containerPath": "/data"}]},
    )


@pytest.mark.parametrize(
    "named",
    ["fs-0fedcba9", "arn:aws:elasticfilesystem:eu-west-1:123456789012:file-system/fs-0fedcba9"],
)
def test_a_file_system_must_be_listed(named: str) -> None:
    (problem,) = planned(with_file_system(named)).problems
    assert "volumes[0].efsVolumeConfiguration.fileSystemId" in problem
    assert "AllowedFileSystemIds" in problem
    assert planned(with_file_system(named), allowed_file_system_ids=("fs-0fedcba9",)).blueprint


@pytest.mark.parametrize(
    ("listed", "fits"),
    [
        ((), False),
        ((FILE,), True),
        (("arn:aws:s3:::team-config/shop/*",), True),
        (("arn:aws:s3:::team-config/*",), True),
        (("arn:aws:s3:::team-config/shop/other.env",), False),
        (("arn:aws:s3:::team-config/shop/web.en?",), False),
        (("arn:aws:s3:::team/*",), False),
    ],
)
def test_a_file_of_variables_must_be_listed(listed: tuple[str, ...], fits: bool) -> None:
    request = with_definition(container={"environmentFiles": [{"value": FILE, "type": "s3"}]})
    made = planned(request, allowed_environment_files=listed)
    assert (made.blueprint is not None) is fits
    if not fits:
        (problem,) = made.problems
        assert "environmentFiles[0].value" in problem
        assert "AllowedEnvironmentFiles" in problem


def with_alias(name: str | None, **changes: Any) -> dict[str, Any]:
    alias = {"port": 80} if name is None else {"port": 80, "dnsName": name}
    connect = {"enabled": True, "services": [{"portName": "web", "clientAliases": [alias]}]}
    return environment(web(serviceConnectConfiguration=connect), **changes)


@pytest.mark.parametrize(
    "name",
    [
        "169.254.169.254",
        "127.0.0.1",
        "127.1",
        "0x7f000001",
        "2130706433",
        "10.0.0.2.",
        "localhost",
        "api.localhost",
        "localhost.localdomain",
        "ip6-localhost",
    ],
)
def test_an_address_is_no_alias(name: str) -> None:
    (problem,) = planned(with_alias(name)).problems
    assert "is no name that the mesh can give" in problem
    assert name in problem


def test_a_namespace_and_a_name_do_not_become_an_address() -> None:
    connect = {
        "enabled": True,
        "services": [{"portName": "web", "discoveryName": "127", "clientAliases": [{"port": 80}]}],
    }
    request = environment(web(serviceConnectConfiguration=connect), namespace="0.0.1")
    (problem,) = planned(request).problems
    assert "127.0.0.1" in problem


@pytest.mark.parametrize("name", ["api", "api.shop", "v1", "1password", "local", "web-1", "10-0"])
def test_a_name_is_an_alias(name: str) -> None:
    assert planned(with_alias(name)).blueprint


@pytest.mark.parametrize(
    ("name", "address"),
    [("::1", True), ("[fd00:ec2::254]", True), ("1.2", True), ("a.1", False), ("1.2.3.4.5", False)],
)
def test_addresses_are_known_in_every_form(name: str, address: bool) -> None:
    assert is_address(name) is address
