"""Rules and schedules reach their targets, on the clock, and give up as AWS does."""

from __future__ import annotations

import json
import threading
import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from botocore.exceptions import ClientError

from localcloud.clock import ManualClock
from localcloud.events.delivery import Delivery, DeliveryQueue, Retry
from tests.localcloud.event_account import OF_RULES, ROLE, Account, opened
from tests.localcloud.recordings import as_recorded, recording
from tests.localcloud.strict_cloud import fargate_service, fargate_task
from tests.localcloud.waiting import until_true


@pytest.fixture(scope="module")
def opened_account() -> Iterator[Account]:
    with opened() as account:
        yield account


@pytest.fixture
def account(opened_account: Account) -> Account:
    """Each test has its own rules on the one default bus."""
    account = opened_account
    for rule in account.events.list_rules()["Rules"]:
        targets = account.events.list_targets_by_rule(Rule=rule["Name"])["Targets"]
        if ids := [target["Id"] for target in targets]:
            account.events.remove_targets(Rule=rule["Name"], Ids=ids)
        account.events.delete_rule(Name=rule["Name"])
    return account


class TestRules:
    def test_a_matching_event_starts_a_state_machine(self, account: Account) -> None:
        machine = account.machine()
        transformer = {
            "InputPathsMap": {"branch": "$.detail.branch"},
            "InputTemplate": '{"name": <branch>, "from": "branch <branch>"}',
        }
        account.rule(
            {"Arn": machine, "RoleArn": ROLE, "InputTransformer": transformer},
            source=["ci"],
            detail={"branch": [{"prefix": "feature-"}]},
        )
        account.put(branch="main")
        account.put(branch="feature-1")
        assert account.inputs(machine) == [{"name": "feature-1", "from": "branch feature-1"}]

    def test_every_target_gets_the_event(self, account: Account) -> None:
        first, first_arn = account.queue()
        second, second_arn = account.queue()
        account.rule({"Arn": first_arn}, {"Arn": second_arn}, source=["ci"])
        account.put(branch="main")
        for url in (first, second):
            (message,) = account.messages(url)
            event = json.loads(message["Body"])
            assert event["detail"] == {"branch": "main"}
            assert (event["source"], event["detail-type"]) == ("ci", "Branch pushed")
            assert event["time"].endswith("Z")
            assert "ingestion-time" not in event

    @pytest.mark.parametrize(
        ("pattern", "matches"),
        [
            ({"branch": [{"anything-but": "main"}]}, False),
            ({"branch": [{"exists": True}]}, True),
            ({"tag": [{"exists": False}]}, True),
            ({"branch": ["main", "other"]}, True),
        ],
    )
    def test_patterns(self, account: Account, pattern: dict[str, Any], matches: bool) -> None:
        url, arn = account.queue()
        account.rule({"Arn": arn}, detail=pattern)
        account.put(branch="main")
        assert bool(account.messages(url)) is matches

    def test_a_disabled_rule_delivers_nothing(self, account: Account) -> None:
        url, arn = account.queue()
        account.events.disable_rule(Name=account.rule({"Arn": arn}, source=["ci"]))
        account.put(branch="main")
        assert account.messages(url) == []

    def test_a_function_is_invoked(self, account: Account) -> None:
        function = account.function("surroundings.echo")
        name = account.rule({"Arn": function.arn, "Input": '"hello"'}, source=["ci"])
        account.cloud.client("lambda").add_permission(
            FunctionName=function.name,
            StatementId="rule",
            Action="lambda:InvokeFunction",
            Principal="events.amazonaws.com",
            SourceArn=f"arn:aws:events:ap-northeast-1:123456789012:rule/{name}",
        )
        account.put(branch="main")
        account.settle()
        logged = account.logs.filter_log_events(logGroupName=function.log_group_name)
        assert "said hello" in [event["message"] for event in logged["events"]]

    def test_an_event_for_a_function_that_does_not_admit_the_rule_is_a_dead_letter(
        self, account: Account
    ) -> None:
        """EventBridge user guide, "Using resource-based policies for Amazon EventBridge"."""
        url, dead_letters = account.queue()
        function = account.function("surroundings.echo")
        target = {"Arn": function.arn, "DeadLetterConfig": {"Arn": dead_letters}}
        account.rule(target, source=["ci"])
        account.put(branch="main")
        (letter,) = account.messages(url)
        attributes = {k: v["StringValue"] for k, v in letter["MessageAttributes"].items()}
        assert attributes["ERROR_CODE"] == "NO_PERMISSIONS"
        assert "lambda:InvokeFunction" in attributes["ERROR_MESSAGE"]

    def test_a_queue_that_does_not_admit_the_rule_gets_nothing(self, account: Account) -> None:
        """Its dead letters are lost too: user guide, "Using dead-letter queues to process
        undelivered events"."""
        url, arn = account.queue(admits_rules=False)
        missing = account.machine().rpartition(":")[0] + ":nobody"
        account.rule(
            {"Arn": arn},
            {"Arn": missing, "RoleArn": ROLE, "DeadLetterConfig": {"Arn": arn}},
            source=["ci"],
        )
        account.put(branch="main")
        assert account.messages(url) == []

    def test_a_queue_admits_rules_by_their_arn(self, account: Account) -> None:
        """AWS's examples have aws:SourceArn (user guide, "Using dead-letter queues to process
        undelivered events"). Whether EventBridge also sends aws:SourceAccount is not known."""
        of_account = {"StringEquals": {"aws:SourceAccount": "123456789012"}}
        by_account, by_rule = account.queue(where=of_account), account.queue(where=OF_RULES)
        account.rule({"Arn": by_account[1]}, {"Arn": by_rule[1]}, source=["ci"])
        account.put(branch="main")
        assert account.messages(by_account[0]) == []
        assert len(account.messages(by_rule[0])) == 1

    @pytest.mark.parametrize(
        "options",
        [
            {"RetryPolicy": {"MaximumRetryAttempts": 186}},
            {"RetryPolicy": {"MaximumEventAgeInSeconds": 86_401}},
            {"DeadLetterConfig": {"Arn": "arn:aws:sqs:ap-northeast-1:123456789012:q.fifo"}},
        ],
    )
    def test_an_invalid_target_is_refused(self, account: Account, options: dict[str, Any]) -> None:
        """API reference, RetryPolicy and DeadLetterConfig."""
        with pytest.raises(ClientError, match=r"ValidationException|Invalid valid"):
            account.rule({"Arn": account.queue()[1], **options}, source=["ci"])

    def test_an_event_for_a_missing_target_is_a_dead_letter_at_once(self, account: Account) -> None:
        """W01."""
        url, dead_letters = account.queue()
        missing = account.machine().rpartition(":")[0] + ":nobody"
        target = {"Arn": missing, "RoleArn": ROLE, "DeadLetterConfig": {"Arn": dead_letters}}
        name = account.rule(target, source=["ci"])
        account.put(branch="main")
        (letter,) = account.messages(url)
        attributes = {k: v["StringValue"] for k, v in letter["MessageAttributes"].items()}
        assert attributes["RULE_ARN"].endswith(f"rule/{name}")
        assert attributes["TARGET_ARN"] == missing
        assert attributes["ERROR_CODE"] == "StateMachineDoesNotExist"
        assert attributes["RETRY_ATTEMPTS"] == "0"
        assert json.loads(letter["Body"])["detail"] == {"branch": "main"}

    @pytest.mark.parametrize(("copies", "times"), [((), 0), ((0.0, 0.0), 2)])
    def test_a_test_can_lose_and_repeat_deliveries(
        self, account: Account, copies: tuple[float, ...], times: int
    ) -> None:
        """W01: events come at least once, and are dropped in the end."""
        machine = account.machine()
        account.rule({"Arn": machine, "RoleArn": ROLE, "Input": "{}"}, source=["ci"])
        queue = account.cloud.deliveries
        before, queue.disturbance = queue.disturbance, lambda _: copies
        account.put(branch="main")
        queue.disturbance = before
        assert len(account.inputs(machine)) == times

    def test_a_test_can_delay_a_delivery(self, account: Account) -> None:
        machine = account.machine()
        account.rule({"Arn": machine, "RoleArn": ROLE, "Input": "{}"}, source=["ci"])
        queue = account.cloud.deliveries
        before, queue.disturbance = queue.disturbance, lambda _: (6_000.0,)
        account.put(branch="main")
        queue.disturbance = before
        assert not queue.wait_until_idle(0)
        account.clock.advance(60)
        assert len(account.inputs(machine)) == 1

    def test_a_rule_with_a_schedule_is_refused(self, account: Account) -> None:
        with pytest.raises(ClientError, match="use Scheduler"):
            account.events.put_rule(Name="nightly", ScheduleExpression="rate(1 day)")


