"""Images of one's own: which commands of this machine play them.

LOCALCLOUD_IMAGES names a JSON file, in which each image's name, without a tag, has the command that
plays it, in the file's directory:

    {"acme/web": ["python3", "server.py"], "ghcr.io/acme/api": "node api.js"}

A string is for the shell. A container's own `command` follows a list as its arguments, as a command
follows an image's entry point.
"""

from __future__ import annotations

import json
import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from localcloud.errors import CannotStartError

from .images import Image, Launch, repository_of

VARIABLE = "LOCALCLOUD_IMAGES"


class ImagesFileError(CannotStartError):
    """LOCALCLOUD_IMAGES names no file of commands. The text says everything that is wrong."""


def from_environment() -> tuple[Image, ...]:
    """Empty without the variable. Raises ImagesFileError."""
    name = os.environ.get(VARIABLE)
    return read(Path(name)) if name else ()


def read(file: Path) -> tuple[Image, ...]:
    """Raises ImagesFileError."""
    try:
        content = json.loads(file.read_text())
    except (OSError, ValueError) as error:
        raise ImagesFileError(f"{VARIABLE}={file} cannot be read as JSON: {error}") from error
    entries = content if isinstance(content, dict) else {}
    problems = [
        f"{name!r}: write the command as a string or as a list of strings"
        for name, command in entries.items()
        if not _is_command(command)
    ]
    if not isinstance(content, dict):
        problems.append('write {"<image>": ["<program>", "<argument>", ...]}')
    if problems:
        raise ImagesFileError(f"{VARIABLE}={file}: " + "; ".join(problems))
    directory = str(file.resolve().parent)
    return tuple(_image(name, command, directory) for name, command in entries.items())


def _is_command(command: Any) -> bool:
    if isinstance(command, str):
        return bool(command.strip())
    return isinstance(command, list) and bool(command) and all(isinstance(a, str) for a in command)


def _image(name: str, command: str | list[str], directory: str) -> Image:
    def program(launch: Launch) -> Sequence[str]:
        if isinstance(command, str):
            return ("/bin/sh", "-c", f'cd "$0" && {command}', directory)
        arguments = (*command, *launch.container.command)
        return ("/bin/sh", "-c", 'cd "$0" && exec "$@"', directory, *arguments)

    return Image((repository_of(name),), ".*", program, obeys_command=True)
