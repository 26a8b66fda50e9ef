"""What the code compares with ECS's answers and events, each literal with its source. Pure.

"Recorded" is an answer of a real account that somebody published; "documented" is AWS's
documentation alone. Where the two differ, both forms are accepted. What was recorded where:

* [apptality]: github.com/apptality/aws-ecs-cloudmap-prometheus-sd, EcsDiscovery.cs, July 2024
* [autoptic]: events in the documentation of github.com/AutopticAI/install, September 2026
* [checker]: github.com/aws-containers/amazon-ecs-exec-checker, pull request 73, November 2024
* [copilot]: github.com/aws/copilot-cli, issues 4313, 4337 and 4659, 2023
* [custodian]: github.com/cloud-custodian/cloud-custodian, tests/data/placebo, 2018 to 2024
* [deployed]: a deployment's event of July 2022, in a comment of a public Terraform file
* [scale-in]: a task's event of May 2023, in a public repository's test
* [terraform]: a provider's output on a missing definition, and github.com/fabfuel/ecs-deploy
* [workshop]: CreateService and UpdateService in a journal of the ECS workshop, April 2026
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from email.message import Message

from bivouac.json_types import Described

_ACTIVE, _INACTIVE, _DRAINING, _FAILED = "ACTIVE", "INACTIVE", "DRAINING", "FAILED"

ECS_REMOVES_WITHIN_SECONDS = 330
"""After this, Bivouac removes the Cloud Map services that ECS created (D09). ECS can take minutes:
a public tool that met this on AWS has waited this long since August 2026."""

# --- clusters ------------------------------------------------------------------------------------


def is_gone(cluster_or_service: Described) -> bool:
    """Whether it was deleted. Documented: ECS API, DeleteCluster, DeleteService. One that is
    missing from the answer is gone too (recorded: failures with the reason MISSING [custodian])."""
    return bool(cluster_or_service.get("status") == _INACTIVE)


def is_settled(cluster: Described) -> bool:
    """ACTIVE, and its attachments are not changing (C02).

    Recorded: PROVISIONING with UPDATE_IN_PROGRESS in three journals of 2023; no attachmentsStatus
    if attachments were not requested [apptality]."""
    changing = attachments_of(cluster).endswith("_IN_PROGRESS")
    return is_active(cluster) and not changing


def has_failed(cluster: Described) -> bool:
    """Documented: ECS API, Cluster."""
    return cluster.get("status") == _FAILED or attachments_of(cluster) == "UPDATE_FAILED"


def attachments_of(cluster: Described) -> str:
    return str(cluster.get("attachmentsStatus", "UPDATE_COMPLETE"))


# --- services and their deployments --------------------------------------------------------------


def is_active(service: Described) -> bool:
    """Also of a cluster or a task definition. Recorded [apptality, custodian]."""
    return bool(service.get("status") == _ACTIVE)


def is_draining(service: Described) -> bool:
    """Recorded [custodian]."""
    return bool(service.get("status") == _DRAINING)


def strategy_with_hooks(service: Described) -> str | None:
    """Its deployment strategy if that can have lifecycle hooks; None for ROLLING, the default.
    Documented: ECS API, DeploymentConfiguration.strategy."""
    strategy = (service.get("deploymentConfiguration") or {}).get("strategy") or "ROLLING"
    return None if strategy == "ROLLING" else str(strategy)


def is_primary(deployment: Described) -> bool:
    """Recorded [apptality, workshop]; others are ACTIVE, or DRAINING after a roll back (recorded in
    a lab of 2026-07-03)."""
    return bool(deployment.get("status") == "PRIMARY")


def rollout_failed(deployment: Described) -> bool:
    """Recorded: a lab of 2026-07-03, with the reason "ECS deployment circuit breaker: tasks failed
    to start."; without a circuit breaker there is no rolloutState to fail."""
    return bool(deployment.get("rolloutState") == _FAILED)


def names_a_deployment(message: str) -> bool:
    """Whether a service event's message does. Recorded: "(service x) (deployment ecs-svc/n)
    deployment completed.", in production, 2026-09-16."""
    return "(deployment " in message


def is_rebalanced(service: Described) -> bool:
    """Whether ECS moves its tasks between Availability Zones, running one more meanwhile.

    Recorded: ENABLED [workshop]; documented: DISABLED, and what it does (ECS guide, "Track Amazon
    ECS Availability Zone rebalancing")."""
    return bool(service.get("availabilityZoneRebalancing") == "ENABLED")


