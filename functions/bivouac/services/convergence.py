"""Decides what to do now, so that the services become what the request says. Pure.

Called again after every change, it decides the next part; when nothing is left to do, it decides
nothing. The ids name failure modes.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Self

from bivouac.aws import ecs_answers
from bivouac.environment import naming
from bivouac.environment.blueprint import (
    Blueprint,
    ServiceBlueprint,
    from_ecs_tags,
    service_specification,
    service_tags,
)
from bivouac.environment.ownership import require_owned
from bivouac.json_types import Described, Json
from bivouac.proof import mesh
from bivouac.proof.mesh import EdgeProof, ProofClient
from bivouac.services.deployments import Expected, deployment_ids, primary_deployment
from bivouac.services.replacement import must_replace


class Condition(StrEnum):
    """What one service needs of another."""

    START = "START"
    """Its endpoints exist."""
    HEALTHY = "HEALTHY"
    GONE = "GONE"
    ENDPOINTS_GONE = "ENDPOINTS_GONE"
    """The names of its own endpoints, which another service had, are gone from Cloud Map: ECS
    removes them minutes after that service (D09, S07)."""


@dataclass(frozen=True)
class Need:
    service_name: str
    condition: Condition
    since: str = ""
    """ISO 8601: when ECS first refused the service, if that is the reason for the need."""

    def to_json(self) -> dict[str, str]:
        since = {"since": self.since} if self.since else {}
        return {"serviceName": self.service_name, "condition": self.condition, **since}

    @classmethod
    def from_json(cls, content: Mapping[str, str]) -> Self:
        return cls(
            content["serviceName"], Condition(content["condition"]), content.get("since", "")
        )


@dataclass(frozen=True)
class Blocked:
    """A service that cannot be created or changed yet."""

    service_name: str
    needs: tuple[Need, ...]

    def __str__(self) -> str:
        needs = [f"{need.service_name} ({need.condition})" for need in self.needs]
        return f"{self.service_name}: waits for {', '.join(needs)}"

    def to_json(self) -> Json:
        return {
            "serviceName": self.service_name,
            "needs": [need.to_json() for need in self.needs],
        }

    @classmethod
    def from_json(cls, content: Json) -> Self:
        return cls(content["serviceName"], tuple(map(Need.from_json, content["needs"])))


class ActionKind(StrEnum):
    CREATE = "CREATE"
    UPDATE = "UPDATE"
    ROLL = "ROLL"
    """A new deployment of the same, whose tasks see the endpoints that exist now (P08)."""
    DELETE = "DELETE"


@dataclass(frozen=True)
class Wanted:
    """The desired state of a service."""

    service: ServiceBlueprint
    specification: Json
    """CreateService arguments without tags and clientToken."""
    tags: dict[str, str]

    @property
    def task_definition_arn(self) -> str:
        return str(self.specification["taskDefinition"])


@dataclass(frozen=True)
class Action:
    kind: ActionKind
    service_name: str
    reason: str
    depth: int
    """Actions of one depth are independent of each other; lower ones come first."""


@dataclass(frozen=True)
class Decision:
    actions: tuple[Action, ...]
    blocked: Mapping[str, tuple[Need, ...]]
    """By service: what must happen before it can be created or changed."""


@dataclass(frozen=True)
class Situation:
    """What a decision is based on."""

    services: Mapping[str, Described]
    """Described services by name, planned or not; INACTIVE ones count as absent."""
    expected: Mapping[str, Expected] = field(default_factory=dict)
    """Deployments that this execution started, or found in the desired state."""
    healthy: frozenset[str] = frozenset()
    endpoints_since: Mapping[str, datetime] = field(default_factory=dict)
    """When each endpoint was created, by discovery name."""
    definitions: Mapping[str, Json] = field(default_factory=dict)
    """By ARN: the current and the new task definitions of services where these differ."""
    proofs: Sequence[EdgeProof] = ()
    proven: Mapping[str, str] = field(default_factory=dict)
    """By service: the id of its last proven deployment."""
    refused: Mapping[str, Need] = field(default_factory=dict)
    """By service: what must happen first, according to ECS's latest refusal."""
    roll: frozenset[str] = frozenset()
    """Services to redeploy because their tasks do not see all of the mesh."""

    def active(self, name: str) -> Described | None:
        service = self.services.get(name)
        return service if service is not None and ecs_answers.is_active(service) else None

    def draining(self, name: str) -> bool:
        service = self.services.get(name)
        return service is not None and ecs_answers.is_draining(service)

    def owns(self, name: str, blueprint: Blueprint) -> bool:
        """Whether a described service is this environment's (D18)."""
        return blueprint.owns(from_ecs_tags(self.services[name].get("tags")))


