"""Handlers that fail, each in a different way."""

import os
import signal
import sys
import threading
import time
from pathlib import Path
from typing import Any


class NamespaceInUseError(Exception):
    pass


def raises(event: dict[str, Any], context: Any) -> None:
    raise NamespaceInUseError(f"{event.get('name')} belongs to another environment")


def never_ends(event: Any, context: Any) -> None:
    print("starting something long", flush=True)
    threading.Event().wait()


def exits(event: Any, context: Any) -> None:
    sys.exit(3)


def exits_at_once(event: dict[str, int], context: Any) -> None:
    os._exit(event["status"])


def is_killed(event: Any, context: Any) -> None:
    """Killed like a process that uses too much memory."""
    os.kill(os.getpid(), signal.SIGKILL)


def raises_at_length(event: dict[str, int], context: Any) -> None:
    raise ValueError("x" * event["characters"])


def answers_nonsense(event: Any, context: Any) -> set[int]:
    return {1}


def answers_much(event: dict[str, Any], context: Any) -> dict[str, str]:
    return {"text": "x" * event["bytes"]}


def fails_until_the_third_call(event: dict[str, str], context: Any) -> int:
    with Path(event["counter"]).open("a+") as counter:
        counter.write("x")
        counter.flush()
        counter.seek(0)
        calls = len(counter.read())
    if calls < 3:
        raise NamespaceInUseError(f"call {calls}")
    return calls


def waits_for_file(event: dict[str, str], context: Any) -> str:
    """Ends when the file exists."""
    Path(event["started"]).touch()
    while not Path(event["until"]).exists():
        time.sleep(0.005)
    return "done"
