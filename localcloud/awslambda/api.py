"""moto's Lambda service with functions that run: Invoke goes to the workers."""

from __future__ import annotations

import base64
import json
from collections.abc import Callable, Iterator, Mapping, MutableMapping
from contextlib import contextmanager
from dataclasses import replace
from typing import Any, Protocol
from urllib.parse import unquote

from moto.awslambda.exceptions import UnknownEventConfig, UnknownFunctionException
from moto.awslambda.models import EventInvokeConfig, LambdaAlias, LambdaFunction
from moto.awslambda.policy import Policy
from moto.awslambda.responses import LambdaResponse
from moto.awslambda_simple.models import LambdaSimpleBackend, lambda_simple_backends
from moto.core.config import default_user_config
from moto.core.exceptions import JsonRESTError
from moto.core.responses import ActionResult

from localcloud.awslambda.function import VpcConfig
from localcloud.awslambda.names import LATEST, FunctionName
from localcloud.awslambda.obstacles import InvocationRefusedError
from localcloud.awslambda.workers import (
    MAX_ASYNC_PAYLOAD,
    FunctionNotFoundError,
    PayloadTooLargeError,
    Workers,
)
from localcloud.moto_changes.patching import all_patched


class AsyncInvoker(Protocol):
    def __call__(self, function_arn: str, payload: str) -> None:
        """Accepts an event for later. It is retried, and may end at a failure destination.

        The settings of the ARN's version or alias apply."""


class RequestTooLargeError(JsonRESTError):
    code = 413

    def __init__(self, message: str) -> None:
        super().__init__("RequestTooLargeException", message)


class RefusedError(JsonRESTError):
    """Lambda itself answers with an error and does not run the function."""

    def __init__(self, refused: InvocationRefusedError) -> None:
        super().__init__(refused.code, str(refused))
        self.code = refused.status


class Backend(LambdaSimpleBackend):
    """moto's Lambda, with functions that run in the workers."""

    workers: Workers
    invoke_later: AsyncInvoker

    def __init__(self, region_name: str, account_id: str) -> None:
        super().__init__(region_name, account_id)
        self.event_invoke_configs: dict[FunctionName, EventInvokeConfig] = {}

    def invoke(
        self,
        function_name: str,
        qualifier: str | None,
        body: Any,
        headers: Mapping[str, str],
        response_headers: MutableMapping[str, str],
    ) -> str | bytes | None:
        name = FunctionName.of(function_name, qualifier)
        payload = body.decode() if isinstance(body, bytes) else (body or "{}")
        kind = headers.get("X-Amz-Invocation-Type", "RequestResponse")
        try:
            function = self.workers.find(name.name, name.qualifier)
            if kind == "DryRun":
                return b""
            if kind == "Event":
                if len(payload.encode()) > MAX_ASYNC_PAYLOAD:
                    raise PayloadTooLargeError(f"more than {MAX_ASYNC_PAYLOAD} bytes")
                self.invoke_later(name.arn(self.region_name, self.account_id), payload)
                return b""
            self.workers.obstacles.meet(function)
            trace_id = headers.get("X-Amzn-Trace-Id", "")
            outcome = self.workers.invoke(name.name, payload, trace_id, name.qualifier)
        except FunctionNotFoundError:
            arn = name.arn(self.region_name, self.account_id)
            raise UnknownFunctionException(arn) from None
        except PayloadTooLargeError as error:
            raise RequestTooLargeError(str(error)) from None
        except InvocationRefusedError as error:
            raise RefusedError(error) from None
        response_headers["x-amz-executed-version"] = outcome.version
        if outcome.error:
            response_headers["x-amz-function-error"] = outcome.error
            message = json.loads(outcome.payload).get("errorMessage", "")
            response_headers["x-amz-log-result"] = base64.b64encode(message.encode()).decode()
        return outcome.payload.encode()

    def publish_version(self, function_name: str, description: str = "") -> LambdaFunction | None:
        """Returns the latest version if nothing has changed (Lambda's API reference,
        PublishVersion)."""
        name = FunctionName.of(function_name).name
        published = [str(known.version) for known in self.list_versions_by_function(name)][1:]
        if published and self.workers.has_new_code(name, published[-1]):
            self.get_function(name).code_or_config_updated = True
        made = super().publish_version(function_name, description)
        if made is not None and str(made.version) not in published:
            self.workers.publish(name, str(made.version))
        return made

    def create_alias(self, **given: Any) -> LambdaAlias:
        return self._pointed(super().create_alias(**_unsplit(given)), given)

    def update_alias(self, **given: Any) -> LambdaAlias:
        return self._pointed(super().update_alias(**_unsplit(given)), given)

    def _pointed(self, alias: LambdaAlias, given: Mapping[str, Any]) -> LambdaAlias:
        name = FunctionName.of(given["function_name"]).name
        self.workers.point(name, alias.name, alias.function_version)
        return alias

    def delete_alias(self, name: str, function_name: str) -> None:
        super().delete_alias(name, function_name)
        self.workers.point(FunctionName.of(function_name).name, name, None)

    def update_function_configuration(
        self, function_name: str, qualifier: str, body: dict[str, Any]
    ) -> dict[str, Any] | None:
        """Updates $LATEST; published versions do not change."""
        answer = super().update_function_configuration(function_name, qualifier, body)
        function = self.get_function(function_name)
        vpc = body.get("VpcConfig")
        known = self.workers.find(function.function_name)
        self.workers.register(
            replace(
                known,
                handler=function.handler,
                role_arn=function.role,
                timeout=float(function.timeout),
                memory=int(function.memory_size),
                environment=dict(function.environment_vars or {}),
                vpc=_vpc_of(vpc) if vpc is not None else known.vpc,
            )
        )
        return answer

    def update_function_code(
        self, function_name: str, qualifier: str, body: dict[str, Any]
    ) -> dict[str, Any] | None:
        raise NotImplementedError("a function's code is what its CodeUri directory holds")

    def delete_function(self, function_name: str, qualifier: str | None = None) -> None:
        name = FunctionName.of(function_name, qualifier)
        if name.qualifier:
            raise NotImplementedError("versions are deleted with their function only")
        super().delete_function(function_name, qualifier)
        self.workers.forget(name.name)
        for configured in [key for key in self.event_invoke_configs if key.name == name.name]:
            del self.event_invoke_configs[configured]

    def add_permission(self, function_name: str, qualifier: str, raw: str) -> dict[str, Any]:
        """Applies to the version or alias in the name; moto reads only the Qualifier."""
        name = FunctionName.of(function_name, qualifier)
        statement: dict[str, Any] = super().add_permission(name.name, name.qualifier, raw)
        return statement

    def get_policy(self, function_name: str, qualifier: str | None = None) -> str:
        """Each version and alias has its own policy; moto has one for all."""
        name = FunctionName.of(function_name, qualifier)
        everything = self.get_function(name.name, name.qualifier).policy
        own = Policy(everything.parent)
        own.revision = everything.revision
        arn = name.arn(self.region_name, self.account_id)
        own.statements = [one for one in everything.statements if one["Resource"] == arn]
        return str(own.wire_format())


