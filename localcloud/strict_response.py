"""Answers one AWS JSON request by this local cloud's own rules, inside moto's request handling.

moto drops arguments that it does not know before its backends see them. Here a request is parsed
whole, held against the service's own model, and handed to the operation of that name; an
operation that the local cloud does not play is refused, never half-answered by moto.
"""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Mapping, Sequence
from typing import Any, ClassVar

from moto.core.exceptions import ServiceException
from moto.core.responses import ActionResult, BaseResponse

from localcloud.request_shape import Problem, problems

Operation = Callable[[dict[str, Any]], dict[str, Any]]


class StrictResponse(BaseResponse):
    """Subclassed for each installation with the operations and the lock of its state."""

    service: ClassVar[str]
    operations: ClassVar[Mapping[str, Operation]]
    lock: ClassVar[threading.RLock]
    region_served: ClassVar[str]

    def __init__(self) -> None:
        super().__init__(service_name=self.service)

    def invalid(self, found: Sequence[Problem]) -> ServiceException:
        """The service's error for a request that is not of the model's shape."""
        raise NotImplementedError

    def call_action(self) -> Any:
        try:
            answer: object = self._answer(self._get_action())
        except ServiceException as error:
            answer = error
        status, headers, body = self.serialized(ActionResult(answer))
        return status, {**self.response_headers, **headers}, body

    def _answer(self, name: str) -> dict[str, Any]:
        operation = self.operations.get(name)
        if operation is None:
            raise ServiceException(
                "UnknownOperationException",
                f"{self.service}:{name} is not played by the local cloud. "
                f"It knows: {', '.join(sorted(self.operations))}.",
            )
        if self.region != self.region_served:
            raise ServiceException(
                "UnrecognizedClientException",
                f"The local cloud has the one Region {self.region_served}, "
                f"and this request is for {self.region}: set AWS_DEFAULT_REGION.",
            )
        request = self._request()
        found = problems(self.service, name, request)
        if found:
            raise self.invalid(found)
        with self.lock:
            return operation(request)

    def _request(self) -> dict[str, Any]:
        try:
            request = json.loads(self.body or "{}")
        except json.JSONDecodeError as error:
            raise ServiceException("SerializationException", f"Not JSON: {error}") from error
        if not isinstance(request, dict):
            raise ServiceException("SerializationException", "The request must be an object.")
        return {name: value for name, value in request.items() if value is not None}
