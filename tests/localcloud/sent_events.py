"""What ECS sends to EventBridge."""

from __future__ import annotations

from typing import Any

from localcloud.ecs.announcements import Announcement
from localcloud.events.ecs import delivered
from tests.localcloud.strict_cloud import Cloud

TASK, DEPLOYMENT, SERVICE = (
    "ECS Task State Change",
    "ECS Deployment State Change",
    "ECS Service Action",
)


class SentEvents:
    """Everything that ECS has sent since this was created."""

    def __init__(self, cloud: Cloud) -> None:
        self._account = cloud.plane.account
        self._all: list[Announcement] = []
        cloud.plane.announcements.listen(self._all.append)

    def of(self, detail_type: str) -> list[Announcement]:
        return [item for item in self._all if item.detail_type == detail_type]

    def details(self, detail_type: str) -> list[dict[str, Any]]:
        return [dict(item.detail) for item in self.of(detail_type)]

    def names(self, detail_type: str) -> list[str]:
        return [detail["eventName"] for detail in self.details(detail_type)]

    def delivered(self) -> list[dict[str, Any]]:
        """As a rule's target gets them."""
        return [delivered(item, self._account) for item in self._all]

    def first(self, **detail: str) -> dict[str, Any]:
        """The first event whose detail has these members, as a rule's target gets it."""
        return next(each for each in self.delivered() if detail.items() <= each["detail"].items())

    def clear(self) -> None:
        self._all.clear()
