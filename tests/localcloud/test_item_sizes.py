"""An item has at most 400 KB, including its names (DynamoDB's developer guide, "Constraints in
Amazon DynamoDB"), and a refused change changes nothing."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import boto3
import pytest
from moto.dynamodb.models.dynamo_type import DynamoType

from localcloud.moto_changes.item_sizes import item_size
from localcloud.strict import mock_account

LIMIT = 409_600
KEY = {"id": {"S": "one"}}
OF_KEY = len("id") + len("one")
NAME = "text"


@pytest.fixture(scope="module")
def table() -> Iterator[Any]:
    with mock_account():
        client: Any = boto3.client("dynamodb")
        client.create_table(
            TableName="things",
            BillingMode="PAY_PER_REQUEST",
            AttributeDefinitions=[{"AttributeName": "id", "AttributeType": "S"}],
            KeySchema=[{"AttributeName": "id", "KeyType": "HASH"}],
        )
        yield client


def put(table: Any, length: int, **more: Any) -> None:
    table.put_item(TableName="things", Item={**KEY, NAME: {"S": "x" * length}, **more})


def update(table: Any, expression: str, **values: str) -> None:
    table.update_item(
        TableName="things",
        Key=KEY,
        UpdateExpression=expression,
        ExpressionAttributeNames={"#text": NAME},
        ExpressionAttributeValues={f":{name}": {"S": value} for name, value in values.items()},
    )


def item(table: Any) -> dict[str, Any]:
    found: dict[str, Any] = table.get_item(TableName="things", Key=KEY)["Item"]
    return found


def test_an_item_may_be_as_large_as_the_limit(table: Any) -> None:
    put(table, LIMIT - OF_KEY - len(NAME))
    with pytest.raises(table.exceptions.ClientError, match="Item size has exceeded"):
        put(table, LIMIT - OF_KEY - len(NAME) + 1)


def test_a_replaced_attribute_counts_once(table: Any) -> None:
    put(table, 300_000)
    update(table, "SET #text = :new", new="y" * 400_000)
    assert item(table)[NAME]["S"][0] == "y"


def test_a_refused_update_changes_nothing(table: Any) -> None:
    put(table, 300_000, beside={"S": "before"})
    refused = pytest.raises(table.exceptions.ClientError, match="Item size to update has exceeded")
    with refused:
        update(table, "SET beside = :other, #text = :new", other="after", new="y" * LIMIT)
    assert item(table)["beside"] == {"S": "before"}
    assert item(table)[NAME]["S"][0] == "x"


def test_a_copy_within_the_item_counts(table: Any) -> None:
    put(table, 300_000)
    with pytest.raises(table.exceptions.ClientError, match="Item size to update has exceeded"):
        table.update_item(
            TableName="things",
            Key=KEY,
            UpdateExpression="SET again = #text",
            ExpressionAttributeNames={"#text": NAME},
        )
    assert "again" not in item(table)


def test_an_update_cannot_create_too_large_an_item(table: Any) -> None:
    with pytest.raises(table.exceptions.ClientError, match="Item size to update has exceeded"):
        table.update_item(
            TableName="things",
            Key={"id": {"S": "two"}},
            UpdateExpression="SET a = :text, b = :text",
            ExpressionAttributeValues={":text": {"S": "x" * 205_000}},
        )
    assert "Item" not in table.get_item(TableName="things", Key={"id": {"S": "two"}})


@pytest.mark.parametrize(
    ("value", "size"),
    [
        ({"S": "日本"}, 6),
        ({"N": "12345"}, 4),
        ({"N": "1200"}, 2),
        ({"BOOL": True}, 1),
        ({"NULL": True}, 1),
        ({"SS": ["ab", "c"]}, 3),
        ({"M": {}}, 3),
        ({"M": {"name": {"S": "value"}}}, 3 + 1 + 4 + 5),
        ({"L": [{"S": "ab"}, {"M": {"n": {"N": "7"}}}]}, 3 + 1 + 2 + 1 + 3 + 1 + 1 + 2),
    ],
)
def test_sizes_are_those_of_the_guide(value: dict[str, Any], size: int) -> None:
    """Developer guide, "DynamoDB item sizes and formats"."""
    assert item_size({"abc": DynamoType(value)}) == 3 + size
