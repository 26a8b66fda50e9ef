"""`python -m deployment protect`, after a deployment; `python -m deployment release`, before the
stack is deleted. The stack is the one of samconfig.toml."""

from __future__ import annotations

import argparse
import sys
import tomllib
from pathlib import Path
from typing import Any

import boto3
from botocore.exceptions import BotoCoreError, ClientError

from bivouac.errors import BivouacError
from deployment.protection import Target, protect, refusal, release

SAMCONFIG = Path(__file__).parent.parent / "samconfig.toml"


def main(verb: str) -> str:
    """Why it was not done; empty where it was."""
    target = Target.of(tomllib.loads(SAMCONFIG.read_text(encoding="utf-8")))
    session: Any = boto3.Session(profile_name=target.profile, region_name=target.region)
    name = target.stack_name
    if verb == "protect":
        protect(session, name)
        print(f"The stack {name} is protected against deletion; make undeploy removes it.")
    elif why := refusal(session, name):
        return why
    elif not confirmed(f"Delete the stack {name}? Its table of records stays."):
        return "Nothing was changed."
    else:
        release(session, name)
    return ""


def confirmed(question: str) -> bool:
    try:
        return input(f"{question} [y/N] ").strip().lower() in ("y", "yes")
    except EOFError:
        return False


if __name__ == "__main__":
    parser = argparse.ArgumentParser(prog="python -m deployment")
    parser.add_argument("verb", choices=["protect", "release"])
    try:
        sys.exit(main(parser.parse_args().verb))
    except (BivouacError, BotoCoreError, ClientError) as error:
        sys.exit(f"{type(error).__name__}: {error}")
