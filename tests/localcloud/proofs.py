"""The containers of a proof client, as Bivouac creates them."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from bivouac.environment.blueprint import Edge
from bivouac.proof import edge_command, edge_lines
from localcloud.tasks.runtime import Container, LogTarget
from tests.localcloud.running_tasks import container

PYTHON = "public.ecr.aws/docker/library/python:3.13-alpine"


def python(name: str, *command: str, essential: bool = False) -> Container:
    made = container(name, PYTHON, ports=(), log=LogTarget("/proof", name))
    return replace(made, command=command, essential=essential)


IDLE = python("idle", *edge_command.IDLE_COMMAND, essential=True)


def edge(dns_name: str, **changes: Any) -> Edge:
    return Edge(
        **{
            "client": "client",
            "server": dns_name,
            "port_name": "http",
            "dns_name": dns_name,
            "port": 80,
            "app_protocol": "http",
            "path": "/",
            "lowest_status": 200,
            "highest_status": 399,
            **changes,
        }
    )


def asks(dns_name: str, patience: int, called: str = "", **changes: Any) -> Container:
    """An edge's container, named after the alias that it calls, or as given."""
    command = edge_command.command(edge(dns_name, **changes), patience)
    return python(called or dns_name, *command)


def said(lines: list[str], name: str, **changes: Any) -> list[str]:
    """What a proof client's log says of an edge, as people read it; every line is a reading."""
    asked = edge(name, **changes)
    assert all(edge_lines.read(line, asked) for line in lines)
    return [edge_lines.for_people(line, asked) for line in lines]


def log(name: str) -> LogTarget:
    return LogTarget("/proof", name)
