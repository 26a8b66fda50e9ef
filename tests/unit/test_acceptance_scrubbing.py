"""Answers are kept without what identifies an account, and with what tests need."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from tests.acceptance import fixtures
from tests.acceptance.recorder import Recorder
from tests.acceptance.scrubbing import NotScrubbedError, Scrubber

ACCOUNT = "987654321098"
TASK = {
    "taskArn": f"arn:aws:ecs:eu-west-1:{ACCOUNT}:task/bivouac-accept-1/{'0f3c2b1a' * 4}",
    "lastStatus": "STOPPED",
    "startedBy": "ecs-svc/1234567890123456789",
    "group": "service:web",
    "version": 6,
    "createdAt": datetime(2026, 11, 29, 8, 0, tzinfo=UTC),
    "stoppedReason": "CannotPullContainerError: pull image manifest has been retried 1 time(s): "
    f"failed to resolve ref {ACCOUNT}.dkr.ecr.eu-west-1.amazonaws.com/web@sha256:1f2e: not found",
    "executionRoleArn": f"arn:aws:iam::{ACCOUNT}:role/team/PaymentsTaskExecution-1X2Y",
    "attachments": [
        {
            "id": "1b0d4a4e-9f5f-4c3c-8d25-3f2f6d6c9a11",
            "details": [
                {"name": "subnetId", "value": "subnet-0abc1234def567890"},
                {"name": "networkInterfaceId", "value": "eni-0123456789abcdef0"},
                {"name": "macAddress", "value": "0a:58:1f:2e:3d:4c"},
                {"name": "privateDnsName", "value": "ip-172-31-7-9.eu-west-1.compute.internal"},
                {"name": "privateIPv4Address", "value": "172.31.7.9"},
            ],
        }
    ],
    "containers": [{"networkInterfaces": [{"privateIpv4Address": "172.31.7.9"}]}],
    "createdBy": f"arn:aws:sts::{ACCOUNT}:assumed-role/Admins/jane.doe@example.org",
    "public": "18.203.4.5",
    "ipv6": "2a05:d018:1b2:3c00:dead:beef:12:34",
}
ANSWER = {"tasks": [TASK], "failures": [], "ResponseMetadata": {"RequestId": "x"}}


def test_only_the_accounts_values_are_replaced() -> None:
    scrubbed = Scrubber().scrubbed(ANSWER)
    text = json.dumps(scrubbed)
    for own in (
        ACCOUNT,
        "172.31",
        "18.203",
        "2a05",
        "eu-west-1.compute",
        "PaymentsTask",
        "Admins",
        "jane",
        "1b0d4a4e",
        "0a:58",
        "0abc1234",
        "0123456789abcdef0",
        "RequestId",
    ):
        assert own not in text
    (task,) = scrubbed["tasks"]
    for same in ("lastStatus", "startedBy", "group", "version"):
        assert task[same] == TASK[same]
    assert task["createdAt"] == "2026-11-29T08:00:00+00:00"
    assert task["taskArn"].startswith("arn:aws:ecs:eu-west-1:111122223333:task/bivouac-accept-1/")
    assert task["stoppedReason"].endswith(
        "ref 111122223333.dkr.ecr.eu-west-1.amazonaws.com/web@sha256:1f2e: not found"
    )
    assert task["executionRoleArn"] == "arn:aws:iam::111122223333:role/example-1"


def test_equal_values_stay_equal() -> None:
    (task,) = Scrubber().scrubbed(ANSWER)["tasks"]
    details = {each["name"]: each["value"] for each in task["attachments"][0]["details"]}
    (interface,) = task["containers"][0]["networkInterfaces"]
    assert details["privateIPv4Address"] == interface["privateIpv4Address"] == "10.0.0.1"
    assert task["public"] == "203.0.113.2"


def test_different_values_stay_different_and_placeholders_are_not_replaced_again() -> None:
    """A UUID ends in twelve digits like an account id; a MAC address looks like part of an IPv6
    address."""
    uuids = ["1b0d4a4e-9f5f-4c3c-8d25-3f2f6d6c9a11", "1b0d4a4e-9f5f-4c3c-8d25-3f2f6d6c9a12"]
    first, second = Scrubber().scrubbed(uuids)
    assert first == "00000000-0000-4000-8000-000000000001"
    assert second == "00000000-0000-4000-8000-000000000002"
    assert Scrubber().scrubbed("0a:58:1f:2e:3d:4c") == "02:00:00:00:00:01"
    assert Scrubber().scrubbed("fe80::1") == "2001:db8::1"


@pytest.mark.parametrize(
    "text",
    [
        "ecs-svc/1234567890123456789",
        "2026-11-29T08:00:00.123Z",
        "service web was unable to place a task. Reason: 1.2",
        "public.ecr.aws/docker/library/nginx:1.29.3-alpine",
        "sha256:00112233445566778899aabbccddeeff00112233445566778899aabbccddeeff",
        "arn:aws:iam::aws:policy/service-role/AmazonECSTaskExecutionRolePolicy",
        "at(2026-11-29T18:00:00)",
        "cron(0 8 ? * MON-FRI *), 18:00:00",
        "arn:aws:ecs:eu-west-1::x",
    ],
)
def test_impersonal_values_stay(text: str) -> None:
    assert Scrubber().scrubbed(text) == text


@pytest.mark.parametrize(
    "answer",
    [
        {"log": "AWS_ACCESS_KEY_ID=AKIAIOSFODNN7EXAMPLE"},
        {"body": object()},
        ["-----BEGIN PRIVATE KEY-----"],
    ],
)
def test_an_answer_that_cannot_be_scrubbed_is_not_kept(answer: Any) -> None:
    with pytest.raises(NotScrubbedError):
        Scrubber().scrubbed(answer)


class TestFixtures:
    def test_an_answer_is_kept_once_with_all_its_beliefs(self, tmp_path: Path) -> None:
        recorder = Recorder()
        recorder.judge("ecs.missing-task", True, "MISSING", "ecs.DescribeTasks", ANSWER)
        recorder.judge("ecs.deleted-service-stop", False, "?", "ecs.DescribeTasks", ANSWER)
        recorder.judge("iam.pass-role", True, "no answer to keep")

        saved = fixtures.save(
            recorder.findings.values(), tmp_path / "new", "AWS, eu-west-1", "2026-11-29"
        )

        assert [path.name for path in saved] == ["ecs-describe-tasks-missing-task.json"]
        content = json.loads(saved[0].read_text())
        assert content.keys() == {"source", "recorded", "answer"}
        assert content["source"] == (
            "make accept on AWS, eu-west-1; settled ecs.missing-task (confirmed), "
            "ecs.deleted-service-stop (contradicted)"
        )
        assert content["recorded"] == "2026-11-29"
        assert content["answer"] == Scrubber().scrubbed(ANSWER)

    def test_nothing_is_written_if_anything_cannot_be_scrubbed(self, tmp_path: Path) -> None:
        recorder = Recorder()
        recorder.judge("ecs.missing-task", True, "MISSING", "ecs.DescribeTasks", ANSWER)
        key = {"services": ["ASIAIOSFODNN7EXAMPLE"]}
        recorder.judge("ecs.missing-service", True, "MISSING", "ecs.DescribeServices", key)
        with pytest.raises(NotScrubbedError):
            fixtures.save(recorder.findings.values(), tmp_path, "AWS, eu-west-1", "2026-11-29")
        assert list(tmp_path.iterdir()) == []
