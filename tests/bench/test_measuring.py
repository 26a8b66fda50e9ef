"""The benchmark's tools: calls by caller, pulls of a given length, commands that end."""

from __future__ import annotations

import socket
import threading
from contextlib import closing
from dataclasses import replace

import pytest

from bench.calls import CallLog
from bench.commands import Commands
from bench.pulling import SPREAD, VaryingPull, spread_evenly
from bench.waiting import BenchError, Stop, StoppedError
from localcloud.clock import ManualClock
from localcloud.endpoint.calls import Call
from localcloud.tasks.runtime import HealthStatus, LogTarget, Task
from localcloud.tasks.scripted import ScriptedRuntime
from tests.localcloud.waiting import until_true

A_TASK = Task("a-task", "172.31.0.4", ())


class Deaf:
    """A task observer that must not be called."""

    def pull_failed(self, task_id: str, container: str, reason: str) -> None: ...

    def played(self, task_id: str, container: str, remark: str) -> None: ...

    def started(self, task_id: str) -> None: ...

    def container_exited(
        self, task_id: str, container: str, exit_code: int, reason: str | None
    ) -> None: ...

    def container_health(self, task_id: str, container: str, status: HealthStatus) -> None: ...

    def output(self, target: LogTarget, timestamp_ms: int, line: str) -> None: ...


def called(operation: str, access_key_id: str) -> Call:
    return Call("ecs", operation, access_key_id, False, "/", "", b"")


def test_few_rounds_cover_the_whole_range_of_pulls() -> None:
    drawn = spread_evenly(5, seed=7)

    assert [int(seconds // (SPREAD / 5)) for seconds in sorted(drawn)] == [0, 1, 2, 3, 4]
    assert drawn == spread_evenly(5, seed=7)
    assert drawn != spread_evenly(5, seed=8)


def test_calls_are_counted_by_caller_and_period() -> None:
    log = CallLog()
    log.note(called("CreateService", "ours"))
    log.note(called("DescribeServices", "theirs"))

    (found,) = log.between(0, float("inf"), lambda key: key == "ours")
    assert found.operation == "CreateService"
    assert log.between(found.at + 1, float("inf"), lambda key: key == "ours") == ()


def test_a_call_is_awaited() -> None:
    log = CallLog()
    assert not log.wait_for("CreateService", 0, lambda key: True, timeout=0)

    caller = threading.Timer(0, log.note, [called("CreateService", "ours")])
    caller.start()
    assert log.wait_for("CreateService", 0, lambda key: key == "ours", timeout=20)
    caller.join()


def test_a_task_starts_when_its_longer_pull_is_over() -> None:
    scripted = ScriptedRuntime(ManualClock())
    with closing(VaryingPull(scripted)) as runtime:
        runtime.start(A_TASK, Deaf())
        until_true(lambda: scripted.handed_over == [A_TASK])


def test_a_task_stopped_during_its_pull_never_starts() -> None:
    scripted = ScriptedRuntime(ManualClock())
    later = replace(A_TASK, task_id="a-later-task")
    with closing(VaryingPull(scripted)) as runtime:
        runtime.extra_seconds = 0.2
        runtime.start(A_TASK, Deaf())
        runtime.start(later, Deaf())
        runtime.stop(A_TASK.task_id)
        until_true(lambda: scripted.handed_over)
        assert scripted.handed_over == [later]


def test_an_interrupted_benchmark_leaves_no_command_running() -> None:
    stop = Stop()
    connections: list[socket.socket] = []

    def interrupt(silent: socket.socket) -> None:
        connections.append(silent.accept()[0])
        stop.request()

    with closing(socket.create_server(("127.0.0.1", 0))) as silent:
        silent.settimeout(20)
        interrupting = threading.Thread(target=interrupt, args=[silent])
        interrupting.start()
        with pytest.raises(StoppedError):
            Commands({}, stop).curl(f"http://127.0.0.1:{silent.getsockname()[1]}", "silent")
        interrupting.join()
    (connection,) = connections
    with closing(connection), connection.makefile("rb") as received:
        connection.settimeout(20)
        assert received.read().startswith(b"GET")  # to the end: curl is gone


def test_an_unmet_condition_is_an_error_that_names_it() -> None:
    with pytest.raises(BenchError, match=r"the moon is blue: not within 0 s"):
        Stop().until(lambda: False, "the moon is blue", limit=0)
