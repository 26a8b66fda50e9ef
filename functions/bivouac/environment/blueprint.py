"""What an environment consists of, as planned, recorded and built.

`request/planning/plan.py` makes a blueprint once, the record stores it as JSON, and every step
reads it. The functions here turn it into the arguments of AWS calls. Pure; nothing here needs
pydantic or boto3.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Self, TypedDict

from bivouac.environment import naming
from bivouac.json_types import Json


class EcsTag(TypedDict, total=False):
    key: str
    value: str


class CloudMapTag(TypedDict):
    Key: str
    Value: str


def status_range(lowest: int, highest: int) -> str:
    """200-399, or 204."""
    return f"{lowest}" if lowest == highest else f"{lowest}-{highest}"


@dataclass(frozen=True)
class Endpoint:
    """A Service Connect endpoint that must answer before the environment is ready."""

    port_name: str
    discovery_name: str
    port: int
    """The port on a task's address that reaches the proxy: the override or the container's."""
    app_protocol: str | None
    """http, http2, grpc; None is plain TCP."""
    path: str
    """Called if app_protocol is http or http2."""
    lowest_status: int
    highest_status: int
    admits_everybody: bool = False
    """A security group admitted 0.0.0.0/0 on the port when the request was checked."""


@dataclass(frozen=True)
class Dependency:
    """Another service that this one needs before it is created."""

    service_name: str
    condition: str
    """HEALTHY: its tasks are healthy; START: its endpoints exist."""


@dataclass(frozen=True)
class Edge:
    """A connection that must be proven from inside the mesh, through its client alias."""

    client: str
    """The service that calls; empty if the request names none: then only the endpoint counts."""
    server: str
    port_name: str
    dns_name: str
    """Of the client alias."""
    port: int
    """Of the client alias."""
    app_protocol: str | None
    """http, http2, grpc; None is plain TCP."""
    path: str
    """Called if app_protocol is http or http2."""
    lowest_status: int
    highest_status: int

    @property
    def expected_status(self) -> str:
        return status_range(self.lowest_status, self.highest_status)

    @property
    def alias(self) -> str:
        """As clients call it: api:8080."""
        return f"{self.dns_name}:{self.port}"

    @property
    def name(self) -> str:
        """web -> api:http, or api:http without a client."""
        target = f"{self.server}:{self.port_name}"
        return f"{self.client} -> {target}" if self.client else target


@dataclass(frozen=True)
class ProofSettings:
    """How to run the short-lived clients that prove the edges."""

    image: str
    execution_role_arn: str
    log_group: str
    region: str


@dataclass(frozen=True)
class ServiceBlueprint:
    service_name: str
    arguments: Json
    """CreateService arguments without cluster, taskDefinition, tags, clientToken and namespace."""
    definition: Json | None
    """RegisterTaskDefinition arguments without tags; None if an existing definition is used."""
    existing_definition: str | None
    """The ARN of a definition that is not ours: used unchanged, never deregistered."""
    has_health_check: bool
    """An essential container declares one, so tasks must become HEALTHY (H20)."""
    endpoints: tuple[Endpoint, ...]
    tags: dict[str, str]
    depends_on: tuple[Dependency, ...]
    """Without a cycle: those given, and START for each edge's server unless it closes one."""
    redeployed_for: str = ""
    """Another text causes another deployment, even if all else is the same."""

    @property
    def not_proven(self) -> str | None:
        """Why READY proves nothing of it but that its tasks run; None if it has an endpoint."""
        return None if self.endpoints else "nothing to ask: it has no endpoint"

    @property
    def security_groups(self) -> list[str]:
        """Its tasks' security groups."""
        groups: list[str] = self.arguments["networkConfiguration"]["awsvpcConfiguration"][
            "securityGroups"
        ]
        return groups

    def endpoint(self, port_name: str) -> Endpoint:
        for endpoint in self.endpoints:
            if endpoint.port_name == port_name:
                return endpoint
        raise LookupError(f"{self.service_name} has no endpoint {port_name}")


@dataclass(frozen=True)
class Renamed:
    """A name in the request that Bivouac replaces."""

    path: str
    given: str
    used: str


