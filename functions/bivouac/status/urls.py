"""Where an environment answers callers from outside. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from bivouac.environment.blueprint import Blueprint, Endpoint
from bivouac.environment.record import Record, Status
from bivouac.services.deployments import interface_id
from bivouac.status.live import Live

SHOWN = 3
"""Of an endpoint: one is enough to call it."""
_SCHEMES = {"http": "http", "http2": "http", "grpc": "grpc"}


def urls(
    record: Record, blueprint: Blueprint, live: Live, primaries: Mapping[str, str]
) -> tuple[list[dict[str, Any]], str | None]:
    """Those of endpoints that a security group lets everybody reach; else why there are none.

    Proven: the task is of a proven deployment, and the environment still is READY."""
    expected = {each["serviceName"]: each["deploymentId"] for each in record.expected}
    found = []
    for service in blueprint.services:
        name = service.service_name
        current = expected.get(name) == primaries.get(name)
        addresses = [
            (address, task.get("startedBy") == expected.get(name))
            for task in live.running.get(name, ())
            if (address := live.public_addresses.get(interface_id(task) or ""))
        ]
        for endpoint in service.endpoints:
            for address, of_proven in addresses[:SHOWN] if endpoint.admits_everybody else ():
                proven = record.status is Status.READY and current and of_proven
                found.append({"service": name, "url": _url(endpoint, address), "proven": proven})
    return found, None if found else _why_none(record, blueprint, live)


def _url(endpoint: Endpoint, address: str) -> str:
    scheme = _SCHEMES.get(endpoint.app_protocol or "", "tcp")
    return f"{scheme}://{address}:{endpoint.port}" + ("/" if scheme == "http" else "")


def _why_none(record: Record, blueprint: Blueprint, live: Live) -> str:
    endpoints = [
        (service.service_name, endpoint)
        for service in blueprint.services
        for endpoint in service.endpoints
    ]
    public = [name for name, endpoint in endpoints if endpoint.admits_everybody]
    if not endpoints:
        return "no service has an endpoint"
    if not public:
        ports = ", ".join(sorted({f"{name}:{endpoint.port}" for name, endpoint in endpoints}))
        return (
            f"no security group admits 0.0.0.0/0 on a port of an endpoint ({ports}): reach it from "
            "inside the VPC, or name a security group in the request that does"
        )
    if not any(live.running.get(name) for name in public):
        return f"no task runs that could answer; the environment is {record.status}"
    return (
        "its tasks have no public address: set assignPublicIp to ENABLED in the request, in a "
        "public subnet"
    )
