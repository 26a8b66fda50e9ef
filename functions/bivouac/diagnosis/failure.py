"""Builds a failure for the record and the events, with the log lines that explain it."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from bivouac.aws import log_groups
from bivouac.aws.client_types import CloudWatchLogsClient, ECSClient
from bivouac.diagnosis import edge_verdicts, log_location, report, service_verdicts
from bivouac.diagnosis.aws_messages import Category
from bivouac.diagnosis.log_location import LogStream
from bivouac.diagnosis.service_verdicts import Verdict
from bivouac.environment.blueprint import Blueprint
from bivouac.errors import BivouacError
from bivouac.observability import logger
from bivouac.proof import edge_lines
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
    printed = _last_lines(log_location.of(blueprint, generation, first), logs)
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


def _last_lines(stream: LogStream | None, logs: CloudWatchLogsClient) -> list[str]:
    """The end of the failing container's log, as it was printed. A diagnosis without it is better
    than none."""
    if stream is None:
        return []
    try:
        return log_groups.last_messages(logs, stream.group, stream.name, redaction.LOG_LINES)
    except BivouacError as error:
        logger.warning("no log lines", reason=str(error))
        return []
