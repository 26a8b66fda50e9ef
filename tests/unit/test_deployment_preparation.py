"""Before `make deploy` builds: credentials, questions that explain themselves, kept answers."""

from __future__ import annotations

import tomllib
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from unittest import mock

import pytest

from bivouac_cli.doctor.account import Account
from bivouac_cli.ending import CommandError, Exit
from deployment.answers import NotATableError, kept, with_answers, with_region
from deployment.parameters import Parameter, parameters_of
from deployment.preparation import prepare
from tests.template.declared import PROJECT, TEMPLATE

SAMCONFIG = (PROJECT / "samconfig.toml").read_text()
PARAMETERS = {each.name: each for each in parameters_of(TEMPLATE)}
NEEDED = {"VpcId": "vpc-12345678", "SubnetIds": "subnet-12345678,subnet-87654321"}
TABLE = "[default.deploy.parameters.parameter_overrides]"


class TestParameters:
    def test_every_parameter_has_a_group_and_says_what_it_is_for(self) -> None:
        assert PARAMETERS.keys() == TEMPLATE["Parameters"].keys()
        assert all(each.description for each in PARAMETERS.values())

    def test_defaults_are_taken(self) -> None:
        for each in PARAMETERS.values():
            assert each.default is None or not each.refusal(each.default), each.name

    def test_only_the_network_must_be_given(self) -> None:
        needed = {name for name, each in PARAMETERS.items() if each.default is None}
        assert needed == NEEDED.keys()

    @pytest.mark.parametrize(
        ("name", "value"),
        [
            ("VpcId", "vpc"),
            ("SubnetIds", "subnet-12345678, web"),
            ("SubnetIds", ""),
            ("NamePrefix", "Bivouac"),
            ("NamePrefix", "aws"),
            ("AssignPublicIp", "yes"),
            ("AllowedTaskRoleArns", "arn:aws:iam::123456789012:role/a,b"),
            ("DefaultLease", "8 hours"),
            ("LogRetentionDays", "2"),
            ("NamespaceQuota", "0"),
            ("NamespaceQuota", "many"),
            ("AlarmTopicArn", "alarms"),
        ],
    )
    def test_what_cloudformation_would_refuse_is_refused_at_once(
        self, name: str, value: str
    ) -> None:
        assert PARAMETERS[name].refusal(value)


class TestKeptAnswers:
    def test_they_are_read_back_and_everything_else_stays(self) -> None:
        text = with_answers(SAMCONFIG, {**NEEDED, "AlarmTopicArn": ""})
        assert text.startswith(SAMCONFIG.rstrip())
        assert kept(tomllib.loads(text)) == {**NEEDED, "AlarmTopicArn": ""}

    def test_a_change_replaces_them(self) -> None:
        first = with_answers(SAMCONFIG + "\n[other]\nkey = 1\n", NEEDED)
        text = with_answers(first, {**NEEDED, "VpcId": "vpc-87654321"})
        assert kept(tomllib.loads(text)) == {**NEEDED, "VpcId": "vpc-87654321"}
        assert tomllib.loads(text)["other"] == {"key": 1}
        assert text.count(TABLE) == 1

    @pytest.mark.parametrize(
        "written",
        ['"VpcId=\\"vpc-1\\" AlarmTopicArn=\\"\\""', "['VpcId=vpc-1', 'AlarmTopicArn=\"\"']"],
    )
    def test_sams_other_forms_are_read_and_not_overwritten(self, written: str) -> None:
        text = f"{SAMCONFIG}parameter_overrides = {written}\n"
        assert kept(tomllib.loads(text)) == {"VpcId": "vpc-1", "AlarmTopicArn": ""}
        with pytest.raises(NotATableError):
            with_answers(text, NEEDED)

    def test_the_region_is_kept_beside_the_stacks_name(self) -> None:
        parameters = tomllib.loads(with_region(SAMCONFIG, "eu-west-1"))["default"]["global"]
        assert parameters["parameters"] == {"stack_name": "bivouac", "region": "eu-west-1"}


@dataclass
class Desk:
    """Where somebody runs `make deploy`, and answers."""

    samconfig: Path
    account: Any
    answers: dict[str, list[str]] = field(default_factory=dict)
    """By parameter, one after the other; the default where there is none."""
    questions: list[str] = field(default_factory=list)
    printed: list[str] = field(default_factory=list)

    def prepare(self, *changes: str) -> str:
        self.questions.clear()
        self.printed.clear()
        return prepare(
            self.samconfig,
            TEMPLATE,
            changes,
            lambda target: self.account,
            self._ask,
            self.printed.append,
        )

    def _ask(self, question: str) -> str:
        name = question.split()[0].rstrip(":")
        self.questions.append(name)
        given = self.answers.get(name)
        return given.pop(0) if given else ""

    @property
    def kept(self) -> dict[str, str]:
        return kept(tomllib.loads(self.samconfig.read_text()))


