"""The acceptance suite before it begins: what it says, what it needs, and that it stands alone."""

from __future__ import annotations

import ast
import io
import re
import sys
import tomllib
from datetime import UTC, datetime
from functools import cache
from pathlib import Path
from typing import Any, ClassVar

import pytest
from botocore.exceptions import ClientError
from botocore.stub import Stubber

from docs.state_diagrams import ROOT
from tests.acceptance import __main__ as suite
from tests.acceptance import cost
from tests.acceptance.deployed import Aws, Deployed, NoStackError, described
from tests.acceptance.recorder import Recorder
from tests.acceptance.showing import Screen

SUITE = ROOT / "tests" / "acceptance"
OUTPUTS = (ROOT / "template.yaml").read_text().partition("\nOutputs:\n")[2]


@pytest.mark.parametrize("module", sorted(SUITE.rglob("*.py")), ids=lambda path: path.name)
def test_it_imports_nothing_of_the_projects_code(module: Path) -> None:
    allowed = {*sys.stdlib_module_names, "boto3", "botocore"}
    for node in ast.walk(ast.parse(module.read_text())):
        if isinstance(node, ast.Import):
            assert {alias.name.split(".")[0] for alias in node.names} <= allowed
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 1 or str(node.module).split(".")[0] in allowed


def test_make_test_does_not_run_it() -> None:
    options = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["pytest"]["ini_options"]
    assert not any(path.startswith("tests/acceptance") for path in options["testpaths"])
    assert "tests" not in options["testpaths"]


class TestWithoutWhatItNeeds:
    """One line that says what is missing, exit code 2, and nothing created."""

    def printed(self, capsys: pytest.CaptureFixture[str], *arguments: str) -> str:
        assert suite.main(list(arguments)) == 2
        said = capsys.readouterr()
        assert said.out == ""
        (line,) = said.err.splitlines()
        return line

    @pytest.fixture(autouse=True)
    def nothing_is_set(self, monkeypatch: pytest.MonkeyPatch) -> None:
        for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN"):
            monkeypatch.delenv(name)
        for name in ("AWS_REGION", "AWS_DEFAULT_REGION"):
            monkeypatch.delenv(name)

    def test_a_missing_region_and_credentials_are_reported(
        self, capsys: pytest.CaptureFixture[str]
    ) -> None:
        line = self.printed(capsys)
        assert "a Region (AWS_REGION" in line
        assert "credentials (AWS_PROFILE" in line

    def test_missing_credentials_are_reported(self, capsys: pytest.CaptureFixture[str]) -> None:
        line = self.printed(capsys, "--region", "eu-west-1")
        assert "credentials" in line
        assert "Region" not in line

    def test_an_unreachable_endpoint_is_reported(
        self, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setenv("AWS_ACCESS_KEY_ID", "any")
        monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "any")
        endpoint = "http://127.0.0.1:9"
        line = self.printed(capsys, "--region", "eu-west-1", "--endpoint-url", endpoint)
        assert f"{endpoint} (make local) does not tell about the stack bivouac" in line

    def test_answers_of_the_local_cloud_are_not_recorded(
        self, capsys: pytest.CaptureFixture[str]
    ) -> None:
        line = self.printed(capsys, "--endpoint-url", "http://localhost:4566", "--record")
        assert line.endswith("tests/recorded keeps what AWS says; this endpoint is not AWS.")


@cache
def _aws() -> Aws:
    """One for all tests: creating a client costs more than they do."""
    return Aws("us-gov-west-1", None, Recorder())


