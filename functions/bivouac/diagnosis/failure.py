"""Builds a failure for the record and the events, with the log lines that explain it."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

from bivouac.aws import log_groups
from bivouac.aws.client_types import CloudWatchLogsClient, ECSClient
from bivouac.aws.ecs_answers import PROXY_CONTAINER_PREFIX
from bivouac.diagnosis import edge_verdicts, report, service_verdicts
from bivouac.diagnosis.aws_messages import Category
from bivouac.diagnosis.service_verdicts import Verdict
from bivouac.environment.blueprint import Blueprint
from bivouac.errors import BivouacError
from bivouac.json_types import Json
from bivouac.observability import logger
from bivouac.proof import edge_lines, mesh
from bivouac.redaction import text as redaction
from bivouac.services import observation
from bivouac.services.deployments import Expected, Observed


def reported(
    error: str,
    verdicts: Sequence[Verdict],
    blueprint: Blueprint,
    generation: int,
    logs: CloudWatchLogsClient,
) -> dict[str, Any]:
    """`error`, `cause`, `category` and `verdicts`; at least one verdict, the first one in full."""
    first, *others = verdicts
    printed = _last_lines(log_stream(blueprint, generation, first), logs)
    about, lines = _with_log(blueprint, first, printed)
    shown = [about, *others]
    return {
        "error": error,
        "cause": report.report(shown, lines),
        "category": shown[0].category,
        "verdicts": service_verdicts.kept(shown),
    }


def unexplained(error: str, message: str) -> dict[str, Any]:
    """The same where the step's error explains itself."""
    cause = report.fitting(message)
    return {"error": error, "cause": cause, "category": Category.UNKNOWN, "verdicts": []}


def read(
    blueprint: Blueprint, ecs: Callable[[], ECSClient], expected: Sequence[Expected]
) -> Mapping[str, Observed]:
    """What ECS shows now. A diagnosis without it is better than none."""
    if not expected:
        return {}
    try:
        return observation.with_stopped(ecs(), blueprint.cluster["clusterName"], expected)
    except BivouacError as error:
        logger.warning("tasks not read", reason=str(error))
        return {}


def _with_log(
    blueprint: Blueprint, verdict: Verdict, printed: Sequence[str]
) -> tuple[Verdict, list[str]]:
    """The verdict that the log makes clearer, and the log's lines as they may be shown."""
    for edge in blueprint.edges:
        if edge.name == verdict.service:
            shown = [edge_lines.for_people(line, edge) for line in printed]
            found = edge_verdicts.with_log(verdict, edge, printed)
            return found, redaction.last_lines(shown)
    lines = redaction.last_lines(printed)
    return service_verdicts.with_log(verdict, lines), lines


def _last_lines(stream: tuple[str, str] | None, logs: CloudWatchLogsClient) -> list[str]:
    """The end of the failing container's log, as it was printed. A diagnosis without it is better
    than none."""
    if stream is None:
        return []
    try:
        return log_groups.last_messages(logs, *stream, redaction.LOG_LINES)
    except BivouacError as error:
        logger.warning("no log lines", reason=str(error))
        return []


def log_stream(blueprint: Blueprint, generation: int, verdict: Verdict) -> tuple[str, str] | None:
    """Log group and stream of the container that a verdict names, or of its task's first container.

    None if the verdict names no task, or its containers log elsewhere. The awslogs driver names a
    stream <prefix>/<container>/<task id> ("Send Amazon ECS logs to CloudWatch" in the Amazon ECS
    Developer Guide)."""
    if not verdict.task:
        return None
    task_id = verdict.task.rpartition("/")[2]
    for container, configuration in _logs(blueprint, generation, verdict):
        options = configuration.get("options", {})
        group, prefix = options.get("awslogs-group"), options.get("awslogs-stream-prefix")
        if group and prefix:
            return group, f"{prefix}/{container}/{task_id}"
    return None


def _logs(blueprint: Blueprint, generation: int, verdict: Verdict) -> Iterator[tuple[str, Json]]:
    """The log configuration and the name of each container that the verdict may mean.

    A verdict on an edge names no service: all proof clients log in the same way."""
    proof = [client.service for client in mesh.proof_clients(blueprint, generation)]
    services = [
        service
        for service in (*blueprint.services, *proof)
        if service.service_name == verdict.service
    ]
    for service in services or proof:
        if verdict.container.startswith(PROXY_CONTAINER_PREFIX):
            connect = service.arguments["serviceConnectConfiguration"]
            yield verdict.container, connect.get("logConfiguration", {})
        for container in (service.definition or {}).get("containerDefinitions", ()):
            if verdict.container in ("", container["name"]):
                yield container["name"], container.get("logConfiguration", {})
