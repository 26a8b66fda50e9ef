"""`bivouac init`: a request from services that run on ECS today, or from their definitions."""

from __future__ import annotations

import argparse
import re

from bivouac_cli.clients import Clients
from bivouac_cli.ending import CommandError, Exit
from bivouac_cli.init.request import drafted
from bivouac_cli.init.sources import Found, found_in_cluster, found_in_files
from bivouac_cli.screen import Screen

_NAME_LIMIT = 40
"""Characters of an environment's name."""


def init(given: argparse.Namespace, clients: Clients, screen: Screen) -> Exit:
    """Prints the request, and on the standard error what it leaves out and why."""
    found = _found(given, clients)
    source = given.cluster.rpartition("/")[2] if given.cluster else found.first_name
    draft = drafted(given.name or _as_name(source), found.services, found.definitions)
    screen.value(draft.request)
    for note in draft.notes:
        screen.note(note)
    return Exit.DONE


def _found(given: argparse.Namespace, clients: Clients) -> Found:
    if bool(given.files) == bool(given.cluster):
        raise CommandError(Exit.REFUSED, "Name either a cluster (--cluster C) or files, not both")
    if given.cluster:
        return found_in_cluster(clients, given.cluster, given.service)
    if given.service:
        raise CommandError(Exit.REFUSED, "--service chooses from a cluster: name it with --cluster")
    return found_in_files(given.files)


def _as_name(source: str) -> str:
    """A valid environment name made from the text."""
    words = re.sub(r"[^a-z0-9]+", "-", source.lower())[:_NAME_LIMIT].strip("-")
    return words if re.match(r"[a-z]", words) else "environment"
