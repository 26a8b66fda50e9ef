"""Items of DynamoDB as they are written, and what writing them costs."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from moto.dynamodb.models import DynamoDBBackend
from moto.dynamodb.models.dynamo_type import Item

from localcloud.moto_changes.item_sizes import item_size
from localcloud.moto_changes.patching import all_patched

UNIT = 1024
"""Bytes of an item that one write unit pays for (DynamoDB's guide, "Read and write operations")."""

Observer = Callable[[DynamoDBBackend, str, Item], None]
"""Gets the table's name and the item after the write."""


@contextmanager
def observed(observe: Observer) -> Iterator[None]:
    """While entered, every written item is observed."""

    def written(original: Callable[..., Item]) -> Callable[..., Item]:
        def write(backend: DynamoDBBackend, name: str, *args: Any, **kwargs: Any) -> Item:
            item = original(backend, name, *args, **kwargs)
            observe(backend, name, item)
            return item

        return write

    names = ("update_item", "put_item")
    with all_patched(
        (DynamoDBBackend, name, written(getattr(DynamoDBBackend, name))) for name in names
    ):
        yield


def write_units(backend: DynamoDBBackend, table: str, item: Item) -> int:
    """Those of the item and its entries in indexes. At most: an index is only written if something
    that it projects has changed."""
    entries = [
        index.project(item)
        for index in backend.get_table(table).global_indexes
        if all(key["AttributeName"] in item.attrs for key in index.schema)
    ]
    return sum(-(-item_size(each.attrs) // UNIT) for each in (item, *entries))
