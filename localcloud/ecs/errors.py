"""ECS's errors, with AWS's known texts (failure-mode ids in the callers)."""

from __future__ import annotations

from collections.abc import Sequence

from moto.core.exceptions import ServiceException

from localcloud.request_shape import Problem


class EcsError(ServiceException):
    """An error response of ECS: code and message."""

    def __init__(self, code: str, message: str) -> None:
        super().__init__(code, message)


def invalid_request(found: Sequence[Problem]) -> EcsError:
    """Names every member that is missing, unknown, or outside the model's limits."""
    listed = "; ".join(f"{problem.path}: {problem.message}" for problem in found)
    return EcsError("InvalidParameterException", listed)


def invalid_parameter(message: str) -> EcsError:
    return EcsError("InvalidParameterException", message)


def client_error(message: str) -> EcsError:
    return EcsError("ClientException", message)


def cluster_not_found() -> EcsError:
    return EcsError("ClusterNotFoundException", "Cluster not found.")


def cluster_inactive() -> EcsError:
    return EcsError("ClusterNotFoundException", "The referenced cluster was inactive.")


def service_not_found(message: str = "Service not found.") -> EcsError:
    """UpdateService's `message` is empty (output of the AWS CLI, 2025)."""
    return EcsError("ServiceNotFoundException", message)


def service_not_active() -> EcsError:
    return EcsError("ServiceNotActiveException", "Service was not ACTIVE.")


def namespace_not_found(identifier: str) -> EcsError:
    return EcsError(
        "NamespaceNotFoundException", f"The specified namespace {identifier} was not found."
    )


def unsupported(message: str) -> EcsError:
    return EcsError("UnsupportedFeatureException", message)
