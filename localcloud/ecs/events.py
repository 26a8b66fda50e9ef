"""The texts of a service's events, as ECS words them (Amazon ECS service event messages)."""

from __future__ import annotations

from collections.abc import Mapping

_MORE_INFORMATION = (
    "For more information, see the Troubleshooting section of the Amazon ECS Developer Guide."
)


def started(service: str, task_ids: list[str]) -> str:
    tasks = " ".join(f"(task {task_id})" for task_id in task_ids)
    return f"(service {service}) has started {len(task_ids)} tasks: {tasks}."


def replaced_unhealthy(service: str, task_ids: list[str]) -> str:
    """Sent as the replacements start, before the tasks that they replace are stopped."""
    return (
        f"{started(service, task_ids)} Amazon ECS replaced {len(task_ids)} tasks due to an "
        "unhealthy status."
    )


def stopped_pending(service: str, count: int) -> str:
    """For tasks that had not reached RUNNING."""
    return f"(service {service}) stopped {count} pending tasks."


def stopped(service: str, task_ids: list[str]) -> str:
    tasks = " ".join(f"(task {task_id})" for task_id in task_ids)
    return f"(service {service}) has stopped {len(task_ids)} running tasks: {tasks}."


def zones_not_balanced(service: str, counts: Mapping[str, int]) -> str:
    return (
        f"(service {service}) is not AZ balanced with {_in_zones(counts)}. "
        "AZ Rebalancing in progress."
    )


def zones_balanced(service: str, counts: Mapping[str, int]) -> str:
    return f"(service {service}) is AZ balanced with {_in_zones(counts)}."


def started_to_rebalance(service: str, zone: str, task_id: str) -> str:
    return f"(service {service}) has started 1 tasks in {zone} to AZ Rebalance: (task {task_id})."


def stopped_to_rebalance(service: str, zone: str, task_id: str) -> str:
    return (
        f"(service {service}) has stopped 1 running tasks in {zone} due to AZ rebalancing: "
        f"(task {task_id})."
    )


def stopped_rebalancing(service: str) -> str:
    return f"(service {service}) stopped AZ Rebalancing."


def zone_without_capacity(service: str, zone: str) -> str:
    return f"(service {service}) is unable to place a task in {zone}."


def _in_zones(counts: Mapping[str, int]) -> str:
    return ", ".join(f"{count} tasks in {zone}" for zone, count in counts.items())


def steady(service: str) -> str:
    return f"(service {service}) has reached a steady state."


def deployment_completed(service: str, deployment_id: str) -> str:
    return f"(service {service}) (deployment {deployment_id}) deployment completed."


def deployment_failed(service: str, deployment_id: str) -> str:
    return (
        f"(service {service}) (deployment {deployment_id}) deployment failed: "
        "tasks failed to start."
    )


def rolling_back(service: str, deployment_id: str) -> str:
    """H03."""
    return f"(service {service}) rolling back to deployment {deployment_id}."


def unable_to_place(service: str, reason: str) -> str:
    """For a task that did not reach RUNNING; `reason` is the task's stopped reason."""
    return f"(service {service}) was unable to place a task. Reason: {reason.rstrip('.')}."


def placement_refused(service: str, reason: str) -> str:
    """H14, H15, H16."""
    return f"{unable_to_place(service, reason)} {_MORE_INFORMATION}"


def throttled(service: str) -> str:
    """H17."""
    return f"(service {service}) operations are being throttled. Will try again later."


def failed_health_checks(service: str, task_id: str) -> str:
    return f"(service {service}) (task {task_id}) failed container health checks."


def cannot_start_consistently(service: str) -> str:
    """H13."""
    return (
        f"(service {service}) is unable to consistently start tasks successfully. "
        f"{_MORE_INFORMATION}"
    )


def no_container_instances(service: str) -> str:
    return (
        f"(service {service}) was unable to place a task because no container instance met all "
        "of its requirements. Reason: No Container Instances were found in your cluster. "
        f"{_MORE_INFORMATION}"
    )


def role_not_assumable(service: str, role_arn: str) -> str:
    """H18."""
    return (
        f"(service {service}) failed to launch a task with (error ECS was unable to assume the "
        f"role '{role_arn}' that was provided for this task. Please verify that the role being "
        "passed has the proper trust relationship and permissions and that your IAM user has "
        "permissions to pass this role.)."
    )


def blocked_by_configuration(service: str) -> str:
    """H19."""
    return (
        f"(service {service}) was unable to stop or start tasks during a deployment because of "
        "the service deployment configuration. Update the minimumHealthyPercent or "
        "maximumPercent value and try again."
    )
