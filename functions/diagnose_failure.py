"""Diagnose failure: what failed, the evidence, the last log lines, and the next step to take.

The answer is the failed execution's error and cause, and it is kept in the record, because ECS
forgets stopped tasks after about an hour (H22). Repeating it is safe.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from bivouac import diagnosis
from bivouac.aws import clients, loggroups
from bivouac.aws.holding import records
from bivouac.aws.records import Records
from bivouac.blueprint import Blueprint
from bivouac.checks import Outcome
from bivouac.diagnosis import Category, Verdict
from bivouac.errors import BivouacError, SupersededError
from bivouac.observability import Event, MetricUnit, logger, metrics, step
from bivouac.record import Status

if TYPE_CHECKING:
    from types_boto3_logs import CloudWatchLogsClient

CAUSE_LIMIT = 30_000
"""Step Functions cuts a cause at 32,768 characters."""


def diagnose_failure(event: Event, records: Records, logs: CloudWatchLogsClient) -> Event:
    """`error` and `cause` of the failed execution; `superseded` if a newer execution took over."""
    try:
        blueprint = records.held(event["environment"], event["generation"])
    except SupersededError as error:
        return {"superseded": True, "error": "SupersededError", "cause": str(error)}
    error_name, verdict = _verdict(event)
    if verdict:
        cause = diagnosis.report(verdict, _last_lines(blueprint, verdict, logs))
    else:
        cause = _message(event["failure"])
    records.finish(
        event["environment"],
        event["generation"],
        Status.FAILED,
        failure={
            "error": error_name,
            "cause": cause[:CAUSE_LIMIT],
            "category": verdict.category if verdict else Category.UNKNOWN,
        },
    )
    metrics.add_metric("EnvironmentFailed", MetricUnit.Count, 1)
    return {"superseded": False, "error": error_name, "cause": cause[:CAUSE_LIMIT]}


def _verdict(event: Event) -> tuple[str, Verdict | None]:
    """The error's name, and the verdict where services or endpoints are what failed."""
    if "failure" in event:
        message = _message(event["failure"])
        return event["failure"]["Error"], diagnosis.of_refusal(event["environment"], message)
    if event["check"]["status"] == "FAILED":
        return "DeploymentFailedError", Verdict.from_json(event["check"]["verdict"])
    failed = [
        entry
        for probed in event["probes"].values()
        for entry in probed["checks"]
        if entry["outcome"] == Outcome.NG
    ]
    lines = [f"{entry['service']}: {entry['name']}: {entry['observed']}" for entry in failed]
    return "ConnectivityError", diagnosis.not_proven(failed[0]["service"], lines)


def _message(failure: Event) -> str:
    """The readable part of a failed state's cause: a Lambda function's is JSON."""
    try:
        return str(json.loads(failure["Cause"])["errorMessage"])
    except (ValueError, KeyError, TypeError):
        return str(failure["Cause"])


def _last_lines(blueprint: Blueprint, verdict: Verdict, logs: CloudWatchLogsClient) -> list[str]:
    """The end of the failing container's log. A diagnosis without it is better than none."""
    if not verdict.task:
        return []
    try:
        return diagnosis.redacted(_read_lines(blueprint, verdict, logs))
    except BivouacError as error:
        logger.warning("no log lines", reason=str(error))
        return []


def _read_lines(blueprint: Blueprint, verdict: Verdict, logs: CloudWatchLogsClient) -> list[str]:
    definition = blueprint.service(verdict.service).definition or {}
    task_id = verdict.task.rpartition("/")[2]
    for container in definition.get("containerDefinitions", ()):
        if verdict.container in ("", container["name"]):
            options: dict[str, Any] = container["logConfiguration"].get("options", {})
            if group := options.get("awslogs-group"):
                stream = f"{options['awslogs-stream-prefix']}/{container['name']}/{task_id}"
                return loggroups.last_lines(logs, group, stream, diagnosis.LOG_LINES)
    return []


@step
def handler(event: Event) -> Event:
    return diagnose_failure(
        event,
        records(),
        clients.logs(),
    )
