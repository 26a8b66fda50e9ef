"""Builds a failure for the record and the events, with the log lines that explain it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from bivouac.aws import log_groups
from bivouac.aws.client_types import CloudWatchLogsClient
from bivouac.diagnosis import edge_verdicts, log_location, report, service_verdicts
from bivouac.diagnosis.log_location import LogStream
from bivouac.diagnosis.service_verdicts import Verdict
from bivouac.environment.blueprint import Blueprint
from bivouac.errors import BivouacError
from bivouac.observability import logger
from bivouac.redaction import text as redaction


def reported(
    error: str,
    verdicts: Sequence[Verdict],
    blueprint: Blueprint,
    generation: int,
    logs: CloudWatchLogsClient,
) -> dict[str, Any]:
    """`error`, `cause`, `category` and `verdicts`; at least one verdict, the first one in full."""
    first, *others = verdicts
    lines = _last_lines(log_location.of(blueprint, generation, first), logs)
    shown = [_with_log(blueprint, first, lines), *others]
    return {
        "error": error,
        "cause": report.report(shown, lines),
        "category": shown[0].category,
        "verdicts": service_verdicts.kept(shown),
    }


def _with_log(blueprint: Blueprint, verdict: Verdict, lines: list[str]) -> Verdict:
    for edge in blueprint.edges:
        if edge.name == verdict.service and lines:
            return edge_verdicts.with_last_words(verdict, edge, lines[-1])
    return service_verdicts.with_log(verdict, lines)


def _last_lines(stream: LogStream | None, logs: CloudWatchLogsClient) -> list[str]:
    """The end of the failing container's log. A diagnosis without it is better than none."""
    if stream is None:
        return []
    try:
        messages = log_groups.last_messages(logs, stream.group, stream.name, redaction.LOG_LINES)
    except BivouacError as error:
        logger.warning("no log lines", reason=str(error))
        return []
    return redaction.last_lines(messages)
