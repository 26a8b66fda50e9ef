"""Imports between the packages of `functions/bivouac` point one way, from the handlers down."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from fnmatch import fnmatch
from functools import cache
from graphlib import TopologicalSorter
from pathlib import Path

import pytest

from tests.template.declared import PROJECT, tree

FUNCTIONS = PROJECT / "functions"
LAYERS: tuple[tuple[str, ...], ...] = (
    ("clock", "errors", "json_types", "observability", "redaction", "times"),
    ("aws.*_answers",),
    ("settings",),
    ("environment",),
    ("waiting.wait",),
    ("aws",),
    ("stack",),
    ("proof",),
    ("services",),
    ("diagnosis",),
    ("deletion",),
    ("waiting",),
    ("status",),
    ("notifications",),
    ("recheck",),
    ("request",),
    ("request.fields", "request.rules"),
    ("request.models",),
    ("request.reading",),
    ("request.planning",),
    ("commands",),
    ("sweep",),
    ("stack_guard",),
)
"""Packages and modules, the lowest first. Each imports only from those before it in this list; two
in one line do not import each other. A module is in the longest entry that names it, so "request"
is what stands directly in that package. docs/contributing.md draws them."""


LONGEST_HANDLER = 65
"""Lines."""


def modules() -> dict[str, Path]:
    """By name without `bivouac.`, such as "proof.mesh"."""
    found = {}
    for file in (FUNCTIONS / "bivouac").rglob("*.py"):
        parts = file.relative_to(FUNCTIONS / "bivouac").with_suffix("").parts
        found[".".join(part for part in parts if part != "__init__")] = file
    return found


MODULES = modules()


@cache
def imported(file: Path) -> frozenset[str]:
    return frozenset(_imported(file))


def _imported(file: Path) -> Iterator[str]:
    """The modules of bivouac that a file imports anywhere, also for types."""
    for node in ast.walk(tree(file)):
        if not isinstance(node, ast.ImportFrom) or node.module is None or node.level:
            continue
        if node.module == "bivouac" or node.module.startswith("bivouac."):
            package = node.module.removeprefix("bivouac").removeprefix(".")
            for name in node.names:
                full = f"{package}.{name.name}".removeprefix(".")
                yield full if full in MODULES else package


def place(module: str) -> tuple[int, str]:
    """Its layer, and which entry of that layer it belongs to."""
    found = [
        (number, entry)
        for number, layer in enumerate(LAYERS)
        for entry in layer
        if fnmatch(module, entry) or fnmatch(module, f"{entry}.*")
    ]
    assert found, f"{module} belongs to no layer"
    return max(found, key=lambda each: len(each[1]))


@pytest.mark.parametrize("module", sorted(set(MODULES) - {""}))
def test_a_module_imports_from_lower_layers_and_its_own_package_only(module: str) -> None:
    layer, entry = place(module)
    for other in imported(MODULES[module]):
        below, its_entry = place(other)
        assert below < layer or its_entry == entry, f"{module} imports {other}"


def test_there_are_no_import_cycles() -> None:
    graph = {name: imported(file) - {name} for name, file in MODULES.items()}
    assert list(TopologicalSorter(graph).static_order())


def test_every_layer_exists() -> None:
    entries = [entry for layer in LAYERS for entry in layer]
    found = {place(module)[1] for module in MODULES if module}
    assert sorted(found) == sorted(entries)


def drawn() -> str:
    """The layers as docs/contributing.md draws them."""
    boxes = [f'  layer{number}["{", ".join(layer)}"]' for number, layer in enumerate(LAYERS)]
    last = len(LAYERS)
    boxes.append(f'  layer{last}["handlers: functions/*.py"]')
    arrows = [f"  layer{number + 1} --> layer{number}" for number in range(last)]
    return "\n".join(["flowchart TD", *reversed(boxes), *reversed(arrows)])


def test_the_document_draws_the_layers() -> None:
    text = (PROJECT / "docs" / "contributing.md").read_text(encoding="utf-8")
    assert f"```mermaid\n{drawn()}\n```" in text, f"draw this:\n{drawn()}"


@pytest.mark.parametrize("file", sorted(FUNCTIONS.glob("*.py")), ids=lambda file: file.stem)
def test_a_handler_reads_its_event_delegates_and_answers(file: Path) -> None:
    """Decisions and classes are in packages."""
    text = file.read_text(encoding="utf-8")
    assert text.count("\n") <= LONGEST_HANDLER
    assert not [node for node in tree(file).body if isinstance(node, ast.ClassDef)]


def test_handlers_import_no_handler() -> None:
    handlers = {file.stem for file in FUNCTIONS.glob("*.py")}
    for file in FUNCTIONS.glob("*.py"):
        names = {
            name
            for node in ast.walk(tree(file))
            for name in (
                [node.module]
                if isinstance(node, ast.ImportFrom)
                else [each.name for each in node.names]
                if isinstance(node, ast.Import)
                else []
            )
        }
        assert not names & handlers, file.name


@pytest.mark.parametrize("folder", ["localcloud", "tests/acceptance"])
def test_independent_folders_import_nothing_of_the_application(folder: str) -> None:
    for file in (PROJECT / folder).rglob("*.py"):
        assert not imported(file), file
