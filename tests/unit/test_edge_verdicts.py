"""Why an edge is not proven, and what to do about it."""

from __future__ import annotations

import json

import pytest

from bivouac.diagnosis import edge_verdicts
from bivouac.diagnosis.aws_messages import Category
from bivouac.diagnosis.service_verdicts import Verdict
from bivouac.environment.blueprint import Edge
from bivouac.proof.fault import Fault
from bivouac.proof.mesh import EdgeReading, State


def reading(fault: Fault | None, observed: str = "seen", client: str = "web") -> EdgeReading:
    edge = Edge(client, "api", "http", "api", 8080, "http", "/healthz", 200, 299)
    return EdgeReading(edge, State.NG if fault else State.PENDING, observed, fault)


@pytest.mark.parametrize(
    ("fault", "category", "next_step"),
    [
        (Fault.NAME, Category.CONNECTIVITY, "web cannot resolve api"),
        (Fault.CONNECTION, Category.NETWORK, "security groups of api admit those of web"),
        (Fault.NO_ANSWER, Category.CONNECTIVITY, "No security group is in the way"),
        (Fault.STATUS, Category.CONNECTIVITY, "`connect` entry from web to api"),
        (Fault.EXIT_CODE, Category.CONNECTIVITY, "ProofImage"),
        (Fault.NEVER_RAN, Category.CONNECTIVITY, "ProofImage"),
        (None, Category.NETWORK, "listens on its containerPort"),
    ],
)
def test_an_unproven_edge_is_diagnosed_by_its_failure(
    fault: Fault | None, category: Category, next_step: str
) -> None:
    """P01, P07 to P09."""
    verdict = edge_verdicts.edges_not_proven([reading(fault)], 30)
    assert verdict.category is category
    assert verdict.service == "web -> api:http"
    assert verdict.evidence[0].startswith("web -> api:http: seen")
    assert next_step in verdict.next_step


def test_edges_are_reported_clearest_fault_first() -> None:
    still, wrong = reading(None, "still asking"), reading(Fault.NAME, client="shop")
    verdict = edge_verdicts.edges_not_proven([still, wrong], 30.2)
    assert verdict.service == "shop -> api:http"
    assert verdict.evidence[1] == (
        "web -> api:http: still asking, 30 s after everything was healthy"
    )


def printed(code: int, said: str, status: int = 0, failures: int = 0) -> str:
    """A line of the client's log."""
    counts = {"failures": failures, "asked": 4 * failures}
    return json.dumps({"edge": "api:8080", "said": said, "code": code, "status": status, **counts})


@pytest.mark.parametrize(
    ("line", "category", "next_step"),
    [
        (
            printed(10, "does not resolve"),
            Category.CONNECTIVITY,
            "web cannot resolve api",
        ),
        (
            printed(12, "HTTP 500, expected 200-299", 500),
            Category.CONNECTIVITY,
            '"expectStatus": "500" in the `connect` entry from web to api',
        ),
        (
            printed(11, "timed out after 3 s"),
            Category.NETWORK,
            "security groups of api admit those of web on the endpoint's port, and that its "
            "application answers within 3 s",
        ),
        (
            printed(13, "connection refused"),
            Category.CONNECTIVITY,
            "No security group is in the way",
        ),
        (printed(13, "closed at once"), Category.CONNECTIVITY, "listens on its containerPort"),
        (
            printed(13, "HTTP 503 of the server's proxy: nothing answers behind it", 503),
            Category.CONNECTIVITY,
            "listens on its containerPort",
        ),
        (
            printed(13, "gRPC UNAVAILABLE: nothing answers gRPC behind the proxy"),
            Category.CONNECTIVITY,
            "listens on its containerPort",
        ),
        (
            printed(13, "HTTP/2 200 that is not gRPC"),
            Category.CONNECTIVITY,
            "appProtocol",
        ),
    ],
)
def test_a_pending_edge_is_diagnosed_by_its_clients_last_line(
    line: str, category: Category, next_step: str
) -> None:
    asked = reading(None, "still asking")
    found = edge_verdicts.edges_not_proven([asked], 30)

    judged = edge_verdicts.with_log(found, asked.edge, ["no reading", line])

    assert judged.category is category
    assert next_step in judged.next_step
    seen = f"api:8080 {json.loads(line)['said']}"
    assert judged.evidence == (f"web -> api:http: {seen}", *found.evidence)
    assert judged.edges == {"web -> api:http": seen}


def test_an_edge_that_answers_by_turns_is_told_with_the_counts() -> None:
    """Whatever its last answer was: the client is in the middle of a row."""
    found = edge_verdicts.edges_not_proven([reading(None, "still asking")], 30)
    line = printed(0, "HTTP 200", 200, failures=5)
    judged = edge_verdicts.with_log(found, reading(None).edge, [line])
    assert judged.category is Category.CONNECTIVITY
    assert "right and wrong by turns" in judged.next_step
    assert judged.evidence[0] == (
        "web -> api:http: api:8080 answers differently each time, 5 of 20 failed after a right "
        "one: HTTP 200"
    )


@pytest.mark.parametrize(
    "line",
    [printed(0, "HTTP 200", 200), printed(0, "stays open, 3 times in a row")],
)
def test_a_successful_last_line_changes_nothing(line: str) -> None:
    asked = reading(None, "still asking")
    found = edge_verdicts.edges_not_proven([asked], 30)
    assert edge_verdicts.with_log(found, asked.edge, [line]) == found


@pytest.mark.parametrize("fault", [None, Fault.EXIT_CODE, Fault.STATUS])
@pytest.mark.parametrize(
    "line",
    [
        "api:8080 does not resolve",
        "api:8080 HTTP 404, expected 200-299",
        "exec /usr/bin/python: no such file or directory",
        printed(12, "HTTP 404, expected 200-299", 404)[:60],
    ],
)
def test_a_log_without_a_reading_decides_nothing_and_is_said_to_have_none(
    line: str, fault: Fault | None
) -> None:
    """Such as the lines of a client that an earlier version started."""
    asked = reading(fault)
    found = edge_verdicts.edges_not_proven([asked], 30)
    judged = edge_verdicts.with_log(found, asked.edge, [line])
    assert (judged.category, judged.next_step) == (found.category, found.next_step)
    assert judged.evidence == (*found.evidence, "its client's log has no reading of it")
    assert edge_verdicts.with_log(found, asked.edge, []) == found


def test_the_next_step_of_an_edge_names_a_field_of_the_request() -> None:
    """Without `connect`, the `probe` of the server says what is asked and expected."""
    asked = reading(Fault.STATUS, client="")
    found = edge_verdicts.edges_not_proven([asked], 30)
    line = printed(12, "HTTP 404, expected 200-299", 404)
    judged = edge_verdicts.with_log(found, asked.edge, [line])
    assert "the `probe` of api" in judged.next_step
    assert "connect" not in judged.next_step


def test_a_verdict_names_each_edge_and_survives_json() -> None:
    """The status document finds them there."""
    both = [reading(None, "still asking"), reading(Fault.NAME, client="shop")]
    verdict = edge_verdicts.edges_not_proven(both, 30)
    assert verdict.edges == {"shop -> api:http": "seen", "web -> api:http": "still asking"}
    assert Verdict.from_json(json.loads(json.dumps(verdict.to_json()))) == verdict
