"""Probing endpoints: what counts as an answer, and what does not."""

from __future__ import annotations

import json
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, ClassVar

import pytest

from bivouac.proof import asking, edge_rules, probe, row
from bivouac.proof.check import Check, CheckOutcome
from bivouac.proof.probe import Target
from tests.servers import port_of, running, serving, unused_port

LONGEST_SECONDS, ATTEMPT_SECONDS = row.LONGEST_SECONDS, edge_rules.ATTEMPT_SECONDS


@pytest.fixture(autouse=True)
def _impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(row, "WINDOW_SECONDS", 0.3)
    monkeypatch.setattr(row, "LONGEST_SECONDS", 0.9)
    monkeypatch.setattr(row, "PAUSE_SECONDS", 0.01)
    monkeypatch.setattr(asking, "ATTEMPT_SECONDS", 0.3)
    monkeypatch.setattr(asking, "TCP_OPEN_SECONDS", 0.05)


def target(port: int, **changes: Any) -> Target:
    return Target(
        **{
            "service": "web",
            "endpoint": "web",
            "protocol": "http",
            "port": port,
            "path": "/",
            "lowest_status": 200,
            "highest_status": 399,
            "tasks": 1,
            "private_addresses": ["127.0.0.1"],
            "public_addresses": [],
            "not_public": "the task has no public address",
            **changes,
        }
    )


class Envoy(BaseHTTPRequestHandler):
    """Answers as the proxy does; the test chooses the answers."""

    signature: ClassVar[str] = "envoy"
    headers_too: ClassVar[dict[str, str]] = {}
    statuses: ClassVar[list[int]] = []
    paths: ClassVar[list[str]] = []

    def do_GET(self) -> None:
        self.paths.append(self.path)
        status = self.statuses.pop(0) if len(self.statuses) > 1 else self.statuses[0]
        self.send_response(status)
        if 300 <= status < 400:
            self.send_header("Location", "http://169.254.169.254/")
        for name, value in self.headers_too.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(b"x" * 100_000)

    def version_string(self) -> str:
        return self.signature

    def log_message(self, format: str, *args: Any) -> None:
        """Keeps the test's output quiet."""


@contextmanager
def http(
    *statuses: int, server: str = "envoy", listens: str = "127.0.0.1", **headers: str
) -> Iterator[tuple[int, list[str]]]:
    """The port of a server that answers with these statuses, and repeats the last one; its
    paths."""
    answers = {"statuses": list(statuses), "paths": [], "signature": server}
    more = {name.replace("_", "-"): value for name, value in headers.items()}
    handler = type("Handler", (Envoy,), answers | {"headers_too": more})
    with running(ThreadingHTTPServer((listens, 0), handler)) as made:
        yield port_of(made), handler.paths  # type: ignore[attr-defined]


def asked(port: int, **changes: Any) -> Check:
    (check,) = proven([target(port, **changes)], "private")
    return check


def proven(targets: list[Target], side: probe.Side) -> list[Check]:
    return [check for called in probe.prove(targets, side) for check in called.checks]


def test_eight_answers_in_a_row_through_the_proxy_prove_an_endpoint() -> None:
    """P06, P07."""
    with http(200) as (port, paths):
        check = asked(port, path="/health")
    assert check.outcome is CheckOutcome.OK
    assert check.observed == f"127.0.0.1:{port} HTTP 200, server: envoy, 8 times in a row"
    assert (check.service, check.endpoint) == ("web", "web")
    assert paths == ["/health"] * 8


def test_a_proxy_that_warms_up_is_given_time() -> None:
    """P07, H23: 503s of a new proxy are normal before the first right answer."""
    with http(503, 503, 200) as (port, paths):
        check = asked(port)
    assert check.outcome is CheckOutcome.OK
    assert len(paths) == 2 + 8


def test_a_failure_between_right_answers_requires_more_of_them_and_is_reported() -> None:
    """containers-roadmap#1963: proxies try again, and hide a backend that fails now and then."""
    with http(200, 200, 503, 200, 500, 200) as (port, paths):
        check = asked(port)
    assert check.outcome is CheckOutcome.OK
    assert len(paths) == 5 + 32
    assert check.observed.endswith("HTTP 200, server: envoy, 32 times in a row (2 failed between)")


def test_a_backend_that_fails_every_other_time_is_never_proven() -> None:
    with http(*[200, 200, 500] * 20_000) as (port, _):
        answer = probe.answer([asdict(target(port))], "private")
    assert answer["proven"] is False
    assert answer["final"] is True
    assert "answers differently each time, " in answer["checks"][0]["observed"]


