"""Draws the state machines from their own definitions, as Mermaid, into how-it-works.md.

`make pictures` writes them; a test fails while it shows something else.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import yaml

ROOT = Path(__file__).parent.parent
HOW_IT_WORKS = ROOT / "docs" / "how-it-works.md"

_SHAPES = {
    "Task": '["{}"]',
    "Choice": '{{{{"{}"}}}}',
    "Wait": '(["{}"])',
    "Pass": '["{}"]',
    "Succeed": '(["{}"])',
    "Fail": '(["{}"])',
}
_CLASSES = {"Succeed": "good", "Fail": "bad", "Wait": "wait"}
_WAITS_FOR_TOKEN = ".waitForTaskToken"
"""Ends the resource of a task that waits until somebody sends its token back."""
_STYLES = """\
  classDef good fill:#d7f5dd,stroke:#2b8a3e,color:#000
  classDef bad fill:#fde2e1,stroke:#c92a2a,color:#000
  classDef wait fill:#eef,stroke:#88a,color:#000"""
FEW = 2
"""A catch of so many states is drawn from each of them; of more, once from "any failure"."""

States = dict[str, Any]
Catch = tuple[str, str, list[str], bool]
"""Whose failure it is, where that leads, where the arrows there end, and whether it is only that
nobody sent the token back in time."""


def diagram(definition: dict[str, Any]) -> str:
    """A Mermaid flow chart of a state machine."""
    states = definition["States"]
    lines = ["flowchart TD", *_states(states, states, "  ")]
    failures: dict[str, list[list[str]]] = {}
    for source, target, entries, silent in _catches(states):
        if silent:
            lines += [f'  {source} -. "no answer in time" .-> {entry}' for entry in entries]
        else:
            arrows = [f"  {source} -. failed .-> {entry}" for entry in entries]
            failures.setdefault(target, []).append(arrows)
    for target, sources in failures.items():
        if len(sources) <= FEW:
            lines += [arrow for arrows in sources for arrow in arrows]
        else:
            lines.append(f'  any_{target}[/"any failure on the way"/] -.-> {target}')
    return "\n".join([*lines, _STYLES])


def _inner(state: dict[str, Any]) -> list[dict[str, Any]]:
    """The branches of a Parallel, or what a Map does for each item."""
    return state.get("Branches") or [state[key] for key in ("ItemProcessor",) if key in state]


def _states(states: States, outer: States, indent: str) -> Iterator[str]:
    for name, state in states.items():
        kind = state["Type"]
        if _inner(state):
            side_by_side = "for each service" if kind == "Map" else "side by side"
            yield f'{indent}subgraph {_id(name)}["{name}, {side_by_side}"]'
            for branch in _inner(state):
                yield from _states(branch["States"], branch["States"], indent + "  ")
            yield f"{indent}end"
        else:
            shown = "Wait" if _waits(state) else kind
            style = f":::{_CLASSES[shown]}" if shown in _CLASSES else ""
            yield f"{indent}{_id(name)}{_SHAPES[shown].format(name)}{style}"
        for choice in state.get("Choices", ()):
            for target in _first(outer, choice["Next"]):
                yield f"{indent}{_id(name)} -- {_label(choice)} --> {target}"
        for key in ("Next", "Default"):
            if key in state:
                for target in _first(outer, state[key]):
                    yield from (f"{indent}{source} --> {target}" for source in _last(name, state))


def _first(states: States, name: str) -> list[str]:
    """Where an arrow to a state ends: a Parallel or Map is entered at its own first states."""
    inner = _inner(states[name])
    return [_id(branch["StartAt"]) for branch in inner] or [_id(name)]


def _last(name: str, state: dict[str, Any]) -> list[str]:
    """Where an arrow from a state begins: a Parallel or Map is left at its own last states."""
    ends = [
        _id(inner_name)
        for branch in _inner(state)
        for inner_name, inner_state in branch["States"].items()
        if inner_state.get("End") or inner_state["Type"] == "Succeed"
    ]
    return ends or [_id(name)]


def _label(choice: dict[str, Any]) -> str:
    if "StringEquals" in choice:
        return f'"{choice["StringEquals"]}"'
    if "BooleanEquals" in choice:
        return str(choice["Variable"]).rpartition(".")[2]
    return '"out of time"' if "TimestampGreaterThanPath" in choice else "yes"


def _waits(state: dict[str, Any]) -> bool:
    return str(state.get("Resource", "")).endswith(_WAITS_FOR_TOKEN)


def _catches(states: States) -> Iterator[Catch]:
    for name, state in states.items():
        for branch in _inner(state):
            yield from _catches(branch["States"])
        for catcher in state.get("Catch", ()):
            silent = _waits(state) and catcher["ErrorEquals"] == ["States.Timeout"]
            target = catcher["Next"]
            yield _id(name), _id(target), _first(states, target), silent


def _id(name: str) -> str:
    return re.sub(r"\W+", "_", name)


def block(machine: str) -> str:
    """The part of the document that shows one machine."""
    definition = yaml.safe_load((ROOT / "statemachine" / f"{machine}.asl.yaml").read_text())
    return (
        f"<!-- {machine}: made by docs/state_diagrams.py -->\n"
        f"```mermaid\n{diagram(definition)}\n```\n<!-- end of {machine} -->"
    )


def with_diagrams(text: str) -> str:
    """The document's text with each machine's diagram as its definition is now."""
    shown = re.compile(r"<!-- (\w+): made by .*?<!-- end of \1 -->", re.DOTALL)
    return shown.sub(lambda found: block(found[1]), text)


if __name__ == "__main__":
    HOW_IT_WORKS.write_text(with_diagrams(HOW_IT_WORKS.read_text()))
