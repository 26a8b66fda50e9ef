"""Lambda functions as worker processes: what they see, what they answer, how they end."""

from __future__ import annotations

import http.server
import json
import os
import signal
import socket
import socketserver
import subprocess
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from localcloud.awslambda.function import Function, VpcConfig
from localcloud.awslambda.workers import FunctionNotFoundError, PayloadTooLargeError, Route, Workers
from localcloud.credentials import Credentials
from tests.localcloud.waiting import until_true
from tests.servers import running

FUNCTIONS = Path(__file__).parent / "data" / "functions"
ROLE = "arn:aws:iam::123456789012:role/probe"
ENDPOINT = ("127.0.0.1", 4566)


class Cloud:
    """Workers with routes and logs that the test controls."""

    def __init__(self) -> None:
        self.credentials = Credentials()
        self.routes: dict[tuple[str, int], Route] = {}
        self.asked: list[tuple[str, VpcConfig | None]] = []
        self.lines: dict[str, list[str]] = {}
        self.workers = Workers(
            endpoint=ENDPOINT,
            region="ap-northeast-1",
            credentials=self.credentials,
            routes=self._route,
            logs=self._log,
            wait_scale=0.01,
        )

    def function(self, handler: str, **settings: Any) -> Function:
        name = handler.replace(".", "-")
        arn = f"arn:aws:lambda:ap-northeast-1:123456789012:function:{name}"
        given = {"code": FUNCTIONS, "timeout": 10.0, **settings}
        function = Function(name, arn, handler=handler, role_arn=ROLE, **given)
        self.workers.register(function)
        return function

    def call(self, handler: str, event: Any = None, **settings: Any) -> Any:
        """The answer of a new function; it must not be an error."""
        outcome = self.workers.invoke(self.function(handler, **settings).name, json.dumps(event))
        assert outcome.error is None, outcome
        return json.loads(outcome.payload)

    def fail(self, handler: str, event: Any = None, **settings: Any) -> dict[str, Any]:
        outcome = self.workers.invoke(self.function(handler, **settings).name, json.dumps(event))
        assert outcome.error == "Unhandled"
        failure: dict[str, Any] = json.loads(outcome.payload)
        return failure

    def _route(self, function: Function, host: str, port: int) -> Route:
        self.asked.append((function.name, function.vpc))
        return self.routes.get((host, port), Route("unreachable"))

    def _log(self, function: Function, stream: str, events: list[tuple[int, str]]) -> None:
        self.lines.setdefault(function.log_group_name, []).extend(line for _, line in events)


@pytest.fixture
def cloud() -> Iterator[Cloud]:
    cloud = Cloud()
    yield cloud
    cloud.workers.close()


