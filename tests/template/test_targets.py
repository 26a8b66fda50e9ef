"""Every test is run by a target that .ci/run calls; another emulator gets all but what is named."""

from __future__ import annotations

import re
import tomllib

from tests.emulator.understood import LEFT_OUT, understood
from tests.template.declared import PROJECT, translated

MAKEFILE = (PROJECT / "Makefile").read_text(encoding="utf-8")
CI = (PROJECT / ".ci" / "run").read_text(encoding="utf-8")
SUITE = tomllib.loads((PROJECT / "pyproject.toml").read_text(encoding="utf-8"))["tool"]["pytest"][
    "ini_options"
]["testpaths"]
"""What `make test` runs."""


def test_every_folder_of_tests_is_of_the_suite_or_of_a_target_of_its_own() -> None:
    folders = {f"tests/{file.parent.name}" for file in PROJECT.glob("tests/*/test_*.py")}
    runs = re.findall(r"-m pytest\b(.*)", MAKEFILE)
    of_targets = {folder for run in runs for folder in re.findall(r"tests/\w+", run)}
    assert sorted([*SUITE, *of_targets]) == sorted(folders)


def test_ci_runs_them_all() -> None:
    targets = re.findall(r"^([\w-]+):.*\n(?:\t.*\n)*?\t.*-m pytest\b", MAKEFILE, re.MULTILINE)
    assert {"test", "endure", "emulate", "accept-local"} <= set(targets)
    assert [target for target in targets if f"make {target}\n" not in CI] == []


def test_the_second_emulator_gets_all_resources_but_those_of_the_types_named() -> None:
    template = translated()
    left_out = template["Resources"].keys() - understood(template)["Resources"].keys()
    types = [template["Resources"][name]["Type"] for name in left_out]
    assert set(types) == LEFT_OUT.keys()
    assert not [
        name
        for name, resource in template["Resources"].items()
        if resource["Type"] in LEFT_OUT and name not in left_out
    ]


def test_nothing_that_the_second_emulator_gets_names_what_is_left_out() -> None:
    template = translated()
    gets = understood(template)
    for name in template["Resources"].keys() - gets["Resources"].keys():
        assert f'"{name}"' not in str(gets).replace("'", '"'), name
