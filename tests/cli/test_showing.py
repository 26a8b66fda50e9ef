"""What the program shows of a status document, on any terminal."""

from __future__ import annotations

import copy
import os
import re
import subprocess
import sys
from typing import Any

import pytest

from bivouac_cli.durations import seconds_of, words_of
from bivouac_cli.markdown import failure_markdown, list_markdown, status_markdown
from bivouac_cli.progress import changes, service_line
from bivouac_cli.screen import Screen
from bivouac_cli.text import list_lines, proof_lines, receipt_lines, status_lines
from tests.template.declared import PROJECT

WEB = {
    "name": "web",
    "desired": 1,
    "running": 1,
    "healthy": 1,
    "deployment": "ecs-svc/1",
    "images": [{"container": "web", "image": "acme/web:482", "digest": "sha256:1"}],
    "aliases": ["web:80"],
    "state": "HEALTHY",
    "because": None,
}
EDGE = {
    "from": "web",
    "to": "api:http",
    "alias": "api:8080",
    "state": "PROVEN",
    "because": None,
    "proven": True,
    "at": "now",
}
NOT_CALLED = {**EDGE, "state": "NOT_CALLED", "proven": False, "at": None}
SHOP: dict[str, Any] = {
    "name": "shop",
    "status": "READY",
    "doing": None,
    "owner": "team-shop",
    "expiresAt": "2026-11-29T16:00:00Z",
    "secondsLeft": 28_100,
    "cluster": "bivouac-shop",
    "urls": [{"service": "web", "url": "http://203.0.113.7:80/", "proven": True}],
    "noUrlBecause": None,
    "services": [WEB],
    "edges": [EDGE],
    "warnings": [],
    "diagnosis": None,
}


def shop(**changed: Any) -> dict[str, Any]:
    return {**copy.deepcopy(SHOP), **changed}


class TestText:
    def test_an_environment_is_summarised_in_a_few_lines(self) -> None:
        assert list(status_lines(shop())) == [
            "shop: READY, proven",
            "  owner            team-shop",
            "  lease            7h 48m left, ends 2026-11-29T16:00:00Z",
            "  cluster          bivouac-shop",
            "  url              http://203.0.113.7:80/ (web, proven)",
            "  web              HEALTHY, 1 of 1 tasks running",
            "  web -> api:http  proven (api:8080)",
        ]

    def test_ready_without_proof_is_not_called_proven(self) -> None:
        first, *_ = status_lines(shop(edges=[NOT_CALLED]))
        assert first == "shop: READY, and not proven for what runs now: web -> api:http"

    def test_a_service_that_has_nothing_to_ask_is_not_called_proven(self) -> None:
        worker = {**WEB, "name": "worker", "notProven": "nothing to ask: it has no endpoint"}
        first, *_ = status_lines(shop(services=[worker], edges=[]))
        assert first == "shop: READY, not proven: nothing to ask"
        first, *_ = status_lines(shop(services=[WEB, worker]))
        assert first == "shop: READY, proven, but for worker: nothing to ask"
        assert service_line(worker).endswith("; not proven: nothing to ask: it has no endpoint")

    def test_what_is_deleted_has_no_lease(self) -> None:
        text = "\n".join(status_lines(shop(status="DELETED", expiresAt=None, secondsLeft=None)))
        assert "shop: DELETED" in text
        assert "lease            over" in text

    def test_a_diagnosis_comes_last(self) -> None:
        diagnosis = {"cause": "web: container exit\n  next step: read"}
        *_, first, last = status_lines(shop(status="FAILED", diagnosis=diagnosis))
        assert (first, last) == ("web: container exit", "  next step: read")

    def test_a_list_has_a_column_for_each_thing(self) -> None:
        listed = [shop(name="shop"), shop(name="a-longer-name", owner=None, secondsLeft=0)]
        assert list(list_lines(listed)) == [
            "NAME           STATUS  OWNER      LEFT",
            "a-longer-name  READY   -          0s",
            "shop           READY   team-shop  7h 48m",
        ]

    def test_a_stand_in_is_named(self) -> None:
        image = {"container": "app", "image": "acme/web:1", "digest": None, "reason": "a stand-in"}
        line = "HEALTHY, 1 of 1 tasks running; app: a stand-in"
        assert service_line({**WEB, "images": [image]}) == line

    def test_a_draining_service_shows_its_remaining_tasks(self) -> None:
        going = {**WEB, "desired": 0, "state": "DRAINING", "because": "ECS is deleting it"}
        assert service_line(going) == "DRAINING, 1 task left (ECS is deleting it)"
        assert service_line({**going, "running": 0}).startswith("DRAINING, no task left")

    def test_a_proof_shows_its_checks(self) -> None:
        running = {"service": "web", "name": "tasks running", "outcome": "OK", "observed": "1 of 1"}
        outside = {
            "service": "web",
            "name": "http answers from outside the VPC",
            "outcome": "SKIP",
            "observed": "the task has no public address",
        }
        assert list(proof_lines([running, {**running, "service": "api"}, outside])) == [
            "proof:",
            "  web",
            "    tasks running                      1 of 1",
            "    http answers from outside the VPC  not checked: the task has no public address",
            "  api",
            "    tasks running  1 of 1",
            "",
        ]

    def test_revisions_that_ecs_deletes_later_are_explained(self) -> None:
        items = [{"kind": "task definition", "name": "web:1", "outcome": "DELETING"}]
        receipt = {"name": "shop", "status": "DELETED", "at": "now", "items": items}
        *_, last = receipt_lines(receipt)
        assert "ECS finishes deleting" in last

    def test_a_receipt_counts_and_names_everything(self) -> None:
        items = [
            {"kind": "service", "name": "web", "outcome": "DELETED"},
            {"kind": "cluster", "name": "shop", "outcome": "FAILED", "reason": "AccessDenied"},
        ]
        receipt = {"name": "shop", "status": "NOT_DELETED", "at": "now", "items": items}
        assert list(receipt_lines(receipt)) == [
            "shop: NOT_DELETED at now: 1 deleted, 1 failed",
            "  deleted: service web",
            "  failed: cluster shop (AccessDenied)",
        ]


