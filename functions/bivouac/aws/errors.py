"""The only module that translates AWS's error codes into our errors.

The code decides first; then the text, because ECS hides throttling and propagation delays in
InvalidParameterException (failure mode S03: the trailing ErrorCode decides).
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from botocore.exceptions import ClientError, ConnectionError, HTTPClientError

from bivouac import errors
from bivouac.aws import error_answers


def classify(
    operation: str, code: str, message: str, http_status: int
) -> type[errors.BivouacError]:
    """Our error for one of AWS's (failure-modes section 4). Pure."""
    if code in error_answers.THROTTLING_CODES or any(
        text in message for text in error_answers.THROTTLING_TEXTS
    ):
        return errors.ThrottledError
    if error_answers.DRAINING_TEXT in message and http_status < 500:
        return errors.ServiceDrainingError
    if code in error_answers.PROPAGATING_CODES.get(operation, ()) or any(
        text in message for text in error_answers.PROPAGATING_TEXTS
    ):
        return errors.NotYetConsistentError
    if code in error_answers.DENIED_CODES:
        return errors.AccessDeniedError
    if (
        code in error_answers.UNAVAILABLE_CODES
        or http_status >= 500
        or any(text in message for text in error_answers.UNAVAILABLE_TEXTS)
    ):
        return errors.UnavailableError
    return errors.RefusedByAwsError


def code_of(error: ClientError) -> str:
    return error.response["Error"]["Code"]


def message_of(error: ClientError) -> str:
    return error.response["Error"].get("Message") or str(error.response.get("message", ""))


def is_missing(error: errors.RefusedByAwsError) -> bool:
    """Whether AWS refused because the named resource does not exist."""
    cause = error.__cause__
    return isinstance(cause, ClientError) and code_of(cause) == error_answers.RESOURCE_MISSING


def cluster_is_missing(error: errors.RefusedByAwsError) -> bool:
    """Whether ECS refused because the cluster is INACTIVE or never existed."""
    cause = error.__cause__
    return isinstance(cause, ClientError) and code_of(cause) == error_answers.CLUSTER_MISSING


def duplicate_operation(error: ClientError) -> str | None:
    """The operation that is already in progress, from Cloud Map's DuplicateRequest (N02, N13)."""
    members: Mapping[str, Any] = error.response
    return members.get("DuplicateOperationId")


@contextmanager
def tolerated(codes: Collection[str]) -> Iterator[None]:
    """What AWS refuses with one of these codes is left undone; other errors are raised."""
    try:
        yield
    except ClientError as error:
        if code_of(error) not in codes:
            raise


@contextmanager
def translated(subject: str) -> Iterator[None]:
    """Raise our error in place of botocore's; `subject` names the resource of the calls."""
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