@dataclass(frozen=True)
class Blueprint:
    environment: str
    stack: str
    """The stack's name prefix; with the environment's name, it forms the ownership tags."""
    request_hash: str
    """Equal for equal requests: a second create then follows the first instead of superseding."""
    namespace: str
    cluster: Json
    """CreateCluster arguments without tags and serviceConnectDefaults."""
    services: tuple[ServiceBlueprint, ...]
    """Servers before their clients, as far as the edges have no cycle."""
    edges: tuple[Edge, ...]
    proof: ProofSettings
    log_groups: tuple[str, ...]
    tags: dict[str, str]
    lease_seconds: int
    longest_lease_seconds: int
    """From the time of an extension."""
    warn_before_seconds: int
    schedule: Json | None
    """From the request, with defaults."""
    triggers: Json
    """From the request, with defaults."""
    ready_seconds: int
    """How long the services may take, from the opening of the environment to the proof."""
    on_failure: str
    """delete or keep."""
    probe_security_group_id: str
    renamed: tuple[Renamed, ...]
    warnings: tuple[str, ...] = ()
    """What the request says, but may not mean."""

    @property
    def ownership_tags(self) -> dict[str, str]:
        return self.tags | naming.ownership_tags(self.stack, self.environment)

    def owns(self, tags: Mapping[str, str]) -> bool:
        """Whether a resource with these tags is the environment's."""
        return naming.is_owned(tags, self.stack, self.environment)

    def service(self, service_name: str) -> ServiceBlueprint:
        for service in self.services:
            if service.service_name == service_name:
                return service
        raise LookupError(f"the environment {self.environment} has no service {service_name}")

    def to_json(self) -> Json:
        """Shares what it holds: asdict would copy all of it, which takes longer than planning."""
        services = [
            {
                **vars(service),
                "endpoints": [dict(vars(each)) for each in service.endpoints],
                "depends_on": [dict(vars(each)) for each in service.depends_on],
            }
            for service in self.services
        ]
        return {
            **vars(self),
            "services": services,
            "edges": [dict(vars(edge)) for edge in self.edges],
            "proof": dict(vars(self.proof)),
            "log_groups": list(self.log_groups),
            "renamed": [dict(vars(entry)) for entry in self.renamed],
            "warnings": list(self.warnings),
        }

    @classmethod
    def from_json(cls, content: Mapping[str, Any]) -> Self:
        services = tuple(
            ServiceBlueprint(
                **{
                    **service,
                    "endpoints": tuple(Endpoint(**endpoint) for endpoint in service["endpoints"]),
                    "depends_on": tuple(Dependency(**entry) for entry in service["depends_on"]),
                }
            )
            for service in content["services"]
        )
        return cls(
            **{
                **content,
                "services": services,
                "edges": tuple(Edge(**edge) for edge in content["edges"]),
                "proof": ProofSettings(**content["proof"]),
                "log_groups": tuple(content["log_groups"]),
                "renamed": tuple(Renamed(**entry) for entry in content["renamed"]),
                "warnings": tuple(content.get("warnings", ())),
            }
        )


def aliases(blueprint: Blueprint, service: ServiceBlueprint) -> dict[str, list[str]]:
    """By port name: where other services call the endpoint, such as web:80."""
    connect = service.arguments.get("serviceConnectConfiguration") or {}
    found: dict[str, list[str]] = {}
    for endpoint in connect.get("services") or ():
        name = endpoint.get("discoveryName") or endpoint["portName"]
        for alias in endpoint.get("clientAliases") or ():
            called = alias.get("dnsName", f"{name}.{blueprint.namespace}")
            found.setdefault(endpoint["portName"], []).append(f"{called}:{alias['port']}")
    return found


def ecs_tags(tags: Mapping[str, str]) -> list[EcsTag]:
    """Tags in ECS's form, sorted so that equal tags are equal arguments."""
    return [{"key": key, "value": tags[key]} for key in sorted(tags)]


def cloud_map_tags(tags: Mapping[str, str]) -> list[CloudMapTag]:
    """Tags in Cloud Map's form."""
    return [{"Key": key, "Value": tags[key]} for key in sorted(tags)]


def from_ecs_tags(tags: Iterable[EcsTag] | None) -> dict[str, str]:
    return {tag["key"]: tag["value"] for tag in tags or ()}


