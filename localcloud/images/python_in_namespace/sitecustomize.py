"""Lets Python servers listen at a port that is also an alias's, as they can on ECS.

There packets to an alias are redirected to the proxy. Here the proxy listens at the same port of
the alias's own address, and Linux lets a server that listens at all addresses share the port only
if both ask for it. Python loads this at its start.
"""

from __future__ import annotations

import socket
from typing import Any

_bind = socket.socket.bind


def _share_and_bind(self: socket.socket, address: Any) -> None:
    if self.family in (socket.AF_INET, socket.AF_INET6):
        self.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
    _bind(self, address)


socket.socket.bind = _share_and_bind  # type: ignore[method-assign, assignment]
