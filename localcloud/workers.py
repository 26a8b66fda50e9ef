"""Lambda functions as warm worker processes.

A worker is one execution environment: `worker_main.py` in a process with an empty environment plus
the function's own variables and those that Lambda sets. It starts at the first invocation, is kept
for the next one, and is killed and replaced when the function runs out of time.
"""

from __future__ import annotations

import json
import logging
import os
import selectors
import socket
import threading
import time
import uuid
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Literal, Protocol

from localcloud.credentials import Credentials
from localcloud.function_names import LATEST, FunctionName
from localcloud.published_code import PublishedCode
from localcloud.worker_main import END_OF_OUTPUT
from localcloud.worker_processes import ENVIRONMENT, WorkerProcesses

_log = logging.getLogger(__name__)

MAX_PAYLOAD = 6 * 1024 * 1024
"""Bytes of a synchronous request or response (AWS Lambda quotas)."""
MAX_ASYNC_PAYLOAD = 1024 * 1024
"""Bytes of an asynchronous request (AWS Lambda quotas; 256 KiB until 2025)."""
INIT_LIMIT = 60.0
"""Seconds for the import of a handler. Lambda's init phase has 10; this machine may be busy."""


@dataclass(frozen=True)
class VpcConfig:
    subnet_ids: tuple[str, ...]
    security_group_ids: tuple[str, ...]


@dataclass(frozen=True)
class Function:
    """A Lambda function as the template declares it, or a version of it as it was published."""

    name: str
    arn: str
    """Without a version."""
    code: Path
    """The directory that is on `sys.path`, as Lambda has it in LAMBDA_TASK_ROOT."""
    handler: str
    role_arn: str
    timeout: float = 3.0
    """Seconds."""
    memory: int = 128
    """MB; told to the function, not enforced."""
    environment: Mapping[str, str] = field(default_factory=dict)
    log_group: str = ""
    """Empty: /aws/lambda/<name>."""
    vpc: VpcConfig | None = None
    version: str = LATEST

    @property
    def log_group_name(self) -> str:
        return self.log_group or f"/aws/lambda/{self.name}"


@dataclass(frozen=True)
class Route:
    """What becomes of a function's TCP connection to an address that is not AWS's."""

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
    """A request is larger than Lambda takes."""


@dataclass(frozen=True)
class Outcome:
    """What Lambda's Invoke answers: a payload, and whether it is an error."""

    payload: str
    error: str | None = None
    """"Unhandled" when the payload is an error object ({errorType, errorMessage, ...})."""
    version: str = LATEST
    """Of the function that was executed."""


class _WorkerEndedError(Exception):
    """The process ended without an answer."""


class _TimedOutError(Exception):
    pass


