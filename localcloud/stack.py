"""Bivouac's own stack on the local cloud: where its template is and which parameters it gets."""

from __future__ import annotations

import os
from pathlib import Path

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
        "AllowEcsExec": "true",
    }


def endpoint_port() -> int:
    """LOCALCLOUD_PORT, else 4566. Raises ValueError for what is no port."""
    return int(os.environ.get("LOCALCLOUD_PORT", DEFAULT_PORT))
