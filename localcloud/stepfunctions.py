"""moto's Step Functions interpreter, mended where it differs from AWS in what Bivouac relies on.

Each difference is one function or class below; `tests/localcloud/test_stepfunctions.py` has a test
for each, and for what moto does right that Bivouac needs as well.
"""

from __future__ import annotations

import json
import logging
import re
import sys
import threading
import time
import uuid
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timezone
from functools import lru_cache, partial
from types import ModuleType, SimpleNamespace
from typing import Any

from moto.core.config import default_user_config
from moto.core.exceptions import AWSError
from moto.core.responses import ActionResult
from moto.stepfunctions.exceptions import InvalidToken, ValidationException
from moto.stepfunctions.parser import api as parser_api
from moto.stepfunctions.parser import models as parser_models
from moto.stepfunctions.parser.api import ExecutionStatus, HistoryEventType
from moto.stepfunctions.parser.asl.component.common.error_name.custom_error_name import (
    CustomErrorName,
)
from moto.stepfunctions.parser.asl.component.common.error_name.error_equals_decl import (
    ErrorEqualsDecl,
)
from moto.stepfunctions.parser.asl.component.common.error_name.failure_event import FailureEvent
from moto.stepfunctions.parser.asl.component.common.error_name.states_error_name import (
    StatesErrorName,
)
from moto.stepfunctions.parser.asl.component.common.error_name.states_error_name_type import (
    StatesErrorNameType,
)
from moto.stepfunctions.parser.asl.component.common.retry import retrier_decl
from moto.stepfunctions.parser.asl.component.common.timeouts.timeout import Timeout
from moto.stepfunctions.parser.asl.component.state import state as moto_state
from moto.stepfunctions.parser.asl.component.state.choice.comparison.operator.implementations.is_operator import (  # noqa: E501
    IsTimestamp,
)
from moto.stepfunctions.parser.asl.component.state.exec.state_parallel.branch_worker import (
    BranchWorker,
)
from moto.stepfunctions.parser.asl.component.state.exec.state_task import lambda_eval_utils
from moto.stepfunctions.parser.asl.component.state.exec.state_task.service import (
    state_task_service_callback,
)
from moto.stepfunctions.parser.asl.component.state.exec.state_task.service.resource import (
    ResourceCondition,
)
from moto.stepfunctions.parser.asl.component.state.exec.state_task.service.state_task_service import (  # noqa: E501
    StateTaskService,
)
from moto.stepfunctions.parser.asl.component.state.exec.state_task.state_task_lambda import (
    StateTaskLambda,
)
from moto.stepfunctions.parser.asl.component.state.wait.wait_function.wait_function import (
    WaitFunction,
)
from moto.stepfunctions.parser.asl.eval.callback import callback
from moto.stepfunctions.parser.asl.eval.environment import Environment
from moto.stepfunctions.parser.asl.eval.event.event_detail import EventDetails
from moto.stepfunctions.parser.asl.eval.event.event_manager import EventManager
from moto.stepfunctions.parser.asl.eval.program_state import ProgramRunning
from moto.stepfunctions.parser.asl.parse.asl_parser import AmazonStateLanguageParser
from moto.stepfunctions.parser.asl.parse.preprocessor import Preprocessor
from moto.stepfunctions.parser.asl.utils import json_path
from moto.stepfunctions.parser.backend import execution as moto_execution
from moto.stepfunctions.parser.utils import TMP_THREADS
from moto.stepfunctions.responses import StepFunctionResponse

from localcloud.calls import model_of
from localcloud.patching import patched
from localcloud.workers import FunctionNotFoundError, Outcome, PayloadTooLargeError

MAX_INPUT = 262_144
"""Bytes of an execution's input and of a state's data (W08)."""
STOP_NOTICED_WITHIN = 0.25
"""Seconds until a waiting state notices that its execution was stopped."""
END_OF_CHILD_NOTICED_WITHIN = 0.05
"""Seconds until a state that runs another execution notices that it is over."""
BEGUN_WITHIN = 10.0
"""Seconds from StartExecution to its first state, on a busy machine."""

