"""What an environment consists of, as it is planned, recorded and built.

A blueprint is made once by `planning.py`, kept in the record as JSON, and read by every step. The
functions here turn it into the arguments of AWS calls. Pure; nothing here needs pydantic or boto3.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass
from typing import Any, Self, TypedDict

from bivouac.environment import naming
from bivouac.json_types import Json


class EcsTag(TypedDict, total=False):
    key: str
    value: str


class CloudMapTag(TypedDict):
    Key: str
    Value: str


@dataclass(frozen=True)
class Endpoint:
    """A Service Connect endpoint that must answer before the environment is ready."""

    port_name: str
    discovery_name: str
    port: int
    """The port of a task's address that leads to the proxy: the override or the container's."""
    app_protocol: str | None
    """http, http2, grpc; None is plain TCP."""
    path: str
    """Asked for where app_protocol is http."""
    lowest_status: int
    highest_status: int
    admits_everybody: bool = False
    """A security group lets 0.0.0.0/0 reach the port, as the request's check saw it."""


@dataclass(frozen=True)
class Dependency:
    """Another service that must be there before this one is created."""

    service_name: str
    condition: str
    """HEALTHY: its tasks are healthy; START: its endpoints exist."""


@dataclass(frozen=True)
class Edge:
    """A connection that must be proven from inside the mesh, through its client alias."""

    client: str
    """The service that calls; empty where the request names none: then the endpoint counts."""
    server: str
    port_name: str
    dns_name: str
    """Of the client alias."""
    port: int
    """Of the client alias."""
    app_protocol: str | None
    """http, http2, grpc; None is plain TCP."""
    path: str
    """Asked for where app_protocol is http."""
    lowest_status: int
    highest_status: int

    @property
    def expected_status(self) -> str:
        """200-399, or 204."""
        same = self.lowest_status == self.highest_status
        return f"{self.lowest_status}" if same else f"{self.lowest_status}-{self.highest_status}"

    @property
    def name(self) -> str:
        """web -> api:http, or api:http where no client is named."""
        target = f"{self.server}:{self.port_name}"
        return f"{self.client} -> {target}" if self.client else target


@dataclass(frozen=True)
class ProofSettings:
    """What the short-lived clients run that prove the edges."""

    image: str
    execution_role_arn: str
    log_group: str
    region: str


@dataclass(frozen=True)
class ServiceBlueprint:
    service_name: str
    arguments: Json
    """CreateService arguments but cluster, taskDefinition, tags, clientToken and the namespace."""
    definition: Json | None
    """RegisterTaskDefinition arguments but tags; None where an existing definition is used."""
    existing_definition: str | None
    """The ARN of a definition that is not ours: used as it is, never deregistered."""
    has_health_check: bool
    """An essential container declares one, so tasks must become HEALTHY (H20)."""
    endpoints: tuple[Endpoint, ...]
    tags: dict[str, str]
    depends_on: tuple[Dependency, ...]
    """Without a cycle: as given, and START for each edge's server where that closes none."""
    redeployed_for: str = ""
    """Another text is another deployment, though all else is the same."""

    @property
    def security_groups(self) -> list[str]:
        """Of its tasks."""
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
    """Something that the request named and that Bivouac names otherwise."""

    path: str
    given: str
    used: str


@dataclass(frozen=True)
class Blueprint:
    environment: str
    stack: str
    """The stack's name prefix; with the environment's name it makes the ownership tags."""
    request_hash: str
    """Equal for equal requests: a second create with it attaches instead of superseding."""
    namespace: str
    cluster: Json
    """CreateCluster arguments but tags and serviceConnectDefaults."""
    services: tuple[ServiceBlueprint, ...]
    """Servers before their clients, as far as the edges have no cycle."""
    edges: tuple[Edge, ...]
    proof: ProofSettings
    log_groups: tuple[str, ...]
    tags: dict[str, str]
    lease_seconds: int
    longest_lease_seconds: int
    """From the moment of an extension."""
    warn_before_seconds: int
    schedule: Json | None
    """As the request has it, with its defaults."""
    triggers: Json
    """As the request has them, with their defaults."""
    ready_seconds: int
    """How long the services may take from the opening until the proof."""
    on_failure: str
    """delete or keep."""
    probe_security_group_id: str
    renamed: tuple[Renamed, ...]
    warnings: tuple[str, ...] = ()
    """What is as it was asked for, and may not be what was meant."""

    @property
    def ownership_tags(self) -> dict[str, str]:
        return self.tags | naming.ownership_tags(self.stack, self.environment)

    def service(self, service_name: str) -> ServiceBlueprint:
        for service in self.services:
            if service.service_name == service_name:
                return service
        raise LookupError(f"the environment {self.environment} has no service {service_name}")

    def to_json(self) -> Json:
        return asdict(self)

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


def ecs_tags(tags: Mapping[str, str]) -> list[EcsTag]:
    """ECS's form of tags, sorted, so that equal tags are equal arguments."""
    return [{"key": key, "value": tags[key]} for key in sorted(tags)]


def cloud_map_tags(tags: Mapping[str, str]) -> list[CloudMapTag]:
    """Cloud Map's form of tags."""
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
    """What makes a service this service: CreateService arguments but tags and clientToken."""
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
    """The hash of the endpoints that a service's edges lead to; None where it has no edges.

    Tasks resolve only what existed when their service's latest deployment began, so a service whose
    tag says otherwise must be deployed again (P08)."""
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
    """What a service that exists is tagged with, so that nothing of an earlier request stays on it
    that is compared; `deployment_id`: of the deployment that the change began."""
    return {
        naming.ENDPOINTS_TAG: naming.NO_ENDPOINTS,
        naming.DEPLOYMENT_TAG: deployment_id,
        **tags,
    }


def create_service_arguments(
    blueprint: Blueprint, service: ServiceBlueprint, specification: Json, generation: int
) -> Json:
    """The clientToken makes a call that is sent again answer with the same service (S01)."""
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
"""CreateService arguments that UpdateService does not take."""


def update_service_arguments(specification: Json) -> Json:
    """Always a new deployment: most arguments start none by themselves (S19).

    Equal arguments make the same service's tasks anew, so that they see new endpoints (P08)."""
    return {
        "service": specification["serviceName"],
        "forceNewDeployment": True,
        # Left out, ECS would keep what an earlier request switched on.
        "enableExecuteCommand": False,
        **{key: value for key, value in specification.items() if key not in _NOT_UPDATABLE},
    }