class _Worker:
    """One process. Used by one invocation at a time, in the invoker's thread."""

    def __init__(
        self,
        function: Function,
        environment: Mapping[str, str],
        settings: Mapping[str, object],
        answer_route: Callable[[str, int], dict[str, str | None]],
        processes: WorkerProcesses,
    ) -> None:
        self._function = function
        self._answer_route = answer_route
        self._processes = processes
        self.stream = environment["AWS_LAMBDA_LOG_STREAM_NAME"]
        self.output: list[tuple[int, str]] = []
        self.used = False
        ours, theirs = socket.socketpair()
        their_lifeline, self._lifeline = os.pipe()
        printed, output = os.pipe()
        handed_over = (theirs.fileno(), their_lifeline, output)
        self.process_id = processes.start(environment, function.code, settings, handed_over)
        theirs.close()
        os.close(their_lifeline)
        os.close(output)
        self._stdout = open(printed, "rb", buffering=0)  # noqa: PTH123, SIM115
        os.set_blocking(printed, False)
        self._channel = ours
        self._received = b""
        self._printed = b""
        self._selector = selectors.DefaultSelector()
        self._selector.register(ours, selectors.EVENT_READ)
        self._selector.register(self._stdout, selectors.EVENT_READ)

    @property
    def alive(self) -> bool:
        """The channel is the process's only one, and ends with it."""
        try:
            return self._channel.recv(1, socket.MSG_PEEK | socket.MSG_DONTWAIT) != b""
        except BlockingIOError:
            return True
        except OSError:
            return False

    def wait_until_ready(self) -> dict[str, object] | None:
        """None when the handler is loaded, else the failure that Lambda reports."""
        message = self._next_message(time.time() + INIT_LIMIT)
        return message.get("init_error")  # type: ignore[return-value]

    def invoke(self, invocation: dict[str, object], deadline: float) -> dict[str, object]:
        self.used = True
        self._send({"invoke": invocation})
        return self._next_message(deadline)

    def interrupt(self) -> None:
        """End the process from another thread; its invoker notices, and clears up."""
        self._processes.end(self.process_id)

    def kill(self) -> None:
        """End the process at once; what it printed until then is in `output`."""
        self._processes.end(self.process_id)
        self._read_output()
        self._selector.close()
        self._channel.close()
        self._stdout.close()
        os.close(self._lifeline)

    def _send(self, message: dict[str, object]) -> None:
        try:
            self._channel.sendall(json.dumps(message).encode() + b"\n")
        except OSError as error:
            raise _WorkerEndedError from error

    def _next_message(self, deadline: float) -> dict[str, object]:
        """The reply, after all output before it; questions are answered on the way."""
        while True:
            while b"\n" in self._received:
                line, self._received = self._received.split(b"\n", 1)
                message: dict[str, object] = json.loads(line)
                if "question" not in message:
                    # The mark was written before the reply was sent: it is there to be read.
                    self._read_output()
                    return message
                route = self._answer_route(str(message["host"]), int(str(message["port"])))
                self._send({"question": message["question"], "route": route})
            remaining = deadline - time.time()
            if remaining <= 0:
                raise _TimedOutError
            for key, _ in self._selector.select(remaining):
                if key.fileobj is self._channel:
                    try:
                        chunk = self._channel.recv(1 << 16)
                    except ConnectionResetError as error:  # it ended before it read what was sent
                        raise _WorkerEndedError from error
                    if not chunk:
                        raise _WorkerEndedError
                    self._received += chunk
                else:
                    self._read_output()

    def _read_output(self) -> None:
        while True:
            try:
                chunk = os.read(self._stdout.fileno(), 1 << 16)
            except BlockingIOError:
                return
            if not chunk:
                if self._stdout in self._selector.get_map():
                    self._selector.unregister(self._stdout)
                self._keep_lines(end=True)
                return
            self._printed += chunk
            self._keep_lines(end=False)

    def _keep_lines(self, *, end: bool) -> None:
        *lines, rest = self._printed.split(b"\n")
        if end and rest:
            lines, rest = [*lines, rest], b""
        self._printed = rest
        now = int(time.time() * 1000)
        for raw in lines:
            line = raw.decode("utf-8", "replace")
            if line.endswith(END_OF_OUTPUT):
                line = line.removesuffix(END_OF_OUTPUT)
            if line:
                self.output.append((now, line))


