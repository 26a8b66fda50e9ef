"""Writes the retry policy of statemachine/retries.yaml into the definitions (`make retries`).

A definition names a policy where it is used, `Retry: # function`, with its retriers below: so there
is one place to change it, and SAM, Step Functions and its console show plain definitions.
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import yaml

STATE_MACHINES = Path(__file__).parent.parent / "statemachine"
POLICIES = STATE_MACHINES / "retries.yaml"

_RETRY = re.compile(r"^( *)Retry:(.*)\n((?:\1  .*\n)*)", re.MULTILINE)


def with_retries(definition: str, policies: dict[str, Any]) -> str:
    """The text of a definition with the retriers of each policy that it names.

    Raises ValueError for a Retry that names no policy, or an unknown one."""

    def written(found: re.Match[str]) -> str:
        indent, name = found[1], found[2].removeprefix(" # ")
        if name not in policies["policies"]:
            known = ", ".join(policies["policies"])
            raise ValueError(f"Retry:{found[2]} names none of the policies {known}")
        retriers = (policies["retriers"][each] for each in policies["policies"][name])
        lines = "".join(f"{indent}  - {_flow(retrier)}\n" for retrier in retriers)
        return f"{indent}Retry: # {name}\n{lines}"

    return _RETRY.sub(written, definition)


def _flow(retrier: dict[str, Any]) -> str:
    return yaml.safe_dump(
        retrier, default_flow_style=True, sort_keys=False, width=float("inf")
    ).strip()


def main() -> None:
    policies = yaml.safe_load(POLICIES.read_text(encoding="utf-8"))
    for file in sorted(STATE_MACHINES.glob("*.asl.yaml")):
        text = file.read_text(encoding="utf-8")
        written = with_retries(text, policies)
        if written != text:
            file.write_text(written, encoding="utf-8")
            print(f"{file.name}: written")


if __name__ == "__main__":
    main()
