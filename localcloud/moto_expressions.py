"""Caches parsed DynamoDB expressions: moto parses an update three times, and deep-copies the result
object by object."""

from __future__ import annotations

import pickle
from collections import deque
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache, lru_cache
from typing import Any

from moto.dynamodb.comparisons import ConditionExpressionParser
from moto.dynamodb.parsing import validators
from moto.dynamodb.parsing.ast_nodes import DepthFirstTraverser, Node
from moto.dynamodb.parsing.expressions import UpdateExpressionParser

from localcloud.patching import all_patched

_KEPT = 1000
"""Number of expressions. A program has few: they hold names of values, not values."""
_make = lru_cache(_KEPT)(UpdateExpressionParser.make)
_lex = ConditionExpressionParser._lex_condition_expression


@contextmanager
def expressions_are_kept() -> Iterator[None]:
    """While entered, moto parses each expression once."""
    with all_patched(
        [
            (UpdateExpressionParser, "make", _make),
            (ConditionExpressionParser, "_lex_condition_expression", _lexed_of),
            (validators, "deepcopy", _copied),
            (DepthFirstTraverser, "traverse_node_recursively", _traversed),
            (validators.ActionCountValidator, "traverse", _counted),
        ]
    ):
        yield


def _lexed_of(parser: ConditionExpressionParser) -> deque[Any]:
    return deque(_lexed(parser.condition_expression))


@lru_cache(_KEPT)
def _lexed(expression: str) -> tuple[Any, ...]:
    return tuple(_lex(ConditionExpressionParser(expression, None, None)))


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


def _counted(validator: Any, root: Any) -> Any:
    """No subtree has more clauses of a kind than the whole tree."""
    return validator.verify_action_counts(root)


@cache
def _is(kind: Any, classes: tuple[type, ...]) -> Any:
    """The first of these classes that is a base of the class."""
    return next((each for each in classes if issubclass(kind, each)), None)
