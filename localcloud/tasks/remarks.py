"""Lines in a task's log that say how the task differs from one on ECS."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from .images import STAND_IN, Image, Pulled
from .runtime import Container, LogTarget, Proxy, Task

PLAYED = "local cloud: a stand-in plays this image and answers at its ports"
"""The `reason` of its container."""

Remark = tuple[LogTarget, str]
"""A line for a log stream of the task."""


def remarks(task: Task, pulled: Mapping[str, Pulled], *, isolated: bool) -> list[Remark]:
    """`pulled` is by container name. A container without a log gets no remarks."""
    found: list[Remark] = []
    for container in task.containers:
        if container.log is not None:
            lines = _of_container(container, pulled[container.name].image, task.proxy, isolated)
            found.extend((container.log, f"local cloud: {line}") for line in lines)
    if task.proxy is not None and task.proxy.log is not None and not isolated:
        log = task.proxy.log
        found.extend((log, f"local cloud: {line}") for line in _of_unreachable(task.proxy))
    return found


def _of_container(
    container: Container, image: Image, proxy: Proxy | None, isolated: bool
) -> Iterator[str]:
    if image is STAND_IN:
        yield (
            f"nothing is pulled: a stand-in plays {container.image} and answers at its ports; name "
            "a command that plays it in the file of LOCALCLOUD_IMAGES"
        )
    if not image.obeys_command:
        if container.command or container.entry_point:
            yield f"{container.image} has its own program here: command and entryPoint are not used"
        return
    if not isolated:
        for port in container.ports:
            yield (
                f"port {port} cannot be reached: without namespaces only images that are servers "
                "by themselves can be"
            )
        return
    for alias in proxy.client_aliases if proxy is not None else ():
        if alias.port in container.ports and not image.has_python:
            yield (
                f"port {alias.port} is also that of the alias {alias.dns_name}: a program that "
                "listens at all addresses needs SO_REUSEPORT here"
            )


def _of_unreachable(proxy: Proxy) -> Iterator[str]:
    for alias in proxy.client_aliases:
        if alias.app_protocol is None:
            yield (
                f"{alias.dns_name}:{alias.port} cannot be reached but by the python image: without "
                "namespaces other programs reach only aliases with an appProtocol"
            )
