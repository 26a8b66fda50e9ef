"""The code of published Lambda versions: a copy, so it stays when its directory changes."""

from __future__ import annotations

import hashlib
import shutil
import tempfile
import threading
from pathlib import Path


class PublishedCode:
    """Copies of code directories; versions with the same code share one."""

    def __init__(self) -> None:
        self._directory: tempfile.TemporaryDirectory[str] | None = None
        self._lock = threading.Lock()

    def copy_of(self, code: Path) -> Path:
        """A copy of the directory's present content."""
        with self._lock:
            if self._directory is None:
                self._directory = tempfile.TemporaryDirectory(prefix="localcloud-versions-")
            copy = Path(self._directory.name) / _state_of(code)
            if not copy.exists():
                shutil.copytree(code, copy)
            return copy

    def close(self) -> None:
        with self._lock:
            if self._directory is not None:
                self._directory.cleanup()
                self._directory = None


def _state_of(code: Path) -> str:
    """Changes with any of its files."""
    digest = hashlib.sha256(str(code).encode())
    for file in sorted(path for path in code.rglob("*") if path.is_file()):
        if file.suffix != ".pyc":
            status = file.stat()
            digest.update(
                f"{file.relative_to(code)} {status.st_size} {status.st_mtime_ns}".encode()
            )
    return digest.hexdigest()[:16]