_LAST_EVENTS = {
    HistoryEventType.ExecutionAborted,
    HistoryEventType.ExecutionFailed,
    HistoryEventType.ExecutionSucceeded,
    HistoryEventType.ExecutionTimedOut,
}
_UNCAUGHT = (
    StatesErrorName(StatesErrorNameType.StatesStatesDataLimitExceeded),
    StatesErrorName(StatesErrorNameType.StatesRuntime),
)


@dataclass(frozen=True)
class Integrations:
    """What state machines call, with the role that they run as."""

    invoke: Callable[[str, str, str], Outcome]
    """(role ARN, function ARN, payload) -> what the function answered."""
    client: Callable[[str, str], Any]
    """(role ARN, service) -> a boto3 client with that role's credentials."""
    changed: Callable[[Execution], None]
    """An execution has begun or ended."""


class AccessDeniedError(Exception):
    """The state machine's role may not invoke the function. The message is AWS's."""


class Execution(moto_execution.Execution):
    """An execution that can be stopped at any moment, and says when it begins and ends."""

    changed: Callable[[Execution], None]
    exec_status: ExecutionStatus

    def start(self) -> None:
        # Told before its thread begins, which may have ended a moment later.
        self.exec_status = ExecutionStatus.RUNNING
        self.changed(self)
        super().start()

    def stop(self, stop_date: datetime, error: str | None, cause: str | None) -> None:
        """ABORTED from this moment; what runs in the meantime has no effect on the execution."""
        environment = self._begun()
        if not self._end(ExecutionStatus.ABORTED, error, cause):
            return
        details = {"error": error, "cause": cause}
        _add_last_event(
            environment,
            HistoryEventType.ExecutionAborted,
            executionAbortedEventDetails={k: v for k, v in details.items() if v is not None},
        )
        environment.set_stop(stop_date=stop_date, error=error, cause=cause)
        for endpoint in list(environment.callback_pool_manager._pool.values()):
            endpoint.interrupt_all()
        self.changed(self)

    def _begun(self) -> Environment:
        """The interpreter reads the definition first, some milliseconds; it cannot stop then."""
        until = time.monotonic() + BEGUN_WITHIN
        while time.monotonic() < until:
            environment = self.exec_worker.env
            if environment is not None and environment.program_state() is not None:
                return environment
            time.sleep(0.002)
        raise RuntimeError(f"{self.exec_arn} has not begun within {BEGUN_WITHIN} s")

    def _end(self, status: ExecutionStatus, error: str | None, cause: str | None) -> bool:
        """False when it has ended before."""
        with self.exec_worker.env._state_mutex:
            if self.exec_status != ExecutionStatus.RUNNING:
                return False
            self.stop_date = datetime.now(UTC)
            self.exec_status, self.error, self.cause = status, error, cause
            return True

    def _get_start_execution_worker_comm(self) -> _Ended:
        return _Ended(self)

    def get_start_execution_details(self) -> Any:
        """The context object has texts, not moments, which no answer can carry."""
        details = super().get_start_execution_details()
        details.start_time = _iso(self.start_date)
        return details

    @property
    def state_transitions(self) -> int:
        """Billed ones so far: every state entered, every retry of one."""
        events = self.exec_worker.env.event_manager.get_event_history()
        kinds = [str(event["type"].value) for event in events]
        entered = sum(kind.endswith("StateEntered") for kind in kinds)
        tasks = kinds.count("TaskStateEntered")
        tried = kinds.count("TaskScheduled") + kinds.count("LambdaFunctionScheduled")
        return entered + max(0, tried - tasks)


class _Ended(moto_execution.BaseExecutionWorkerCommunication):
    """Called when the interpreter has finished."""

    def terminated(self) -> None:
        execution: Execution = self.execution
        environment = execution.exec_worker.env
        with environment._state_mutex:
            if execution.exec_status != ExecutionStatus.RUNNING:
                return
            self._reflect_execution_status()
        if execution.exec_status == ExecutionStatus.TIMED_OUT:
            _add_last_event(
                environment,
                HistoryEventType.ExecutionTimedOut,
                executionTimedOutEventDetails={},
            )
        execution.changed(execution)


class TaskTimedOutError(AWSError):
    TYPE = "TaskTimedOut"
    STATUS = 400


class ExecutionInputTooLongError(ValidationException):
    def __init__(self) -> None:
        super().__init__(
            "1 validation error detected: Value at 'input' failed to satisfy constraint: "
            f"Member must have length less than or equal to {MAX_INPUT}"
        )


