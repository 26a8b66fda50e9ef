"""The stand-in for the official Python image: this machine's Python, under the image's names.

It does not use the local cloud's virtual environment, whose packages the image does not have.
"""

from __future__ import annotations

import shlex
import sys
from pathlib import Path

NAMES = ("python", "python3")

_HOOK = Path(__file__).parent.parent / "images" / "python"


def install(directory: Path, connections: Path | None) -> None:
    """Creates the programs in `directory`, which comes first on the container's PATH.

    `connections` is the file of sitecustomize.py, for tasks without a network namespace.
    """
    directory.mkdir()
    environment = ""
    if connections is not None:
        environment = (
            f"PYTHONPATH={shlex.quote(str(_HOOK))}${{PYTHONPATH:+:$PYTHONPATH}} "
            f"LOCALCLOUD_CONNECTIONS={shlex.quote(str(connections))} "
        )
    interpreter = shlex.quote(str(Path(sys.executable).resolve()))
    for name in NAMES:
        program = directory / name
        program.write_text(f'#!/bin/sh\n{environment}exec {interpreter} "$@"\n')
        program.chmod(0o700)
