"""A task's names and ports for its Python programs, if the task has no network namespace.

Python loads this at its start. socket.create_connection, which http.client and urllib use, then
resolves only the names in the file LOCALCLOUD_CONNECTIONS, "<name>:<port>" -> Unix socket.
"""

from __future__ import annotations

import errno
import ipaddress
import json
import os
import socket
from pathlib import Path
from typing import Any

_CONNECTIONS: dict[str, str] = json.loads(Path(os.environ["LOCALCLOUD_CONNECTIONS"]).read_text())
_NAMES = {connection.rpartition(":")[0] for connection in _CONNECTIONS} | {"localhost"}


class _Connection(socket.socket):
    """A Unix socket that accepts the TCP options that http.client sets."""

    def setsockopt(self, level: int, *option: Any) -> None:
        if level != socket.IPPROTO_TCP:
            super().setsockopt(level, *option)


def _create_connection(
    address: tuple[str, int],
    timeout: Any = socket._GLOBAL_DEFAULT_TIMEOUT,  # type: ignore[attr-defined]
    source_address: object = None,
    **_options: Any,
) -> socket.socket:
    name, port = address
    path = _CONNECTIONS.get(f"{name}:{port}")
    if path is None:
        raise _refusal(name)
    connection = _Connection(socket.AF_UNIX, socket.SOCK_STREAM)
    if timeout is not socket._GLOBAL_DEFAULT_TIMEOUT:  # type: ignore[attr-defined]
        connection.settimeout(timeout)
    try:
        connection.connect(path)
    except FileNotFoundError as nobody:
        connection.close()
        raise _refusal(name) from nobody
    except OSError:
        connection.close()
        raise
    return connection


def _refusal(name: str) -> OSError:
    if name in _NAMES:
        return ConnectionRefusedError(errno.ECONNREFUSED, "Connection refused")
    try:
        ipaddress.ip_address(name)
    except ValueError:
        return socket.gaierror(socket.EAI_NONAME, "Name or service not known")
    return OSError(errno.ENETUNREACH, "Network is unreachable")


socket.create_connection = _create_connection  # type: ignore[assignment]
