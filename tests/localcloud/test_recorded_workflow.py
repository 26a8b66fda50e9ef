"""Step Functions, Lambda and EventBridge compared with AWS's recorded answers: tests/recorded.

Member by member: a missing member is found as well as an extra one.
"""

from __future__ import annotations

import json
import uuid
from collections.abc import Iterator
from typing import Any

import pytest
from botocore.exceptions import ClientError

from localcloud.awslambda.workers import Outcome
from localcloud.cloud import LocalCloud
from tests.localcloud.recordings import as_recorded, event_as_recorded, recording
from tests.localcloud.running_machines import (
    FOREVER,
    cloud_with_role,
    ended,
    events,
    function,
    machine,
    run,
    start,
    task,
    until_waiting,
)

Json = dict[str, Any]
ANYBODY = "arn:aws:lambda:ap-northeast-1:123456789012:function:nobody"


@pytest.fixture(scope="module")
def cloud() -> Iterator[LocalCloud]:
    with cloud_with_role() as cloud:
        yield cloud


@pytest.fixture
def sfn(cloud: LocalCloud) -> Any:
    return cloud.client("stepfunctions")


def event_of(sfn: Any, execution: Json, recorded: Json) -> Any:
    """The execution's event with the recorded event's id."""
    found = {event["id"]: event for event in events(sfn, execution["executionArn"])}
    return event_as_recorded(recorded, found[recorded["id"]])


def failure(execution: Json, recorded: Json) -> Any:
    return as_recorded(recorded, {"error": execution["error"], "cause": execution["cause"]})


def caught(body: Json) -> dict[str, Any]:
    """The states of a machine that outputs what a Catch gets from a failing task."""
    catch = [{"ErrorEquals": ["States.ALL"], "Next": "Caught"}]
    return {"Fail": {**body, "Catch": catch}, "Caught": {"Type": "Succeed"}}


class TestLambda:
    CRASHES: Json = recording("lambda-crashes")

    @pytest.mark.parametrize(
        ("crash", "handler", "payload"),
        [
            ("out of time", "faults.never_ends", {}),
            ("exited", "faults.exits_at_once", {"status": 0}),
            ("exited with a status", "faults.exits_at_once", {"status": 3}),
            ("out of memory", "faults.is_killed", {}),
        ],
    )
    def test_a_function_that_crashes(
        self, cloud: LocalCloud, crash: str, handler: str, payload: Json
    ) -> None:
        timeout = 0.3 if crash == "out of time" else 10
        arn = function(cloud, handler, timeout=timeout)
        outcome = cloud.workers.invoke(arn, json.dumps(payload))
        answer = {
            "StatusCode": 200,
            "ExecutedVersion": outcome.version,
            "FunctionError": outcome.error,
            "Payload": json.loads(outcome.payload),
        }
        assert as_recorded(self.CRASHES[crash], answer) == self.CRASHES[crash]

    @pytest.mark.parametrize("crash", CRASHES)
    def test_what_an_execution_reports_of_it(
        self, cloud: LocalCloud, sfn: Any, monkeypatch: pytest.MonkeyPatch, crash: str
    ) -> None:
        """Its errorType is the error's name; without one, it is Lambda.Unknown."""
        payload = self.CRASHES[crash]["Payload"]
        outcome = Outcome(json.dumps(payload), "Unhandled")
        monkeypatch.setattr(cloud.workers, "invoke", lambda *_, **__: outcome)
        done = run(sfn, {"Call": task(function(cloud, "faults.raises"))})
        assert done["error"] == payload.get("errorType", "Lambda.Unknown")


