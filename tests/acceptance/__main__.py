"""`make accept`: runs the story on a deployed stack, and says which beliefs AWS has confirmed."""

from __future__ import annotations

import argparse
import os
import secrets
import signal
import sys
import time
import traceback
from datetime import UTC, datetime
from pathlib import Path
from types import FrameType
from urllib.parse import urlsplit

import botocore.session
from botocore.exceptions import BotoCoreError, ClientError

from . import cost, fixtures
from .cleaning import Remains, clean
from .deployed import Aws, Deployed, NoStackError, described
from .executions import StepFailedError
from .life import Life
from .recorder import Recorder
from .scrubbing import NotScrubbedError
from .showing import Screen

HELD, DID_NOT_HOLD, NOT_BEGUN = 0, 1, 2

LIMIT = 1800.0
"""Seconds, for a step at most."""


class NotBegunError(Exception):
    """Nothing was created. The text says in one line what is missing."""


def main(arguments: list[str]) -> int:
    signal.signal(signal.SIGTERM, _interrupt)
    given = _parser().parse_args(arguments)
    screen, recorder = Screen(), Recorder()
    try:
        if given.record == fixtures.RECORDED and _is_local(given.endpoint_url):
            raise NotBegunError(f"{given.record} keeps what AWS says; this endpoint is not AWS.")
        aws = _connected(given, recorder)
        stack = _found(aws, given.stack)
        run = f"accept-{secrets.token_hex(3)}"
        if not _is_local(given.endpoint_url):
            for line in cost.notice(stack.name, stack.account, aws.region, run):
                screen.line(line)
            agreed(yes=given.yes)
    except NotBegunError as error:
        print(error, file=sys.stderr)
        return NOT_BEGUN
    every = 0.2 if _is_local(given.endpoint_url) else 3.0
    problems = _told(aws, stack, run, recorder, screen, every)
    for line in recorder.table():
        screen.line(line)
    if given.record:
        where = given.endpoint_url or f"AWS, {aws.region}"
        day = datetime.now(UTC).date().isoformat()
        try:
            saved = fixtures.save(recorder.findings.values(), given.record, where, day)
        except NotScrubbedError as error:
            problems.append(f"Nothing was saved: {error}")
        else:
            screen.line(f"Saved: {', '.join(path.name for path in saved)}")
    for problem in problems:
        screen.line(problem)
    if recorder.contradicted:
        screen.line(f"Contradicted: {', '.join(recorder.contradicted)}")
    held = not problems and not recorder.contradicted
    screen.line("Everything held, and nothing is left." if held else "Not everything held.")
    return HELD if held else DID_NOT_HOLD


def _parser() -> argparse.ArgumentParser:
    environment = os.environ
    parser = argparse.ArgumentParser(prog="python -m tests.acceptance", description=__doc__)
    parser.add_argument("--stack", default=environment.get("STACK") or "bivouac")
    parser.add_argument("--region", default=environment.get("AWS_REGION"))
    parser.add_argument("--endpoint-url", default=environment.get("AWS_ENDPOINT_URL"))
    parser.add_argument(
        "--record",
        nargs="?",
        type=Path,
        const=fixtures.RECORDED,
        metavar="DIRECTORY",
        help="save the answers that settled beliefs, scrubbed, as fixtures (%(const)s)",
    )
    parser.add_argument("--yes", action="store_true", help="do not ask whether to begin")
    return parser


def _is_local(endpoint_url: str | None) -> bool:
    host = urlsplit(endpoint_url or "").hostname or ""
    return host in ("127.0.0.1", "localhost") or host.endswith(".localhost")


def _connected(given: argparse.Namespace, recorder: Recorder) -> Aws:
    """Raises NotBegunError."""
    session = botocore.session.Session()
    region = given.region or session.get_config_variable("region")
    missing = []
    if not region:
        missing.append("a Region (AWS_REGION, or REGION=... for make)")
    if session.get_credentials() is None:
        missing.append("credentials (AWS_PROFILE, or AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY)")
    if missing:
        raise NotBegunError(f"Not begun. Missing: {' and '.join(missing)}.")
    return Aws(region, given.endpoint_url, recorder)


def _found(aws: Aws, name: str) -> Deployed:
    """Raises NotBegunError."""
    try:
        return described(aws, name)
    except NoStackError as error:
        raise NotBegunError(f"{error}: deploy it with make deploy, or set STACK.") from error
    except (ClientError, BotoCoreError) as error:
        where = f"{aws.endpoint_url} (make local)" if aws.endpoint_url else f"AWS in {aws.region}"
        raise NotBegunError(f"{where} does not tell about the stack {name}: {error}") from error


def agreed(*, yes: bool) -> None:
    """Asks whether to begin, if there is somebody to ask; a pipeline has agreed by running it.
    Raises NotBegunError."""
    if yes or os.environ.get("CI"):
        return
    if not sys.stdin.isatty():
        raise NotBegunError("Nobody is there to be asked whether to begin: add --yes (YES=1).")
    if input("Begin? [y/N] ").strip().lower() not in ("y", "yes"):
        raise NotBegunError("Nothing was made.")


def _told(
    aws: Aws, stack: Deployed, run: str, recorder: Recorder, screen: Screen, every: float
) -> list[str]:
    """Runs the story and then deletes everything, however it ended. Returns what went wrong."""
    problems: list[str] = []
    life = Life(aws, stack, run, recorder, screen, every, LIMIT)
    try:
        life.tell()
    except (StepFailedError, ClientError, BotoCoreError) as error:
        problems.append(f"A step failed: {error}")
    except KeyboardInterrupt:
        problems.append("Interrupted.")
    except Exception:
        problems.append(f"The suite itself failed: {traceback.format_exc()}")
    try:
        with screen.step("everything that was made is taken away"):
            remains = Remains(aws, stack, run)
            problems += clean(remains, life.executions, run, lambda: time.sleep(every), LIMIT)
            life.listener.end()
    except (ClientError, BotoCoreError, KeyboardInterrupt) as error:
        problems.append(f"What is named {run} may be left, in ECS, Cloud Map, SQS... : {error!r}")
    return problems


def _interrupt(_signal: int, _frame: FrameType | None) -> None:
    raise KeyboardInterrupt


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
