"""A command in a container, by the AWS CLI and its Session Manager plugin."""

from __future__ import annotations

import argparse
import shlex
import subprocess

from bivouac_cli.ending import CommandError, Exit


def shell_words(cluster: str, task: str, given: argparse.Namespace) -> list[str]:
    words = ["aws", "ecs", "execute-command", "--cluster", cluster, "--task", task]
    for option in ("container", "region", "profile", "endpoint_url"):
        if value := getattr(given, option):
            words += [f"--{option.replace('_', '-')}", value]
    return [*words, "--interactive", "--command", shlex.join(given.words)]


def run(words: list[str]) -> Exit:
    """On this terminal. The AWS CLI reports what went wrong."""
    try:
        done = subprocess.run(words, check=False)
    except FileNotFoundError:
        raise CommandError(
            Exit.REFUSED, "Install the AWS CLI and its Session Manager plugin to run this"
        ) from None
    return Exit.FAILED if done.returncode else Exit.DONE
