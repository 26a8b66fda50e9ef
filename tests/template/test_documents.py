"""The documents are correct: pictures, files, targets, states and fields."""

from __future__ import annotations

import json
import re
from pathlib import Path

import botocore.session
import pytest
import yaml
from botocore import xform_name

from bivouac import errors
from bivouac.diagnosis.aws_messages import Category
from bivouac.request.models import Connection, DependsOn, Destination, EnvironmentRequest, Service
from bivouac.request.planning.plan import plan
from demo.scenarios import SCENARIOS
from docs.state_diagrams import HOW_IT_WORKS, ROOT, with_diagrams
from localcloud.template.source import parse_yaml
from tests import requests

README = ROOT / "README.md"
TEXT = README.read_text()
DOCUMENTS = [README, *sorted((ROOT / "docs").glob("*.md"))]
PAGES = sorted(
    path
    for path in [*ROOT.glob("*.md"), *ROOT.glob("[a-z]*/**/*.md")]
    if "recorded" not in path.parts and not any(part.startswith(".") for part in path.parts)
)
ALL = "\n".join(document.read_text() for document in DOCUMENTS)
README_LIMIT = 12_000
"""Characters: what a person reads in the first ten minutes."""
SESSION = botocore.session.get_session()
MADE_BY_THE_CLI_ITSELF = ("aws ecs wait", "aws logs tail")
OPTIONS_OF_THE_CLI = {"cli-binary-format", "endpoint-url", "query", "region", "dry-run"}
ERRORS = {each.__name__ for each in errors.BivouacError.__subclasses__()} | errors.ANSWERS
MACHINES = sorted(
    path.name.removesuffix(".asl.yaml") for path in (ROOT / "statemachine").glob("*.asl.yaml")
)


def test_the_diagrams_are_those_of_the_definitions() -> None:
    text = HOW_IT_WORKS.read_text()
    assert with_diagrams(text) == text, "make pictures draws them anew"
    for machine in MACHINES:
        assert f"<!-- {machine}: made by" in text, machine


def test_the_readme_stays_short() -> None:
    assert len(TEXT) <= README_LIMIT


def test_the_readme_names_every_document() -> None:
    for document in DOCUMENTS[1:]:
        assert f"(docs/{document.name})" in TEXT, document.name


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_every_link_leads_somewhere(page: Path) -> None:
    for link in re.findall(r"\]\(([^)\s]+)\)", page.read_text()):
        if not link.startswith("https://"):
            path, _, anchor = link.partition("#")
            target = page.parent / path if path else page
            assert target.exists(), link
            assert not anchor or anchor in _anchors(target.read_text()), link


def _anchors(text: str) -> set[str]:
    """As GitHub makes them of headings, and those that the text sets itself."""
    headings = re.findall(r"^#+ (.+)$", text, re.MULTILINE)
    made = {re.sub(r"[^\w -]", "", heading.lower()).replace(" ", "-") for heading in headings}
    return made | set(re.findall(r'<a id="([^"]+)">', text))


CONTRIBUTING = ROOT / "docs" / "contributing.md"


def test_contributing_names_only_what_exists() -> None:
    paths = re.findall(r"`([\w.-]+(?:/[\w.-]+)+/?)`", CONTRIBUTING.read_text(encoding="utf-8"))
    assert len(paths) > 40
    assert [path for path in paths if not (ROOT / path).exists()] == []


def test_every_make_target_exists() -> None:
    makefile = (ROOT / "Makefile").read_text()
    commands = re.findall(r"^make ([a-z ]+?)((?: [A-Z]+=\S+)*)(?:\s+#.*)?$", ALL, re.MULTILINE)
    assert commands
    for targets, variables in commands:
        for target in targets.split():
            assert re.search(rf"^{target}:", makefile, re.MULTILINE), target
        for variable, value in re.findall(r"([A-Z]+)=(\S+)", variables):
            assert f"$({variable})" in makefile, variable
            if variable in ("REQUEST", "SCENARIO"):
                assert value in SCENARIOS or (ROOT / value).is_file(), value


