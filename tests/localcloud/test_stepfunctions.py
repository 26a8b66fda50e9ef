"""State machines run as on AWS: what is corrected in moto's interpreter, and what it does right."""

from __future__ import annotations

import json
import time
import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from unittest import mock

import pytest
from botocore.exceptions import ClientError
from moto.stepfunctions.parser.asl.component.state.exec.state_parallel.branch_worker import (
    BranchWorker,
)
from moto.stepfunctions.parser.utils import TMP_THREADS

from localcloud.awslambda.function import VpcConfig
from localcloud.awslambda.workers import Outcome
from localcloud.cloud import LocalCloud
from localcloud.timings import TEST
from tests.localcloud.recordings import recording
from tests.localcloud.running_machines import (
    FOREVER,
    cloud_with_role,
    ended,
    function,
    history,
    machine,
    run,
    start,
    task,
    until_waiting,
)
from tests.localcloud.waiting import until_true


@pytest.fixture(scope="module")
def cloud() -> Iterator[LocalCloud]:
    with cloud_with_role() as cloud:
        yield cloud


@pytest.fixture
def sfn(cloud: LocalCloud) -> Any:
    return cloud.client("stepfunctions")


def calling(function_arn: str, by: str) -> dict[str, Any]:
    """A Task state that calls a function with its input, in one of two ways."""
    if by == "ARN":
        return task(function_arn)
    parameters = {"FunctionName": function_arn, "Payload.$": "$"}
    return task("arn:aws:states:::lambda:invoke", Parameters=parameters)


class TestHistory:
    """API reference, GetExecutionHistory."""

    def ids(self, sfn: Any, arn: str, **options: Any) -> list[int]:
        pages = sfn.get_paginator("get_execution_history").paginate(executionArn=arn, **options)
        return [event["id"] for page in pages for event in page["events"]]

    def test_it_can_be_read_backwards_and_in_pages(self, sfn: Any) -> None:
        arn = run(sfn, {"A": {"Type": "Pass", "End": True}})["executionArn"]
        forwards = self.ids(sfn, arn)
        assert forwards == sorted(forwards)
        assert self.ids(sfn, arn, reverseOrder=True) == forwards[::-1]
        assert self.ids(sfn, arn, reverseOrder=True, maxResults=2) == forwards[::-1]
        (last,) = sfn.get_execution_history(executionArn=arn, reverseOrder=True, maxResults=1)[
            "events"
        ]
        assert last["type"] == "ExecutionSucceeded"

    def test_a_token_that_no_page_has_given_is_refused(self, sfn: Any) -> None:
        arn = run(sfn, {"A": {"Type": "Pass", "End": True}})["executionArn"]
        with pytest.raises(ClientError) as refused:
            sfn.get_execution_history(executionArn=arn, nextToken="?")
        assert refused.value.response["Error"]["Code"] == "InvalidToken"