class TestStack:
    """DescribeStacks' answer (CloudFormation's API reference)."""

    MEMBERS: ClassVar[dict[str, Any]] = {
        "StackName": "bivouac",
        "StackId": "arn:aws-us-gov:cloudformation:us-gov-west-1:111122223333:stack/bivouac/1",
        "CreationTime": datetime(2026, 11, 29, tzinfo=UTC),
        "StackStatus": "UPDATE_COMPLETE",
    }

    def described(self, **answer: Any) -> Deployed:
        aws = _aws()
        with Stubber(aws.client("cloudformation")) as stub:
            if code := answer.pop("error", None):
                stub.add_client_error("describe_stacks", code)
            else:
                stub.add_response("describe_stacks", {"Stacks": [self.MEMBERS | answer]})
            return described(aws, "bivouac")

    def outputs(self, *left_out: str) -> list[dict[str, str]]:
        return [
            {"OutputKey": name, "OutputValue": f"the {name}"}
            for name in re.findall(r"^  (\w+):$", OUTPUTS, re.MULTILINE)
            if name not in left_out
        ]

    def test_the_suite_reads_the_stacks_outputs(self) -> None:
        prefix = [{"ParameterKey": "NamePrefix", "ParameterValue": "camp"}]
        stack = self.described(Outputs=self.outputs(), Parameters=prefix)
        assert (stack.prefix, stack.account, stack.partition) == (
            "camp",
            "111122223333",
            "aws-us-gov",
        )
        assert stack.machine("ExtendLease") == "the ExtendLeaseStateMachineArn"

    def test_a_foreign_stack_is_refused(self) -> None:
        with pytest.raises(NoStackError, match="not one of Bivouac's"):
            self.described()

    def test_an_older_stack_is_refused(self) -> None:
        prefix = [{"ParameterKey": "NamePrefix", "ParameterValue": "camp"}]
        with pytest.raises(NoStackError, match="an older one: it has no EventBusName"):
            self.described(Outputs=self.outputs("EventBusName"), Parameters=prefix)

    def test_a_missing_stack_is_reported(self) -> None:
        with pytest.raises(NoStackError, match="there is no stack bivouac in us-gov-west-1"):
            self.described(error="ValidationError")

    def test_a_denied_stack_is_reported(self) -> None:
        with pytest.raises(ClientError, match="AccessDenied"):
            self.described(error="AccessDenied")


class TestAgreement:
    def test_without_a_terminal_the_run_needs_yes(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.delenv("CI", raising=False)
        monkeypatch.setattr(sys, "stdin", io.StringIO("y\n"))
        with pytest.raises(suite.NotBegunError, match="--yes"):
            suite.agreed(yes=False)

    def test_a_pipeline_with_yes_is_not_asked(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(sys, "stdin", None)
        suite.agreed(yes=True)
        monkeypatch.setenv("CI", "true")
        suite.agreed(yes=False)

    @pytest.mark.parametrize("answer", ["", "n", "maybe"])
    def test_a_person_may_refuse(self, monkeypatch: pytest.MonkeyPatch, answer: str) -> None:
        monkeypatch.delenv("CI", raising=False)
        monkeypatch.setattr(sys, "stdin", _Terminal(f"{answer}\n"))
        with pytest.raises(suite.NotBegunError, match="Nothing was made"):
            suite.agreed(yes=False)
        monkeypatch.setattr(sys, "stdin", _Terminal("y\n"))
        suite.agreed(yes=False)


class _Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def test_the_notice_says_what_is_made_how_long_and_what_it_costs() -> None:
    text = "\n".join(cost.notice("bivouac", "111122223333", "eu-west-1", "accept-1"))
    for named in ("bivouac", "111122223333", "eu-west-1", "accept-1", "three services"):
        assert named in text
    assert f"about {cost.MINUTES} minutes" in text
    total = sum(item.quantity * item.price for item in cost.items())
    assert f"${total:.2f}" in text
    assert 0.01 < total < 0.20
    for item in cost.items():
        assert item.what in text
        assert f"{item.price:.10f}".rstrip("0") in text
    assert cost.PRICES_OF in text


class TestScreen:
    def test_without_a_terminal_each_step_is_a_line(self) -> None:
        out = io.StringIO()
        screen = Screen(out)
        with screen.step("create"):
            screen.now("3 tasks run")
        with pytest.raises(ValueError, match="no"), screen.step("sleep"):
            raise ValueError("no")
        first, second = out.getvalue().splitlines()
        assert first.split() == ["ok", "0", "s", "create"]
        assert second.split() == ["FAILED", "0", "s", "sleep"]

    def test_a_terminal_shows_progress(self) -> None:
        out = _Terminal()
        screen = Screen(out)
        with screen.step("create"):
            screen.now("3 tasks run")
        assert "create: 3 tasks run" in out.getvalue()
        assert out.getvalue().endswith("create\n")