class Backend(parser_models.StepFunctionsParserBackend):
    """moto's executing backend with the rules of names, input, tokens and stopping."""

    def start_execution(
        self,
        state_machine_arn: str,
        name: str | None = None,
        execution_input: str | None = None,
        trace_header: str | None = None,
    ) -> Execution:
        # Without a name, moto calls every execution "None".
        name = name or str(uuid.uuid4())
        self._validate_name(name)
        if execution_input and len(execution_input.encode()) > MAX_INPUT:
            raise ExecutionInputTooLongError
        execution: Execution = super().start_execution(
            state_machine_arn, name, execution_input, trace_header
        )
        return execution

    def delete_state_machine(self, arn: str) -> None:
        """moto leaves its executions running, and nobody can find them any more. AWS terminates
        them at their next transition (API reference, DeleteStateMachine)."""
        for machine in [machine for machine in self.state_machines if machine.arn == arn]:
            for execution in list(machine.executions):
                execution.stop(datetime.now(UTC), error=None, cause=f"{arn} is deleted")
        super().delete_state_machine(arn)

    def send_task_success(self, task_token: str, outcome: str) -> None:
        self._notify(task_token, callback.CallbackOutcomeSuccess(task_token, outcome))

    def send_task_failure(
        self, task_token: str, error: str | None = None, cause: str | None = None
    ) -> None:
        self._notify(task_token, callback.CallbackOutcomeFailure(task_token, error, cause))

    def send_task_heartbeat(self, task_token: str) -> None:
        self._waiting(task_token).notify_heartbeat()

    def _notify(self, task_token: str, outcome: callback.CallbackOutcome) -> None:
        self._waiting(task_token).notify(outcome=outcome)

    def _waiting(self, task_token: str) -> callback.CallbackEndpoint:
        """The task that waits for this token. Where none does, AWS tells two cases apart."""
        for execution in self._get_executions():
            environment = execution.exec_worker.env
            if environment is None:
                continue
            endpoint = environment.callback_pool_manager.get(task_token)
            if endpoint is None:
                continue
            gone = endpoint.consumer_error is not None or endpoint.get_outcome() is not None
            if gone or execution.exec_status != ExecutionStatus.RUNNING:
                raise TaskTimedOutError("Task Timed Out: 'Provided task does not exist anymore'")
            return endpoint
        raise InvalidToken("'Invalid token'")


def _stop_execution(self: StepFunctionResponse) -> ActionResult:
    execution = self.stepfunction_backend.describe_execution(self._get_param("executionArn"))
    execution.stop(
        stop_date=datetime.now(UTC),
        error=self._get_param("error"),
        cause=self._get_param("cause"),
    )
    return ActionResult({"stopDate": execution.stop_date})


def _describe_execution(self: StepFunctionResponse) -> ActionResult:
    execution = self.stepfunction_backend.describe_execution(self._get_param("executionArn"))
    described = execution.to_describe_output()
    return ActionResult({key: value for key, value in described.items() if value is not None})


def _list_executions_of(original: Callable[..., ActionResult]) -> Callable[..., ActionResult]:
    def list_executions(self: StepFunctionResponse) -> ActionResult:
        """moto leaves the stop date of executions that were out of time out."""
        listed = original(self)
        for item in listed.result["executions"]:
            execution = self.stepfunction_backend.describe_execution(item["executionArn"])
            if execution.stop_date:
                item["stopDate"] = execution.stop_date
        return listed

    return list_executions


Backend.__module__ = parser_models.StepFunctionsParserBackend.__module__


def execution_of(account_id: str, region: str, arn: str) -> Execution:
    """The execution with this ARN; raises moto's ExecutionDoesNotExist."""
    backend = parser_models.stepfunctions_parser_backends[account_id][region]
    execution: Execution = backend.describe_execution(arn)
    return execution


class Machines:
    """Every execution that runs: to end them when the local cloud ends."""

    def __init__(self) -> None:
        self.closing = threading.Event()
        self._running: set[Execution] = set()

    def note(self, execution: Execution) -> None:
        if execution.exec_status == ExecutionStatus.RUNNING:
            self._running.add(execution)
        else:
            self._running.discard(execution)

    def stop(self) -> None:
        """Abort what runs; a Lambda invocation goes on until its worker ends."""
        self.closing.set()
        for execution in list(self._running):
            execution.stop(datetime.now(UTC), error=None, cause="the local cloud ends")

    def join(self) -> None:
        """Wait for the interpreter's threads."""
        for thread in TMP_THREADS:
            thread.join(timeout=5)
        TMP_THREADS.clear()


