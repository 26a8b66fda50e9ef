"""The stand-in for the official Python image: this machine's Python, under the image's names.

It does not use the local cloud's virtual environment, whose packages the image does not have.
"""

from __future__ import annotations

import shlex
import sys
from pathlib import Path

NAMES = ("python", "python3")

_IMAGES = Path(__file__).parent.parent / "images"
_HOOK, _HOOK_IN_NAMESPACE = _IMAGES / "python", _IMAGES / "python_in_namespace"


def install(directory: Path, connections: Path | None) -> None:
    """Creates the programs in `directory`, which comes first on the container's PATH.

    `connections` is the file of sitecustomize.py, for tasks without a network namespace.
    """
    directory.mkdir()
    hook = _HOOK_IN_NAMESPACE if connections is None else _HOOK
    environment = f"PYTHONPATH={shlex.quote(str(hook))}${{PYTHONPATH:+:$PYTHONPATH}} "
    if connections is not None:
        environment += f"LOCALCLOUD_CONNECTIONS={shlex.quote(str(connections))} "
    interpreter = shlex.quote(str(Path(sys.executable).resolve()))
    for name in NAMES:
        program = directory / name
        program.write_text(f'#!/bin/sh\n{environment}exec {interpreter} "$@"\n')
        program.chmod(0o700)
