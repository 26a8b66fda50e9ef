"""The environments that are measured: services that call each other, in waves."""

from __future__ import annotations

from dataclasses import fields, replace
from typing import Any

from localcloud.timings import Timings

Request = dict[str, Any]

SIZES = (1, 5, 20)
"""Services."""
IMAGE = "nginx"


def waves(services: int) -> list[list[str]]:
    """Their names, by wave: one service alone, or one backend for two apis for two webs."""
    if services == 1:
        return [["web-1"]]
    fifth = services // 5
    return [
        [f"{kind}-{number}" for number in range(1, count + 1)]
        for kind, count in (("backend", fifth), ("api", 2 * fifth), ("web", 2 * fifth))
    ]


def environment(name: str, services: int) -> Request:
    """Each service waits until the one that it calls is HEALTHY, and every call is an edge."""
    made: list[dict[str, Any]] = []
    connect: list[dict[str, Any]] = []
    before: list[str] = []
    for wave in waves(services):
        for number, service in enumerate(wave):
            entry: dict[str, Any] = {
                "serviceName": service,
                "primaryContainer": {"image": IMAGE, "containerPort": 80},
            }
            if before:
                server = before[number % len(before)]
                entry["dependsOn"] = [{"serviceName": server, "condition": "HEALTHY"}]
                connect.append({"from": service, "to": {"service": server}})
            made.append(entry)
        before = wave
    request: Request = {"name": name, "services": made}
    if connect:
        request["connect"] = connect
    return request


def scaled(timings: Timings, scale: float) -> Timings:
    """The same life, faster."""
    times = {
        field.name: getattr(timings, field.name) * scale
        for field in fields(Timings)
        if field.name != "name"
    }
    return replace(timings, name=f"{timings.name} x {scale:g}", **times)
