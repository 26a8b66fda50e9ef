"""requirements/demo.txt has what `make demo` and `make local` import: they install nothing else."""

from __future__ import annotations

import ast
import re
import sys
from collections.abc import Iterator
from importlib.metadata import packages_distributions

from tests.template.declared import PROJECT

RUN_BY_THE_DEMO = ("cli", "demo", "functions", "localcloud")
_OURS = {"bivouac", "bivouac_cli", "demo", "localcloud"}


def imported() -> Iterator[str]:
    """The libraries that those folders import, but for types."""
    for folder in RUN_BY_THE_DEMO:
        modules = {file.stem for file in (PROJECT / folder).glob("*.py")}
        for file in (PROJECT / folder).rglob("*.py"):
            for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
                names: list[str] = []
                if isinstance(node, ast.Import):
                    names = [each.name for each in node.names]
                elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
                    names = [node.module]
                for name in names:
                    top = name.partition(".")[0]
                    if top not in sys.stdlib_module_names | _OURS | modules:
                        yield top


def test_the_demo_installs_what_it_imports() -> None:
    lock = (PROJECT / "requirements" / "demo.txt").read_text(encoding="utf-8")
    locked = set(re.findall(r"^([a-z0-9.-]+)==", lock, re.MULTILINE))
    known = packages_distributions()
    libraries = {name for name in imported() if not name.startswith("types_")}
    assert {"moto", "botocore", "rich"} <= libraries
    missing = {
        name
        for name in libraries
        if not {each.lower().replace("_", "-") for each in known.get(name, [name])} & locked
    }
    assert missing == set()
