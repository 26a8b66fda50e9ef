"""The stand-in of the official Python image: this machine's Python, under the image's names.

Not that of the virtual environment of the local cloud, whose packages are not in the image.
"""

from __future__ import annotations

import shlex
import sys
from pathlib import Path

NAMES = ("python", "python3")

_HOOK = Path(__file__).parent.parent / "images" / "python"


def install(directory: Path, connections: Path | None) -> None:
    """Make the programs in `directory`, to be found first on the container's PATH.

    `connections` is the file of sitecustomize.py, for tasks without a network of their own.
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
