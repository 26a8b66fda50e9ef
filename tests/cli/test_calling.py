"""How the program is called: wrong arguments, files and environments end in one clear line."""

from __future__ import annotations

import io
import json
from pathlib import Path
from typing import Any
from unittest import mock

import pytest

from bivouac_cli import waiting
from bivouac_cli.arguments import STATUS_WORDS, parser
from bivouac_cli.commands import Commands
from bivouac_cli.ending import CommandError, Exit
from bivouac_cli.request_file import request_of
from bivouac_cli.rights import MACHINES, RIGHTS
from bivouac_cli.screen import Screen
from bivouac_cli.stack import Execution, Stack
from bivouac_cli.waiting import Wait
from tests.cli.commanding import ran

COMMANDS = [*(name for name in vars(Commands) if not name.startswith("_")), "doctor", "init"]


class TestArguments:
    def test_every_command_is_documented_with_its_rights_and_an_example(self) -> None:
        (commands,) = [each for each in parser()._actions if each.dest == "command"]
        choices: Any = commands.choices
        assert sorted(choices) == sorted(COMMANDS) == sorted(RIGHTS)
        for name, command in choices.items():
            assert f"bivouac {name}" in command.epilog

    def test_whatever_starts_an_execution_says_of_which_machine(self) -> None:
        starting = {each for each, rights in RIGHTS.items() if "states:StartExecution" in rights}
        assert starting == MACHINES.keys()

    @pytest.mark.parametrize(
        "words",
        [
            [],
            ["upp"],
            ["up"],
            ["up", "f.json", "--ttl", "soon"],
            ["up", "f.json", "--timeout", "0m"],
            ["ls", "--pull-request", "482"],
            ["ls", "--status", "GREEN"],
            ["extend", "shop"],
            ["extend", "shop", "--ttl", "4h", "--keep"],
            ["redeploy", "shop", "=image"],
            ["wait", "shop", "--for", "godot"],
        ],
    )
    def test_wrong_arguments_are_refused(
        self, words: list[str], capsys: pytest.CaptureFixture[str]
    ) -> None:
        refused = ran(capsys, *words)
        assert refused.exit_code == Exit.REFUSED
        assert "usage: bivouac" in refused.notes

    def test_global_options_may_come_before_or_after_the_command(self) -> None:
        before = parser().parse_args(["--region", "eu-west-1", "--output", "json", "ls"])
        after = parser().parse_args(["ls", "--region", "eu-west-1", "--output", "json"])
        assert before == after
        assert (before.stack, before.profile) == ("bivouac", None)

    def test_the_statuses_are_the_stacks(self) -> None:
        from bivouac.status.word import STATUS_WORDS as KNOWN

        assert set(STATUS_WORDS) == set(KNOWN) - {"DELETED"}


