"""Replaces parts of moto while a local cloud runs."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, MutableMapping
from contextlib import ExitStack, contextmanager
from typing import Any

_ABSENT = object()

Patch = tuple[Any, str, Any]
"""Owner, name and value, as for `patched`."""


@contextmanager
def patched(owner: Any, name: str, value: Any) -> Iterator[Any]:
    """Sets an attribute (of a module or class) or a mapping's entry; yields its previous value.

    A missing attribute means that moto has changed: that is an error, nothing is added."""
    if isinstance(owner, MutableMapping) and not hasattr(owner, name):
        before = owner.get(name, _ABSENT)
        owner[name] = value
        try:
            yield before
        finally:
            if before is _ABSENT:
                owner.pop(name, None)
            else:
                owner[name] = before
        return
    before = vars(owner)[name] if name in vars(owner) else getattr(owner, name)
    inherited = name not in vars(owner)
    setattr(owner, name, value)
    try:
        yield before
    finally:
        if inherited:
            delattr(owner, name)
        else:
            setattr(owner, name, before)


@contextmanager
def all_patched(patches: Iterable[Patch]) -> Iterator[None]:
    """Applies several patches at once."""
    with ExitStack() as entered:
        for owner, name, value in patches:
            entered.enter_context(patched(owner, name, value))
        yield
