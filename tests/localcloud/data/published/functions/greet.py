"""Greets, and returns its version."""

import os
from typing import Any


def handler(event: dict[str, Any], context: Any) -> dict[str, Any]:
    return {
        "said": f"{os.environ['GREETING']} {event['name']}",
        "version": context.function_version,
        "arn": context.invoked_function_arn,
    }
