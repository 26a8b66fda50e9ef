"""What the code compares with what Lambda says of a function that failed. Pure."""

from __future__ import annotations

import json


def message_of(cause: str) -> str:
    """The readable part of a failed state's cause: a function's is JSON, and has its stack trace in
    it; any other is text, and so is one that Step Functions has cut.

    Recorded: errorMessage, errorType, requestId, stackTrace (github.com/localstack/localstack at
    8b9a79f, test_task_lambda.snapshot.json, recorded against AWS, November 2024)."""
    try:
        return str(json.loads(cause)["errorMessage"])
    except (ValueError, KeyError, TypeError):
        return cause
