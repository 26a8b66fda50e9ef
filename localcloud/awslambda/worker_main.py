"""One Lambda execution environment: imports a handler, then answers invocations until told to end.

Runs in a process of its own (forked by `worker_fork.py`), with only the function's environment and
code on its path; it must not import the local cloud. It speaks JSON lines over a Unix socket
(`worker.py` is the other end):

    to the worker    {"invoke": {...}} | {"route": {...}, "question": n}
    to the parent    {"ready": true} | {"init_error": {...}}
                     {"result": "<json>"} | {"error": {...}} | {"question": n, "host", "port"}

What the function prints goes to its standard output. Each invocation's output ends with a mark that
tells the parent that it is complete.
"""

from __future__ import annotations

import importlib
import itertools
import json
import os
import queue
import signal
import socket
import sys
import threading
import time
import traceback
from collections.abc import Callable
from types import TracebackType
from typing import Any

END_OF_OUTPUT = "\x00end of output\x00"
TCP_CONNECT_TIMEOUT = 130.0
"""Seconds until Linux gives up a connection if the caller sets no time-out."""

Handler = Callable[[Any, Any], Any]


class Channel:
    """JSON lines both ways; several threads of the function may ask while its handler runs."""

    def __init__(self, connection: socket.socket) -> None:
        self._reader = connection.makefile("r", encoding="utf-8")
        self._connection = connection
        self._sending = threading.Lock()
        self._questions = itertools.count(1)
        self._answers: dict[int, tuple[threading.Event, list[dict[str, Any]]]] = {}

    def send(self, message: dict[str, Any]) -> None:
        with self._sending:
            self._connection.sendall(json.dumps(message).encode() + b"\n")

    def receive(self) -> dict[str, Any] | None:
        """The next message; None when the parent has closed the channel."""
        line = self._reader.readline()
        return json.loads(line) if line else None

    def ask_for_route(self, host: str, port: int) -> dict[str, Any]:
        number = next(self._questions)
        answered, answer = threading.Event(), list[dict[str, Any]]()
        self._answers[number] = (answered, answer)
        self.send({"question": number, "host": host, "port": port})
        answered.wait()
        return answer[0]

    def answer(self, message: dict[str, Any]) -> None:
        answered, answer = self._answers.pop(message["question"])
        answer.append(message["route"])
        answered.set()


class TaskConnection(socket.socket):
    """A Unix socket that stands for a TCP connection to a task's address."""

    peer: tuple[str, int]

    def setsockopt(self, *args: Any) -> None:
        # http.client sets TCP_NODELAY, which a Unix socket does not support or need.
        if args[0] != socket.IPPROTO_TCP:
            super().setsockopt(*args)

    def getpeername(self) -> tuple[str, int]:
        return self.peer


class Network:
    """What this function can reach, by the local cloud's security groups and addresses."""

    def __init__(self, channel: Channel, endpoint: tuple[str, int]) -> None:
        self._channel = channel
        self._endpoint = endpoint
        self._connect_for_real = socket.create_connection

    def install(self) -> None:
        socket.create_connection = self.create_connection  # type: ignore[assignment]

    def create_connection(
        self,
        address: tuple[str, int],
        timeout: Any = socket._GLOBAL_DEFAULT_TIMEOUT,  # type: ignore[attr-defined]
        source_address: tuple[str, int] | None = None,
        *,
        all_errors: bool = False,
    ) -> socket.socket:
        if address == self._endpoint:
            return self._connect_for_real(address, timeout, source_address, all_errors=all_errors)
        seconds = timeout if isinstance(timeout, int | float) else socket.getdefaulttimeout()
        host, port = address
        route = self._channel.ask_for_route(host, int(port))
        match route["outcome"]:
            case "connected":
                return self._connect_to_task(route["path"], (host, int(port)), seconds)
            case "refused":
                raise ConnectionRefusedError(111, "Connection refused")
            case "timed_out":
                waited = TCP_CONNECT_TIMEOUT if seconds is None else seconds
                time.sleep(waited)
                raise TimeoutError("timed out")
            case "unknown_host":
                raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")
            case _:
                raise OSError(101, "Network is unreachable")

    @staticmethod
    def _connect_to_task(path: str, peer: tuple[str, int], timeout: float | None) -> TaskConnection:
        connection = TaskConnection(socket.AF_UNIX, socket.SOCK_STREAM)
        connection.settimeout(timeout)
        connection.peer = peer
        try:
            connection.connect(path)
        except FileNotFoundError:
            connection.close()
            raise ConnectionRefusedError(111, "Connection refused") from None
        except BaseException:
            connection.close()
            raise
        return connection


class Context:
    """The Lambda context object."""

    identity = None
    client_context = None

    def __init__(self, invocation: dict[str, Any]) -> None:
        self.function_name = os.environ["AWS_LAMBDA_FUNCTION_NAME"]
        self.function_version = os.environ["AWS_LAMBDA_FUNCTION_VERSION"]
        self.memory_limit_in_mb = os.environ["AWS_LAMBDA_FUNCTION_MEMORY_SIZE"]
        self.log_group_name = os.environ["AWS_LAMBDA_LOG_GROUP_NAME"]
        self.log_stream_name = os.environ["AWS_LAMBDA_LOG_STREAM_NAME"]
        self.invoked_function_arn: str = invocation["arn"]
        self.aws_request_id: str = invocation["request_id"]
        self._deadline: float = invocation["deadline"]

    def get_remaining_time_in_millis(self) -> int:
        return max(0, int((self._deadline - time.time()) * 1000))


