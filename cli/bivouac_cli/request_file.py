"""The request in a file, with the command line's changes."""

from __future__ import annotations

from typing import Any

from bivouac_cli.ending import CommandError, Exit
from bivouac_cli.json_file import content_of, where


def request_of(file: str, name: str | None, ttl: str | None) -> dict[str, Any]:
    """Raises CommandError if it is not a JSON object; the stack checks everything else."""
    request = content_of(file)
    if not isinstance(request, dict):
        raise _wrong(
            f"{where(file)} is no request: it must be a JSON object with name and services"
        )
    if name is not None:
        request["name"] = name
    if ttl is not None:
        lease = request.get("lease")
        request["lease"] = {**(lease if isinstance(lease, dict) else {}), "ttl": ttl}
    if not isinstance(request.get("name"), str):
        raise _wrong(f"{where(file)} names no environment: give it a name, or use --name")
    return request


def _wrong(message: str) -> CommandError:
    return CommandError(Exit.REFUSED, message)