@pytest.mark.parametrize(("status", "final"), [(404, True), (500, True), (401, True), (503, False)])
def test_a_wrong_answer_of_the_application_is_final_after_a_while(
    status: int, final: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It has started. A 503 may be its way of saying that it has not yet."""
    monkeypatch.setattr(edge_rules, "SETTLED_SECONDS", 0.1)
    with http(status, x_envoy_upstream_service_time="1") as (port, _):
        answer = probe.answer([asdict(target(port))], "private")
    assert (answer["proven"], answer["final"]) == (False, final)


def test_an_application_that_still_changes_its_mind_is_given_its_window(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(edge_rules, "SETTLED_SECONDS", 0.1)
    with http(*[404, 500] * 5000) as (port, _):
        answer = probe.answer([asdict(target(port))], "private")
    assert (answer["proven"], answer["final"]) == (False, False)


@pytest.mark.parametrize("status", [502, 503, 504])
def test_the_proxys_own_answer_is_distinguished_from_the_applications(status: int) -> None:
    with http(status) as (port, _):
        check = asked(port)
    assert check.observed.endswith(f"HTTP {status} of the proxy: nothing answers HTTP behind it")
    with http(status, x_envoy_upstream_service_time="1") as (port, _):
        check = asked(port)
    assert check.observed.endswith(f"HTTP {status}, server: envoy: expected 200-399")


def test_a_wrong_answer_is_reported() -> None:
    with http(503) as (port, _):
        check = asked(port)
    assert check.outcome is CheckOutcome.NG
    assert check.observed.endswith("HTTP 503 of the proxy: nothing answers HTTP behind it")


@pytest.mark.parametrize(
    ("server", "headers"),
    [
        ("envoy", {}),
        ("Envoy", {}),
        ("envoy", {"x_envoy_upstream_service_time": "1"}),
        ("nginx", {"x_envoy_upstream_service_time": "0"}),
        ("", {"X_Envoy_Upstream_Service_Time": "12"}),
    ],
)
def test_a_proxy_is_recognised_by_either_of_its_headers(
    server: str, headers: dict[str, str]
) -> None:
    """P06: the tutorial shows the first, to callers outside the mesh (2022); Envoy's router adds
    the second to each answer of an upstream, whatever becomes of the first."""
    with http(200, server=server, **headers) as (port, _):
        assert asked(port).outcome is CheckOutcome.OK


def test_an_answer_that_did_not_come_through_the_proxy_is_no_proof() -> None:
    """P06."""
    with http(200, server="nginx") as (port, _):
        check = asked(port)
    assert check.outcome is CheckOutcome.NG
    assert "did not come through the Service Connect proxy" in check.observed


def test_a_redirect_is_an_answer_and_is_not_followed() -> None:
    """P11: an answer must not lead the probe to another address."""
    with http(302) as (port, paths):
        assert asked(port).outcome is CheckOutcome.OK
    assert len(paths) == 8
    with http(302) as (port, _):
        assert asked(port, highest_status=299).outcome is CheckOutcome.NG


def test_a_refused_http_connection_is_a_failed_connection() -> None:
    check = asked(unused_port())
    assert check.outcome is CheckOutcome.NG
    assert "failed: " in check.observed
    assert "refused" in check.observed


def test_a_listener_that_says_nothing_times_out() -> None:
    """The proxy accepts each connection, so no security group is in the way."""
    with socket.create_server(("127.0.0.1", 0)) as silent:
        check = asked(silent.getsockname()[1])
    assert check.outcome is CheckOutcome.NG
    assert "is connected, and gives no answer within 0.3 s" in check.observed


@pytest.mark.parametrize("protocol", ["http", "http2", "grpc", "tcp"])
def test_what_cannot_be_connected_to_times_out(
    protocol: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """P09: what a security group that does not admit looks like."""

    def not_admitted(*_: Any, **__: Any) -> socket.socket:
        raise TimeoutError

    monkeypatch.setattr(socket, "create_connection", not_admitted)
    check = asked(80, protocol=protocol)
    assert check.outcome is CheckOutcome.NG
    assert "timed out after 0.3 s: not connected" in check.observed


def test_an_answer_that_is_not_http_is_a_failure() -> None:
    def garbage(connection: socket.socket) -> None:
        connection.recv(1000)
        connection.sendall(b"\x00\x01\x02 not http\r\n\r\n")

    with serving(garbage) as port:
        check = asked(port)
    assert check.outcome is CheckOutcome.NG
    assert "failed: " in check.observed


def test_a_tcp_endpoint_that_stays_open_is_proven() -> None:
    def wait(connection: socket.socket) -> None:
        connection.settimeout(5)
        connection.recv(1)

    with serving(wait) as port:
        check = asked(port, protocol="tcp")
    assert check.outcome is CheckOutcome.OK
    assert "stays open, 3 times in a row" in check.observed


def test_a_tcp_endpoint_that_speaks_first_is_proven() -> None:
    with serving(lambda connection: connection.sendall(b"220 hello")) as port:
        check = asked(port, protocol="tcp")
    assert check.outcome is CheckOutcome.OK
    assert "answers" in check.observed


def test_a_tcp_connection_that_the_proxy_closes_at_once_is_no_proof() -> None:
    """Connecting to a proxy succeeds even if the application is dead."""
    with serving(lambda connection: None) as port:
        check = asked(port, protocol="tcp")
    assert check.outcome is CheckOutcome.NG
    assert "was closed by the proxy" in check.observed


def test_a_refused_tcp_connection_is_a_failed_connection() -> None:
    check = asked(unused_port(), protocol="tcp")
    assert check.outcome is CheckOutcome.NG
    assert "failed: " in check.observed


def test_a_task_without_public_address_is_skipped_with_the_reason() -> None:
    """P04."""
    (check,) = proven([target(80)], "public")
    assert check.outcome is CheckOutcome.SKIP
    assert check.observed == "the task has no public address"
    assert check.name == "web answers from outside the VPC"


def test_the_public_probe_uses_the_public_address() -> None:
    with http(200) as (port, _):
        private = target(port, private_addresses=["172.31.0.4"], public_addresses=["127.0.0.1"])
        (check,) = proven([private], "public")
    assert check.outcome is CheckOutcome.OK


@pytest.mark.parametrize(("statuses", "proven"), [((200, 200), True), ((200, 503), False)])
def test_an_answer_is_proven_only_if_no_check_is_ng(
    statuses: tuple[int, int], proven: bool
) -> None:
    with http(statuses[0]) as (first, _), http(statuses[1]) as (second, _):
        targets = [asdict(target(first)), asdict(target(second)), asdict(target(first))]
        answer = probe.answer(targets, "private")
    assert answer["proven"] is proven
    assert [check["outcome"] for check in answer["checks"]] == [
        "OK",
        "OK" if proven else "NG",
        "OK",
    ]


def test_no_target_is_no_failure_and_no_proof() -> None:
    """Mark ready still asks for a check that is OK for each endpoint."""
    assert probe.answer([], "private") == {"proven": True, "final": False, "checks": []}


class TestManyTasks:
    """One check covers them all, so that an execution's state has room for any number of tasks."""

    ADDRESSES = tuple(f"127.0.0.{number}" for number in range(1, 6))

    def test_tasks_with_the_same_answer_are_one_check(self) -> None:
        with http(200, listens="") as (port, _):
            (check,) = proven([target(port, tasks=20, private_addresses=self.ADDRESSES)], "private")
        shown = ", ".join(f"{address}:{port}" for address in self.ADDRESSES[:3])
        assert check.outcome is CheckOutcome.OK
        assert check.observed == (
            f"5 of 20 tasks, {shown} and 2 more: HTTP 200, server: envoy, 8 times in a row"
        )

    def test_a_task_that_does_not_answer_is_reported_separately(self) -> None:
        with http(200) as (port, _):
            good, bad = proven(
                [target(port, tasks=2, private_addresses=["127.0.0.1", "127.0.0.2"])], "private"
            )
        assert (good.outcome, bad.outcome) == (CheckOutcome.OK, CheckOutcome.NG)
        assert good.observed.startswith(f"1 of 2 tasks, 127.0.0.1:{port}: HTTP 200")
        assert bad.observed.startswith(f"1 of 2 tasks, 127.0.0.2:{port}: failed: ")

    def test_any_number_of_failures_is_reported_within_bounds(self) -> None:
        port = unused_port()
        names = [f"an-endpoint-with-a-long-name-{number}" for number in range(100)]
        answer = probe.answer([asdict(target(port, endpoint=name)) for name in names], "private")
        told = [check["observed"] for check in answer["checks"]]
        assert answer["proven"] is False
        assert len(json.dumps(answer)) < probe.BAD_LIMIT + 1000
        assert told[-1] == f"{100 - (len(told) - 1)} more endpoints do not answer"

    def test_it_reports_in_time_if_no_task_answers(self) -> None:
        """Within the 90 s of its function (template.yaml)."""
        windows = probe.MOST_TARGETS / probe.CONCURRENCY
        assert windows * (LONGEST_SECONDS + ATTEMPT_SECONDS + 1) < 90


def test_a_long_server_header_is_cut() -> None:
    with http(200, server="x" * 5000) as (port, _):
        check = asked(port)
    assert check.outcome is CheckOutcome.NG
    assert len(check.observed) < 400


def test_targets_from_before_an_update_are_probed() -> None:
    """A function in a VPC has no versions: it is updated while executions run."""
    with http(200) as (port, _):
        old = asdict(target(port)) | {"private_address": "127.0.0.1", "public_address": None}
        for name in ("tasks", "private_addresses", "public_addresses"):
            del old[name]
        answer = probe.answer([old], "private")
    assert answer["proven"] is True
    assert answer["checks"][0]["observed"].startswith(f"127.0.0.1:{port} HTTP 200")
