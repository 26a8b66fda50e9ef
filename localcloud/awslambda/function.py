"""A Lambda function as the local cloud stores it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from localcloud.awslambda.names import LATEST


@dataclass(frozen=True)
class VpcConfig:
    subnet_ids: tuple[str, ...]
    security_group_ids: tuple[str, ...]


@dataclass(frozen=True)
class Function:
    """A Lambda function as the template declares it, or one of its published versions."""

    name: str
    arn: str
    """Without a version."""
    code: Path
    """The directory on `sys.path`, which Lambda gives as LAMBDA_TASK_ROOT."""
    handler: str
    role_arn: str
    timeout: float = 3.0
    """Seconds."""
    memory: int = 128
    """MB; passed to the function, not enforced."""
    environment: Mapping[str, str] = field(default_factory=dict)
    log_group: str = ""
    """Empty: /aws/lambda/<name>."""
    vpc: VpcConfig | None = None
    version: str = LATEST

    @property
    def log_group_name(self) -> str:
        return self.log_group or f"/aws/lambda/{self.name}"
