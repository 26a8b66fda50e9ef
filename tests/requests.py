"""Requests from which tests start, and the stack's settings with which they are checked."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from bivouac.settings import RequestSettings
from localcloud.account import REGION, SECURITY_GROUP_ID, SUBNET_IDS

EVENTS = Path(__file__).parent.parent / "events"
EXECUTION_ROLE = "arn:aws:iam::123456789012:role/ecsTaskExecutionRole"
NOW = datetime(2026, 1, 31, 12, tzinfo=UTC)
"""When they are planned."""


def event(name: str) -> dict[str, Any]:
    """A sample of events/, as a fresh copy."""
    content: dict[str, Any] = json.loads((EVENTS / f"{name}.json").read_text())
    return content


def settings(**changes: Any) -> RequestSettings:
    """A stack that admits the tutorial's traffic."""
    return RequestSettings(
        **{
            "name_prefix": "bivouac",
            "region": REGION,
            "subnet_ids": SUBNET_IDS,
            "task_security_group_id": SECURITY_GROUP_ID,
            "probe_security_group_id": "sg-0123456789abcdef0",
            "assign_public_ip": "ENABLED",
            "task_role_arns": (EXECUTION_ROLE,),
            "execution_role_arns": (EXECUTION_ROLE,),
            "allowed_subnet_ids": (),
            "allowed_security_group_ids": (),
            "allowed_file_system_ids": ("fs-12345678",),
            "allowed_environment_files": (),
            "allow_ecs_exec": True,
            "namespace_quota": 50,
            "default_lease_seconds": 8 * 3600,
            "maximum_lease_seconds": 7 * 86400,
            "proof_image": "public.ecr.aws/docker/library/python:3.13-alpine",
            **changes,
        }
    )


def web(**changes: Any) -> dict[str, Any]:
    """The smallest service."""
    return {
        "serviceName": "web",
        "primaryContainer": {"image": "nginx", "containerPort": 80},
        **changes,
    }


def environment(*services: dict[str, Any], **changes: Any) -> dict[str, Any]:
    """The smallest environment, or one with these services."""
    return {"name": "demo", "services": list(services) or [web()], **changes}


def called(service: str, **changes: Any) -> dict[str, Any]:
    """The end of a connection: `{"service": "api", "portName": ...}`."""
    return {"service": service, **changes}


def connection(client: str, to: str | dict[str, Any], **changes: Any) -> dict[str, Any]:
    """One entry of `connect`."""
    return {"from": client, "to": called(to) if isinstance(to, str) else to, **changes}


def depends(*names: str, condition: str = "HEALTHY") -> list[dict[str, Any]]:
    """A service's dependsOn."""
    return [{"serviceName": name, "condition": condition} for name in names]