def failure_of(error: BaseException, since: TracebackType | None) -> dict[str, Any]:
    """An exception as Lambda reports it: its class name is the error type."""
    return {
        "errorMessage": str(error),
        "errorType": type(error).__name__,
        "stackTrace": traceback.format_list(traceback.extract_tb(since)),
    }


def load_handler(name: str) -> Handler | dict[str, Any]:
    """The handler, or the failure that Lambda reports instead."""
    module_name, _, function_name = name.rpartition(".")
    try:
        module = importlib.import_module(module_name.replace("/", "."))
    except SyntaxError as error:
        message = f"Syntax error in module '{module_name}': {error}"
        return failure_of(error, None) | {
            "errorType": "Runtime.UserCodeSyntaxError",
            "errorMessage": message,
        }
    except ImportError as error:
        message = f"Unable to import module '{module_name}': {error}"
        return failure_of(error, error.__traceback__) | {
            "errorType": "Runtime.ImportModuleError",
            "errorMessage": message,
        }
    except Exception as error:
        return failure_of(error, error.__traceback__)
    handler = getattr(module, function_name, None)
    if handler is None:
        message = f"Handler '{function_name}' missing on module '{module_name}'"
        return {
            "errorType": "Runtime.HandlerNotFound",
            "errorMessage": message,
            "stackTrace": [],
        }
    found: Handler = handler
    return found


def answer_to(handler: Handler, invocation: dict[str, Any]) -> dict[str, Any]:
    os.environ["_X_AMZN_TRACE_ID"] = invocation["trace_id"]
    try:
        result = handler(json.loads(invocation["payload"]), Context(invocation))
    except Exception as error:
        # The first frame is this file's.
        since = error.__traceback__.tb_next if error.__traceback__ else None
        failure = failure_of(error, since)
        print(f"[ERROR] {failure['errorType']}: {failure['errorMessage']}")
        print("Traceback (most recent call last):\n" + "".join(failure["stackTrace"]), end="")
        return {"error": failure | {"requestId": invocation["request_id"]}}
    try:
        return {"result": json.dumps(result, ensure_ascii=False)}
    except (TypeError, ValueError) as error:
        message = f"Unable to marshal response: {error}"
        failure = {
            "errorMessage": message,
            "errorType": "Runtime.MarshalError",
            "stackTrace": [],
        }
        return {"error": failure | {"requestId": invocation["request_id"]}}


def end_with_parent(lifeline: int) -> None:
    """Exits when the parent ends, however it ends: the parent holds the other end of this pipe."""

    def watch() -> None:
        os.read(lifeline, 1)
        os.kill(os.getpid(), signal.SIGKILL)

    threading.Thread(target=watch, daemon=True).start()


def end_output() -> None:
    sys.stdout.flush()
    sys.stderr.flush()
    os.write(1, f"{END_OF_OUTPUT}\n".encode())


def receive_invocations(channel: Channel, invoked: Callable[[dict[str, Any]], None]) -> None:
    """Passes answers to the threads that asked, and invocations on. Returns when the parent closes
    the channel.

    The handler must run in the main thread, as on Lambda (signals, asyncio), so this does not."""
    while (message := channel.receive()) is not None:
        if "question" in message:
            channel.answer(message)
        else:
            invoked(message["invoke"])


def scale_sleeping(wait_scale: float) -> None:
    """A function that sleeps between two polls waits as long as a Wait state would."""
    sleep_for_real = time.sleep

    def sleep(seconds: float) -> None:
        sleep_for_real(seconds * wait_scale)

    time.sleep = sleep  # type: ignore[assignment]


class Time:
    """The time that the function sees; the local cloud can let days pass at once."""

    def __init__(self) -> None:
        self._ahead = 0.0
        self._traveller: Any = None

    def be_ahead(self, seconds: float) -> None:
        if seconds == self._ahead:
            return
        if self._traveller is None:
            import time_machine

            self._traveller = time_machine.travel(time.time(), tick=True).start()
        self._traveller.shift(seconds - self._ahead)
        self._ahead = seconds


def run(connection: int, lifeline: int, options: dict[str, Any]) -> None:
    """Answers until the parent closes the channel. Both are descriptors; `options` are
    `worker.py`'s."""
    end_with_parent(lifeline)
    # Ctrl-C in the terminal goes to the whole process group; the parent decides who ends when.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    # Both outputs are one log: lines keep the order in which they were written.
    sys.stdout.reconfigure(line_buffering=True)  # type: ignore[union-attr]
    channel = Channel(socket.socket(fileno=connection))
    Network(channel, tuple(options["endpoint"])).install()
    scale_sleeping(options["wait_scale"])

    invocations: queue.SimpleQueue[dict[str, Any] | None] = queue.SimpleQueue()

    def receive() -> None:
        receive_invocations(channel, invocations.put)
        invocations.put(None)

    threading.Thread(target=receive, daemon=True).start()

    handler = load_handler(os.environ["_HANDLER"])
    if isinstance(handler, dict):
        print(f"[ERROR] {handler['errorType']}: {handler['errorMessage']}")
        end_output()
        channel.send({"init_error": handler})
        return
    channel.send({"ready": True})
    now = Time()
    while (invocation := invocations.get()) is not None:
        now.be_ahead(invocation["ahead"])
        reply = answer_to(handler, invocation)
        end_output()
        channel.send(reply)
