"""The program: reads its arguments, finds the stack, runs one command, and ends with its code."""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Sequence
from typing import TYPE_CHECKING

from bivouac_cli.arguments import parser
from bivouac_cli.ending import CommandError, Exit

if TYPE_CHECKING:
    from bivouac_cli.screen import Screen

INTERRUPTED = 130
"""As shells say it."""


def main(arguments: Sequence[str] | None = None) -> int:
    given = parser().parse_args(arguments)
    # Importing the AWS SDK and rich takes time, which --help need not wait for
    from bivouac_cli.screen import Screen

    screen = Screen(given.output)
    try:
        return _run(given, screen)
    except CommandError as error:
        screen.note(str(error))
        return error.exit_code
    except KeyboardInterrupt:
        return INTERRUPTED
    except BrokenPipeError:
        # The reader has seen enough; Python would complain at its end
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return Exit.DONE


def _run(given: argparse.Namespace, screen: Screen) -> Exit:
    from bivouac_cli.clients import Clients

    clients = Clients(given.region, given.profile, given.endpoint_url)
    match given.command:
        case "doctor":
            from bivouac_cli.doctor.command import doctor

            return doctor(given, clients, screen)
        case "init":
            from bivouac_cli.init.command import init

            return init(given, clients, screen)
        case _:
            from bivouac_cli.commands import Commands
            from bivouac_cli.stack import Stack

            return Commands(given, Stack(clients, given.stack), screen)()
