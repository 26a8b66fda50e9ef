"""The calls that bring services to what the request says, as far as ECS does them now."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import datetime
from itertools import groupby
from typing import Any

from bivouac.aws import cloudmap, ecs, ecs_answers
from bivouac.aws.client_types import ECSClient, ServiceDiscoveryClient
from bivouac.environment import naming
from bivouac.environment.blueprint import (
    Blueprint,
    changed_tags,
    create_service_arguments,
    ecs_tags,
    update_service_arguments,
)
from bivouac.errors import NotYetConsistentError, RefusedByAwsError, ServiceDrainingError
from bivouac.json_types import Described
from bivouac.observability import logger
from bivouac.proof import mesh
from bivouac.proof.mesh import EdgeProof, ProofClient
from bivouac.services.convergence import (
    Action,
    ActionKind,
    Blocked,
    Condition,
    Decision,
    Need,
    Situation,
    Wanted,
    decide,
    differs,
    wanted_services,
)
from bivouac.services.deployments import Expected, primary_deployment
from bivouac.services.patience import Patience
from bivouac.services.progress import CreateProgress

CONCURRENT_CALLS = 8
"""Concurrent calls; ECS allows 50 at once, then 5 a second (request throttling)."""
PASSES = 3
"""One pass can unblock another: a client that was made before an endpoint it calls."""


class ServiceConvergence:
    """One environment's services and the calls that change them."""

    def __init__(
        self,
        blueprint: Blueprint,
        generation: int,
        namespace_arn: str,
        task_definitions: Mapping[str, str],
        ecs_client: ECSClient,
        cloud_map: ServiceDiscoveryClient,
        patience: Patience,
        fresh: bool,
        proven: Mapping[str, str],
    ) -> None:
        """`fresh`: exactly the expected services exist, as this execution created them.

        `proven`: by service, the deployment for which it was last proven."""
        self._blueprint = blueprint
        self._patience = patience
        self._fresh = fresh
        self._proven = proven
        self._generation = generation
        self._namespace_arn = namespace_arn
        self._ecs = ecs_client
        self._cloud_map = cloud_map
        self._cluster: str = blueprint.cluster["clusterName"]
        self._clients: tuple[ProofClient, ...] = mesh.proof_clients(blueprint, generation)
        services = [*blueprint.services, *(client.service for client in self._clients)]
        self._wanted = wanted_services(blueprint, services, namespace_arn, task_definitions)

    def converge(
        self, progress: CreateProgress, proofs: Sequence[EdgeProof] = ()
    ) -> CreateProgress:
        """What is expected, blocked, going and still to be rolled now, and whether anything
        changed."""
        before = {each.service_name: each for each in progress.expected}
        remembered = self._remembered(before) if self._fresh else {}
        now = Situation(
            remembered,
            before,
            frozenset(progress.healthy),
            proofs=proofs,
            proven=self._proven,
            roll=progress.roll,
        )
        if not self._fresh:
            now = self._observed(now)
        changed = False
        for _ in range(PASSES):
            decision = decide(self._blueprint, self._wanted, self._clients, now)
            if any(action.service_name in remembered for action in decision.actions):
                # It may have been done already, by this step before it was killed.
                remembered, now = {}, self._observed(now)
                decision = decide(self._blueprint, self._wanted, self._clients, now)
            if not decision.actions:
                break
            now, done = self._after(now, decision)
            changed |= done
        expected = dict(now.expected)
        for name in self._wanted:
            if name not in expected and name not in decision.blocked and now.active(name):
                expected[name] = self._expected(name, now.services[name])
        return replace(
            progress,
            expected=tuple(expected.values()),
            blocked=tuple(Blocked(name, needs) for name, needs in decision.blocked.items()),
            going=tuple(sorted(self._going(now))),
            roll=now.roll,
            changed=changed,
        )

    # --- observing -----------------------------------------------------------------------------

    def _remembered(self, before: Mapping[str, Expected]) -> dict[str, Described]:
        """As this execution created them; the next poll reads what has become of them."""
        return {
            name: {
                "serviceName": name,
                "status": "ACTIVE",
                "tags": ecs_tags(self._wanted[name].tags),
                "deployments": [
                    {
                        "id": made.deployment_id,
                        "status": "PRIMARY",
                        "taskDefinition": made.task_definition_arn,
                        "createdAt": datetime.fromisoformat(made.deployed_at),
                    }
                ],
            }
            for name, made in before.items()
        }

    def _observed(self, before: Situation) -> Situation:
        """ListServices hides draining services. Where it is empty and nothing was created before,
        nothing is described.

        In a fresh environment this execution created every service."""
        listed = [] if self._fresh else ecs.list_services(self._ecs, self._cluster)
        names = [*self._wanted, *before.expected, *listed] if listed or before.expected else []
        services = ecs.describe_services(self._ecs, self._cluster, names)
        situation = replace(before, services=services)
        if not services or self._fresh:
            return situation
        return replace(
            situation,
            endpoints_since=self._endpoints_since(),
            definitions=self._definitions(situation),
        )

    def _endpoints_since(self) -> dict[str, datetime]:
        """When each was created: a name that is used again keeps its id (D13)."""
        namespace_id = self._namespace_arn.rpartition("/")[2]
        listed = cloudmap.list_services(self._cloud_map, namespace_id)
        return {service["Name"]: service["CreateDate"] for service in listed}

    def _definitions(self, situation: Situation) -> dict[str, dict[str, Any]]:
        """Of the services that will change: they decide whether ECS can update them (T14).

        Definitions that the blueprint does not hold are described: those that run, and others'."""
        arns: dict[str, None] = {}
        for name, wanted in self._wanted.items():
            described = situation.active(name)
            if (
                described is None
                or name in situation.expected
                or not differs(wanted, described, situation.proven.get(name))
            ):
                continue
            if described["taskDefinition"] != wanted.task_definition_arn:
                arns[described["taskDefinition"]] = None
                if wanted.service.definition is None:
                    arns[wanted.task_definition_arn] = None
        return {arn: ecs.describe_task_definition(self._ecs, arn)[0] for arn in arns}

    # --- acting --------------------------------------------------------------------------------

    def _after(self, before: Situation, decision: Decision) -> tuple[Situation, bool]:
        """Carries out the actions, those of one depth concurrently, and stops after a depth in
        which ECS refused one for now. Returns the situation that the answers show, and whether
        anything was done."""
        services, expected = dict(before.services), dict(before.expected)
        since = dict(before.endpoints_since)
        refused, roll = dict(before.refused), before.roll
        done = False
        with ThreadPoolExecutor(CONCURRENT_CALLS) as pool:
            for _, actions in groupby(decision.actions, key=lambda action: action.depth):
                for action, service in pool.map(self._act, list(actions)):
                    if isinstance(service, Need):
                        refused[action.service_name] = service
                        continue
                    done = True
                    roll -= {action.service_name}
                    services[action.service_name] = service
                    if action.kind is not ActionKind.DELETE:
                        expected[action.service_name] = self._expected(action.service_name, service)
                    if action.kind is ActionKind.CREATE:
                        for endpoint in self._wanted[action.service_name].service.endpoints:
                            since.setdefault(endpoint.discovery_name, service["createdAt"])
                if len(refused) > len(before.refused):
                    break
        after = replace(
            before,
            services=services,
            expected=expected,
            endpoints_since=since,
            refused=refused,
            roll=roll,
        )
        return after, done

    def _act(self, action: Action) -> tuple[Action, dict[str, Any] | Need]:
        """The service as changed, or what must happen before ECS changes it."""
        name = action.service_name
        try:
            return action, self._change(action)
        except ServiceDrainingError as error:
            need, reason = Need(name, Condition.GONE), str(error)
        except RefusedByAwsError as error:
            reason = str(error)
            held = ecs_answers.is_held_discovery_name(reason)
            if not held or not (waited := self._patience.need_endpoints_gone(name)):
                raise
            need = waited
        logger.info("refused for now", service=name, reason=reason)
        return action, need

    def _change(self, action: Action) -> dict[str, Any]:
        logger.info(
            "service changed",
            service=action.service_name,
            change=action.kind,
            reason=action.reason,
        )
        match action.kind:
            case ActionKind.DELETE:
                return self._delete(action.service_name)
            case ActionKind.CREATE:
                wanted = self._wanted[action.service_name]
                arguments = create_service_arguments(
                    self._blueprint, wanted.service, wanted.specification, self._generation
                )
                return ecs.create_service(self._ecs, arguments)
            case ActionKind.UPDATE | ActionKind.ROLL:
                return self._update(self._wanted[action.service_name])

    def _update(self, wanted: Wanted) -> dict[str, Any]:
        """The tag follows the change: killed in between, the step changes the service again."""
        service = ecs.update_service(self._ecs, update_service_arguments(wanted.specification))
        begun = primary_deployment(service) or {}
        tags = changed_tags(wanted.tags, begun.get("id", ""))
        ecs.tag_service(self._ecs, service, ecs_tags(tags))
        return service

    def _delete(self, name: str) -> dict[str, Any]:
        service = ecs.delete_service(self._ecs, self._cluster, name)
        if service is None:
            raise NotYetConsistentError(
                f"service {name}: it was described a moment ago and is gone"
            )
        return service

    # --- answering -----------------------------------------------------------------------------

    def _expected(self, name: str, service: Described) -> Expected:
        """The deployment that must become healthy: ours, whichever is there later (H01, S19)."""
        primary = primary_deployment(service)
        if primary is None:
            raise NotYetConsistentError(f"service {name}: no deployment is visible yet")
        arn = self._wanted[name].task_definition_arn
        return Expected(name, arn, primary["id"], primary["createdAt"].isoformat())

    def _going(self, now: Situation) -> set[str]:
        gone = (need for need in now.refused.values() if need.condition is Condition.GONE)
        going = {name for name in now.services if self._goes(now, name)}
        return going | {need.service_name for need in gone}

    def _goes(self, now: Situation, name: str) -> bool:
        """A wanted service that drains must be gone before it is created again; an unwanted one
        must go if it is ours. Proof clients of earlier creates go too, and nothing waits for
        them."""
        if name.startswith(naming.PROOF_PREFIX):
            return False
        if name in self._wanted:
            return now.draining(name)
        return not ecs_answers.is_gone(now.services[name]) and now.owns(name, self._blueprint)
