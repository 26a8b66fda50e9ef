"""Log lines of an environment's services, in the order in which they were written."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

Json = Mapping[str, Any]
PROXY_PREFIX = "ecs-service-connect-"
"""Begins the name of the Service Connect proxy's container."""


@dataclass(frozen=True, order=True)
class Line:
    at: int
    """Milliseconds since 1970."""
    service: str
    container: str
    task: str
    text: str

    def shown(self) -> str:
        moment = datetime.fromtimestamp(self.at / 1000, UTC).strftime("%H:%M:%S")
        return f"{moment} {self.service}/{self.container} {self.task[:6]}  {self.text}"

    def to_json(self) -> Json:
        moment = datetime.fromtimestamp(self.at / 1000, UTC).isoformat(timespec="milliseconds")
        return {
            "at": moment,
            "service": self.service,
            "container": self.container,
            "task": self.task,
            "text": self.text,
        }


def lines(
    service: str, events: Iterable[Json], container: str | None, *, proxy: bool
) -> Iterator[Line]:
    """Of CloudWatch's events. The awslogs driver names a stream <prefix>/<container>/<task>.

    `container`: only its lines; `proxy`: only the Service Connect proxy's, else never those."""
    for event in events:
        _, _, its_task = event["logStreamName"].rpartition("/")
        its_container = event["logStreamName"].removesuffix(f"/{its_task}").rpartition("/")[2]
        of_proxy = its_container.startswith(PROXY_PREFIX)
        if of_proxy == proxy and container in (None, its_container):
            text = event["message"].rstrip("\n")
            yield Line(event["timestamp"], service, its_container, its_task, text)