def wanted_services(
    blueprint: Blueprint,
    services: Iterable[ServiceBlueprint],
    namespace_arn: str,
    task_definitions: Mapping[str, str],
) -> dict[str, Wanted]:
    """By name; `task_definitions`: the registered ARNs by family."""
    wanted = {}
    for service in services:
        arn = service.existing_definition or task_definitions[family_of(service)]
        specification = service_specification(blueprint, service, namespace_arn, arn)
        tags = service_tags(blueprint, service, specification)
        wanted[service.service_name] = Wanted(service, specification, tags)
    return wanted


def family_of(service: ServiceBlueprint) -> str:
    if service.definition is None:
        raise ValueError(f"{service.service_name} uses an existing task definition")
    return str(service.definition["family"])


def differs(wanted: Wanted, described: Described, proven: str | None = None) -> str:
    """Why a service differs from the desired state; empty if it does not.

    A new create retries a deployment that failed or was rolled back (H02, H03). Someone else's
    change shows in a deployment that is neither the `proven` one nor in our tag, or in the number
    of tasks (S19)."""
    tags = from_ecs_tags(described.get("tags"))
    if tags.get(naming.SPECIFICATION_TAG) == naming.ASLEEP:
        return "it is asleep"
    if tags.get(naming.SPECIFICATION_TAG) != wanted.tags[naming.SPECIFICATION_TAG]:
        return "the request changed"
    current, desired = (
        each.get(naming.ENDPOINTS_TAG, naming.NO_ENDPOINTS) for each in (tags, wanted.tags)
    )
    if current != desired:
        return "the endpoints that it calls changed"
    tasks = wanted.specification["desiredCount"]
    if described["desiredCount"] != tasks:
        return f"it was scaled to {described['desiredCount']}, not {tasks}"
    primary = primary_deployment(described)
    if primary is None:
        return ""
    ours = {proven, tags.get(naming.DEPLOYMENT_TAG)} - {None}
    if ours and primary["id"] not in ours:
        return f"Bivouac did not start its deployment {primary['id']}"
    if primary["taskDefinition"] != wanted.task_definition_arn:
        return f"it runs {primary['taskDefinition']}"
    if ecs_answers.rollout_failed(primary):
        return "its last deployment failed"
    return ""


def decide(
    blueprint: Blueprint,
    wanted: Mapping[str, Wanted],
    clients: Sequence[ProofClient],
    situation: Situation,
) -> Decision:
    """The actions that are possible now, and what blocks the others.

    `wanted` includes the services of the proof `clients`.
    Raises ForeignResourceError for a service with one of our names but without our tags (D18)."""
    return _Deciding(blueprint, wanted, clients, situation).decide()


_TOO_EARLY = "it began before an endpoint that it calls was known everywhere"


