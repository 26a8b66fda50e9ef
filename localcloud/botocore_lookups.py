"""Caches what botocore computes again each time although it never changes.

Every session, every loader and moto read the same service models, which takes longer than anything
else that a client needs. Every call also builds its User-Agent and checks it letter by letter, four
times. This module imports nothing of the local cloud: `worker_fork.py` loads it alone.
"""

from __future__ import annotations

from functools import cache, lru_cache
from typing import Any

from botocore import useragent
from botocore.loaders import JSONFileLoader, Loader


@cache
def keep_lookups() -> None:
    """Shares these caches among all clients of this process from now on."""
    _share(JSONFileLoader, "load_file")
    _share(Loader, "list_available_services")
    name = "sanitize_user_agent_string_component"
    setattr(useragent, name, lru_cache(1000)(getattr(useragent, name)))


def _share(owner: type, name: str) -> None:
    read, known = getattr(owner, name), dict[Any, Any]()

    def read_once(self: Any, *what: str, **named: str) -> Any:
        key = (what, *named.items())
        if key not in known:
            known[key] = read(self, *what, **named)
        return known[key]

    setattr(owner, name, read_once)
