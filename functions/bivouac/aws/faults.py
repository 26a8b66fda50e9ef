"""AWS's error codes become our errors here, and nowhere else.

The code decides first; then the text, because ECS hides throttling and propagation delays inside
InvalidParameterException (failure-mode S03: the trailing ErrorCode decides).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from botocore.exceptions import ClientError, ConnectionError, HTTPClientError

from bivouac import errors

_THROTTLING_CODES = frozenset(
    {
        "ThrottlingException",
        "Throttling",
        "TooManyRequestsException",
        "RequestLimitExceeded",
        "RequestThrottled",
        "ProvisionedThroughputExceededException",
        "LimitExceededException",
    }
)
_UNAVAILABLE_CODES = frozenset(
    {
        "ServerException",
        "InternalServerError",
        "InternalServerException",
        "InternalFailure",
        "InternalError",
        "InternalException",
        "ServiceUnavailable",
        "ServiceUnavailableException",
        "RequestTimeout",
        "RequestTimeoutException",
        "OperationAbortedException",
    }
)
_DENIED_CODES = frozenset(
    {
        "AccessDenied",
        "AccessDeniedException",
        "UnauthorizedOperation",
        "UnrecognizedClientException",
        "ExpiredTokenException",
        "InvalidClientTokenId",
    }
)
_THROTTLING_TEXTS = (
    "(ErrorCode: Throttling)",
    "(ErrorCode: RequestLimitExceeded)",
    "Too many concurrent attempts to create a new revision",
)
_UNAVAILABLE_TEXTS = ("(ErrorCode: InternalError)",)
_PROPAGATING_TEXTS = (
    "Unable to assume the service linked role",
    "verify that the ECS service role being passed has the proper permissions",
    "Cluster attachments must be in UPDATE_COMPLETE",
    "Creation of service was not idempotent",
    "Arguments on this idempotent request are inconsistent",
)
"""The last two mean that it exists by now: the step looks again, and adopts or refuses it."""
_PROPAGATING_CODES = {
    "CreateCluster": frozenset({"NamespaceNotFoundException"}),
    "CreateService": frozenset({"ClusterNotFoundException", "NamespaceNotFoundException"}),
    "UpdateService": frozenset({"ServiceNotFoundException"}),
    "ListTagsForResource": frozenset({"ResourceNotFoundException"}),
    "UpdateSchedule": frozenset({"ConflictException", "ResourceNotFoundException"}),
    "DeleteSchedule": frozenset({"ConflictException"}),
}
"""Codes that, on these operations, mean "we made it a moment ago" (C04, C08, S16).

Tags are only asked of what a list has just shown: it went since, or is not yet known everywhere.
Scheduler answers ConflictException while it is still at work on a schedule (recorded in May 2026:
github.com/alchemy-run/distilled, pull request 248). UpdateSchedule follows CreateSchedule's answer,
so what it does not find has fired and deleted itself meanwhile."""


def classify(
    operation: str, code: str, message: str, http_status: int
) -> type[errors.BivouacError]:
    """Our error for one of AWS's (failure-modes section 4). Pure.

    LimitExceededException counts as throttling: botocore's own standard mode treats it so (T08)."""
    if code in _THROTTLING_CODES or any(text in message for text in _THROTTLING_TEXTS):
        return errors.ThrottledError
    if "still Draining" in message:
        return errors.ServiceDrainingError
    if code in _PROPAGATING_CODES.get(operation, ()) or any(
        text in message for text in _PROPAGATING_TEXTS
    ):
        return errors.NotYetConsistentError
    if code in _DENIED_CODES:
        return errors.AccessDeniedError
    if (
        code in _UNAVAILABLE_CODES
        or http_status >= 500
        or any(text in message for text in _UNAVAILABLE_TEXTS)
    ):
        return errors.UnavailableError
    return errors.RefusedByAwsError


def code_of(error: ClientError) -> str:
    return error.response["Error"]["Code"]


def message_of(error: ClientError) -> str:
    return error.response["Error"].get("Message") or str(error.response.get("message", ""))


def is_missing(error: errors.RefusedByAwsError) -> bool:
    """Whether AWS refused because what the call named does not exist."""
    cause = error.__cause__
    return isinstance(cause, ClientError) and code_of(cause) == "ResourceNotFoundException"


def duplicate_operation(error: ClientError) -> str | None:
    """The operation that Cloud Map's DuplicateRequest says is in progress already (N02, N13)."""
    members: Mapping[str, Any] = error.response
    return members.get("DuplicateOperationId")


@contextmanager
def translated(subject: str) -> Iterator[None]:
    """Raise our error in place of botocore's; `subject` names the resource the calls are about."""
    try:
        yield
    except ClientError as error:
        status = error.response.get("ResponseMetadata", {}).get("HTTPStatusCode", 0)
        ours = classify(error.operation_name, code_of(error), message_of(error), status)
        raise ours(
            f"{subject}: {error.operation_name} answered {code_of(error)}: {message_of(error)}"
        ) from error
    except (HTTPClientError, ConnectionError) as error:
        raise errors.UnavailableError(f"{subject}: AWS did not answer: {error}") from error
