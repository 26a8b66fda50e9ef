"""A task's log says how the task differs from one on ECS."""

from __future__ import annotations

from dataclasses import replace

from localcloud.tasks.images import pull
from localcloud.tasks.remarks import remarks
from localcloud.tasks.runtime import Container, Task
from tests.localcloud.running_tasks import APP_LOG, PROXY_LOG, alias, container, serves, task


def said(a_task: Task, *, isolated: bool) -> list[tuple[str, str]]:
    """(log group, line)"""
    pulled = {each.name: pull(each.image) for each in a_task.containers}
    return [(log.group, line) for log, line in remarks(a_task, pulled, isolated=isolated)]


def shell_server() -> Container:
    return replace(container(shell="serve"), ports=(80,))


def test_a_task_that_matches_ecs_has_no_remarks() -> None:
    web = task(1, ingress=(serves("web"),), aliases=(alias("api.test", "api"),))
    assert said(web, isolated=True) == []
    assert said(web, isolated=False) == []


def test_a_command_that_a_stand_in_ignores_is_remarked() -> None:
    web = task(1, replace(container(), command=("nginx", "-g", "daemon off;")))
    expected = "local cloud: nginx has its own program here: command and entryPoint are not used"
    assert said(web, isolated=True) == [(APP_LOG.group, expected)]


def test_an_unknown_images_command_is_not_used() -> None:
    """It names a program of the image, which is not here."""
    worker = task(1, replace(container(image="acme/worker:1"), command=("work", "--fast")))
    pulled, ignored = [line for _, line in said(worker, isolated=True)]
    assert "a stand-in plays acme/worker:1" in pulled
    assert ignored.endswith("command and entryPoint are not used")


def test_a_port_shared_with_an_alias_is_remarked() -> None:
    web = task(1, shell_server(), aliases=(alias("api.test", "api"), alias("db", "db", port=81)))
    [(group, line)] = said(web, isolated=True)
    assert group == APP_LOG.group
    assert "port 80 is also that of the alias api.test" in line


def test_unreachable_ports_and_aliases_are_remarked() -> None:
    web = task(1, shell_server(), aliases=(alias("db.test", "db", None, 5432),))
    (app, of_port), (proxy, of_alias) = said(web, isolated=False)
    assert app == APP_LOG.group
    assert "port 80 cannot be reached" in of_port
    assert proxy == PROXY_LOG.group
    assert "db.test:5432 cannot be reached" in of_alias


def test_a_container_without_a_log_has_no_remarks() -> None:
    assert said(task(1, replace(shell_server(), log=None)), isolated=False) == []