class TestFile:
    def test_options_change_the_request(self, tmp_path: Path) -> None:
        file = tmp_path / "shop.json"
        file.write_text('{"name": "shop", "lease": {"ttl": "8h", "maxTtl": "3d"}}')
        assert request_of(str(file), "pr-482", "2h") == {
            "name": "pr-482",
            "lease": {"ttl": "2h", "maxTtl": "3d"},
        }

    def test_the_request_can_come_from_standard_input(
        self, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr("sys.stdin", io.StringIO('{"name": "shop"}'))
        assert request_of("-", None, None) == {"name": "shop"}

    @pytest.mark.parametrize(
        ("content", "problem"),
        [
            (b'{"name": "shop",}', "is not JSON: "),
            (b"name: shop\nservices: []", "YAML must be written as JSON"),
            (b" \n", "is empty"),
            (b'{"name": "a", "tags": {"x": "1", "x": "2"}}', 'twice in one object: "x"'),
            (b"[" * 100_000, "is nested too deeply"),
            (b'{"name": "' + b"a" * 262_144 + b'"}', "characters; AWS takes at most 262,144"),
            (b"\xff\xfe", "is not text in UTF-8"),
            (b"[]", "it must be a JSON object"),
            (b'{"services": []}', "names no environment"),
            (None, "cannot be read: No such file"),
        ],
    )
    def test_an_invalid_file_says_what_is_wrong_with_it(
        self, tmp_path: Path, content: bytes | None, problem: str
    ) -> None:
        file = tmp_path / "shop.json"
        if content is not None:
            file.write_bytes(content)
        with pytest.raises(CommandError) as refused:
            request_of(str(file), None, None)
        assert refused.value.exit_code is Exit.REFUSED
        assert str(refused.value).startswith(str(file))
        assert problem in str(refused.value)


class TestSurroundings:
    @pytest.fixture(autouse=True)
    def _bare(self, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
        for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_DEFAULT_REGION"):
            monkeypatch.delenv(name, raising=False)
        for name in ("AWS_CONFIG_FILE", "AWS_SHARED_CREDENTIALS_FILE"):
            monkeypatch.setenv(name, str(tmp_path / "none"))
        monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")

    @pytest.mark.parametrize(
        ("words", "line"),
        [
            (["ls"], "No Region is set: name one with --region"),
            (["ls", "--region", "eu-west-1"], "There are no AWS credentials"),
            (["init", "--cluster", "prod"], "No Region is set: name one with --region"),
            (["init", "--cluster", "prod", "--region", "eu-west-1"], "There are no AWS"),
            (["ls", "--profile", "nobody"], "The config profile (nobody) could not be found"),
        ],
    )
    def test_missing_configuration_is_one_line(
        self, words: list[str], line: str, capsys: pytest.CaptureFixture[str]
    ) -> None:
        ended = ran(capsys, *words)
        assert (ended.exit_code, ended.answer) == (Exit.NOT_FOUND, "")
        assert ended.notes.startswith(line)
        assert ended.notes.count("\n") == 1

    def test_an_unreachable_endpoint_is_one_line(
        self, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
    ) -> None:
        monkeypatch.setenv("AWS_ACCESS_KEY_ID", "key")
        monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "secret")
        monkeypatch.setattr("bivouac_cli.clients._CONFIG", None)
        monkeypatch.setenv("AWS_MAX_ATTEMPTS", "1")
        words = ("ls", "--region", "eu-west-1", "--endpoint-url", "http://127.0.0.1:1")
        ended = ran(capsys, *words)
        assert ended.exit_code == Exit.NOT_FOUND
        assert ended.notes.startswith("Could not connect to the endpoint URL")


def test_a_stack_of_another_version_is_reported() -> None:
    stack = mock.create_autospec(Stack, instance=True)
    stack.name, stack._outputs = "bivouac", {}
    with pytest.raises(CommandError, match="Update it: make deploy"):
        Stack._output(stack, "DescribeEnvironmentsFunctionName")


class TestInterrupted:
    def test_an_interrupted_wait_says_how_to_come_back(self) -> None:
        stack = mock.create_autospec(Stack, instance=True)
        stack.execution.side_effect = KeyboardInterrupt
        wait = Wait(stack, Screen("table"), "shop", 60, "bivouac wait shop")
        with pytest.raises(CommandError) as ended:
            wait.until_over("arn")
        assert ended.value.exit_code is Exit.STILL_RUNNING
        assert str(ended.value).endswith("Come back: bivouac wait shop")

    def test_a_longer_wait_polls_less_often(self, monkeypatch: pytest.MonkeyPatch) -> None:
        pauses: list[float] = []
        monkeypatch.setattr("time.sleep", pauses.append)
        stack = mock.create_autospec(Stack, instance=True)
        stack.execution.side_effect = [Execution("RUNNING")] * 50 + [Execution("SUCCEEDED")]
        stack.find.return_value = None
        Wait(stack, Screen("table"), "shop", 3600, "").until_over("arn")
        assert pauses == sorted(pauses)
        assert (pauses[0], pauses[-1]) == (waiting.FIRST_PAUSE, waiting.LONGEST_PAUSE)


def test_json_output_stays_json(capsys: pytest.CaptureFixture[str]) -> None:
    Screen("json").failure("DeploymentFailedError", "web: container exit")
    assert json.loads(capsys.readouterr().out) == {
        "error": "DeploymentFailedError",
        "cause": "web: container exit",
    }
