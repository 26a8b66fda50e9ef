"""Caches parsed DynamoDB expressions: moto parses an update three times and a condition twice, and
deep-copies the result object by object."""

from __future__ import annotations

import io
import pickle
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache, lru_cache
from typing import Any

from moto.dynamodb.comparisons import AttributeValue, ConditionExpressionParser
from moto.dynamodb.parsing import validators
from moto.dynamodb.parsing.ast_nodes import (
    DepthFirstTraverser,
    Expression,
    Node,
    UpdateExpressionFunction,
)
from moto.dynamodb.parsing.expressions import UpdateExpressionParser

from localcloud.moto_changes.patching import all_patched

_KEPT = 1000
"""Number of expressions. A program has few: they hold names of values, not values."""
_make = lru_cache(_KEPT)(UpdateExpressionParser.make)
_parse = ConditionExpressionParser.parse


@contextmanager
def expressions_are_kept() -> Iterator[None]:
    """While entered, moto parses each expression once."""
    with all_patched(
        [
            (UpdateExpressionParser, "make", _make),
            (ConditionExpressionParser, "parse", _parsed),
            (validators, "deepcopy", _copied),
            (Node, "find_clauses", _clauses),
            (DepthFirstTraverser, "traverse_node_recursively", _traversed),
            (validators.ActionCountValidator, "traverse", _counted),
            (validators.OverlappingPathsValidator, "traverse", _without_overlaps),
        ]
    ):
        yield


def _parsed(parser: ConditionExpressionParser) -> Any:
    """The condition with the values of this request."""
    expression, values = parser.condition_expression, parser.expression_attribute_values
    if not expression:
        return _parse(parser)
    try:
        names = tuple((parser.expression_attribute_names or {}).items())
        kinds = tuple((name, next(iter(value))) for name, value in (values or {}).items())
        tree, names_found, values_found = _template(expression, names, kinds)
    except Exception:
        return _parse(parser)  # raises what moto raises
    parser.expr_attr_names_found.extend(names_found)
    parser.expr_attr_values_found.extend(values_found)
    return _Filler(tree, values or {}).load()


@lru_cache(_KEPT)
def _template(
    expression: str, names: tuple[tuple[str, str], ...], kinds: tuple[tuple[str, str], ...]
) -> tuple[bytes, list[str], list[str]]:
    """A pickled condition without values, and the names of the attributes and values in it."""
    values: Any = {name: {kind: name} for name, kind in kinds}
    parser = ConditionExpressionParser(expression, dict(names), values)
    condition = _parse(parser)
    _Emptier(tree := io.BytesIO(), pickle.HIGHEST_PROTOCOL).dump(condition)
    return tree.getvalue(), parser.expr_attr_names_found, parser.expr_attr_values_found


class _Emptier(pickle.Pickler):
    def persistent_id(self, found: Any) -> Any:
        return found.value if isinstance(found, AttributeValue) else None


class _Filler(pickle.Unpickler):
    def __init__(self, tree: bytes, values: dict[str, Any]) -> None:
        super().__init__(io.BytesIO(tree))
        self._values = values

    def persistent_load(self, name: str) -> AttributeValue:
        return AttributeValue(self._values[name])


def _copied(tree: Any) -> Any:
    """A deep copy, done in C."""
    return pickle.loads(pickle.dumps(tree, pickle.HIGHEST_PROTOCOL))


def _traversed(traverser: Any, node: Any, child_id: int = -1) -> Any:
    """moto's own traversal, except that it determines the kind of each node class once."""
    processors = traverser._processing_map()
    processed = tuple(processors)

    def traversed(node: Any, child_id: int) -> Any:
        parent = node.parent
        for number, child in enumerate(node.children or ()):
            traverser.pre_processing_of_child(node, number)
            if _is(child.__class__, (Node,)):
                traversed(child, number)
        if found := _is(node.__class__, processed):
            node = processors[found](node)
            node.parent = parent
            if parent:
                parent.children[child_id] = node
        return node

    return traversed(node, child_id)


def _clauses(node: Any, kinds: Any) -> list[Any]:
    """moto's own search, except that it determines the kind of each node class once."""
    found = []
    for child in node.children or ():
        if child.__class__ in kinds:
            found.append(child)
        elif _is(child.__class__, (Expression, UpdateExpressionFunction)):
            found += child.find_clauses(kinds)
    return found


def _counted(validator: Any, root: Any) -> Any:
    """No subtree has more clauses of a kind than the whole tree."""
    return validator.verify_action_counts(root)


def _without_overlaps(validator: Any, root: Any) -> Any:
    """Nor has a subtree paths that overlap, unless the whole tree has them."""
    return validator.check_for_overlapping_paths(root)


@cache
def _is(kind: Any, classes: tuple[type, ...]) -> Any:
    """The first of these classes that is a base of the class."""
    return next((each for each in classes if issubclass(kind, each)), None)