class TestErrors:
    def test_an_exceptions_class_is_the_error_and_the_cause_is_json(
        self, cloud: LocalCloud, sfn: Any
    ) -> None:
        recorded = recording("stepfunctions-lambda-exception")
        done = run(sfn, caught(task(function(cloud, "faults.raises"))))
        output = json.loads(done["output"])
        told = {"Error": output["Error"], "Cause": json.loads(output["Cause"])}
        assert as_recorded(recorded, told) == recorded

    def test_a_throttled_function(self, cloud: LocalCloud, sfn: Any) -> None:
        recorded = recording("stepfunctions-lambda-throttled")
        echo = function(cloud, "surroundings.echo")
        cloud.workers.obstacles.throttle(cloud.workers.find(echo), refusals=1)
        assert failure(run(sfn, {"Echo": task(echo)}), recorded) == recorded

    def test_an_unknown_function(self, sfn: Any) -> None:
        recorded = recording("stepfunctions-missing-function")
        parameters = {"FunctionName": ANYBODY, "Payload": {}}
        call = task("arn:aws:states:::lambda:invoke", Parameters=parameters)
        done = run(sfn, {"Call": call})
        assert event_of(sfn, done, recorded) == recorded
        told = recorded["taskFailedEventDetails"]
        expected = {"error": told["error"], "cause": told["cause"]}
        assert failure(done, expected) == expected

    def test_an_answer_that_is_too_large(self, cloud: LocalCloud, sfn: Any) -> None:
        recorded = recording("stepfunctions-data-limit")
        large = task(function(cloud, "faults.answers_much"))
        done = run(sfn, caught(large), {"bytes": 262_144})
        assert event_of(sfn, done, recorded) == recorded
        assert json.loads(done["output"])["Error"] == "States.DataLimitExceeded"

    def test_a_runtime_error_is_caught_by_no_name(self, sfn: Any) -> None:
        recorded = recording("stepfunctions-runtime-error")
        inner = {
            "StartAt": "Say",
            "States": {"Say": {"Type": "Pass", "Result": {}, "End": True}},
        }
        pick = {
            "Type": "Parallel",
            "Branches": [inner],
            "ResultSelector": {"picked.$": "$[0].no.such.path"},
            "Catch": [{"ErrorEquals": ["States.Runtime"], "Next": "Caught"}],
            "End": True,
        }
        done = run(sfn, {"Pick": pick, "Caught": {"Type": "Succeed"}})
        assert (done["status"], done["error"]) == ("FAILED", recorded["error"])

    def test_a_choice_whose_variable_is_missing(self, sfn: Any) -> None:
        recorded = recording("stepfunctions-choice-without-variable")
        rule = {"Variable": "$.missing", "StringEquals": "a", "Next": "Done"}
        choose = {"Type": "Choice", "Choices": [rule], "Default": "Done"}
        done = run(sfn, {"Choose": choose, "Done": {"Type": "Succeed"}})
        assert failure(done, recorded) == recorded

    @pytest.mark.parametrize("wait", recording("stepfunctions-wait-seconds"))
    def test_seconds_to_wait(self, sfn: Any, wait: Json) -> None:
        states = {"Wait": {"Type": "Wait", "SecondsPath": "$.seconds", "End": True}}
        done = run(sfn, states, {"seconds": wait["seconds"]})
        if "cause" not in wait:
            assert done["status"] == "SUCCEEDED"
            return
        assert failure(done, {"error": "States.Runtime", **wait}) == {
            "error": "States.Runtime",
            "cause": wait["cause"],
        }


class TestTimeOuts:
    TIMED_OUT: Json = recording("stepfunctions-task-timeouts")

    def test_the_history_of_a_function_task(self, cloud: LocalCloud, sfn: Any) -> None:
        slow = task(function(cloud, "faults.never_ends", timeout=3), TimeoutSeconds=1)
        done = run(sfn, {"Slow": slow})
        for recorded in (self.TIMED_OUT["function"], self.TIMED_OUT["execution"]):
            assert event_of(sfn, done, recorded) == recorded
        assert "cause" not in done

    def test_the_history_of_an_invoke_task_and_its_catch(self, cloud: LocalCloud, sfn: Any) -> None:
        parameters = {"FunctionName": function(cloud, "faults.never_ends", timeout=3)}
        resource = "arn:aws:states:::lambda:invoke"
        slow = task(resource, Parameters={**parameters, "Payload": {}}, TimeoutSeconds=1)
        done = run(sfn, caught(slow))
        assert event_of(sfn, done, self.TIMED_OUT["invoke"]) == self.TIMED_OUT["invoke"]
        assert json.loads(done["output"]) == self.TIMED_OUT["caught"]

    def test_the_history_of_a_task_that_waits_for_its_token(
        self, cloud: LocalCloud, sfn: Any
    ) -> None:
        execution, token = waiting_for_token(cloud)
        done = ended(sfn, execution)
        assert event_of(sfn, done, self.TIMED_OUT["token"]) == self.TIMED_OUT["token"]
        late = recording("stepfunctions-late-token")
        with pytest.raises(ClientError) as refused:
            sfn.send_task_success(taskToken=token, output="{}")
        assert refused.value.response["Error"] == late

    def test_the_description_of_a_timed_out_execution(self, sfn: Any) -> None:
        recorded = recording("stepfunctions-machine-timeout")
        done = run(sfn, {"Wait": FOREVER}, TimeoutSeconds=1)
        del done["ResponseMetadata"]
        assert as_recorded(recorded, done) == recorded