class TestExecutionEvents:
    def statuses(self, account: Account, url: str) -> list[str]:
        return sorted(json.loads(m["Body"])["detail"]["status"] for m in account.messages(url))

    def watched(self, account: Account) -> str:
        url, arn = account.queue()
        kind = "Step Functions Execution Status Change"
        account.rule({"Arn": arn}, **{"source": ["aws.states"], "detail-type": [kind]})
        return url

    def test_start_and_end_of_an_execution_are_events(self, account: Account) -> None:
        url, machine = self.watched(account), account.machine()
        arn = account.stepfunctions.start_execution(stateMachineArn=machine, input='{"a": 1}')[
            "executionArn"
        ]
        describe = account.stepfunctions.describe_execution
        until_true(lambda: describe(executionArn=arn)["status"] == "SUCCEEDED")
        account.clock.advance(0)
        events = [json.loads(message["Body"]) for message in account.messages(url)]
        details = {event["detail"]["status"]: event["detail"] for event in events}
        assert set(details) == {"RUNNING", "SUCCEEDED"}
        ended = details["SUCCEEDED"]
        assert ended["executionArn"] == arn
        assert ended["stateMachineArn"] == machine
        assert json.loads(ended["output"]) == json.loads(ended["input"]) == {"a": 1}
        assert ended["stopDate"] >= ended["startDate"]
        assert details["RUNNING"]["stopDate"] is None
        assert events[0]["resources"] == [arn]

    def test_failed_and_stopped_executions_are_events(self, account: Account) -> None:
        """StopExecution skips Catch: only this event reports it (W13)."""
        url = self.watched(account)
        fails = account.machine(States={"Done": {"Type": "Fail", "Error": "E", "Cause": "c"}})
        waits = account.machine(States={"Done": {"Type": "Wait", "Seconds": 10**6, "End": True}})
        start = account.stepfunctions.start_execution
        failed = start(stateMachineArn=fails)["executionArn"]
        stopped = start(stateMachineArn=waits)["executionArn"]
        account.stepfunctions.stop_execution(executionArn=stopped)
        describe = account.stepfunctions.describe_execution
        until_true(lambda: describe(executionArn=failed)["status"] == "FAILED")
        account.clock.advance(0)
        assert self.statuses(account, url) == ["ABORTED", "FAILED", "RUNNING", "RUNNING"]


