"""Deletes a stack in CloudFormation's order: nothing before the resources that need it.

CloudFormation deletes concurrently everything that nothing needs any more. Here custom resources
come last of those. One that refuses its deletion then protects only what it needs (DependsOn, Ref,
GetAtt), so a template that relies on more fails.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from botocore.exceptions import ClientError

from localcloud.template.custom_resources import CustomResourceError
from localcloud.template.makers import Cloud, Deployed, is_custom


class StackDeletionError(Exception):
    """DELETE_FAILED: the stack and its remaining resources still exist."""

    def __init__(self, failures: Mapping[str, str], left: Iterable[str]) -> None:
        reasons = "; ".join(f"{logical_id}: {reason}" for logical_id, reason in failures.items())
        super().__init__(f"the stack is not deleted ({reasons}); left are {', '.join(left)}")
        self.failures = failures
        """Logical id -> reason."""


class StackProtectedError(Exception):
    """ValidationError of DeleteStack: nothing was touched, and the stack's status has not
    changed."""


def delete(cloud: Cloud, deployed: dict[str, Deployed], *, created: bool = True) -> None:
    """Deletes every resource and removes it from `deployed`; retained ones stay in the account. Can
    be called again after a failure. `created` is false while a new stack is rolled back. Raises
    StackDeletionError."""
    failures: dict[str, str] = {}
    unknown = {
        logical_id: f"the local cloud does not delete {one.type}"
        for logical_id, one in deployed.items()
        if not one.is_retained(created=created) and not one.handlers.delete
    }
    if unknown:
        raise StackDeletionError(unknown, deployed)
    while free := _free(deployed, failures):
        one = min(free, key=lambda resource: is_custom(resource.type))
        logical_id = one.request.logical_id
        try:
            if not one.is_retained(created=created) and one.handlers.delete:
                one.handlers.delete(cloud, one)
        except (ClientError, CustomResourceError) as error:
            failures[logical_id] = str(error)
        else:
            del deployed[logical_id]
    if failures:
        raise StackDeletionError(failures, deployed)


def _free(deployed: Mapping[str, Deployed], failures: Mapping[str, str]) -> list[Deployed]:
    """What nothing needs any more, the latest created first."""
    needed = {need for one in deployed.values() for need in one.needs}
    return [
        one
        for logical_id, one in reversed(list(deployed.items()))
        if logical_id not in needed and logical_id not in failures
    ]