class TestProgress:
    def test_the_first_poll_shows_what_exists(self) -> None:
        assert changes(None, shop()) == [
            "shop: READY",
            "web: HEALTHY, 1 of 1 tasks running",
        ]

    def test_what_is_on_its_way_out_is_not_listed_first(self) -> None:
        going = shop(status="DELETING")
        drains = {**WEB, "running": 0, "desired": 0, "state": "DRAINING", "because": None}
        assert changes(None, going) == ["shop: DELETING"]
        assert changes(going, shop(status="DELETING", services=[drains])) == [
            "web: DRAINING, no task left"
        ]

    def test_only_what_is_new_is_said(self) -> None:
        starting = {**WEB, "running": 0, "state": "STARTING", "because": "0 of 1 tasks running"}
        before = shop(status="CREATING", services=[starting], edges=[NOT_CALLED])
        assert changes(before, before) == []
        assert changes(None, before)[1] == "web: STARTING, 0 of 1 tasks running"
        answered = shop(status="CREATING", edges=[{**EDGE, "state": "ANSWERED"}])
        assert changes(before, answered) == [
            "web: HEALTHY, 1 of 1 tasks running",
            "web -> api:http: api:8080 answers",
        ]
        assert changes(answered, answered) == []
        assert changes(answered, shop()) == ["shop: READY"]

    def test_a_failure_shows_its_reason(self) -> None:
        failed = {**NOT_CALLED, "state": "FAILED", "because": "api:8080: the connection failed"}
        before = shop(status="CREATING", edges=[NOT_CALLED])
        assert changes(before, shop(status="CREATING", edges=[failed])) == [
            "web -> api:http: api:8080: the connection failed"
        ]


class TestMarkdown:
    def test_a_comment_is_a_table_of_services_and_edges(self) -> None:
        text = "\n".join(status_markdown(shop()))
        assert text.startswith("### shop: READY, proven\n")
        assert "- web: <http://203.0.113.7:80/>" in text
        assert "| web | HEALTHY | 1 of 1 | acme/web:482 |" in text
        assert "| web -\\> api:http | api:8080 | now |" in text

    def test_foreign_text_never_becomes_markup(self) -> None:
        text = "\n".join(list_markdown([{**shop(), "owner": "@everybody |[x](y)<b>"}]))
        assert "@\u200beverybody \\|\\[x\\](y)\\<b\\>" in text

    def test_a_diagnosis_cannot_leave_its_fence(self) -> None:
        lines = list(failure_markdown("DeploymentFailedError", "a\n```\n# not a heading"))
        assert lines[2] == lines[-1] == "````"


BOTH = [WEB, {**WEB, "name": "api"}]
WAITING = f"""
import time
from bivouac_cli.screen import Screen
screen = Screen("table")
with screen.working("shop"):
    screen.note("a remark")
    screen.progress(None, {shop(status="CREATING", services=BOTH, edges=[NOT_CALLED])})
    time.sleep(0.3)
screen.status({shop(services=BOTH)})
"""
FAILED = f"""
from bivouac_cli.screen import Screen
Screen("table").failure("DeploymentFailedError", "web: exit 3", {
    shop(status="FAILED", services=BOTH, edges=[{**EDGE, "state": "FAILED", "because": "HTTP 500"}])
})
"""


def shown_on_a_terminal(program: str = WAITING, **variables: str) -> str:
    """The program's output if both of its outputs are the same terminal."""
    ours, its = os.openpty()
    subprocess.run(
        [sys.executable, "-c", program],
        env={"PYTHONPATH": str(PROJECT / "cli"), "PYTHONUTF8": "1", **variables},
        stdout=its,
        stderr=its,
        check=True,
    )
    os.close(its)
    with os.fdopen(ours, "rb", buffering=0) as terminal:
        return terminal.read(65_536).decode()


