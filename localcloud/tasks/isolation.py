"""Which isolation of tasks this machine allows."""

from __future__ import annotations

import json
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from localcloud.errors import CannotStartError

from .files import RuntimeFiles
from .sandbox.protocol import Plan

Kind = Literal["namespace", "proxy"]

SANDBOX = (
    sys.executable,
    *("-I", "-S"),
    "-c",
    f"import sys; sys.path.append({str(Path(__file__).parent)!r}); "
    "from sandbox.main import main; main()",
)
"""The sandbox program; its argument is the plan's file. It uses only the standard library and must
not load the rest of the local cloud."""


class CannotIsolateError(CannotStartError):
    """Namespaces were requested and the system refuses them. The text says how."""


@dataclass(frozen=True)
class Isolation:
    kind: Kind
    sentence: str
    """For people: which isolation is active, and why it is not the better one."""


def choose_isolation(files: RuntimeFiles, wanted: Kind | None) -> Isolation:
    """Tries namespaces once. Raises CannotIsolateError if they were requested and are refused."""
    if wanted == "proxy":
        return Isolation("proxy", f"Namespaces were not asked for. {_PROXY_SENTENCE}")
    problem = _try_namespaces(files)
    if problem is None:
        return Isolation("namespace", _NAMESPACE_SENTENCE)
    if wanted == "namespace":
        raise CannotIsolateError(
            f"This system refuses the namespaces that a task needs ({problem}). On Ubuntu: "
            "sysctl kernel.apparmor_restrict_unprivileged_userns=0; or let the local cloud choose."
        )
    return Isolation("proxy", f"This system refuses namespaces ({problem}). {_PROXY_SENTENCE}")


_NAMESPACE_SENTENCE = (
    "Each task has a network namespace of its own: its ports are real, and aliases resolve as "
    "on ECS."
)
_PROXY_SENTENCE = (
    "Tasks reach aliases through http_proxy: HTTP alone, and stand-ins listen on Unix sockets."
)


def _try_namespaces(files: RuntimeFiles) -> str | None:
    """None if it works, else the system's error."""
    if sys.platform != "linux":
        return f"{sys.platform} has none"
    plan: Plan = {
        "isolated": True,
        "hostname": "probe",
        "replaced_files": {},
        "writable": [str(files.root)],
        "containers": [],
        "forwards": [],
    }
    file = files.root / "probe.json"
    file.write_text(json.dumps(plan))
    probe = subprocess.run(
        [*SANDBOX, str(file)],
        input="",
        capture_output=True,
        text=True,
        timeout=10,
        check=False,
    )
    file.unlink()
    for line in probe.stdout.splitlines():
        event = json.loads(line)
        if event["event"] == "started":
            return None
        return str(event["reason"])
    return probe.stderr.strip() or f"exit status {probe.returncode}"
