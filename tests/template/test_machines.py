"""The state machine definitions hold together, and a failure never ends as success."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import Any

import pytest

from bivouac import errors
from bivouac.deletion.receipt import Item, ItemKind, Outcome
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
        # Lambda's own faults of a moment: Step Functions' guide, "Handle transient Lambda service
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
"""The one way in which a function is tried again."""
NO_ROOM: dict[str, Any] = {
    # A new account may run about ten functions at once, and who looks takes one of them for minutes
    # (tests/recorded/stepfunctions-lambda-throttled.json). What nobody called for weeks may have to
    # be made ready first (aws-cdk#20123, 2022-04).
    "ErrorEquals": ["Lambda.TooManyRequestsException", "Lambda.CodeArtifactUserPendingException"],
    "IntervalSeconds": 5,
    "MaxAttempts": 40,
    "BackoffRate": 1.5,
    "MaxDelaySeconds": 60,
    "JitterStrategy": "FULL",
}
"""Where Lambda has no room for a function."""
AFTER_QUIET_WEEKS: dict[str, Any] = {
    # Lambda's guide, "Lambda function states": it takes about a minute. The others are what Invoke
    # may answer in the meantime (botocore's model).
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
"""Where a function of a VPC has to get its network interfaces back."""
A_START: dict[str, Any] = {
    # What throttles StartExecution has no class of its own in AWS's SDK, so Step Functions names
    # that of the service (assumed) or the code.
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
"""The one way in which an execution that is waited for is started again."""


def pauses(retrier: Mapping[str, Any]) -> list[float]:
    """Seconds before each further try, at the most."""
    longest = retrier.get("MaxDelaySeconds", float("inf"))
    return [
        min(retrier["IntervalSeconds"] * retrier["BackoffRate"] ** attempt, longest)
        for attempt in range(retrier["MaxAttempts"])
    ]


LOOKING = ("WaitForChangeFunction", "ResumeExecutionFunction")
"""They change nothing but the token of their own wait, and may look for as long as Lambda lets."""

EACH = pytest.mark.parametrize("machine", MACHINES.values(), ids=MACHINES.keys())


def reachable(start: Iterable[str], states: Mapping[str, State]) -> set[str]:
    """The names of all states that can follow, the given ones too."""
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
    def test_every_next_exists(self, machine: Machine) -> None:
        for scope in machine.scopes:
            names = {state.name for state in scope.states}
            assert scope.start in names
            for state in scope.states:
                assert set(state.following) <= names, state.name

    def test_every_state_can_be_reached(self, machine: Machine) -> None:
        for scope in machine.scopes:
            states = {state.name: state for state in scope.states}
            assert reachable([scope.start], states) == set(states)

    def test_every_state_goes_on_or_ends(self, machine: Machine) -> None:
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

    def test_every_wait_takes_its_pace_from_a_function(self, machine: Machine) -> None:
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
"""What changes clusters and task definitions is limited by the account, however many environments
it has (T02, and "Request throttling for the Amazon ECS API")."""


def before_every_step(task: State, last: dict[str, Any] = EVERY_STEP) -> list[dict[str, Any]]:
    """The retriers before those that every step has; fails where it has not."""
    retriers: list[dict[str, Any]] = task.body["Retry"]
    assert last in retriers, task.name
    *before, no_room = retriers[: retriers.index(last)]
    assert no_room == NO_ROOM, task.name
    return before


class TestInputs:
    """What a step answered, it is given beside the input, where no input comes to stand."""

    @EACH
    def test_a_request_is_what_the_execution_was_started_with(self, machine: Machine) -> None:
        given = [task.body.get("Parameters", {}) for task in machine.lambda_tasks]
        requests = [each for each in given if {"request", "request.$"} & each.keys()]
        assert all(each["request.$"] == "$$.Execution.Input" for each in requests)
        assert len(requests) == (1 if machine.definition["StartAt"] in FIRST_STEPS else 0)


FIRST_STEPS = ("Check request", "Close environment", "Suspend environment", "Extend lease")


def test_refusals_are_what_the_machines_explain_as_such() -> None:
    """By them `follow_up_execution` knows what nobody heard of."""
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

    def test_every_function_is_tried_again_in_the_same_way(self, machine: Machine) -> None:
        declared = functions()
        for task in machine.lambda_tasks:
            before = before_every_step(task)
            in_a_vpc = "VpcConfig" in declared[function_of(task) or ""]
            assert (AFTER_QUIET_WEEKS in before) == in_a_vpc, task.name
            others = [retrier for retrier in before if retrier != AFTER_QUIET_WEEKS]
            assert bool(others) == (task.name in ONCE_A_SECOND), task.name

    def test_room_is_waited_for_as_long_as_somebody_may_take_it(self, machine: Machine) -> None:
        """Jitter halves the pauses. The machine has time for it."""
        assert sum(pauses(NO_ROOM)) / 2 > LONGEST_POLLING.total_seconds()
        if machine.lambda_tasks:
            assert machine.definition["TimeoutSeconds"] > 1.5 * sum(pauses(NO_ROOM))

    def test_every_started_execution_is_tried_again_in_the_same_way(self, machine: Machine) -> None:
        for task in machine.tasks:
            if str(task.body["Resource"]).endswith(":states:startExecution.sync:2"):
                assert task.body["Retry"] == [A_START], task.name

    def test_what_an_account_may_do_once_a_second_is_tried_for_longer(
        self, machine: Machine
    ) -> None:
        """T02: fifty environments at once have a hundred task definitions."""
        for task in [*machine.lambda_tasks, *machine.waiting_tasks]:
            for retrier in task.body["Retry"][:1] if task.name in ONCE_A_SECOND else ():
                assert retrier["ErrorEquals"] == ["ThrottledError"]
                assert retrier["JitterStrategy"] == "FULL"
                assert sum(pauses(retrier)) / 2 > 100  # half of them, with full jitter

    def test_a_wait_that_nothing_ends_is_looked_at_again(self, machine: Machine) -> None:
        """The safety poll: a time-out is caught, not tried again as it was."""
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

    def test_what_calls_aws_itself_is_tried_again_too(self, machine: Machine) -> None:
        for task in machine.tasks:
            if function_of(task) is None:
                assert task.body["Retry"][0]["JitterStrategy"] == "FULL", task.name

    def test_every_task_or_what_is_around_it_catches_everything(self, machine: Machine) -> None:
        """W10."""
        by_name = {state.name: state for state in machine.states}
        for task in machine.tasks:
            around = [task, *(by_name[name] for name in task.path)]
            caught = [
                name for state in around for each in state.caught for name in each["ErrorEquals"]
            ]
            assert "States.ALL" in caught, task.name

    def test_states_all_stands_alone_and_last(self, machine: Machine) -> None:
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

    def test_a_redeploy_that_failed_does_not_end_in_success_by_its_roll_back(self) -> None:
        states = MACHINES["redeploy_environment"].top
        caught = {each["Next"] for state in states.values() for each in state.caught}
        after = reachable(caught, states)
        assert "Redeployment rolled back" in after
        assert "Succeed" not in {states[name].kind for name in after}

    def test_an_unproven_or_unhealthy_environment_does_not_end_in_success(self) -> None:
        states = MACHINES["create_environment"].top
        outcomes = {states[name].kind for name in reachable(["Diagnose failure"], states)}
        assert "Succeed" not in outcomes

    def test_delete_succeeds_only_where_the_receipt_says_complete(self) -> None:
        """Write receipt fails where anything is left, and nothing succeeds without it."""
        states = MACHINES["delete_environment"].top
        receipt = states["Write receipt"]
        assert states[receipt.body["Next"]].kind == "Succeed"
        after = reachable([each["Next"] for each in receipt.caught], states)
        assert "Succeed" not in {states[name].kind for name in after}
        unwritten = {name: state for name, state in states.items() if name != receipt.name}
        deleting = reachable(["Delete services"], unwritten)
        assert "Succeed" not in {states[name].kind for name in deleting}

    def test_a_failed_deletion_is_of_a_kind_that_receipts_have(self) -> None:
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
        assert not Item(ItemKind.SERVICE, "all of demo", Outcome.FAILED).is_one

    @EACH
    def test_every_failure_says_what_and_why(self, machine: Machine) -> None:
        for state in machine.states:
            if state.kind == "Fail":
                assert {"Error", "ErrorPath"} & set(state.body), state.name
                assert {"Cause", "CausePath"} & set(state.body), state.name

    @EACH
    def test_no_failure_shows_what_lambda_has_packed(self, machine: Machine) -> None:
        """Lambda's cause is JSON with a stack trace (tests/recorded/lambda-crashes.json)."""
        for state in machine.states:
            if state.kind == "Fail":
                assert not str(state.body.get("CausePath")).endswith("$.Cause"), state.name


