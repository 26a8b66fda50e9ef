"""What the code compares with Cloud Map's answers, each literal with its source. Pure.

"Recorded" is an answer of a real account that somebody published; "documented" is AWS's
documentation alone. What was recorded where:

* [apptality]: github.com/apptality/aws-ecs-cloudmap-prometheus-sd, CloudMapServiceDiscovery.cs,
  July 2024
* [roadmap]: github.com/aws/containers-roadmap, issue 2560, March 2025
"""

from __future__ import annotations

from collections.abc import Mapping

from bivouac.json_types import Described

# --- operations ----------------------------------------------------------------------------------

_SUCCEEDED, _FAILED = "SUCCESS", "FAIL"
"""Documented, with SUBMITTED and PENDING: Cloud Map API, Operation.Status, and the AWS CLI's
examples of 2018, 2020 and 2025."""

_PASSING = frozenset({"THROTTLED_REQUEST", "INTERNAL_FAILURE"})
"""ErrorCodes that another attempt can fix (N04). Documented: Cloud Map API, Operation.ErrorCode."""


def has_succeeded(operation: Described) -> bool:
    return bool(operation["Status"] == _SUCCEEDED)


def has_failed(operation: Described) -> bool:
    return bool(operation["Status"] == _FAILED)


def is_over(operation: Described) -> bool:
    return has_succeeded(operation) or has_failed(operation)


def is_retryable(operation: Described) -> bool:
    """Whether starting a failed operation again may help."""
    return operation.get("ErrorCode") in _PASSING


def namespace_id(operation: Described) -> str:
    """From a successful operation. Documented: Cloud Map API, Operation.Targets."""
    return str(operation["Targets"]["NAMESPACE"])


# --- what ECS makes ------------------------------------------------------------------------------


def is_made_by_ecs(tags: Mapping[str, str]) -> bool:
    """Recorded: ECS sets the tag AmazonECSManaged, "true", on what it creates [apptality,
    roadmap]."""
    return "AmazonECSManaged" in tags


def address_of(instance: Described) -> str:
    """Address and port of an instance that ECS registered.

    Recorded: AWS_INSTANCE_IPV4 and AWS_INSTANCE_PORT [apptality]."""
    attributes = instance.get("Attributes", {})
    return f"{attributes.get('AWS_INSTANCE_IPV4')}:{attributes.get('AWS_INSTANCE_PORT')}"
