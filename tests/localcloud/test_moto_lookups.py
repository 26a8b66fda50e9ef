"""Cached lookups change how long an answer takes, not the answer."""

from __future__ import annotations

import io
from typing import Any

import boto3
import pytest
from botocore.loaders import Loader
from moto import mock_aws
from moto.moto_server.werkzeug_app import DomainDispatcherApplication

from localcloud.moto_changes.lookups import Services, lookups_are_kept
from localcloud.stepfunctions.interpreter import _parse

TABLE: dict[str, Any] = {
    "TableName": "things",
    "BillingMode": "PAY_PER_REQUEST",
    "AttributeDefinitions": [{"AttributeName": "id", "AttributeType": "S"}],
    "KeySchema": [{"AttributeName": "id", "KeyType": "HASH"}],
}
ITEM: dict[str, Any] = {
    "id": {"S": "one"},
    "bytes": {"B": b"\x00\xff"},
    "number": {"N": "1"},
    "yes": {"BOOL": True},
    "nothing": {"NULL": True},
    "list": {"L": [{"S": "a"}, {"M": {"name": {"S": "S"}, "Item": {"N": "2"}}}]},
    "texts": {"SS": ["a", "b"]},
}


def answers() -> list[Any]:
    """DynamoDB's answers about a table, without what differs each time."""
    client: Any = boto3.client("dynamodb")
    key, table = {"id": ITEM["id"]}, "things"
    given: list[Any] = [
        client.create_table(**TABLE)["TableDescription"],
        client.put_item(TableName=table, Item=ITEM),
        client.get_item(TableName=table, Key=key),
        client.update_item(
            TableName=table,
            Key=key,
            UpdateExpression="SET #number = :two REMOVE texts",
            ExpressionAttributeNames={"#number": "number"},
            ExpressionAttributeValues={":two": {"N": "2"}},
            ReturnValues="ALL_NEW",
        ),
        client.scan(TableName=table, ReturnConsumedCapacity="TOTAL"),
        client.describe_table(TableName=table)["Table"],
        client.delete_item(TableName=table, Key=key, ReturnValues="ALL_OLD"),
    ]
    with pytest.raises(client.exceptions.ConditionalCheckFailedException) as caught:
        client.put_item(TableName=table, Item=ITEM, ConditionExpression="attribute_exists(id)")
    given.append(caught.value.response["Error"])
    for answer in given:
        for another in ("ResponseMetadata", "CreationDateTime", "TableId"):
            answer.pop(another, None)
    return given


def test_dynamodb_answers_the_same() -> None:
    with mock_aws():
        of_moto = answers()
    with mock_aws(), lookups_are_kept():
        assert answers() == of_moto


UPDATES: list[dict[str, Any]] = [
    {
        "UpdateExpression": "SET #l = list_append(#l, :more), n = n + :one REMOVE gone",
        "ConditionExpression": "attribute_exists(id) AND (n < :one OR NOT n = :one)",
        "ExpressionAttributeNames": {"#l": "list"},
        "ExpressionAttributeValues": {":more": {"L": [{"S": "b"}]}, ":one": {"N": "1"}},
    },
    {
        "UpdateExpression": "SET since = if_not_exists(since, :now) ADD n :one DELETE texts :a",
        "ExpressionAttributeValues": {":now": {"S": "x"}, ":one": {"N": "1"}, ":a": {"SS": ["a"]}},
    },
    {  # part of the key
        "UpdateExpression": "ADD id :one",
        "ExpressionAttributeValues": {":one": {"N": "1"}},
    },
    {  # two clauses of a kind
        "UpdateExpression": "SET a = :one SET b = :one",
        "ExpressionAttributeValues": {":one": {"N": "1"}},
    },
    {  # no expression
        "UpdateExpression": "SET a = = :one",
        "ExpressionAttributeValues": {":one": {"N": "1"}},
    },
    {  # not fulfilled
        "UpdateExpression": "SET a = :one",
        "ConditionExpression": "n BETWEEN :nought AND :one",
        "ExpressionAttributeValues": {":one": {"N": "1"}, ":nought": {"N": "0"}},
    },
    {  # one path twice
        "UpdateExpression": "SET a = :one REMOVE a",
        "ExpressionAttributeValues": {":one": {"N": "1"}},
    },
    {  # fulfilled with one value
        "UpdateExpression": "SET a = :one",
        "ConditionExpression": "(#n IN (:nought, :seven)) AND size(id) > :one",
        "ExpressionAttributeNames": {"#n": "n"},
        "ExpressionAttributeValues": {
            **{":one": {"N": "1"}, ":nought": {"N": "0"}, ":seven": {"N": "7"}}
        },
    },
    {  # and not with another
        "UpdateExpression": "SET a = :one",
        "ConditionExpression": "(#n IN (:nought, :seven)) AND size(id) > :one",
        "ExpressionAttributeNames": {"#n": "n"},
        "ExpressionAttributeValues": {
            **{":one": {"N": "1"}, ":nought": {"N": "0"}, ":seven": {"N": "70"}}
        },
    },
]


