"""ECS's answers to DescribeServices and DescribeTasks, for the tests of verdicts."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

OURS = "arn:aws:ecs:ap-northeast-1:123456789012:task-definition/bivouac-demo--web:2"
OLD = "arn:aws:ecs:ap-northeast-1:123456789012:task-definition/bivouac-demo--web:1"
DEPLOYMENT = "ecs-svc/0000000000000000002"
BEGAN = datetime(2026, 1, 31, 12, tzinfo=UTC)
PROXY = "ecs-service-connect-Y84Lt"


def after(seconds: float) -> datetime:
    """The time this long after our deployment began."""
    return BEGAN + timedelta(seconds=seconds)


def task_arn(number: int) -> str:
    return f"arn:aws:ecs:ap-northeast-1:123456789012:task/bivouac-demo/{number:032x}"


def deployment(**changes: Any) -> dict[str, Any]:
    return {
        "id": DEPLOYMENT,
        "status": "PRIMARY",
        "taskDefinition": OURS,
        "desiredCount": 1,
        "runningCount": 1,
        "failedTasks": 0,
        "createdAt": BEGAN,
        "rolloutState": "COMPLETED",
        **changes,
    }


def service(**changes: Any) -> dict[str, Any]:
    return {
        "serviceName": "web",
        "status": "ACTIVE",
        "desiredCount": 1,
        "runningCount": 1,
        "taskDefinition": OURS,
        "deployments": [deployment()],
        "events": [],
        "createdAt": BEGAN,
        **changes,
    }


def event(message: str, seconds: float = 10) -> dict[str, Any]:
    return {"id": f"event-{seconds}", "createdAt": after(seconds), "message": message}


def task(**changes: Any) -> dict[str, Any]:
    return {
        "taskArn": task_arn(0x0123),
        "taskDefinitionArn": OURS,
        "startedBy": DEPLOYMENT,
        "lastStatus": "RUNNING",
        "healthStatus": "UNKNOWN",
        "attachments": [
            {"type": "ServiceConnect", "status": "ATTACHED"},
            {
                "type": "ElasticNetworkInterface",
                "status": "ATTACHED",
                "details": [
                    {"name": "networkInterfaceId", "value": "eni-1"},
                    {"name": "privateIPv4Address", "value": "172.31.0.4"},
                ],
            },
        ],
        "containers": [
            {"name": PROXY, "lastStatus": "RUNNING", "healthStatus": "HEALTHY"},
            {"name": "web", "lastStatus": "RUNNING"},
        ],
        **changes,
    }


def container(name: str = "web", **changes: Any) -> dict[str, Any]:
    """A container of a stopped task."""
    return {"name": name, "lastStatus": "STOPPED", **changes}


def stopped(reason: str, number: int = 1, **changes: Any) -> dict[str, Any]:
    """A task that ran for five seconds; its number says how often ECS had tried before."""
    began = 20 * number
    return task(
        **{
            "taskArn": task_arn(number),
            "lastStatus": "STOPPED",
            "stopCode": "TaskFailedToStart",
            "stoppedReason": reason,
            "createdAt": after(began),
            "startedAt": after(began + 10),
            "stoppingAt": after(began + 15),
            "stoppedAt": after(began + 18),
            "containers": [container()],
            **changes,
        }
    )
