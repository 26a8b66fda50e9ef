"""Writes what functions print to CloudWatch Logs."""

from __future__ import annotations

from typing import Any

from moto.logs import logs_backends

from localcloud.account import Account
from localcloud.awslambda.function import Function
from localcloud.endpoint.locks import ServiceLocks
from localcloud.iam import Guard
from localcloud.iam.access import Access


class FunctionLogs:
    """Writes a function's lines to its log group; see `localcloud.awslambda.workers.LogSink`."""

    def __init__(self, account: Account, locks: ServiceLocks, guard: Guard) -> None:
        self._account = account
        self._lock = locks.of("logs")
        self._guard = guard

    def __call__(self, function: Function, stream: str, events: list[tuple[int, str]]) -> None:
        """As on AWS, lines that the function's role may not write are lost."""
        group = function.log_group_name
        with self._lock:
            missing = group not in self._logs.groups
        needed = ["logs:CreateLogStream", "logs:PutLogEvents"]
        if missing:
            needed.insert(0, "logs:CreateLogGroup")
        resource = self._account.arn("logs", f"log-group:{group}:log-stream:{stream}")
        if any(self._guard.refusal(function.role_arn, Access(a, resource)) for a in needed):
            return
        with self._lock:
            if group not in self._logs.groups:
                self._logs.create_log_group(group, {})
            self._logs.ensure_log_stream(group, stream)
            self._logs.groups[group].streams[stream].put_log_events(
                [{"timestamp": timestamp, "message": line} for timestamp, line in events]
            )

    @property
    def _logs(self) -> Any:
        return logs_backends[self._account.account_id][self._account.region]
