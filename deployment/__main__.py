"""`python -m deployment prepare`, before a deployment; `protect`, after it; `release`, before the
stack is deleted. The stack is the one of samconfig.toml."""

from __future__ import annotations

import argparse
import sys
import tomllib
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import boto3
from botocore.exceptions import BotoCoreError, ClientError
from samtranslator.yaml_helper import yaml_parse

from bivouac.errors import BivouacError
from bivouac_cli.ending import CommandError
from deployment.preparation import account_of, prepare
from deployment.protection import Target, protect, refusal, release

PROJECT = Path(__file__).parent.parent
SAMCONFIG = PROJECT / "samconfig.toml"


def main(verb: str, changes: Sequence[str] = ()) -> str:
    """Why it was not done; empty if it was. `changes`: of answers, for prepare."""
    if verb == "prepare":
        template = yaml_parse((PROJECT / "template.yaml").read_text(encoding="utf-8"))
        return prepare(SAMCONFIG, template, changes, account_of)
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
    parser.add_argument("verb", choices=["prepare", "protect", "release"])
    parser.add_argument("changes", nargs="*", metavar="NAME=VALUE", help="of prepare's answers")
    given = parser.parse_args()
    try:
        sys.exit(main(given.verb, given.changes))
    except (BivouacError, BotoCoreError, ClientError) as error:
        sys.exit(f"{type(error).__name__}: {error}")
    except CommandError as error:
        sys.exit(str(error))
    except KeyboardInterrupt:
        sys.exit("\nNothing was changed.")
