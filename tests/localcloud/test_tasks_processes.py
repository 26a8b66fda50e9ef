"""Tasks as real processes behind real proxies."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from localcloud.tasks.isolation import Kind
from localcloud.tasks.processes import ProcessRuntime
from localcloud.tasks.remarks import PLAYED
from localcloud.tasks.runtime import NEVER_STARTED, Container, HealthCheck, LogTarget
from tests.localcloud.running_tasks import (
    APP_LOG,
    PROXY_LOG,
    Report,
    Witness,
    alias,
    answers,
    container,
    get,
    kill,
    process_runtime,
    processes_of,
    serves,
    socket_path,
    started,
    task,
    until,
)

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="processes are found in /proc")

WAIT = "while :; do sleep 0.05; done"
FETCH_FOREVER = "while :; do curl -s http://web.test/; echo; sleep 0.05; done"


@pytest.fixture(params=["namespace", "proxy"])
def runtime(request: pytest.FixtureRequest) -> Iterator[ProcessRuntime]:
    """Both kinds of isolation."""
    with process_runtime(request.param) as made:
        yield made


@pytest.fixture
def isolated() -> Iterator[ProcessRuntime]:
    """For what needs namespaces."""
    with process_runtime("namespace") as made:
        yield made


@pytest.fixture
def shared_network() -> Iterator[ProcessRuntime]:
    """For what happens without namespaces."""
    with process_runtime("proxy") as made:
        yield made


class TestIngress:
    def test_the_proxy_answers_at_a_tasks_address(self, runtime: ProcessRuntime) -> None:
        """P06: `server: envoy` proves that the proxy is in the path."""
        web = task(1, ingress=(serves("web"),))
        started(runtime, web)
        path = answers(runtime, web)
        answer = get(path)
        assert answer.headers["server"] == "envoy"
        assert b"Welcome to nginx!" in answer.body

    def test_the_proxy_of_a_dead_application_answers_503(self, runtime: ProcessRuntime) -> None:
        web = task(1, container(environment={"ROLE": "victim"}), ingress=(serves("web"),))
        witness = started(runtime, web)
        path = answers(runtime, web)
        kill(runtime, "ROLE=victim")
        assert witness.sees_exit_of(web, "app") == (137, None)
        answer = get(path)
        assert (answer.status, answer.headers["server"]) == (503, "envoy")

    def test_a_dead_proxy_is_reported_like_an_ended_container(
        self, runtime: ProcessRuntime
    ) -> None:
        web = task(1, ingress=(serves("web"),))
        witness = started(runtime, web)
        kill(runtime, "envoy.json")
        assert witness.sees_exit_of(web, "service-connect-proxy") == (137, None)
        assert runtime.socket_of(web.private_ip, 80) is None

    def test_tcp_passes_through_unchanged(self, runtime: ProcessRuntime) -> None:
        web = task(1, ingress=(serves("web", app_protocol=None),))
        started(runtime, web)
        path = answers(runtime, web)
        assert get(path).headers["server"].startswith("nginx/")

    def test_the_ingress_port_may_differ_from_the_container_port(
        self, runtime: ProcessRuntime
    ) -> None:
        web = task(1, ingress=(serves("web", port=8080),))
        started(runtime, web)
        proxied = answers(runtime, web, 8080)
        assert get(proxied).headers["server"] == "envoy"
        assert get(socket_path(runtime, web, 80)).headers["server"].startswith("nginx/")


class TestWithoutProxy:
    def test_without_a_proxy_the_address_is_the_containers(self, runtime: ProcessRuntime) -> None:
        web = task(1, container(image="bivouac/echo"), service_connect=False)
        started(runtime, web)
        sent = b"x" * 3_000_000
        answer = get(socket_path(runtime, web), "/upload", sent)
        assert len(json.loads(answer.body)["body"]) == len(sent)

    def test_an_address_is_silent_until_the_container_listens(
        self, runtime: ProcessRuntime
    ) -> None:
        slow = task(1, container(image="bivouac/slow:60"), service_connect=False)
        started(runtime, slow)
        assert runtime.socket_of(slow.private_ip, 80) is None
        assert runtime.socket_of(slow.private_ip, 81) is None
        assert runtime.socket_of("172.31.0.99", 80) is None


class TestEgress:
    def test_tasks_reach_each_other_by_alias(self, runtime: ProcessRuntime) -> None:
        web = task(1, ingress=(serves("web"),))
        started(runtime, web)
        answers(runtime, web)
        runtime.set_endpoint("web", [(web.private_ip, 80)])
        client = task(
            2,
            container(shell="curl -si http://web.test/ | grep -i -e ^server -e Welcome; sleep 60"),
            aliases=(alias("web.test", "web"),),
        )
        witness = started(runtime, client)
        witness.sees_line(APP_LOG, "Welcome to nginx!")
        assert witness.sees_line(APP_LOG, "server:").strip() == "server: envoy"

    def test_a_name_that_is_no_alias_does_not_resolve(self, isolated: ProcessRuntime) -> None:
        """P08: a task resolves only endpoints that existed when its deployment began."""
        client = task(
            1,
            container(shell="curl -s http://api.test/; echo exit $?; sleep 60"),
            aliases=(alias("web.test", "web"),),
        )
        could_not_resolve_host = "exit 6"
        assert started(isolated, client).sees_line(APP_LOG, "exit") == could_not_resolve_host

    def test_without_namespaces_a_name_that_is_no_alias_is_refused(
        self, shared_network: ProcessRuntime
    ) -> None:
        """P08."""
        client = task(
            1,
            container(shell="curl -s http://api.test/; sleep 60"),
            aliases=(alias("web.test", "web"),),
        )
        witness = Witness()
        shared_network.start(client, witness)
        witness.sees_line(APP_LOG, "does not resolve")

    def test_running_clients_follow_an_endpoint_that_moves(self, runtime: ProcessRuntime) -> None:
        old, new = (
            task(n, container(image="bivouac/echo"), ingress=(serves("web"),)) for n in (1, 2)
        )
        for each in (old, new):
            started(runtime, each)
            answers(runtime, each)
        client = task(3, container(shell=FETCH_FOREVER), aliases=(alias("web.test", "web"),))
        witness = started(runtime, client)
        witness.sees_line(APP_LOG, "no healthy upstream")
        runtime.set_endpoint("web", [(old.private_ip, 80)])
        witness.sees_line(APP_LOG, '"path": "/"')
        proxied = witness.sees_line(PROXY_LOG, '" 200 ')
        assert str(socket_path(runtime, old)) in proxied
        runtime.set_endpoint("web", [(new.private_ip, 80)])
        witness.sees_line(PROXY_LOG, str(socket_path(runtime, new)))
        assert witness.exits(client, "app") == []

    def test_a_tcp_alias_does_not_change_the_applications_protocol(
        self, isolated: ProcessRuntime
    ) -> None:
        web = task(1, ingress=(serves("db", None),))
        started(isolated, web)
        answers(isolated, web)
        isolated.set_endpoint("db", [(web.private_ip, 80)])
        client = task(
            2,
            container(shell="curl -si http://db.test:5432/ | grep -i ^server; sleep 60"),
            aliases=(alias("db.test", "db", None, 5432),),
        )
        assert "nginx/" in started(isolated, client).sees_line(APP_LOG, "erver:")

    def test_without_namespaces_a_tcp_alias_is_reported_as_unreachable(
        self, shared_network: ProcessRuntime
    ) -> None:
        client = task(1, container(shell=WAIT), aliases=(alias("db.test", "db", None, 5432),))
        started(shared_network, client).sees_line(PROXY_LOG, "db.test:5432 cannot be reached")

    def test_an_alias_can_have_the_applications_own_port(self, isolated: ProcessRuntime) -> None:
        """The application has 0.0.0.0:80 and the proxy the alias' address, port 80."""
        web = task(1, ingress=(serves("web"),), aliases=(alias("api.test", "api"),))
        started(isolated, web)
        answers(isolated, web)