class TestStarting:
    def test_executions_without_a_name_get_one_each(self, sfn: Any) -> None:
        arn = machine(sfn, {"Done": {"Type": "Succeed"}})
        first, second = start(sfn, arn), start(sfn, arn)
        assert first != second
        assert uuid.UUID(first.rpartition(":")[2])

    def test_repeating_a_start_returns_the_running_execution(self, sfn: Any) -> None:
        """W05."""
        arn = machine(sfn, {"Wait": FOREVER})
        first = start(sfn, arn, {"a": 1}, name="create-demo-1")
        assert start(sfn, arn, {"a": 1}, name="create-demo-1") == first
        sfn.stop_execution(executionArn=first)

    def test_another_input_under_a_used_name_is_refused(self, sfn: Any) -> None:
        """W05."""
        arn = machine(sfn, {"Wait": FOREVER})
        first = start(sfn, arn, {"a": 1}, name="create-demo-1")
        with pytest.raises(sfn.exceptions.ExecutionAlreadyExists):
            start(sfn, arn, {"a": 2}, name="create-demo-1")
        sfn.stop_execution(executionArn=first)

    def test_a_closed_execution_keeps_its_name(self, sfn: Any) -> None:
        """W05."""
        arn = machine(sfn, {"Done": {"Type": "Succeed"}})
        ended(sfn, start(sfn, arn, name="create-demo-1"))
        with pytest.raises(sfn.exceptions.ExecutionAlreadyExists):
            start(sfn, arn, name="create-demo-1")

    @pytest.mark.parametrize("name", ["a b", "a:b", "a/b", "a*", "a~"])
    def test_names_with_forbidden_characters_are_refused(self, sfn: Any, name: str) -> None:
        """W05."""
        arn = machine(sfn, {"Done": {"Type": "Succeed"}})
        with pytest.raises(sfn.exceptions.InvalidName):
            start(sfn, arn, name=name)

    def test_names_have_at_most_80_characters(self, sfn: Any) -> None:
        """W05."""
        arn = machine(sfn, {"Done": {"Type": "Succeed"}})
        start(sfn, arn, name="n" * 80)
        with pytest.raises(ClientError, match="less than or equal to 80"):
            start(sfn, arn, name="n" * 81)

    def test_input_has_at_most_256_kib(self, sfn: Any) -> None:
        """W08."""
        arn = machine(sfn, {"Done": {"Type": "Succeed"}})
        with pytest.raises(ClientError, match="262144"):
            start(sfn, arn, {"text": "x" * 262_144})

    def test_input_must_be_json(self, sfn: Any) -> None:
        arn = machine(sfn, {"Done": {"Type": "Succeed"}})
        with pytest.raises(sfn.exceptions.InvalidExecutionInput):
            sfn.start_execution(stateMachineArn=arn, input="{")

    def test_the_context_object_names_the_execution(self, sfn: Any) -> None:
        states = {
            "Tell": {
                "Type": "Pass",
                "Parameters": {
                    "id.$": "$$.Execution.Id",
                    "name.$": "$$.Execution.Name",
                    "start.$": "$$.Execution.StartTime",
                    "entered.$": "$$.State.EnteredTime",
                    "machine.$": "$$.StateMachine.Name",
                },
                "End": True,
            }
        }
        done = run(sfn, states)
        output = json.loads(done["output"])
        assert output["id"] == done["executionArn"]
        assert output["name"] == done["name"]
        assert output["start"].endswith("Z")
        assert output["start"] <= output["entered"] < "9999"
        assert output["entered"].endswith("Z")
        assert done["executionArn"].split(":")[6] == output["machine"]


