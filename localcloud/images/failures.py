"""Containers that fail at once. Standard library only.

failures.py exits <code> | out-of-memory | wrong-architecture | prints-secrets
"""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import Callable
from typing import NoReturn

_AWS_S_OWN_EXAMPLE_KEYS = ("AKIAIOSFODNN7EXAMPLE", "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY")


def exits(code: str) -> NoReturn:
    print(f"bivouac/exits: this image always exits with code {code}", flush=True)
    sys.exit(int(code))


def out_of_memory() -> NoReturn:
    print("bivouac/out-of-memory: reading the whole catalogue into memory", flush=True)
    os.kill(os.getpid(), signal.SIGKILL)
    raise AssertionError("SIGKILL cannot be outlived")


def wrong_architecture() -> NoReturn:
    """What the container runtime writes to the container's log if the first program has the wrong
    architecture."""
    print("exec /app: exec format error", flush=True)
    sys.exit(1)


def prints_secrets() -> NoReturn:
    key_id, key = _AWS_S_OWN_EXAMPLE_KEYS
    for line in (
        f"environment: AWS_ACCESS_KEY_ID={key_id} AWS_SECRET_ACCESS_KEY={key}",
        "connecting to postgres://shop:correct-horse-battery@db.internal:5432/shop",
        'config: {"user": "shop", "password": "correct-horse-battery"}',
        "> GET /orders HTTP/1.1",
        "> Authorization: Bearer eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiJzaG9wIn0.c2lnbmF0dXJl",
        "fatal: the database refused the login",
    ):
        print(line, flush=True)
    sys.exit(1)


FAILURES: dict[str, Callable[..., NoReturn]] = {
    "exits": exits,
    "out-of-memory": out_of_memory,
    "wrong-architecture": wrong_architecture,
    "prints-secrets": prints_secrets,
}

failure, *parameters = sys.argv[1:]
FAILURES[failure](*parameters)