class TestEnd:
    def test_stopping_sends_sigterm_and_ends_the_proxy_last(self, runtime: ProcessRuntime) -> None:
        script = f"trap 'echo asked to stop; exit 7' TERM; echo ready; {WAIT}"
        polite = task(1, container(shell=script))
        witness = started(runtime, polite)
        witness.sees_line(APP_LOG, "ready")
        runtime.stop(polite.task_id)
        assert witness.sees_exit_of(polite, "app") == (7, None)
        witness.sees_line(APP_LOG, "asked to stop")
        assert witness.sees_exit_of(polite, "service-connect-proxy") == (0, None)
        ends = [each.details[1] for each in witness.seen if each.kind == "exited"]
        assert ends == ["app", "service-connect-proxy"]

    def test_a_container_that_ignores_sigterm_is_killed(self, runtime: ProcessRuntime) -> None:
        deaf = task(
            1,
            container(shell=f"trap '' TERM; echo ready; {WAIT}", stop_timeout=0.2),
            service_connect=False,
        )
        witness = started(runtime, deaf)
        witness.sees_line(APP_LOG, "ready")
        runtime.stop(deaf.task_id)
        assert witness.sees_exit_of(deaf, "app") == (137, None)

    def test_stopping_an_unknown_task_does_nothing(self, runtime: ProcessRuntime) -> None:
        runtime.stop("never-started")

    def test_a_task_can_be_stopped_before_it_has_started(self, runtime: ProcessRuntime) -> None:
        web = task(1, ingress=(serves("web"),))
        witness = Witness()
        runtime.start(web, witness)
        runtime.stop(web.task_id)
        witness.sees_exit_of(web, "app")
        witness.sees_exit_of(web, "service-connect-proxy")

    def test_nothing_is_left_after_close(self, runtime: ProcessRuntime) -> None:
        stubborn = container(
            shell=f"trap '' TERM; sleep 1000 & setsid sleep 1000 & echo ready; {WAIT}"
        )
        web = task(1, stubborn)
        started(runtime, web).sees_line(APP_LOG, "ready")
        assert processes_of(runtime.directory)
        runtime.close()
        assert processes_of(runtime.directory) == []
        assert not runtime.directory.exists()

    @pytest.mark.parametrize("isolation", ["namespace", "proxy"])
    def test_nothing_is_left_when_the_server_is_killed(self, isolation: Kind) -> None:
        server = subprocess.Popen(
            [sys.executable, "-c", SERVER, isolation], stdout=subprocess.PIPE, text=True
        )
        assert server.stdout is not None
        directory = Path(server.stdout.readline().strip())
        assert server.stdout.readline() == "started\n"
        assert len(processes_of(directory, "envoy.json")) == 1
        os.kill(server.pid, signal.SIGKILL)
        server.wait()
        server.stdout.close()
        until(lambda: not processes_of(directory), "a process outlived its server")
        until(lambda: not directory.exists(), "the directory outlived its server")

    def test_killing_a_sandbox_kills_its_containers(self, isolated: ProcessRuntime) -> None:
        web = task(1, container(shell="setsid sleep 1000 & echo ready; wait"))
        witness = started(isolated, web)
        witness.sees_line(APP_LOG, "ready")
        for sandbox in processes_of(isolated.directory, "plan.json"):
            os.kill(sandbox, signal.SIGKILL)
        assert witness.sees_exit_of(web, "app") == (137, None)
        until(
            lambda: not processes_of(isolated.directory, "sleep\0001000"), "a container outlived it"
        )


