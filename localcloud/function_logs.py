"""What functions print, in CloudWatch Logs."""

from __future__ import annotations

from typing import Any

from moto.logs import logs_backends

from localcloud.account import Account
from localcloud.locks import ServiceLocks
from localcloud.workers import Function


class FunctionLogs:
    """Writes a function's lines to its log group; see `localcloud.workers.LogSink`."""

    def __init__(self, account: Account, locks: ServiceLocks) -> None:
        self._account = account
        self._lock = locks.of("logs")

    def __call__(self, function: Function, stream: str, events: list[tuple[int, str]]) -> None:
        group = function.log_group_name
        with self._lock:
            if group not in self._logs.groups:
                # Lambda makes its default group itself.
                self._logs.create_log_group(group, {})
            self._logs.ensure_log_stream(group, stream)
            self._logs.groups[group].streams[stream].put_log_events(
                [{"timestamp": timestamp, "message": line} for timestamp, line in events]
            )

    @property
    def _logs(self) -> Any:
        return logs_backends[self._account.account_id][self._account.region]
