"""ECS's answers are read completely, in each form in which it says that something is missing."""

from __future__ import annotations

from typing import Any

import boto3
import pytest
from botocore.stub import Stubber
from delete_task_definitions import delete_task_definitions

from bivouac.aws import ecs
from bivouac.deletion import remaining
from bivouac.deletion.step import Deletion
from bivouac.errors import RefusedByAwsError
from tests.requests import environment
from tests.unit.described import service
from tests.unit.planned import planned

MISSING = {"arn": "arn:aws:ecs:x:123456789012:service/bivouac-demo/gone", "reason": "MISSING"}


def asked(*names: str) -> dict[str, Any]:
    return {"cluster": "bivouac-demo", "services": list(names), "include": ["TAGS"]}


class TestWhatIsLeftOut:
    """In the API's model no member of an answer is required."""

    def test_missing_counts_are_zero(self) -> None:
        client: Any = boto3.client("ecs")
        seen = {"serviceName": "web", "status": "DRAINING"}
        with Stubber(client) as stubber:
            stubber.add_response("list_tasks", {"taskArns": []})
            stubber.add_response("list_tasks", {"taskArns": []})
            assert not remaining.tasks_left(client, "bivouac-demo", {"web": seen})

    def test_a_deletions_failures_may_be_missing(self) -> None:
        client: Any = boto3.client("ecs")
        arn = "arn:aws:ecs:ap-northeast-1:123456789012:task-definition/bivouac-demo--web:1"
        answers: list[dict[str, Any]] = [{}, {"failures": [{"detail": "unheard of"}]}]
        for answer in answers:
            deletion = Deletion(planned(environment()), [], 0.0)
            with Stubber(client) as stubber:
                stubber.add_response("deregister_task_definition", {})
                stubber.add_response("delete_task_definitions", answer)
                answer = delete_task_definitions(deletion, [arn], client)
            assert answer["thorough"], "what nobody spoke of is looked at once more"
            assert [item["outcome"] for item in answer["items"]] == ["FAILED"]


class TestPurgedServices:
    """Users see them under failures, MISSING (hashicorp/terraform, issue 4326); the API's text says
    that describing one is a ServiceNotFoundException."""

    @pytest.mark.parametrize("failures", [{"failures": [MISSING]}, {"failures": []}, {}])
    def test_purged_services_are_absent(self, failures: dict[str, Any]) -> None:
        client = boto3.client("ecs")
        with Stubber(client) as stubber:
            stubber.add_response("describe_services", {"services": [service()], **failures})
            found = ecs.describe_services(client, "bivouac-demo", ["web", "gone"])
        assert found.keys() == {"web"}

    def test_purged_services_reported_as_an_error_are_absent(self) -> None:
        """Of a batch, it does not say which of them."""
        client: Any = boto3.client("ecs")
        with Stubber(client) as stubber:
            stubber.add_client_error(
                "describe_services",
                "ServiceNotFoundException",
                "Service not found.",
                expected_params=asked("web", "gone"),
            )
            stubber.add_response("describe_services", {"services": [service()]}, asked("web"))
            stubber.add_client_error(
                "describe_services", "ServiceNotFoundException", expected_params=asked("gone")
            )
            found = ecs.describe_services(client, "bivouac-demo", ["web", "gone"])
        assert found.keys() == {"web"}

    def test_another_refusal_is_raised(self) -> None:
        client: Any = boto3.client("ecs")
        with Stubber(client) as stubber:
            stubber.add_client_error("describe_services", "ClusterNotFoundException")
            with pytest.raises(RefusedByAwsError):
                ecs.describe_services(client, "bivouac-demo", ["web"])