SERVER = """
import sys
import threading
from tests.localcloud.running_tasks import container, serves, started, task
from localcloud.tasks.processes import ProcessRuntime

runtime = ProcessRuntime(isolation=sys.argv[1])
print(runtime.directory, flush=True)
started(runtime, task(1, container(), container("other", shell="sleep 1000"),
                      ingress=(serves("web"),)))
print("started", flush=True)
threading.Event().wait()
"""


class TestContainers:
    def test_an_unknown_tag_cannot_be_pulled(self, runtime: ProcessRuntime) -> None:
        """H07."""
        image = "public.ecr.aws/docker/library/nginx:nope"
        missing = task(1, container(image=image))
        witness = Witness()
        runtime.start(missing, witness)
        reason = (
            "CannotPullContainerError: pull image manifest has been retried 1 time(s): "
            f"failed to resolve ref {image}: {image}: not found"
        )
        expected = Report("pull_failed", (missing.task_id, "app", reason))
        witness.wait_until(lambda: expected in witness.seen, "no failed pull")

    def test_a_container_that_exits_is_reported_as_started_first(
        self, runtime: ProcessRuntime
    ) -> None:
        """H11: such a task has reached RUNNING."""
        crashing = task(1, container(image="bivouac/exits:3"), ingress=(serves("web"),))
        witness = Witness()
        runtime.start(crashing, witness)
        assert witness.sees_exit_of(crashing, "app") == (3, None)
        kinds = [each.kind for each in witness.seen if each.kind in ("started", "exited")]
        assert kinds == ["started", "exited"]
        witness.sees_line(APP_LOG, "exits with code 3")

    def test_a_program_that_does_not_exist_cannot_be_started(self, runtime: ProcessRuntime) -> None:
        """H10."""
        wrong = task(1, replace(container(shell="true"), entry_point=("no-such-program",)))
        witness = Witness()
        runtime.start(wrong, witness)
        code, reason = witness.sees_exit_of(wrong, "app")
        assert code == 127
        assert reason is not None
        assert reason.startswith("CannotStartContainerError: ")
        assert '"no-such-program": executable file not found' in reason

    def test_a_container_sees_only_its_own_environment(
        self, isolated: ProcessRuntime, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "of the person who runs the local cloud")
        asks = task(1, container(shell="env; echo end; sleep 60", environment={"COLOUR": "blue"}))
        witness = started(isolated, asks)
        witness.sees_line(APP_LOG, "end")
        environment = dict(line.split("=", 1) for line in witness.lines(APP_LOG) if "=" in line)
        assert environment.pop("COLOUR") == "blue"
        assert environment["HOSTNAME"] == "ip-172-31-0-1"
        assert environment.keys() <= {
            "PATH",
            "HOME",
            "HOSTNAME",
            "AWS_EXECUTION_ENV",
            "PWD",
            "_",
        } | {
            "SHLVL",
            "OLDPWD",
        }

    def test_a_container_cannot_change_the_machines_files(
        self, isolated: ProcessRuntime, tmp_path: Path
    ) -> None:
        # Not below /tmp, which is writable, and where the project may be.
        intruder = Path("/etc/bivouac-intruder")
        script = f"touch {intruder} || echo refused; touch /tmp/$$ && rm /tmp/$$ && echo written"
        witness = started(isolated, task(1, container(shell=f"{script}; sleep 60")))
        witness.sees_line(APP_LOG, "refused")
        witness.sees_line(APP_LOG, "written")
        assert not intruder.exists()

    def test_whoever_describes_a_task_learns_that_a_stand_in_plays_its_image(
        self, runtime: ProcessRuntime
    ) -> None:
        known, unknown = container(), container("other", "acme/web:1", ports=(81,))
        played = task(1, known, unknown, service_connect=False)
        witness = started(runtime, played)
        assert [each.details for each in witness.seen if each.kind == "played"] == [
            (played.task_id, "other", PLAYED)
        ]

    def test_a_stand_in_logs_that_it_ignores_the_command(self, runtime: ProcessRuntime) -> None:
        overridden = task(1, replace(container(), command=("nginx", "-g", "daemon off;")))
        started(runtime, overridden).sees_line(APP_LOG, "command and entryPoint are not used")


