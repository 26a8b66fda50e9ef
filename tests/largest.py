"""The largest request of each kind that is accepted, and some that are too large."""

from __future__ import annotations

from itertools import combinations, islice, pairwise
from typing import Any

from tests.requests import connection, depends, environment, web

Json = dict[str, Any]
MOST_SERVICES = 50


def services(count: int = MOST_SERVICES, **changes: Any) -> list[Json]:
    return [web(serviceName=f"service-{number}", **changes) for number in range(count)]


def fifty_services(name: str) -> Json:
    return environment(*services(), name=name)


def thousand_tasks(name: str, each: int = 20) -> Json:
    return environment(*services(desiredCount=each), name=name)


def many_edges(name: str, count: int = 240) -> Json:
    """Each service calls those after it."""
    made = services()
    pairs = islice(combinations([each["serviceName"] for each in made], 2), count)
    return environment(*made, name=name, connect=[connection(*pair) for pair in pairs])


def chain(name: str, count: int = MOST_SERVICES) -> Json:
    """Each service waits until the one before it is healthy, and calls it."""
    made = services(count)
    calls = []
    for before, after in pairwise(made):
        after["dependsOn"] = depends(before["serviceName"])
        calls.append(connection(after["serviceName"], before["serviceName"]))
    return environment(*made, name=name, connect=calls)


def ports(count: int, prefix: str = "port", text: str = "") -> Json:
    """The parts of a service with this many endpoints; `text` makes their names longer."""
    names = [f"{prefix}-{number}-{text}"[:64].rstrip("-") for number in range(count)]
    container = {
        "name": "web",
        "image": "nginx",
        "portMappings": [
            {"containerPort": 80 + number, "name": name, "appProtocol": "http"}
            for number, name in enumerate(names)
        ],
    }
    served = [
        {
            "portName": name,
            "discoveryName": name,
            "clientAliases": [{"port": 80 + number, "dnsName": name}],
        }
        for number, name in enumerate(names)
    ]
    return {
        "taskDefinition": {"cpu": "256", "memory": "512", "containerDefinitions": [container]},
        "serviceConnectConfiguration": {"enabled": True, "services": served},
    }


def longest_names(name: str, count: int = 20) -> Json:
    """Services, endpoints, tags and owner with the longest possible names."""
    made = [
        {"serviceName": f"{number:02}-".ljust(128, "x"), **ports(1, f"p{number}", "y" * 64)}
        for number in range(count)
    ]
    tags = {f"{number:02}".ljust(128, "k"): "v" * 256 for number in range(40)}
    return environment(*made, name=name, tags=tags, owner="o" * 128)


def longest_values(name: str, count: int = 20) -> Json:
    """Commands and environment values of some kilobytes for each service."""
    made = services(count)
    for number, each in enumerate(made):
        each["primaryContainer"] |= {
            "command": ["sh", "-c", f"echo {number} " + "word " * 400],
            "environment": [
                {"name": f"SETTING_{setting}", "value": f"{number} {setting} " + "value " * 50}
                for setting in range(10)
            ],
        }
    return environment(*made, name=name)


LARGEST = {
    "50 services": fifty_services,
    "1,000 tasks": thousand_tasks,
    "240 edges": many_edges,
    "50 in a chain": chain,
    "longest names": longest_names,
    "longest values": longest_values,
}
