"""The stack's settings for a function, read from its environment variables.

Settings that an update of the stack may change come with the execution instead, because a changed
parameter publishes no new version of a function (docs/decisions/0016)."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from enum import StrEnum
from typing import Any, Self

from bivouac.times import duration_seconds


class MissingSettingError(Exception):
    """An environment variable that the template should set is missing."""


def _read(variables: Mapping[str, Any], name: str) -> str:
    """As text. Settings that come with an execution passed through a definition, in which
    CloudFormation turns empty values into null, and unquoted text into booleans and numbers if it
    looks like them (its handler of AWS::StepFunctions::StateMachine, 2024)."""
    try:
        value = variables[name]
    except KeyError:
        raise MissingSettingError(f"the environment variable {name} is not set") from None
    if isinstance(value, str):
        return value
    return "" if value is None else str(value).lower()


class Machine(StrEnum):
    """The state machines, by what they do."""

    CREATE = "create_environment"
    DELETE = "delete_environment"
    SLEEP = "sleep_environment"
    WAKE = "wake_environment"
    REDEPLOY = "redeploy_environment"
    EXTEND = "extend_lease"

    @property
    def arn(self) -> str:
        """A function knows those that it may start or describe."""
        return _read(os.environ, _MACHINES[self])


_MACHINES = {
    Machine.CREATE: "CREATE_STATE_MACHINE_ARN",
    Machine.DELETE: "DELETE_STATE_MACHINE_ARN",
    Machine.SLEEP: "SLEEP_STATE_MACHINE_ARN",
    Machine.WAKE: "WAKE_STATE_MACHINE_ARN",
    Machine.REDEPLOY: "REDEPLOY_STATE_MACHINE_ARN",
    Machine.EXTEND: "EXTEND_LEASE_STATE_MACHINE_ARN",
}


def waits_table() -> str:
    """The table of the task tokens of waiting executions."""
    return _read(os.environ, "WAITS_TABLE_NAME")


def event_bus() -> str:
    """The bus on which the stack publishes its events."""
    return _read(os.environ, "EVENT_BUS_NAME")


def _listed(text: str) -> tuple[str, ...]:
    return tuple(part for part in (piece.strip() for piece in text.split(",")) if part)


@dataclass(frozen=True)
class StackSettings:
    """What every function that touches an environment needs."""

    name_prefix: str
    table_name: str
    settle_seconds: int
    """The longest timeout of a function that changes anything: it may still run after a stop."""

    @classmethod
    def from_env(cls, variables: Mapping[str, str] = os.environ) -> Self:
        return cls(
            _read(variables, "NAME_PREFIX"),
            _read(variables, "TABLE_NAME"),
            int(_read(variables, "SETTLE_SECONDS")),
        )


@dataclass(frozen=True)
class RequestSettings:
    """Defaults and limits for requests; all but prefix and Region come from the state machine."""

    name_prefix: str
    region: str
    subnet_ids: tuple[str, ...]
    task_security_group_id: str
    probe_security_group_id: str
    assign_public_ip: str
    task_role_arns: tuple[str, ...]
    """Roles that a request may name as taskRoleArn; there is no default."""
    execution_role_arns: tuple[str, ...]
    """Roles that a request may name as executionRoleArn; the first is the default."""
    allowed_subnet_ids: tuple[str, ...]
    """Subnets that a request may name besides the stack's own."""
    allowed_security_group_ids: tuple[str, ...]
    allowed_file_system_ids: tuple[str, ...]
    allowed_environment_files: tuple[str, ...]
    """ARNs of S3 objects; one that ends with * stands for all that begin so."""
    allow_ecs_exec: bool
    namespace_quota: int
    """The quota of Cloud Map namespaces in this Region (N06)."""
    default_lease_seconds: int
    maximum_lease_seconds: int
    proof_image: str
    """An image with Python for the short-lived clients that prove the edges."""

    @classmethod
    def from_env(cls, variables: Mapping[str, Any] = os.environ) -> Self:
        return cls(
            name_prefix=_read(variables, "NAME_PREFIX"),
            region=_read(variables, "AWS_REGION"),
            subnet_ids=_listed(_read(variables, "SUBNET_IDS")),
            task_security_group_id=_read(variables, "TASK_SECURITY_GROUP_ID"),
            probe_security_group_id=_read(variables, "PROBE_SECURITY_GROUP_ID"),
            assign_public_ip=_read(variables, "ASSIGN_PUBLIC_IP"),
            task_role_arns=_listed(_read(variables, "TASK_ROLE_ARNS")),
            execution_role_arns=_listed(_read(variables, "EXECUTION_ROLE_ARNS")),
            allowed_subnet_ids=_listed(_read(variables, "ALLOWED_SUBNET_IDS")),
            allowed_security_group_ids=_listed(_read(variables, "ALLOWED_SECURITY_GROUP_IDS")),
            allowed_file_system_ids=_listed(_read(variables, "ALLOWED_FILE_SYSTEM_IDS")),
            allowed_environment_files=_listed(_read(variables, "ALLOWED_ENVIRONMENT_FILES")),
            allow_ecs_exec=_read(variables, "ALLOW_ECS_EXEC") == "true",
            # A parameter of type Number may be written as 1e3.
            namespace_quota=int(float(_read(variables, "NAMESPACE_QUOTA"))),
            default_lease_seconds=duration_seconds(_read(variables, "DEFAULT_LEASE")),
            maximum_lease_seconds=duration_seconds(_read(variables, "MAXIMUM_LEASE")),
            proof_image=_read(variables, "PROOF_IMAGE"),
        )


