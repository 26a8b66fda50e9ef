"""The parent's side of one warm worker process."""

from __future__ import annotations

import json
import os
import selectors
import socket
import time
from collections.abc import Callable, Mapping

from localcloud.awslambda.function import Function
from localcloud.awslambda.worker_main import END_OF_OUTPUT
from localcloud.awslambda.worker_processes import WorkerProcesses

INIT_LIMIT = 60.0
"""Seconds for the import of a handler. Lambda's init phase has 10; this machine may be busy."""


class WorkerEndedError(Exception):
    """The process ended without an answer."""


class WorkerTimedOutError(Exception):
    """No answer came within the function's time-out."""


class Worker:
    """One process, used by one invocation at a time, in the invoker's thread."""

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
        self.exit_code = 0
        """The exit code of an ended process that ended by itself; a signal's number is negative."""
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
        """The channel is the process's only one and closes with it."""
        try:
            return self._channel.recv(1, socket.MSG_PEEK | socket.MSG_DONTWAIT) != b""
        except BlockingIOError:
            return True
        except OSError:
            return False

    def wait_until_ready(self) -> dict[str, object] | None:
        """None when the handler is loaded, else the failure that Lambda reports."""
        message = self._next_message(INIT_LIMIT)
        return message.get("init_error")  # type: ignore[return-value]

    def invoke(self, invocation: dict[str, object], timeout: float) -> dict[str, object]:
        self.used = True
        self._send({"invoke": invocation})
        return self._next_message(timeout)

    def interrupt(self) -> None:
        """Ends the process from another thread; its invoker notices and cleans up."""
        self._processes.end(self.process_id)

    def kill(self) -> None:
        """Ends the process at once; what it has printed is in `output`."""
        self.exit_code = self._processes.end(self.process_id)
        self._read_output()
        self._selector.close()
        self._channel.close()
        self._stdout.close()
        os.close(self._lifeline)

    def _send(self, message: dict[str, object]) -> None:
        try:
            self._channel.sendall(json.dumps(message).encode() + b"\n")
        except OSError as error:
            raise WorkerEndedError from error

    def _next_message(self, timeout: float) -> dict[str, object]:
        """The reply, after all output that precedes it. Answers the function's questions on the
        way."""
        deadline = time.monotonic() + timeout
        while True:
            while b"\n" in self._received:
                line, self._received = self._received.split(b"\n", 1)
                message: dict[str, object] = json.loads(line)
                if "question" not in message:
                    # The mark was written before the reply was sent, so it is already readable.
                    self._read_output()
                    return message
                route = self._answer_route(str(message["host"]), int(str(message["port"])))
                self._send({"question": message["question"], "route": route})
            remaining = deadline - time.monotonic()
            if remaining <= 0:
                raise WorkerTimedOutError
            for key, _ in self._selector.select(remaining):
                if key.fileobj is self._channel:
                    try:
                        chunk = self._channel.recv(1 << 16)
                    except ConnectionResetError as error:  # it ended before it read the message
                        raise WorkerEndedError from error
                    if not chunk:
                        raise WorkerEndedError
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