class TestTerminals:
    def test_a_dumb_one_gets_plain_lines(self) -> None:
        shown = shown_on_a_terminal(TERM="dumb").splitlines()
        assert shown[:3] == ["a remark", "  shop: CREATING", "  web: HEALTHY, 1 of 1 tasks running"]
        assert shown[4] == "shop: READY, proven"

    def test_another_one_gets_a_picture_live_and_at_the_end(self) -> None:
        shown = shown_on_a_terminal(TERM="xterm", COLUMNS="80")
        assert "a remark" in shown
        assert "shop: CREATING, 0 s" in shown
        live, _, ended = shown.rpartition("CREATING")
        assert "│ web         │" in re.sub(r"\x1b\[[0-9;]*m", "", live)
        assert "─ OK ──▶" not in live
        assert "─ OK ──▶" in ended
        assert "shop: READY, proven" in ended

    def test_forty_columns_are_enough(self) -> None:
        shown = shown_on_a_terminal(TERM="xterm", COLUMNS="40")
        assert "shop: CREATING, 0 s" in shown
        plain = re.sub(r"\x1b\[[0-9;?]*[A-Za-z]", "", shown.partition("shop: READY")[0])
        assert max(map(len, plain.replace("\r", "\n").splitlines())) <= 40

    @pytest.mark.parametrize("columns", ["40", "80"])
    def test_a_failure_has_the_mesh_beneath_its_diagnosis(self, columns: str) -> None:
        shown = shown_on_a_terminal(FAILED, TERM="xterm", COLUMNS=columns, NO_COLOR="1")
        lines = re.sub(r"\x1b\[[0-9;]*m", "", shown).splitlines()
        assert lines[:2] == ["DeploymentFailedError", "web: exit 3"]
        assert "─ NO ──▶" in "\n".join(lines[2:])
        assert max(len(line) for line in lines if "│" in line) <= int(columns)
        assert lines[-1] == "  web -> api:http  failed (api:8080): HTTP 500"

    def test_a_failure_in_a_pipe_has_plain_lines(self, capsys: pytest.CaptureFixture[str]) -> None:
        Screen("table").failure("DeploymentFailedError", "web: exit 3", shop(edges=[NOT_CALLED]))
        assert capsys.readouterr().out.splitlines()[2:] == [
            "",
            "  web              HEALTHY, 1 of 1 tasks running",
            "  web -> api:http  not called (api:8080)",
        ]

    def test_no_color_turns_colours_off(self) -> None:
        assert "\x1b[32m" in shown_on_a_terminal(TERM="xterm")
        assert "\x1b[32m" not in shown_on_a_terminal(TERM="xterm", NO_COLOR="1")

    def test_one_that_shows_no_boxes_gets_plain_lines(self) -> None:
        shown = shown_on_a_terminal(TERM="xterm", PYTHONUTF8="0", PYTHONIOENCODING="latin-1")
        assert "\x1b[" not in shown
        assert "shop: READY, proven" in shown

    def test_lines_are_not_broken_in_forty_columns(
        self, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
    ) -> None:
        """The terminal wraps them; a copied URL stays whole."""
        monkeypatch.setenv("COLUMNS", "40")
        url = "http://203.0.113.7:80/" + "a" * 60
        Screen("table").status(shop(urls=[{"service": "web", "url": url, "proven": True}]))
        assert url in capsys.readouterr().out

    def test_foreign_text_never_controls_the_terminal(
        self, capsys: pytest.CaptureFixture[str]
    ) -> None:
        Screen("table").note("owner \x1b[2J\u202eteam [bold]x[/bold]")
        assert "owner [2Jteam [bold]x[/bold]" in capsys.readouterr().err


@pytest.mark.parametrize(("text", "seconds"), [("90s", 90), ("20m", 1200), ("2d", 172_800)])
def test_a_duration_is_a_number_and_a_unit(text: str, seconds: int) -> None:
    assert seconds_of(text) == seconds


@pytest.mark.parametrize("text", ["", "0m", "5", "1w", "-3h", "1h30m"])
def test_any_other_duration_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="is not a duration"):
        seconds_of(text)


@pytest.mark.parametrize(
    ("seconds", "words"), [(0, "0s"), (59, "59s"), (3600, "1h"), (93_784, "1d 2h")]
)
def test_time_left_is_shown_in_two_units(seconds: int, words: str) -> None:
    assert words_of(seconds) == words


def test_help_imports_no_library() -> None:
    """Importing the AWS SDK takes most of a second on a small machine."""
    assert imported_by("bivouac_cli.program") == set()


def test_a_list_imports_only_the_aws_sdk() -> None:
    assert imported_by("bivouac_cli.commands") == {"botocore"}


def imported_by(module: str) -> set[str]:
    """The libraries among its imports."""
    program = f"import sys, {module}; print(*{{'botocore', 'boto3', 'rich'}} & set(sys.modules))"
    done = subprocess.run(
        [sys.executable, "-c", program],
        env={"PYTHONPATH": str(PROJECT / "cli")},
        capture_output=True,
        text=True,
        check=True,
    )
    return set(done.stdout.split())
