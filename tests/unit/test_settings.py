"""The settings that the stack gives a function."""

from __future__ import annotations

import dataclasses

import pytest

from bivouac import settings
from bivouac.settings import (
    AnswerSettings,
    MissingSettingError,
    RequestSettings,
    ScheduleSettings,
    StackSettings,
)

VARIABLES = {
    "NAME_PREFIX": "bivouac",
    "TABLE_NAME": "environments",
    "SETTLE_SECONDS": "30",
    "AWS_REGION": "eu-west-1",
    "SUBNET_IDS": "subnet-a, subnet-b,",
    "TASK_SECURITY_GROUP_ID": "sg-1",
    "PROBE_SECURITY_GROUP_ID": "sg-2",
    "ASSIGN_PUBLIC_IP": "DISABLED",
    "TASK_ROLE_ARNS": "",
    "EXECUTION_ROLE_ARNS": "arn:a,arn:b",
    "ALLOWED_SUBNET_IDS": "",
    "ALLOWED_SECURITY_GROUP_IDS": "sg-3",
    "ALLOWED_FILE_SYSTEM_IDS": "fs-1,fs-2",
    "ALLOWED_ENVIRONMENT_FILES": "arn:aws:s3:::team/*",
    "ALLOW_ECS_EXEC": "false",
    "NAMESPACE_QUOTA": "50",
    "DEFAULT_LEASE": "8h",
    "MAXIMUM_LEASE": "7d",
    "PROOF_IMAGE": "python:3.13-alpine",
    "EXPIRY_SCHEDULE_GROUP": "group",
    "EXPIRY_ROLE_ARN": "arn:role",
    "OFFICE_HOURS_SCHEDULE_GROUP": "hours",
    "OFFICE_HOURS_ROLE_ARN": "arn:role",
    "DELETE_STATE_MACHINE_ARN": "arn:machine",
    "SLEEP_STATE_MACHINE_ARN": "arn:machine",
    "WAKE_STATE_MACHINE_ARN": "arn:machine",
    "EXTEND_LEASE_STATE_MACHINE_ARN": "arn:machine",
    "WARN_OF_EXPIRY_FUNCTION_ARN": "arn:function",
    "UNDELIVERED_EVENTS_ARN": "arn:queue",
    "WAITS_TABLE_NAME": "waits",
    "EVENT_BUS_NAME": "bivouac",
    "URL_SUFFIX": "amazonaws.com",
}
KINDS = (
    StackSettings,
    RequestSettings,
    ScheduleSettings,
)


def test_lists_numbers_flags_and_durations_are_read() -> None:
    stack = RequestSettings.from_env(VARIABLES)
    assert stack.subnet_ids == ("subnet-a", "subnet-b")
    assert stack.task_role_arns == ()
    assert stack.execution_role_arns == ("arn:a", "arn:b")
    assert stack.allowed_subnet_ids == ()
    assert stack.allowed_security_group_ids == ("sg-3",)
    assert stack.allowed_file_system_ids == ("fs-1", "fs-2")
    assert stack.allowed_environment_files == ("arn:aws:s3:::team/*",)
    assert stack.allow_ecs_exec is False
    assert stack.namespace_quota == 50
    assert stack.proof_image == "python:3.13-alpine"
    assert (stack.default_lease_seconds, stack.maximum_lease_seconds) == (28_800, 604_800)
    assert StackSettings.from_env(VARIABLES).settle_seconds == 30
    assert RequestSettings.from_env({**VARIABLES, "ALLOW_ECS_EXEC": "true"}).allow_ecs_exec


@pytest.mark.parametrize(
    ("name", "handed_over", "field", "read"),
    [
        ("TASK_ROLE_ARNS", None, "task_role_arns", ()),
        ("ALLOW_ECS_EXEC", True, "allow_ecs_exec", True),
        ("ALLOW_ECS_EXEC", False, "allow_ecs_exec", False),
        ("NAMESPACE_QUOTA", 50, "namespace_quota", 50),
        ("NAMESPACE_QUOTA", 1000.0, "namespace_quota", 1000),
        ("NAMESPACE_QUOTA", "1e3", "namespace_quota", 1000),
        ("NAMESPACE_QUOTA", "0050", "namespace_quota", 50),
        ("PROOF_IMAGE", 1.5, "proof_image", "1.5"),
    ],
)
def test_a_setting_is_read_in_every_type_that_a_definition_can_give_it(
    name: str, handed_over: object, field: str, read: object
) -> None:
    """CloudFormation's reader gives unquoted values YAML's types, and accepts any notation of a
    Number (tests/recorded/cloudformation-definition-scalars.json)."""
    found = getattr(RequestSettings.from_env({**VARIABLES, name: handed_over}), field)
    assert (type(found), found) == (type(read), read)


@pytest.mark.parametrize("kind", KINDS)
def test_a_missing_variable_is_named(kind: type) -> None:
    given: dict[str, str] = {}
    for _ in dataclasses.fields(kind):
        with pytest.raises(MissingSettingError) as caught:
            kind.from_env(given)  # type: ignore[attr-defined]
        named = str(caught.value).split()[3]
        given[named] = VARIABLES[named]
    assert kind.from_env(given)  # type: ignore[attr-defined]


@pytest.mark.parametrize("kind", KINDS)
def test_settings_cannot_be_changed(kind: type) -> None:
    read = kind.from_env(VARIABLES)  # type: ignore[attr-defined]
    field = dataclasses.fields(read)[0].name
    with pytest.raises(dataclasses.FrozenInstanceError):
        setattr(read, field, "other")


def test_the_environment_is_not_read_at_import(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    for name, value in VARIABLES.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setenv("TABLE_NAME", "another")
    assert StackSettings.from_env().table_name == "another"


def test_an_endpoint_url_is_used_only_if_set() -> None:
    assert AnswerSettings.from_env(VARIABLES).endpoint is None
    endpoint = "http://127.0.0.1:4566"
    assert AnswerSettings.from_env({**VARIABLES, "AWS_ENDPOINT_URL": endpoint}).endpoint == endpoint
    with pytest.raises(MissingSettingError, match="URL_SUFFIX"):
        AnswerSettings.from_env({})


def test_a_single_setting_is_read_by_its_name(monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in VARIABLES.items():
        monkeypatch.setenv(name, value)
    assert settings.waits_table() == "waits"
    assert settings.event_bus() == "bivouac"
    assert settings.Machine.DELETE.arn == "arn:machine"
    monkeypatch.delenv("CREATE_STATE_MACHINE_ARN", raising=False)
    with pytest.raises(MissingSettingError, match="CREATE_STATE_MACHINE_ARN"):
        _ = settings.Machine.CREATE.arn
