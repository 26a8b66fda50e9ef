"""The execution that holds or last held an environment, as people look it up. Pure."""

from __future__ import annotations

from typing import Any

from bivouac.aws import stepfunctions_answers

_CONSOLES = {
    "aws": "console.aws.amazon.com",
    "aws-cn": "console.amazonaws.cn",
    "aws-us-gov": "console.amazonaws-us-gov.com",
}
"""By partition. Documented: AWS General Reference, "Service endpoints" of each partition."""


def execution(arn: str, prefix: str) -> dict[str, Any]:
    """`prefix`: of the stack's names. `arn`: empty if none ever held it, as of an orphan."""
    machine = stepfunctions_answers.machine_of(arn).removeprefix(f"{prefix}-")
    return {
        "arn": arn,
        "machine": machine.replace("-", "_"),
        "consoleUrl": _console_url(arn),
    }


def _console_url(arn: str) -> str | None:
    if not arn:
        return None
    _, partition, _, region, *_ = arn.split(":")
    host = _CONSOLES.get(partition)
    return (
        host and f"https://{region}.{host}/states/home?region={region}#/v2/executions/details/{arn}"
    )
