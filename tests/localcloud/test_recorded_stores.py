"""DynamoDB and CloudWatch Logs answer as AWS did."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import boto3
import pytest
from botocore.exceptions import ClientError

from bivouac.aws import log_groups
from localcloud.account import REGION
from localcloud.strict import mock_account
from tests.localcloud.member_by_member import differences, recorded

NOT_PLAYED = ("deletionProtectionEnabled", "logGroupClass")
"""Members of log groups that nobody reads."""


@pytest.fixture(autouse=True)
def _account() -> Iterator[None]:
    with mock_account():
        yield


def test_a_failed_condition() -> None:
    tables: Any = boto3.client("dynamodb", region_name=REGION)
    tables.create_table(
        TableName="environments",
        KeySchema=[{"AttributeName": "id", "KeyType": "HASH"}],
        AttributeDefinitions=[{"AttributeName": "id", "AttributeType": "S"}],
        BillingMode="PAY_PER_REQUEST",
    )
    expected = recorded("dynamodb-condition-failed")
    tables.put_item(TableName="environments", Item=expected["Item"])
    with pytest.raises(tables.exceptions.ConditionalCheckFailedException) as refused:
        tables.update_item(
            TableName="environments",
            Key={"id": expected["Item"]["id"]},
            UpdateExpression="SET price = :new",
            ConditionExpression="price = :old",
            ExpressionAttributeValues={":new": {"N": "1"}, ":old": {"N": "2"}},
            ReturnValuesOnConditionCheckFailure="ALL_OLD",
        )
    answer = refused.value.response
    assert differences(expected, answer) == []
    assert answer["ResponseMetadata"]["HTTPStatusCode"] == 400


class TestLogGroups:
    @pytest.fixture
    def logs(self) -> Any:
        client: Any = boto3.client("logs", region_name=REGION)
        client.create_log_group(logGroupName="bivouac-demo", tags={"env": "testing"})
        return client

    def test_a_log_group_has_two_arns(self, logs: Any) -> None:
        expected = recorded("logs-groups")["describe-log-groups"]
        answer = logs.describe_log_groups(logGroupNamePrefix="bivouac-")
        missing = {f".logGroups[0].{each} is missing" for each in NOT_PLAYED}
        assert set(differences(expected, answer)) == missing

    def test_tags_are_read_by_the_arn_without_a_star(self, logs: Any) -> None:
        (group,) = log_groups.find(logs, "bivouac-").values()
        (seen,) = logs.describe_log_groups()["logGroups"]
        assert group.arn == seen["logGroupArn"]
        answer = logs.list_tags_for_resource(resourceArn=group.arn)
        assert differences(recorded("logs-groups")["list-tags-for-resource"], answer) == []

    def test_a_wrong_task_token(self, logs: Any) -> None:
        logs.create_log_stream(logGroupName="bivouac-demo", logStreamName="web")
        with pytest.raises(ClientError) as refused:
            logs.get_log_events(
                logGroupName="bivouac-demo", logStreamName="web", nextToken="made up"
            )
        expected = recorded("logs-groups")["get-log-events-with-a-wrong-token"]
        assert differences(expected, refused.value.response) == []
