"""Why an edge is not proven, and what to do about it."""

from __future__ import annotations

import pytest

from bivouac.diagnosis import edge_verdicts
from bivouac.diagnosis.aws_messages import Category
from bivouac.environment.blueprint import Edge
from bivouac.proof.mesh import EdgeReading, Fault, State


def reading(fault: Fault | None, observed: str = "seen", client: str = "web") -> EdgeReading:
    edge = Edge(client, "api", "http", "api", 8080, "http", "/healthz", 200, 299)
    return EdgeReading(edge, State.NG if fault else State.PENDING, observed, fault)


@pytest.mark.parametrize(
    ("fault", "category", "next_step"),
    [
        (Fault.NAME, Category.CONNECTIVITY, "web cannot resolve api"),
        (Fault.CONNECTION, Category.NETWORK, "security groups of api admit those of web"),
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


@pytest.mark.parametrize(
    ("line", "category", "next_step"),
    [
        ("api:8080 does not resolve", Category.CONNECTIVITY, "web cannot resolve api"),
        (
            "api:8080 HTTP 500, expected 200-299",
            Category.CONNECTIVITY,
            '"expectStatus": "500" in the `connect` entry from web to api',
        ),
        ("api:8080 connection refused", Category.NETWORK, "security groups"),
        (
            "api:8080 HTTP 503 of the server's proxy: nothing answers behind it",
            Category.CONNECTIVITY,
            "listens on its containerPort",
        ),
        (
            "api:8080 gRPC UNAVAILABLE: nothing answers gRPC behind the proxy",
            Category.CONNECTIVITY,
            "listens on its containerPort",
        ),
        ("api:8080 HTTP/2 200 that is not gRPC", Category.CONNECTIVITY, "appProtocol"),
    ],
)
def test_a_pending_edge_is_diagnosed_by_its_clients_last_line(
    line: str, category: Category, next_step: str
) -> None:
    asked = reading(None, "still asking")
    found = edge_verdicts.edges_not_proven([asked], 30)

    told = edge_verdicts.with_last_words(found, asked.edge, line)

    assert told.category is category
    assert next_step in told.next_step
    assert told.evidence == (f"web -> api:http: {line}", *found.evidence)


@pytest.mark.parametrize("line", ["api:8080 HTTP 200", "api:8080 stays open, 3 times in a row"])
def test_a_successful_last_line_changes_nothing(line: str) -> None:
    asked = reading(None, "still asking")
    found = edge_verdicts.edges_not_proven([asked], 30)
    assert edge_verdicts.with_last_words(found, asked.edge, line) == found


def test_the_next_step_of_an_edge_names_a_field_of_the_request() -> None:
    """Without `connect`, the `probe` of the server says what is asked and expected."""
    asked = reading(Fault.STATUS, client="")
    found = edge_verdicts.edges_not_proven([asked], 30)
    told = edge_verdicts.with_last_words(found, asked.edge, "api:8080 HTTP 404, expected 200-299")
    assert "the `probe` of api" in told.next_step
    assert "connect" not in told.next_step
