"""moto's DynamoDB, answering sooner: its answers have the names of the service's model already."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from moto.core.responses import ActionResult
from moto.dynamodb.responses import DynamoHandler

from localcloud.patching import patched
from localcloud.strict_response import ExactAnswer


@contextmanager
def answers_are_exact() -> Iterator[None]:
    """While entered, no other names are looked for: of each value of an item moto looks for all
    types that it could have, under each name that the type could have."""
    with patched(DynamoHandler, "serialized", _serialized_of(DynamoHandler.serialized)):
        yield


def _serialized_of(original: Callable[..., Any]) -> Callable[..., Any]:
    def serialized(self: DynamoHandler, answer: ActionResult) -> Any:
        exact = answer if isinstance(answer.result, Exception) else ExactAnswer(answer.result)
        return original(self, exact)

    return serialized
