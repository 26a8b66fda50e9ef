"""What botocore reads and works out anew each time, although it is always the same.

Every session, every loader and moto for itself would read the same files about services again,
which takes longer than all else that a client needs; nobody changes what was read. And each call
names the program that makes it in words that are looked through letter by letter, four times.
Stands alone: `worker_fork.py` knows nothing of the local cloud.
"""

from __future__ import annotations

from functools import cache, lru_cache
from typing import Any

from botocore import useragent
from botocore.loaders import JSONFileLoader, Loader


@cache
def keep_lookups() -> None:
    """Let all clients of this process share what one of them has found, from now on."""
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
