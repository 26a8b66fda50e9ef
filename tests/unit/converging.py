"""A model of ECS for the tests of convergence: carries out decisions, and counts time."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from functools import cached_property
from typing import Any

from bivouac.environment import naming
from bivouac.environment.blueprint import Blueprint, changed_tags, ecs_tags, from_ecs_tags
from bivouac.proof import mesh
from bivouac.proof.mesh import EdgeProof, ProofClient
from bivouac.services.convergence import (
    Action,
    ActionKind,
    Decision,
    Situation,
    Wanted,
    decide,
    wanted_services,
)
from bivouac.services.deployments import Expected, primary_deployment
from tests.unit.planned import planned

NAMESPACE = "arn:aws:servicediscovery:ap-northeast-1:123456789012:namespace/ns-1"
BEGAN = datetime(2026, 5, 1, 12, tzinfo=UTC)


@dataclass
class World:
    """One environment, and the execution that creates it now."""

    blueprint: Blueprint
    generation: int = 1
    services: dict[str, dict[str, Any]] = field(default_factory=dict)
    definitions: dict[str, dict[str, Any]] = field(default_factory=dict)
    """By ARN."""
    endpoints_since: dict[str, datetime] = field(default_factory=dict)
    expected: dict[str, Expected] = field(default_factory=dict)
    healthy: set[str] = field(default_factory=set)
    proofs: list[EdgeProof] = field(default_factory=list)
    proven: dict[str, str] = field(default_factory=dict)
    """By service: the deployment of the last proof."""
    done: list[Action] = field(default_factory=list)
    """Everything that was done, in order."""
    _moments: int = 0

    # --- what there is ---------------------------------------------------------------------------

    @cached_property
    def clients(self) -> tuple[ProofClient, ...]:
        return mesh.proof_clients(self.blueprint, self.generation)

    @cached_property
    def wanted(self) -> dict[str, Wanted]:
        services = [*self.blueprint.services, *(client.service for client in self.clients)]
        arns = {}
        for service in services:
            assert service.definition is not None
            family = service.definition["family"]
            arn = f"arn:{family}:{naming.content_hash(service.definition)[:6]}"
            self.definitions[arn] = service.definition
            arns[family] = arn
        return wanted_services(self.blueprint, services, NAMESPACE, arns)

    def now(self) -> datetime:
        self._moments += 1
        return BEGAN + timedelta(seconds=self._moments)

    def primary(self, name: str) -> dict[str, Any]:
        found = primary_deployment(self.services[name])
        assert found is not None
        return self.services[name]["deployments"][0]

    def active(self) -> set[str]:
        return {name for name, found in self.services.items() if found["status"] == "ACTIVE"}

    # --- deciding and doing ----------------------------------------------------------------------

    def decide(self) -> Decision:
        wanted = self.wanted
        situation = Situation(
            self.services,
            self.expected,
            frozenset(self.healthy),
            self.endpoints_since,
            self.definitions,
            self.proofs,
            self.proven,
        )
        return decide(self.blueprint, wanted, self.clients, situation)

    def converge(self) -> list[Action]:
        """Decides and acts until nothing can be done now; returns what was done."""
        begun = len(self.done)
        for _ in range(4):
            decision = self.decide()
            if not decision.actions:
                self._expect_the_rest(decision)
                return self.done[begun:]
            for action in decision.actions:
                self.do(action)
        raise AssertionError(f"never done: {decision}")

    def do(self, action: Action) -> None:
        name = action.service_name
        self.done.append(action)
        self.healthy.discard(name)
        if action.kind is ActionKind.DELETE:
            self.services[name]["status"] = "DRAINING"
            self.expected.pop(name, None)
            return
        if action.kind is ActionKind.CREATE:
            assert name not in self.active(), f"{name} exists"
            self._create(name)
        else:
            self._deploy(name)
        self._expect(name)

    def _create(self, name: str) -> None:
        self.services[name] = {"serviceName": name, "status": "ACTIVE", "deployments": []}
        for endpoint in self.wanted[name].service.endpoints:
            self.endpoints_since.setdefault(endpoint.discovery_name, self.now())
        self._deploy(name)

    def _deploy(self, name: str) -> None:
        wanted = self.wanted[name]
        specification = wanted.specification
        before = [{**entry, "status": "ACTIVE"} for entry in self.services[name]["deployments"]]
        deployment = {
            "id": f"ecs-svc/{self._moments + 1}",
            "status": "PRIMARY",
            "taskDefinition": wanted.task_definition_arn,
            "createdAt": self.now(),
            "rolloutState": "IN_PROGRESS",
            "desiredCount": specification["desiredCount"],
            "runningCount": 0,
            "pendingCount": 0,
            "serviceConnectConfiguration": specification["serviceConnectConfiguration"],
            "serviceConnectResources": [
                {"discoveryName": endpoint.discovery_name} for endpoint in wanted.service.endpoints
            ],
        }
        known = from_ecs_tags(self.services[name].get("tags"))
        tags = known | changed_tags(wanted.tags, deployment["id"]) if known else wanted.tags
        self.services[name] |= {
            "desiredCount": specification["desiredCount"],
            "launchType": specification.get("launchType"),
            "schedulingStrategy": "REPLICA",
            "taskDefinition": wanted.task_definition_arn,
            "tags": ecs_tags(tags),  # TagResource removes none
            "deployments": [deployment, *before],
        }

    def _expect(self, name: str) -> None:
        primary = self.primary(name)
        self.expected[name] = Expected(name, primary["taskDefinition"], primary["id"])

    def _expect_the_rest(self, decision: Decision) -> None:
        for name in self.wanted:
            if name in self.active() and name not in decision.blocked:
                self._expect(name)

    # --- what time brings ------------------------------------------------------------------------

    def settle(self) -> None:
        """Every service becomes healthy, draining ones are gone."""
        for name, found in self.services.items():
            if found["status"] == "DRAINING":
                found["status"] = "INACTIVE"
            elif found["status"] == "ACTIVE":
                found["deployments"] = found["deployments"][:1]
                primary = found["deployments"][0]
                primary["rolloutState"] = "COMPLETED"
                primary["runningCount"] = primary["desiredCount"]
                self.healthy.add(name)
        there = {
            resource["discoveryName"]
            for name in self.active()
            for resource in self.primary(name)["serviceConnectResources"]
        }
        self.endpoints_since = {k: v for k, v in self.endpoints_since.items() if k in there}

    def fall_asleep(self) -> None:
        """No service runs a task any more, and each is marked."""
        for found in self.services.values():
            mark = {naming.SPECIFICATION_TAG: naming.ASLEEP}
            found["tags"] = ecs_tags(from_ecs_tags(found["tags"]) | mark)
            for deployment in found["deployments"]:
                deployment |= {"desiredCount": 0, "runningCount": 0, "pendingCount": 0}

    def finish(self) -> World:
        """Does everything until nothing is left to do, and the proof; returns itself."""
        while self.converge() or self.decide().blocked:
            self.settle()
        self.settle()
        self.prove()
        return self

    def prove(self) -> None:
        """Every edge answered; the proof clients are gone."""
        deployments = {name: self.primary(name)["id"] for name in self.active()}
        answered = {self.now().isoformat(): [edge.name for edge in self.blueprint.edges]}
        self.proofs = mesh.proven(self.blueprint, answered, deployments)
        self.proven = deployments
        for name in self.active():
            if name.startswith(naming.PROOF_PREFIX):
                del self.services[name]

    def next_execution(self, request: Any) -> World:
        """Another execution, which finds what this one left."""
        return World(
            planned(request),
            self.generation + 1,
            self.services,
            self.definitions,
            self.endpoints_since,
            proofs=self.proofs,
            proven=self.proven,
            _moments=self._moments,
        )


def described(actions: list[Action] | tuple[Action, ...]) -> list[str]:
    """ "CREATE web" of each action."""
    return [f"{action.kind} {action.service_name}" for action in actions]


def planned_only(actions: list[Action] | tuple[Action, ...]) -> list[str]:
    """The same, without the proof clients."""
    return [line for line in described(actions) if naming.PROOF_PREFIX not in line]
