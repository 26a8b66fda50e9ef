"""Schedules are checked when created, fire when due, and end as configured."""

from __future__ import annotations

import json
import uuid
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from localcloud.clock import ManualClock, as_datetime
from localcloud.endpoint.call_faults import BUSY_SCHEDULE, Cut
from tests.localcloud.event_account import ROLE, Account, opened
from tests.localcloud.recordings import recording

BEGAN = as_datetime(ManualClock().now())
EXPRESSIONS = recording("scheduler-expressions")
QUEUES = "arn:aws:sqs:ap-northeast-1:123456789012"


@pytest.fixture(scope="module")
def account() -> Iterator[Account]:
    with opened() as account:
        yield account


class TestSchedules:
    def at(self, account: Account, seconds: float) -> str:
        moment = as_datetime(account.clock.now() + seconds)
        return f"at({moment:%Y-%m-%dT%H:%M:%S})"

    def test_a_one_time_schedule_starts_a_state_machine_and_is_deleted(
        self, account: Account
    ) -> None:
        machine = account.machine()
        name = account.schedule(
            self.at(account, 8 * 3600),
            {
                "Arn": machine,
                "Input": '{"environment": "demo", "at": "<aws.scheduler.scheduled-time>"}',
            },
            ActionAfterCompletion="DELETE",
        )
        account.clock.advance(8 * 3600 - 1)
        assert account.inputs(machine) == []
        due = as_datetime(account.clock.now() + 1)
        account.clock.advance(1)
        expected = {"environment": "demo", "at": f"{due:%Y-%m-%dT%H:%M:%SZ}"}
        assert account.inputs(machine) == [expected]
        with pytest.raises(account.scheduler.exceptions.ResourceNotFoundException):
            account.scheduler.get_schedule(Name=name)

    def test_a_recurring_schedule_keeps_firing(self, account: Account) -> None:
        """Without a StartDate a rate begins at once (Scheduler user guide, "Schedule types")."""
        machine = account.machine()
        name = account.schedule("rate(30 minutes)", {"Arn": machine})
        for times in (1, 2, 3):
            account.clock.advance(0)
            assert len(account.inputs(machine)) == times
            account.clock.advance(1800)
        account.scheduler.delete_schedule(Name=name)
        account.clock.advance(7200)
        assert len(account.inputs(machine)) == 4

    def test_a_schedule_can_be_fired_early(self, account: Account) -> None:
        """A demo does not wait for the evening."""
        machine = account.machine()
        target = {"Arn": machine, "Input": '{"at": "<aws.scheduler.scheduled-time>"}'}
        once = account.schedule(self.at(account, 8 * 3600), target, ActionAfterCompletion="DELETE")
        account.cloud.fire_schedule(once)
        account.clock.advance(0)
        now = as_datetime(account.clock.now())
        assert account.inputs(machine) == [{"at": f"{now:%Y-%m-%dT%H:%M:%SZ}"}]
        account.clock.advance(8 * 3600)
        assert len(account.inputs(machine)) == 1
        with pytest.raises(LookupError, match="still to come"):
            account.cloud.fire_schedule(once)

    def test_a_recurring_schedule_goes_on_after_being_fired_early(self, account: Account) -> None:
        machine = account.machine()
        evening = account.schedule("cron(0 19 * * ? *)", {"Arn": machine})
        account.cloud.fire_schedule(evening)
        account.clock.advance(86_400)
        assert len(account.inputs(machine)) == 2
        account.scheduler.delete_schedule(Name=evening)

    def test_updating_replaces_everything(self, account: Account) -> None:
        """W03: omitted members get their defaults."""
        machine = account.machine()
        name = account.schedule(
            self.at(account, 600), {"Arn": machine}, ActionAfterCompletion="DELETE", Description="x"
        )
        account.scheduler.update_schedule(
            Name=name,
            ScheduleExpression=self.at(account, 1200),
            FlexibleTimeWindow={"Mode": "OFF"},
            Target={"Arn": machine, "RoleArn": ROLE},
        )
        described = account.scheduler.get_schedule(Name=name)
        assert described["ActionAfterCompletion"] == "NONE"
        assert described["State"] == "ENABLED"
        assert "Description" not in described
        account.clock.advance(700)
        assert account.inputs(machine) == []
        account.clock.advance(500)
        assert len(account.inputs(machine)) == 1

    def test_a_disabled_schedule_does_not_fire(self, account: Account) -> None:
        machine = account.machine()
        account.schedule(self.at(account, 60), {"Arn": machine}, State="DISABLED")
        account.clock.advance(120)
        assert account.inputs(machine) == []

    def test_the_same_request_twice_is_one_schedule(self, account: Account) -> None:
        """W03: by ClientToken; without the same token the name is taken."""
        arguments = {
            "Name": f"s-{uuid.uuid4().hex[:8]}",
            "ScheduleExpression": "rate(1 day)",
            "FlexibleTimeWindow": {"Mode": "OFF"},
            "Target": {"Arn": account.machine(), "RoleArn": ROLE},
        }
        create = account.scheduler.create_schedule
        first = create(ClientToken="token-1", **arguments)
        assert create(ClientToken="token-1", **arguments)["ScheduleArn"] == first["ScheduleArn"]
        with pytest.raises(account.scheduler.exceptions.ConflictException):
            create(ClientToken="token-2", **arguments)
        account.scheduler.delete_schedule(Name=arguments["Name"])

    @pytest.mark.parametrize(
        "arguments",
        [
            {"expression": "cron(nonsense)"},
            {"expression": "rate(1 minute)", "ScheduleExpressionTimezone": "Mars/X"},
            {"expression": "rate(1 minute)", "target": {"Input": "not json"}},
            {"expression": "rate(1 minute)", "target": {"Input": json.dumps("x" * 262_143)}},
            {"expression": "rate(1 minute)", "StartDate": BEGAN - timedelta(minutes=6)},
            {"expression": "rate(1 minute)", "EndDate": BEGAN - timedelta(minutes=6)},
            {
                "expression": "rate(1 minute)",
                "StartDate": BEGAN + timedelta(days=100),
                "EndDate": BEGAN + timedelta(days=99),
            },
            {"expression": "rate(1 minute)", "Name": "no spaces"},
            {"expression": "rate(1 minute)", "FlexibleTimeWindow": {"Mode": "FLEXIBLE"}},
            {"expression": "rate(1 minute)", "State": "ASLEEP"},
            {
                "expression": "rate(1 minute)",
                "target": {"RetryPolicy": {"MaximumRetryAttempts": 186}},
            },
            {
                "expression": "rate(1 minute)",
                "target": {"RetryPolicy": {"MaximumEventAgeInSeconds": 86_401}},
            },
            {
                "expression": "rate(1 minute)",
                "target": {"DeadLetterConfig": {"Arn": f"{QUEUES}:letters.fifo"}},
            },
            {
                "expression": "rate(1 minute)",
                "target": {"DeadLetterConfig": {"Arn": QUEUES.replace("sqs", "sns")}},
            },
        ],
    )
    def test_invalid_schedules_are_refused(
        self, account: Account, arguments: dict[str, Any]
    ) -> None:
        """W03; botocore's model of CreateSchedule has the limits."""
        arguments = dict(arguments)
        target = {"Arn": account.machine(), **arguments.pop("target", {})}
        with pytest.raises(account.scheduler.exceptions.ValidationException):
            account.schedule(arguments.pop("expression"), target, **arguments)

    @pytest.mark.parametrize("expression", EXPRESSIONS["refused"])
    def test_expressions_that_aws_refused_are_refused(
        self, account: Account, expression: str
    ) -> None:
        with pytest.raises(account.scheduler.exceptions.ClientError) as refused:
            account.schedule(expression, {"Arn": account.machine()})
        assert refused.value.response["Error"]["Code"] == EXPRESSIONS["code"]

    @pytest.mark.parametrize("expression", EXPRESSIONS["taken"])
    def test_expressions_that_aws_accepted_are_accepted(
        self, account: Account, expression: str
    ) -> None:
        name = account.schedule(expression, {"Arn": account.machine()})
        account.scheduler.delete_schedule(Name=name)

    def test_a_past_time_is_accepted_and_never_fires(self, account: Account) -> None:
        """Recorded in February 2025 with a time in 2022; that it never fires is assumed."""
        machine = account.machine()
        name = account.schedule("at(2022-12-31T23:59:59)", {"Arn": machine})
        assert as_datetime(account.clock.now()).year > 2022
        account.clock.advance(86_400)
        assert account.inputs(machine) == []
        account.scheduler.delete_schedule(Name=name)

    @pytest.mark.parametrize("operation", ["CreateSchedule", "UpdateSchedule", "DeleteSchedule"])
    def test_a_busy_schedule_is_a_conflict(self, account: Account, operation: str) -> None:
        recorded = recording("scheduler-conflict")
        name = account.schedule("rate(1 day)", {"Arn": account.machine()})
        given = account.scheduler.get_schedule(Name=name)
        arguments = {
            key: given[key] for key in ("ScheduleExpression", "FlexibleTimeWindow", "Target")
        }
        busy = {"Name": name} | (arguments if operation != "DeleteSchedule" else {})
        call = getattr(
            account.scheduler,
            {
                "CreateSchedule": "create_schedule",
                "UpdateSchedule": "update_schedule",
                "DeleteSchedule": "delete_schedule",
            }[operation],
        )
        account.cloud.call_faults.of = lambda call: (
            BUSY_SCHEDULE if call.operation == operation else None
        )
        try:
            with pytest.raises(account.scheduler.exceptions.ConflictException) as refused:
                call(**busy)
        finally:
            account.cloud.call_faults.of = lambda _: None
        answer = refused.value.response
        assert answer["ResponseMetadata"]["HTTPStatusCode"] == recorded["status"]
        assert answer["Error"] == {"Code": recorded["code"], "Message": recorded["message"]}
        account.scheduler.delete_schedule(Name=name)

    def test_an_unknown_group_is_not_found(self, account: Account) -> None:
        with pytest.raises(account.scheduler.exceptions.ResourceNotFoundException):
            account.schedule("rate(1 day)", {"Arn": account.machine()}, GroupName="nobody")

    def test_an_event_for_a_missing_target_is_a_dead_letter(self, account: Account) -> None:
        """W03."""
        url, dead_letters = account.queue()
        missing = account.machine().rpartition(":")[0] + ":nobody"
        account.schedule(
            self.at(account, 60),
            {"Arn": missing, "Input": '{"a": 1}', "DeadLetterConfig": {"Arn": dead_letters}},
        )
        account.clock.advance(60)
        (letter,) = account.messages(url)
        assert json.loads(letter["Body"]) == {"a": 1}
        assert "SCHEDULE_ARN" in letter["MessageAttributes"]

    def test_a_failing_target_is_retried(self, account: Account) -> None:
        machine = account.machine()
        account.schedule(self.at(account, 60), {"Arn": machine, "Input": '{"a": 1}'})
        cuts = [Cut.BEFORE] * 5
        account.cloud.call_faults.of = lambda call: (
            cuts.pop() if cuts and call.operation == "StartExecution" else None
        )
        try:
            account.clock.advance(600)
            assert account.inputs(machine) == [{"a": 1}]
        finally:
            account.cloud.call_faults.of = lambda _: None

    def test_all_problems_are_reported_at_once(self, account: Account) -> None:
        with pytest.raises(account.scheduler.exceptions.ValidationException) as refused:
            account.schedule(
                "cron(nonsense)",
                {"Arn": account.machine(), "Input": "not json"},
                FlexibleTimeWindow={"Mode": "FLEXIBLE"},
            )
        said = refused.value.response["Error"]["Message"]
        for problem in ("cron(nonsense)", "MaximumWindowInMinutes", "must be JSON"):
            assert problem in said

    def test_a_dead_letter_needs_the_schedules_role(self, account: Account) -> None:
        """Scheduler user guide, "Configuring a dead-letter queue for EventBridge Scheduler"."""
        url, dead_letters = account.queue()
        machine = account.machine()
        role = account.role({"Action": "lambda:InvokeFunction"})
        account.schedule(
            self.at(account, 60),
            {"Arn": machine, "RoleArn": role, "DeadLetterConfig": {"Arn": dead_letters}},
        )
        account.clock.advance(60)
        assert account.messages(url) == []
        role = account.role({"Action": "sqs:SendMessage"})
        account.schedule(
            self.at(account, 60),
            {"Arn": machine, "RoleArn": role, "DeadLetterConfig": {"Arn": dead_letters}},
        )
        account.clock.advance(60)
        (letter,) = account.messages(url)
        assert letter["MessageAttributes"]["ERROR_CODE"]["StringValue"] == "AccessDeniedException"


