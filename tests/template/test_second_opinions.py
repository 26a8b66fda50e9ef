"""What tools that others maintain say about the templates and definitions: docs/decisions/0022."""

from __future__ import annotations

import copy
import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.template.declared import MACHINES, PROJECT, TEMPLATE, Json, translated
from tests.template.evaluated import PARAMETERS, definitions, evaluated


def run(tool: str, *arguments: str | Path) -> str:
    """The output of a tool of the virtual environment; its exit code is not 0 if it finds
    something."""
    done = subprocess.run(
        [Path(sys.executable).parent / tool, *arguments],
        cwd=PROJECT,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert not done.stderr, done.stderr
    return done.stdout


class TestStatelint:
    """The validator of Amazon States Language."""

    def test_every_definition_is_valid(self, tmp_path: Path) -> None:
        files = [
            written(tmp_path / f"{stem} {parameters}.json", definition)
            for parameters, values in PARAMETERS.items()
            for stem, definition in definitions(evaluated(values)).items()
        ]
        assert len(files) == len(MACHINES) * len(PARAMETERS)
        assert statelint(*files) == ""

    @pytest.mark.parametrize(
        ("broken", "finding"),
        [
            (lambda state: state.update(Next="Nowhere"), 'No state found named "Nowhere"'),
            (lambda state: state.update(Nxt="Open environment"), 'Field "Nxt" not allowed'),
            (lambda state: state.update(TimeoutSeconds="60"), "should be an Integer"),
            (lambda state: state["Retry"][0].update(BackoffRate=0.5), "allowed floor is 1"),
            (
                lambda state: state["Catch"].insert(0, state["Catch"][-1]),
                "States.ALL can only appear in the last element",
            ),
        ],
    )
    def test_a_mistake_is_found(
        self, broken: Callable[[Json], None], finding: str, tmp_path: Path
    ) -> None:
        definition = copy.deepcopy(MACHINES["create_environment"].definition)
        broken(definition["States"]["Check request"])
        assert finding in statelint(written(tmp_path / "broken.json", definition))


def statelint(*files: Path) -> str:
    # It wants the 2 of a BackoffRate as 2.0; in JSON both are the same number.
    return run("statelint", "--ignore=FLOAT", *files)


IGNORED = {
    "E3724": "does not know AutoPublishAliasAllProperties among the globals, which SAM takes"
}
"""The checks of cfn-lint that template.yaml switches off."""

NOT_KNOWN_BY_CFN_LINT = {
    ("Succeed", "OutputPath"): "Amazon States Language, table of states and fields",
    ("Parallel", "Parameters"): "Amazon States Language, table of states and fields",
}
"""What its schema of definitions refuses (E3601), although AWS accepts it: kind of state and field
-> where it is allowed (https://states-language.net/spec.html#state-types)."""


@pytest.fixture(scope="module")
def findings(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], list[Json]]:
    """cfn-lint's findings in template.yaml, translated.json and broken.json, in one run."""
    directory = tmp_path_factory.mktemp("cfn-lint")
    files = [
        PROJECT / "template.yaml",
        written(directory / "translated.json", with_definitions_inline(translated())),
        written(directory / "broken.json", BROKEN),
    ]
    found = json.loads(run("cfn-lint", "--format", "json", *files))
    return lambda name: [each for each in found if Path(each["Filename"]).name == name]


@pytest.mark.xdist_group("cfn-lint")
class TestCfnLint:
    """Errors and warnings."""

    def test_the_template_has_no_findings(self, findings: Callable[[str], list[Json]]) -> None:
        assert [described(each) for each in findings("template.yaml")] == []

    def test_every_ignored_finding_has_a_reason(self) -> None:
        assert TEMPLATE["Metadata"]["cfn-lint"] == {"config": {"ignore_checks": list(IGNORED)}}

    def test_the_translated_template_has_no_findings(
        self, findings: Callable[[str], list[Json]]
    ) -> None:
        found = {refused_field(each): described(each) for each in findings("translated.json")}
        assert {
            field: text for field, text in found.items() if field not in NOT_KNOWN_BY_CFN_LINT
        } == {}
        assert found.keys() == NOT_KNOWN_BY_CFN_LINT.keys()

    def test_a_mistake_is_found(self, findings: Callable[[str], list[Json]]) -> None:
        rules = {each["Rule"]["Id"] for each in findings("broken.json")}
        assert rules == {"E3002", "E3030", "E3601", "W3037"}


BROKEN: Json = {
    "Resources": {
        "Queue": {"Type": "AWS::SQS::Queue", "Properties": {"QueName": "unknown property"}},
        "Logs": {"Type": "AWS::Logs::LogGroup", "Properties": {"RetentionInDays": 15}},
        "Policy": {
            "Type": "AWS::IAM::ManagedPolicy",
            "Properties": {
                "PolicyDocument": {
                    "Version": "2012-10-17",
                    "Statement": {
                        "Effect": "Allow",
                        "Action": "ecs:DescribeCluster",
                        "Resource": "*",
                    },
                }
            },
        },
        "Machine": {
            "Type": "AWS::StepFunctions::StateMachine",
            "Properties": {
                "RoleArn": "arn:aws:iam::123456789012:role/machine",
                "Definition": {
                    "StartAt": "Work",
                    "States": {"Work": {"Type": "Task", "End": True}},
                },
            },
        },
    }
}
"""No such property, value and action, and a Task without its Resource."""


def with_definitions_inline(template: Json) -> Json:
    """In the place where cfn-lint reads them."""
    read = definitions(evaluated(PARAMETERS["default"]))
    for stem, machine in MACHINES.items():
        properties = template["Resources"][machine.logical_id]["Properties"]
        del properties["DefinitionS3Location"]
        properties["Definition"] = read[stem]
    return template


def described(finding: Json) -> str:
    path = "/".join(str(part) for part in finding["Location"]["Path"] or ())
    return f"{finding['Rule']['Id']} {path}: {finding['Message']}"


def refused_field(finding: Json) -> tuple[str, str] | str:
    """Kind of state and field if a state's field is refused; else the finding's text."""
    path: list[Any] = finding["Location"]["Path"]
    if finding["Rule"]["Id"] == "E3601" and "was unexpected" in finding["Message"]:
        machine = next(each for each in MACHINES.values() if each.logical_id == path[1])
        kinds = {state.name: state.kind for state in machine.states}
        if path[-2] in kinds:
            return kinds[path[-2]], path[-1]
    return described(finding)


def written(file: Path, content: Json) -> Path:
    file.write_text(json.dumps(content), encoding="utf-8")
    return file
