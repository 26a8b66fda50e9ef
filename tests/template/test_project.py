"""What a stranger looks for first: licence, version, changes, an installable program, a pipeline
that runs `.ci/run`."""

from __future__ import annotations

import re
import tomllib
from importlib.metadata import version

import yaml
from packaging.requirements import Requirement

from bivouac_cli import __version__
from docs.state_diagrams import ROOT
from tests.template.declared import TEMPLATE

PYPROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())
PROJECT = PYPROJECT["project"]
BUILD = PYPROJECT["tool"]["hatch"]["build"]
WORKFLOW = yaml.safe_load((ROOT / ".github" / "workflows" / "ci.yml").read_text())
STEPS = [step for job in WORKFLOW["jobs"].values() for step in job["steps"]]


def test_the_licence_is_the_one_that_the_project_names() -> None:
    assert PROJECT["license"] == "Apache-2.0"
    text = (ROOT / "LICENSE").read_text()
    assert "Apache License" in text
    assert "Version 2.0, January 2004" in text
    assert "END OF TERMS AND CONDITIONS" in text


def test_the_newest_changes_are_those_of_the_version() -> None:
    versions = re.findall(
        r"^## \[(\d+\.\d+\.\d+)\] - \d{4}-\d\d-\d\d$",
        (ROOT / "CHANGELOG.md").read_text(),
        re.MULTILINE,
    )
    assert versions[0] == PROJECT["version"] == __version__
    assert TEMPLATE["Outputs"]["Version"]["Value"] == __version__


def test_the_program_is_installed_with_the_tested_dependencies() -> None:
    (entry,) = PROJECT["scripts"].items()
    assert entry == ("bivouac", "bivouac_cli.program:main")
    wheel = BUILD["targets"]["wheel"]
    assert wheel == {"packages": ["cli/bivouac_cli"]}
    assert (ROOT / "cli" / "bivouac_cli" / "program.py").is_file()
    for dependency in map(Requirement, PROJECT["dependencies"]):
        assert dependency.specifier.contains(version(dependency.name)), dependency


def test_the_pipeline_runs_the_same_checks_on_the_oldest_python() -> None:
    assert [step["run"] for step in STEPS if "run" in step] == [".ci/run"]
    pythons = [step["with"]["python-version"] for step in STEPS if "setup-python" in str(step)]
    assert [f">={python}" for python in pythons] == [PROJECT["requires-python"]]


def test_the_pipeline_may_only_read_and_pins_its_actions() -> None:
    assert WORKFLOW["permissions"] == {"contents": "read"}
    for step in STEPS:
        if "uses" in step:
            assert re.fullmatch(r"[\w-]+/[\w-]+@[0-9a-f]{40}", step["uses"])
