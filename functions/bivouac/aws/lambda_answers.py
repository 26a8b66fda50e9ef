"""Reads what Lambda says about a failed function. Pure."""

from __future__ import annotations

import json
import re

_MESSAGE = re.compile(r'"errorMessage"\s*:\s*"((?:[^"\\]|\\["\\/bfnrt]|\\u[0-9a-fA-F]{4})*)')


def message_of(cause: str) -> str:
    """The readable part of a failed state's cause. A function's cause is JSON with a stack trace,
    possibly cut off by Step Functions; any other is text.

    Recorded: errorMessage, errorType, requestId, stackTrace (github.com/localstack/localstack at
    8b9a79f, test_task_lambda.snapshot.json, recorded against AWS, November 2024)."""
    try:
        return str(json.loads(cause)["errorMessage"])
    except (KeyError, TypeError):
        return cause
    except ValueError:
        cut = _MESSAGE.search(cause) if cause.startswith("{") else None
        return str(json.loads(f'"{cut[1]}"')) if cut else cause