def waiting_for_token(cloud: LocalCloud) -> tuple[str, str]:
    """The ARN of an execution that waits for a token as long as a test can wait, and the token."""
    sfn, sqs = cloud.client("stepfunctions"), cloud.client("sqs")
    url = sqs.create_queue(QueueName=f"q-{uuid.uuid4().hex}")["QueueUrl"]
    parameters = {"QueueUrl": url, "MessageBody": {"token.$": "$$.Task.Token"}}
    resource = "arn:aws:states:::sqs:sendMessage.waitForTaskToken"
    wait = task(resource, Parameters=parameters, TimeoutSeconds=100)
    arn = start(sfn, machine(sfn, {"Wait": wait}))
    (message,) = sqs.receive_message(QueueUrl=url, WaitTimeSeconds=10)["Messages"]
    return arn, json.loads(message["Body"])["token"]


class TestExecutions:
    def test_a_stopped_execution(self, sfn: Any) -> None:
        recorded = recording("stepfunctions-stop")
        execution = start(sfn, machine(sfn, {"Wait": FOREVER}))
        until_waiting(sfn, execution)
        sfn.stop_execution(executionArn=execution)
        told = [
            event_as_recorded(expected, event)
            for expected, event in zip(recorded["history"], events(sfn, execution), strict=True)
        ]
        assert told == recorded["history"]

        another = start(sfn, machine(sfn, {"Wait": FOREVER}))
        until_waiting(sfn, another)
        sfn.stop_execution(executionArn=another, error="Manual", cause="probe")
        described = sfn.describe_execution(executionArn=another)
        assert {name: described[name] for name in recorded["described"]} == recorded["described"]

    def test_a_repeated_start(self, sfn: Any) -> None:
        recorded = recording("stepfunctions-start-again")
        given = {"stateMachineArn": machine(sfn, {"Wait": FOREVER}), "name": "once", "input": "{}"}
        answers = [sfn.start_execution(**given) for _ in range(2)]
        for answer in answers:
            del answer["ResponseMetadata"]
            assert as_recorded(recorded["started"], answer) == recorded["started"]
        assert answers[0] == answers[1]
        sfn.stop_execution(executionArn=answers[0]["executionArn"])
        with pytest.raises(ClientError) as refused:
            sfn.start_execution(**given)
        error = refused.value.response["Error"]
        assert as_recorded(recorded["ended"], error) == recorded["ended"]

    def test_a_start_without_a_machine(self, sfn: Any) -> None:
        recorded = recording("stepfunctions-start-without-machine")
        nobody = "arn:aws:states:ap-northeast-1:123456789012:stateMachine:nobody"
        parameters = {"StateMachineArn": nobody, "Name": "child", "Input": {}}
        begin = task("arn:aws:states:::states:startExecution", Parameters=parameters)
        assert event_of(sfn, run(sfn, {"Start": begin}), recorded) == recorded

    LATER = ("RedriveCount", "RedriveStatus", "RedriveStatusReason")
    """Members that DescribeExecution has had since the end of 2023: whether they are passed on is
    not recorded."""

    @pytest.mark.parametrize(
        ("ending", "child"),
        [
            ("succeeded", {"Type": "Pass", "Result": {"said": "yes"}, "End": True}),
            ("failed", {"Type": "Fail", "Error": "SomeFailure", "Cause": "It went wrong."}),
            ("timed out", {"Type": "Fail", "Error": "States.Timeout"}),
        ],
    )
    def test_what_a_child_execution_returns(self, sfn: Any, ending: str, child: Json) -> None:
        recorded = recording("stepfunctions-children")[ending]
        parameters = {"StateMachineArn": machine(sfn, {"Child": child}), "Input.$": "$"}
        begin = task("arn:aws:states:::states:startExecution.sync:2", Parameters=parameters)
        done = run(sfn, {"Start": begin}, {"name": "demo"})
        if ending == "succeeded":
            told = json.loads(done["output"])
        else:
            assert done["error"] == "States.TaskFailed"
            told = json.loads(done["cause"])
        told = {name: value for name, value in told.items() if name not in self.LATER}
        assert as_recorded(recorded, told) == recorded