def test_every_aws_command_exists_with_its_options() -> None:
    commands = {
        command: page.name
        for page in PAGES
        for command in re.findall(
            r"(?:^|`)(aws [a-z0-9-]+ [a-z-]+[^`|#\n]*)",
            page.read_text().replace("\\\n", " "),
            re.MULTILINE,
        )
        if not command.startswith(MADE_BY_THE_CLI_ITSELF)
    }
    assert len(commands) > 50
    for command, page in commands.items():
        _, service, operation, *_ = command.split()
        model = SESSION.get_service_model(service)
        names = {xform_name(name, "-"): name for name in model.operation_names}
        assert operation in names, f"{page}: {command}"
        shape = model.operation_model(names[operation]).input_shape
        known = {xform_name(member, "-") for member in (shape.members if shape else {})}
        options = set(re.findall(r"(?<=\s--)[a-z][a-z-]+", command))
        assert options <= known | OPTIONS_OF_THE_CLI, f"{page}: {command}"


def test_every_parameter_that_it_names_exists() -> None:
    document = parse_yaml((ROOT / "template.yaml").read_text())
    own = [document for document in DOCUMENTS if document.name != "failure-modes.md"]
    text = "\n".join(document.read_text() for document in own)  # that one names AWS's errors
    words = set(re.findall(r"`([A-Z][a-z]+(?:[A-Z][a-z]+)+)`", text))
    assert words
    policy = document["Resources"]["EventBusRequests"]["Properties"]["Statement"]["Condition"]
    requests = set(policy["StringNotEquals"]["events:detail-type"])
    assert words <= document["Parameters"].keys() | document["Outputs"].keys() | requests | ERRORS


@pytest.mark.parametrize("machine", MACHINES)
def test_every_task_state_is_described(machine: str) -> None:
    definition = yaml.safe_load((ROOT / "statemachine" / f"{machine}.asl.yaml").read_text())
    rows = {
        name.strip()
        for row in re.findall(r"^\| ([A-Z][^|]+) \|", HOW_IT_WORKS.read_text(), re.MULTILINE)
        for name in row.split(",")
    }
    for name in _functions_of(definition["States"]):
        assert name in rows, name


def _functions_of(states: dict[str, dict[str, object]]) -> list[str]:
    names = []
    for name, state in states.items():
        if "FunctionArn" in str(state.get("Resource", "")):
            names.append(name)
        branches = [*state.get("Branches", []), state.get("ItemProcessor", {})]  # type: ignore[misc]
        for branch in branches:
            names += _functions_of(branch.get("States", {}))
    return names


def test_every_field_of_a_request_is_described() -> None:
    documented = set(
        re.findall(
            r"`(?:services\[\]\.)?([a-zA-Z]+)(?:\[\])?(?:\.[a-z]+)?`",
            (ROOT / "docs" / "request.md").read_text(),
        )
    )
    described = (EnvironmentRequest, Service, DependsOn, Connection, Destination)
    fields = {
        field.alias or name for model in described for name, field in model.model_fields.items()
    }
    assert fields <= documented


REQUESTS = re.findall(r"```json\n(.*?)```", (ROOT / "docs" / "request.md").read_text(), re.DOTALL)


@pytest.mark.parametrize("text", REQUESTS, ids=lambda text: json.loads(text)["name"])
def test_every_request_shown_can_be_planned(text: str) -> None:
    stack = requests.settings(
        allowed_subnet_ids=("subnet-0a1b2c3d4e5f60718",),
        allowed_security_group_ids=("sg-0a1b2c3d4e5f60718",),
    )
    checked = plan(json.loads(text), stack, requests.NOW)
    assert len(REQUESTS) > 8
    assert checked.problems == ()
    assert checked.notes == ()


def test_every_diagnosis_and_error_is_explained() -> None:
    text = (ROOT / "docs" / "troubleshooting.md").read_text(encoding="utf-8")
    rows = re.findall(r"^\| (`.+?`) \|", text, re.MULTILINE)
    explained = {name for row in rows for name in re.findall(r"`([^`]+)`", row)}
    explained |= set(re.findall(r"`(\w+Error)`", text))
    assert {*map(str, Category), *ERRORS} <= explained


def test_the_smallest_request_is_the_sample() -> None:
    shown = re.search(r"```json\n(.*?)```", TEXT, re.DOTALL)
    assert shown
    assert json.loads(shown[1]) == json.loads((ROOT / "events" / "smallest.json").read_text())
