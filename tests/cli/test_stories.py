"""What people do with `bivouac`, with the managed policies of their jobs, on the local cloud."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest

from localcloud.account import SECURITY_GROUP_ID
from localcloud.tasks.scripted import exits
from tests.cli.commanding import Finished, Terminal, ran
from tests.localcloud.waiting import until_true
from tests.requests import connection, environment, web

pytestmark = pytest.mark.xdist_group("command-line")


def written(tmp_path: Path, *services: object, **changes: object) -> str:
    file = tmp_path / "request.json"
    file.write_text(json.dumps(environment(*services, **changes)))  # type: ignore[arg-type]
    return str(file)


EVERYDAY_TASKS = (
    *("start a project", "check it", "see the change", "deploy and wait", "progress", "status"),
    *("list", "URL", "logs", "shell", "new image", "roll back", "pause", "resume"),
    *("extend, time left", "delete with proof"),
)


def test_each_everyday_task_is_one_command(
    terminal: Terminal, name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    done: list[str] = []

    def does(task: str, *words: str, exit_code: int = 0) -> Finished:
        ended = terminal(*words)
        assert ended.exit_code == exit_code, (task, ended)
        done.append(task)
        return ended

    definitions = tmp_path / "definitions.json"
    definitions.write_text(json.dumps(definition_of("nginx")))
    file = tmp_path / "request.json"
    request = does("start a project", "init", str(definitions), "--name", name).json
    open_to_all = {"securityGroups": [SECURITY_GROUP_ID], "assignPublicIp": "ENABLED"}
    request["services"][0]["networkConfiguration"] = {"awsvpcConfiguration": open_to_all}
    file.write_text(json.dumps(request))
    # The local cloud's alarms have no topic
    assert "NG       alarms: no topic" in does("check it", "doctor", exit_code=1).answer
    plan = does("see the change", "up", str(file), "--dry-run").answer
    assert f"{name}: a plan; nothing was made" in plan
    assert terminal("get", name).exit_code == 5

    up = does("deploy and wait", "up", str(file))
    assert f"{name}: READY, proven" in up.answer
    assert f"{name}: CREATING" in up.notes
    assert f"{name}: READY" in does("progress", "wait", name).answer
    status = does("status", "get", name, "--output", "json").json
    assert (status["name"], status["edges"][0]["state"]) == (name, "PROVEN")
    assert any(name in line and "READY" in line for line in does("list", "ls").answer.splitlines())
    assert "  http://203.0.113." in does("URL", "get", name).answer
    does("logs", "logs", name)
    aws = tmp_path / "aws"
    aws.write_text(f'#!/bin/sh\nprintf "%s\\n" "$@" > {tmp_path}/called\n')
    aws.chmod(0o755)
    with monkeypatch.context() as patch:
        patch.setenv("PATH", f"{tmp_path}:/bin")
        does("shell", "exec", name, "web", "--", "/bin/sh")
    assert "execute-command" in (tmp_path / "called").read_text()

    does("new image", "redeploy", name, "web=httpd")
    assert running_image(terminal, name) == "httpd"
    terminal.app.runtime.script(f"broken-{name}", exits(3, after=0.02, output=["no database"]))
    request["services"][0]["taskDefinition"] = definition_of(f"broken-{name}")
    file.write_text(json.dumps(request | {"onFailure": "keep"}))
    assert terminal("up", str(file)).exit_code == 1
    assert f"{name}: READY, proven" in does("roll back", "rollback", name).answer
    assert running_image(terminal, name) == "httpd"

    assert f"{name}: ASLEEP" in does("pause", "sleep", name).answer
    assert terminal("wait", name, "--for", "asleep").exit_code == 0
    assert terminal("wait", name).exit_code == 4
    assert f"{name}: READY, proven" in does("resume", "wake", name).answer
    extended = does("extend, time left", "extend", name, "--ttl", "2d", "--output", "json")
    assert extended.json["secondsLeft"] > 47 * 3600
    again = terminal("extend", name, "--ttl", "1h")
    assert again.exit_code == 0
    assert "does not shorten" in again.notes
    comment = terminal("comment", name)
    assert f"### {name}: READY, proven" in comment.answer
    assert "| web |" in comment.answer

    assert terminal("receipt", name).exit_code == 5
    down = does("delete with proof", "down", name)
    assert "deleted: service web" in down.answer
    assert terminal("receipt", name).answer == down.answer
    assert terminal("wait", name, "--for", "deleted").exit_code == 0
    assert terminal.app.left(name) == []
    assert tuple(done) == EVERYDAY_TASKS


def definition_of(image: str) -> dict[str, Any]:
    mapping = {"containerPort": 80, "name": "web", "appProtocol": "http"}
    container = {"name": "web", "image": image, "portMappings": [mapping]}
    return {
        "family": "web",
        "cpu": "256",
        "memory": "512",
        "containerDefinitions": [container],
    }


def running_image(terminal: Terminal, name: str) -> str:
    (service,) = terminal("get", name, "--output", "json").json["services"]
    return str(service["images"][0]["image"])


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
    assert waited.exit_code == 1
    diagnosis, _, mesh = up.answer.partition("\n\n")
    assert waited.answer.partition("\n\n")[0] == diagnosis
    # How many of its tasks run changes all the time: they end, and ECS starts others
    for printed in (mesh, waited.answer.partition("\n\n")[2]):
        assert re.match(r"  web +(STARTING|UNHEALTHY), .+ \(container exit: .+\)\n", printed)
        assert re.match(r"  web:web +(not )?called \(web:80\)", printed.splitlines()[1])
    rollback = terminal("rollback", name)
    assert rollback.exit_code == 4
    assert "no other request was ever proven" in rollback.notes
    assert terminal("down", name).exit_code == 0


def test_what_was_proven_stands_below_the_diagnosis_also_when_the_failed_environment_goes(
    terminal: Terminal, name: str, tmp_path: Path
) -> None:
    image = f"broken-{name}"
    terminal.app.runtime.script(image, exits(3, after=0.02, output=["no database"]))
    broken = web(serviceName="api", primaryContainer={"image": image, "containerPort": 80})
    edge = connection("web", "api")
    file = written(tmp_path, web(), broken, name=name, connect=[edge])

    up = terminal("up", file)
    assert up.exit_code == 1
    mesh = up.answer.partition("\n\n")[2].splitlines()
    # As it was last seen before the deletion
    assert [line.split()[0] for line in mesh] == ["api", "web", "web"]
    assert re.match(r"  web -> api:api +(not )?called \(api:80\)$", mesh[-1])
    assert terminal("wait", name, "--for", "deleted").exit_code == 0


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


def test_a_stack_of_another_version_is_one_clear_line(
    terminal: Terminal, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("bivouac_cli.stack.__version__", "7.3.0")
    other = terminal("ls")
    assert other.exit_code == 5
    assert other.answer == ""
    assert other.notes.startswith("The stack bivouac is of version ")
    assert "and this program of 7.3.0. Update the stack (make deploy)" in other.notes
    assert len(other.notes.splitlines()) == 1


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