@contextmanager
def machines_run(integrations: Integrations, wait_scale: float = 1.0) -> Iterator[Machines]:
    """While entered, moto executes state machines; Wait states, retries and the time-outs of tasks
    that wait for a token last `wait_scale` times as long."""
    machines = Machines()

    def note_change(execution: Execution) -> None:
        machines.note(execution)
        if not machines.closing.is_set():  # then nobody is left to hear of it
            integrations.changed(execution)

    class RunningExecution(Execution):
        changed = staticmethod(note_change)

    def sleep(seconds: float) -> None:
        machines.closing.wait(seconds * wait_scale)

    # The interpreter logs every failure of an execution as a fault of its own.
    interpreter_log = logging.getLogger("moto.stepfunctions")
    level = interpreter_log.level

    with ExitStack() as patches:
        patch = partial(_enter, patches)
        patch(default_user_config, "stepfunctions", {"execute_state_machine": True})
        patch(parser_models.stepfunctions_parser_backends, "backend", Backend)
        patch(parser_models, "Execution", RunningExecution)
        patch(StepFunctionResponse, "stop_execution", _stop_execution)
        patch(StepFunctionResponse, "describe_execution", _describe_execution)
        list_executions = _list_executions_of(StepFunctionResponse.list_executions)
        patch(StepFunctionResponse, "list_executions", list_executions)
        patch(AmazonStateLanguageParser, "parse", staticmethod(_parse))
        patch(Environment, "set_error", _set_error_of(Environment.set_error))
        patch(BranchWorker, "_thread_routine", _thread_routine_of(BranchWorker._thread_routine))
        patch(EventManager, "add_event", _add_event_of(EventManager.add_event))
        patch(ErrorEqualsDecl, "_eval_body", _is_caught_of(ErrorEqualsDecl._eval_body))
        patch(StateTaskService, "_normalise_parameters", _normalise_parameters)
        patch(StateTaskService, "_normalise_response", _normalise_response)
        for error in vars(parser_api).values():
            # The interpreter's errors have a code that moto does not put into the answer.
            if isinstance(code := vars(error).get("code") if _is_error(error) else None, str):
                patch(error, "TYPE", code)
        patch(moto_state, "datetime", _IsoTexts)
        patch(IsTimestamp, "string_to_timestamp", staticmethod(_timestamp))
        patch(WaitFunction, "_wait_interval", _wait_interval_of(wait_scale))
        patch(
            StateTaskService,
            "from_state_props",
            _from_state_props_of(StateTaskService.from_state_props, wait_scale),
        )
        patch(retrier_decl, "time", SimpleNamespace(sleep=sleep))
        patch(
            state_task_service_callback,
            "_DELAY_SECONDS_SYNC_CONDITION_CHECK",
            END_OF_CHILD_NOTICED_WITHIN,
        )
        patch(
            lambda_eval_utils,
            "execute_lambda_function_integration",
            partial(_invoke, integrations),
        )
        patch(StateTaskLambda, "_from_error", _from_error_of(StateTaskLambda._from_error))
        replaced = {"boto_client_for": partial(_client, integrations), "extract_json": _extract}
        for name, function in replaced.items():
            for module in _importers(name):
                patch(module, name, function)
        patches.callback(interpreter_log.setLevel, level)
        interpreter_log.setLevel(logging.CRITICAL)
        yield machines


def _importers(name: str) -> list[ModuleType]:
    """The interpreter's modules that have imported this function."""
    loaded = [module for module in sys.modules if module.startswith("moto.stepfunctions.")]
    return [sys.modules[module] for module in loaded if name in vars(sys.modules[module])]


def _is_error(candidate: object) -> bool:
    return isinstance(candidate, type) and issubclass(candidate, AWSError)


def _enter(patches: ExitStack, owner: Any, name: str, value: Any) -> None:
    patches.enter_context(patched(owner, name, value))


