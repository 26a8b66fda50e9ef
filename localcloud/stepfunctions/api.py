"""moto's Step Functions API, with AWS's rules for names, input, tokens and stopping."""

from __future__ import annotations

import uuid
from collections.abc import Callable, Iterator
from datetime import UTC, datetime

from moto.core.config import default_user_config
from moto.core.exceptions import AWSError
from moto.core.responses import ActionResult
from moto.stepfunctions.exceptions import InvalidToken, ValidationException
from moto.stepfunctions.parser import api as parser_api
from moto.stepfunctions.parser import models as parser_models
from moto.stepfunctions.parser.api import ExecutionStatus
from moto.stepfunctions.parser.asl.eval.callback import callback
from moto.stepfunctions.responses import StepFunctionResponse

from localcloud.moto_changes.patching import Patch
from localcloud.paging import InvalidTokenError, page
from localcloud.stepfunctions.executions import Execution, redriving

MAX_INPUT = 262_144
"""Bytes of an execution's input and of a state's data (quotas of Step Functions)."""

EVENTS_A_PAGE = 100
"""Where maxResults is not given, or 0 (API reference, GetExecutionHistory)."""


def patches() -> Iterator[Patch]:
    yield default_user_config, "stepfunctions", {"execute_state_machine": True}
    yield parser_models.stepfunctions_parser_backends, "backend", Backend
    yield StepFunctionResponse, "stop_execution", _stop_execution
    yield StepFunctionResponse, "describe_execution", _describe_execution
    list_executions = _list_executions_of(StepFunctionResponse.list_executions)
    yield StepFunctionResponse, "list_executions", list_executions
    yield StepFunctionResponse, "get_execution_history", _get_execution_history
    for error in vars(parser_api).values():
        # The interpreter's errors have a code that moto leaves out of the response.
        if isinstance(code := vars(error).get("code") if _is_error(error) else None, str):
            yield error, "TYPE", code


def _is_error(candidate: object) -> bool:
    return isinstance(candidate, type) and issubclass(candidate, AWSError)


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
    """moto's executing backend with AWS's rules for names, input, tokens and stopping."""

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

    def machine_of(self, task_token: str) -> str | None:
        """The ARN of the state machine whose execution gave out the token; None if none did."""
        for execution, _ in self._endpoints(task_token):
            return str(execution.state_machine_arn)
        return None

    def _waiting(self, task_token: str) -> callback.CallbackEndpoint:
        """The task that waits for this token. If none does, AWS distinguishes two cases."""
        for execution, endpoint in self._endpoints(task_token):
            gone = endpoint.consumer_error is not None or endpoint.get_outcome() is not None
            if gone or execution.exec_status != ExecutionStatus.RUNNING:
                raise TaskTimedOutError("Task Timed Out: 'Provided task does not exist anymore'")
            return endpoint
        raise InvalidToken("'Invalid token'")

    def _endpoints(self, task_token: str) -> Iterator[tuple[Execution, callback.CallbackEndpoint]]:
        for execution in self._get_executions():
            environment = execution.exec_worker.env
            if environment is None:
                continue
            if endpoint := environment.callback_pool_manager.get(task_token):
                yield execution, endpoint


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
    described = {**execution.to_describe_output(), **redriving(execution)}
    return ActionResult({key: value for key, value in described.items() if value is not None})


def _get_execution_history(self: StepFunctionResponse) -> ActionResult:
    """moto gives all events at once, the oldest first."""
    history = self.stepfunction_backend.get_execution_history(self._get_param("executionArn"))
    try:
        events, token = page(
            history["events"],
            key=lambda event: f"{event['id']:06}",
            size=self._get_param("maxResults") or EVENTS_A_PAGE,
            token=self._get_param("nextToken"),
            descending=bool(self._get_param("reverseOrder")),
        )
    except InvalidTokenError as error:
        raise InvalidToken(f"'{error}'") from None
    return ActionResult({"events": events} | ({"nextToken": token} if token else {}))


def _list_executions_of(original: Callable[..., ActionResult]) -> Callable[..., ActionResult]:
    def list_executions(self: StepFunctionResponse) -> ActionResult:
        """moto omits the stop date of executions that timed out."""
        listed = original(self)
        for item in listed.result["executions"]:
            execution = self.stepfunction_backend.describe_execution(item["executionArn"])
            if execution.stop_date:
                item["stopDate"] = execution.stop_date
        return listed

    return list_executions


Backend.__module__ = parser_models.StepFunctionsParserBackend.__module__