class TestLogs:
    def test_output_of_containers_and_proxies_arrives_line_by_line(
        self, runtime: ProcessRuntime
    ) -> None:
        web = task(1, ingress=(serves("web"),))
        witness = started(runtime, web)
        path = answers(runtime, web)
        get(path, "/index.html?token=secret")
        assert "token=secret" in witness.sees_line(APP_LOG, "/index.html")
        accessed = witness.sees_line(PROXY_LOG, "/index.html")
        assert "secret" not in accessed
        assert '"GET /index.html HTTP/1.1" 200 ' in accessed

    def test_a_last_line_without_a_newline_arrives(self, runtime: ProcessRuntime) -> None:
        brief = task(1, container(shell="printf 'first\\nlast'"), service_connect=False)
        witness = started(runtime, brief)
        witness.sees_exit_of(brief, "app")
        assert witness.lines(APP_LOG) == ["first", "last"]


class TestHealth:
    CHECK = HealthCheck(
        ("CMD-SHELL", "curl -f http://localhost/ || exit 1"),
        interval=5,
        timeout=2,
        retries=2,
        start_period=0,
    )

    def test_a_container_becomes_healthy(self, runtime: ProcessRuntime) -> None:
        web = task(1, container(health_check=self.CHECK), ingress=(serves("web"),))
        started(runtime, web).sees_health(web, "app", "HEALTHY")

    def test_a_container_that_answers_errors_becomes_unhealthy(
        self, runtime: ProcessRuntime
    ) -> None:
        ill = container(image="bivouac/unhealthy", health_check=self.CHECK)
        web = task(1, ill, service_connect=False)
        started(runtime, web).sees_health(web, "app", "UNHEALTHY")