def _client(
    integrations: Integrations, region: str, service: str, state_credentials: Any = None
) -> Any:
    """moto makes a new client, of nobody in particular, for each call."""
    return integrations.client(state_credentials.role_arn, service)


_INDEFINITE = re.compile(r"\.\.|\[\s*(?:\*|\?|[^\]'\"]*[:,])|\.\*")
"""What makes a path one to any number of values, which are a list even when there is one."""

_parsed_path = lru_cache(maxsize=1024)(json_path.parse)
"""Parsing takes longer than everything else that a state does."""


def _extract(path: str, data: Any) -> Any:
    """The value at a JSONPath. moto makes `$.list[0].name` a list of one."""
    values = [match.value for match in _parsed_path(path).find(data)]
    if _INDEFINITE.search(path):
        return values
    if not values:
        raise json_path.NoSuchJsonPathError(json_path=path, data=data)
    return values[0]


def _wait_interval_of(wait_scale: float) -> Callable[..., None]:
    def _wait_interval(self: WaitFunction, env: Environment, wait_seconds: float) -> None:
        """moto waits whole seconds and can miss that it was stopped."""
        until = time.monotonic() + wait_seconds * wait_scale
        while env.is_running() and (remaining := until - time.monotonic()) > 0:
            env.program_state_event.wait(min(remaining, STOP_NOTICED_WITHIN))

    return _wait_interval


class _ScaledTimeout(Timeout):
    """Of a task that waits for its token: nothing runs meanwhile that would need its real time."""

    def __init__(self, timeout: Timeout, scale: float) -> None:
        super().__init__()
        self._timeout = timeout
        self._scale = scale

    def is_default_value(self) -> bool:
        return bool(self._timeout.is_default_value())

    def _eval_seconds(self, env: Environment) -> float:
        return float(self._timeout._eval_seconds(env)) * self._scale


def _from_state_props_of(original: Callable[..., None], scale: float) -> Callable[..., None]:
    def from_state_props(self: StateTaskService, state_props: Any) -> None:
        original(self, state_props)
        if self.resource.condition == ResourceCondition.WaitForTaskToken:
            self.timeout = _ScaledTimeout(self.timeout, scale)

    return from_state_props


_parse_text = AmazonStateLanguageParser.parse


@lru_cache(maxsize=64)
def _tree_of(definition: str) -> Any:
    return _parse_text(definition)[1]


def _parse(definition: str) -> tuple[Any, Any]:
    """moto reads the text anew for each execution, which takes longer than most of them. What is
    executed is made anew: it may keep what one execution did."""
    tree = _tree_of(definition)
    return Preprocessor().visit(tree), tree


def _set_error_of(original: Callable[..., None]) -> Callable[..., None]:
    def set_error(self: Environment, error: Any) -> None:
        """moto lets a state that fails after StopExecution turn ABORTED into FAILED."""
        with self._state_mutex:
            if self._program_state is None or isinstance(self._program_state, ProgramRunning):
                original(self, error)

    return set_error


def _thread_routine_of(original: Callable[..., None]) -> Callable[..., None]:
    def _thread_routine(self: BranchWorker) -> None:
        """moto fails in a branch that was stopped before it began, and then waits for it."""
        try:
            original(self)
        except RuntimeError:
            if self.env.is_running():
                raise
            self._branch_worker_comm.on_terminated(env=self.env)

    return _thread_routine


def _add_event_of(original: Callable[..., int]) -> Callable[..., int]:
    closing = threading.Lock()

    def add_event(
        self: EventManager, context: Any, event_type: HistoryEventType, *args: Any, **kwargs: Any
    ) -> int:
        """Nothing happens in an execution after it has ended."""
        with closing:
            if getattr(self, "closed", False):
                return 0
            self.closed = event_type in _LAST_EVENTS
        return original(self, context, event_type, *args, **kwargs)

    return add_event


def _add_last_event(environment: Environment, kind: HistoryEventType, **details: Any) -> None:
    environment.event_manager.add_event(
        context=environment.event_history_context,
        event_type=kind,
        event_details=EventDetails(**details),
    )


def _is_caught_of(original: Callable[..., None]) -> Callable[..., None]:
    def _eval_body(self: ErrorEqualsDecl, env: Environment) -> None:
        """States.ALL matches neither of two errors that nothing can be done about (W08, W09)."""
        error = env.stack[-1]
        original(self, env)
        if error in _UNCAUGHT and error not in self.error_names:
            env.stack[-1] = False

    return _eval_body


