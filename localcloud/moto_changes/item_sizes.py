"""Enforces DynamoDB's item size limit exactly.

moto counts a replaced attribute twice, stops 4,600 bytes too early, and has already written part of
an update when it refuses it.
"""

from __future__ import annotations

import copy
import re
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from moto.dynamodb.exceptions import ItemSizeTooLarge, ItemSizeToUpdateTooLarge
from moto.dynamodb.models import DynamoDBBackend
from moto.dynamodb.models.dynamo_type import DynamoType, Item, LimitedSizeDict

from localcloud.moto_changes.patching import all_patched

MAX_ITEM = 409_600
"""Bytes: 400 KB, including the names of the attributes (developer guide, "Constraints in Amazon
DynamoDB")."""
_CONTAINER = 3
"""Of a list or map, whatever it contains; each element adds one (developer guide, "DynamoDB item
sizes and formats", which also has the other sizes)."""


@contextmanager
def item_sizes_hold() -> Iterator[None]:
    """While entered, too large items are refused as by DynamoDB, and stay unchanged."""
    with all_patched(
        [
            (LimitedSizeDict, "__setitem__", dict.__setitem__),
            (Item, "__init__", _init_of(Item.__init__)),
            (DynamoDBBackend, "update_item", _update_item_of(DynamoDBBackend.update_item)),
        ]
    ):
        yield


def item_size(attributes: Mapping[str, DynamoType]) -> int:
    """Bytes of an item, as DynamoDB counts them."""
    return sum(_text(name) + _size(value.type, value.value) for name, value in attributes.items())


def _size(kind: str, value: Any) -> int:
    match kind:
        case "N":
            return _number(value)
        case "NULL" | "BOOL":
            return 1
        case "M":
            entries = ((name, _as_typed(each)) for name, each in value.items())
            return _CONTAINER + sum(1 + _text(name) + _size(*each) for name, each in entries)
        case "L":
            return _CONTAINER + sum(1 + _size(*_as_typed(each)) for each in value)
        case "SS" | "NS" | "BS":
            return sum(_size(kind[0], each) for each in value)
        case _:
            return len(value) if isinstance(value, bytes) else _text(value)


def _as_typed(value: Any) -> tuple[str, Any]:
    """moto stores the elements of a list or map either as its own type or as they came."""
    if isinstance(value, DynamoType):
        return value.type, value.value
    ((kind, inner),) = value.items()
    return kind, inner


def _number(text: Any) -> int:
    """One byte for two significant digits, plus one; an approximation, as the guide says."""
    digits = re.sub(r"[^0-9]|[eE].*", "", str(text)).strip("0")
    return 1 + (len(digits) + 1) // 2


def _text(text: str) -> int:
    return len(text.encode())


def _init_of(original: Callable[..., None]) -> Callable[..., None]:
    def init(self: Item, *args: Any, **kwargs: Any) -> None:
        original(self, *args, **kwargs)
        if item_size(self.attrs) > MAX_ITEM:
            raise ItemSizeTooLarge

    return init


def _update_item_of(original: Callable[..., Item]) -> Callable[..., Item]:
    def update_item(
        self: DynamoDBBackend,
        table_name: str,
        key: dict[str, dict[str, Any]],
        update_expression: str,
        expression_attribute_names: dict[str, Any],
        expression_attribute_values: dict[str, Any],
        *args: Any,
        **kwargs: Any,
    ) -> Item:
        table = self.get_table(table_name)
        keys = [
            DynamoType(key[name]) if name in key else None
            for name in (table.hash_key_attr, table.range_key_attr)
        ]
        item = table.get_item(*keys)
        added = sum(
            _size(*_as_typed(value)) * str(update_expression).count(name)
            for name, value in (expression_attribute_values or {}).items()
        )
        # An expression can also copy each attribute once.
        may_be_too_large = 2 * (item_size(item.attrs) if item else 0) + added > MAX_ITEM
        before = copy.deepcopy(item) if may_be_too_large else None
        updated = original(
            self,
            table_name,
            key,
            update_expression,
            expression_attribute_names,
            expression_attribute_values,
            *args,
            **kwargs,
        )
        if may_be_too_large and item_size(updated.attrs) > MAX_ITEM:
            if before is None:
                table.delete_item(*keys)
            else:
                updated.attrs = before.attrs
            raise ItemSizeToUpdateTooLarge
        return updated

    return update_item
