"""The record of an environment and the rules of who may open, hold and close it. Pure.

The generation only grows: whoever takes the environment raises it, and every step checks that its
own is still the current one before it changes anything (W17, W18).
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from bivouac import errors, lease


class Status(StrEnum):
    CREATING = "CREATING"
    READY = "READY"
    FAILED = "FAILED"
    DELETING = "DELETING"
    NOT_DELETED = "NOT_DELETED"
    """A deletion ended with something left; its receipt says what."""
    DELETED = "DELETED"
    """A tombstone: it keeps the generation."""


@dataclass(frozen=True)
class Record:
    environment: str
    generation: int
    status: Status
    execution: str
    """ARN of the execution that holds or last held the environment."""
    request_hash: str
    blueprint: str
    """Blueprint as JSON."""
    expires_at: str
    settle: bool
    """The create before this one ended before its time: its last functions may still run."""
    edges: str = "[]"
    """The edges that were proven, with the deployments that they were proven for, as JSON."""
    namespace_arn: str = ""
    """Of its namespace, once it was ready."""
    task_definitions: tuple[str, ...] = ()
    """ARNs of the revisions that were registered for it."""

    @property
    def content(self) -> dict[str, Any]:
        """The blueprint as it was planned."""
        found: dict[str, Any] = json.loads(self.blueprint)
        return found

    @property
    def edge_proofs(self) -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = json.loads(self.edges)
        return found


@dataclass(frozen=True)
class Take:
    """Take the environment under this generation."""

    generation: int
    stop: str | None = None
    """The running execution to stop first."""
    settle: bool = False
    """A create ended before its time: its last functions may still run, and are waited out."""


@dataclass(frozen=True)
class Hold:
    """This execution took it already: go on."""

    generation: int


@dataclass(frozen=True)
class Follow:
    """Another execution is at work on it: wait and look again."""


@dataclass(frozen=True)
class Leave:
    """The intent is outdated: a newer create or a longer lease holds."""

    reason: str


def opening(
    record: Record | None, execution: str, request_hash: str, holder_runs: bool
) -> Take | Hold | Follow:
    """What a create does with the record that it finds.

    The same request follows the create that runs; another one supersedes it. A deletion is always
    waited for, so a new environment never meets the remains of an old one (S02).
    Raises NotDeletedError where a deletion did not come to its end."""
    if record is None:
        return Take(1)
    following = record.generation + 1
    match record.status:
        case Status.CREATING if record.execution == execution:
            return Hold(record.generation)
        case Status.CREATING if holder_runs and record.request_hash == request_hash:
            return Follow()
        case Status.CREATING:
            return Take(following, stop=record.execution if holder_runs else None, settle=True)
        case Status.DELETING if holder_runs:
            return Follow()
        case Status.DELETING | Status.NOT_DELETED:
            raise errors.NotDeletedError(
                f"the environment {record.environment} was not deleted completely; start "
                "delete_environment again, read its receipt, then create"
            )
        case _:
            return Take(following)


def closing(
    record: Record | None,
    execution: str,
    holder_runs: bool,
    *,
    environment: str,
    generation: int | None,
    expires_at: str | None,
) -> Take | Hold | Follow | Leave:
    """What a delete does with the record that it finds. Delete during create wins.

    `generation` and `expires_at` are what the intent was based on, where it names them: a deletion
    after a failed create is outdated once a newer create took over, and one by an expiry schedule
    once the lease was extended. A schedule that fires later than the record's end never is: it may
    be the last one, armed by a step that then died. Raises EnvironmentNotFoundError."""
    if record is None:
        raise errors.EnvironmentNotFoundError(
            f"no environment named {environment!r} was ever created by this stack"
        )
    following = record.generation + 1
    if record.status is Status.DELETING and record.execution == execution:
        return Hold(record.generation)
    if generation is not None and generation != record.generation:
        return Leave(f"generation {record.generation} took over from {generation}")
    if expires_at is not None and lease.moment(expires_at) < lease.moment(record.expires_at):
        return Leave(f"the lease now ends at {record.expires_at}, not at {expires_at}")
    match record.status:
        case Status.CREATING:
            return Take(following, stop=record.execution if holder_runs else None, settle=True)
        case Status.FAILED:
            # Steps side by side: where one failed, the others' functions may still run.
            return Take(following, settle=True)
        case Status.DELETING if holder_runs:
            return Follow()
        case _:
            return Take(following)