class TestFunctions:
    def test_a_function_gets_the_state_and_its_answer_is_the_output(
        self, cloud: LocalCloud, sfn: Any
    ) -> None:
        done = run(sfn, {"Echo": task(function(cloud, "surroundings.echo"))}, {"name": "demo"})
        assert (done["status"], json.loads(done["output"])) == ("SUCCEEDED", {"name": "demo"})

    def test_text_output_is_json(self, sfn: Any) -> None:
        done = run(sfn, {"Say": {"Type": "Pass", "Result": "yes", "End": True}})
        assert done["output"] == '"yes"'

    def test_the_class_of_an_exception_is_the_name_of_the_error(
        self, cloud: LocalCloud, sfn: Any
    ) -> None:
        failing = task(
            function(cloud, "faults.raises"),
            Catch=[
                {"ErrorEquals": ["NamespaceInUseError"], "ResultPath": "$.failure", "Next": "Say"}
            ],
        )
        done = run(sfn, {"Fail": failing, "Say": {"Type": "Succeed"}}, {"name": "demo"})
        failure = json.loads(done["output"])["failure"]
        assert failure["Error"] == "NamespaceInUseError"
        cause = json.loads(failure["Cause"])
        assert cause["errorMessage"] == "demo belongs to another environment"
        assert "raise NamespaceInUseError" in cause["stackTrace"][-1]

    def test_a_functions_time_out_is_a_task_failure(self, cloud: LocalCloud, sfn: Any) -> None:
        slow = function(cloud, "faults.never_ends", timeout=0.3)
        done = run(sfn, {"Slow": task(slow)})
        assert (done["status"], done["error"]) == ("FAILED", "Sandbox.Timedout")
        assert "Task timed out after 0.30 seconds" in done["cause"]

    def test_an_error_without_a_type_is_lambda_unknown(
        self, cloud: LocalCloud, sfn: Any, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """The answer of functions that timed out, until 2024
        (tests/recorded/lambda-crashes.json)."""
        payload = json.dumps(recording("lambda-crashes")["out of time until 2024"]["Payload"])
        outcome = Outcome(payload, "Unhandled")
        monkeypatch.setattr(cloud.workers, "invoke", lambda *_, **__: outcome)
        done = run(sfn, {"Slow": task(function(cloud, "faults.never_ends"))})
        assert (done["status"], done["error"]) == ("FAILED", "Lambda.Unknown")
        assert payload in done["cause"]

    def test_a_tasks_time_out_is_states_timeout(self, cloud: LocalCloud, sfn: Any) -> None:
        """W10: States.TaskFailed does not match it."""
        slow = task(
            function(cloud, "faults.never_ends", timeout=3),
            TimeoutSeconds=1,
            Catch=[
                {"ErrorEquals": ["States.TaskFailed"], "Next": "Wrong"},
                {"ErrorEquals": ["States.Timeout"], "Next": "Right"},
            ],
        )
        wrong = {"Type": "Fail"}
        done = run(sfn, {"Slow": slow, "Wrong": wrong, "Right": {"Type": "Succeed"}})
        assert done["status"] == "SUCCEEDED"

    @pytest.mark.parametrize("by", ["ARN", "lambda:invoke"])
    def test_an_unknown_function_is_named_and_caught(self, sfn: Any, by: str) -> None:
        call = calling("arn:aws:lambda:ap-northeast-1:123456789012:function:nobody", by)
        done = run(sfn, {"Call": call})
        assert done["error"] == "Lambda.ResourceNotFoundException"
        caught = {**call, "Catch": [{"ErrorEquals": ["States.ALL"], "Next": "Caught"}]}
        done = run(sfn, {"Call": caught, "Caught": {"Type": "Succeed"}})
        assert done["status"] == "SUCCEEDED"

    @pytest.mark.parametrize("by", ["ARN", "lambda:invoke"])
    def test_too_large_an_answer_is_caught(self, cloud: LocalCloud, sfn: Any, by: str) -> None:
        """The guide says otherwise (tests/recorded/stepfunctions-data-limit.json)."""
        large = calling(function(cloud, "faults.answers_much"), by)
        done = run(sfn, {"Large": large}, {"bytes": 262_144})
        assert (done["status"], done["error"]) == ("FAILED", "States.DataLimitExceeded")
        caught = {**large, "Catch": [{"ErrorEquals": ["States.ALL"], "Next": "Caught"}]}
        done = run(sfn, {"Large": caught, "Caught": {"Type": "Succeed"}}, {"bytes": 262_144})
        assert done["status"] == "SUCCEEDED"

    def test_too_large_a_pass_ends_the_execution(self, sfn: Any) -> None:
        """localstack/localstack@8b9a79f, test_start_large_input, recorded on AWS 2024-03."""
        twice = {"a.$": "$.text", "b.$": "$.text"}
        large = {"Type": "Pass", "Parameters": twice, "ResultPath": "$.more", "End": True}
        done = run(sfn, {"Large": large}, {"text": "x" * 200_000})
        assert (done["status"], done["error"]) == ("FAILED", "States.DataLimitExceeded")

    @pytest.mark.parametrize(("characters", "status"), [(80_000, "SUCCEEDED"), (90_000, "FAILED")])
    def test_the_data_limit_counts_bytes_of_utf_8(
        self, sfn: Any, characters: int, status: str
    ) -> None:
        """Three bytes each (Step Functions' quotas: 256 KiB "as a UTF-8 encoded string"; the API's
        model, StateEnteredEventDetails)."""
        copied = {"Type": "Pass", "Parameters": {"text": "語" * characters}, "End": True}
        assert run(sfn, {"Copied": copied})["status"] == status

    def test_a_cause_has_at_most_32768_characters(self, cloud: LocalCloud, sfn: Any) -> None:
        """The API's model, SensitiveCause; so a reader must not rely on JSON in it."""
        failing = task(function(cloud, "faults.raises_at_length"))
        done = run(sfn, {"Fail": failing}, {"characters": 40_000})
        assert len(done["cause"]) == 32_768
        caught = {**failing, "Catch": [{"ErrorEquals": ["States.ALL"], "Next": "Caught"}]}
        done = run(sfn, {"Fail": caught, "Caught": {"Type": "Succeed"}}, {"characters": 40_000})
        assert len(json.loads(done["output"])["Cause"]) == 32_768

    def test_a_throttled_invocation_is_an_error_that_can_be_caught(
        self, cloud: LocalCloud, sfn: Any
    ) -> None:
        echo = function(cloud, "surroundings.echo")
        cloud.workers.obstacles.throttle(cloud.workers.find(echo), refusals=3)
        retried = {"ErrorEquals": ["Lambda.TooManyRequestsException"], "MaxAttempts": 2}
        done = run(sfn, {"Echo": task(echo, Retry=[retried])})
        assert done["error"] == "Lambda.TooManyRequestsException"
        assert run(sfn, {"Echo": task(echo)})["status"] == "SUCCEEDED"

    @pytest.mark.parametrize("by", ["ARN", "lambda:invoke"])
    def test_an_idle_function_in_a_vpc_becomes_ready_again(
        self, cloud: LocalCloud, sfn: Any, by: str
    ) -> None:
        vpc = VpcConfig(("subnet-1",), ("sg-1",))
        echo = function(cloud, "surroundings.echo", vpc=vpc)
        cloud.workers.obstacles.leave_idle(cloud.workers.find(echo), refusals=2)
        errors = [run(sfn, {"Echo": calling(echo, by)}).get("error") for _ in range(3)]
        assert errors == [
            "Lambda.ResourceNotReadyException",
            "Lambda.ResourceConflictException",
            None,
        ]

    def test_an_idle_function_answers_after_a_first_refusal(
        self, cloud: LocalCloud, sfn: Any
    ) -> None:
        """aws-cdk#20123, 2022-04."""
        echo = function(cloud, "surroundings.echo")
        cloud.workers.obstacles.leave_idle(cloud.workers.find(echo))
        client = cloud.client("lambda")
        with pytest.raises(client.exceptions.CodeArtifactUserPendingException):
            client.invoke(FunctionName=echo.rpartition(":")[2])
        assert run(sfn, {"Echo": task(echo)})["status"] == "SUCCEEDED"

    def test_a_retry_waits_and_tries_again(
        self, cloud: LocalCloud, sfn: Any, tmp_path: Path
    ) -> None:
        """W12; each retry is a billed transition, as is each state."""
        flaky = task(
            function(cloud, "faults.fails_until_the_third_call"),
            Retry=[
                {
                    "ErrorEquals": ["NamespaceInUseError"],
                    "IntervalSeconds": 1,
                    "MaxAttempts": 5,
                    "MaxDelaySeconds": 20,
                    "JitterStrategy": "FULL",
                }
            ],
        )
        done = run(sfn, {"Flaky": flaky}, {"counter": str(tmp_path / "calls")})
        assert done["output"] == "3"
        assert cloud.execution(done["executionArn"]).state_transitions == 3

    def test_retries_are_limited(self, cloud: LocalCloud, sfn: Any) -> None:
        """W12."""
        failing = task(
            function(cloud, "faults.raises"),
            Retry=[{"ErrorEquals": ["States.ALL"], "IntervalSeconds": 1, "MaxAttempts": 2}],
        )
        done = run(sfn, {"Fail": failing})
        assert done["error"] == "NamespaceInUseError"
        assert history(sfn, done["executionArn"]).count("LambdaFunctionFailed") == 3


class TestEnding:
    def test_fail_takes_error_and_cause_from_the_input(self, sfn: Any) -> None:
        fail = {"Type": "Fail", "ErrorPath": "$.failure.Error", "CausePath": "$.failure.Cause"}
        done = run(sfn, {"Fail": fail}, {"failure": {"Error": "ProbeError", "Cause": "no answer"}})
        assert (done["status"], done["error"], done["cause"]) == (
            "FAILED",
            "ProbeError",
            "no answer",
        )
        assert "output" not in done
        assert done["stopDate"] >= done["startDate"]

    @pytest.mark.parametrize("error", ["States.Timeout", "States.DataLimitExceeded"])
    def test_fail_can_pass_on_an_error_of_step_functions(self, sfn: Any, error: str) -> None:
        """As every machine here does with the error that a Catch got (assumed)."""
        done = run(sfn, {"Fail": {"Type": "Fail", "ErrorPath": "$.Error"}}, {"Error": error})
        assert (done["status"], done["error"]) == ("FAILED", error)

    def test_a_choice_that_matches_nothing_ends_the_execution(self, sfn: Any) -> None:
        """W09."""
        choice = {
            "Type": "Choice",
            "Choices": [{"Variable": "$.x", "NumericEquals": 1, "Next": "Done"}],
        }
        done = run(sfn, {"Choose": choice, "Done": {"Type": "Succeed"}}, {"x": 2})
        assert (done["status"], done["error"]) == ("FAILED", "States.Runtime")

    def test_a_wait_is_scaled(self, sfn: Any) -> None:
        began = time.monotonic()
        states = {"Wait": {"Type": "Wait", "SecondsPath": "$.seconds", "End": True}}
        assert run(sfn, states, {"seconds": 60})["status"] == "SUCCEEDED"
        assert 60 * TEST.wait_scale <= time.monotonic() - began < 20

    def test_an_execution_past_its_time_out_is_timed_out(self, cloud: LocalCloud, sfn: Any) -> None:
        """W13: and its Catch does not run."""
        forever = {"Type": "Wait", "Seconds": 1_000_000, "Next": "After"}
        waiting = {"Wait": forever, "After": {"Type": "Succeed"}}
        done = run(sfn, waiting, TimeoutSeconds=1)
        assert done["status"] == "TIMED_OUT"
        assert "stopDate" in done
        events = history(sfn, done["executionArn"])
        assert events.count("ExecutionTimedOut") == 1
        assert "SucceedStateEntered" not in events
        (listed,) = sfn.list_executions(
            stateMachineArn=done["stateMachineArn"], statusFilter="TIMED_OUT"
        )["executions"]
        assert listed["stopDate"] == done["stopDate"]

    def test_an_execution_is_stopped_while_it_waits(self, sfn: Any) -> None:
        waiting = {"Wait": {"Type": "Wait", "Seconds": 1_000_000, "Next": "After"}}
        arn = start(sfn, machine(sfn, {**waiting, "After": {"Type": "Succeed"}}))
        until_waiting(sfn, arn)
        sfn.stop_execution(executionArn=arn, error="Superseded", cause="a newer create")
        done = sfn.describe_execution(executionArn=arn)
        assert (done["status"], done["error"], done["cause"]) == (
            "ABORTED",
            "Superseded",
            "a newer create",
        )
        assert history(sfn, arn)[-1] == "ExecutionAborted"
        assert "SucceedStateEntered" not in history(sfn, arn)

    def test_an_execution_is_stopped_before_its_first_state(self, sfn: Any) -> None:
        arn = machine(sfn, {"Wait": FOREVER})
        for _ in range(5):
            execution = start(sfn, arn)
            sfn.stop_execution(executionArn=execution)
            assert sfn.describe_execution(executionArn=execution)["status"] == "ABORTED"

    def test_an_execution_is_stopped_while_a_function_runs(
        self, cloud: LocalCloud, sfn: Any, tmp_path: Path
    ) -> None:
        """W13: the function goes on; its answer or failure is ignored."""
        waits = task(
            function(cloud, "faults.waits_for_file"),
            Next="After",
            Catch=[{"ErrorEquals": ["States.ALL"], "Next": "After"}],
        )
        del waits["End"]
        files = {"started": str(tmp_path / "started"), "until": str(tmp_path / "until")}
        arn = start(sfn, machine(sfn, {"Call": waits, "After": {"Type": "Succeed"}}), files)
        until_true(Path(files["started"]).exists)
        sfn.stop_execution(executionArn=arn)
        assert sfn.describe_execution(executionArn=arn)["status"] == "ABORTED"
        Path(files["until"]).touch()
        logs = cloud.client("logs")
        group = cloud.workers.find(waits["Resource"]).log_group_name
        until_true(lambda: logs.describe_log_groups(logGroupNamePrefix=group)["logGroups"])
        assert sfn.describe_execution(executionArn=arn)["status"] == "ABORTED"
        assert history(sfn, arn)[-1] == "ExecutionAborted"

    def test_an_execution_is_stopped_before_a_branch_begins(self, sfn: Any) -> None:
        """Nothing waits for that branch any more: its threads would disturb the next test."""
        wait = {"StartAt": "Wait", "States": {"Wait": {"Type": "Wait", "Seconds": 1, "End": True}}}
        both = {"Both": {"Type": "Parallel", "Branches": [wait, wait], "End": True}}
        begin, began = BranchWorker.start, list[str]()

        def stop_and_begin(worker: BranchWorker) -> None:
            began.append(worker.env.states.context_object.context_object_data["Execution"]["Id"])
            if len(began) == 2:
                sfn.stop_execution(executionArn=began[0])
            begin(worker)

        with mock.patch.object(BranchWorker, "start", stop_and_begin):
            execution = ended(sfn, start(sfn, machine(sfn, both)))
            assert execution["status"] == "ABORTED"
            until_true(lambda: len(began) == 2)
            until_true(lambda: not any(thread.is_alive() for thread in TMP_THREADS))

    def test_stopping_an_ended_execution_changes_nothing(self, sfn: Any) -> None:
        done = run(sfn, {"Done": {"Type": "Succeed"}})
        sfn.stop_execution(executionArn=done["executionArn"], error="TooLate")
        assert sfn.describe_execution(executionArn=done["executionArn"])["status"] == "SUCCEEDED"


IS_THERE = {"Variable": "$.there", "IsString": True}


class TestChoosing:
    @pytest.mark.parametrize(
        "rule",
        [
            {"Variable": "$.missing", "StringEquals": "a"},
            {"Variable": "$.missing", "IsNull": True},
            {"Variable": "$.there", "StringEqualsPath": "$.missing"},
            {"Not": {"Variable": "$.missing", "BooleanEquals": True}},
            {"And": [IS_THERE, {"Variable": "$.missing.deep", "NumericEquals": 1}]},
        ],
    )
    def test_a_missing_variable_cannot_be_compared(self, sfn: Any, rule: dict[str, Any]) -> None:
        choose = {"Type": "Choice", "Choices": [{**rule, "Next": "Done"}], "Default": "Done"}
        done = run(sfn, {"Choose": choose, "Done": {"Type": "Succeed"}}, {"there": "a"})
        assert (done["status"], done["error"]) == ("FAILED", "States.Runtime")
        assert "condition path references an invalid value" in done["cause"]

    @pytest.mark.parametrize(
        "rule",
        [
            {"Variable": "$.missing", "IsPresent": False},
            {"Or": [IS_THERE, {"Variable": "$.missing", "IsNull": True}]},
        ],
    )
    def test_a_rule_can_test_for_a_missing_variable_or_stop_before_it(
        self, sfn: Any, rule: dict[str, Any]
    ) -> None:
        choose = {"Type": "Choice", "Choices": [{**rule, "Next": "Done"}], "Default": "Wrong"}
        states = {"Choose": choose, "Done": {"Type": "Succeed"}, "Wrong": {"Type": "Fail"}}
        assert run(sfn, states, {"there": "a"})["status"] == "SUCCEEDED"


class TestSideBySide:
    def test_map_and_parallel_collect_their_outputs(self, cloud: LocalCloud, sfn: Any) -> None:
        echo = function(cloud, "surroundings.echo")
        inner = {"StartAt": "Echo", "States": {"Echo": task(echo)}}
        states = {
            "Each": {
                "Type": "Map",
                "ItemsPath": "$.items",
                "MaxConcurrency": 2,
                "ItemSelector": {"item.$": "$$.Map.Item.Value", "of.$": "$.name"},
                "ItemProcessor": {"ProcessorConfig": {"Mode": "INLINE"}, **inner},
                "ResultPath": "$.echoed",
                "Next": "Both",
            },
            "Both": {"Type": "Parallel", "Branches": [inner, inner], "End": True},
        }
        done = run(sfn, states, {"items": [1, 2, 3], "name": "demo"})
        first, second = json.loads(done["output"])
        assert first == second
        assert first["echoed"] == [{"item": item, "of": "demo"} for item in (1, 2, 3)]

    def test_intrinsic_functions(self, sfn: Any) -> None:
        parameters = {
            "text.$": "States.Format('{} of {}', $.a, $.b)",
            "parsed.$": "States.StringToJson($.json)",
            "second.$": "States.ArrayGetItem($.list, 1)",
        }
        states = {"Pass": {"Type": "Pass", "Parameters": parameters, "End": True}}
        done = run(sfn, states, {"a": 1, "b": "two", "json": '{"x": 1}', "list": [1, 2]})
        assert json.loads(done["output"]) == {"text": "1 of two", "parsed": {"x": 1}, "second": 2}

    @pytest.mark.parametrize(
        ("path", "value"),
        [
            ("$.probes[0].proven", True),
            ("$.probes[1]", {"proven": False}),
            ("$['probes'][1]['proven']", False),
            ("$.probes[*].proven", [True, False]),
            ("$.probes[0:1].proven", [True]),
            ("$.probes[?(@.proven==true)]", [{"proven": True}]),
            ("$..proven", [True, False]),
            ("$.one[*]", [1]),
            ("$.none[*]", []),
        ],
    )
    def test_a_path_that_can_match_many_values_is_a_list(
        self, sfn: Any, path: str, value: Any
    ) -> None:
        states = {"Pass": {"Type": "Pass", "Parameters": {"at.$": path}, "End": True}}
        input_ = {"probes": [{"proven": True}, {"proven": False}], "one": [1], "none": []}
        assert json.loads(run(sfn, states, input_)["output"]) == {"at": value}


class TestChoosingByTime:
    @pytest.mark.parametrize(
        ("variable", "moment", "later"),
        [
            ("$$.State.EnteredTime", "2020-01-01T00:00:00Z", True),
            ("$$.State.EnteredTime", "2100-01-01T00:00:00Z", False),
            ("$.at", "2026-01-01T00:00:00.250Z", True),
            ("$.at", "2026-01-01T09:00:01+09:00", False),
        ],
    )
    def test_times_of_any_precision_and_offset_are_compared(
        self, sfn: Any, variable: str, moment: str, later: bool
    ) -> None:
        states = {
            "Later?": {
                "Type": "Choice",
                "Choices": [
                    {
                        "Variable": variable,
                        "TimestampGreaterThanPath": "$.moment",
                        "Next": "Later",
                    }
                ],
                "Default": "Not later",
            },
            "Later": {"Type": "Pass", "Result": True, "End": True},
            "Not later": {"Type": "Pass", "Result": False, "End": True},
        }
        done = run(sfn, states, {"at": "2026-01-01T00:00:00.500Z", "moment": moment})
        assert json.loads(done["output"]) is later


class TestOtherMachines:
    def test_an_execution_starts_another_without_waiting(self, sfn: Any) -> None:
        inner = machine(sfn, {"Wait": FOREVER})
        states = {
            "Start": task(
                "arn:aws:states:::states:startExecution",
                Parameters={"StateMachineArn": inner, "Input": {"name.$": "$.name"}},
            )
        }
        done = run(sfn, states, {"name": "demo"})
        assert done["status"] == "SUCCEEDED", done
        started = json.loads(done["output"])["ExecutionArn"]
        described = sfn.describe_execution(executionArn=started)
        assert (described["status"], described["input"]) == ("RUNNING", '{"name":"demo"}')
        sfn.stop_execution(executionArn=started)

    def test_an_execution_waits_for_another(self, sfn: Any) -> None:
        inner = machine(sfn, {"Say": {"Type": "Pass", "Result": {"said": "yes"}, "End": True}})
        resource = "arn:aws:states:::states:startExecution.sync:2"
        states = {"Start": task(resource, Parameters={"StateMachineArn": inner, "Input": {}})}
        done = run(sfn, states)
        assert done["status"] == "SUCCEEDED", done
        assert json.loads(done["output"])["Output"] == {"said": "yes"}


class TestTaskTokens:
    @pytest.fixture
    def queue_url(self, cloud: LocalCloud) -> str:
        url: str = cloud.client("sqs").create_queue(QueueName=f"q-{uuid.uuid4().hex}")["QueueUrl"]
        return url

    def waiting(self, cloud: LocalCloud, queue_url: str, **more: Any) -> tuple[str, str]:
        """The ARN of an execution that waits for a token, and the token."""
        sfn, sqs = cloud.client("stepfunctions"), cloud.client("sqs")
        resource = "arn:aws:states:::sqs:sendMessage.waitForTaskToken"
        body = {"token.$": "$$.Task.Token"}
        parameters = {"QueueUrl": queue_url, "MessageBody": body}
        arn = start(sfn, machine(sfn, {"Wait": task(resource, Parameters=parameters, **more)}))
        (message,) = sqs.receive_message(QueueUrl=queue_url, WaitTimeSeconds=10)["Messages"]
        return arn, json.loads(message["Body"])["token"]

    def test_an_answer_resumes_the_execution(
        self, cloud: LocalCloud, sfn: Any, queue_url: str
    ) -> None:
        arn, token = self.waiting(cloud, queue_url)
        sfn.send_task_success(taskToken=token, output='{"ready": true}')
        assert json.loads(ended(sfn, arn)["output"]) == {"ready": True}

    def test_a_second_answer_is_refused(self, cloud: LocalCloud, sfn: Any, queue_url: str) -> None:
        arn, token = self.waiting(cloud, queue_url)
        sfn.send_task_failure(taskToken=token, error="ProbeError", cause="no answer")
        assert ended(sfn, arn)["error"] == "ProbeError"
        with pytest.raises(sfn.exceptions.TaskTimedOut):
            sfn.send_task_success(taskToken=token, output="{}")

    def test_an_answer_after_the_time_out_is_refused(
        self, cloud: LocalCloud, sfn: Any, queue_url: str
    ) -> None:
        """100 seconds are scaled, as in a Wait state."""
        arn, token = self.waiting(cloud, queue_url, TimeoutSeconds=100)
        assert ended(sfn, arn)["error"] == "States.Timeout"
        with pytest.raises(sfn.exceptions.TaskTimedOut):
            sfn.send_task_success(taskToken=token, output="{}")

    def test_an_answer_to_a_stopped_execution_is_refused(
        self, cloud: LocalCloud, sfn: Any, queue_url: str
    ) -> None:
        arn, token = self.waiting(cloud, queue_url)
        sfn.stop_execution(executionArn=arn)
        with pytest.raises(sfn.exceptions.TaskTimedOut):
            sfn.send_task_heartbeat(taskToken=token)

    def test_an_unknown_token_is_invalid(self, sfn: Any) -> None:
        with pytest.raises(sfn.exceptions.InvalidToken):
            sfn.send_task_success(taskToken="nobody's", output="{}")
