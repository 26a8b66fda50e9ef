"""One look at an environment that is being made: healthy and proven, something to do, or failed.

Reads only, in batches, and no more than the moment calls for: while tasks are still being started
one call for ten services says that there is nothing to see.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from bivouac import checks, diagnosis, lease, mesh
from bivouac.aws import cloudmap, ecs
from bivouac.aws.observation import observed, tasks_by_service
from bivouac.blueprint import Blueprint
from bivouac.checks import Check, Expected, Observed, Outcome, primary_deployment
from bivouac.convergence import Condition
from bivouac.diagnosis import Verdict
from bivouac.looks import foundation
from bivouac.looks.targets import targets
from bivouac.mesh import EdgeProof, EdgeReading, ProofClient, State
from bivouac.record import Record
from bivouac.waiting import (
    POLL_SECONDS,
    STALE_SECONDS,
    Awaited,
    Look,
    Purpose,
    Sightings,
    Stage,
    Wait,
    counted,
)

if TYPE_CHECKING:
    from types_boto3_ec2 import EC2Client
    from types_boto3_ecs import ECSClient
    from types_boto3_servicediscovery import ServiceDiscoveryClient

EDGE_GRACE_SECONDS = 30.0
"""With everything healthy for so long, an edge that is still not answered is not proven."""
QUIET_SECONDS = 60.0
"""After so long tasks are looked at even where nothing points at them: events can be lost."""
STALE_LOOKS = 20
"""How often reads that lag behind an event are made again before they are believed."""


@dataclass
class _Seen:
    """What this look found, service by service."""

    services: Mapping[str, dict[str, Any]]
    running: Mapping[str, Sequence[dict[str, Any]]]
    checks: list[Check] = field(default_factory=list)
    failed: list[Verdict] = field(default_factory=list)
    healthy: set[str] = field(default_factory=set)


class ServicesLook:
    """Called again and again for one wait; it remembers what need not be asked twice."""

    def __init__(
        self,
        record: Record,
        urgent: bool,
        ecs_client: ECSClient,
        cloud_map: ServiceDiscoveryClient,
        ec2: Callable[[], EC2Client],
    ) -> None:
        self._record = record
        self._blueprint = Blueprint.from_json(record.content)
        self._clients: tuple[ProofClient, ...] = mesh.proof_clients(
            self._blueprint, record.generation
        )
        self._urgent = urgent
        self._ecs = ecs_client
        self._cloud_map = cloud_map
        self._ec2 = ec2
        self._registered: dict[str, frozenset[str]] = {}
        self._healthy_since: datetime | None = None
        self._stale_looks = 0

    def __call__(self, wait: Wait) -> Look:
        now = datetime.now(UTC)
        progress = dict(wait.context["progress"])
        if not progress["namespaceArn"]:
            return foundation.look(wait.context, self._blueprint, now, self._ecs, self._cloud_map)
        if not progress["expected"] and not progress["going"]:
            return Look(answer=progress | {"status": "CREATE"})
        return _OneLook(self, wait, progress, now).look()


class _OneLook:
    """One moment of one wait."""

    def __init__(
        self, looking: ServicesLook, wait: Wait, progress: dict[str, Any], now: datetime
    ) -> None:
        self._of = looking
        self._wait = wait
        self._progress = progress
        self._now = now
        self._expected = [Expected.from_json(entry) for entry in progress["expected"]]
        self._planned = [e for e in self._expected if e.service_name not in self._proof_names()]
        self._deadline = lease.moment(wait.context["deadline"])

    def _proof_names(self) -> set[str]:
        return {client.service.service_name for client in self._of._clients}

    def look(self) -> Look:
        names = [entry.service_name for entry in self._expected] + self._progress["going"]
        services = ecs.describe_services(self._of._ecs, self._cluster, names)
        late = self._now >= self._deadline
        if not (late or self._of._urgent or self._calls_for_more(services)):
            return Look(awaited=self._awaited(services, {}))
        self._of._urgent = False
        running = tasks_by_service(self._of._ecs, self._cluster, "RUNNING")
        if self._lags(running) and self._of._stale_looks < STALE_LOOKS:
            self._of._stale_looks += 1
            self._of._urgent = True
            return Look(again_after=STALE_SECONDS, awaited=self._awaited(services, running))
        seen = self._judged(services, running)
        if seen.failed:
            return self._failure(seen.failed, seen.checks)
        if self._unblocked(seen):
            return self._answer("CREATE", seen)
        return self._unfinished(seen, late)

    @property
    def _cluster(self) -> str:
        return str(self._of._blueprint.cluster["clusterName"])

    # --- how much to look at -------------------------------------------------------------------

    def _calls_for_more(self, services: Mapping[str, dict[str, Any]]) -> bool:
        """Whether tasks can show something: a goal is reached, something failed, or it is quiet."""
        opened_at = lease.moment(self._wait.context["openedAt"])
        if (self._now - opened_at).total_seconds() > QUIET_SECONDS:
            return True
        for entry in self._expected:
            service = services.get(entry.service_name)
            if service is None:
                continue
            primary = primary_deployment(service) or {}
            if service["status"] != "ACTIVE" or primary.get("id") != entry.deployment_id:
                return True
            if primary.get("failedTasks") or primary.get("rolloutState") == "FAILED":
                return True
        missing = self._missing(services)
        return any(not (goal & missing.keys()) for goal in self._goals())

    def _missing(self, services: Mapping[str, dict[str, Any]]) -> dict[str, int]:
        """By service: tasks that do not run yet, of our deployment, as ECS counts them."""
        missing = {}
        for entry in self._expected:
            service = services.get(entry.service_name)
            primary = (primary_deployment(service) if service else None) or {}
            wanted = service["desiredCount"] if service else 1
            if short := wanted - primary.get("runningCount", 0):
                missing[entry.service_name] = max(short, 0)
        return {name: short for name, short in missing.items() if short}

    def _goals(self) -> tuple[frozenset[str], ...]:
        """Sets of services of which all must run for an answer: all, or what somebody waits for."""
        goals = [frozenset(entry.service_name for entry in self._expected)]
        known = {entry.service_name for entry in self._expected}
        for entry in self._progress["blocked"]:
            needed = {need["serviceName"] for need in entry["needs"]}
            if needed <= known:
                goals.append(frozenset(needed))
        return tuple(dict.fromkeys(goals))

    def _awaited(
        self,
        services: Mapping[str, dict[str, Any]],
        running: Mapping[str, Sequence[dict[str, Any]]],
    ) -> Awaited:
        tasks = self._missing(services)
        for client in self._of._clients:
            name = client.service.service_name
            asking = next(iter(running.get(name, ())), None)
            if any(r.state is State.PENDING for r in mesh.read_edges(client, asking)):
                tasks[name] = 1
        known = counted(Purpose.SERVICES, self._wait.sightings)
        return Awaited(tasks, self._goals(), known)

    def _lags(self, running: Mapping[str, Sequence[dict[str, Any]]]) -> bool:
        """Whether what was read is older than what an event said (Amazon ECS events: version)."""
        described = {
            task["taskArn"].rpartition("/")[2]: task for tasks in running.values() for task in tasks
        }
        return _behind(self._wait.sightings, described)

    # --- judging -------------------------------------------------------------------------------

    def _judged(
        self,
        services: Mapping[str, dict[str, Any]],
        running: Mapping[str, Sequence[dict[str, Any]]],
    ) -> _Seen:
        seen = _Seen(services, running)
        looked = observed(self._of._ecs, self._cluster, self._expected, services, running)
        for entry in self._expected:
            judged = checks.judge(
                self._service(entry.service_name), entry, looked[entry.service_name]
            )
            if judged.failed:
                seen.failed.append(judged.failed)
            elif entry in self._planned:
                found = list(judged.checks)
                if judged.healthy:
                    found += self._registrations(entry, looked[entry.service_name])
                seen.checks += found
                if all(check.outcome is Outcome.OK for check in found):
                    seen.healthy.add(entry.service_name)
        return seen

    def _service(self, name: str) -> Any:
        for client in self._of._clients:
            if client.service.service_name == name:
                return client.service
        return self._of._blueprint.service(name)

    def _registrations(self, entry: Expected, looked: Observed) -> list[Check]:
        """One check for each endpoint: Cloud Map lists exactly the running tasks (P03)."""
        primary = primary_deployment(looked.service or {}) or {}
        ids = {
            resource["discoveryName"]: resource["discoveryArn"].rpartition("/")[2]
            for resource in primary.get("serviceConnectResources", ())
        }
        name = entry.service_name
        found = []
        for endpoint in self._of._blueprint.service(name).endpoints:
            discovery_id = ids.get(endpoint.discovery_name)
            instances = (
                cloudmap.list_instances(self._of._cloud_map, discovery_id) if discovery_id else []
            )
            found.append(checks.registered(name, endpoint, looked.running, instances))
        return found

    def _unblocked(self, seen: _Seen) -> bool:
        for entry in self._progress["blocked"]:
            if all(self._met(need, seen) for need in entry["needs"]):
                return True
        return False

    def _met(self, need: Mapping[str, str], seen: _Seen) -> bool:
        name = need["serviceName"]
        match Condition(need["condition"]):
            case Condition.GONE:
                service = seen.services.get(name)
                return service is None or service["status"] == "INACTIVE"
            case Condition.HEALTHY:
                return name in seen.healthy
            case Condition.START:
                return any(entry.service_name == name for entry in self._expected)

    # --- what is left --------------------------------------------------------------------------

    def _unfinished(self, seen: _Seen, late: bool) -> Look:
        waiting = [check for check in seen.checks if check.outcome is not Outcome.OK]
        going = [name for name in self._progress["going"] if self._still_goes(name, seen)]
        complete = not waiting and not going and not self._progress["blocked"]
        if complete:
            return self._proven(seen, late)
        if late:
            return self._out_of_time(seen, waiting, going)
        awaited = self._awaited(seen.services, seen.running)
        told = any(not (goal & awaited.tasks.keys()) for goal in awaited.goals)
        return Look(again_after=POLL_SECONDS if told else None, awaited=awaited)

    def _still_goes(self, name: str, seen: _Seen) -> bool:
        service = seen.services.get(name)
        return service is not None and service["status"] != "INACTIVE"

    def _out_of_time(self, seen: _Seen, waiting: Sequence[Check], going: Sequence[str]) -> Look:
        reasons = [f"{check.service}: {check.name}: {check.observed}" for check in waiting]
        reasons += [f"{name}: still draining" for name in going]
        reasons += [
            f"{entry['serviceName']}: waits for "
            + ", ".join(
                f"{need['serviceName']} to be {need['condition']}" for need in entry["needs"]
            )
            for entry in self._progress["blocked"]
        ]
        late = waiting[0].service if waiting else self._blueprint_name
        events = (seen.services.get(late) or {}).get("events", ())
        verdict = diagnosis.out_of_time(late, reasons, [event["message"] for event in events])
        return self._failure([verdict], seen.checks)

    @property
    def _blueprint_name(self) -> str:
        return self._of._blueprint.environment

    def _proven(self, seen: _Seen, late: bool) -> Look:
        """Everything is healthy; now the edges, and that no client is older than an endpoint."""
        readings, missing = self._edges(seen)
        if missing:
            return self._answer("CREATE", seen)
        wrong = [reading for reading in readings if reading.state is State.NG]
        asking = [reading for reading in readings if reading.state is State.PENDING]
        self._of._healthy_since = self._of._healthy_since or self._now
        waited = (self._now - self._of._healthy_since).total_seconds()
        if wrong or (asking and (late or waited >= EDGE_GRACE_SECONDS)):
            verdict = diagnosis.edges_not_proven([*wrong, *asking], waited)
            return self._failure([verdict], seen.checks)
        if asking:
            left = max(POLL_SECONDS, EDGE_GRACE_SECONDS - waited)
            return Look(again_after=left, awaited=self._awaited(seen.services, seen.running))
        if self._stale_clients(seen):
            return self._answer("CREATE", seen)
        return self._answer("HEALTHY", seen, edges=self._proofs(seen, readings))

    def _edges(self, seen: _Seen) -> tuple[list[EdgeReading], bool]:
        """The readings of the edges that are asked, and whether one is neither asked nor proven."""
        readings: list[EdgeReading] = []
        missing = False
        names = {entry.service_name for entry in self._expected}
        proofs, deployments = self._known_proofs(), self._deployments(seen)
        for client in self._of._clients:
            if client.service.service_name in names:
                task = next(iter(seen.running.get(client.service.service_name, ())), None)
                readings += mesh.read_edges(client, task)
            else:
                missing |= not all(
                    mesh.still_proven(edge, proofs, deployments) for edge in client.edges
                )
        return readings, missing

    def _known_proofs(self) -> list[EdgeProof]:
        return [EdgeProof.from_json(entry) for entry in self._of._record.edge_proofs]

    def _deployments(self, seen: _Seen) -> dict[str, str]:
        return {
            name: primary["id"]
            for name, service in seen.services.items()
            if (primary := primary_deployment(service))
        }

    def _proofs(self, seen: _Seen, readings: Sequence[EdgeReading]) -> list[dict[str, Any]]:
        deployments = self._deployments(seen)
        asked = [mesh.proof(reading.edge, reading, deployments, self._now) for reading in readings]
        names = {proof.edge for proof in asked}
        kept = [
            proof
            for proof in self._known_proofs()
            if proof.edge not in names
            and any(
                edge.name == proof.edge and mesh.still_proven(edge, [proof], deployments)
                for edge in self._of._blueprint.edges
            )
        ]
        return [proof.to_json() for proof in [*asked, *kept]]

    def _stale_clients(self, seen: _Seen) -> bool:
        """P08, where the request names who calls: a fresh proof client shows nothing of it."""
        edges = [edge for edge in self._of._blueprint.edges if edge.client]
        if not edges:
            return False
        namespace_id = self._progress["namespaceArn"].rpartition("/")[2]
        since = {
            service["Name"]: service["CreateDate"]
            for service in cloudmap.list_services(self._of._cloud_map, namespace_id)
        }
        for edge in edges:
            primary = primary_deployment(seen.services[edge.client]) or {}
            endpoint = self._of._blueprint.service(edge.server).endpoint(edge.port_name)
            made = since.get(endpoint.discovery_name)
            if made and mesh.stale(edge, primary["createdAt"], made):
                return True
        return False

    # --- answering -----------------------------------------------------------------------------

    def _answer(self, status: str, seen: _Seen, edges: list[dict[str, Any]] | None = None) -> Look:
        answer = self._progress | {
            "status": status,
            "healthy": sorted(seen.healthy),
            "checks": [],
            "targets": [],
            "edges": edges or [],
        }
        if status == "HEALTHY":
            answer["checks"] = [check.to_json() for check in seen.checks]
            answer["targets"] = targets(self._of._blueprint, seen.running, self._of._ec2())
        return Look(answer=answer)

    def _failure(self, verdicts: Sequence[Verdict], found: Sequence[Check]) -> Look:
        return Look(
            answer=self._progress
            | {
                "status": "FAILED",
                "verdicts": [verdict.to_json() for verdict in verdicts],
                "checks": [check.to_json() for check in found],
            }
        )


def _behind(sightings: Sightings, described: Mapping[str, dict[str, Any]]) -> bool:
    for task_id, sighting in sightings.items():
        if sighting.stage is Stage.RUNNING:
            task = described.get(task_id)
            if task is None or task["version"] < sighting.version:
                return True
    return False
