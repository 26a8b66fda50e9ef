"""Greets, and returns what it sees of its environment."""

import os
from typing import Any


def handler(event: dict[str, Any], context: Any) -> dict[str, str]:
    print(f"greeting {event['name']}")
    return {"said": f"{os.environ['GREETING']} {event['name']}"}
