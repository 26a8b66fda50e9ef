"""`make demo`: `bivouac` on the local cloud, in a story of one environment (scenarios.py).

The real template, state machines and functions; real processes behind a real Envoy; no AWS.
Exits with 0 only if everything in the story held: READY with every proof, and a complete receipt.
"""

from __future__ import annotations

import argparse
import json
import signal
import sys
import time
from contextlib import ExitStack
from pathlib import Path
from types import FrameType

from demo.scenarios import SCENARIOS

INTERRUPTED = 130
NEXT = """\
Next:
  make local      # keep the local cloud running; it prints what to export
  pip install .   # the program: bivouac up events/shop.json
  make deploy     # the stack, in your AWS account"""


class InterruptedDemo(BaseException):
    """By SIGINT or SIGTERM.

    Not KeyboardInterrupt: if that passes through `exec`, as it does while a dataclass is created,
    Python 3.11 ends by SIGINT whatever the exit code is (unhandled_keyboard_interrupt in
    Python/pythonrun.c)."""


def main(arguments: list[str]) -> int:
    signal.signal(signal.SIGTERM, _interrupt)
    if (
        signal.getsignal(signal.SIGINT) is signal.default_int_handler
    ):  # otherwise it is to be ignored
        signal.signal(signal.SIGINT, _interrupt)
    parser = argparse.ArgumentParser(prog="python -m demo", description=__doc__)
    parser.add_argument("request", help="a file with a request")
    parser.add_argument("scenario", nargs="?", default="cycle", help=", ".join(SCENARIOS))
    given = parser.parse_args(arguments)
    if given.scenario not in SCENARIOS:
        return _refuse(f"SCENARIO={given.scenario} is none of {', '.join(SCENARIOS)}")
    try:
        request = json.loads(Path(given.request).read_text())
    except (OSError, ValueError) as error:
        return _refuse(f"{given.request} is not a request that can be read: {error}")
    try:
        return _told(given.request, request, given.scenario)
    except InterruptedDemo:
        print("Interrupted. Nothing is left running.")
        return INTERRUPTED


def _told(file: str, request: object, scenario: str) -> int:
    began = time.monotonic()
    print("Starting the local cloud and deploying template.yaml to it", flush=True)
    # Importing it takes seconds; people see by now that something happens.
    from demo.stage import Stage
    from localcloud.cloud import LocalCloud
    from localcloud.errors import CannotStartError
    from localcloud.stack import TEMPLATE, endpoint_port, parameters, timings

    try:
        with ExitStack() as parts:
            cloud = parts.enter_context(LocalCloud(timings=timings(), port=endpoint_port()))
            stack = cloud.deploy(TEMPLATE, parameters(cloud.account))
            print(cloud.isolation)
            stage = parts.enter_context(Stage(cloud, stack))
            held = SCENARIOS[scenario](stage, file, request)
    except (CannotStartError, TimeoutError) as error:
        print(f"{error}. Nothing is left running.")
        return 1
    seconds = time.monotonic() - began
    verdict = "Everything held" if held else "Not everything held"
    print(f"\n{verdict}, in {seconds:.0f} s. Nothing is left running.\n\n{NEXT}")
    return 0 if held else 1


def _refuse(problem: str) -> int:
    print(problem, file=sys.stderr)
    return 2


def _interrupt(_signal: int, _frame: FrameType | None) -> None:
    raise InterruptedDemo


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
