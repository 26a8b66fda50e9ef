"""What AWS may put in a service's way, set and removed by a test, in AWS's words.

The texts are those of "Amazon ECS service event messages" and of "Amazon ECS stopped task error
messages". Services are given by name; * stands for any text.
"""

from __future__ import annotations

import threading
from collections import defaultdict
from fnmatch import fnmatchcase

CAPACITY = (
    "Capacity is unavailable at this time. "
    "Please try again later or in a different availability zone"
)
"""H14."""
VCPU_LIMIT = "You've reached the limit on the number of vCPUs you can run concurrently"
"""H15."""
TASK_LIMIT = "You've reached the limit on the number of tasks you can run concurrently"
"""H15."""
INTERNAL_ERROR = "Internal error"
"""H16: a subnet in an Availability Zone without Fargate."""
INTERFACE_TIMEOUT = "Timeout waiting for network interface provisioning to complete."
"""The stopped reason of a task that got no network interface."""


class Obstacles:
    """Set from any thread; read with the control plane's lock held."""

    def __init__(self, lock: threading.RLock) -> None:
        self._lock = lock
        self._set: dict[str, dict[str, str]] = defaultdict(dict)
        """By kind, then by the pattern of a service's name, or a zone: the reason."""

    def refuse_placement(self, services: str, reason: str) -> None:
        """Lets no task of these services be placed; `reason` as above, without its full stop."""
        self._put("placement", services, reason)

    def exhaust_capacity_in(self, zone: str) -> None:
        """Lets no task be placed in this Availability Zone: they go to the others."""
        self._put("zone", zone, "")

    def throttle_operations(self, services: str) -> None:
        """Throttles ECS's own calls for these services: it waits, and counts no failures (H17)."""
        self._put("throttling", services, "")

    def fail_provisioning(self, services: str, reason: str = INTERFACE_TIMEOUT) -> None:
        """Stops their tasks when they should get a network interface."""
        self._put("provisioning", services, reason)

    def leave_discovery_services(self, services: str) -> None:
        """Lets ECS leave their Cloud Map services behind, so the names stay taken (S07)."""
        self._put("discovery", services, "")

    def clear(self) -> None:
        """Removes every obstacle; what failed is retried when it is due."""
        with self._lock:
            self._set.clear()

    def placement_refusal(self, service: str) -> str | None:
        return self._reason("placement", service)

    def short_of_capacity(self, zone: str) -> bool:
        return self._reason("zone", zone) is not None

    def throttled(self, service: str) -> bool:
        return self._reason("throttling", service) is not None

    def provisioning_failure(self, service: str) -> str | None:
        return self._reason("provisioning", service)

    def leaves_discovery_services(self, service: str) -> bool:
        return self._reason("discovery", service) is not None

    def _put(self, kind: str, services: str, reason: str) -> None:
        with self._lock:
            self._set[kind][services] = reason

    def _reason(self, kind: str, service: str) -> str | None:
        for pattern, reason in self._set.get(kind, {}).items():
            if fnmatchcase(service, pattern):
                return reason
        return None
