"""Custom resources: CloudFormation invokes a function, which answers with a PUT to a URL.

CloudFormation's user guide, "CloudFormation custom resource request and response reference". What
the function returns is ignored.
"""

from __future__ import annotations

import json
import secrets
import threading
import uuid
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Literal
from wsgiref.types import StartResponse, WSGIEnvironment

from localcloud.awslambda.names import FunctionName
from localcloud.awslambda.workers import FunctionNotFoundError, Workers

PATH = "/cloudformation-custom-resource-response/"
MAX_ANSWER = 4096
"""Bytes of a response body."""
MAX_ID = 1024
"""Bytes of a PhysicalResourceId."""
ATTEMPTS = 3
"""Lambda invokes the function asynchronously, so it retries a failed event twice (W15)."""

RequestType = Literal["Create", "Update", "Delete"]


class CustomResourceError(Exception):
    """The resource could not be created or deleted. The text is the function's reason, or says what
    is wrong with its response."""


@dataclass(frozen=True)
class CustomResource:
    """A custom resource that a template declares."""

    stack_id: str
    logical_id: str
    type: str
    properties: Mapping[str, Any]
    """Resolved; ServiceToken is a function's ARN."""

    def event(
        self,
        request: RequestType,
        url: str,
        physical_id: str | None,
        old_properties: Mapping[str, Any] | None,
    ) -> dict[str, Any]:
        event: dict[str, Any] = {
            "RequestType": request,
            "ServiceToken": self.properties["ServiceToken"],
            "ResponseURL": url,
            "StackId": self.stack_id,
            "RequestId": str(uuid.uuid4()),
            "LogicalResourceId": self.logical_id,
            "ResourceType": self.type,
            "ResourceProperties": _texts(self.properties),
        }
        if physical_id:
            event["PhysicalResourceId"] = physical_id
        if old_properties is not None:
            event["OldResourceProperties"] = _texts(old_properties)
        return event


@dataclass(frozen=True)
class Answer:
    physical_id: str
    data: Mapping[str, Any]


class CustomResources:
    """Sends requests to functions and receives their responses at the endpoint."""

    def __init__(self, endpoint_url: str, workers: Workers) -> None:
        self._endpoint_url = endpoint_url
        self._workers = workers
        self._awaited: set[str] = set()
        self._answers: dict[str, bytes] = {}
        self._lock = threading.Lock()

    def send(
        self,
        resource: CustomResource,
        request: RequestType,
        physical_id: str | None = None,
        old_properties: Mapping[str, Any] | None = None,
    ) -> Answer:
        """`old_properties`: those before an Update, whose response may have another physical id.

        Raises CustomResourceError, with the function's Reason if its Status is FAILED.

        CloudFormation waits an hour for a response. This does not wait once the function has ended
        without one."""
        path = PATH + secrets.token_urlsafe(24)
        event = resource.event(request, self._endpoint_url + path, physical_id, old_properties)
        with self._lock:
            self._awaited.add(path)
        try:
            body = self._answer(path, event)
        finally:
            with self._lock:
                self._awaited.discard(path)
        return _checked(body, event)

    def _answer(self, path: str, event: Mapping[str, Any]) -> bytes:
        token = str(event["ServiceToken"])
        failure = ""
        for _ in range(ATTEMPTS):
            try:
                outcome = self._workers.invoke(token, json.dumps(event))
            except FunctionNotFoundError as error:
                raise CustomResourceError(str(error)) from error
            with self._lock:
                if path in self._answers:
                    return self._answers.pop(path)
            if outcome.error is None:
                break
            failure = f" The function failed: {outcome.payload}"
        raise CustomResourceError(
            "CloudFormation did not receive a response from your Custom Resource. Please check "
            f"your logs for requestId [{event['RequestId']}] of function "
            f"{FunctionName.of(token).name}.{failure}"
        )

    def __call__(self, environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        """The ResponseURL as a WSGI application. On AWS it is a presigned S3 URL, which accepts
        only the content type that it was signed for: none."""
        path = environ["PATH_INFO"]
        with self._lock:
            known = path in self._awaited and environ["REQUEST_METHOD"] == "PUT"
            if not known or environ.get("CONTENT_TYPE"):
                code = "SignatureDoesNotMatch" if known else "AccessDenied"
                start_response("403 Forbidden", [("Content-Type", "application/xml")])
                return [f"<Error><Code>{code}</Code></Error>".encode()]
            self._answers[path] = environ["wsgi.input"].read()
        start_response("200 OK", [("Content-Length", "0")])
        return []


def _checked(body: bytes, event: Mapping[str, Any]) -> Answer:
    if len(body) > MAX_ANSWER:
        raise CustomResourceError(f"Response object is too long: more than {MAX_ANSWER} bytes.")
    try:
        answer = json.loads(body)
    except ValueError as error:
        raise CustomResourceError("Response is not valid JSON") from error
    problems = [
        f"{member} must be copied from the request"
        for member in ("StackId", "RequestId", "LogicalResourceId")
        if answer.get(member) != event[member]
    ]
    physical_id = answer.get("PhysicalResourceId")
    if not isinstance(physical_id, str) or not 0 < len(physical_id.encode()) <= MAX_ID:
        problems.append("Invalid PhysicalResourceId")
    elif event["RequestType"] == "Delete" and physical_id != event["PhysicalResourceId"]:
        problems.append("PhysicalResourceId must be the same in all answers")
    status = answer.get("Status")
    if status not in ("SUCCESS", "FAILED"):
        problems.append("Status must be SUCCESS or FAILED")
    if status == "FAILED" and not answer.get("Reason"):
        problems.append("Reason is required where Status is FAILED")
    if not isinstance(answer.get("Data", {}), dict):
        problems.append("Data must be an object")
    if problems:
        raise CustomResourceError("; ".join(problems))
    if status == "FAILED":
        raise CustomResourceError(
            f"Received response status [FAILED] from custom resource. Message returned: "
            f"{answer['Reason']}"
        )
    return Answer(physical_id, answer.get("Data", {}))


def _texts(value: Any) -> Any:
    """CloudFormation passes every number and boolean as text."""
    if isinstance(value, dict):
        return {key: _texts(item) for key, item in value.items()}
    if isinstance(value, list):
        return [_texts(item) for item in value]
    return str(value).lower() if isinstance(value, bool) else str(value)