@pytest.fixture
def desk(tmp_path: Path) -> Desk:
    account = mock.create_autospec(Account, instance=True)
    account.region = "eu-west-1"
    account.caller.return_value = "arn:aws:iam::123456789012:user/ann"
    account.stack.return_value = None
    account.regions_with.return_value = []
    account.quota.return_value = 1000.0
    account.namespaces.return_value = 0
    for network in (account.subnets, account.route_tables, account.endpoints):
        network.return_value = []
    samconfig = tmp_path / "samconfig.toml"
    samconfig.write_text(SAMCONFIG)
    return Desk(samconfig, account, {name: [value] for name, value in NEEDED.items()})


def test_without_credentials_there_is_one_line_and_no_question(desk: Desk) -> None:
    desk.account.caller.side_effect = CommandError(Exit.NOT_FOUND, "There are no AWS credentials")
    assert desk.prepare() == "There are no AWS credentials"
    assert (desk.questions, desk.printed) == ([], [])
    assert desk.samconfig.read_text() == SAMCONFIG


def test_the_first_time_everything_is_asked_with_what_it_is_for(desk: Desk) -> None:
    assert desk.prepare() == ""
    assert desk.questions == list(PARAMETERS)
    printed = "\n".join(desk.printed)
    assert all(each.description in printed for each in PARAMETERS.values())
    assert desk.kept == {
        name: NEEDED.get(name, each.default or "") for name, each in PARAMETERS.items()
    }


def test_answers_outlive_a_deployment_that_fails(desk: Desk) -> None:
    """What fails comes after: nothing but samconfig.toml is left of the first attempt."""
    desk.prepare()
    before = desk.kept
    assert desk.prepare() == ""
    assert desk.questions == []
    assert desk.kept == before


def test_a_wrong_answer_is_asked_for_again(desk: Desk) -> None:
    desk.answers["VpcId"] = ["", "my vpc", "vpc-12345678"]
    desk.prepare()
    assert desk.questions.count("VpcId") == 3
    assert "  It must be given." in desk.printed
    assert "  It must be in the form vpc-[0-9a-f]{8,17}." in desk.printed


def test_a_parameter_that_is_new_and_needed_is_asked_for_alone(desk: Desk) -> None:
    given = {"VpcId": NEEDED["VpcId"]}
    desk.samconfig.write_text(with_answers(SAMCONFIG, given))
    assert desk.prepare() == ""
    assert desk.questions == ["SubnetIds"]
    assert desk.kept == NEEDED


def test_an_answer_is_changed_by_name(desk: Desk) -> None:
    desk.prepare()
    assert desk.prepare("AssignPublicIp=DISABLED", "AlarmTopicArn=") == ""
    assert desk.kept["AssignPublicIp"] == "DISABLED"
    assert desk.questions == []


@pytest.mark.parametrize(
    ("change", "why"),
    [
        ("AssignPublicIp=no", "AssignPublicIp must be one of ENABLED, DISABLED"),
        ("PublicIp=no", "write NAME=VALUE with one of NamePrefix"),
        ("AssignPublicIp", "write NAME=VALUE with one of NamePrefix"),
    ],
)
def test_a_change_that_makes_no_sense_changes_nothing(desk: Desk, change: str, why: str) -> None:
    desk.prepare()
    before = desk.samconfig.read_text()
    assert why in desk.prepare(change)
    assert desk.samconfig.read_text() == before


def test_where_nobody_answers_it_says_what_to_do(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(desk, "_ask", mock.Mock(side_effect=EOFError))
    assert desk.prepare().startswith("Nobody answers. Run make deploy in a terminal, or write")
    assert desk.samconfig.read_text() == SAMCONFIG


def test_what_will_not_work_is_said_before_anything_is_built(desk: Desk) -> None:
    assert desk.prepare() == ""
    assert any(
        line.startswith("NG       subnets: there is no subnet-1234") for line in desk.printed
    )
    assert any(line.startswith("NG       alarms: no topic") for line in desk.printed)


def test_the_region_is_kept_and_an_older_one_stays(desk: Desk) -> None:
    desk.prepare()
    desk.account.region = "eu-central-1"
    desk.prepare()
    assert desk.samconfig.read_text().count('region = "eu-west-1"') == 1
    assert "eu-central-1" not in desk.samconfig.read_text()


def test_choices_and_defaults_are_shown(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    shown: list[str] = []
    answer = desk._ask

    def ask(question: str) -> str:
        shown.append(question)
        return answer(question)

    monkeypatch.setattr(desk, "_ask", ask)
    desk.prepare()
    assert "  AssignPublicIp (ENABLED, DISABLED) [ENABLED]: " in shown
    assert "  AlarmTopicArn [none]: " in shown
    assert "  VpcId: " in shown


def test_a_pattern_without_words_of_its_own_is_shown() -> None:
    declared = {"Type": "String", "Description": "", "AllowedPattern": "^a$"}
    assert Parameter("A", "", declared).refusal("b") == "in the form ^a$"