class TestNames:
    """Whoever starts an execution of a name first has it for 90 days."""

    STARTED = tuple(
        pytest.param(state, id=f"{name}: {state.name}")
        for name, machine in MACHINES.items()
        for state in machine.states
        if "StateMachineArn" in state.body.get("Parameters", {})
    )

    @pytest.mark.parametrize("state", STARTED)
    def test_nobody_knows_the_name_of_what_a_machine_starts_before_its_own(
        self, state: State
    ) -> None:
        name = state.body["Parameters"]["Name.$"]
        of_itself = r"States\.Hash\(\$\$\.Execution\.Id, 'SHA-256'\)"
        match = re.fullmatch(rf"States\.Format\('([a-z-]+)-\{{\}}', {of_itself}\)", name)
        assert match, name
        assert len(match[1]) + 1 + 64 <= 80

    def test_the_follow_up_starts_the_deletion_that_the_machine_starts(self) -> None:
        """With another input it would be another's."""
        state = MACHINES["create_environment"].top["Start deletion"].body["Parameters"]
        record = Record(
            environment="demo",
            generation=1,
            status=Status.FAILED,
            execution="arn",
            request_hash="",
            blueprint='{"on_failure": "delete"}',
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
    def test_a_create_has_time_to_say_why_before_its_machine_gives_up(self) -> None:
        """W13: there are ten minutes for its last wait, the diagnosis and the deletion's start."""
        gives_up_after = MACHINES["create_environment"].definition["TimeoutSeconds"]
        assert gives_up_after >= wait_times.LONGEST_CREATE + 600

    @EACH
    def test_a_function_ends_before_its_state_gives_up_on_it(self, machine: Machine) -> None:
        declared = functions()
        for task in machine.lambda_tasks:
            function = declared[function_of(task) or ""]
            assert function["Timeout"] < task.body["TimeoutSeconds"], task.name

    def test_who_looks_stops_looking_before_lambda_ends_it(self) -> None:
        for name in LOOKING:
            assert LONGEST_POLLING.total_seconds() + 30 <= functions()[name]["Timeout"]

    def test_a_stopped_execution_is_waited_out_as_long_as_its_last_function_may_run(self) -> None:
        """W13: StopExecution does not stop the function that it called."""
        called = {name for machine in MACHINES.values() for name in machine.called}
        changing: list[Any] = [
            properties["Timeout"]
            for name, properties in functions().items()
            if name in called and "Policies" in properties and name not in LOOKING
        ]
        settle = GLOBAL_FUNCTION["Environment"]["Variables"]["SETTLE_SECONDS"]
        assert int(settle) == max(changing)