class TestEcsEvents:
    """ECS's events reach the rules' targets like any other."""

    KINDS = ("ECS Task State Change", "ECS Deployment State Change", "ECS Service Action")

    def watched(self, account: Account, **pattern: Any) -> str:
        url, arn = account.queue()
        account.rule({"Arn": arn}, **{"source": ["aws.ecs"], **pattern})
        return url

    def service(self, account: Account) -> str:
        """Creates a service; returns its ARN."""
        ecs = account.cloud.client("ecs")
        name = f"shop-{uuid.uuid4().hex[:8]}"
        ecs.create_cluster(clusterName=name)
        account.clock.advance(1)
        ecs.register_task_definition(**fargate_task(name))
        arn: str = ecs.create_service(**fargate_service(cluster=name, taskDefinition=name))[
            "service"
        ]["serviceArn"]
        return arn

    def bodies(self, account: Account, url: str) -> list[dict[str, Any]]:
        account.clock.advance(5)
        return [json.loads(message["Body"]) for message in account.messages(url)]

    def test_a_rule_finds_them_by_kind_and_by_service(self, account: Account) -> None:
        service = self.service(account)
        url = self.watched(
            account, **{"detail-type": [self.KINDS[1]], "resources": [{"prefix": service}]}
        )
        other = self.watched(account, resources=[{"prefix": service + "-other"}])
        delivered = {event["detail"]["eventName"]: event for event in self.bodies(account, url)}
        event = delivered["SERVICE_DEPLOYMENT_COMPLETED"]
        assert event["source"] == "aws.ecs"
        assert event["detail-type"] == "ECS Deployment State Change"
        assert event["resources"] == [service]
        cluster = service.replace(":service/", ":cluster/").rpartition("/")[0]
        assert event["detail"]["clusterArn"] == cluster
        assert self.bodies(account, other) == []

    def test_a_rule_finds_tasks_by_their_cluster(self, account: Account) -> None:
        service = self.service(account)
        cluster = service.replace(":service/", ":cluster/").rpartition("/")[0]
        prefix = {"clusterArn": [{"prefix": cluster}]}
        url = self.watched(account, **{"detail-type": [self.KINDS[0]], "detail": prefix})
        events = sorted(self.bodies(account, url), key=lambda event: event["detail"]["version"])
        statuses = [event["detail"]["lastStatus"] for event in events]
        assert statuses == ["PROVISIONING", "PENDING", "RUNNING"]

    def test_a_test_can_lose_repeat_and_reorder_single_events(self, account: Account) -> None:
        """W01: the disturbance sees each event; a repeated one keeps its id."""
        url = self.watched(account, **{"detail-type": [self.KINDS[0]]})

        def disturb(delivery: Delivery) -> tuple[float, ...]:
            assert delivery.event is not None
            status = delivery.event["detail"]["lastStatus"]
            return {"PENDING": (), "RUNNING": (0.0, 0.0)}.get(status, (60.0,))

        queue = account.cloud.deliveries
        before, queue.disturbance = queue.disturbance, disturb
        self.service(account)
        account.clock.advance(0.5)
        queue.disturbance = before
        early: list[dict[str, Any]] = []

        def two_came() -> bool:
            early.extend(json.loads(message["Body"]) for message in account.received(url))
            return len(early) == 2

        until_true(two_came)
        assert [event["detail"]["lastStatus"] for event in early] == ["RUNNING", "RUNNING"]
        assert early[0]["id"] == early[1]["id"]
        (late,) = self.bodies(account, url)
        assert late["detail"]["lastStatus"] == "PROVISIONING"

    def test_events_arrive_after_eventbridges_delay(self) -> None:
        clock, sent = ManualClock(), threading.Event()
        queue = DeliveryQueue(clock)
        delivery = Delivery("arn", sent.set, Retry(0, 60), lambda _: None, after=0.08)
        queue.submit(delivery)
        clock.advance(0.07)
        assert queue.wait_until_idle(0) is False
        clock.advance(0.02)
        assert queue.wait_until_idle(5)
        assert sent.is_set()
        queue.close()


