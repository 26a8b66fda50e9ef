"""A failure as the record keeps it and events tell it, with the log lines that say why."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from bivouac import cause, diagnosis, log_stream, mesh_diagnosis, redaction
from bivouac.aws import loggroups
from bivouac.blueprint import Blueprint
from bivouac.diagnosis import Verdict
from bivouac.errors import BivouacError
from bivouac.log_stream import LogStream
from bivouac.observability import logger

if TYPE_CHECKING:
    from types_boto3_logs import CloudWatchLogsClient


def reported(
    error: str,
    verdicts: Sequence[Verdict],
    blueprint: Blueprint,
    generation: int,
    logs: CloudWatchLogsClient,
) -> dict[str, Any]:
    """`error`, `cause`, `category` and `verdicts`; at least one verdict, the first one in full."""
    first, *others = verdicts
    lines = _last_lines(log_stream.of(blueprint, generation, first), logs)
    told = [_with_log(blueprint, first, lines), *others]
    return {
        "error": error,
        "cause": cause.report(told, lines),
        "category": told[0].category,
        "verdicts": diagnosis.kept(told),
    }


def _with_log(blueprint: Blueprint, verdict: Verdict, lines: list[str]) -> Verdict:
    for edge in blueprint.edges:
        if edge.name == verdict.service and lines:
            return mesh_diagnosis.with_last_words(verdict, edge, lines[-1])
    return diagnosis.with_log(verdict, lines)


def _last_lines(stream: LogStream | None, logs: CloudWatchLogsClient) -> list[str]:
    """The end of the failing container's log. A diagnosis without it is better than none."""
    if stream is None:
        return []
    try:
        messages = loggroups.last_messages(logs, stream.group, stream.name, redaction.LOG_LINES)
    except BivouacError as error:
        logger.warning("no log lines", reason=str(error))
        return []
    return redaction.last_lines(messages)