class _Deciding:
    def __init__(
        self,
        blueprint: Blueprint,
        wanted: Mapping[str, Wanted],
        clients: Sequence[ProofClient],
        situation: Situation,
    ) -> None:
        self._blueprint = blueprint
        self._wanted = wanted
        self._clients = clients
        self._now = situation
        self._actions: list[Action] = []
        self._blocked: dict[str, tuple[Need, ...]] = {}
        self._depths: dict[str, int] = {}

    def decide(self) -> Decision:
        leaving = self._leaving()
        for service in self._blueprint.services:
            self._depths[service.service_name] = 1 + max(
                (self._depths.get(need.service_name, 0) for need in service.depends_on), default=0
            )
            self._service(service, leaving)
        self._prove()
        return Decision(
            tuple(sorted(self._actions, key=lambda action: action.depth)), self._blocked
        )

    # --- services that the request no longer names -------------------------------------------

    def _leaving(self) -> set[str]:
        """Our services that the request no longer names: deleted at once, clients first as far as
        that is known (D14)."""
        leaving = set()
        for name in reversed(list(self._now.services)):
            if name in self._wanted or not self._now.owns(name, self._blueprint):
                continue
            if self._now.active(name):
                self._act(ActionKind.DELETE, name, "the request no longer names it")
                leaving.add(name)
            elif self._now.draining(name):
                leaving.add(name)
        return leaving

    # --- services that it names --------------------------------------------------------------

    def _service(self, service: ServiceBlueprint, leaving: set[str]) -> None:
        name = service.service_name
        needs = self._unmet(service, leaving)
        if refused := self._now.refused.get(name):
            needs = (refused, *needs)
        described = self._now.active(name)
        if described is None:
            if self._now.draining(name):
                needs = (Need(name, Condition.GONE), *needs)
            self._act_unless(needs, ActionKind.CREATE, name, "it does not exist")
            return
        tags = from_ecs_tags(described.get("tags"))
        require_owned(f"the service {name}", tags, self._blueprint)
        # What this execution deployed is judged by its health, and not deployed again (H03)
        reason = (
            ""
            if name in self._now.expected
            else differs(self._wanted[name], described, self._now.proven.get(name))
        )
        if reason and (why := self._must_replace(name, described)):
            self._act(ActionKind.DELETE, name, why)
            self._blocked[name] = (Need(name, Condition.GONE),)
        elif reason:
            self._act_unless(needs, ActionKind.UPDATE, name, reason)
        elif late := self._late_endpoint(name, described):
            self._act_unless(needs, ActionKind.ROLL, name, late)
        elif name in self._now.roll:
            self._act_unless(needs, ActionKind.ROLL, name, _TOO_EARLY)

    def _must_replace(self, name: str, described: Described) -> str | None:
        wanted = self._wanted[name]
        return must_replace(
            described,
            self._now.definitions.get(described["taskDefinition"]),
            wanted.specification,
            wanted.service.definition or self._now.definitions.get(wanted.task_definition_arn),
        )

    def _unmet(self, service: ServiceBlueprint, leaving: set[str]) -> tuple[Need, ...]:
        needs = []
        for dependency in service.depends_on:
            condition = Condition(dependency.condition)
            if not self._met(dependency.service_name, condition):
                needs.append(Need(dependency.service_name, condition))
        names = {endpoint.discovery_name for endpoint in service.endpoints}
        for other in sorted(leaving):
            if names & _discovery_names(self._now.services[other]):
                needs.append(Need(other, Condition.GONE))
        return tuple(needs)

    def _met(self, name: str, condition: Condition) -> bool:
        acted = {action.service_name: action.kind for action in self._actions}
        if condition is Condition.START:
            exists = self._now.active(name) is not None or acted.get(name) is ActionKind.CREATE
            return exists and name not in self._blocked
        return name in self._now.healthy and name not in acted and name not in self._blocked

    def _late_endpoint(self, name: str, described: Described) -> str:
        """P08: tasks resolve only what existed when their service's deployment began."""
        primary = primary_deployment(described)
        if primary is None:
            return ""
        for edge in self._blueprint.edges:
            endpoint = self._blueprint.service(edge.server).endpoint(edge.port_name)
            since = self._now.endpoints_since.get(endpoint.discovery_name)
            if edge.client == name and since and mesh.stale(edge, primary["createdAt"], since):
                return f"{edge.server}:{edge.port_name} was created after its deployment began"
        return ""

    # --- proof clients -----------------------------------------------------------------------

    def _prove(self) -> None:
        """A proof client starts as soon as the endpoints that it calls exist; if one of these
        services is being replaced, after that, so that no old task answers for a new one."""
        acted = {action.service_name: action.kind for action in self._actions}
        untouched = {name: each for name, each in self._now.services.items() if name not in acted}
        deployments = deployment_ids(untouched)
        depth = 1 + max(self._depths.values(), default=0)
        for client in self._clients:
            name = client.service.service_name
            self._depths[name] = depth
            kind, reason = ActionKind.CREATE, "its edges are not proven"
            if self._now.active(name):
                if name not in self._now.roll:
                    continue
                kind, reason = ActionKind.ROLL, _TOO_EARLY
            elif all(
                mesh.still_proven(edge, self._now.proofs, deployments) for edge in client.edges
            ):
                continue
            servers = dict.fromkeys(edge.server for edge in client.edges)
            needs = tuple(need for server in servers if (need := self._askable(server, acted)))
            self._act_unless(needs, kind, name, reason)

    def _askable(self, server: str, acted: Mapping[str, ActionKind]) -> Need | None:
        if acted.get(server) is ActionKind.CREATE:
            return None
        described = self._now.active(server)
        if server in self._blocked or described is None:
            return Need(server, Condition.START)
        replaced = described["deployments"][0 if server in acted else 1 :]
        # A sleeping service has no tasks that may answer
        counts = ("desiredCount", "runningCount", "pendingCount")
        if not any(deployment.get(count) for deployment in replaced for count in counts):
            return None
        replacing = server in acted or server not in self._now.healthy
        return Need(server, Condition.HEALTHY) if replacing else None

    # --- noting ------------------------------------------------------------------------------

    def _act(self, kind: ActionKind, name: str, reason: str) -> None:
        depth = 0 if kind is ActionKind.DELETE else self._depths[name]
        self._actions.append(Action(kind, name, reason, depth))

    def _act_unless(
        self, needs: tuple[Need, ...], kind: ActionKind, name: str, reason: str
    ) -> None:
        if needs:
            self._blocked[name] = needs
        else:
            self._act(kind, name, reason)


def _discovery_names(service: Described) -> set[str]:
    return {
        resource["discoveryName"]
        for deployment in service.get("deployments", ())
        for resource in deployment.get("serviceConnectResources", ())
    }
