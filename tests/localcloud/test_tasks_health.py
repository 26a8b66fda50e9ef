"""Container health: the rule, and the curl and wget for checks on machines without them."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from localcloud.images import http_client
from localcloud.images.web_server import BEHAVIOURS, Server, handler_of
from localcloud.tasks.sandbox.health import HealthJudge
from tests.servers import port_of, running


def verdicts(judge: HealthJudge, answers: str, interval: float = 10) -> list[str | None]:
    """`answers` is one letter a check: P passed, F failed."""
    return [judge.judge(answer == "P", (n + 1) * interval) for n, answer in enumerate(answers)]


class TestRule:
    def test_the_first_success_makes_a_container_healthy(self) -> None:
        """H20."""
        assert verdicts(HealthJudge(3, 0), "PP") == ["HEALTHY", None]

    def test_consecutive_failures_make_a_container_unhealthy(self) -> None:
        assert verdicts(HealthJudge(3, 0), "FFF") == [None, None, "UNHEALTHY"]
        assert verdicts(HealthJudge(3, 0), "FFPFF") == [None, None, "HEALTHY", None, None]

    def test_failures_in_the_start_period_do_not_count(self) -> None:
        assert verdicts(HealthJudge(2, 35), "FFFFF") == [None, None, None, None, "UNHEALTHY"]

    def test_a_success_ends_the_start_period(self) -> None:
        assert verdicts(HealthJudge(2, 100), "PFF") == ["HEALTHY", None, "UNHEALTHY"]

    def test_an_unhealthy_container_can_recover(self) -> None:
        assert verdicts(HealthJudge(1, 0), "FPF") == ["UNHEALTHY", "HEALTHY", "UNHEALTHY"]


@pytest.fixture
def server(request: pytest.FixtureRequest) -> Iterator[str]:
    """A stand-in server with the behaviour of the parameter."""
    with running(Server("tcp:127.0.0.1:0", handler_of(BEHAVIOURS[request.param]))) as made:
        yield f"http://127.0.0.1:{port_of(made)}/"


def run(*arguments: str) -> subprocess.CompletedProcess[str]:
    program = Path(http_client.__file__)
    return subprocess.run(
        [sys.executable, "-I", "-S", str(program), *arguments],
        capture_output=True,
        text=True,
        timeout=10,
        check=False,
        env={},
    )


class TestClients:
    @pytest.mark.parametrize("server", ["nginx"], indirect=True)
    @pytest.mark.parametrize(
        "arguments",
        [
            ("curl", "-f"),
            ("curl", "-fsS", "-o", "/dev/null"),
            ("curl", "-s", "--max-time", "3", "-I"),
            ("wget", "-q", "--spider"),
            ("wget", "-qO-"),
            ("wget", "--no-verbose", "--tries=1", "-O", "/dev/null"),
        ],
    )
    def test_a_good_response_is_a_success(self, server: str, arguments: tuple[str, ...]) -> None:
        assert run(*arguments, server).returncode == 0

    @pytest.mark.parametrize("server", ["unhealthy"], indirect=True)
    @pytest.mark.parametrize(
        ("arguments", "code"),
        [(("curl", "-f"), 22), (("curl",), 0), (("wget", "-q", "--spider"), 8)],
    )
    def test_an_error_response_has_the_real_programs_exit_code(
        self, server: str, arguments: tuple[str, ...], code: int
    ) -> None:
        assert run(*arguments, server).returncode == code

    @pytest.mark.parametrize(
        ("url", "code"), [("http://127.0.0.1:1/", 7), ("http://no-such-name.invalid/", 6)]
    )
    def test_no_response_has_the_real_programs_exit_code(self, url: str, code: int) -> None:
        assert run("curl", "-f", url).returncode == code
        assert run("wget", "-q", url).returncode == 4