def _normalise_parameters(
    self: StateTaskService,
    parameters: dict[str, Any],
    boto_service_name: str | None = None,
    service_action_name: str | None = None,
) -> None:
    """ASL spells parameters in PascalCase, some APIs (Step Functions' own) in camelCase."""
    service = self._get_boto_service_name(boto_service_name)
    operation = (service_action_name or self.resource.api_action).replace("_", "").lower()
    model = model_of(service)
    names = {name.lower(): name for name in model.operation_names}
    shape = model.operation_model(names[operation]).input_shape
    members = shape.members if shape else {}
    for name in list(parameters):
        in_camel_case = name[0].lower() + name[1:]
        if name not in members and in_camel_case in members:
            parameters[in_camel_case] = parameters.pop(name)


def _normalise_response(
    self: StateTaskService,
    response: Any,
    boto_service_name: str | None = None,
    service_action_name: str | None = None,
) -> None:
    """And the answer's members."""
    if not isinstance(response, dict):
        return
    for name, value in list(response.items()):
        del response[name]
        response[name[0].upper() + name[1:]] = _iso(value) if isinstance(value, datetime) else value


class _IsoTexts:
    """In place of the datetime module where moto takes a state's EnteredTime from: ends in Z."""

    timezone = timezone

    class datetime:  # noqa: N801
        @staticmethod
        def now(tz: timezone) -> SimpleNamespace:
            moment = datetime.now(tz)
            return SimpleNamespace(isoformat=lambda: _iso(moment))


_RFC_3339 = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?(Z|[+-]\d\d:\d\d)")


def _timestamp(text: object) -> datetime | None:
    """A Choice compares what the context object has, too: moto knows no fractions of a second."""
    if not isinstance(text, str) or not _RFC_3339.fullmatch(text):
        return None
    try:
        return datetime.fromisoformat(text)
    except ValueError:
        return None


def _iso(moment: datetime) -> str:
    return moment.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


class _LambdaError(Exception):
    """An error of Lambda itself, not of the function, by its name in Step Functions."""

    def __init__(self, name: str, cause: str) -> None:
        super().__init__(cause)
        self.name = name
        self.cause = cause


def _invoke(
    integrations: Integrations,
    *,
    env: Environment,
    parameters: dict[str, Any],
    region: str,
    state_credentials: Any,
) -> None:
    payload = parameters["Payload"]
    try:
        outcome = integrations.invoke(
            state_credentials.role_arn,
            parameters["FunctionName"],
            payload.decode() if isinstance(payload, bytes) else json.dumps(payload),
        )
    except FunctionNotFoundError as error:
        raise _LambdaError("Lambda.ResourceNotFoundException", str(error)) from error
    except PayloadTooLargeError as error:
        raise _LambdaError("Lambda.RequestTooLargeException", str(error)) from error
    except AccessDeniedError as error:
        raise _LambdaError("Lambda.AWSLambdaException", str(error)) from error
    if outcome.error:
        if "errorType" not in json.loads(outcome.payload):
            # A function that ran out of time or memory says nothing about itself (W11).
            cause = (
                "The cause could not be determined because Lambda did not return an error type. "
                f"Returned payload: {outcome.payload}"
            )
            raise _LambdaError("Lambda.Unknown", cause)
        raise lambda_eval_utils.LambdaFunctionErrorException(outcome.error, outcome.payload)
    env.stack.append(
        {
            "ExecutedVersion": outcome.version,
            "Payload": json.loads(outcome.payload),
            "StatusCode": 200,
        }
    )


def _from_error_of(original: Callable[..., FailureEvent]) -> Callable[..., FailureEvent]:
    def _from_error(self: StateTaskLambda, env: Environment, ex: Exception) -> FailureEvent:
        if not isinstance(ex, _LambdaError):
            return original(self, env, ex)
        return FailureEvent(
            env=env,
            error_name=CustomErrorName(ex.name),
            event_type=HistoryEventType.LambdaFunctionFailed,
            event_details=EventDetails(
                lambdaFunctionFailedEventDetails={"error": ex.name, "cause": ex.cause}
            ),
        )

    return _from_error
