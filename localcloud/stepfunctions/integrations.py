"""What a state machine's tasks call, with the machine's role."""

from __future__ import annotations

import json
import uuid
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import datetime
from functools import partial
from typing import Any

from botocore.exceptions import ClientError
from moto.stepfunctions.parser.api import HistoryEventType, TaskFailedEventDetails
from moto.stepfunctions.parser.asl.component.common.error_name.custom_error_name import (
    CustomErrorName,
)
from moto.stepfunctions.parser.asl.component.common.error_name.failure_event import FailureEvent
from moto.stepfunctions.parser.asl.component.state.exec.state_task import lambda_eval_utils
from moto.stepfunctions.parser.asl.component.state.exec.state_task.service.state_task_service import (  # noqa: E501
    StateTaskService,
)
from moto.stepfunctions.parser.asl.component.state.exec.state_task.service.state_task_service_lambda import (  # noqa: E501
    StateTaskServiceLambda,
)
from moto.stepfunctions.parser.asl.component.state.exec.state_task.service.state_task_service_sfn import (  # noqa: E501
    StateTaskServiceSfn,
)
from moto.stepfunctions.parser.asl.component.state.exec.state_task.state_task_lambda import (
    StateTaskLambda,
)
from moto.stepfunctions.parser.asl.eval.environment import Environment
from moto.stepfunctions.parser.asl.eval.event.event_detail import EventDetails

from localcloud.awslambda.names import LATEST, FunctionName
from localcloud.awslambda.obstacles import InvocationRefusedError
from localcloud.awslambda.workers import FunctionNotFoundError, Outcome, PayloadTooLargeError
from localcloud.endpoint.calls import model_of
from localcloud.moto_changes.patching import Patch
from localcloud.stepfunctions.importers import importers
from localcloud.stepfunctions.moments import iso_text


@dataclass(frozen=True)
class Integrations:
    """What state machines call, with their roles."""

    invoke: Callable[[str, str, str], Outcome]
    """(role ARN, function ARN, payload) -> the function's answer."""
    client: Callable[[str, str], Any]
    """(role ARN, service) -> a boto3 client with that role's credentials."""


class AccessDeniedError(Exception):
    """The state machine's role may not invoke the function. The message is AWS's."""


def patches(integrations: Integrations) -> Iterator[Patch]:
    yield StateTaskService, "_normalise_parameters", _normalise_parameters
    yield StateTaskService, "_normalise_response", _normalise_response
    invoke = partial(_invoke, integrations)
    yield lambda_eval_utils, "execute_lambda_function_integration", invoke
    yield StateTaskLambda, "_from_error", _from_error_of(StateTaskLambda._from_error)
    invoke_error = _from_invoke_error_of(StateTaskServiceLambda._from_error)
    yield StateTaskServiceLambda, "_from_error", invoke_error
    yield StateTaskServiceSfn, "_from_error", _from_start_error_of(StateTaskServiceSfn._from_error)
    for module in importers("boto_client_for"):
        yield module, "boto_client_for", partial(_client, integrations)


def _client(
    integrations: Integrations, region: str, service: str, state_credentials: Any = None
) -> Any:
    """moto makes a new client, without credentials of its own, for each call."""
    return integrations.client(state_credentials.role_arn, service)


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
    """Likewise for the members of a response."""
    if not isinstance(response, dict):
        return
    for name, value in list(response.items()):
        del response[name]
        response[_pascal_case(name)] = _as_answered(name, value)


def _as_answered(name: str, value: Any) -> Any:
    """A child's input and output are its own; only AWS's members are spelt in PascalCase."""
    if isinstance(value, datetime):
        return iso_text(value)
    if name in ("inputDetails", "outputDetails"):
        return {_pascal_case(inner): item for inner, item in value.items()}
    return value


def _pascal_case(name: str) -> str:
    return name[0].upper() + name[1:]


class _LambdaError(Exception):
    """An error of Lambda itself, not of the function, by its name in Step Functions."""

    def __init__(self, name: str, cause: str) -> None:
        super().__init__(cause)
        self.name = name
        self.cause = cause


def _refused(code: str, status: int, message: str) -> _LambdaError:
    """Formats Lambda's own errors as executions show them (localstack/localstack@8b9a79f,
    test_task_service_lambda.snapshot.json, recorded on AWS 2025-11-25)."""
    cause = f"{message} ({_answered_by('AWSLambda', status, code, str(uuid.uuid4()))})"
    return _LambdaError(f"Lambda.{code}", cause)


def _answered_by(service: str, status: int, code: str, request_id: str) -> str:
    details = f"Service: {service}; Status Code: {status}; Error Code: {code}"
    return f"{details}; Request ID: {request_id}; Proxy: null"


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
        arn = parameters["FunctionName"]
        whole = arn if FunctionName.of(arn).qualifier else f"{arn}:{LATEST}"
        raise _refused("ResourceNotFoundException", 404, f"Function not found: {whole}") from error
    except PayloadTooLargeError as error:
        raise _refused("RequestTooLargeException", 413, str(error)) from error
    except InvocationRefusedError as error:
        raise _refused(error.code, error.status, str(error)) from error
    except AccessDeniedError as error:
        raise _LambdaError("Lambda.AWSLambdaException", str(error)) from error
    if outcome.error:
        if "errorType" not in json.loads(outcome.payload):
            # The answer of functions that timed out, until 2024.
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


def _from_invoke_error_of(
    original: Callable[..., FailureEvent],
) -> Callable[..., FailureEvent]:
    def _from_error(self: StateTaskServiceLambda, env: Environment, ex: Exception) -> FailureEvent:
        if not isinstance(ex, _LambdaError):
            return original(self, env, ex)
        return _task_failed(self, env, ex.name, ex.cause)

    return _from_error


def _from_start_error_of(original: Callable[..., FailureEvent]) -> Callable[..., FailureEvent]:
    def _from_error(self: StateTaskServiceSfn, env: Environment, ex: Exception) -> FailureEvent:
        """Named after the SDK's class: <code>Exception, or the service's own class for an error
        without one, such as throttling (assumed: no recording of such a failure was found)."""
        if not isinstance(ex, ClientError):
            return original(self, env, ex)
        code, answer = ex.response["Error"]["Code"], ex.response["ResponseMetadata"]
        classes = {shape.name for shape in model_of("stepfunctions").error_shapes}
        known = code if code in classes else "AWSStepFunctions"
        name = f"StepFunctions.{known.removesuffix('Exception')}Exception"
        status, request_id = answer["HTTPStatusCode"], answer.get("RequestId", "")
        details = _answered_by("AWSStepFunctions", status, code, request_id)
        return _task_failed(self, env, name, f"{ex.response['Error']['Message']} ({details})")

    return _from_error


def _task_failed(self: StateTaskService, env: Environment, name: str, cause: str) -> FailureEvent:
    details = TaskFailedEventDetails(
        error=name,
        cause=cause,
        resource=self._get_sfn_resource(),
        resourceType=self._get_sfn_resource_type(),
    )
    return FailureEvent(
        env=env,
        error_name=CustomErrorName(name),
        event_type=HistoryEventType.TaskFailed,
        event_details=EventDetails(taskFailedEventDetails=details),
    )
