"""Clusters: PROVISIONING while their default namespace is attached, INACTIVE when deleted."""

from __future__ import annotations

import uuid
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from localcloud.account import Account
from localcloud.ecs import answers, errors, name_rules, strategy_rules
from localcloud.ecs.listing import described, find, one_page
from localcloud.ecs.model import Cluster, ClusterAttachment
from localcloud.ecs.roles import require_service_linked_role
from localcloud.ecs.service_connect import ServiceConnectPlane
from localcloud.guarded_clock import GuardedClock
from localcloud.timings import Timings

Request = dict[str, Any]
Answer = dict[str, Any]

MOST_DESCRIBED = 100
ALL_PARTS = ("ATTACHMENTS", "CONFIGURATIONS", "SETTINGS", "STATISTICS", "TAGS")


class Clusters:
    """Called with the control plane's lock held."""

    def __init__(
        self,
        account: Account,
        clock: GuardedClock,
        timings: Timings,
        connect: ServiceConnectPlane,
    ) -> None:
        self._account = account
        self._clock = clock
        self._timings = timings
        self._connect = connect
        self.by_name: dict[str, Cluster] = {}
        """An INACTIVE one stays until it is purged."""

    def operations(self) -> dict[str, Callable[[Request], Answer]]:
        return {
            "CreateCluster": self.create,
            "DeleteCluster": self.delete,
            "DescribeClusters": self.describe,
            "ListClusters": self.list_page,
            "PutClusterCapacityProviders": self.put_capacity_providers,
            "UpdateCluster": self.update,
        }

    @contextmanager
    def seen_as(self, by_name: dict[str, Cluster]) -> Iterator[None]:
        """While entered, requests see these clusters and their content."""
        present, self.by_name = self.by_name, by_name
        try:
            yield
        finally:
            self.by_name = present

    def all(self) -> Iterable[Cluster]:
        return self.by_name.values()

    def active(self, identifier: str | None) -> Cluster:
        """The cluster that a request names; an INACTIVE one cannot be used any more (C07)."""
        found = self.known(identifier)
        if found.status == "INACTIVE":
            raise errors.cluster_inactive()
        return found

    def known(self, identifier: str | None) -> Cluster:
        """Also finds an INACTIVE one."""
        found = find(self.by_name, identifier or "default")
        if found is None:
            raise errors.cluster_not_found()
        return found

    def create(self, request: Request) -> Answer:
        name = request.get("clusterName", "default")
        name_rules.check_name("Cluster name", name)
        name_rules.check_tags(request.get("tags", []))
        existing = self.by_name.get(name)
        if existing is not None and existing.status != "INACTIVE":
            if existing.request != request:
                raise errors.invalid_parameter(  # C03
                    "Arguments on this idempotent request are inconsistent with arguments used "
                    "in previous request(s)."
                )
            return {"cluster": answers.cluster(existing, ALL_PARTS)}
        require_service_linked_role(self._account)
        providers = request.get("capacityProviders", [])
        strategy_rules.check_providers(providers)
        strategy_rules.check_strategy(request.get("defaultCapacityProviderStrategy", []), providers)
        cluster = self._new(name, request, providers)
        self.by_name[name] = cluster
        if cluster.attachment is not None:
            self._clock.call_later(
                self._timings.cluster_attachment, lambda: self._attached(cluster)
            )
        return {"cluster": answers.cluster(cluster, ALL_PARTS)}

    def update(self, request: Request) -> Answer:
        cluster = self.active(request["cluster"])
        _refuse_busy(cluster)
        if "serviceConnectDefaults" in request:
            identifier = request["serviceConnectDefaults"]["namespace"]
            if not identifier:
                raise errors.invalid_parameter(  # C14: documented, yet AWS refuses it
                    "The namespace of serviceConnectDefaults cannot be empty."
                )
            cluster.namespace_arn = self._connect.namespace(identifier).arn
            cluster.attachment = ClusterAttachment(str(uuid.uuid4()))
            self._clock.call_later(
                self._timings.cluster_attachment, lambda: self._attached(cluster)
            )
        cluster.settings = _settings(request.get("settings", []), cluster.settings)
        cluster.configuration = request.get("configuration", cluster.configuration)
        return {"cluster": answers.cluster(cluster, ALL_PARTS)}

    def put_capacity_providers(self, request: Request) -> Answer:
        """Replaces both; a provider that tasks use stays (API_PutClusterCapacityProviders.html)."""
        cluster = self.active(request["cluster"])
        _refuse_busy(cluster)
        providers = request["capacityProviders"]
        strategy_rules.check_providers(providers)
        strategy_rules.check_strategy(request["defaultCapacityProviderStrategy"], providers)
        used = {task.capacity_provider for task in cluster.tasks.values() if task.live}
        if used & set(cluster.capacity_providers) - set(providers):
            raise errors.EcsError(
                "ResourceInUseException",
                "The specified capacity provider is in use and cannot be removed.",
            )
        cluster.capacity_providers = providers
        cluster.default_strategy = request["defaultCapacityProviderStrategy"]
        return {"cluster": answers.cluster(cluster, ALL_PARTS)}

    def delete(self, request: Request) -> Answer:
        cluster = self.known(request["cluster"])
        if cluster.status != "INACTIVE":  # C13: deleting again is no error
            _refuse_busy(cluster)
            if any(service.status != "INACTIVE" for service in cluster.services.values()):
                raise errors.EcsError(  # C10
                    "ClusterContainsServicesException",
                    "The Cluster cannot be deleted while Services are active.",
                )
            if any(task.status != "STOPPED" for task in cluster.tasks.values()):
                raise errors.EcsError(  # C11
                    "ClusterContainsTasksException",
                    "The Cluster cannot be deleted while Tasks are active.",
                )
            cluster.status = "INACTIVE"
            self._clock.call_later(self._timings.inactive_visible, lambda: self._purge(cluster))
        return {"cluster": answers.cluster(cluster, ALL_PARTS)}

    def describe(self, request: Request) -> Answer:
        """INACTIVE clusters are described for a while longer (C06); others are MISSING (C05)."""
        include = request.get("include", [])
        return described(
            "clusters",
            request.get("clusters", ["default"]),
            self.by_name,
            lambda cluster: answers.cluster(cluster, include),
            lambda name: self._account.arn("ecs", f"cluster/{name}"),
            most=MOST_DESCRIBED,
        )

    def list_page(self, request: Request) -> Answer:
        arns = [cluster.arn for cluster in self.all() if cluster.status != "INACTIVE"]
        return one_page("clusterArns", arns, request, default=100)

    def _new(self, name: str, request: Request, providers: list[str]) -> Cluster:
        namespace_arn = None
        if "serviceConnectDefaults" in request:
            identifier = request["serviceConnectDefaults"]["namespace"]
            namespace_arn = self._connect.namespace(identifier).arn
        return Cluster(
            name=name,
            arn=self._account.arn("ecs", f"cluster/{name}"),
            request=request,
            settings=_settings(
                request.get("settings", []), [{"name": "containerInsights", "value": "disabled"}]
            ),
            configuration=request.get("configuration"),
            capacity_providers=providers,
            default_strategy=request.get("defaultCapacityProviderStrategy", []),
            tags={tag["key"]: tag["value"] for tag in request.get("tags", [])},
            namespace_arn=namespace_arn,
            attachment=ClusterAttachment(str(uuid.uuid4())) if namespace_arn else None,
            visible_at=self._clock.now() + self._timings.cluster_visible,
            status="PROVISIONING" if namespace_arn else "ACTIVE",
        )

    def _attached(self, cluster: Cluster) -> None:
        """Attached once the namespace exists, failed if its creation failed (C02)."""
        assert cluster.attachment is not None, "only an attachment is ever waited for"
        namespace = self._connect.namespace_state(cluster.namespace_arn or "")
        if namespace == "CREATING":
            self._clock.call_later(
                self._timings.cluster_attachment, lambda: self._attached(cluster)
            )
            return
        cluster.attachment.status = "ATTACHED" if namespace == "EXISTS" else "FAILED"
        if cluster.status == "PROVISIONING":
            cluster.status = "ACTIVE"

    def _purge(self, cluster: Cluster) -> None:
        if self.by_name.get(cluster.name) is cluster:
            del self.by_name[cluster.name]


def _refuse_busy(cluster: Cluster) -> None:
    """C09."""
    if cluster.busy:
        raise errors.EcsError(
            "UpdateInProgressException",
            "The specified cluster is in a busy state. Cluster attachments must be in "
            "UPDATE_COMPLETE or UPDATE_FAILED state before they can be updated.",
        )


def _settings(
    given: Iterable[Mapping[str, str]], before: list[dict[str, str]]
) -> list[dict[str, str]]:
    for item in given:
        if item.get("value") not in ("enhanced", "enabled", "disabled"):
            raise errors.invalid_parameter(f"Invalid value of containerInsights: {item}")
    values = {item["name"]: item["value"] for item in before}
    values |= {item["name"]: item["value"] for item in given}
    return [{"name": name, "value": value} for name, value in values.items()]
