"""`make demo`: a story of one environment on the local cloud (scenarios.py).

The real template, state machines and functions; real processes behind a real Envoy; no AWS.
Exits with 0 only if everything in the story held: every check, and the receipt is complete.
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
from demo.showing import Screen
from localcloud.errors import CannotStartError
from localcloud.stack import TEMPLATE, endpoint_port, parameters, timings

INTERRUPTED = 130


class InterruptedDemo(BaseException):
    """By SIGINT or SIGTERM.

    Not KeyboardInterrupt: where that passes through `exec`, as it does while a dataclass is made,
    Python 3.11 ends by SIGINT whatever the exit code is (unhandled_keyboard_interrupt in
    Python/pythonrun.c)."""


def main(arguments: list[str], screen: Screen) -> int:
    signal.signal(signal.SIGTERM, _interrupt)
    if signal.getsignal(signal.SIGINT) is signal.default_int_handler:  # else it is to be ignored
        signal.signal(signal.SIGINT, _interrupt)
    parser = argparse.ArgumentParser(prog="python -m demo", description=__doc__)
    parser.add_argument("request", help="a file with a request")
    parser.add_argument("scenario", nargs="?", default="cycle", help=", ".join(SCENARIOS))
    given = parser.parse_args(arguments)
    if given.scenario not in SCENARIOS:
        screen.line(f"SCENARIO={given.scenario} is none of {', '.join(SCENARIOS)}", "red")
        return 2
    try:
        request = json.loads(Path(given.request).read_text())
    except (OSError, ValueError) as error:
        screen.line(f"{given.request} is not a request that can be read: {error}", "red")
        return 2
    began = time.monotonic()
    try:
        profile, port = timings(), endpoint_port()
        with ExitStack() as parts:
            with screen.waiting("Starting the local cloud and deploying template.yaml to it"):
                # It takes seconds to be imported: people see by now that something happens.
                from demo.stage import Stage
                from localcloud.cloud import LocalCloud

                cloud = parts.enter_context(LocalCloud(timings=profile, port=port))
                stage = Stage(cloud, cloud.deploy(TEMPLATE, parameters(cloud.account)), screen)
            screen.line(cloud.isolation)
            held = SCENARIOS[given.scenario](stage, request)
    except (CannotStartError, TimeoutError) as error:
        screen.line(f"{error}. Nothing is left running.", "red")
        return 1
    except InterruptedDemo:
        screen.line("Interrupted. Nothing is left running.", "yellow")
        return INTERRUPTED
    seconds = time.monotonic() - began
    verdict = "Everything held" if held else "Not everything held"
    screen.line(f"{verdict}, in {seconds:.0f} s. Nothing is left running.", "bold")
    return 0 if held else 1


def _interrupt(_signal: int, _frame: FrameType | None) -> None:
    raise InterruptedDemo


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:], Screen()))
