"""Calls of the waits table: one item for each environment with a waiting execution."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

from bivouac.aws.client_types import DynamoDBClient
from bivouac.aws.errors import translated

Item = dict[str, Any]


@dataclass(frozen=True)
class WaitsTable:
    client: DynamoDBClient
    name: str

    def put(self, item: Item) -> Item:
        """The item that it replaces; empty if there was none."""
        with translated(f"wait of {item['environment']['S']}"):
            answer = self.client.put_item(TableName=self.name, Item=item, ReturnValues="ALL_OLD")
        return dict(answer.get("Attributes", {}))

    def update(
        self,
        environment: str,
        update: str,
        condition: str,
        names: Mapping[str, str],
        values: Item,
    ) -> Item | None:
        """The updated item; None if the condition does not hold."""
        with translated(f"wait of {environment}"):
            try:
                answer = self.client.update_item(
                    TableName=self.name,
                    Key={"environment": {"S": environment}},
                    UpdateExpression=update,
                    ConditionExpression=condition,
                    ExpressionAttributeNames=names,
                    ExpressionAttributeValues=values,
                    ReturnValues="ALL_NEW",
                )
            except self.client.exceptions.ConditionalCheckFailedException:
                return None
        return dict(answer["Attributes"])

    def delete(self, environment: str, token: str) -> None:
        """Delete the item, unless it has another token by now."""
        with (
            translated(f"wait of {environment}"),
            suppress(self.client.exceptions.ConditionalCheckFailedException),
        ):
            self.client.delete_item(
                TableName=self.name,
                Key={"environment": {"S": environment}},
                ConditionExpression="#token = :token",
                ExpressionAttributeNames={"#token": "token"},
                ExpressionAttributeValues={":token": {"S": token}},
            )
