"""What people do with `bivouac`, with the managed policies of their jobs, on the local cloud."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from localcloud.tasks.scripted import exits
from tests.cli.commanding import Terminal, ran
from tests.localcloud.waiting import until_true
from tests.requests import environment, web

pytestmark = pytest.mark.xdist_group("command-line")


def written(tmp_path: Path, *services: object, **changes: object) -> str:
    file = tmp_path / "request.json"
    file.write_text(json.dumps(environment(*services, **changes)))  # type: ignore[arg-type]
    return str(file)


def test_an_environment_is_created_shown_extended_put_to_sleep_and_deleted(
    terminal: Terminal, name: str, tmp_path: Path
) -> None:
    file = written(tmp_path, owner="team-shop")

    up = terminal("up", file, "--name", name)
    assert up.exit_code == 0, up
    assert f"{name}: READY, proven" in up.answer
    assert "web:web" in up.answer
    assert f"{name}: CREATING" in up.notes

    listed = terminal("ls", "--owner", "team-shop")
    assert name in listed.answer
    assert "READY" in listed.answer

    got = terminal("get", name, "--output", "json")
    assert got.json["name"] == name
    assert got.json["edges"][0]["proven"] is True

    extended = terminal("extend", name, "--ttl", "2d", "--output", "json")
    assert extended.exit_code == 0, extended
    assert extended.json["secondsLeft"] > 47 * 3600
    again = terminal("extend", name, "--ttl", "1h")
    assert again.exit_code == 0
    assert "does not shorten" in again.notes

    redeployed = terminal("redeploy", name, "web=httpd")
    assert redeployed.exit_code == 0, redeployed
    assert terminal("get", name, "--output", "json").json["services"][0]["images"][0]["image"] == (
        "httpd"
    )
    comment = terminal("comment", name)
    assert f"### {name}: READY, proven" in comment.answer
    assert "| web |" in comment.answer

    asleep = terminal("sleep", name)
    assert asleep.exit_code == 0, asleep
    assert f"{name}: ASLEEP" in asleep.answer
    assert terminal("wait", name, "--for", "asleep").exit_code == 0
    assert terminal("wait", name).exit_code == 4
    awake = terminal("wake", name)
    assert awake.exit_code == 0, awake
    assert f"{name}: READY, proven" in awake.answer

    assert terminal("receipt", name).exit_code == 5
    down = terminal("down", name)
    assert down.exit_code == 0, down
    assert "deleted: service web" in down.answer
    assert terminal("receipt", name).answer == down.answer
    assert terminal("wait", name, "--for", "deleted").exit_code == 0
    assert terminal.app.left(name) == []


def test_logs_and_a_shell_are_found_by_service(
    terminal: Terminal, name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    image = f"talks-{name}"
    script = exits(0, after=30, output=["listening", "password=hunter2"])
    terminal.app.runtime.script(image, script)
    talking = {"name": "web", "image": image}
    definition = {"cpu": "256", "memory": "512", "containerDefinitions": [talking]}
    service = {"serviceName": "web", "taskDefinition": definition}
    assert terminal("up", written(tmp_path, service), "--name", name, "--no-wait").exit_code == 0
    until_true(lambda: "listening" in terminal("logs", name, "web").answer, 30)

    said = terminal("logs", name, "--output", "json").answer.splitlines()
    first = json.loads(said[0])
    assert (first["service"], first["container"], first["text"]) == ("web", "web", "listening")
    assert terminal("logs", name, "web", "--proxy").answer == ""
    assert terminal("logs", name, "web", "--container", "other").answer == ""
    missing = terminal("logs", name, "api")
    assert (missing.exit_code, missing.notes) == (5, f"{name} has no service api; it has web\n")

    aws = tmp_path / "aws"
    aws.write_text(f'#!/bin/sh\nprintf "%s\\n" "$@" > {tmp_path}/called\n')
    aws.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}:/bin")
    assert terminal("exec", name, "web", "--region", "eu-west-1", "--", "ls", "a b").exit_code == 5
    opened = terminal("exec", name, "web", "--container", "web", "--", "ls", "a b")
    assert opened.exit_code == 0, opened
    called = (tmp_path / "called").read_text().splitlines()
    assert called[:4] == ["ecs", "execute-command", "--cluster", f"bivouac-{name}"]
    assert called[-2:] == ["--command", "ls 'a b'"]
    monkeypatch.setenv("PATH", str(tmp_path / "none"))
    assert terminal("exec", name, "web", "--", "ls").exit_code == 2
    assert terminal("down", name).exit_code == 0


def test_every_waiting_command_prints_the_same_diagnosis(
    terminal: Terminal, name: str, tmp_path: Path
) -> None:
    image = f"broken-{name}"
    terminal.app.runtime.script(image, exits(3, after=0.02, output=["no database"]))
    broken = {"image": image, "containerPort": 80}
    file = written(tmp_path, web(primaryContainer=broken), name=name, onFailure="keep")

    up = terminal("up", file)
    assert up.exit_code == 1
    assert up.answer.startswith("DeploymentFailedError\nweb: container exit")
    assert "next step: " in up.answer
    waited = terminal("wait", name)
    assert (waited.exit_code, waited.answer) == (1, up.answer)
    rollback = terminal("rollback", name)
    assert rollback.exit_code == 4
    assert "no other request was ever proven" in rollback.notes
    assert terminal("down", name).exit_code == 0


def test_without_waiting_another_command_can_wait(
    terminal: Terminal, name: str, tmp_path: Path
) -> None:
    up = terminal("up", written(tmp_path), "--name", name, "--no-wait")
    assert (up.exit_code, up.answer) == (0, "")
    assert f"bivouac wait {name}" in up.notes
    assert terminal("wait", name).exit_code == 0
    assert terminal("down", name, "--no-wait").exit_code == 0
    assert terminal("wait", name, "--for", "deleted").exit_code == 0


def test_a_refused_request_shows_every_problem(
    terminal: Terminal, name: str, tmp_path: Path
) -> None:
    file = written(tmp_path, web(desiredCount=-1), name=name, lease={"ttl": "soon"})
    for words in ([file], [file, "--no-wait"]):
        refused = terminal("up", *words)
        assert refused.exit_code == 2
        assert refused.answer.startswith("InvalidRequestError\n2 problems in the request:")


def test_a_dry_run_prints_the_plan(terminal: Terminal, name: str, tmp_path: Path) -> None:
    planned = terminal("up", written(tmp_path, name=name, dryRun=True))
    assert planned.exit_code == 0
    assert f"{name}: a plan; nothing was made" in planned.answer
    as_json = terminal("up", written(tmp_path, name=name, dryRun=True), "--output", "json")
    assert as_json.json["name"] == name
    assert terminal("get", name).exit_code == 5


def test_a_timed_out_wait_leaves_the_environment_alone(
    terminal: Terminal, name: str, tmp_path: Path
) -> None:
    with terminal.app.calls.hold("ecs:CreateCluster"):
        late = terminal("up", written(tmp_path), "--name", name, "--timeout", "1s")
        assert late.exit_code == 3
        assert f"{name} is still under way after 1s. Come back: bivouac wait {name}" in late.notes
    assert terminal("wait", name).exit_code == 0
    assert terminal("down", name).exit_code == 0


def test_an_unknown_environment_is_one_clear_line(terminal: Terminal) -> None:
    for words in (["get"], ["wait"], ["receipt"], ["comment"], ["down"], ["wake"], ["redeploy"]):
        ended = terminal(*words, "nobody")
        assert ended.exit_code == 5, ended
        assert "no environment named 'nobody' was ever created" in ended.answer + ended.notes


def test_a_missing_stack_is_one_clear_line(
    terminal: Terminal, capsys: pytest.CaptureFixture[str]
) -> None:
    """A user who may see only one stack does not learn which others exist."""
    terminal.use(terminal.app.cloud.credentials.user)
    missing = ran(capsys, "ls", "--stack", "elsewhere")
    assert missing.exit_code == 5
    assert missing.notes.startswith("There is no stack named elsewhere in ap-northeast-1. If yours")
    unseen = terminal.of("Viewer", "ls", "--stack", "elsewhere")
    assert unseen.exit_code == 5
    assert unseen.notes.startswith("The stack elsewhere may not be seen: ")
    assert "--stack" in unseen.notes


@pytest.mark.parametrize(
    ("lacking", "line"),
    [
        ("cloudformation:DescribeStacks", "The stack bivouac may not be seen: "),
        ("lambda:InvokeFunction", "AWS refused Invoke: "),
    ],
)
def test_a_missing_right_is_named(
    terminal: Terminal, capsys: pytest.CaptureFixture[str], lacking: str, line: str
) -> None:
    rights = frozenset({"cloudformation:DescribeStacks", "lambda:InvokeFunction"}) - {lacking}
    terminal.use(terminal.keys_with(f"without-{len(lacking)}", rights))
    ended = ran(capsys, "ls")
    assert ended.exit_code == 5
    assert ended.notes.startswith(line)
    assert lacking in ended.notes


def test_a_viewer_sees_everything_and_changes_nothing(
    terminal: Terminal, name: str, tmp_path: Path
) -> None:
    assert terminal.of("Pipeline", "up", written(tmp_path), "--name", name).exit_code == 0
    for words in (["get"], ["wait"], ["comment"], ["logs"]):
        assert terminal.of("Viewer", *words, name).exit_code == 0
    for words in (["down"], ["redeploy"], ["sleep"], ["wake"], ["extend", "--keep"]):
        refused = terminal.of("Viewer", *words, name)
        assert refused.exit_code == 5, words
        assert "states:StartExecution" in refused.notes
    assert terminal.of("Pipeline", "sleep", name).exit_code == 5
    assert terminal.of("Viewer", "get", name, "--output", "json").json["status"] == "READY"
    for job, *words in (("Operator", "redeploy", name), ("Operator", "down", name)):
        assert terminal.of(job, *words).exit_code == 0
