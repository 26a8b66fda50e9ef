"""moto's handlers receive the same without HTTP, and botocore still retries."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any
from unittest import mock

import boto3
import pytest
from botocore.config import Config
from moto import mock_aws
from moto.core.botocore_stubber import BotocoreStubber
from moto.core.request import Request
from moto.core.responses import BaseResponse

from localcloud.moto_changes.direct_calls import calls_are_direct
from localcloud.strict import mock_account
from tests.localcloud.strict_cloud import Cloud

OF_THE_NETWORK = {
    "Amz-Sdk-Invocation-Id",
    "Amz-Sdk-Request",
    "Authorization",
    "User-Agent",
    "X-Amz-Date",
    "X-Amz-Security-Token",
}
"""Headers of the signature and of the attempts; and the User-Agent, which lists a client's features
in the order of a set."""
CALLS: dict[str, tuple[str, str, dict[str, Any]]] = {
    "JSON": ("dynamodb", "describe_table", {"TableName": "none"}),
    "query": ("sts", "get_caller_identity", {}),
    "ec2": (
        "ec2",
        "describe_subnets",
        {"Filters": [{"Name": "availability-zone", "Values": ["a b", "c&d=é"]}]},
    ),
    "REST": ("scheduler", "list_schedules", {"GroupName": "default", "MaxResults": 5}),
    "REST with a body": (
        "scheduler",
        "create_schedule_group",
        {"Name": "some-group", "ClientToken": "1"},
    ),
    "an encoded path": (
        "scheduler",
        "list_tags_for_resource",
        {"ResourceArn": "arn:aws:scheduler:ap-northeast-1:123456789012:schedule-group/default"},
    ),
}


@contextmanager
def received() -> Iterator[list[dict[str, Any]]]:
    """What moto's handlers were given."""
    seen: list[dict[str, Any]] = []
    dispatch = BaseResponse._dispatch

    def noted(self: BaseResponse, request: Request, url: str | None, headers: Any) -> Any:
        seen.append(
            {
                "method": request.method,
                "path": request.path,
                "url": url,
                "raw url": request.raw_url,
                "query": request.query_string,
                "kind": request.content_type,
                "form": request.form.to_dict(flat=False),
                "body": request.data,
                "headers": {
                    name: value for name, value in headers.items() if name not in OF_THE_NETWORK
                },
            }
        )
        return dispatch(self, request, url, headers)

    with mock.patch.object(BaseResponse, "_dispatch", noted):
        yield seen


def call(service: str, operation: str, arguments: dict[str, Any]) -> Any:
    client: Any = boto3.client(service)  # type: ignore[call-overload]
    try:
        answer = getattr(client, operation)(**arguments)
    except client.exceptions.ClientError as error:
        return error.response["Error"]
    answer.pop("ResponseMetadata")
    return answer


@pytest.mark.parametrize("asked", CALLS.values(), ids=CALLS)
def test_a_handler_receives_the_same(asked: tuple[str, str, dict[str, Any]]) -> None:
    with mock_aws(), received() as of_moto:
        call(*asked)
    with mock_aws(), calls_are_direct(), received() as direct:
        call(*asked)
    assert len(direct) == 1
    assert direct == of_moto


def test_botocore_still_retries(cloud: Cloud) -> None:
    answered = BotocoreStubber.process_request
    attempts: list[str] = []

    def throttled_once(stubber: BotocoreStubber, request: Any) -> Any:
        attempts.append(request.url)
        if len(attempts) == 1:
            return 400, {}, '{"__type": "ThrottlingException"}'
        return answered(stubber, request)

    client = boto3.client("ecs", config=Config(retries={"mode": "standard"}))
    with (
        mock.patch.object(BotocoreStubber, "process_request", throttled_once),
        mock.patch("botocore.endpoint.time.sleep"),
    ):
        answer = client.list_clusters()
    assert answer["clusterArns"] == []
    assert len(attempts) == 2


def test_an_unknown_service_is_answered_as_by_moto(cloud: Cloud) -> None:
    client = boto3.client("athena")
    with pytest.raises(client.exceptions.ClientError) as caught:
        client.list_work_groups()
    assert caught.value.response["ResponseMetadata"]["HTTPStatusCode"] == 404


def test_nothing_remains_of_an_account() -> None:
    with mock_account():
        boto3.client("scheduler").create_schedule_group(Name="some-group")
    with mock_account():
        groups = boto3.client("scheduler").list_schedule_groups()["ScheduleGroups"]
        assert [group["Name"] for group in groups] == ["default"]
