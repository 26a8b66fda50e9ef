"""The images that fail as containers fail, and the one that calls others."""

from __future__ import annotations

import json
from collections.abc import Iterator

import pytest

from localcloud.tasks.images import CannotPullError, pull
from localcloud.tasks.processes import ProcessRuntime
from localcloud.tasks.runtime import ClientAlias, HealthCheck, Ingress, Task
from tests.localcloud.running_tasks import (
    APP_LOG,
    Witness,
    alias,
    answers,
    container,
    get,
    process_runtime,
    serves,
    socket_path,
    started,
    task,
    until,
)

FAKE_SERVICE = "nicholasjackson/fake-service:v0.26.2"


@pytest.fixture(params=["namespace", "proxy"])
def runtime(request: pytest.FixtureRequest) -> Iterator[ProcessRuntime]:
    """Both kinds of isolation."""
    with process_runtime(request.param) as made:
        yield made


def playing(image: str, number: int = 1) -> Task:
    return task(number, container(image=f"bivouac/{image}"), ingress=(serves("web"),))


@pytest.mark.parametrize(
    ("image", "exit_code", "reason", "last_line"),
    [
        ("exits:7", 7, None, "exits with code 7"),
        ("crashes:0", 1, None, "fatal: lost the connection"),
        (
            "out-of-memory",
            137,
            "OutOfMemoryError: Container killed due to memory usage",
            "into memory",
        ),
        ("wrong-architecture", 1, None, "exec /app: exec format error"),
        ("prints-secrets", 1, None, "fatal: the database refused the login"),
    ],
)
def test_containers_that_fail_at_once(
    image: str, exit_code: int, reason: str | None, last_line: str
) -> None:
    """H10, H11."""
    with process_runtime("namespace") as runtime:
        runtime.start(failing := playing(image), witness := Witness())
        assert witness.sees_exit_of(failing, "app") == (exit_code, reason)
        assert last_line in witness.lines(APP_LOG)[-1]


def test_secrets_are_printed_in_every_form_that_is_redacted() -> None:
    with process_runtime("namespace") as runtime:
        runtime.start(leaking := playing("prints-secrets"), witness := Witness())
        witness.sees_exit_of(leaking, "app")
        printed = "\n".join(witness.lines(APP_LOG))
    for secret in ("AKIAIOSFODNN7EXAMPLE", "SECRET_ACCESS_KEY=", "postgres://", "Bearer "):
        assert secret in printed


def test_an_image_of_another_platform_cannot_be_pulled() -> None:
    """H07."""
    with pytest.raises(CannotPullError) as failure:
        pull("bivouac/other-platform")
    assert str(failure.value) == (
        "CannotPullContainerError: pull image manifest has been retried 1 time(s): "
        "image Manifest does not contain descriptor matching platform 'linux/amd64'"
    )


@pytest.mark.parametrize(
    ("image", "status"),
    [("answers:404", 404), ("unhealthy", 500), ("closes", 503), ("wrong-port", 503)],
)
def test_containers_that_answer_wrongly(runtime: ProcessRuntime, image: str, status: int) -> None:
    """Seen from outside, through the task's own proxy."""
    witness = started(runtime, bad := playing(image))
    witness.sees_line(APP_LOG, "listens at")
    assert get(socket_path(runtime, bad)).status == status
    assert witness.exits(bad, "app") == []


def test_servers_listen_on_their_containers_port(runtime: ProcessRuntime) -> None:
    app = container(image="bivouac/echo", ports=(8080,))
    at_8080 = Ingress("web", "web", 8080, 8080, "http")
    started(runtime, web := task(1, app, ingress=(at_8080,)))
    assert get(answers(runtime, web, 8080)).headers["server"] == "envoy"


class TestServicesThatCallEachOther:
    def service(
        self, runtime: ProcessRuntime, number: int, name: str, upstream: str | None = None
    ) -> Task:
        environment = {"NAME": name, "LISTEN_ADDR": "0.0.0.0:8080", "MESSAGE": f"here is {name}"}
        aliases: tuple[ClientAlias, ...] = ()
        if upstream is not None:
            environment["UPSTREAM_URIS"] = f"http://{upstream}:8080"
            aliases = (alias(upstream, upstream, port=8080),)
        check = HealthCheck(
            ("CMD-SHELL", "curl -f http://localhost:8080/health || exit 1"), 5, 5, 3, 5
        )
        app = container(
            image=FAKE_SERVICE, ports=(8080,), environment=environment, health_check=check
        )
        served = task(
            number, app, ingress=(Ingress(name, name, 8080, 8080, "http"),), aliases=aliases
        )
        witness = started(runtime, served)
        witness.sees_health(served, "app", "HEALTHY")
        runtime.set_endpoint(name, [(served.private_ip, 8080)])
        return served

    def test_a_response_includes_its_upstreams_responses(self, runtime: ProcessRuntime) -> None:
        """P01: each is reached by its client alias, through two proxies."""
        self.service(runtime, 1, "backend")
        self.service(runtime, 2, "api", "backend")
        web = self.service(runtime, 3, "web", "api")
        answer = get(socket_path(runtime, web, 8080))
        assert answer.status == 200
        tree = json.loads(answer.body)
        of_api = tree["upstream_calls"]["http://api:8080"]
        of_backend = of_api["upstream_calls"]["http://backend:8080"]
        assert [each["name"] for each in (tree, of_api, of_backend)] == ["web", "api", "backend"]
        assert of_backend["body"] == "here is backend"

    def test_a_failing_upstream_is_reported_and_does_not_affect_health(
        self, runtime: ProcessRuntime
    ) -> None:
        """H23: a service can be healthy while what it calls is missing."""
        web = self.service(runtime, 1, "web", "api")
        path = socket_path(runtime, web, 8080)
        answer = get(path)
        assert answer.status == 500
        [call] = json.loads(answer.body)["upstream_calls"].values()
        assert (call["code"], call["body"]) == (503, "no healthy upstream")
        assert get(path, "/health").status == 200


def test_an_upstream_that_does_not_resolve_is_reported() -> None:
    """P08."""
    environment = {"UPSTREAM_URIS": "http://nobody:8080"}
    app = container(image=FAKE_SERVICE, ports=(9090,), environment=environment)
    with process_runtime("namespace") as runtime:
        started(runtime, web := task(1, app, service_connect=False))
        path = socket_path(runtime, web, 9090)
        until(lambda: get(path).status == 500, "no answer")
        [call] = json.loads(get(path).body)["upstream_calls"].values()
    assert call["code"] == -1
    assert "Name or service not known" in call["error"]
