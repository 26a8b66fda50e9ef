"""Bivouac's own stack on the local cloud: its template and its parameters."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING

from localcloud.errors import CannotStartError
from localcloud.timings import DEMO, PROFILES, Timings

if TYPE_CHECKING:
    from localcloud.account import Account

TEMPLATE = Path(__file__).parent.parent / "template.yaml"
DEFAULT_PORT = 4566


def parameters(account: Account) -> dict[str, str]:
    """What a person would answer to `sam deploy --guided` in this account."""
    return {
        "VpcId": account.vpc_id,
        "SubnetIds": ",".join(account.subnet_ids),
        "AllowedTaskRoleArns": account.execution_role_arn,
        "AllowedExecutionRoleArns": account.execution_role_arn,
        "AllowedSecurityGroupIds": account.security_group_id,
        "AllowEcsExec": "true",
    }


class NoPortError(CannotStartError):
    """LOCALCLOUD_PORT is not a port."""


class NoTimingsError(CannotStartError):
    """LOCALCLOUD_TIMINGS is not the name of a profile."""


def timings() -> Timings:
    """The profile that LOCALCLOUD_TIMINGS names, else the demo's. Raises NoTimingsError."""
    name = os.environ.get("LOCALCLOUD_TIMINGS", DEMO.name)
    if name not in PROFILES:
        raise NoTimingsError(f"LOCALCLOUD_TIMINGS={name} is none of {', '.join(PROFILES)}")
    return PROFILES[name]


def endpoint_port() -> int:
    """LOCALCLOUD_PORT, else 4566. Raises NoPortError."""
    text = os.environ.get("LOCALCLOUD_PORT", str(DEFAULT_PORT))
    if not text.isdecimal() or int(text) > 65535:
        raise NoPortError(
            f"LOCALCLOUD_PORT={text} is not a port: write a number up to 65535; 0 is any free one"
        )
    return int(text)
