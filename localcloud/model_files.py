"""botocore's files about services, each read once in a process.

Every session, every loader and moto for itself would read the same files again, which takes longer
than all else that a client needs. Nobody changes what was read. Stands alone: `worker_fork.py`
knows nothing of the local cloud.
"""

from __future__ import annotations

from functools import cache
from typing import Any

from botocore.loaders import JSONFileLoader, Loader


@cache
def read_once() -> None:
    """Let all loaders of this process share what one of them has read, from now on."""
    _share(JSONFileLoader, "load_file")
    _share(Loader, "list_available_services")


def _share(owner: type, name: str) -> None:
    read, known = getattr(owner, name), dict[str, Any]()

    def read_once(self: Any, *what: str, **named: str) -> Any:
        key = "/".join([*what, *named.values()])
        if key not in known:
            known[key] = read(self, *what, **named)
        return known[key]

    setattr(owner, name, read_once)
