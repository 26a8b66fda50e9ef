"""What a create's state holds of its progress, and what an earlier version wrote there."""

from __future__ import annotations

from bivouac.environment.blueprint import Blueprint
from bivouac.services.convergence import Blocked, Condition, Need
from bivouac.services.deployments import Expected
from bivouac.services.progress import CreateProgress, NextStep
from tests.requests import connection, environment, web
from tests.unit.planned import planned

AT = "2026-01-31T12:00:00+00:00"


def test_it_is_read_as_it_was_written() -> None:
    since = "2026-01-31T12:00:00Z"
    progress = CreateProgress(
        NextStep.FAILED,
        "arn:aws:servicediscovery:eu-west-1:123456789012:namespace/ns-1",
        (Expected("api", "api:1", "ecs-svc/1", AT),),
        (
            Blocked("web", (Need("api", Condition.HEALTHY),)),
            Blocked("shop", (Need("shop", Condition.ENDPOINTS_GONE, since),)),
        ),
        ("old",),
        ("api",),
        False,
        660,
        frozenset({"web"}),
        frozenset({"bivouac-proof-1-1"}),
        {"api": "0f"},
        [{"name": "tasks healthy"}],
        [{"service": "web"}],
        {AT: ["web:web"]},
        "DeploymentFailedError",
        [{"category": "container exit"}],
    )
    assert CreateProgress.from_json(progress.to_json()) == progress


def test_progress_written_by_the_first_version_is_read() -> None:
    """As Open environment and Create services of commit b0cdb58 wrote it."""
    found = CreateProgress.from_json(
        {
            "status": "CREATE",
            "namespaceArn": "arn",
            "expected": [
                {"serviceName": "api", "taskDefinitionArn": "api:1", "deploymentId": "ecs-svc/1"}
            ],
            "blocked": [
                {
                    "serviceName": "web",
                    "needs": [{"serviceName": "api", "condition": "HEALTHY"}],
                }
            ],
            "going": [],
            "healthy": [],
            "changed": True,
            "patienceSeconds": 660,
        }
    )
    assert found.expected == (Expected("api", "api:1", "ecs-svc/1"),)
    assert found.blocked == (Blocked("web", (Need("api", Condition.HEALTHY),)),)
    assert (found.roll, found.rolled, found.registered) == (frozenset(), frozenset(), {})
    assert found.checks is None


def shop() -> Blueprint:
    services = [web(), web(serviceName="api")]
    return planned(environment(*services, connect=[connection("web", "api")]))


def test_proven_edges_are_the_same_in_both_forms() -> None:
    """The first version wrote each proof; by now there may be too many for a state."""
    (edge,) = [each.name for each in shop().edges if each.client]
    expected = tuple(Expected(name, name, f"ecs-svc/{name}") for name in ("web", "api"))
    written = CreateProgress(expected=expected, edges={AT: [edge]})
    proofs = written.edge_proofs(shop())
    assert [proof.edge for proof in proofs] == [edge]
    before = CreateProgress(expected=expected, edges=[proof.to_json() for proof in proofs])
    assert before.edge_proofs(shop()) == proofs
    assert CreateProgress(expected=expected).edge_proofs(shop()) == []
