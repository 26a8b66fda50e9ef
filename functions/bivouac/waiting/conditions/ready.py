"""Polls an environment that is being created: healthy and proven, something to do, or failed.

Reads only, in batches, and no more than necessary: while tasks are still starting, one call for ten
services shows that there is nothing else to read.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any

from bivouac import times
from bivouac.aws import cloudmap, ecs, ecs_answers
from bivouac.aws.client_types import EC2Client, ECSClient, ServiceDiscoveryClient
from bivouac.aws.ecs_answers import ECS_REMOVES_WITHIN_SECONDS
from bivouac.diagnosis import health, service_verdicts
from bivouac.diagnosis.service_verdicts import Verdict
from bivouac.environment import naming
from bivouac.environment.record import Record
from bivouac.proof import mesh
from bivouac.proof.check import Check, CheckOutcome
from bivouac.proof.mesh import EdgeProof, ProofClient, State
from bivouac.services.convergence import Condition, Need
from bivouac.services.deployments import primary_deployment
from bivouac.services.observation import observed, tasks_by_service
from bivouac.services.progress import CreateProgress, NextStep
from bivouac.waiting.conditions import edges, foundation, outstanding
from bivouac.waiting.conditions.probe_targets import for_each_task, targets
from bivouac.waiting.conditions.registered import Registrations
from bivouac.waiting.wait import (
    POLL_SECONDS,
    STALE_SECONDS,
    Awaited,
    PollResult,
    Wait,
)

QUIET_SECONDS = 60.0
"""After this, each poll reads the tasks even if no event calls for it: events can be lost."""
MOST_STALE_POLLS = 20
"""How often reads that lag behind an event are repeated before they are used."""


@dataclass
class _Moment:
    """What one poll reads and finds."""

    wait: Wait
    progress: CreateProgress
    now: datetime
    services: Mapping[str, dict[str, Any]]
    running: Mapping[str, Sequence[dict[str, Any]]] = field(default_factory=dict)
    checks: list[Check] = field(default_factory=list)
    failed: list[Verdict] = field(default_factory=list)
    healthy: set[str] = field(default_factory=set)
    hindered: dict[str, Verdict] = field(default_factory=dict)
    """By service: an obstacle that may still resolve itself."""
    steady_in: list[float] = field(default_factory=list)
    """Seconds until a service counts as healthy by having run for so long."""

    @property
    def late(self) -> bool:
        return self.now >= times.moment(self.wait.context["deadline"])

    @property
    def quiet_for_long(self) -> bool:
        opened_at = times.moment(self.wait.context["openedAt"])
        return (self.now - opened_at).total_seconds() > QUIET_SECONDS

    @property
    def counted(self) -> frozenset[str]:
        """The services whose health decides: those that blocked services need, or all."""
        blocked = self.progress.blocked
        needed = (need.service_name for entry in blocked for need in entry.needs)
        return frozenset(needed) if blocked else outstanding.planned(self.progress.expected)

    def runs(self, name: str) -> bool:
        """Whether as many tasks run as are desired, and at least one."""
        service = self.services.get(name) or {}
        primary = primary_deployment(service) or {}
        return bool(0 < service.get("desiredCount", 0) <= primary.get("runningCount", 0))

    def gone(self, name: str) -> bool:
        service = self.services.get(name)
        return service is None or ecs_answers.is_gone(service)


class ReadyPoll:
    """Called for each poll of one wait."""

    def __init__(
        self,
        record: Record,
        urgent: bool,
        ecs_client: ECSClient,
        cloud_map: Callable[[], ServiceDiscoveryClient],
        ec2: Callable[[], EC2Client],
        now: Callable[[], datetime],
    ) -> None:
        """`urgent`: the first poll reads tasks in any case. Creating a client is slow: Cloud Map's
        is created when an endpoint is read, EC2's, the slowest, once everything is healthy."""
        self._record = record
        self._blueprint = record.planned
        self._proofs = [EdgeProof.from_json(entry) for entry in record.edges]
        self._clients = mesh.proof_clients(self._blueprint, record.generation)
        self._cluster: str = self._blueprint.cluster["clusterName"]
        self._urgent = urgent
        self._ecs = ecs_client
        self._cloud_map = cloud_map
        self._ec2 = ec2
        self._now = now
        self._stale_polls = 0
        self._paused = False
        self._alarms: int | None = None
        self._registrations = Registrations(cloud_map)

    def __call__(self, wait: Wait) -> PollResult:
        now = self._now()
        progress = CreateProgress.from_json(wait.context["progress"])
        if not progress.namespace_arn:
            return foundation.poll(
                wait.context, self._record, self._blueprint, now, self._ecs, self._cloud_map()
            )
        if not (progress.expected or progress.going or progress.blocked):
            return PollResult(replace(progress, status=NextStep.CREATE).to_json())
        names = [*(entry.service_name for entry in progress.expected), *progress.going]
        if self._alarms is None:
            self._alarms = wait.alarms
            self._registrations.known = dict(progress.registered)
        self._urgent |= wait.alarms > self._alarms
        self._alarms = wait.alarms
        self._registrations.forget_reads()
        services = ecs.describe_services(self._ecs, self._cluster, names)
        return self._poll(_Moment(wait, progress, now, services))

    def _poll(self, moment: _Moment) -> PollResult:
        task_events = moment.wait.task_events
        if outstanding.counts_lag_behind(task_events, moment.progress.expected, moment.services):
            if self._stale_polls < MOST_STALE_POLLS:
                return self._stale(moment)
            self._urgent = True
        # Without their tasks, it is unknown which edges proof clients have called: await none.
        awaited = self._awaited(moment, ())
        worth_reading = awaited.has_come or outstanding.went_wrong(
            moment.progress.expected, moment.services
        )
        if not (worth_reading or self._urgent or moment.late or moment.quiet_for_long):
            return PollResult(awaited=awaited)
        if not self._urgent and self._only_registers(moment):
            return PollResult(again_after=POLL_SECONDS, awaited=awaited)
        moment.running = tasks_by_service(self._ecs, self._cluster, "RUNNING")
        lags = outstanding.lags_behind(task_events, moment.running)
        moment.running = self._of_current_clients(moment)
        if lags and self._stale_polls < MOST_STALE_POLLS:
            return self._stale(moment)
        self._urgent = False
        self._judge(moment)
        if moment.failed:
            return self._failure(moment, "DeploymentFailedError", moment.failed)
        if self._unblocked(moment):
            return self._more_to_do(moment)
        waiting = [check for check in moment.checks if check.is_ng]
        going = [name for name in moment.progress.going if not moment.gone(name)]
        if not (waiting or going or moment.progress.blocked):
            return self._proven(moment)
        if moment.late:
            return self._out_of_time(moment, waiting, going)
        awaited = self._awaited(moment, self._clients)
        if awaited.has_come:
            return PollResult(again_after=min([POLL_SECONDS, *moment.steady_in]), awaited=awaited)
        return PollResult(awaited=awaited)

    def _only_registers(self, moment: _Moment) -> bool:
        """Whether Cloud Map must list the tasks that ECS counts as running before anything else can
        bring an answer."""
        if (
            moment.late
            or moment.progress.going
            or outstanding.went_wrong(moment.progress.expected, moment.services)
        ):
            return False
        running = [
            (planned, primary_deployment(moment.services[planned.service_name]) or {})
            for planned in self._blueprint.services
            if planned.service_name in moment.counted
            and planned.endpoints
            and not planned.has_health_check
            and moment.runs(planned.service_name)
        ]
        return self._registrations.are_missing(running)

    def _stale(self, moment: _Moment) -> PollResult:
        self._stale_polls += 1
        before = moment.wait.awaited
        awaited = replace(
            self._awaited(moment, ()), healthy_since=before.healthy_since if before else ""
        )
        return PollResult(again_after=STALE_SECONDS, awaited=awaited)

    def _awaited(self, moment: _Moment, clients: Sequence[ProofClient]) -> Awaited:
        """`clients`: the proof clients whose tasks were read."""
        return outstanding.awaited(
            moment.progress.expected,
            moment.progress.blocked,
            [each for each in clients if each.service.service_name in moment.services],
            moment.services,
            moment.running,
            moment.wait.task_events,
        )

    # --- judging -------------------------------------------------------------------------------

    def _judge(self, moment: _Moment) -> None:
        states = observed(
            self._ecs, self._cluster, moment.progress.expected, moment.services, moment.running
        )
        proof_clients = {client.service.service_name: client.service for client in self._clients}
        for entry in moment.progress.expected:
            name, seen = entry.service_name, states[entry.service_name]
            proof_client = proof_clients.get(name)
            planned = proof_client or self._blueprint.service(name)
            if proof_client and seen.service and not ecs_answers.is_active(seen.service):
                continue  # its edges are proven, and it is being deleted
            progress = health.judge(planned, entry, seen)
            if progress.failed:
                moment.failed.append(progress.failed)
            elif proof_client is None:
                found = list(progress.checks)
                decides = progress.healthy and name in moment.counted
                if decides:
                    found += self._registrations.checks(planned, seen)
                moment.checks += found
                if progress.hindered:
                    moment.hindered[name] = progress.hindered
                if decides and not any(check.is_ng for check in found):
                    moment.healthy.add(name)
                if decides and (left := health.steady_in(planned, entry, seen, moment.now)):
                    moment.steady_in.append(left)
                    told = f"nothing can ask it: {left:.0f} s more are needed"
                    moment.checks.append(Check(name, "keeps running", CheckOutcome.NG, told))

    def _unblocked(self, moment: _Moment) -> bool:
        return any(
            all(self._met(need, moment) for need in entry.needs)
            for entry in moment.progress.blocked
        )

    def _met(self, need: Need, moment: _Moment) -> bool:
        name = need.service_name
        match need.condition:
            case Condition.GONE:
                return moment.gone(name)
            case Condition.HEALTHY:
                return name in moment.healthy
            case Condition.START:
                return any(entry.service_name == name for entry in moment.progress.expected)
            case Condition.ENDPOINTS_GONE:
                waited = times.seconds_since(need.since, moment.now)
                if moment.late or waited > ECS_REMOVES_WITHIN_SECONDS:
                    return True  # ECS's answer to the change is the verdict then
                names = {each.discovery_name for each in self._blueprint.service(name).endpoints}
                return not names & self._endpoints_since(moment).keys()

    # --- everything is healthy -----------------------------------------------------------------

    def _proven(self, moment: _Moment) -> PollResult:
        """Checks the edges, and that no client is older than an endpoint that it calls."""
        proofs = [*moment.progress.edge_proofs(self._blueprint), *self._proofs]
        found = edges.read(self._clients, proofs, moment.services, moment.running)
        if found.unasked:
            return self._more_to_do(moment)
        since = _healthy_since(moment)
        wrong, asking = found.of_state(State.NG), found.of_state(State.PENDING)
        graces = [
            left
            for each in asking
            if (left := edges.grace(self._blueprint, each, since, moment.now)) is not None
        ]
        if early := self._blind_clients(moment, wrong):
            return self._create(moment, early)
        if wrong or (asking and (moment.late or min(graces, default=1.0) <= 0)):
            healthy_seconds = (moment.now - since).total_seconds()
            verdict = edges.not_proven([*wrong, *asking], healthy_seconds)
            return self._failure(moment, "ConnectivityError", [verdict])
        if asking:
            awaited = replace(
                self._awaited(moment, self._clients), healthy_since=times.timestamp(since)
            )
            return PollResult(again_after=min(graces, default=None), awaited=awaited)
        if stale := self._stale_clients(moment):
            return self._create(moment, stale)
        return PollResult(self._healthy(moment, found.answered(moment.now)).to_json())

    def _healthy(self, moment: _Moment, answered: dict[str, list[str]]) -> CreateProgress:
        healthy = replace(
            moment.progress,
            status=NextStep.HEALTHY,
            healthy=tuple(sorted(moment.healthy)),
            registered={},  # if the probes fail, every registration is read again
            checks=[check.to_json() for check in moment.checks],
            targets=targets(self._blueprint, moment.running, self._ec2()),
            edges=answered,
        )
        if moment.wait.context.get("short"):
            return healthy
        # In the form of executions that began before an update of the stack
        return replace(
            healthy,
            targets=for_each_task(healthy.targets or ()),
            edges=[proof.to_json() for proof in healthy.edge_proofs(self._blueprint)],
        )

    def _of_current_clients(self, moment: _Moment) -> Mapping[str, Sequence[dict[str, Any]]]:
        """Without the tasks of proof clients that are being replaced: they saw an older mesh."""
        current = moment.progress.deployments
        return {
            name: [
                task
                for task in tasks
                if not name.startswith(naming.PROOF_PREFIX)
                or task.get("startedBy") == current.get(name)
            ]
            for name, tasks in moment.running.items()
        }

    def _blind_clients(self, moment: _Moment, wrong: Sequence[edges.AskedEdge]) -> frozenset[str]:
        """The services to redeploy, once for each proof client and never after the deadline."""
        if moment.late or any(each.by in moment.progress.rolled for each in wrong):
            return frozenset()
        return edges.blind_clients(self._clients, moment.services, wrong)

    def _stale_clients(self, moment: _Moment) -> frozenset[str]:
        if not any(edge.client for edge in self._blueprint.edges):
            return frozenset()
        since = self._endpoints_since(moment)
        return edges.stale_clients(
            self._blueprint, self._clients, moment.services, moment.running, since
        )

    def _endpoints_since(self, moment: _Moment) -> dict[str, datetime]:
        namespace_id = str(moment.progress.namespace_arn).rpartition("/")[2]
        listed = cloudmap.list_services(self._cloud_map(), namespace_id)
        return {service["Name"]: service["CreateDate"] for service in listed}

    # --- answering -----------------------------------------------------------------------------

    def _more_to_do(self, moment: _Moment) -> PollResult:
        """If Create services found nothing to do just now, its reads lagged behind: poll once
        more first."""
        if not moment.progress.changed and not self._paused:
            self._paused = True
            return PollResult(again_after=POLL_SECONDS, awaited=self._awaited(moment, ()))
        return self._create(moment)

    def _create(self, moment: _Moment, roll: frozenset[str] = frozenset()) -> PollResult:
        """With the registrations, so that the next wait need not read them again.

        `roll`: the services to redeploy; a proof client is redeployed at most once."""
        rolled = {name for name in roll if name.startswith(naming.PROOF_PREFIX)}
        answer = replace(
            moment.progress,
            status=NextStep.CREATE,
            healthy=tuple(sorted(moment.healthy)),
            roll=moment.progress.roll | roll,
            rolled=moment.progress.rolled | rolled,
            registered=self._registrations.known,
        )
        return PollResult(answer.to_json())

    def _failure(self, moment: _Moment, error: str, verdicts: Sequence[Verdict]) -> PollResult:
        kept = service_verdicts.kept(verdicts)
        failed = replace(moment.progress, status=NextStep.FAILED, error=error, verdicts=kept)
        return PollResult(failed.to_json())

    def _out_of_time(
        self, moment: _Moment, waiting: Sequence[Check], going: Sequence[str]
    ) -> PollResult:
        reasons = [str(check) for check in waiting]
        reasons += [f"{name}: still draining" for name in going]
        reasons += [str(entry) for entry in moment.progress.blocked]
        late = waiting[0].service if waiting else self._blueprint.environment
        reasons += [
            check.observed
            for check in moment.checks
            if check.service == late and check.outcome is CheckOutcome.SKIP
        ]
        events = (moment.services.get(late) or {}).get("events", ())
        verdict = service_verdicts.out_of_time(
            late, reasons, [event["message"] for event in events], moment.hindered.get(late)
        )
        return self._failure(moment, "DeploymentFailedError", [verdict])


def _healthy_since(moment: _Moment) -> datetime:
    """Since when only proofs are missing; an earlier poll may have found it, perhaps of a wait that
    got no answer."""
    wait = moment.wait
    known = wait.awaited.healthy_since if wait.awaited else wait.context.get("healthySince")
    return times.moment(known) if known else moment.now
