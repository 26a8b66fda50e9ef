"""What the code compares with CloudWatch Logs' answers, each literal with its source. Pure."""

from __future__ import annotations

from bivouac.json_types import Described


def arn_of(group: Described) -> str:
    """The ARN by which tags are read.

    Recorded in February 2026: `arn` ends in ":*", `logGroupArn` does not (github.com/localstack/
    localstack at 8b9a79f, logs/test_logs.snapshot.json); only the first is in every answer."""
    return str(group["arn"]).removesuffix(":*")
