"""ECS's records. Times are seconds since the epoch; tags are by key."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, field
from typing import Any, Literal

from localcloud.network import Interface
from localcloud.tasks.runtime import ClientAlias, Ingress, LogTarget

ClusterStatus = Literal["PROVISIONING", "ACTIVE", "INACTIVE"]
AttachmentStatus = Literal["ATTACHING", "ATTACHED", "FAILED"]
ServiceStatus = Literal["ACTIVE", "DRAINING", "INACTIVE"]
ZoneRebalancing = Literal["ENABLED", "DISABLED"]
RolloutState = Literal["IN_PROGRESS", "COMPLETED", "FAILED"]
Health = Literal["UNKNOWN", "HEALTHY", "UNHEALTHY"]
TaskStatus = Literal[
    "PROVISIONING",
    "PENDING",
    "ACTIVATING",
    "RUNNING",
    "DEACTIVATING",
    "STOPPING",
    "DEPROVISIONING",
    "STOPPED",
]
StopCode = Literal[
    "TaskFailedToStart",
    "EssentialContainerExited",
    "UserInitiated",
    "ServiceSchedulerInitiated",
]

MOST_EVENTS = 100
"""How many of its latest events a service shows (H25)."""


@dataclass
class TaskDefinition:
    arn: str
    family: str
    revision: int
    definition: dict[str, Any]
    """RegisterTaskDefinition's arguments with AWS's defaults, without tags."""
    requires_attributes: list[str]
    compatibilities: list[str]
    registered_at: float
    registered_by: str
    tags: dict[str, str]
    status: Literal["ACTIVE", "INACTIVE", "DELETE_IN_PROGRESS"] = "ACTIVE"
    deregistered_at: float | None = None
    delete_requested_at: float | None = None

    @property
    def containers(self) -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = self.definition["containerDefinitions"]
        return found

    def port_mapping(self, port_name: str) -> dict[str, Any] | None:
        for container in self.containers:
            for mapping in container["portMappings"]:
                if mapping.get("name") == port_name:
                    found: dict[str, Any] = mapping
                    return found
        return None


@dataclass
class ClusterAttachment:
    """The attachment of a cluster's default Service Connect namespace."""

    id: str
    status: AttachmentStatus = "ATTACHING"


@dataclass
class Cluster:
    name: str
    arn: str
    request: dict[str, Any]
    """CreateCluster's arguments, with which a repeated call is compared (C03)."""
    settings: list[dict[str, str]]
    configuration: dict[str, Any] | None
    capacity_providers: list[str]
    default_strategy: list[dict[str, Any]]
    tags: dict[str, str]
    namespace_arn: str | None
    attachment: ClusterAttachment | None
    visible_at: float
    """When services can be created in it (C08)."""
    status: ClusterStatus = "ACTIVE"
    services: dict[str, Service] = field(default_factory=dict)
    """By name; an INACTIVE one stays until it is purged."""
    tasks: dict[str, Task] = field(default_factory=dict)
    """By task id."""

    @property
    def busy(self) -> bool:
        return self.attachment is not None and self.attachment.status == "ATTACHING"


@dataclass(frozen=True)
class Endpoint:
    """A Service Connect endpoint of a service: a Cloud Map service and where it leads."""

    key: str
    """"<namespace id>/<discovery name>"."""
    discovery_name: str
    discovery_arn: str
    ingress: Ingress
    aliases: tuple[ClientAlias, ...]


@dataclass(frozen=True)
class ServiceConnect:
    """A deployment's resolved Service Connect configuration."""

    configuration: dict[str, Any]
    """As DescribeServices returns it: namespace as ARN, with defaults."""
    namespace_id: str
    endpoints: tuple[Endpoint, ...]
    log: dict[str, Any] | None


@dataclass
class Deployment:
    id: str
    task_definition: TaskDefinition
    created_at: float
    updated_at: float
    launch_type: str | None
    capacity_provider_strategy: list[dict[str, Any]]
    platform_version: str | None
    network_configuration: dict[str, Any] | None
    connect_configuration: dict[str, Any] | None
    """As given, with defaults, even if Service Connect is not enabled."""
    connect: ServiceConnect | None
    visible_aliases: tuple[ClientAlias, ...]
    """The namespace's endpoints when this deployment began: all that its tasks resolve."""
    desired_count: int = 0
    """Set by the scheduler: while the deployment is being replaced, how many tasks it keeps."""
    rollout_state: RolloutState = "IN_PROGRESS"
    rollout_reason: str = ""
    failed_tasks: int = 0
    start_failures: int = 0
    """Consecutive starts that did not reach RUNNING: each makes the next one wait longer (H13)."""
    starts_not_before: float = 0.0
    """Seconds since the epoch until which none of its tasks is started."""
    proven: bool = False
    """One of its tasks has served: failures are no longer counted (H05)."""
    ready_at: float | None = None
    image_digests: dict[str, str] = field(default_factory=dict)
    """By container: the digest of its image's tag when the first task was placed. All tasks of the
    deployment run it (developer guide, "Container image resolution")."""


