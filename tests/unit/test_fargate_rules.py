"""Fargate's task sizes; test_bad_input.py covers its other rules."""

from __future__ import annotations

import pytest

from bivouac.request.rules import fargate_rules


def size(cpu: str | None, memory: str | None, reserved: int = 0) -> list[str]:
    definition = {
        "cpu": cpu,
        "memory": memory,
        "containerDefinitions": [{"memory": reserved} if reserved else {}],
    }
    return list(map(str, fargate_rules.task_size_problems(definition, True, "task")))


@pytest.mark.parametrize(
    ("cpu", "memory"),
    [
        ("256", "512"),
        ("256", "2048"),
        ("512", "1024"),
        ("1024", "8192"),
        ("2048", "16384"),
        ("4096", "30720"),
        ("8192", "61440"),
        ("16384", "122880"),
        ("32768", "249856"),
        (".25 vCPU", "0.5 GB"),
        ("1 vcpu", "2gb"),
    ],
)
def test_a_size_that_fargate_offers_is_accepted(cpu: str, memory: str) -> None:
    """T04."""
    assert size(cpu, memory) == []


@pytest.mark.parametrize(
    ("cpu", "memory", "message"),
    [
        ("256", "4096", "task.memory"),
        ("256", "511", "task.memory"),
        ("512", "512", "task.memory"),
        ("8192", "17408", "task.memory"),
        ("16384", "32000", "task.memory"),
        ("128", "512", "task.cpu"),
        ("32768", "65536", "task.memory"),
        ("0.3 vCPU", "512", "task.cpu"),
        ("-256", "512", "task.cpu"),
        ("256", "much", "task.memory"),
        (None, "512", "task.cpu"),
        ("256", None, "task.memory"),
        ("", "", "task.memory"),
        ("65536", "122880", "task.cpu"),
    ],
)
def test_a_size_that_fargate_does_not_offer_is_refused(
    cpu: str | None, memory: str | None, message: str
) -> None:
    """T04, T05."""
    assert any(problem.startswith(message) for problem in size(cpu, memory))


@pytest.mark.parametrize(
    ("cpu", "memory", "message"),
    [
        ("0.25", "512", '16384, 32768; write "256" for 0.25 vCPU'),
        ("1", "2048", '32768; write "1024" for 1 vCPU'),
        ("3", "512", "16384, 32768"),
        ("256", "2", '1024, 2048 MiB; write "2048" for 2 GB'),
        ("256", "4", "1024, 2048 MiB"),
    ],
)
def test_vcpus_and_gb_without_their_unit_are_told_in_units(
    cpu: str, memory: str, message: str
) -> None:
    assert size(cpu, memory)[0].endswith(message)


@pytest.mark.parametrize(("reserved", "fits"), [(448, True), (449, False), (512, False)])
def test_the_containers_must_leave_room_for_the_proxy(reserved: int, fits: bool) -> None:
    """T15."""
    assert (size("256", "512", reserved) == []) is fits


def test_the_containers_may_not_reserve_more_cpu_than_the_task_has() -> None:
    definition = {
        "cpu": "256",
        "memory": "512",
        "containerDefinitions": [{"cpu": 200}, {"cpu": 57}],
    }
    (problem,) = fargate_rules.task_size_problems(definition, True, "task")
    assert "257 of 256 CPU units" in problem.text
