"""The state machine definitions are consistent, and a failure never ends as success."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import Any

import pytest

from bivouac import errors
from bivouac.deletion.receipt import ItemKind, items_from_json
from bivouac.environment import wait_times
from bivouac.environment.record import Record, Status
from bivouac.sweep.follow_up import AFTER_FAILURE, Ended, aftermath
from bivouac.waiting.poll import LONGEST_POLLING
from tests.template.declared import (
    GLOBAL_FUNCTION,
    MACHINES,
    Machine,
    State,
    function_of,
    functions,
)

EVERY_STEP: dict[str, Any] = {
    "ErrorEquals": [
        # Lambda's transient faults: Step Functions' guide, "Handle transient Lambda service
        # exceptions", and aws-cdk#26470 for the fourth.
        "Lambda.ServiceException",
        "Lambda.AWSLambdaException",
        "Lambda.SdkClientException",
        "Lambda.ClientExecutionTimeoutException",
        # A time-out, a crash or the end of memory, harmless to repeat, because every step is: until
        # 2024 without a type (tests/recorded/lambda-crashes.json)
        "Lambda.Unknown",
        "Sandbox.Timedout",
        "Runtime.ExitError",
        "Runtime.OutOfMemory",
        *(error.__name__ for error in errors.RETRIED),
        "States.Timeout",
    ],
    "IntervalSeconds": 1,
    "MaxAttempts": 5,
    "BackoffRate": 2,
    "MaxDelaySeconds": 20,
    "JitterStrategy": "FULL",
}
"""The retries that every function has."""
NO_ROOM: dict[str, Any] = {
    # A new account may run about ten functions at once, and a poller occupies one of them for
    # minutes (tests/recorded/stepfunctions-lambda-throttled.json). A function unused for weeks may
    # have to be made ready first (aws-cdk#20123, 2022-04).
    "ErrorEquals": ["Lambda.TooManyRequestsException", "Lambda.CodeArtifactUserPendingException"],
    "IntervalSeconds": 5,
    "MaxAttempts": 40,
    "BackoffRate": 1.5,
    "MaxDelaySeconds": 60,
    "JitterStrategy": "FULL",
}
"""When Lambda throttles."""
AFTER_QUIET_WEEKS: dict[str, Any] = {
    # Lambda's guide, "Lambda function states": it takes about a minute. The others are what Invoke
    # may answer meanwhile (botocore's model).
    "ErrorEquals": [
        "Lambda.ResourceNotReadyException",
        "Lambda.ResourceConflictException",
        "Lambda.EC2ThrottledException",
        "Lambda.ENILimitReachedException",
        "Lambda.SubnetIPAddressLimitReachedException",
    ],
    "IntervalSeconds": 10,
    "MaxAttempts": 18,
    "BackoffRate": 1,
}
"""When a function in a VPC has to get its network interfaces back."""
A_START: dict[str, Any] = {
    # StartExecution's throttling has no class in AWS's SDK, so Step Functions uses the name of the
    # service (assumed) or the code.
    "ErrorEquals": [
        "StepFunctions.AWSStepFunctionsException",
        "StepFunctions.SdkClientException",
        "StepFunctions.ThrottlingException",
        "StepFunctions.ExecutionLimitExceededException",
    ],
    "IntervalSeconds": 1,
    "MaxAttempts": 5,
    "BackoffRate": 2,
    "MaxDelaySeconds": 20,
    "JitterStrategy": "FULL",
}
"""The retries of starting a child execution."""


def pauses(retrier: Mapping[str, Any]) -> list[float]:
    """Seconds before each further try, at most."""
    longest = retrier.get("MaxDelaySeconds", float("inf"))
    return [
        min(retrier["IntervalSeconds"] * retrier["BackoffRate"] ** attempt, longest)
        for attempt in range(retrier["MaxAttempts"])
    ]


LOOKING = ("WaitForChangeFunction", "ResumeExecutionFunction")
"""They change nothing but the token of their own wait, and may poll as long as Lambda lets them."""

EACH = pytest.mark.parametrize("machine", MACHINES.values(), ids=MACHINES.keys())


def reachable(start: Iterable[str], states: Mapping[str, State]) -> set[str]:
    """The names of all states that can follow, and the given ones."""
    found: set[str] = set()
    waiting = list(start)
    while waiting:
        name = waiting.pop()
        if name in states and name not in found:
            found.add(name)
            waiting += states[name].following
    return found


@EACH
class TestWiring:
    def test_every_next_state_exists(self, machine: Machine) -> None:
        for scope in machine.scopes:
            names = {state.name for state in scope.states}
            assert scope.start in names
            for state in scope.states:
                assert set(state.following) <= names, state.name

    def test_every_state_can_be_reached(self, machine: Machine) -> None:
        for scope in machine.scopes:
            states = {state.name: state for state in scope.states}
            assert reachable([scope.start], states) == set(states)

    def test_every_state_continues_or_ends(self, machine: Machine) -> None:
        for state in machine.states:
            ends = state.body.get("End", False) or state.kind in ("Succeed", "Fail")
            assert ends != bool(list(state.following_without_failure)), state.name

    def test_no_two_states_have_the_same_name(self, machine: Machine) -> None:
        names = [state.name for state in machine.states]
        assert len(names) == len(set(names))

    def test_every_choice_has_a_default_and_is_a_question(self, machine: Machine) -> None:
        """W09."""
        for state in machine.states:
            if state.kind == "Choice":
                assert "Default" in state.body, state.name
                assert state.name.endswith("?"), state.name

    def test_every_waits_duration_comes_from_a_function(self, machine: Machine) -> None:
        for state in machine.states:
            if state.kind == "Wait":
                assert state.body["SecondsPath"].endswith("waitSeconds"), state.name


ONCE_A_SECOND = (
    "Create cluster",
    "Delete cluster",
    "Register task definitions",
    "Delete task definitions",
    "Wait until everything is gone",
)
"""What changes clusters and task definitions is limited for the whole account, however many
environments it has (T02, and "Request throttling for the Amazon ECS API")."""


def before_every_step(task: State, last: dict[str, Any] = EVERY_STEP) -> list[dict[str, Any]]:
    """The retriers before those that every step has; fails if those are missing."""
    retriers: list[dict[str, Any]] = task.body["Retry"]
    assert last in retriers, task.name
    *before, no_room = retriers[: retriers.index(last)]
    assert no_room == NO_ROOM, task.name
    return before


class TestInputs:
    """A step gets earlier answers beside the input, where no input can be placed."""

    @EACH
    def test_the_request_is_the_executions_input(self, machine: Machine) -> None:
        given = [task.body.get("Parameters", {}) for task in machine.lambda_tasks]
        requests = [each for each in given if {"request", "request.$"} & each.keys()]
        assert all(each["request.$"] == "$$.Execution.Input" for each in requests)
        assert not [each for each in requests if "$" in each.values()], "the input twice"
        assert len(requests) == (1 if machine.definition["StartAt"] in FIRST_STEPS else 0)


FIRST_STEPS = ("Check request", "Close environment", "Suspend environment", "Extend lease")


def test_the_refusals_are_those_that_the_machines_explain() -> None:
    """They tell `follow_up_execution` which refusals nobody has seen."""
    explained = {
        error
        for machine in MACHINES.values()
        for task in machine.tasks
        for catcher in task.caught
        if catcher["Next"] == "Explain refusal"
        for error in catcher["ErrorEquals"]
    }
    assert explained == errors.REFUSALS


@EACH
class TestFaults:
    def test_the_machine_and_every_task_have_a_time_out(self, machine: Machine) -> None:
        """W13."""
        assert machine.definition["TimeoutSeconds"] > 0
        for task in machine.tasks:
            assert task.body.get("TimeoutSeconds", 0) > 0 or "TimeoutSecondsPath" in task.body

    def test_every_function_has_the_same_retries(self, machine: Machine) -> None:
        declared = functions()
        for task in machine.lambda_tasks:
            before = before_every_step(task)
            in_a_vpc = "VpcConfig" in declared[function_of(task) or ""]
            assert (AFTER_QUIET_WEEKS in before) == in_a_vpc, task.name
            others = [retrier for retrier in before if retrier != AFTER_QUIET_WEEKS]
            assert bool(others) == (task.name in ONCE_A_SECOND), task.name

    def test_throttling_is_retried_as_long_as_a_function_may_run(self, machine: Machine) -> None:
        """Jitter halves the pauses. The machine has time for it."""
        assert sum(pauses(NO_ROOM)) / 2 > LONGEST_POLLING.total_seconds()
        if machine.lambda_tasks:
            assert machine.definition["TimeoutSeconds"] > 1.5 * sum(pauses(NO_ROOM))

    def test_every_started_execution_has_the_same_retries(self, machine: Machine) -> None:
        for task in machine.tasks:
            if str(task.body["Resource"]).endswith(":states:startExecution.sync:2"):
                assert task.body["Retry"] == [A_START], task.name

    def test_steps_limited_to_one_call_a_second_are_retried_for_longer(
        self, machine: Machine
    ) -> None:
        """T02: fifty environments at once have a hundred task definitions."""
        for task in [*machine.lambda_tasks, *machine.waiting_tasks]:
            for retrier in task.body["Retry"][:1] if task.name in ONCE_A_SECOND else ():
                assert retrier["ErrorEquals"] == ["ThrottledError"]
                assert retrier["JitterStrategy"] == "FULL"
                assert sum(pauses(retrier)) / 2 > 100  # half of them, with full jitter

    def test_a_timed_out_wait_polls_again(self, machine: Machine) -> None:
        """The safety poll: a time-out is caught, and not retried."""
        again = [name for name in EVERY_STEP["ErrorEquals"] if name != "States.Timeout"]
        for task in machine.waiting_tasks:
            last = {**EVERY_STEP, "ErrorEquals": again}
            before = before_every_step(task, last)
            assert task.body["Retry"][-1] == last, task.name
            assert bool(before) == (task.name in ONCE_A_SECOND), task.name
            catcher = task.caught[0]
            assert catcher["ErrorEquals"] == ["States.Timeout"], task.name
            states = {state.name: state for state in machine.scopes[0].states}
            assert task.name in reachable([catcher["Next"]], states)

    def test_direct_calls_of_aws_are_retried(self, machine: Machine) -> None:
        for task in machine.tasks:
            if function_of(task) is None:
                assert task.body["Retry"][0]["JitterStrategy"] == "FULL", task.name

    def test_every_task_or_its_parallel_catches_everything(self, machine: Machine) -> None:
        """W10."""
        by_name = {state.name: state for state in machine.states}
        for task in machine.tasks:
            around = [task, *(by_name[name] for name in task.path)]
            caught = [
                name for state in around for each in state.caught for name in each["ErrorEquals"]
            ]
            assert "States.ALL" in caught, task.name

    def test_states_all_is_alone_and_last(self, machine: Machine) -> None:
        """W10."""
        for state in machine.states:
            for rules in (state.body.get("Retry", ()), state.caught):
                named = [rule["ErrorEquals"] for rule in rules]
                for position, names in enumerate(named):
                    if "States.ALL" in names:
                        assert names == ["States.ALL"], state.name
                        assert position == len(named) - 1, state.name


class TestFailureStaysFailure:
    def test_no_path_from_a_caught_error_of_create_ends_in_success(self) -> None:
        states = MACHINES["create_environment"].top
        caught = {
            each["Next"]
            for state in states.values()
            for each in state.caught
            if each["ErrorEquals"] != ["States.Timeout"]
        }
        outcomes = {states[name].kind for name in reachable(caught, states)}
        assert "Fail" in outcomes
        assert "Succeed" not in outcomes

    def test_a_failed_redeploy_does_not_succeed_by_its_rollback(self) -> None:
        states = MACHINES["redeploy_environment"].top
        caught = {each["Next"] for state in states.values() for each in state.caught}
        after = reachable(caught, states)
        assert "Redeployment rolled back" in after
        assert "Succeed" not in {states[name].kind for name in after}

    def test_an_unproven_or_unhealthy_environment_does_not_end_in_success(self) -> None:
        states = MACHINES["create_environment"].top
        outcomes = {states[name].kind for name in reachable(["Diagnose failure"], states)}
        assert "Succeed" not in outcomes

    def test_delete_succeeds_only_with_a_complete_receipt(self) -> None:
        """Write receipt fails if anything is left, and nothing succeeds without it."""
        states = MACHINES["delete_environment"].top
        receipt = states["Write receipt"]
        assert states[receipt.body["Next"]].kind == "Succeed"
        after = reachable([each["Next"] for each in receipt.caught], states)
        assert "Succeed" not in {states[name].kind for name in after}
        unwritten = {name: state for name, state in states.items() if name != receipt.name}
        deleting = reachable(["Delete services"], unwritten)
        assert "Succeed" not in {states[name].kind for name in deleting}

    def test_every_failed_deletions_kind_is_in_receipts(self) -> None:
        """And its item stands for all of that kind, or for the only one."""
        items = [
            item
            for state in MACHINES["delete_environment"].states
            for item in state.body.get("Parameters", {}).get("items", ())
        ]
        assert {item["kind"] for item in items} == {
            ItemKind.SERVICE,
            ItemKind.NAMESPACE,
            ItemKind.TASK_DEFINITION,
            ItemKind.LOG_GROUP,
            ItemKind.CLUSTER,
        }
        for item in items:
            one = item["kind"] in (ItemKind.NAMESPACE, ItemKind.CLUSTER)
            name = "$.environment" if one else "States.Format('all of {}', $.environment)"
            assert item["name.$"] == name
            (read,) = items_from_json([{**item, "name": "demo", "reason": "x"}])
            assert read.several is not one

    @EACH
    def test_every_failure_has_an_error_and_a_cause(self, machine: Machine) -> None:
        for state in machine.states:
            if state.kind == "Fail":
                assert {"Error", "ErrorPath"} & set(state.body), state.name
                assert {"Cause", "CausePath"} & set(state.body), state.name

    @EACH
    def test_no_failure_shows_lambdas_wrapping(self, machine: Machine) -> None:
        """Lambda's cause is JSON with a stack trace (tests/recorded/lambda-crashes.json)."""
        for state in machine.states:
            if state.kind == "Fail":
                assert not str(state.body.get("CausePath")).endswith("$.Cause"), state.name


