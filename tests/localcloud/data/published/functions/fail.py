"""Always fails."""

from typing import Any


class GreetingFailedError(Exception):
    pass


def handler(event: dict[str, Any], context: Any) -> None:
    raise GreetingFailedError(f"version {context.function_version} cannot greet")