class TestSurroundings:
    def test_functions_see_nothing_of_this_machine(
        self, cloud: Cloud, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setenv("SECRET_OF_THIS_MACHINE", "shines through")
        seen = cloud.call("surroundings.look", environment={"TABLE_NAME": "environments"})
        variables = seen["environment"]
        assert variables["TABLE_NAME"] == "environments"
        assert not [name for name in variables if name in ("HOME", "SECRET_OF_THIS_MACHINE")]
        assert seen["path"][0] == str(FUNCTIONS)
        assert str(Path(__file__).parent.parent.parent) not in seen["path"]

    def test_shared_packages_are_imported_once(self, cloud: Cloud, tmp_path: Path) -> None:
        """Otherwise each start would take the third of a second that importing botocore takes."""
        alone = cloud.call("surroundings.look")
        assert "botocore" not in alone["modules"]

        (tmp_path / "requirements.txt").touch()
        (tmp_path / "surroundings.py").write_text((FUNCTIONS / "surroundings.py").read_text())
        seen = cloud.call("surroundings.look", code=tmp_path)
        assert "botocore.session" in seen["modules"]
        assert "aws_lambda_powertools.logging" in seen["modules"]
        assert not [name for name in seen["modules"] if name.startswith(("bivouac", "localcloud"))]
        assert seen["path"][0] == str(tmp_path)

    def test_functions_see_what_lambda_sets(self, cloud: Cloud) -> None:
        seen = cloud.call("surroundings.look", memory=512)
        keys = cloud.credentials.of_role(ROLE)
        expected = {
            "AWS_ACCESS_KEY_ID": keys.access_key_id,
            "AWS_ENDPOINT_URL": "http://127.0.0.1:4566",
            "AWS_LAMBDA_FUNCTION_MEMORY_SIZE": "512",
            "AWS_LAMBDA_FUNCTION_NAME": "surroundings-look",
            "AWS_LAMBDA_FUNCTION_VERSION": "$LATEST",
            "AWS_REGION": "ap-northeast-1",
            "LAMBDA_TASK_ROOT": str(FUNCTIONS),
            "_HANDLER": "surroundings.look",
        }
        assert expected.items() <= seen["environment"].items()
        assert cloud.credentials.role_of(keys.access_key_id) == ROLE

    def test_the_context_describes_the_invocation(self, cloud: Cloud) -> None:
        seen = cloud.call("surroundings.look", {"a": [1, None, "ä"]}, memory=256, timeout=7.0)
        assert seen["event"] == {"a": [1, None, "ä"]}
        assert (seen["name"], seen["memory"]) == ("surroundings-look", "256")
        assert seen["arn"].endswith(":function:surroundings-look")
        assert 0 < seen["remaining"] <= 7000
        assert len(seen["request"]) == 36
        assert seen["trace"].startswith("Root=1-")

    def test_a_worker_is_kept_for_the_next_invocation(self, cloud: Cloud) -> None:
        name = cloud.function("surroundings.look").name
        first, second = (json.loads(cloud.workers.invoke(name, "{}").payload) for _ in range(2))
        assert first["pid"] == second["pid"]
        assert first["request"] != second["request"]

    def test_concurrent_invocations_have_separate_workers(
        self, cloud: Cloud, tmp_path: Path
    ) -> None:
        name = cloud.function("faults.waits_for_file").name
        events = [
            {"started": str(tmp_path / str(number)), "until": str(tmp_path / "until")}
            for number in range(3)
        ]
        with ThreadPoolExecutor(3) as threads:
            answers = [threads.submit(cloud.workers.invoke, name, json.dumps(e)) for e in events]
            for event in events:
                until_true(Path(event["started"]).exists)
            (tmp_path / "until").touch()
            assert [answer.result(10).payload for answer in answers] == ['"done"'] * 3

    def test_a_function_is_found_by_name_arn_and_qualified_arn(self, cloud: Cloud) -> None:
        function = cloud.function("surroundings.echo")
        cloud.workers.publish(function.name, "1")
        cloud.workers.point(function.name, "live", "1")
        for name in (
            function.name,
            function.arn,
            f"{function.arn}:$LATEST",
            f"{function.arn}:1",
            f"{function.arn}:live",
        ):
            assert cloud.workers.invoke(name, "1").payload == "1"
        for name in ("nobody", f"{function.arn}:2", f"{function.arn}:beta"):
            with pytest.raises(FunctionNotFoundError):
                cloud.workers.invoke(name, "{}")


class TestErrors:
    def test_an_exceptions_class_is_the_error_type(self, cloud: Cloud) -> None:
        failure = cloud.fail("faults.raises", {"name": "demo"})
        assert failure["errorType"] == "NamespaceInUseError"
        assert failure["errorMessage"] == "demo belongs to another environment"
        assert len(failure["stackTrace"]) == 1
        assert failure["requestId"]

    def test_a_worker_survives_an_exception(self, cloud: Cloud) -> None:
        """As on Lambda: only the end of the process ends the environment."""
        name = cloud.function("faults.raises").name
        for _ in range(2):
            cloud.workers.invoke(name, "{}")
        (only,) = cloud.workers.processes(name)
        assert only

    def test_a_failed_import_is_reported(self, cloud: Cloud) -> None:
        failure = cloud.fail("broken_import.handler")
        assert failure["errorType"] == "Runtime.ImportModuleError"
        assert failure["errorMessage"] == (
            "Unable to import module 'broken_import': No module named 'a_module_that_nobody_has'"
        )

    def test_a_missing_handler_is_reported(self, cloud: Cloud) -> None:
        failure = cloud.fail("faults.nothing")
        assert failure["errorType"] == "Runtime.HandlerNotFound"

    def test_an_answer_that_is_not_json_is_an_error(self, cloud: Cloud) -> None:
        failure = cloud.fail("faults.answers_nonsense")
        assert failure["errorType"] == "Runtime.MarshalError"
        assert "Object of type set is not JSON serializable" in failure["errorMessage"]

    def test_a_process_that_exits_is_an_error(self, cloud: Cloud) -> None:
        failure = cloud.fail("faults.exits")
        assert failure["errorType"] == "Runtime.ExitError"

    def test_a_worker_past_its_time_out_is_killed_and_replaced(self, cloud: Cloud) -> None:
        function = cloud.function("faults.never_ends", timeout=0.3)
        for _ in range(2):
            outcome = cloud.workers.invoke(function.name, "{}")
            failure = json.loads(outcome.payload)
            assert failure["errorType"] == "Sandbox.Timedout"
            assert failure["errorMessage"].endswith("Task timed out after 0.30 seconds")
        assert not cloud.workers.processes(function.name)

    def test_payloads_have_at_most_6_mb(self, cloud: Cloud) -> None:
        function = cloud.function("surroundings.echo")
        with pytest.raises(PayloadTooLargeError):
            cloud.workers.invoke(function.name, json.dumps("x" * 6 * 1024 * 1024))
        failure = cloud.fail("faults.answers_much", {"bytes": 6 * 1024 * 1024})
        assert failure["errorType"] == "Function.ResponseSizeTooLarge"


class TestLogs:
    def test_both_outputs_are_logged_between_start_and_end(self, cloud: Cloud) -> None:
        cloud.call("surroundings.echo", "hello", log_group="/bivouac/functions")
        start, *said, end, report = cloud.lines["/bivouac/functions"]
        assert said == ["said hello", "and this went to standard error"]
        assert start.startswith("START RequestId: ")
        assert end.startswith("END RequestId: ")
        assert "Memory Size: 128 MB" in report

    def test_the_default_log_group_is_lambdas(self, cloud: Cloud) -> None:
        cloud.call("surroundings.echo", 1)
        assert list(cloud.lines) == ["/aws/lambda/surroundings-echo"]

    def test_the_output_of_a_timed_out_function_is_logged(self, cloud: Cloud) -> None:
        cloud.fail("faults.never_ends", timeout=0.3)
        (lines,) = cloud.lines.values()
        assert lines[1] == "starting something long"
        assert "Task timed out" in lines[2]


class _Hello(http.server.BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        self.send_response(200)
        self.end_headers()
        self.wfile.write(b"hello from the task")

    def log_message(self, *args: Any) -> None:
        pass


class _UnixServer(socketserver.ThreadingUnixStreamServer):
    daemon_threads = True


class TestNetwork:
    """A task's address is a Unix socket of this machine (P01, P09)."""

    @pytest.fixture
    def task(self, tmp_path: Path) -> Iterator[Path]:
        path = tmp_path / "socket"
        with running(_UnixServer(str(path), lambda *a: _Hello(a[0], ("task", 0), a[2]))):
            yield path

    def get(self, cloud: Cloud, host: str, timeout: float = 5, **settings: Any) -> dict[str, Any]:
        event = {"host": host, "port": 80, "timeout": timeout}
        answer: dict[str, Any] = cloud.call("surroundings.get", event, **settings)
        return answer

    def test_a_task_answers_http(self, cloud: Cloud, task: Path) -> None:
        cloud.routes["172.31.0.4", 80] = Route("connected", task)
        assert self.get(cloud, "172.31.0.4") == {"status": 200, "body": "hello from the task"}

    def test_the_route_depends_on_the_function(self, cloud: Cloud) -> None:
        vpc = VpcConfig(("subnet-1",), ("sg-1",))
        self.get(cloud, "172.31.0.4", vpc=vpc)
        assert cloud.asked == [("surroundings-get", vpc)]

    def test_a_port_where_nothing_listens_refuses(self, cloud: Cloud) -> None:
        cloud.routes["172.31.0.4", 80] = Route("refused")
        assert self.get(cloud, "172.31.0.4")["error"] == "ConnectionRefusedError"

    def test_a_task_that_has_just_gone_refuses(self, cloud: Cloud, tmp_path: Path) -> None:
        cloud.routes["172.31.0.4", 80] = Route("connected", tmp_path / "gone")
        assert self.get(cloud, "172.31.0.4")["error"] == "ConnectionRefusedError"

    def test_a_connection_that_no_security_group_admits_times_out(self, cloud: Cloud) -> None:
        """P09: no answer until the caller gives up, in scaled time."""
        cloud.routes["172.31.0.4", 80] = Route("timed_out")
        answer = self.get(cloud, "172.31.0.4", timeout=30)
        assert answer["error"] == "TimeoutError"
        assert 0.3 <= answer["waited"] < 10

    def test_a_pause_between_two_polls_is_scaled(self, cloud: Cloud) -> None:
        outcome = cloud.workers.invoke(
            cloud.function("surroundings.pauses").name, json.dumps({"seconds": 100})
        )
        assert 1 <= json.loads(outcome.payload) < 30

    def test_only_tasks_resolve_service_connect_names(self, cloud: Cloud) -> None:
        """P01."""
        cloud.routes["web", 80] = Route("unknown_host")
        assert self.get(cloud, "web")["error"] == "gaierror"

    def test_an_address_outside_the_cloud_is_unreachable(self, cloud: Cloud) -> None:
        assert self.get(cloud, "8.8.8.8")["error"] == "OSError"


class TestEnding:
    def test_close_ends_idle_and_busy_workers(self, cloud: Cloud) -> None:
        cloud.call("surroundings.echo", 1)
        busy = cloud.function("faults.never_ends", timeout=60).name
        with ThreadPoolExecutor(1) as threads:
            invocation = threads.submit(cloud.workers.invoke, busy, "{}")
            until_true(lambda: cloud.workers.processes(busy))
            processes = cloud.workers.processes(busy) + cloud.workers.processes("surroundings-echo")
            cloud.workers.close()
            assert json.loads(invocation.result(10).payload)["errorType"] == "Runtime.ExitError"
        assert len(processes) == 2
        assert not any(_exists(process) for process in processes)

    def test_workers_end_when_their_parent_is_killed(self) -> None:
        root = Path(__file__).parent.parent.parent
        script = (
            "import tests.localcloud.test_workers as t\n"
            "cloud = t.Cloud()\n"
            "cloud.call('surroundings.echo', 1)\n"
            "print(*cloud.workers.processes('surroundings-echo'), flush=True)\n"
            "import threading; threading.Event().wait()\n"
        )
        parent = subprocess.Popen(
            [sys.executable, "-c", script],
            cwd=root,
            stdout=subprocess.PIPE,
            text=True,
            env={**os.environ, "PYTHONPATH": str(root)},
        )
        try:
            assert parent.stdout
            worker = int(parent.stdout.readline())
            assert _exists(worker)
        finally:
            parent.send_signal(signal.SIGKILL)
            parent.wait()
            assert parent.stdout
            parent.stdout.close()
        until_true(lambda: not _exists(worker))


def _exists(process: int) -> bool:
    """False also for a process that has ended and that its new parent has not reaped yet."""
    try:
        os.kill(process, 0)
        state = Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()[0]
    except (ProcessLookupError, FileNotFoundError):
        return False
    return state != "Z"


def test_a_warm_invocation_starts_no_process(cloud: Cloud) -> None:
    name = cloud.function("surroundings.echo").name
    cloud.workers.invoke(name, "1")
    warm = cloud.workers.processes(name)
    assert len(warm) == 1
    for _ in range(20):
        cloud.workers.invoke(name, "1")
    assert cloud.workers.processes(name) == warm


def test_the_endpoint_is_reached_for_real(cloud: Cloud) -> None:
    """Routes are asked only for addresses outside AWS."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        workers = Workers(
            endpoint=listener.getsockname(),
            region="ap-northeast-1",
            credentials=cloud.credentials,
            routes=lambda *_: pytest.fail("asked for a route to the endpoint"),
            logs=lambda *_: None,
        )
        function = Function("get", "arn:get", FUNCTIONS, "surroundings.get", ROLE, timeout=10)
        workers.register(function)
        host, port = listener.getsockname()
        event = json.dumps({"host": host, "port": port, "timeout": 5})
        with ThreadPoolExecutor(1) as threads:
            invocation = threads.submit(workers.invoke, "get", event)
            connection, _ = listener.accept()
            with connection:
                connection.recv(1024)
                connection.sendall(b"HTTP/1.1 204 No Content\r\n\r\n")
            assert json.loads(invocation.result(10).payload)["status"] == 204
        workers.close()
