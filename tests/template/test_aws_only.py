"""Only `functions/bivouac/aws` calls AWS. Everything else calls its functions."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pytest
from botocore import xform_name
from botocore.session import Session

from tests.template.declared import PROJECT, tree

FUNCTIONS = PROJECT / "functions"
ADAPTERS = FUNCTIONS / "bivouac" / "aws"
ELSEWHERE = sorted(file for file in FUNCTIONS.rglob("*.py") if ADAPTERS not in file.parents)
SDK = ("boto3", "botocore")


@cache
def calls_of_aws() -> frozenset[str]:
    """The methods of every client used here, by their Python names."""
    session = Session()
    clients = tree(ADAPTERS / "clients.py")
    services = {
        node.args[0].value
        for node in ast.walk(clients)
        if isinstance(node, ast.Call)
        and isinstance(node.func, ast.Name)
        and node.func.id == "_client"
        and isinstance(node.args[0], ast.Constant)
    }
    return frozenset(
        xform_name(operation)
        for service in services
        for operation in session.get_service_model(str(service)).operation_names
    ) | {"get_paginator", "get_waiter", "exceptions"}


def touches_aws(code: ast.Module) -> Iterator[str]:
    """Where the code uses the SDK or a client directly."""
    modules = {
        (name.asname or name.name).partition(".")[0]
        for node in ast.walk(code)
        if isinstance(node, ast.Import | ast.ImportFrom)
        for name in node.names
    }
    for node in ast.walk(code):
        match node:
            case ast.Import(names=names) if any(_is_sdk(each.name) for each in names):
                yield ast.unparse(node)
            case ast.ImportFrom(module=str(module)) if _is_sdk(module):
                yield ast.unparse(node)
            case ast.Attribute(value=ast.Name(id=owner)) if owner in modules:
                continue  # a function of a module, such as ecs.list_services
            case ast.Attribute(attr=called) if called in calls_of_aws():
                yield ast.unparse(node)


def _is_sdk(module: str) -> bool:
    return module.partition(".")[0] in SDK


@pytest.mark.parametrize("file", ELSEWHERE, ids=lambda file: str(file.relative_to(FUNCTIONS)))
def test_only_the_adapters_use_the_sdk(file: Path) -> None:
    assert not [*touches_aws(tree(file))]


@pytest.mark.parametrize("file", ELSEWHERE, ids=lambda file: str(file.relative_to(FUNCTIONS)))
def test_only_the_adapters_translate_aws_errors(file: Path) -> None:
    names = {
        name.name
        for node in ast.walk(tree(file))
        if isinstance(node, ast.ImportFrom) and node.module == "bivouac.aws.errors"
        for name in node.names
    }
    assert not names & {"translated", "tolerated", "code_of", "duplicate_operation"}


@pytest.mark.parametrize(
    "line",
    [
        "import boto3",
        "import botocore.session",
        "from botocore.exceptions import ClientError",
        "client.delete_service(cluster='a', service='b')",
        "self._ecs.create_service()",
        "stepfunctions.send_task_success(taskToken=token)",
        "clients.dynamodb().put_item()",
        "client.get_paginator('list_services')",
        "try: pass\nexcept client.exceptions.ServiceNotFoundException: pass",
    ],
)
def test_a_direct_use_is_found(line: str) -> None:
    assert [*touches_aws(ast.parse(line))]


@pytest.mark.parametrize(
    "line",
    [
        "from types_boto3_ecs import ECSClient",
        "from bivouac.aws import ecs\necs.list_services(client, cluster)",
        "import socket\nsocket.create_connection(address)",
    ],
)
def test_a_call_of_an_adapter_is_no_direct_use(line: str) -> None:
    assert not [*touches_aws(ast.parse(line))]
