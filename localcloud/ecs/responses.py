"""ECS's requests as they come from moto."""

from __future__ import annotations

import threading
from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from typing import Any

from localcloud.ecs.errors import EcsError, client_error, invalid_request
from localcloud.request_shape import Problem
from localcloud.strict_response import StrictResponse

_changing_families = threading.Lock()
_registering: set[str] = set()
"""Families of which a revision is being registered."""


class EcsResponse(StrictResponse):
    service = "ecs"

    def invalid(self, found: Sequence[Problem]) -> EcsError:
        return invalid_request(found)

    def taking_part(self, name: str, request: dict[str, Any]) -> AbstractContextManager[None]:
        if name == "RegisterTaskDefinition":
            return _alone_in(request["family"])
        return super().taking_part(name, request)


@contextmanager
def _alone_in(family: str) -> Iterator[None]:
    """A family accepts one registration at a time (T01)."""
    with _changing_families:
        if family in _registering:
            raise client_error(
                "Too many concurrent attempts to create a new revision of the specified family."
            )
        _registering.add(family)
    try:
        yield
    finally:
        with _changing_families:
            _registering.remove(family)