@contextmanager
def functions_run(workers: Workers, invoke_later: AsyncInvoker) -> Iterator[None]:
    """While entered, moto's Lambda runs the functions that are registered with the workers."""

    class RunningBackend(Backend):
        pass

    RunningBackend.workers = workers
    RunningBackend.invoke_later = staticmethod(invoke_later)
    RunningBackend.__module__ = LambdaSimpleBackend.__module__
    with all_patched(
        (
            (lambda_simple_backends, "backend", RunningBackend),
            (default_user_config, "lambda", {"use_docker": False}),
            (LambdaResponse, "invoke", _invoke_of(LambdaResponse.invoke)),
            (LambdaResponse, "put_function_event_invoke_config", _put_event_invoke_config),
            (LambdaResponse, "update_function_event_invoke_config", _update_event_invoke_config),
            (LambdaResponse, "get_function_event_invoke_config", _get_event_invoke_config),
            (LambdaResponse, "delete_function_event_invoke_config", _delete_event_invoke_config),
        )
    ):
        yield


def _unsplit(alias: Mapping[str, Any]) -> Mapping[str, Any]:
    if alias["routing_config"]:
        raise NotImplementedError("an alias stands for one version: it splits no traffic here")
    return alias


def _invoke_of(original: Callable[..., Any]) -> Callable[..., Any]:
    def invoke(self: LambdaResponse) -> Any:
        """moto looks for the Qualifier under another name."""
        if "Qualifier" in self.querystring:
            self.querystring["qualifier"] = self.querystring["Qualifier"]
        return original(self)

    return invoke


def _vpc_of(config: Mapping[str, Any]) -> VpcConfig | None:
    if not config.get("SubnetIds"):
        return None
    return VpcConfig(tuple(config["SubnetIds"]), tuple(config["SecurityGroupIds"]))


# Asynchronous invocation is configured for each version and alias; moto has one configuration for
# the whole function.


def _put_event_invoke_config(self: LambdaResponse) -> ActionResult:
    return _set_event_invoke_config(self, {})


def _update_event_invoke_config(self: LambdaResponse) -> ActionResult:
    return _set_event_invoke_config(self, _event_invoke_config(self).config)


def _get_event_invoke_config(self: LambdaResponse) -> ActionResult:
    return ActionResult(_event_invoke_config(self).response())


def _delete_event_invoke_config(self: LambdaResponse) -> tuple[int, dict[str, int], str]:
    _event_invoke_config(self)
    del self.backend.event_invoke_configs[_configured(self)]
    return 204, {"status": 204}, ""


def _set_event_invoke_config(self: LambdaResponse, kept: Mapping[str, Any]) -> ActionResult:
    name = _configured(self)
    function = self.backend.get_function(name.name, name.qualifier)
    arn = name.arn(self.region, self.current_account)
    config = EventInvokeConfig(arn, function.last_modified, {**kept, **self.json_body})
    self.backend.event_invoke_configs[name] = config
    return ActionResult(config.response())


def _event_invoke_config(self: LambdaResponse) -> EventInvokeConfig:
    name = _configured(self)
    self.backend.get_function(name.name, name.qualifier)
    if name not in self.backend.event_invoke_configs:
        raise UnknownEventConfig(name.arn(self.region, self.current_account))
    return self.backend.event_invoke_configs[name]


def _configured(self: LambdaResponse) -> FunctionName:
    """Without a qualifier, that of $LATEST (Lambda's API reference,
    PutFunctionEventInvokeConfig)."""
    text = unquote(self.path.rsplit("/", 2)[1])
    name = FunctionName.of(text, self.querystring.get("Qualifier", [None])[0])
    return name if name.qualifier else replace(name, qualifier=LATEST)
