"""The awslogs driver: writes container output to log streams, if their group exists."""

from __future__ import annotations

import uuid
from collections.abc import Mapping
from typing import Any

from moto.logs.models import logs_backends

from localcloud.account import Account
from localcloud.ecs.secret_delivery import Refusal
from localcloud.tasks.runtime import LogTarget

_NO_SUCH_GROUP = "ResourceNotFoundException: The specified log group does not exist."


def stopped_reason(error: str) -> str:
    """Of a task whose log stream cannot be created (H09); RequestID is always new."""
    return (
        "ResourceInitializationError: failed to validate logger args: create stream has been "
        "retried 1 times: failed to create Cloudwatch log stream: operation error CloudWatch "
        f"Logs: CreateLogStream, https response error StatusCode: 400, RequestID: {uuid.uuid4()}, "
        f"{error} : exit status 1"
    )


def log_target(
    configuration: Mapping[str, Any] | None, container: str, task_id: str
) -> LogTarget | None:
    """The awslogs driver's stream: <stream prefix>/<container>/<task id>."""
    if configuration is None or configuration["logDriver"] != "awslogs":
        return None
    options = configuration.get("options", {})
    prefix = options.get("awslogs-stream-prefix")
    stream = f"{prefix}/{container}/{task_id}" if prefix else task_id
    return LogTarget(options["awslogs-group"], stream)


class LogDelivery:
    """Writes to moto's CloudWatch Logs. Called with the control plane's lock held."""

    def __init__(self, account: Account) -> None:
        self._account = account
        self.refusal: Refusal = lambda role_arn, action, resource: None
        """Replaced where roles are checked against their policies."""

    def open(
        self, target: LogTarget, configuration: Mapping[str, Any], role_arn: str
    ) -> str | None:
        """Creates the stream as the task's execution role; the stopped reason if it cannot."""
        options = configuration.get("options", {})
        arn = self._account.arn("logs", f"log-group:{target.group}:log-stream:{target.stream}")
        if role_arn and (refused := self.refusal(role_arn, "logs:CreateLogStream", arn)):
            return stopped_reason(f"api error AccessDeniedException: {refused}")
        elsewhere = options.get("awslogs-region", self._account.region) != self._account.region
        if elsewhere or target.group not in self._logs.groups:
            if options.get("awslogs-create-group") != "true" or elsewhere:
                return stopped_reason(_NO_SUCH_GROUP)
            self._logs.create_log_group(target.group, {})
        self._logs.ensure_log_stream(target.group, target.stream)
        return None

    def put(self, target: LogTarget, timestamp_ms: int, line: str) -> None:
        """Writes one line, which is lost, as on AWS, if the group was deleted meanwhile."""
        group = self._logs.groups.get(target.group)
        if group is None or target.stream not in group.streams:
            return
        # Uses the stream's own method: the backend's would reject a test clock's "old" timestamps.
        group.streams[target.stream].put_log_events([{"timestamp": timestamp_ms, "message": line}])

    @property
    def _logs(self) -> Any:
        return logs_backends[self._account.account_id][self._account.region]