@dataclass(frozen=True)
class ScheduleSettings:
    """The groups of the environments' schedules, and what these start."""

    expiry_group: str
    expiry_role_arn: str
    office_hours_group: str
    office_hours_role_arn: str
    delete_machine_arn: str
    sleep_machine_arn: str
    wake_machine_arn: str
    warn_function_arn: str
    dead_letters_arn: str

    @classmethod
    def from_env(cls, variables: Mapping[str, str] = os.environ) -> Self:
        return cls(
            _read(variables, "EXPIRY_SCHEDULE_GROUP"),
            _read(variables, "EXPIRY_ROLE_ARN"),
            _read(variables, "OFFICE_HOURS_SCHEDULE_GROUP"),
            _read(variables, "OFFICE_HOURS_ROLE_ARN"),
            _read(variables, "DELETE_STATE_MACHINE_ARN"),
            _read(variables, "SLEEP_STATE_MACHINE_ARN"),
            _read(variables, "WAKE_STATE_MACHINE_ARN"),
            _read(variables, "WARN_OF_EXPIRY_FUNCTION_ARN"),
            _read(variables, "UNDELIVERED_EVENTS_ARN"),
        )


@dataclass(frozen=True)
class SweepSettings:
    """The periods of a sweep."""

    orphans_live: timedelta
    """Grace period for orphans."""
    takes: timedelta
    """How long one sweep reads and repairs; the next one does the rest."""

    @classmethod
    def from_env(cls, variables: Mapping[str, str] = os.environ) -> Self:
        return cls(
            timedelta(seconds=duration_seconds(_read(variables, "ORPHANS_LIVE"))),
            timedelta(seconds=int(_read(variables, "SWEEP_SECONDS"))),
        )


@dataclass(frozen=True)
class AnswerSettings:
    """Where CloudFormation accepts answers."""

    url_suffix: str
    """Of the partition's hosts, such as amazonaws.com."""
    region: str
    endpoint: str | None = None
    """One endpoint for all of AWS, as for the SDKs; None: AWS's own endpoints."""

    @classmethod
    def from_env(cls, variables: Mapping[str, str] = os.environ) -> Self:
        return cls(
            _read(variables, "URL_SUFFIX"),
            _read(variables, "AWS_REGION"),
            variables.get("AWS_ENDPOINT_URL"),
        )
