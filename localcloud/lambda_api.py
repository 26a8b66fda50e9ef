"""moto's Lambda service with functions that run: Invoke goes to the workers."""

from __future__ import annotations

import base64
import json
from collections.abc import Iterator, Mapping, MutableMapping
from contextlib import contextmanager
from typing import Any, Protocol

from moto.awslambda.exceptions import UnknownFunctionException
from moto.awslambda_simple.models import LambdaSimpleBackend, lambda_simple_backends
from moto.core.config import default_user_config
from moto.core.exceptions import JsonRESTError

from localcloud.patching import patched
from localcloud.workers import (
    MAX_ASYNC_PAYLOAD,
    FunctionNotFoundError,
    PayloadTooLargeError,
    Workers,
)


class AsyncInvoker(Protocol):
    def __call__(self, function_arn: str, payload: str) -> None:
        """Take an event for later: it is retried, and may end on a failure destination."""


class RequestTooLargeError(JsonRESTError):
    code = 413

    def __init__(self, message: str) -> None:
        super().__init__("RequestTooLargeException", message)


@contextmanager
def functions_run(workers: Workers, invoke_later: AsyncInvoker) -> Iterator[None]:
    """While entered, moto's Lambda runs the functions that are registered with the workers."""

    class Backend(LambdaSimpleBackend):
        def invoke(
            self,
            function_name: str,
            qualifier: str | None,
            body: Any,
            headers: Mapping[str, str],
            response_headers: MutableMapping[str, str],
        ) -> str | bytes | None:
            payload = body.decode() if isinstance(body, bytes) else (body or "{}")
            kind = headers.get("X-Amz-Invocation-Type", "RequestResponse")
            try:
                function = workers.find(function_name)
                if kind == "DryRun":
                    return b""
                if kind == "Event":
                    if len(payload.encode()) > MAX_ASYNC_PAYLOAD:
                        raise PayloadTooLargeError(f"more than {MAX_ASYNC_PAYLOAD} bytes")
                    invoke_later(function.arn, payload)
                    return b""
                outcome = workers.invoke(function_name, payload, headers.get("X-Amzn-Trace-Id", ""))
            except FunctionNotFoundError:
                raise UnknownFunctionException(function_name) from None
            except PayloadTooLargeError as error:
                raise RequestTooLargeError(str(error)) from None
            response_headers["x-amz-executed-version"] = "$LATEST"
            if outcome.error:
                response_headers["x-amz-function-error"] = outcome.error
                message = json.loads(outcome.payload).get("errorMessage", "")
                response_headers["x-amz-log-result"] = base64.b64encode(message.encode()).decode()
            return outcome.payload.encode()

    Backend.__module__ = LambdaSimpleBackend.__module__
    with (
        patched(lambda_simple_backends, "backend", Backend),
        patched(default_user_config, "lambda", {"use_docker": False}),
    ):
        yield
