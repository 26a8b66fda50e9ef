"""Lambda functions as warm worker processes.

A worker is one execution environment: `worker_main.py` in a process whose environment has only the
function's own variables and those that Lambda sets. It starts at the first invocation, is kept for
the next one, and is killed and replaced when the function runs out of time.
"""

from __future__ import annotations

import json
import os
import signal
import time
import uuid
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Literal, Protocol

from localcloud.awslambda.function import Function, VpcConfig
from localcloud.awslambda.names import LATEST, FunctionName
from localcloud.awslambda.obstacles import Obstacles
from localcloud.awslambda.pool import Pool
from localcloud.awslambda.published_code import PublishedCode
from localcloud.awslambda.worker import Worker, WorkerEndedError, WorkerTimedOutError
from localcloud.awslambda.worker_processes import ENVIRONMENT, WorkerProcesses
from localcloud.credentials import Credentials

MAX_PAYLOAD = 6 * 1024 * 1024
"""Bytes of a synchronous request or response (AWS Lambda quotas)."""
MAX_ASYNC_PAYLOAD = 1024 * 1024
"""Bytes of an asynchronous request (AWS Lambda quotas; 256 KiB until 2025)."""


@dataclass(frozen=True)
class Route:
    """Where a function's TCP connection to an address outside AWS leads."""

    outcome: Literal["connected", "refused", "timed_out", "unreachable", "unknown_host"]
    path: Path | None = None
    """The Unix socket that stands for the address, when connected."""


class Routes(Protocol):
    def __call__(self, function: Function, host: str, port: int) -> Route: ...


class LogSink(Protocol):
    def __call__(self, function: Function, stream: str, events: list[tuple[int, str]]) -> None:
        """Lines with their time in milliseconds since the epoch."""


class FunctionNotFoundError(Exception):
    """No function of this name or ARN is registered."""


class PayloadTooLargeError(Exception):
    """A request is larger than Lambda accepts."""


@dataclass(frozen=True)
class Outcome:
    """The answer to Invoke: a payload, and whether it is an error."""

    payload: str
    error: str | None = None
    """"Unhandled" when the payload is an error object ({errorType, errorMessage, ...})."""
    version: str = LATEST
    """Of the function that was executed."""


