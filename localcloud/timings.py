"""How long AWS takes, as the local cloud simulates it. One profile for every client of a run."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Timings:
    """Seconds. The order of a task's life: placed -> provisioned -> pulled -> started."""

    name: str
    namespace_operation: float
    """CreateHttpNamespace and DeleteNamespace, accepted to SUCCESS (N04, N14)."""
    cluster_attachment: float
    """CreateCluster, PROVISIONING to ACTIVE with attachments UPDATE_COMPLETE (C02)."""
    cluster_visible: float
    """CreateCluster until CreateService in it no longer answers ClusterNotFoundException (C08)."""
    placement: float
    """CreateService until its first task exists."""
    provisioning: float
    """PROVISIONING: the network interface is attached."""
    pull: float
    """PENDING: images are pulled, containers created."""
    registration: float
    """Containers started until the Cloud Map instance is listed; the first half is ACTIVATING."""
    steady: float
    """Last task ready until the rollout is COMPLETED: later than running == desired."""
    deprovisioning: float
    """Containers stopped until the task is STOPPED."""
    discovery_removal: float
    """Service INACTIVE until ECS has removed its Cloud Map service (D09, N11)."""
    inactive_visible: float
    """A deleted service is INACTIVE this long, then MISSING (D05)."""
    restart_delay: float
    """From a task's stop until its service starts the next one."""
    longest_restart_delay: float
    """The same while tasks keep failing to start: it grows up to this (H13)."""
    zone_rebalancing: float
    """An uneven spread over Availability Zones until ECS begins to even it out. Assumed: AWS
    publishes no figure."""
    stop_timeout: float
    """SIGTERM until SIGKILL where the container definition names none (AWS: 30 s)."""
    event_delivery: float
    """An event accepted by EventBridge until a rule's target has it. ECS's own delay in publishing
    events is published nowhere and is not simulated."""
    health_scale: float = 1.0
    """Container health check intervals, time-outs and start periods are multiplied by this."""
    wait_scale: float = 1.0
    """Wait states, retries, pauses in functions and time-outs of tasks that wait for a token are
    multiplied by this."""


AWS_LIKE = Timings(
    name="aws-like",
    namespace_operation=4.0,
    cluster_attachment=5.0,
    cluster_visible=0.5,
    placement=2.0,
    provisioning=12.0,
    pull=20.0,
    registration=2.0,
    steady=10.0,
    deprovisioning=10.0,
    discovery_removal=120.0,  # "minutes", as a tool met it on AWS in August 2026
    inactive_visible=600.0,
    restart_delay=17.0,  # 19 s after StopTask of a connected task (a lab of July 2026)
    longest_restart_delay=1620.0,
    zone_rebalancing=120.0,
    stop_timeout=30.0,
    event_delivery=0.08,  # the 90th percentile that Amazon Key has published
)
"""What public reports give for Fargate: 30 to 60 s from create to ready, a small image."""

DEMO = Timings(
    name="demo",
    namespace_operation=1.0,
    cluster_attachment=1.5,
    cluster_visible=0.2,
    placement=0.3,
    provisioning=2.0,
    pull=1.5,
    registration=0.5,
    steady=1.0,
    deprovisioning=1.0,
    discovery_removal=1.0,
    inactive_visible=120.0,
    restart_delay=1.0,
    longest_restart_delay=60.0,
    zone_rebalancing=10.0,
    stop_timeout=3.0,
    event_delivery=0.02,
    health_scale=0.2,
    wait_scale=0.2,
)
"""The same life in a few seconds."""

TEST = Timings(
    name="test",
    namespace_operation=0.05,
    cluster_attachment=0.05,
    cluster_visible=0.02,
    placement=0.02,
    provisioning=0.05,
    pull=0.05,
    registration=0.05,
    steady=0.05,
    deprovisioning=0.05,
    discovery_removal=0.05,
    inactive_visible=60.0,
    restart_delay=0.05,
    longest_restart_delay=2.0,
    zone_rebalancing=0.1,
    stop_timeout=0.5,
    event_delivery=0.0,
    health_scale=0.02,
    wait_scale=0.01,
)
"""The same order of events, as fast as a test wants it."""

PROFILES = {profile.name: profile for profile in (AWS_LIKE, DEMO, TEST)}