class TestRecurring:
    """Scheduler user guide, "Schedule types"; API reference, CreateSchedule."""

    def fired(self, account: Account, machine: str, seconds: float) -> int:
        """How often it fired in that time, minute by minute."""
        before = len(account.inputs(machine))
        for _ in range(int(seconds // 60)):
            account.clock.advance(60)
        return len(account.inputs(machine)) - before

    def test_a_rate_runs_from_its_start_date_to_its_end_date(self, account: Account) -> None:
        machine, now = account.machine(), as_datetime(account.clock.now())
        name = account.schedule(
            "rate(15 minutes)",
            {"Arn": machine},
            StartDate=now + timedelta(minutes=30),
            EndDate=now + timedelta(minutes=60),
        )
        assert self.fired(account, machine, 29 * 60) == 0
        assert self.fired(account, machine, 60) == 1
        assert self.fired(account, machine, 60 * 60) == 2
        assert account.scheduler.get_schedule(Name=name)["State"] == "ENABLED"
        account.scheduler.delete_schedule(Name=name)

    def test_a_completed_schedule_is_deleted_on_request(self, account: Account) -> None:
        machine, now = account.machine(), as_datetime(account.clock.now())
        name = account.schedule(
            "rate(15 minutes)",
            {"Arn": machine},
            EndDate=now + timedelta(minutes=20),
            ActionAfterCompletion="DELETE",
        )
        account.clock.advance(0)
        assert account.scheduler.get_schedule(Name=name)
        account.clock.advance(15 * 60)
        assert len(account.inputs(machine)) == 2
        with pytest.raises(account.scheduler.exceptions.ResourceNotFoundException):
            account.scheduler.get_schedule(Name=name)

    def test_a_one_time_schedule_ignores_both_dates(self, account: Account) -> None:
        machine, now = account.machine(), as_datetime(account.clock.now())
        account.schedule(
            f"at({now + timedelta(minutes=5):%Y-%m-%dT%H:%M:%S})",
            {"Arn": machine},
            StartDate=now + timedelta(minutes=10),
            EndDate=now - timedelta(minutes=10),
        )
        assert self.fired(account, machine, 6 * 60) == 1

    def test_office_hours_are_those_of_their_time_zone(self, account: Account) -> None:
        machine = account.machine()
        name = account.schedule(
            "cron(0 9 ? * MON-FRI *)",
            {"Arn": machine, "Input": '{"at": "<aws.scheduler.scheduled-time>"}'},
            ScheduleExpressionTimezone="America/New_York",
        )
        account.clock.advance(7 * 86_400)
        moments = [datetime.fromisoformat(told["at"]) for told in account.inputs(machine)]
        assert {moment.astimezone(UTC).hour for moment in moments} == {13}
        assert sorted(moment.weekday() for moment in moments) == [0, 1, 2, 3, 4]
        account.scheduler.delete_schedule(Name=name)

    def test_a_schedule_updated_to_disabled_does_not_fire(self, account: Account) -> None:
        machine = account.machine()
        name = account.schedule("cron(* * * * ? *)", {"Arn": machine})
        assert self.fired(account, machine, 120) == 2
        account.scheduler.update_schedule(
            Name=name,
            State="DISABLED",
            ScheduleExpression="cron(* * * * ? *)",
            FlexibleTimeWindow={"Mode": "OFF"},
            Target={"Arn": machine, "RoleArn": ROLE},
        )
        assert self.fired(account, machine, 120) == 0
        account.scheduler.delete_schedule(Name=name)

    def test_a_functions_alias_is_invoked_with_the_schedules_role(self, account: Account) -> None:
        function = account.function("surroundings.echo")
        functions = account.cloud.client("lambda")
        functions.publish_version(FunctionName=function.name)
        functions.create_alias(FunctionName=function.name, Name="live", FunctionVersion="1")
        alias = f"{function.arn}:live"
        role = account.role({"Action": "lambda:InvokeFunction", "Resource": alias})
        now = as_datetime(account.clock.now() + 60)
        account.schedule(
            f"at({now:%Y-%m-%dT%H:%M:%S})", {"Arn": alias, "RoleArn": role, "Input": '"hello"'}
        )
        account.clock.advance(60)
        account.settle()
        logged = account.logs.filter_log_events(logGroupName=function.log_group_name)["events"]
        said = [event["message"] for event in logged]
        assert "said hello" in said
        assert any(line.startswith("START") and line.endswith("Version: 1") for line in said)


class TestGroups:
    def group(self, account: Account, **tags: str) -> str:
        name = f"g-{uuid.uuid4().hex[:8]}"
        listed = [{"Key": key, "Value": value} for key, value in tags.items()]
        account.scheduler.create_schedule_group(Name=name, Tags=listed)
        return name

    def test_a_groups_tags_are_listed(self, account: Account) -> None:
        name = self.group(account, stack="bivouac")
        described = account.scheduler.get_schedule_group(Name=name)
        tags = account.scheduler.list_tags_for_resource(ResourceArn=described["Arn"])["Tags"]
        assert tags == [{"Key": "stack", "Value": "bivouac"}]
        missing = described["Arn"] + "-other"
        with pytest.raises(account.scheduler.exceptions.ResourceNotFoundException):
            account.scheduler.list_tags_for_resource(ResourceArn=missing)

    def test_only_groups_have_tags(self, account: Account) -> None:
        schedule = "arn:aws:scheduler:ap-northeast-1:123456789012:schedule/default/s"
        with pytest.raises(account.scheduler.exceptions.ValidationException):
            account.scheduler.list_tags_for_resource(ResourceArn=schedule)

    def test_schedule_names_are_unique_in_a_group(self, account: Account) -> None:
        name = self.group(account)
        for taken in (name, "default"):
            with pytest.raises(account.scheduler.exceptions.ConflictException):
                account.scheduler.create_schedule_group(Name=taken)

    def test_schedules_are_listed_in_pages(self, account: Account) -> None:
        group, machine = self.group(account), account.machine()
        names = {
            account.schedule("rate(1 day)", {"Arn": machine}, GroupName=group, State=state)
            for state in ("ENABLED", "DISABLED", "ENABLED", "ENABLED", "DISABLED")
        }
        pages = account.scheduler.get_paginator("list_schedules").paginate(
            GroupName=group, PaginationConfig={"PageSize": 2}
        )
        listed = [page["Schedules"] for page in pages]
        assert [len(page) for page in listed] == [2, 2, 1]
        assert {schedule["Name"] for page in listed for schedule in page} == names
        summary = listed[0][0]
        assert summary["Target"] == {"Arn": machine}
        assert "ScheduleExpression" not in summary
        everywhere = account.scheduler.list_schedules()["Schedules"]
        assert names <= {schedule["Name"] for schedule in everywhere}
        asleep = account.scheduler.list_schedules(GroupName=group, State="DISABLED")["Schedules"]
        assert len(asleep) == 2
        (one,) = account.scheduler.list_schedules(GroupName=group, NamePrefix=min(names))[
            "Schedules"
        ]
        assert one["Name"] == min(names)

    def test_an_unknown_groups_schedules_cannot_be_listed(self, account: Account) -> None:
        with pytest.raises(account.scheduler.exceptions.ResourceNotFoundException):
            account.scheduler.list_schedules(GroupName="nobody")
        with pytest.raises(account.scheduler.exceptions.ResourceNotFoundException):
            account.scheduler.delete_schedule_group(Name="nobody")

    def test_deleting_a_group_deletes_its_schedules(self, account: Account) -> None:
        """Scheduler user guide, "Deleting a schedule group"."""
        group, machine = self.group(account), account.machine()
        account.schedule("cron(* * * * ? *)", {"Arn": machine}, GroupName=group)
        account.scheduler.delete_schedule_group(Name=group)
        account.clock.advance(600)
        assert account.inputs(machine) == []

    def test_the_default_group_cannot_be_deleted(self, account: Account) -> None:
        with pytest.raises(account.scheduler.exceptions.ValidationException):
            account.scheduler.delete_schedule_group(Name="default")