@pytest.fixture(scope="module")
def heard(cloud: LocalCloud) -> Any:
    """Returns the two events about one execution."""
    sqs, rules = cloud.client("sqs"), cloud.client("events")
    arn = cloud.account.arn("sqs", "status-events")
    admitted = {
        "Effect": "Allow",
        "Principal": {"Service": "events.amazonaws.com"},
        "Action": "sqs:SendMessage",
        "Resource": arn,
    }
    policy = json.dumps({"Version": "2012-10-17", "Statement": admitted})
    url = sqs.create_queue(QueueName="status-events", Attributes={"Policy": policy})["QueueUrl"]
    rules.put_rule(Name="status", EventPattern=json.dumps({"source": ["aws.states"]}))
    rules.put_targets(Rule="status", Targets=[{"Id": "queue", "Arn": arn}])
    came: list[Json] = []

    def of(execution: str) -> list[Json]:
        assert cloud.deliveries.wait_until_idle(20)
        while messages := sqs.receive_message(QueueUrl=url, MaxNumberOfMessages=10).get("Messages"):
            came.extend(json.loads(message["Body"]) for message in messages)
            for message in messages:
                sqs.delete_message(QueueUrl=url, ReceiptHandle=message["ReceiptHandle"])
        about = [event for event in came if event["detail"]["executionArn"] == execution]
        return sorted(about, key=lambda event: event["detail"]["status"] != "RUNNING")

    return of


class TestStatusEvents:
    @pytest.mark.parametrize(
        ("ending", "state", "top"),
        [
            ("succeeded", {"Type": "Pass", "Result": {"said": "yes"}, "End": True}, {}),
            ("failed", {"Type": "Fail", "Error": "SomeFailure", "Cause": "It went wrong."}, {}),
            ("timed out", FOREVER, {"TimeoutSeconds": 1}),
        ],
    )
    def test_status_events_have_every_member(
        self, sfn: Any, heard: Any, ending: str, state: Json, top: Json
    ) -> None:
        """Null if there is no value."""
        recorded = recording("stepfunctions-status-events")
        done = run(sfn, {"Only": state}, **top)
        began, over = heard(done["executionArn"])
        assert as_recorded(recorded["running"], began) == recorded["running"]
        assert as_recorded(recorded[ending], over) == recorded[ending]


class TestEvents:
    RECORDED: Json = recording("events-put-events")
    ENTRY: Json = {"Source": "tests", "DetailType": "said", "Detail": "{}"}  # noqa: RUF012

    def put(self, cloud: LocalCloud, *entries: Json) -> Json:
        answer: Json = cloud.client("events").put_events(Entries=list(entries))
        del answer["ResponseMetadata"]
        return answer

    def test_an_entry_without_a_source(self, cloud: LocalCloud) -> None:
        answer = self.put(cloud, {**self.ENTRY, "Source": ""}, self.ENTRY)
        assert answer["FailedEntryCount"] == 1
        assert answer["Entries"][:1] == self.RECORDED["without a source"]["Entries"]

    def test_entries_for_a_bus_that_is_not_there(self, cloud: LocalCloud) -> None:
        recorded = self.RECORDED["no such bus"]
        lost = {**self.ENTRY, "EventBusName": "nobodys"}
        assert as_recorded(recorded, self.put(cloud, lost, lost)) == recorded