def updated() -> list[Any]:
    """An item after each update in turn, or the error; each update is made twice."""
    client: Any = boto3.client("dynamodb")
    client.create_table(**TABLE)
    item = {"id": {"S": "one"}, "n": {"N": "5"}, "list": {"L": [{"S": "a"}]}, "gone": {"S": "-"}}
    client.put_item(TableName="things", Item={**item, "texts": {"SS": ["a", "b"]}})
    found: list[Any] = []
    for update in UPDATES * 2:
        try:
            answer = client.update_item(
                TableName="things", Key={"id": item["id"]}, ReturnValues="ALL_NEW", **update
            )
            found.append(answer["Attributes"])
        except client.exceptions.ClientError as error:
            found.append(error.response["Error"])
    return found


def test_a_cached_expression_has_the_same_effect() -> None:
    with mock_aws():
        of_moto = updated()
    with mock_aws(), lookups_are_kept():
        assert updated() == of_moto
    first, _, *others = of_moto[len(UPDATES) :]
    assert first["n"] == {"N": "8"}
    assert first["list"] == {"L": [{"S": "a"}, {"S": "b"}, {"S": "b"}]}
    assert [answer.get("Code") for answer in others] == [
        *["ValidationException"] * 3,
        "ConditionalCheckFailedException",
        "ValidationException",
        *["ConditionalCheckFailedException"] * 2,
    ]
    assert of_moto[7]["a"] == {"N": "1"}


def environ(service: str, target: str) -> dict[str, Any]:
    scope = f"key/20300101/ap-northeast-1/{service}/aws4_request"
    return {
        "REQUEST_METHOD": "POST",
        "PATH_INFO": "/",
        "HTTP_HOST": "127.0.0.1",
        "HTTP_AUTHORIZATION": f"AWS4-HMAC-SHA256 Credential={scope}, SignedHeaders=host",
        "wsgi.input": io.BytesIO(),
        **({"HTTP_X_AMZ_TARGET": f"{target}.Operation"} if target else {}),
    }


@pytest.mark.parametrize(
    ("service", "target"),
    [
        ("dynamodb", "DynamoDB_20120810"),
        ("dynamodb", "DynamoDBStreams_20120810"),
        ("ec2", ""),
        ("ecs", "AmazonEC2ContainerServiceV20141113"),
        ("events", "AWSEvents"),
        ("iam", ""),
        ("lambda", ""),
        ("logs", "Logs_20140328"),
        ("monitoring", ""),
        ("scheduler", ""),
        ("servicediscovery", "Route53AutoNaming_v20170314"),
        ("sqs", "AmazonSQS"),
        ("states", "AWSStepFunctions"),
        ("sts", ""),
    ],
)
def test_a_request_goes_where_moto_sends_it(service: str, target: str) -> None:
    services = Services()
    request = environ(service, target)
    of_moto = DomainDispatcherApplication.get_application(services, request)
    for _ in range(2):
        assert services.get_application(request) is of_moto


DEFINITION = '{"StartAt": "Go", "States": {"Go": {"Type": "Succeed"}}}'


def test_a_definition_is_parsed_once_and_each_execution_gets_its_own_states() -> None:
    (first, tree), (second, same_tree) = _parse(DEFINITION), _parse(DEFINITION)
    assert tree is same_tree
    assert first is not second


def test_botocores_files_are_read_once() -> None:
    first, second = Loader(), Loader()
    read = first.load_service_model("ecs", "service-2")
    assert second.load_service_model("ecs", "service-2") is read
    assert first.list_available_services("service-2") is second.list_available_services("service-2")


def test_boto3_reads_them_by_keyword_too() -> None:
    """Session.get_available_resources, with which Session.resource and so moto's EC2 begin."""
    assert "ec2" in boto3.Session().get_available_resources()