# --- tasks ---------------------------------------------------------------------------------------

_RUNNING, _STOPPED = "RUNNING", "STOPPED"
"""lastStatus, desiredStatus of tasks and containers. Recorded [apptality, custodian]."""


def is_running(task: Described) -> bool:
    """Also of a container."""
    return bool(task.get("lastStatus") == _RUNNING)


def is_stopped(task: Described) -> bool:
    """Whether it has ended. Also of a container."""
    return bool(task.get("lastStatus") == _STOPPED)


def is_told_to_stop(task: Described) -> bool:
    return bool(task.get("desiredStatus") == _STOPPED)


_HEALTHY, _UNHEALTHY, _UNKNOWN = "HEALTHY", "UNHEALTHY", "UNKNOWN"


def is_healthy(task: Described) -> bool:
    """Whether it is known to be: without a health check its status stays UNKNOWN (H20).

    Also of a container. Recorded [apptality, custodian]."""
    return bool(task.get("healthStatus") == _HEALTHY)


def is_unhealthy(task: Described) -> bool:
    """Recorded of a container, in a lab of 2026-07-22; documented of the proxy's: ECS API,
    HealthStatus."""
    return bool(task.get("healthStatus") == _UNHEALTHY)


def is_fit(task: Described, has_health_check: bool) -> bool:
    """Whether it is as healthy as ECS can tell."""
    health = task.get("healthStatus", _UNKNOWN)
    return health == _HEALTHY or (health == _UNKNOWN and not has_health_check)


def id_of(arn: str) -> str:
    """Of a task, a service or a cluster, and family:revision of a definition: what follows the last
    slash. Recorded [apptality]."""
    return arn.rpartition("/")[2]


def service_of(task: Described) -> str:
    """The name of the service that started it; empty if none did.

    Recorded: group "service:<name>" [apptality, autoptic]."""
    kind, _, name = task.get("group", "").partition(":")
    return name if kind == "service" else ""


# --- attachments of tasks ------------------------------------------------------------------------

NETWORK_INTERFACE_ID = "networkInterfaceId"
PRIVATE_ADDRESS = "privateIPv4Address"
"""Names of details. Recorded [apptality]."""


def is_service_connect(attachment: Described) -> bool:
    """Whether it is the Service Connect proxy's.

    Recorded as "ServiceConnect" [apptality, checker]; documented as "Service Connect" (ECS API,
    Attachment.type)."""
    return "".join(str(attachment.get("type", "")).split()).lower() == "serviceconnect"


def is_network_interface(attachment: Described) -> bool:
    """Whether it is the task's elastic network interface.

    Recorded [apptality, custodian]. In events it is "eni"; nothing here reads those."""
    return bool(attachment.get("type") == "ElasticNetworkInterface")


def is_attached(attachment: Described) -> bool:
    """Recorded of proxy and interface [apptality]."""
    return bool(attachment.get("status") == "ATTACHED")


def could_not_be_attached(attachment: Described) -> bool:
    """Documented: ECS API, Attachment.status."""
    return bool(attachment.get("status") == _FAILED)


# --- containers ----------------------------------------------------------------------------------


def waits_for_success(dependency: Described, container: str) -> bool:
    """Whether an entry of a container's dependsOn waits until this one has exited with 0.
    Documented: ECS API, ContainerDependency.condition."""
    return (dependency["containerName"], dependency["condition"]) == (container, "SUCCESS")


PROXY_CONTAINER_PREFIX = "ecs-service-connect-"
"""The prefix of the proxy container's name. Recorded: "ecs-service-connect-oRK9o" [apptality]."""


def is_proxy(container: Described) -> bool:
    return str(container.get("name", "")).startswith(PROXY_CONTAINER_PREFIX)


Headers = Mapping[str, str] | Message
"""Of an HTTP answer; names in lower case, where they are compared by case."""
_UPSTREAM_TIME = "x-envoy-upstream-service-time"
"""Documented: Envoy's router adds it to each answer of an upstream."""
_OF_PROXY = re.compile(
    rb"upstream connect error|no healthy upstream|upstream request timeout|"
    rb"delayed connect error|no route configured"
)
"""Prefixes of Envoy's own answers. Recorded in many reports; Envoy's own source."""
_GATEWAY_STATUSES = (502, 503, 504)