class _Pool:
    """The workers of one function."""

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._idle: list[_Worker] = []
        self._busy: set[_Worker] = set()
        self._starting = 0
        self._changed = threading.Condition()
        self._closed = False
        self._retired = False

    @contextmanager
    def worker(self, start: Callable[[], _Worker]) -> Iterator[_Worker]:
        """A worker for one invocation. It is kept when that ends well, ended when it raises."""
        worker = self._take() or self._start(start)
        try:
            yield worker
        except BaseException:
            self._discard(worker)
            raise
        with self._changed:
            self._busy.discard(worker)
            kept = not self._retired
            if kept:
                self._idle.append(worker)
            self._changed.notify()
        if not kept:
            worker.kill()

    def _take(self) -> _Worker | None:
        with self._changed:
            while True:
                if self._closed:
                    raise RuntimeError("the local cloud is closed: no function can be invoked")
                while self._idle:
                    worker = self._idle.pop()
                    if worker.alive:
                        self._busy.add(worker)
                        return worker
                    worker.kill()
                if len(self._busy) + self._starting < self._limit:
                    self._starting += 1
                    return None
                self._changed.wait()

    def _start(self, start: Callable[[], _Worker]) -> _Worker:
        try:
            worker = start()
        except BaseException:
            with self._changed:
                self._starting -= 1
                self._changed.notify()
            raise
        with self._changed:
            self._starting -= 1
            self._busy.add(worker)
        return worker

    def _discard(self, worker: _Worker) -> None:
        with self._changed:
            self._busy.discard(worker)
            self._changed.notify()
        worker.kill()

    def processes(self) -> list[int]:
        with self._changed:
            return [worker.process_id for worker in (*self._idle, *self._busy)]

    def retire(self) -> None:
        """Keep no worker any more: each ends when it has nothing to do."""
        with self._changed:
            self._retired = True
            idle, self._idle = self._idle, []
        for worker in idle:
            worker.kill()

    def close(self) -> None:
        with self._changed:
            self._closed = True
            idle, self._idle = self._idle, []
            busy = list(self._busy)
            self._changed.notify_all()
        for worker in idle:
            worker.kill()
        for worker in busy:
            worker.interrupt()


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
        limit_per_function: int = 10,
    ) -> None:
        self._endpoint = endpoint
        self._region = region
        self._credentials = credentials
        self._routes = routes
        self._logs = logs
        self._wait_scale = wait_scale
        self._limit = limit_per_function
        self._published = PublishedCode()
        self._processes = WorkerProcesses()
        self._functions: dict[tuple[str, str], Function] = {}
        """By name and version."""
        self._aliases: dict[tuple[str, str], str] = {}
        """Name and alias -> version."""
        self._pools: dict[tuple[str, str], _Pool] = {}
        self._retired: list[_Pool] = []
        """Of functions that were replaced or deleted; something of them may still run."""

    def register(self, function: Function) -> None:
        """Make it invocable; one of this name and version is replaced, and its processes end."""
        key = (function.name, function.version)
        self._retire(key)
        self._functions[key] = function
        self._pools[key] = _Pool(self._limit)

    def publish(self, name: str, version: str) -> None:
        """Keep $LATEST as it is now, its code too, as this version."""
        latest = self.find(name)
        self.register(replace(latest, version=version, code=self._published.copy_of(latest.code)))

    def has_new_code(self, name: str, version: str) -> bool:
        """Whether $LATEST's code is another than this version's."""
        return self._published.copy_of(self.find(name).code) != self.find(name, version).code

    def point(self, name: str, alias: str, version: str | None) -> None:
        """Let an alias stand for a version from now on; None: there is no such alias any more."""
        if version is None:
            self._aliases.pop((name, alias), None)
        else:
            self._aliases[name, alias] = version

    def forget(self, name: str) -> None:
        """Delete a function with its versions and aliases. What runs of it goes on to its end."""
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
        """By name, ARN, or partial ARN, with or without a version or alias.

        Raises FunctionNotFoundError, also where the function has no such version or alias."""
        name = FunctionName.of(name_or_arn, qualifier)
        wanted = name.qualifier or LATEST
        version = self._aliases.get((name.name, wanted), wanted)
        try:
            return self._functions[name.name, version]
        except KeyError:
            raise FunctionNotFoundError(f"Function not found: {name.resource}") from None

    def invoke(
        self,
        name_or_arn: str,
        payload: str,
        trace_id: str = "",
        qualifier: str | None = None,
    ) -> Outcome:
        """Run a function and wait for its answer.

        Raises FunctionNotFoundError and PayloadTooLargeError; whatever goes wrong in the function
        itself is an Outcome with an error."""
        function = self.find(name_or_arn, qualifier)
        asked_for = FunctionName.of(name_or_arn, qualifier).qualifier
        if len(payload.encode()) > MAX_PAYLOAD:
            raise PayloadTooLargeError(
                f"{function.name} was invoked with more than {MAX_PAYLOAD} bytes"
            )
        request_id = str(uuid.uuid4())
        worker: _Worker | None = None
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
                        "trace_id": trace_id or _new_trace_id(started),
                    },
                    started + function.timeout,
                )
                self._write_log(function, worker, request_id, started)
                return replace(_outcome_of(reply), version=function.version)
        except _InitFailedError as error:
            outcome = _failed(error.failure)
        except _TimedOutError:
            # Words and shape of Lambda: no error type, so Step Functions says Lambda.Unknown (W11).
            now = datetime.now(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
            message = f"{now} {request_id} Task timed out after {function.timeout:.2f} seconds"
            outcome = _failed({"errorMessage": message})
        except _WorkerEndedError:
            message = f"RequestId: {request_id} Error: Runtime exited without providing a reason"
            outcome = _failed({"errorType": "Runtime.ExitError", "errorMessage": message})
        assert worker
        said = json.loads(outcome.payload)["errorMessage"]
        worker.output.append((int(time.time() * 1000), said))
        self._write_log(function, worker, request_id, started)
        return replace(outcome, version=function.version)

    def processes(self, name: str) -> list[int]:
        """The ids of a function's worker processes, those of its versions too."""
        pools = [pool for key, pool in self._pools.items() if key[0] == name]
        return [process for pool in pools for process in pool.processes()]

    def close(self) -> None:
        """End every worker; none is left when this returns."""
        for pool in (*self._pools.values(), *self._retired):
            pool.close()
        self._processes.close()
        self._published.close()

    def _start(self, function: Function) -> _Worker:
        stream = f"{datetime.now(UTC):%Y/%m/%d}/[{function.version}]{uuid.uuid4().hex}"
        settings = {"endpoint": self._endpoint, "wait_scale": self._wait_scale}

        def answer_route(host: str, port: int) -> dict[str, str | None]:
            route = self._routes(function, host, port)
            return {"outcome": route.outcome, "path": str(route.path) if route.path else None}

        environment = self._environment(function, stream)
        return _Worker(function, environment, settings, answer_route, self._processes)

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
            # Lambda has no home directory; the profile of whoever runs this must not shine through.
            "AWS_CONFIG_FILE": os.devnull,
            "AWS_SHARED_CREDENTIALS_FILE": os.devnull,
        }

    def _write_log(
        self, function: Function, worker: _Worker, request_id: str, started: float
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
