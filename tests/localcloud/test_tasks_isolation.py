"""Which isolation the runtime uses if the system refuses the better one."""

from __future__ import annotations

import shutil
import subprocess
import sys

import pytest

from localcloud.tasks.isolation import CannotIsolateError
from localcloud.tasks.processes import ProcessRuntime
from tests.localcloud.running_tasks import (
    answers,
    process_runtime,
    serves,
    started,
    task,
)

REPORT = """
from tests.localcloud.running_tasks import answers, serves, started, task
from localcloud.tasks.processes import ProcessRuntime

runtime = ProcessRuntime()
try:
    web = task(1, ingress=(serves("web"),))
    started(runtime, web)
    answers(runtime, web)
    print(runtime.isolation)
    print(runtime.isolation_sentence)
finally:
    runtime.close()
"""


def taken_where_forbidden(limit: str) -> list[str]:
    """(isolation, sentence) on a system that allows no namespaces of one kind."""
    if shutil.which("unshare") is None:
        pytest.skip("needs the program unshare")
    script = f'echo 0 > /proc/sys/user/{limit} && exec "$0" -c "$1"'
    inside = subprocess.run(
        ["unshare", "--map-root-user", "sh", "-c", script, sys.executable, REPORT],
        capture_output=True,
        text=True,
        timeout=30,
        check=False,
    )
    if "Operation not permitted" in inside.stderr or "Read-only" in inside.stderr:
        pytest.skip(inside.stderr)
    assert inside.returncode == 0, inside.stderr
    return inside.stdout.splitlines()


def test_without_namespaces_tasks_run_behind_an_http_proxy() -> None:
    isolation, sentence = taken_where_forbidden("max_net_namespaces")
    assert isolation == "proxy"
    assert "refuses namespaces" in sentence
    assert "no more namespaces are allowed" in sentence


def test_root_needs_no_user_namespace() -> None:
    isolation, _ = taken_where_forbidden("max_user_namespaces")
    assert isolation == "namespace"


def test_requiring_refused_namespaces_is_an_error_with_the_reason(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(sys, "platform", "darwin")
    with pytest.raises(CannotIsolateError, match="darwin has none"):
        ProcessRuntime(isolation="namespace")


def test_every_socket_path_is_short_enough() -> None:
    with process_runtime("proxy") as runtime:
        web = task(255, ingress=(serves("web", port=65535),))
        started(runtime, web)
        assert len(str(answers(runtime, web, 65535))) < 100
        assert all(len(str(each)) < 100 for each in runtime.directory.rglob("*"))


def test_other_users_cannot_read_the_runtimes_directory() -> None:
    with process_runtime("proxy") as runtime:
        assert runtime.directory.stat().st_mode & 0o777 == 0o700
