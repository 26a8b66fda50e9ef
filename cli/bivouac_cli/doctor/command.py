"""`bivouac doctor`: what will not work, before anybody runs into it."""

from __future__ import annotations

import argparse

from bivouac_cli.clients import Clients
from bivouac_cli.doctor.account import Account
from bivouac_cli.doctor.examination import Examination
from bivouac_cli.doctor.finding import Verdict
from bivouac_cli.ending import Exit
from bivouac_cli.screen import Screen


def doctor(given: argparse.Namespace, clients: Clients, screen: Screen) -> Exit:
    """Prints what each check finds; exit code 1 if something will not work."""
    with screen.working(given.stack):
        findings = list(Examination(Account(clients), given.stack).findings())
    screen.findings(findings)
    failed = any(each.verdict is Verdict.NG for each in findings)
    return Exit.FAILED if failed else Exit.DONE