def shell(name: str, script: str, **more: Any) -> Container:
    essential = more.pop("essential", False)
    made = container(name, shell=script, ports=(), log=LogTarget("/app", name))
    return replace(made, essential=essential, **more)


def test_a_container_starts_once_what_it_waits_for_has_come(isolated: ProcessRuntime) -> None:
    """START, COMPLETE, SUCCESS and HEALTHY, as the ECS API's ContainerDependency has them."""
    healthy = HealthCheck(("CMD-SHELL", "true"), 0.1, 1.0, 1, 0.0)
    app = shell(
        "app",
        f"echo here; {WAIT}",
        essential=True,
        depends_on=(
            ("migrate", "SUCCESS"),
            ("warm", "COMPLETE"),
            ("log", "START"),
            ("cache", "HEALTHY"),
        ),
    )
    first = (
        shell("migrate", "echo migrated"),
        shell("warm", "exit 1"),
        shell("log", WAIT),
        shell("cache", WAIT, health_check=healthy),
    )
    witness = started(isolated, run := task(1, app, *first))
    witness.sees_line(LogTarget("/app", "app"), "here")
    assert witness.exits(run, "migrate") == [(0, None)]
    assert witness.exits(run, "warm") == [(1, None)]


def test_a_stand_in_whose_end_is_awaited_ends(isolated: ProcessRuntime) -> None:
    migrate = container("migrate", "acme/migrate:1", ports=(), log=LogTarget("/app", "migrate"))
    app = shell("app", f"echo here; {WAIT}", essential=True, depends_on=(("migrate", "SUCCESS"),))
    witness = started(isolated, run := task(1, app, replace(migrate, essential=False)))
    witness.sees_line(LogTarget("/app", "app"), "here")
    assert witness.exits(run, "migrate") == [(0, None)]


def test_what_waits_for_the_success_of_a_failed_container_never_starts(
    isolated: ProcessRuntime,
) -> None:
    """amazon-ecs-agent#3218."""
    app = shell("app", "echo here", essential=True, depends_on=(("migrate", "SUCCESS"),))
    witness = Witness()
    isolated.start(run := task(1, app, shell("migrate", "exit 3")), witness)
    code, reason = witness.sees_exit_of(run, "app")
    assert code == NEVER_STARTED
    assert reason is not None
    assert "failed to resolve container ordering dependency [migrate" in reason
    assert "Exit: 3" in reason
    assert witness.lines(LogTarget("/app", "app")) == []
