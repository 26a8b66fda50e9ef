"""Guard stack: always answers CloudFormation, and lets no environment be orphaned."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from unittest import mock

import pytest

from bivouac import errors
from bivouac.aws.cloudformation import ATTEMPTS
from bivouac.environment.record import Status
from tests.functional.account import DELETE_MACHINE, TABLE, BivouacAccount
from tests.requests import environment
from tests.servers import ANY_PORT, port_of, running


@dataclass
class CloudFormation:
    """Receives the responses."""

    endpoint: str
    answers: list[dict[str, Any]] = field(default_factory=list)
    content_types: list[str | None] = field(default_factory=list)
    refuses: list[int] = field(default_factory=list)
    """HTTP status of the next responses, which are rejected."""
    groups: list[str] = field(default_factory=list)
    """The security groups of the stack."""

    def request(self, kind: str, **more: Any) -> dict[str, Any]:
        return {
            "RequestType": kind,
            "ResponseURL": f"{self.endpoint}/answer",
            "StackId": "arn:aws:cloudformation:eu-west-1:123456789012:stack/bivouac/1",
            "RequestId": "request-1",
            "LogicalResourceId": "EnvironmentsGuard",
            "ResourceType": "Custom::EnvironmentsGuard",
            "ResourceProperties": {"NamePrefix": "bivouac", "SecurityGroups": self.groups},
            **({"PhysicalResourceId": "environments-guard"} if kind != "Create" else {}),
            **more,
        }


@pytest.fixture
def cloudformation(monkeypatch: pytest.MonkeyPatch) -> Iterator[CloudFormation]:
    class Takes(BaseHTTPRequestHandler):
        def do_PUT(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            status = taking.refuses.pop(0) if taking.refuses else 200
            if status == 200:
                taking.answers.append(json.loads(body))
                taking.content_types.append(self.headers["Content-Type"])
            self.send_response(status)
            self.end_headers()

        def log_message(self, *_: Any) -> None:
            pass

    with running(ThreadingHTTPServer(ANY_PORT, Takes)) as server:
        taking = CloudFormation(f"http://127.0.0.1:{port_of(server)}")
        monkeypatch.setenv("AWS_ENDPOINT_URL", taking.endpoint)
        yield taking


def asked(account: BivouacAccount, cloudformation: CloudFormation, kind: str, **more: Any) -> Any:
    account.invoke("guard_stack", cloudformation.request(kind, **more))
    return cloudformation.answers[-1]


def test_a_deletion_is_refused_while_environments_exist(
    account: BivouacAccount, cloudformation: CloudFormation
) -> None:
    for name, status in (
        ("asleep", Status.ASLEEP),
        ("gone", Status.DELETED),
        ("left", Status.NOT_DELETED),
        ("ready", Status.READY),
    ):
        account.holds(account.planned(environment(name=name)))
        account.records.finish(name, 1, status)
    answer = asked(account, cloudformation, "Delete")
    assert answer["Status"] == "FAILED"
    assert answer["Reason"].endswith("They are: asleep, left, ready")
    assert DELETE_MACHINE in answer["Reason"]


def test_a_stack_without_environments_may_be_deleted(
    account: BivouacAccount, cloudformation: CloudFormation
) -> None:
    account.holds(account.planned(environment()))
    account.records.finish("demo", 1, Status.DELETED)
    assert asked(account, cloudformation, "Delete") == {
        "Status": "SUCCESS",
        "PhysicalResourceId": "environments-guard",
        "StackId": "arn:aws:cloudformation:eu-west-1:123456789012:stack/bivouac/1",
        "RequestId": "request-1",
        "LogicalResourceId": "EnvironmentsGuard",
    }
    assert cloudformation.content_types == [""], "S3 refuses any other than it was signed for"


class TestSecurityGroups:
    """EC2 deletes no group that a rule of another one names: the deletion would fail when most of
    the stack is gone."""

    @pytest.mark.parametrize("direction", ["ingress", "egress"])
    def test_a_rule_of_another_group_is_named(
        self, account: BivouacAccount, cloudformation: CloudFormation, direction: str
    ) -> None:
        probe, database = new_group(account, "probe"), new_group(account, "database")
        cloudformation.groups = [probe]
        admit(account, direction, database, probe)
        answer = asked(account, cloudformation, "Delete")
        assert answer["Status"] == "FAILED"
        assert answer["Reason"].endswith(f"They are: {database} (refers to {probe})")

    def test_the_stacks_own_rules_do_not_prevent_the_deletion(
        self, account: BivouacAccount, cloudformation: CloudFormation
    ) -> None:
        probe, tasks = new_group(account, "probe"), new_group(account, "tasks")
        cloudformation.groups = [probe, tasks]
        for source in (probe, tasks):
            admit(account, "ingress", tasks, source)
        assert asked(account, cloudformation, "Delete")["Status"] == "SUCCESS"

    def test_rules_and_environments_are_named_together(
        self, account: BivouacAccount, cloudformation: CloudFormation
    ) -> None:
        probe, database = new_group(account, "probe"), new_group(account, "database")
        cloudformation.groups = [probe]
        admit(account, "ingress", database, probe)
        account.holds(account.planned(environment()))
        reason = asked(account, cloudformation, "Delete")["Reason"]
        assert "They are: demo" in reason
        assert database in reason


def new_group(account: BivouacAccount, name: str) -> str:
    vpc = account.plane.account.vpc_id
    made: str = account.client("ec2").create_security_group(
        GroupName=name, Description=name, VpcId=vpc
    )["GroupId"]
    return made


def admit(account: BivouacAccount, direction: str, group: str, other: str) -> None:
    port = {"IpProtocol": "tcp", "FromPort": 5432, "ToPort": 5432}
    getattr(account.client("ec2"), f"authorize_security_group_{direction}")(
        GroupId=group, IpPermissions=[{**port, "UserIdGroupPairs": [{"GroupId": other}]}]
    )


def test_a_stack_that_never_had_a_table_may_be_rolled_back(
    account: BivouacAccount, cloudformation: CloudFormation
) -> None:
    account.client("dynamodb").delete_table(TableName=TABLE)
    assert asked(account, cloudformation, "Delete")["Status"] == "SUCCESS"


def test_a_creation_is_always_allowed(
    account: BivouacAccount, cloudformation: CloudFormation
) -> None:
    account.holds(account.planned(environment()))
    account.forget_calls()
    assert asked(account, cloudformation, "Create")["Status"] == "SUCCESS"
    assert account.calls == []


@pytest.mark.parametrize(("prefix", "status"), [("bivouac", "SUCCESS"), ("other", "FAILED")])
def test_an_update_is_allowed_unless_it_renames_everything(
    account: BivouacAccount, cloudformation: CloudFormation, prefix: str, status: str
) -> None:
    account.holds(account.planned(environment()))
    before = {"NamePrefix": prefix}
    with mock.patch("guard_stack.cloudformation.is_rolled_back", return_value=False):
        answer = asked(account, cloudformation, "Update", OldResourceProperties=before)
    assert answer["Status"] == status


@pytest.mark.parametrize(
    ("stack_status", "status"),
    [("UPDATE_IN_PROGRESS", "FAILED"), ("UPDATE_ROLLBACK_IN_PROGRESS", "SUCCESS")],
)
def test_a_refused_update_can_be_rolled_back(
    account: BivouacAccount, cloudformation: CloudFormation, stack_status: str, status: str
) -> None:
    """CloudFormation sends old and new properties swapped (README of CDK's custom resource provider
    framework, "Error handling"), and a second refusal would be UPDATE_ROLLBACK_FAILED."""
    described = {"Stacks": [{"StackStatus": stack_status}]}
    client = mock.Mock(**{"describe_stacks.return_value": described})
    before = {"NamePrefix": "other"}
    with mock.patch("guard_stack.clients.cloudformation", return_value=client):
        answer = asked(account, cloudformation, "Update", OldResourceProperties=before)
    assert answer["Status"] == status
    client.describe_stacks.assert_called_once_with(StackName=answer["StackId"])


def test_a_failed_check_is_a_refusal_with_the_reason(
    account: BivouacAccount, cloudformation: CloudFormation
) -> None:
    """Without a response CloudFormation would wait for an hour."""
    denied = errors.AccessDeniedError("records of environments: Query answered AccessDenied")
    with mock.patch("guard_stack.Records.listed", side_effect=denied):
        answer = asked(account, cloudformation, "Delete")
    assert answer["Status"] == "FAILED"
    assert "Query answered AccessDenied" in answer["Reason"]


def test_a_rejected_response_is_sent_again(
    account: BivouacAccount, cloudformation: CloudFormation
) -> None:
    cloudformation.refuses = [503] * (ATTEMPTS - 1)
    assert asked(account, cloudformation, "Delete")["Status"] == "SUCCESS"


@pytest.mark.parametrize("refuses", [[403], [503] * ATTEMPTS])
def test_an_undeliverable_response_makes_lambda_retry(
    account: BivouacAccount, cloudformation: CloudFormation, refuses: list[int]
) -> None:
    cloudformation.refuses = refuses
    with pytest.raises(errors.UnavailableError, match=f"HTTP {refuses[0]}"):
        account.invoke("guard_stack", cloudformation.request("Delete"))
    assert cloudformation.answers == []


def test_no_other_url_is_called(account: BivouacAccount, cloudformation: CloudFormation) -> None:
    with pytest.raises(errors.InvalidRequestError, match=r"example\.com is not a host"):
        account.invoke(
            "guard_stack", cloudformation.request("Delete", ResponseURL="https://example.com/x")
        )
