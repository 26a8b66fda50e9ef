"""Whether Cloud Map lists the running tasks, asked as seldom as that can be known.

Cloud Map reads one service a call, so each endpoint that is asked for costs one.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

from bivouac.aws import cloudmap, ecs_answers
from bivouac.diagnosis import health
from bivouac.environment import naming
from bivouac.environment.blueprint import Endpoint, ServiceBlueprint
from bivouac.json_types import Described
from bivouac.proof.check import Check, CheckOutcome
from bivouac.services.deployments import Observed, primary_deployment

if TYPE_CHECKING:
    from types_boto3_servicediscovery import ServiceDiscoveryClient


LOOKS_ASIDE = 5
"""After so many looks that Cloud Map did not let go on, one goes on all the same."""


class Registrations:
    """Of one environment, over all looks of one function at one wait, and over its waits.

    A registration holds for the very tasks that it was seen for: ECS takes an instance out only
    together with its task."""

    def __init__(self, cloud_map: Callable[[], ServiceDiscoveryClient]) -> None:
        self._cloud_map = cloud_map
        self.known: dict[str, str] = {}
        """By service: its tasks, as a fingerprint, when Cloud Map listed them all."""
        self._missing: dict[str, int] = {}
        """By service that runs: in how many looks it was not known to be listed."""
        self._listed: dict[str, list[dict[str, Any]]] = {}
        """Instances by id of the Cloud Map service, as read in this look."""

    def look_anew(self) -> None:
        """What a look before has read is not believed any more, but for what holds."""
        self._listed.clear()

    def are_missing(self, running: Sequence[tuple[ServiceBlueprint, Described]]) -> bool:
        """Whether fewer instances are listed than tasks run, of the service that has run longest:
        then no other one is worth asking for, and no task worth reading.

        `running`: services with endpoints and without health check (which takes longer), each with
        its primary deployment, as ECS counts its tasks."""
        asked = [each for each in running if each[0].service_name not in self.known]
        looks = {each.service_name: self._missing.get(each.service_name, 0) for each, _ in asked}
        self._missing = {name: count + 1 for name, count in looks.items()}
        if not asked:
            return False
        longest, deployment = max(asked, key=lambda each: looks[each[0].service_name])
        if looks[longest.service_name] >= LOOKS_ASIDE:
            return False
        listed = self._instances(deployment, longest.endpoints[0])
        return bool(len(listed) < deployment["runningCount"])

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
        """Nothing before ECS has made the endpoint."""
        for resource in deployment.get("serviceConnectResources", ()):
            if resource["discoveryName"] == endpoint.discovery_name:
                service_id = resource["discoveryArn"].rpartition("/")[2]
                if service_id not in self._listed:
                    listed = cloudmap.list_instances(self._cloud_map(), service_id)
                    self._listed[service_id] = listed
                return self._listed[service_id]
        return []