class Workers:
    """All functions of the account, and the processes that run them."""

    def __init__(
        self,
        *,
        endpoint: tuple[str, int],
        region: str,
        credentials: Credentials,
        routes: Routes,
        logs: LogSink,
        wait_scale: float = 1.0,
        ahead: Callable[[], float] = lambda: 0.0,
        limit_per_function: int = 10,
    ) -> None:
        self._endpoint = endpoint
        self._region = region
        self._credentials = credentials
        self._routes = routes
        self._logs = logs
        self._wait_scale = wait_scale
        self._ahead = ahead
        self._limit = limit_per_function
        self.obstacles = Obstacles()
        self._published = PublishedCode()
        self._processes = WorkerProcesses()
        self._functions: dict[tuple[str, str], Function] = {}
        """By name and version."""
        self._aliases: dict[tuple[str, str], str] = {}
        """Name and alias -> version."""
        self._pools: dict[tuple[str, str], Pool] = {}
        self._retired: list[Pool] = []
        """Pools of replaced or deleted functions, which may still be running something."""

    def register(self, function: Function) -> None:
        """Makes it invocable; replaces one of this name and version and ends its processes."""
        key = (function.name, function.version)
        self._retire(key)
        self._functions[key] = function
        self._pools[key] = Pool(self._limit)

    def publish(self, name: str, version: str) -> None:
        """Keeps the present $LATEST, including its code, as this version."""
        latest = self.find(name)
        self.register(replace(latest, version=version, code=self._published.copy_of(latest.code)))

    def has_new_code(self, name: str, version: str) -> bool:
        """Whether $LATEST's code differs from this version's."""
        return self._published.copy_of(self.find(name).code) != self.find(name, version).code

    def point(self, name: str, alias: str, version: str | None) -> None:
        """Points an alias to a version from now on; None deletes the alias."""
        if version is None:
            self._aliases.pop((name, alias), None)
        else:
            self._aliases[name, alias] = version

    def forget(self, name: str) -> None:
        """Deletes a function with its versions and aliases. What is running finishes."""
        for key in [key for key in self._functions if key[0] == name]:
            del self._functions[key]
            self._retire(key)
        for alias in [key for key in self._aliases if key[0] == name]:
            del self._aliases[alias]

    def _retire(self, key: tuple[str, str]) -> None:
        if pool := self._pools.pop(key, None):
            self._retired.append(pool)
            pool.retire()

    def find(self, name_or_arn: str, qualifier: str | None = None) -> Function:
        """Finds one by name, ARN, or partial ARN, with or without a version or alias.

        Raises FunctionNotFoundError, also if the function has no such version or alias."""
        name = FunctionName.of(name_or_arn, qualifier)
        wanted = name.qualifier or LATEST
        version = self._aliases.get((name.name, wanted), wanted)
        try:
            return self._functions[name.name, version]
        except KeyError:
            raise FunctionNotFoundError(f"Function not found: {name.resource}") from None

    def vpc_configs(self) -> list[VpcConfig]:
        """Of the functions and versions that are in a VPC."""
        return [function.vpc for function in list(self._functions.values()) if function.vpc]

    def invoke(
        self,
        name_or_arn: str,
        payload: str,
        trace_id: str = "",
        qualifier: str | None = None,
    ) -> Outcome:
        """Runs a function and waits for its answer.

        Raises FunctionNotFoundError and PayloadTooLargeError; whatever goes wrong in the function
        itself is an Outcome with an error."""
        function = self.find(name_or_arn, qualifier)
        asked_for = FunctionName.of(name_or_arn, qualifier).qualifier
        if len(payload.encode()) > MAX_PAYLOAD:
            raise PayloadTooLargeError(
                f"{function.name} was invoked with more than {MAX_PAYLOAD} bytes"
            )
        request_id = str(uuid.uuid4())
        worker: Worker | None = None
        started = time.time()
        try:
            pool = self._pools[function.name, function.version]
            with pool.worker(lambda: self._start(function)) as worker:
                if not worker.used and (failure := worker.wait_until_ready()):
                    raise _InitFailedError(failure)
                started = time.time()
                reply = worker.invoke(
                    {
                        "request_id": request_id,
                        "arn": f"{function.arn}:{asked_for}" if asked_for else function.arn,
                        "payload": payload or "{}",
                        "deadline": started + function.timeout,
                        "ahead": self._ahead(),
                        "trace_id": trace_id or _new_trace_id(started),
                    },
                    function.timeout,
                )
                self._write_log(function, worker, request_id, started)
                return replace(_outcome_of(reply), version=function.version)
        except _InitFailedError as error:
            outcome = _failed(error.failure)
        except WorkerTimedOutError:
            words = f"Task timed out after {function.timeout:.2f} seconds"
            outcome = _crashed("Sandbox.Timedout", request_id, words)
        except WorkerEndedError:
            assert worker
            outcome = _crashed(*_end_of_runtime(request_id, worker.exit_code))
        assert worker
        message = json.loads(outcome.payload)["errorMessage"]
        worker.output.append((int(time.time() * 1000), message))
        self._write_log(function, worker, request_id, started)
        return replace(outcome, version=function.version)

    def processes(self, name: str) -> list[int]:
        """The ids of a function's worker processes, including its versions'."""
        pools = [pool for key, pool in self._pools.items() if key[0] == name]
        return [process for pool in pools for process in pool.processes()]

    def close(self) -> None:
        """Ends every worker; none is left when this returns."""
        for pool in (*self._pools.values(), *self._retired):
            pool.close()
        self._processes.close()
        self._published.close()

    def _start(self, function: Function) -> Worker:
        stream = f"{datetime.now(UTC):%Y/%m/%d}/[{function.version}]{uuid.uuid4().hex}"
        settings = {"endpoint": self._endpoint, "wait_scale": self._wait_scale}

        def answer_route(host: str, port: int) -> dict[str, str | None]:
            route = self._routes(function, host, port)
            return {"outcome": route.outcome, "path": str(route.path) if route.path else None}

        environment = self._environment(function, stream)
        return Worker(function, environment, settings, answer_route, self._processes)

    def _environment(self, function: Function, stream: str) -> dict[str, str]:
        host, port = self._endpoint
        keys = self._credentials.of_role(function.role_arn)
        return {
            **function.environment,
            **ENVIRONMENT,
            "AWS_ACCESS_KEY_ID": keys.access_key_id,
            "AWS_DEFAULT_REGION": self._region,
            "AWS_ENDPOINT_URL": f"http://{host}:{port}",
            "AWS_LAMBDA_FUNCTION_MEMORY_SIZE": str(function.memory),
            "AWS_LAMBDA_FUNCTION_NAME": function.name,
            "AWS_LAMBDA_FUNCTION_VERSION": function.version,
            "AWS_LAMBDA_INITIALIZATION_TYPE": "on-demand",
            "AWS_LAMBDA_LOG_GROUP_NAME": function.log_group_name,
            "AWS_LAMBDA_LOG_STREAM_NAME": stream,
            "AWS_REGION": self._region,
            "AWS_SECRET_ACCESS_KEY": keys.secret_access_key,
            "AWS_SESSION_TOKEN": keys.session_token,
            "LAMBDA_TASK_ROOT": str(function.code),
            "PYTHONPATH": str(function.code),
            "_HANDLER": function.handler,
            # Lambda has no home directory, and the user's AWS profile must not be visible.
            "AWS_CONFIG_FILE": os.devnull,
            "AWS_SHARED_CREDENTIALS_FILE": os.devnull,
        }

    def _write_log(
        self, function: Function, worker: Worker, request_id: str, started: float
    ) -> None:
        ended = time.time()
        duration = (ended - started) * 1000
        lines, worker.output = worker.output, []
        begin, end = int(started * 1000), int(ended * 1000)
        report = (
            f"REPORT RequestId: {request_id}\tDuration: {duration:.2f} ms\t"
            f"Billed Duration: {int(duration) + 1} ms\tMemory Size: {function.memory} MB"
        )
        self._logs(
            function,
            worker.stream,
            [
                (begin, f"START RequestId: {request_id} Version: {function.version}"),
                *lines,
                (end, f"END RequestId: {request_id}"),
                (end, report),
            ],
        )