def came_through_proxy(headers: Headers) -> bool:
    """Whether the proxy passed on an HTTP answer, or gave it itself.

    "server: envoy" is recorded of a caller outside the mesh (the Service Connect tutorial of the
    ECS guide, November 2022); the other counts if the first is switched off."""
    server = str(headers.get("server") or "")
    return server.lower() == "envoy" or headers.get(_UPSTREAM_TIME) is not None


def hears_another_protocol(reason: bytes) -> bool:
    """Whether the proxy's own answer says that the application has answered, but not in the port's
    appProtocol. Recorded in many reports of gRPC; Envoy's own source, StreamResetReason."""
    return bool(_OF_PROXY.match(reason)) and b"protocol error" in reason


def is_of_proxy(status: int, headers: Headers, body: bytes) -> bool:
    """Whether the proxy gave the answer, because the application gave none."""
    if status not in _GATEWAY_STATUSES:
        return False
    return headers.get(_UPSTREAM_TIME) is None or bool(_OF_PROXY.match(body))


# --- stopped tasks -------------------------------------------------------------------------------

_BY_SCHEDULER = "ServiceSchedulerInitiated"
"""stopCode. Recorded [scale-in], and with failed health checks in reports of 2026."""

_FAILED_CHECKS = re.compile(r"health ?check|unhealthy", re.IGNORECASE)
"""Reasons for which the scheduler stops an unhealthy task. Recorded: "Task failed container
health checks", "Task failed ELB health checks in (target-group ...)"."""

ORDERED_STOPS = ("Scaling activity initiated by", "Availability-zone rebalancing initiated by")
"""Prefixes of the reasons for which the scheduler stops a healthy task: scaling and deployments
(recorded [scale-in]), and rebalancing over Availability Zones (documented: ECS guide, "Track Amazon
ECS Availability Zone rebalancing"). The rules of template.yaml name them too."""

_STOPPED_BY_USER = re.compile(r"(?:Task )?stopped by (?:the )?user\b", re.IGNORECASE)
"""Documented: ECS guide, stopped tasks error messages."""

_USER_INITIATED = "UserInitiated"
"""stopCode. Documented: ECS API, Task.stopCode; recorded are its reasons, StopTask's own
[custodian]."""


def is_ordered_stop(task: Described) -> bool:
    """Whether the service's scheduler stopped it to scale, deploy, rebalance or delete, and not
    because it was unhealthy."""
    if _FAILED_CHECKS.search(_reason(task)):
        return False
    return task.get("stopCode") == _BY_SCHEDULER or _reason(task).startswith(ORDERED_STOPS)


def is_stopped_by_user(task: Described) -> bool:
    return task.get("stopCode") == _USER_INITIATED or bool(_STOPPED_BY_USER.match(_reason(task)))


def _reason(task: Described) -> str:
    return task.get("stoppedReason") or ""


# --- errors --------------------------------------------------------------------------------------

HELD_DISCOVERY_NAME = "SC service is already used"
"""In an InvalidParameterException, with the namespace's ARN: Cloud Map already has a service with
the name of an endpoint, possibly left over from another service (S07). Recorded [copilot], and in
2026."""


def is_held_discovery_name(message: str) -> bool:
    return HELD_DISCOVERY_NAME in message


NO_TASK_DEFINITION = "Unable to describe task definition."
"""In a ClientException: there is no such definition. Recorded [terraform]."""


# --- events --------------------------------------------------------------------------------------

TASK_STATE_CHANGE = "ECS Task State Change"
"""detail-type. Recorded [autoptic, scale-in]."""


def cluster_and_name_of(event: Described) -> tuple[str, str]:
    """The cluster's name, and the id of the task or service that the event is about.

    Recorded: of tasks with detail.clusterArn and detail.taskArn [scale-in]; of deployments and
    services with resources[0] .../service/<cluster>/<service>, newer ones with detail.clusterArn
    too [autoptic], older ones without [deployed]. Raises ValueError if neither says."""
    detail = event["detail"]
    about = detail.get("taskArn") or next(iter(event.get("resources", ())), "")
    parts = about.split("/")
    if arn := detail.get("clusterArn"):
        return arn.rpartition("/")[2], parts[-1]
    if len(parts) < 3:
        raise ValueError(f"the event names no cluster: {about!r}")
    return parts[-2], parts[-1]


def namespace_id(service: Described) -> str | None:
    """Of its Service Connect namespace, which ECS shows only in its deployments."""
    for deployment in service.get("deployments", ()):
        if namespace := deployment.get("serviceConnectConfiguration", {}).get("namespace"):
            return str(namespace.rpartition("/")[2])
    return None