class TestNames:
    """Whoever first starts an execution of a name has it for 90 days."""

    STARTED = tuple(
        pytest.param(state, id=f"{name}: {state.name}")
        for name, machine in MACHINES.items()
        for state in machine.states
        if "StateMachineArn" in state.body.get("Parameters", {})
    )

    @pytest.mark.parametrize("state", STARTED)
    def test_the_names_of_child_executions_cannot_be_predicted(self, state: State) -> None:
        name = state.body["Parameters"]["Name.$"]
        of_itself = r"States\.Hash\(\$\$\.Execution\.Id, 'SHA-256'\)"
        match = re.fullmatch(rf"States\.Format\('([a-z-]+)-\{{\}}', {of_itself}\)", name)
        assert match, name
        assert len(match[1]) + 1 + 64 <= 80

    def test_the_follow_up_starts_the_same_deletion_as_the_machine(self) -> None:
        """With another input it would be a different execution."""
        state = MACHINES["create_environment"].top["Start deletion"].body["Parameters"]
        record = Record(
            environment="demo",
            generation=1,
            status=Status.FAILED,
            execution="arn",
            request_hash="",
            blueprint={"on_failure": "delete"},
            expires_at="2030-01-01T00:00:00Z",
            settle=False,
        )
        due = aftermath(record, Ended("arn", "FAILED"))
        assert due is not None
        assert due.start is not None
        assert f"'{AFTER_FAILURE}-{{}}'" in state["Name.$"]
        given = {name.removesuffix(".$"): value for name, value in state["Input"].items()}
        assert given.keys() == due.start.content.keys()
        fixed = {name: value for name, value in state["Input"].items() if "$" not in name}
        assert fixed.items() <= due.start.content.items()


