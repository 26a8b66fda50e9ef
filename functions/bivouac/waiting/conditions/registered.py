"""Whether Cloud Map lists the running tasks, with as few calls as possible.

Cloud Map lists the instances of one service per call, so each endpoint costs a call.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from bivouac.aws import cloudmap, ecs_answers
from bivouac.aws.client_types import ServiceDiscoveryClient
from bivouac.diagnosis import health
from bivouac.environment import naming
from bivouac.environment.blueprint import Endpoint, ServiceBlueprint
from bivouac.json_types import Described
from bivouac.proof.check import Check, CheckOutcome
from bivouac.services.deployments import Observed, primary_deployment

MOST_SKIPPED_POLLS = 5
"""After this many polls that only waited for Cloud Map, the tasks are read all the same."""


class Registrations:
    """The registrations of one environment, for all polls of one wait and for its later waits.

    A registration holds as long as the same tasks run: ECS removes an instance only together with
    its task."""

    def __init__(self, cloud_map: Callable[[], ServiceDiscoveryClient]) -> None:
        self._cloud_map = cloud_map
        self.known: dict[str, str] = {}
        """By service: a fingerprint of the tasks that Cloud Map has listed completely."""
        self._skipped_polls = 0
        """The polls that only waited for Cloud Map."""
        self._listed: dict[str, list[dict[str, Any]]] = {}
        """Instances by Cloud Map service id, as read in this poll."""

    def forget_reads(self) -> None:
        """Clears the cache of the last poll; complete registrations stay known."""
        self._listed.clear()

    def are_missing(self, running: Sequence[tuple[ServiceBlueprint, Described]]) -> bool:
        """Whether Cloud Map lists fewer instances than tasks run, for the first service that is not
        known to be listed: then no other service and no task is worth reading.

        `running`: services with endpoints and without a health check (which takes longer), each
        with its primary deployment, in which ECS counts the tasks."""
        unknown = [each for each in running if each[0].service_name not in self.known]
        if not unknown or self._skipped_polls >= MOST_SKIPPED_POLLS:
            return False
        planned, deployment = unknown[0]
        listed = self._instances(deployment, planned.endpoints[0])
        missing = bool(len(listed) < deployment["runningCount"])
        self._skipped_polls += missing
        return missing

    def checks(self, planned: ServiceBlueprint, seen: Observed) -> list[Check]:
        """One for each endpoint: Cloud Map lists exactly the running tasks (P03)."""
        name, deployment = planned.service_name, primary_deployment(seen.service or {}) or {}
        tasks = naming.content_hash(sorted(task["taskArn"] for task in seen.running))
        known = self.known.get(name) == tasks
        rebalanced = ecs_answers.is_rebalanced(seen.service or {})
        found = []
        for endpoint in planned.endpoints:
            listed = None if known else self._instances(deployment, endpoint)
            found.append(health.registered(name, endpoint, seen.running, listed, rebalanced))
        if all(check.outcome is CheckOutcome.OK for check in found):
            self.known[name] = tasks
        return found

    def _instances(self, deployment: Described, endpoint: Endpoint) -> list[dict[str, Any]]:
        """Empty until ECS has created the endpoint."""
        for resource in deployment.get("serviceConnectResources", ()):
            if resource["discoveryName"] == endpoint.discovery_name:
                service_id = resource["discoveryArn"].rpartition("/")[2]
                if service_id not in self._listed:
                    listed = cloudmap.list_instances(self._cloud_map(), service_id)
                    self._listed[service_id] = listed
                return self._listed[service_id]
        return []
