"""The program: reads its arguments, finds the stack, runs one command, and ends with its code."""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence

from bivouac_cli.arguments import parser
from bivouac_cli.ending import CommandError, Exit

INTERRUPTED = 130
"""As shells say it."""


def main(arguments: Sequence[str] | None = None) -> int:
    given = parser().parse_args(arguments)
    # What the AWS SDK and rich take to import, --help need not wait for
    from bivouac_cli.clients import Clients
    from bivouac_cli.commands import Commands
    from bivouac_cli.init import init
    from bivouac_cli.screen import Screen
    from bivouac_cli.stack import Stack

    screen = Screen(given.output)
    try:
        clients = Clients(given.region, given.profile, given.endpoint_url)
        if given.command == "init":
            return init(given, clients, screen)
        return Commands(given, Stack(clients, given.stack), screen)()
    except CommandError as error:
        screen.note(str(error))
        return error.exit_code
    except KeyboardInterrupt:
        return INTERRUPTED
    except BrokenPipeError:
        # Whoever read the answer has seen enough; Python would complain once more at its end
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return Exit.DONE