class _InitFailedError(Exception):
    def __init__(self, failure: dict[str, object]) -> None:
        super().__init__(failure)
        self.failure = failure


def _failed(error: Mapping[str, object]) -> Outcome:
    return Outcome(json.dumps(error, ensure_ascii=False), "Unhandled")


def _crashed(error_type: str, request_id: str, words: str) -> Outcome:
    """Of a function that could not report its own end (localstack/localstack@8b9a79f,
    tests/aws/services/lambda_/test_lambda.snapshot.json, recorded on AWS 2025-11-24)."""
    message = f"RequestId: {request_id} Error: {words}"
    return _failed({"errorType": error_type, "errorMessage": message})


def _end_of_runtime(request_id: str, exit_code: int) -> tuple[str, str, str]:
    """A process that the system killed was out of memory."""
    if exit_code == -signal.SIGKILL:
        # The type in REPORT lines of 2026; earlier ones have Runtime.ExitError with this text.
        return "Runtime.OutOfMemory", request_id, "Runtime exited with error: signal: killed"
    if exit_code > 0:
        words = f"Runtime exited with error: exit status {exit_code}"
        return "Runtime.ExitError", request_id, words
    return "Runtime.ExitError", request_id, "Runtime exited without providing a reason"


def _outcome_of(reply: dict[str, object]) -> Outcome:
    if isinstance(error := reply.get("error"), dict):
        return _failed(error)
    result = str(reply["result"])
    if len(result.encode()) > MAX_PAYLOAD:
        message = "Response payload size exceeded maximum allowed payload size (6291556 bytes)."
        return _failed({"errorType": "Function.ResponseSizeTooLarge", "errorMessage": message})
    return Outcome(result)


def _new_trace_id(now: float) -> str:
    return f"Root=1-{int(now):08x}-{uuid.uuid4().hex[:24]};Parent={uuid.uuid4().hex[:16]};Sampled=0"