@dataclass
class ServiceEvent:
    id: str
    created_at: float
    message: str


@dataclass
class Service:
    id: str
    """Unique, unlike its ARN: names are used again (C15)."""
    name: str
    arn: str
    cluster: Cluster
    request: dict[str, Any]
    """CreateService's arguments, with which a repeated clientToken is compared (S01)."""
    desired_count: int
    launch_type: str | None
    capacity_provider_strategy: list[dict[str, Any]]
    platform_version: str | None
    deployment_configuration: dict[str, Any]
    zone_rebalancing: ZoneRebalancing
    network_configuration: dict[str, Any] | None
    role_arn: str
    created_at: float
    created_by: str
    tags: dict[str, str]
    managed_tags: bool
    propagate_tags: str
    execute_command: bool
    deployments: list[Deployment]
    """The first is PRIMARY; the others still have tasks to stop."""
    status: ServiceStatus = "ACTIVE"
    events: deque[ServiceEvent] = field(default_factory=lambda: deque(maxlen=MOST_EVENTS))
    """Newest first."""
    last_completed: Deployment | None = None
    """The deployment that a failed one is rolled back to."""
    inactive_at: float | None = None
    steady: bool = False
    """Whether its last event said that it reached a steady state."""

    @property
    def primary(self) -> Deployment:
        return self.deployments[0]

    @property
    def connect(self) -> ServiceConnect | None:
        return self.primary.connect

    @property
    def tasks(self) -> list[Task]:
        return [task for task in self.cluster.tasks.values() if task.service is self]

    def tasks_of(self, deployment: Deployment) -> list[Task]:
        return [task for task in self.tasks if task.deployment is deployment]

    def add_event(self, event: ServiceEvent) -> None:
        self.events.appendleft(event)


@dataclass
class ContainerState:
    name: str
    arn: str
    image: str
    definition: dict[str, Any]
    """Its container definition; empty for the Service Connect proxy, which ECS manages."""
    essential: bool
    status: Literal["PENDING", "RUNNING", "STOPPED"] = "PENDING"
    health: Health = "UNKNOWN"
    exit_code: int | None = None
    reason: str | None = None
    remark: str | None = None
    """Its reason while it runs: how it differs from one on ECS."""
    secrets: dict[str, str] = field(default_factory=dict)
    """Values by the name of their environment variable."""
    log: LogTarget | None = None
    digest: str | None = None
    """For an image of the account's registry: the digest of its tag."""


@dataclass
class Task:
    id: str
    arn: str
    cluster: Cluster
    service: Service | None
    deployment: Deployment
    definition: TaskDefinition
    subnet_id: str
    containers: list[ContainerState]
    proxy: ContainerState | None
    tags: dict[str, str]
    created_at: float
    group: str
    started_by: str
    interface_attachment_id: str
    connect_attachment_id: str | None
    capacity_provider: str | None = None
    """Where a strategy put it."""
    interface: Interface | None = None
    status: TaskStatus = "PROVISIONING"
    desired_status: Literal["RUNNING", "STOPPED"] = "RUNNING"
    version: int = 1
    handed_to_runtime: bool = False
    registered: bool = False
    """Its endpoints are in Cloud Map; true at once if it has none."""
    connectivity_at: float | None = None
    pull_started_at: float | None = None
    pull_stopped_at: float | None = None
    started_at: float | None = None
    stopping_at: float | None = None
    execution_stopped_at: float | None = None
    stopped_at: float | None = None
    stop_code: StopCode | None = None
    stopped_reason: str | None = None

    @property
    def all_containers(self) -> list[ContainerState]:
        """The proxy first, as AWS lists them."""
        return [*([self.proxy] if self.proxy else []), *self.containers]

    def container(self, name: str) -> ContainerState | None:
        return next((item for item in self.all_containers if item.name == name), None)

    @property
    def task_set_arn(self) -> str:
        """The id of the task's deployment in the proxy and in Cloud Map."""
        prefix = self.arn.split(":task/")[0]
        service = self.group.removeprefix("service:")
        return f"{prefix}:task-set/{self.cluster.name}/{service}/{self.deployment.id}"

    @property
    def health(self) -> Health:
        """Of the essential containers that declare a check; UNKNOWN if none does (H20)."""
        checked = [
            container.health
            for container in self.containers
            if container.essential and "healthCheck" in container.definition
        ]
        if "UNHEALTHY" in checked:
            return "UNHEALTHY"
        return "HEALTHY" if checked and set(checked) == {"HEALTHY"} else "UNKNOWN"

    @property
    def declares_health(self) -> bool:
        return any(c.essential and "healthCheck" in c.definition for c in self.containers)

    @property
    def serving(self) -> bool:
        """Runs, is healthy if it declares a check, and is registered if it has endpoints."""
        return (
            self.status == "RUNNING"
            and self.desired_status == "RUNNING"
            and self.registered
            and (not self.declares_health or self.health == "HEALTHY")
        )

    @property
    def live(self) -> bool:
        return self.desired_status == "RUNNING"