class TestEventsOfOtherServices:
    def watched(self, account: Account, source: str) -> str:
        url, arn = account.queue()
        account.rule({"Arn": arn}, source=[source])
        return url

    def delivered(self, account: Account, url: str) -> list[dict[str, Any]]:
        account.clock.advance(0)
        return [json.loads(message["Body"]) for message in account.messages(url)]

    def event(self, account: Account, url: str) -> dict[str, Any]:
        (delivered,) = self.delivered(account, url)
        return delivered

    def test_a_pushed_image(self, account: Account) -> None:
        """Member by member as recorded: its untagged manifest, and the index by its tag."""
        url = self.watched(account, "aws.ecr")
        digest = account.cloud.push_image("soci-index-test-repo", "v4-soci")
        # Delivered concurrently, in no promised order.
        by_tag = sorted(
            self.delivered(account, url), key=lambda event: event["detail"]["image-tag"]
        )
        expected = recording("ecr-image-action-push")
        for event, recorded in zip(by_tag, expected, strict=True):
            assert event.keys() == recorded.keys()
            differing = {"image-digest": event["detail"]["image-digest"]}
            assert event["detail"] == recorded["detail"] | differing
            assert event["resources"] == recorded["resources"]
            assert event["detail-type"] == recorded["detail-type"]
        assert by_tag[1]["detail"]["image-digest"] == digest
        assert by_tag[0]["detail"]["image-digest"] not in ("", digest)

    def test_a_closed_pull_request(self, account: Account) -> None:
        """AWS CodeCommit user guide, "Monitoring CodeCommit events in Amazon EventBridge"."""
        url = self.watched(account, "aws.codecommit")
        account.cloud.close_pull_request("shop", "7", "refs/heads/feature-1")
        event = self.event(account, url)
        assert event["detail-type"] == "CodeCommit Pull Request State Change"
        assert event["resources"] == ["arn:aws:codecommit:ap-northeast-1:123456789012:shop"]
        detail = event["detail"]
        assert detail["event"] == "pullRequestStatusChanged"
        assert detail["pullRequestStatus"] == "Closed"
        assert detail["isMerged"] == "False"
        assert detail["pullRequestId"] == "7"
        assert detail["repositoryNames"] == ["shop"]
        assert detail["sourceReference"] == "refs/heads/feature-1"