def from_cloud_map_tags(tags: Iterable[CloudMapTag] | None) -> dict[str, str]:
    return {tag["Key"]: tag["Value"] for tag in tags or ()}


def create_cluster_arguments(blueprint: Blueprint) -> Json:
    """Without a default namespace: each service names the environment's own (decision 0009)."""
    return {
        **blueprint.cluster,
        "tags": ecs_tags(
            blueprint.ownership_tags
            | {naming.SPECIFICATION_TAG: naming.content_hash(blueprint.cluster)}
        ),
    }


def register_task_definition_arguments(blueprint: Blueprint, service: ServiceBlueprint) -> Json:
    if service.definition is None:
        raise ValueError(f"{service.service_name} uses an existing task definition")
    return {
        **service.definition,
        "tags": ecs_tags(
            blueprint.ownership_tags
            | service.tags
            | {naming.SPECIFICATION_TAG: naming.content_hash(service.definition)}
        ),
    }


def service_specification(
    blueprint: Blueprint, service: ServiceBlueprint, namespace_arn: str, task_definition_arn: str
) -> Json:
    """What defines a service: CreateService arguments without tags and clientToken."""
    connect = service.arguments["serviceConnectConfiguration"]
    if connect["enabled"]:
        connect = {**connect, "namespace": namespace_arn}
    return {
        **service.arguments,
        "cluster": blueprint.cluster["clusterName"],
        "taskDefinition": task_definition_arn,
        "serviceConnectConfiguration": connect,
    }


def seen_by(blueprint: Blueprint, service_name: str) -> str | None:
    """The hash of the endpoints that a service's edges lead to; None if it has no edges.

    Tasks resolve only what existed when their service's latest deployment began, so a service with
    another hash in its tag must be redeployed (P08)."""
    endpoints = []
    for edge in blueprint.edges:
        if edge.client != service_name:
            continue
        endpoint = blueprint.service(edge.server).endpoint(edge.port_name)
        endpoints.append([edge.dns_name, edge.port, endpoint.discovery_name, endpoint.app_protocol])
    return naming.content_hash(sorted(endpoints, key=str)) if endpoints else None


def service_tags(
    blueprint: Blueprint, service: ServiceBlueprint, specification: Json
) -> dict[str, str]:
    seen = seen_by(blueprint, service.service_name)
    again = {"redeployedFor": service.redeployed_for} if service.redeployed_for else {}
    return (
        blueprint.ownership_tags
        | service.tags
        | {naming.SPECIFICATION_TAG: naming.content_hash(specification | again)}
        | ({naming.ENDPOINTS_TAG: seen} if seen else {})
    )


def changed_tags(tags: Mapping[str, str], deployment_id: str) -> dict[str, str]:
    """The tags of a changed service, which overwrite every compared tag of an earlier request.
    `deployment_id`: of the deployment that the change started."""
    return {
        naming.ENDPOINTS_TAG: naming.NO_ENDPOINTS,
        naming.DEPLOYMENT_TAG: deployment_id,
        **tags,
    }


def create_service_arguments(
    blueprint: Blueprint, service: ServiceBlueprint, specification: Json, generation: int
) -> Json:
    """With the clientToken, a repeated call returns the same service (S01)."""
    tags = service_tags(blueprint, service, specification)
    return {
        **specification,
        "tags": ecs_tags(tags),
        "clientToken": naming.token(
            blueprint.stack, blueprint.environment, generation, service.service_name
        ),
    }


_NOT_UPDATABLE = frozenset(
    {"serviceName", "launchType", "schedulingStrategy", "deploymentController"}
)
"""CreateService arguments that UpdateService does not accept."""


def update_service_arguments(specification: Json) -> Json:
    """Always a new deployment, because most arguments do not start one by themselves (S19).

    With equal arguments the service gets new tasks, which see new endpoints (P08)."""
    return {
        "service": specification["serviceName"],
        "forceNewDeployment": True,
        # Otherwise ECS would keep what an earlier request switched on.
        "enableExecuteCommand": False,
        **{key: value for key, value in specification.items() if key not in _NOT_UPDATABLE},
    }
