"""Answers an AWS JSON request by the local cloud's own rules, inside moto's request handling.

moto drops unknown arguments before its backends see them. Here a request is parsed whole, checked
against the service's own model, and passed to the operation of that name. An operation that the
local cloud does not have is refused, never half-answered by moto.
"""

from __future__ import annotations

import base64
import json
import threading
from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext
from typing import Any, ClassVar

from botocore.model import ListShape, MapShape, Shape, StructureShape
from moto.core.exceptions import ServiceException
from moto.core.request import Request
from moto.core.responses import ActionContext, ActionResult, BaseResponse
from moto.core.serialize import TimestampSerializer

from localcloud.request_shape import Problem, problems

Operation = Callable[[dict[str, Any]], dict[str, Any]]


class ProtocolError(Exception):
    """An error of AWS's front end, which no service's model describes."""

    def __init__(self, code: str, message: str) -> None:
        super().__init__(f"{code}: {message}")
        self.code = code
        self.message = message


class ExactAnswer(ActionResult):
    """A response in AWS JSON whose members have the model's own names.

    moto looks for each possible member under up to ten names, which takes longer than computing the
    response."""

    def execute_result(self, context: ActionContext) -> Any:
        operation = context.operation_model
        version = operation.service_model.metadata["jsonVersion"]
        shape = operation.output_shape
        body = json.dumps(_written(self.result, shape) if shape else {})
        return 200, {"Content-Type": f"application/x-amz-json-{version}"}, body


def _written(value: Any, shape: Shape) -> Any:
    """What JSON can hold of a value. AWS JSON uses the model's member names."""
    match shape:
        case StructureShape(members=members):
            return {
                name: _written(member, members[name])
                for name, member in value.items()
                if member is not None and name in members
            }
        case ListShape():
            return [_written(item, shape.member) for item in value]
        case MapShape():
            return {key: _written(item, shape.value) for key, item in value.items()}
    match shape.type_name:
        case "timestamp":
            written: dict[str, Any] = {}
            _TIMES.serialize(written, value, shape, "time")
            return written["time"]
        case "blob":
            return base64.b64encode(value).decode()
    return value


_TIMES = TimestampSerializer(TimestampSerializer.TIMESTAMP_FORMAT_UNIX)


class StrictResponse(BaseResponse):
    """Subclassed for each installation with its operations and its lock."""

    service: ClassVar[str]
    operations: ClassVar[Mapping[str, Operation]]
    lock: ClassVar[threading.RLock]
    region_served: ClassVar[str]

    def __init__(self) -> None:
        super().__init__(service_name=self.service)

    def setup_class(
        self,
        request: Request,
        full_url: str | None = None,
        headers: Any = None,
        use_raw_body: bool | None = None,
    ) -> None:
        """Keeps what a request in AWS JSON consists of. moto's own looks for forms, files and other
        protocols."""
        self.normalized_request = request
        self.headers = request.headers
        self.body = request.get_data()
        self.querystring: dict[str, Any] = {}
        self.region = self.get_region_from_url(request, full_url or request.raw_url)
        self.response_headers = {"server": "amazon.com"}

    def invalid(self, found: Sequence[Problem]) -> ServiceException:
        """The service's error for a request that exceeds its model's limits."""
        raise NotImplementedError

    def call_action(self) -> Any:
        try:
            return self._answered(ExactAnswer(self._answer(self._get_action())))
        except ServiceException as error:
            return self._answered(ActionResult(error))
        except ProtocolError as error:
            body = json.dumps({"__type": error.code, "message": error.message})
            return 400, {**self.response_headers, "x-amzn-ErrorType": error.code}, body

    def _answered(self, answer: ActionResult) -> Any:
        status, headers, body = self.serialized(answer)
        return status, {**self.response_headers, **headers}, body

    def _answer(self, name: str) -> dict[str, Any]:
        operation = self.operations.get(name)
        if operation is None:
            raise ProtocolError(
                "UnknownOperationException",
                f"{self.service}:{name} is not supported by the local cloud. "
                f"It supports: {', '.join(sorted(self.operations))}.",
            )
        if self.region != self.region_served:
            raise ProtocolError(
                "UnrecognizedClientException",
                f"The local cloud has the one Region {self.region_served}, "
                f"and this request is for {self.region}: set AWS_DEFAULT_REGION.",
            )
        request = self._request()
        found = problems(self.service, name, request)
        wrong_types = [problem for problem in found if problem.kind == "type"]
        if wrong_types:
            listed = "; ".join(f"{problem.path}: {problem.message}" for problem in wrong_types)
            raise ProtocolError("SerializationException", listed)
        if found:
            raise self.invalid(found)
        with self.taking_part(name, request), self.lock:
            return operation(request)

    def taking_part(self, name: str, request: dict[str, Any]) -> AbstractContextManager[None]:
        """Entered before the lock: this is where AWS's refusals of concurrent requests are
        simulated."""
        return nullcontext()

    def _request(self) -> dict[str, Any]:
        try:
            request = json.loads(self.body or "{}")
        except json.JSONDecodeError as error:
            raise ProtocolError("SerializationException", f"Not JSON: {error}") from error
        if not isinstance(request, dict):
            raise ProtocolError("SerializationException", "The request must be an object.")
        return {name: value for name, value in request.items() if value is not None}
