"""Keeps the answers that settled beliefs, scrubbed, as files for tests."""

from __future__ import annotations

import json
from collections.abc import Iterable
from pathlib import Path

from botocore import xform_name

from .recorder import Finding
from .scrubbing import Scrubber

RECORDED = Path(__file__).parent.parent / "recorded"


def save(findings: Iterable[Finding], directory: Path, where: str, day: str) -> list[Path]:
    """Writes a file for each answer that settled a belief, named after its operation and that
    belief.

    One answer that settled several is kept once. Raises NotScrubbedError before anything is
    written."""
    settled: dict[int, list[Finding]] = {}
    for finding in findings:
        if finding.answer is not None:
            settled.setdefault(id(finding.answer), []).append(finding)
    scrubber = Scrubber()
    files = {}
    for same in settled.values():
        first = same[0]
        told = ", ".join(f"{each.belief.id} ({each.verdict.lower()})" for each in same)
        files[directory / _name(first)] = {
            "source": f"make accept on {where}; settled {told}",
            "recorded": day,
            "answer": scrubber.scrubbed(first.answer),
        }
    directory.mkdir(parents=True, exist_ok=True)
    for path, content in files.items():
        path.write_text(json.dumps(content, indent=2) + "\n")
    return sorted(files)


def _name(finding: Finding) -> str:
    """ "ecs-describe-tasks-proxy-attached.json" """
    service, _, operation = finding.operation.partition(".")
    slug = finding.belief.id.partition(".")[2]
    return f"{service}-{xform_name(operation.replace(' ', ''), '-')}-{slug}.json"