class TestAsynchronousInvocations:
    def test_a_failing_function_is_tried_three_times_then_its_destination_gets_the_event(
        self, account: Account
    ) -> None:
        """What it gets, member by member: tests/recorded/lambda-on-failure.json."""
        template = Path(__file__).parent / "data" / "asynchronous" / "template.yaml"
        stack = account.cloud.deploy(template, {}, name="asynchronous")
        function = stack.functions["FailingFunction"]
        answer = account.cloud.client("lambda").invoke(
            FunctionName=function.name, InvocationType="Event", Payload='{"name": "demo"}'
        )
        assert answer["StatusCode"] == 202
        account.clock.advance(0)
        (message,) = account.messages(stack.resources["Failures"])
        record = json.loads(message["Body"])
        recorded = recording("lambda-on-failure")
        assert as_recorded(recorded, record) == recorded
        assert record["responsePayload"]["errorType"] == "NamespaceInUseError"
        logged = account.logs.filter_log_events(logGroupName=function.log_group_name)["events"]
        assert sum(event["message"].startswith("START") for event in logged) == 3


class TestRetries:
    """The queue alone: which errors are retried, and for how long."""

    def test_a_delivery_that_is_too_old_is_given_up(self, account: Account) -> None:
        from localcloud.events.delivery import GivenUp, NotDeliveredError, Retry

        tries, ends = [], list[GivenUp]()

        def attempt() -> None:
            tries.append(account.clock.now())
            raise NotDeliveredError("Throttled", "later", final=False)

        retry = Retry(attempts=185, max_age=0.5, first_delay=10)
        account.cloud.deliveries.submit(Delivery("arn:of:a:target", attempt, retry, ends.append))
        account.clock.advance(0)
        account.settle()
        (end,) = ends
        assert end.condition == "MaximumEventAgeInSeconds"
        assert end.retries == len(tries) - 1 > 0
