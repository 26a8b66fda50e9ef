"""`sam build` ships what Lambda needs, and nothing else.

The build really runs, without Docker, and fetches wheels for Lambda as `make build` does: from uv's
cache or from the package index.
"""

from __future__ import annotations

import ast
import os
import re
import subprocess
from pathlib import Path
from typing import Any

import pytest

from localcloud.template.source import parse_yaml

PROJECT = Path(__file__).parents[2]
FUNCTIONS = PROJECT / "functions"
SAM = PROJECT / ".venv-sam" / "bin" / "sam"

ONE_BUILD_FOR_ALL = pytest.mark.xdist_group("sam build")


def sam(*arguments: str | Path) -> None:
    """Runs the AWS SAM CLI as the Makefile does; a failure shows its output."""
    if not SAM.is_file():
        pytest.fail(f"{SAM.relative_to(PROJECT)} is missing: run `make setup`")
    bins = [SAM.parent, PROJECT / ".venv" / "bin"]
    done = subprocess.run(
        [SAM, *arguments],
        cwd=PROJECT,
        env={
            **os.environ,
            "PATH": os.pathsep.join([*map(str, bins), os.environ["PATH"]]),
            "SAM_CLI_TELEMETRY": "0",
            "UV_SYSTEM_CERTS": "true",
        },
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=120,
        check=False,
    )
    assert done.returncode == 0, done.stdout


def functions_of(template: Path) -> dict[str, dict[str, Any]]:
    """Logical id -> properties of each function, including the template's globals."""
    document = parse_yaml(template.read_text(encoding="utf-8"))
    common = document["Globals"]["Function"]
    return {
        name: {**common, **resource["Properties"]}
        for name, resource in document["Resources"].items()
        if resource["Type"] == "AWS::Serverless::Function"
    }


@pytest.fixture(scope="module")
def build(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The directory that `sam build` wrote: template.yaml and the artifacts that it names."""
    directory = tmp_path_factory.mktemp("build")
    sam("build", "--build-dir", directory)
    return directory


@pytest.fixture(scope="module")
def artifact(build: Path) -> Path:
    """The one artifact of all functions."""
    uris = {properties["CodeUri"] for properties in functions_of(build / "template.yaml").values()}
    assert len(uris) == 1, f"the functions share a CodeUri, so one build serves all: {uris}"
    return build / uris.pop()


@ONE_BUILD_FOR_ALL
def test_every_function_finds_its_handler_in_the_artifact(build: Path, artifact: Path) -> None:
    missing = []
    for name, properties in functions_of(build / "template.yaml").items():
        module, _, function = properties["Handler"].rpartition(".")
        source = artifact / f"{module}.py"
        defined = (
            {
                node.name
                for node in ast.parse(source.read_text(encoding="utf-8")).body
                if isinstance(node, ast.FunctionDef)
            }
            if source.is_file()
            else set()
        )
        if function not in defined:
            missing.append(f"{name}: {properties['Handler']}")
    assert missing == []


@ONE_BUILD_FOR_ALL
def test_only_the_functions_are_shipped(artifact: Path) -> None:
    """Style check 4: `functions/` is in the artifact, and no test file."""
    installed = {
        line.split(",")[0].split("/")[0]
        for record in artifact.glob("*.dist-info/RECORD")
        for line in record.read_text(encoding="utf-8").splitlines()
    }
    shipped = {
        path.relative_to(artifact)
        for path in artifact.rglob("*")
        if path.is_file() and path.relative_to(artifact).parts[0] not in installed
    }
    own = {
        path.relative_to(FUNCTIONS)
        for path in FUNCTIONS.rglob("*")
        if path.is_file() and "__pycache__" not in path.parts
    }
    leftover_of_uv = {Path(".lock")}
    assert shipped - leftover_of_uv == own
    assert [str(path) for path in own if "test" in path.as_posix()] == []


@ONE_BUILD_FOR_ALL
def test_compiled_wheels_fit_lambda_and_not_the_building_machine(artifact: Path) -> None:
    [(runtime, (architecture,))] = {
        (properties["Runtime"], tuple(properties["Architectures"]))
        for properties in functions_of(PROJECT / "template.yaml").values()
    }
    cpu = {"arm64": "aarch64", "x86_64": "x86_64"}[architecture]
    tag = f".cpython-{runtime.removeprefix('python').replace('.', '')}-{cpu}-linux-gnu.so"
    libraries = [path.name for path in artifact.rglob("*.so")]
    assert libraries, "pydantic has a compiled core"
    assert [name for name in libraries if not name.endswith(tag)] == []


@ONE_BUILD_FOR_ALL
def test_the_artifact_holds_exactly_the_locked_versions(artifact: Path) -> None:
    locked = re.findall(
        r"^([a-z0-9-]+)==(\S+)", (FUNCTIONS / "requirements.txt").read_text("utf-8"), re.M
    )
    shipped = [
        path.name.removesuffix(".dist-info").split("-") for path in artifact.glob("*.dist-info")
    ]
    assert sorted(locked) == sorted(
        (name.replace("_", "-").lower(), version) for name, version in shipped
    )


@pytest.mark.parametrize(
    "lock",
    [FUNCTIONS / "requirements.txt", *sorted((PROJECT / "requirements").glob("*.txt"))],
    ids=lambda path: str(path.relative_to(PROJECT)),
)
def test_locks_are_complete_and_bound_to_no_package_index(lock: Path) -> None:
    text = lock.read_text(encoding="utf-8")
    assert "://" not in text
    requirements = re.split(r"^(?=[a-z0-9])", text, flags=re.M)[1:]
    assert requirements
    assert [line for line in requirements if "--hash=sha256:" not in line] == []
