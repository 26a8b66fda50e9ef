"""Every test is run by a target that .ci/run calls; the second emulator gets everything but what is
named."""

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


def test_every_folder_of_tests_has_a_target() -> None:
    folders = {f"tests/{file.parent.name}" for file in PROJECT.glob("tests/*/test_*.py")}
    runs = re.findall(r"-m pytest\b(.*)", MAKEFILE)
    of_targets = {folder for run in runs for folder in re.findall(r"tests/\w+", run)}
    assert sorted([*SUITE, *of_targets]) == sorted(folders)


def test_ci_runs_them_all() -> None:
    targets = re.findall(r"^([\w-]+):.*\n(?:\t.*\n)*?\t.*-m pytest\b", MAKEFILE, re.MULTILINE)
    assert {"test", "endure", "emulate", "accept-local"} <= set(targets)
    assert [target for target in targets if f"make {target}\n" not in CI] == []


def test_the_second_emulator_gets_all_resources_except_named_types() -> None:
    template = translated()
    left_out = template["Resources"].keys() - understood(template)["Resources"].keys()
    types = [template["Resources"][name]["Type"] for name in left_out]
    assert set(types) == LEFT_OUT.keys()
    assert not [
        name
        for name, resource in template["Resources"].items()
        if resource["Type"] in LEFT_OUT and name not in left_out
    ]


def test_no_resource_for_the_second_emulator_refers_to_an_omitted_one() -> None:
    template = translated()
    gets = understood(template)
    for name in template["Resources"].keys() - gets["Resources"].keys():
        assert f'"{name}"' not in str(gets).replace("'", '"'), name