class TestTimes:
    def test_a_create_has_time_for_its_diagnosis_before_the_machines_time_out(self) -> None:
        """W13: there are ten minutes for its last wait, the diagnosis and the deletion's start."""
        gives_up_after = MACHINES["create_environment"].definition["TimeoutSeconds"]
        assert gives_up_after >= wait_times.LONGEST_CREATE + 600

    @EACH
    def test_a_function_ends_before_its_states_time_out(self, machine: Machine) -> None:
        declared = functions()
        for task in machine.lambda_tasks:
            function = declared[function_of(task) or ""]
            assert function["Timeout"] < task.body["TimeoutSeconds"], task.name

    def test_a_poller_stops_before_its_functions_time_out(self) -> None:
        for name in LOOKING:
            assert LONGEST_POLLING.total_seconds() + 30 <= functions()[name]["Timeout"]

    def test_a_stopped_executions_last_function_is_awaited_long_enough(self) -> None:
        """W13: StopExecution does not stop the function that it called."""
        called = {name for machine in MACHINES.values() for name in machine.called}
        changing: list[Any] = [
            properties["Timeout"]
            for name, properties in functions().items()
            if name in called and "Policies" in properties and name not in LOOKING
        ]
        settle = GLOBAL_FUNCTION["Environment"]["Variables"]["SETTLE_SECONDS"]
        assert int(settle) == max(changing)
