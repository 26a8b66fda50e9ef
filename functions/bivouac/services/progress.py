"""How far a create has come: the part of its execution's state that steps and polls change. Pure.

A poll may read what an earlier version wrote, because executions that wait survive an update of the
stack; so members that are missing have the value that they had before they existed.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any, Self

from bivouac.environment.blueprint import Blueprint
from bivouac.json_types import Json
from bivouac.proof import mesh
from bivouac.proof.mesh import EdgeProof
from bivouac.services.convergence import Blocked
from bivouac.services.deployments import Expected


class NextStep(StrEnum):
    """What the execution does next; the definition compares it."""

    FOUNDATION = "FOUNDATION"
    """Create what the services need: it does not exist yet, or must be created again."""
    CREATE = "CREATE"
    """Create or change services."""
    HEALTHY = "HEALTHY"
    """Probe the endpoints: everything else is proven."""
    FAILED = "FAILED"
    """Diagnose the failure."""


@dataclass(frozen=True)
class CreateProgress:
    status: NextStep = NextStep.FOUNDATION
    namespace_arn: str | None = None
    """None until the namespace exists."""
    expected: tuple[Expected, ...] = ()
    """The deployments that must become healthy."""
    blocked: tuple[Blocked, ...] = ()
    going: tuple[str, ...] = ()
    """The services that must be gone first."""
    healthy: tuple[str, ...] = ()
    changed: bool = True
    """Whether Create services changed anything when it was called last."""
    patience_seconds: int = 0
    """How long the execution waits for an event before it polls by itself."""
    roll: frozenset[str] = frozenset()
    """The services to redeploy, because their tasks do not see all of the mesh."""
    rolled: frozenset[str] = frozenset()
    """The proof clients that were redeployed; each is at most once."""
    registered: Mapping[str, str] = field(default_factory=dict)
    """By service: a fingerprint of the tasks that Cloud Map has listed completely."""
    checks: Sequence[Json] | None = None
    """With HEALTHY: each check of a service, as JSON."""
    targets: Sequence[Json] | None = None
    """With HEALTHY: what the probe functions call, as JSON."""
    edges: Mapping[str, list[str]] | Sequence[Json] | None = None
    """With HEALTHY: the edges by the time when they were proven; of executions that began before an
    update of the stack, their proofs as JSON."""
    error: str | None = None
    """With FAILED: the error's name."""
    verdicts: Sequence[Json] | None = None
    """With FAILED: on each thing that failed, as JSON."""

    @property
    def deployments(self) -> dict[str, str]:
        """The expected deployments' ids by service."""
        return {each.service_name: each.deployment_id for each in self.expected}

    def edge_proofs(self, blueprint: Blueprint) -> list[EdgeProof]:
        """The edges that this execution has proven."""
        if isinstance(self.edges, Mapping):
            return mesh.proven(blueprint, self.edges, self.deployments)
        return [EdgeProof.from_json(entry) for entry in self.edges or ()]

    def to_json(self) -> Json:
        later = {
            "checks": self.checks,
            "targets": self.targets,
            "edges": self.edges,
            "error": self.error,
            "verdicts": self.verdicts,
        }
        return {
            "status": self.status,
            "namespaceArn": self.namespace_arn,
            "expected": [each.to_json() for each in self.expected],
            "blocked": [each.to_json() for each in self.blocked],
            "going": list(self.going),
            "healthy": list(self.healthy),
            "changed": self.changed,
            "patienceSeconds": self.patience_seconds,
            "roll": sorted(self.roll),
            "rolled": sorted(self.rolled),
            "registered": dict(self.registered),
            **{name: value for name, value in later.items() if value is not None},
        }

    @classmethod
    def from_json(cls, content: Mapping[str, Any]) -> Self:
        return cls(
            NextStep(content["status"]),
            content.get("namespaceArn"),
            tuple(map(Expected.from_json, content.get("expected", ()))),
            tuple(map(Blocked.from_json, content.get("blocked", ()))),
            tuple(content.get("going", ())),
            tuple(content.get("healthy", ())),
            content.get("changed", True),
            content.get("patienceSeconds", 0),
            frozenset(content.get("roll", ())),
            frozenset(content.get("rolled", ())),
            content.get("registered", {}),
            content.get("checks"),
            content.get("targets"),
            content.get("edges"),
            content.get("error"),
            content.get("verdicts"),
        )
