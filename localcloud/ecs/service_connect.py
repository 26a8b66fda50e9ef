"""Service Connect: namespaces, endpoints and who resolves them; updates Cloud Map as tasks
change."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, Literal

from localcloud.account import random_id
from localcloud.clock import Clock
from localcloud.cloudmap.model import Namespace
from localcloud.cloudmap.registry import MANAGED_BY_ECS, CloudMap
from localcloud.ecs import errors
from localcloud.ecs.model import Endpoint, Service, ServiceConnect, Task, TaskDefinition
from localcloud.ecs.name_rules import check_namespace_name
from localcloud.ecs.obstacles import Obstacles
from localcloud.ecs.runtime_calls import RuntimeCalls
from localcloud.tasks.runtime import ClientAlias, Ingress, Timeouts


class ServiceConnectPlane:
    """All endpoints of all namespaces. Called with the control plane's lock held."""

    def __init__(
        self, clock: Clock, cloudmap: CloudMap, runtime: RuntimeCalls, obstacles: Obstacles
    ) -> None:
        self.endpoint_lag = 0.0
        """Seconds until a deployment of another service resolves a new endpoint."""
        self._clock = clock
        self._cloudmap = cloudmap
        self._obstacles = obstacles
        self._runtime = runtime
        self._endpoints: dict[str, Endpoint] = {}
        self._made_at: dict[str, float] = {}
        self._owners: dict[str, str] = {}
        """Id of the ECS service, by endpoint key."""
        self._addresses: dict[str, dict[str, tuple[str, int]]] = {}
        """By endpoint key, then by task id."""

    def namespace(self, identifier: str) -> Namespace:
        """An ARN must exist (C04); a name that Cloud Map does not have is created (N03, N09)."""
        if identifier.startswith("arn:"):
            found = self._cloudmap.namespace(identifier)
            if found is None:
                raise errors.namespace_not_found(identifier)
            return found
        check_namespace_name(identifier)
        return self._cloudmap.namespace_called(identifier) or self._cloudmap.create_namespace(
            identifier, f"ecs-{random_id(32)}", tags={MANAGED_BY_ECS: "true"}
        )

    def existing_namespace(self, identifier: str) -> Namespace:
        """By name or ARN; creates nothing."""
        found = self._cloudmap.namespace(identifier) or self._cloudmap.namespace_called(identifier)
        if found is None:
            raise errors.namespace_not_found(identifier)
        return found

    def namespace_state(self, arn: str) -> Literal["EXISTS", "CREATING", "GONE"]:
        namespace = self._cloudmap.namespace_being_made(arn)
        if namespace is None:
            return "GONE"
        return "EXISTS" if namespace.exists else "CREATING"

    def completed(
        self, configuration: Mapping[str, Any], default_namespace: str | None
    ) -> dict[str, Any]:
        """The configuration as ECS returns it: namespace as ARN, with names and aliases."""
        completed = dict(configuration)
        if "logConfiguration" in completed:
            completed["logConfiguration"] = {"secretOptions": [], **completed["logConfiguration"]}
        if not configuration["enabled"]:
            return completed
        identifier = configuration.get("namespace") or default_namespace
        if not identifier:
            raise errors.invalid_parameter("Namespace is missing")  # S09
        namespace = self.namespace(identifier)
        completed["namespace"] = namespace.arn
        if "services" in configuration:
            completed["services"] = [
                _completed_service(item, namespace) for item in configuration["services"]
            ]
        return completed

    def check_free(self, completed: Mapping[str, Any], owner_id: str | None) -> None:
        """Refuses discovery names (S07) and aliases (S12) that another service of the namespace
        has."""
        namespace = self._namespace_of(completed)
        for item in completed.get("services", []):
            key = f"{namespace.id}/{item['discoveryName']}"
            taken = self._cloudmap.service_named(namespace, item["discoveryName"])
            if taken is not None and (owner_id is None or self._owners.get(key) != owner_id):
                raise errors.invalid_parameter(f"SC service is already used by {namespace.arn}")
            wanted = {(alias["dnsName"], alias["port"]) for alias in item["clientAliases"]}
            for endpoint in self._endpoints_in(namespace.id):
                clash = wanted & {(alias.dns_name, alias.port) for alias in endpoint.aliases}
                if clash and self._owners[endpoint.key] != owner_id:
                    listed = ", ".join(f"{dns_name}:{port}" for dns_name, port in sorted(clash))
                    raise errors.invalid_parameter(
                        f"The client alias {listed} is already used by the endpoint "
                        f"{endpoint.discovery_name} of {namespace.arn}"
                    )

    def connect(
        self, completed: Mapping[str, Any], definition: TaskDefinition, owner: Service
    ) -> ServiceConnect:
        """Creates the endpoints: a Cloud Map service each, unless this service has it already."""
        namespace = self._namespace_of(completed)
        endpoints = []
        for item in completed.get("services", []):
            endpoint = self._endpoint(item, namespace, definition, owner)
            self._endpoints[endpoint.key] = endpoint
            self._made_at.setdefault(endpoint.key, self._clock.now())
            self._owners[endpoint.key] = owner.id
            self._addresses.setdefault(endpoint.key, {})
            endpoints.append(endpoint)
        return ServiceConnect(
            configuration=dict(completed),
            namespace_id=namespace.id,
            endpoints=tuple(endpoints),
            log=completed.get("logConfiguration"),
        )

    def visible_aliases(self, namespace_id: str, owner_id: str) -> tuple[ClientAlias, ...]:
        """All that a deployment of this service that begins now will ever resolve (P08)."""
        old_enough = self._clock.now() - self.endpoint_lag
        return tuple(
            alias
            for endpoint in self._endpoints_in(namespace_id)
            if self._owners[endpoint.key] == owner_id or self._made_at[endpoint.key] <= old_enough
            for alias in endpoint.aliases
        )

    def register(self, task: Task) -> None:
        """Lists a running task as an instance of each endpoint that it serves."""
        connect, interface = task.deployment.connect, task.interface
        if connect is None or interface is None:
            return
        for endpoint in connect.endpoints:
            record = self._cloudmap.service(endpoint.discovery_arn)
            if record is None:
                continue
            self._cloudmap.put_instance(
                record,
                task.id,
                {
                    "AWS_INSTANCE_IPV4": interface.private_ip,
                    "AWS_INSTANCE_PORT": str(endpoint.ingress.port),
                    "AvailabilityZone": interface.availability_zone,
                    "DeploymentId": task.task_set_arn,
                    **_timeout_attributes(endpoint.ingress.timeouts),
                },
            )
            self._addresses[endpoint.key][task.id] = (interface.private_ip, endpoint.ingress.port)
            self._update_runtime(endpoint.key)

    def deregister(self, task: Task) -> None:
        connect = task.deployment.connect
        for endpoint in connect.endpoints if connect is not None else ():
            record = self._cloudmap.service(endpoint.discovery_arn)
            if record is not None:
                self._cloudmap.drop_instance(record, task.id)
            if self._addresses.get(endpoint.key, {}).pop(task.id, None) is not None:
                self._update_runtime(endpoint.key)

    def keep(self, service: Service, endpoints: Iterable[Endpoint]) -> None:
        """Removes the service's other endpoints and their Cloud Map services."""
        kept = {endpoint.key for endpoint in endpoints}
        for key in [key for key, owner in self._owners.items() if owner == service.id]:
            if key in kept:
                continue
            endpoint = self._endpoints.pop(key)
            del self._owners[key], self._made_at[key]
            self._addresses.pop(key, None)
            record = self._cloudmap.service(endpoint.discovery_arn)
            if record is not None and not self._obstacles.leaves_discovery_services(service.name):
                self._cloudmap.drop_service(record)

    def _endpoint(
        self,
        item: Mapping[str, Any],
        namespace: Namespace,
        definition: TaskDefinition,
        owner: Service,
    ) -> Endpoint:
        name: str = item["discoveryName"]
        key = f"{namespace.id}/{name}"
        mapping = definition.port_mapping(item["portName"]) or {}
        record = self._cloudmap.service_named(namespace, name)
        if record is None:
            record = self._cloudmap.create_service_for(
                namespace,
                name,
                f"ecs-{random_id(32)}",
                description=f"Managed by {owner.arn}",
                tags={MANAGED_BY_ECS: "true"},
            )
        given = item.get("timeout", {})
        timeouts = Timeouts(given.get("perRequestTimeoutSeconds"), given.get("idleTimeoutSeconds"))
        ingress = Ingress(
            port_name=item["portName"],
            endpoint=key,
            port=item.get("ingressPortOverride") or mapping["containerPort"],
            container_port=mapping["containerPort"],
            app_protocol=mapping.get("appProtocol"),
            timeouts=timeouts,
        )
        aliases = tuple(
            ClientAlias(alias["dnsName"], alias["port"], key, ingress.app_protocol, timeouts)
            for alias in item["clientAliases"]
        )
        return Endpoint(key, name, record.arn, ingress, aliases)

    def _namespace_of(self, completed: Mapping[str, Any]) -> Namespace:
        """Of a completed configuration; includes a namespace that ECS is still creating."""
        identifier = completed["namespace"]
        found = self._cloudmap.namespace_being_made(identifier)
        if found is None:
            raise errors.namespace_not_found(identifier)
        return found

    def _endpoints_in(self, namespace_id: str) -> list[Endpoint]:
        prefix = f"{namespace_id}/"
        return [item for key, item in self._endpoints.items() if key.startswith(prefix)]

    def _update_runtime(self, key: str) -> None:
        self._runtime.set_endpoint(key, list(self._addresses[key].values()))


def _timeout_attributes(timeouts: Timeouts) -> dict[str, str]:
    """0 if none was given (recorded in July 2024); a given one is assumed to appear as it is."""
    return {
        "IdleTimeoutInSeconds": str(timeouts.idle or 0),
        "PerRequestTimeoutInSeconds": str(timeouts.per_request or 0),
    }


def _completed_service(item: Mapping[str, Any], namespace: Namespace) -> dict[str, Any]:
    discovery_name = item.get("discoveryName", item["portName"])
    completed = {**item, "discoveryName": discovery_name}
    completed["clientAliases"] = [
        {"dnsName": f"{discovery_name}.{namespace.name}", **alias}
        for alias in item["clientAliases"]
    ]
    return completed
