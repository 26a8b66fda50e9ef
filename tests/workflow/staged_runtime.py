"""Real processes behind a real Envoy, except for images to which a test gives a script.

What must answer a probe is real; what fails before that is scripted, in no time.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from localcloud.clock import SystemClock
from localcloud.tasks.processes import ProcessRuntime
from localcloud.tasks.runtime import Task, TaskObserver
from localcloud.tasks.scripted import Script, ScriptedRuntime, ScriptsInTurn
from localcloud.timings import Timings


class StagedRuntime:
    """A `localcloud.tasks.runtime.TaskRuntime`."""

    def __init__(self, timings: Timings) -> None:
        self._real = ProcessRuntime(health_scale=timings.health_scale)
        self._clock = SystemClock()
        self._played = ScriptedRuntime(self._clock)
        self._scripts: set[str] = set()

    def script(self, image: str, script: Script | ScriptsInTurn) -> None:
        """Containers of this image follow this script from now on, and answer nothing."""
        self._scripts.add(image)
        self._played.script(image, script)

    def unscript(self, image: str) -> None:
        """They are real processes again."""
        self._scripts.discard(image)

    def start(self, task: Task, observer: TaskObserver) -> None:
        played = any(container.image in self._scripts for container in task.containers)
        (self._played if played else self._real).start(task, observer)

    def stop(self, task_id: str) -> None:
        self._played.stop(task_id)
        self._real.stop(task_id)

    def set_endpoint(self, endpoint: str, addresses: Sequence[tuple[str, int]]) -> None:
        self._played.set_endpoint(endpoint, addresses)
        self._real.set_endpoint(endpoint, addresses)

    def socket_of(self, private_ip: str, port: int) -> Path | None:
        return self._real.socket_of(private_ip, port)

    def close(self) -> None:
        self._clock.close()
        self._played.close()
        self._real.close()
