"""Cloud Map's errors, each with the members that its model defines."""

from __future__ import annotations

from collections.abc import Sequence

from moto.core.exceptions import ServiceException

from localcloud.request_shape import Problem


class CloudMapError(ServiceException):
    """An error response; `members` are the error's own fields beside its message."""

    def __init__(self, code: str, message: str, **members: str) -> None:
        super().__init__(code, message)
        for name, value in members.items():
            setattr(self, name, value)


def invalid_request(found: Sequence[Problem]) -> CloudMapError:
    noun = "error" if len(found) == 1 else "errors"
    listed = "; ".join(f"'{p.path}' failed to satisfy constraint: {p.message}" for p in found)
    return CloudMapError("InvalidInput", f"{len(found)} validation {noun} detected: {listed}")


def invalid_input(message: str) -> CloudMapError:
    return CloudMapError("InvalidInput", message)


def namespace_already_exists(namespace_id: str, creator_request_id: str) -> CloudMapError:
    return CloudMapError(
        "NamespaceAlreadyExists",
        "Namespace already exists",
        NamespaceId=namespace_id,
        CreatorRequestId=creator_request_id,
    )


def service_already_exists(
    service_id: str, service_arn: str, creator_request_id: str
) -> CloudMapError:
    return CloudMapError(
        "ServiceAlreadyExists",
        "Service already exists",
        ServiceId=service_id,
        ServiceArn=service_arn,
        CreatorRequestId=creator_request_id,
    )


def duplicate_request(operation_id: str | None, message: str) -> CloudMapError:
    members = {} if operation_id is None else {"DuplicateOperationId": operation_id}
    return CloudMapError("DuplicateRequest", message, **members)


def namespace_not_found(identifier: str) -> CloudMapError:
    return CloudMapError("NamespaceNotFound", f"Namespace not found: {identifier}")


def service_not_found(identifier: str) -> CloudMapError:
    return CloudMapError("ServiceNotFound", f"Service not found: {identifier}")


def instance_not_found(identifier: str) -> CloudMapError:
    return CloudMapError("InstanceNotFound", f"Instance not found: {identifier}")


def operation_not_found(identifier: str) -> CloudMapError:
    return CloudMapError("OperationNotFound", f"Operation not found: {identifier}")


def resource_not_found(arn: str) -> CloudMapError:
    return CloudMapError("ResourceNotFoundException", f"Resource not found: {arn}")


def resource_in_use(message: str) -> CloudMapError:
    return CloudMapError("ResourceInUse", message)


def resource_limit_exceeded(message: str) -> CloudMapError:
    return CloudMapError("ResourceLimitExceeded", message)
