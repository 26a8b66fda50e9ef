"""Changes a stack's resources to those of a template, as CloudFormation does.

New resources are created and changed ones updated, each after what it needs. If a changed property
cannot be updated, a replacement is created first. Unwanted resources are deleted in the clean-up,
at the very end, so their users never miss them. If anything fails, everything is rolled back.
(CloudFormation user guide, "Update behaviors of stack resources", "UpdateReplacePolicy attribute",
"How CloudFormation creates, updates and deletes".)
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace

from botocore.exceptions import ClientError

from localcloud.template.deletion import StackDeletionError, delete
from localcloud.template.errors import TemplateError
from localcloud.template.makers import (
    Cloud,
    Deployed,
    Made,
    Request,
    Wanted,
    is_custom,
)
from localcloud.template.physical_ids import PhysicalId, physical_id
from localcloud.template.schemas import replaced_by


class Transition:
    """One run. A new stack has no previous resources."""

    def __init__(
        self, cloud: Cloud, before: dict[str, Deployed], taken: dict[PhysicalId, str], stack_id: str
    ) -> None:
        self._cloud = cloud
        self._before = before
        """By logical id."""
        self._taken = taken
        self._stack_id = stack_id
        self._created: dict[str, Deployed] = {}
        self._touched: dict[str, Request] = {}
        """Updates in place that were attempted, in this order."""
        self._outdated: dict[str, Deployed] = {}
        """Resources that were replaced."""
        self.deployed: dict[str, Deployed] = {}
        """The stack's resources so far, in order of creation."""

    def apply(self, wanted: Wanted) -> Made:
        """Creates, updates or keeps a resource as wanted. Raises TemplateError."""
        request = wanted.request
        before = self._before.get(request.logical_id)
        if before is None:
            made = self._create(wanted, request)
        elif before.request.properties == request.properties:
            request, made = before.request, before.made
        elif not is_custom(request.type) and self._must_be_replaced(before.request, request):
            request = replace(request, replacements=before.request.replacements + 1)
            made = self._create(wanted, request)
            self._supersede(before, wanted)
        else:
            request = replace(request, replacements=before.request.replacements)
            self._touched[request.logical_id] = request
            made = self._applied(before, request)
            if made.ref != before.made.ref:
                self._supersede(before, wanted)
        self.deployed[request.logical_id] = wanted.deployed(request, made)
        return made

    def clean_up(self) -> dict[str, str]:
        """Deletes what is neither wanted nor retained. Logical id -> why it could not be deleted:
        CloudFormation leaves that in place, and the update completes anyway."""
        unwanted = {
            logical_id: one
            for logical_id, one in self._before.items()
            if logical_id not in self.deployed
        }
        try:
            delete(self._cloud, unwanted | self._outdated)
        except StackDeletionError as error:
            return dict(error.failures)
        return {}

    def roll_back(self) -> dict[str, str]:
        """Restores everything, then deletes what was created; returns the same as `clean_up`.

        Raises TemplateError if something cannot be restored."""
        for logical_id, request in reversed(self._touched.items()):
            before = self._before[logical_id]
            now = replace(self.deployed.get(logical_id, before), request=request)
            made = self._applied(now, before.request)
            self._before[logical_id] = replace(before, made=made)
            if made.ref != now.made.ref:
                self._created[logical_id] = now
        try:
            delete(self._cloud, self._created, created=False)
        except StackDeletionError as error:
            return dict(error.failures)
        return {}

    def _must_be_replaced(self, before: Request, now: Request) -> bool:
        """Raises TemplateError if the replacement would need the same name
        (https://repost.aws/knowledge-center/cloudformation-custom-name)."""
        if not replaced_by(self._cloud.region, now.type, before.properties, now.properties):
            return False
        name = physical_id(now.type, now.properties)
        if name and name == physical_id(before.type, before.properties):
            raise TemplateError(
                f"{_where(now)}: CloudFormation cannot update a stack when a "
                f"custom-named resource requires replacing. Rename {name[1]} and update the stack "
                "again."
            )
        return True

    def _create(self, wanted: Wanted, request: Request) -> Made:
        self._take_name(request)
        with _failures_named(request):
            made = wanted.handlers.create(self._cloud, request)
        self._created[request.logical_id] = wanted.deployed(request, made)
        return made

    def _take_name(self, request: Request) -> None:
        if (wanted := physical_id(request.type, request.properties)) is None:
            return
        if owner := self._taken.get(wanted):
            raise TemplateError(f"{_where(request)}: {wanted[1]} already exists in stack {owner}")
        self._taken[wanted] = self._stack_id

    def _applied(self, before: Deployed, request: Request) -> Made:
        if before.handlers.update is None:
            raise TemplateError(f"{_where(request)}: the local cloud does not update this type")
        with _failures_named(request):
            return before.handlers.update(self._cloud, before, request)

    def _supersede(self, before: Deployed, wanted: Wanted) -> None:
        policy = wanted.update_replace_policy
        self._outdated[before.request.logical_id] = replace(before, deletion_policy=policy)


@contextmanager
def _failures_named(request: Request) -> Iterator[None]:
    """Raises TemplateError, with the resource, for what its handler raises."""
    try:
        yield
    except KeyError as error:
        raise TemplateError(f"{_where(request)} has no {error}") from error
    except ClientError as error:
        raise TemplateError(f"{_where(request)}: {error}") from error


def _where(request: Request) -> str:
    return f"{request.logical_id} ({request.type})"


def require_same_types(before: Mapping[str, Deployed], types: Mapping[str, str]) -> None:
    """Raises TemplateError; CloudFormation refuses it before it does anything."""
    found = [
        logical_id
        for logical_id, one in before.items()
        if types.get(logical_id, one.type) != one.type
    ]
    if found:
        raise TemplateError(
            "Update of resource type is not permitted. The new template modifies resource type of "
            f"the following resources: [{', '.join(found)}]"
        )
