"""The request that a file holds, with what the command line changes of it."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

from bivouac_cli.ending import CommandError, Exit


def request_of(file: str, name: str | None, ttl: str | None) -> dict[str, Any]:
    """Raises CommandError where it is no JSON object; the stack checks all else."""
    where = "the standard input" if file == "-" else file
    try:
        content = sys.stdin.read() if file == "-" else Path(file).read_text(encoding="utf-8")
        request = json.loads(content)
    except OSError as error:
        raise _wrong(f"{where} cannot be read: {error.strerror}") from None
    except UnicodeDecodeError:
        raise _wrong(f"{where} is no text in UTF-8") from None
    except json.JSONDecodeError as error:
        at = f"line {error.lineno}, column {error.colno}"
        raise _wrong(f"{where} is no JSON: {error.msg} ({at})") from None
    if not isinstance(request, dict):
        raise _wrong(f"{where} is no request: it must be a JSON object with name and services")
    if name is not None:
        request["name"] = name
    if ttl is not None:
        lease = request.get("lease")
        request["lease"] = {**(lease if isinstance(lease, dict) else {}), "ttl": ttl}
    if not isinstance(request.get("name"), str):
        raise _wrong(f"{where} names no environment: give it a name, or use --name")
    return request


def _wrong(message: str) -> CommandError:
    return CommandError(Exit.REFUSED, message)
