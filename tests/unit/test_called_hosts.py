"""Variables that name a host which no service of the environment has."""

from __future__ import annotations

from typing import Any

import pytest

from tests.requests import environment, web
from tests.unit.planned import full, planned


def warned(value: str, name: str = "UPSTREAM_URL", **more: Any) -> tuple[str, ...]:
    variables = [{"name": name, "value": value}]
    caller = web(primaryContainer={"image": "nginx", "containerPort": 80, "environment": variables})
    redis = web(
        serviceName="redis",
        primaryContainer={"image": "redis", "containerPort": 6379, "protocol": "tcp"},
    )
    return planned(environment(caller, redis, **more)).warnings


@pytest.mark.parametrize(
    "value",
    [
        "redis://redis:6379/0",
        "redis://:@Redis:6379",
        "http://web",
        "http://web:80/path",
        "http://localhost:8080",
        "http://127.0.0.1:8080",
        "https://api.example.com/v1",
        "jdbc:postgresql://db.example.com:5432/shop",
        "debug",
        "nginx:latest",
        "0.0.0.0:9090",
    ],
)
def test_what_resolves_or_is_outside_is_no_reason_to_warn(value: str) -> None:
    assert not warned(value)


@pytest.mark.parametrize(
    ("name", "value", "host"),
    [
        ("CACHE_URL", "redis://cache:6379/0", "cache"),
        ("BROKERS", "kafka:9092,redis:6379", "kafka"),
        ("DB_HOST", "postgres", "postgres"),
        ("DB_ADDR", "db:5432", "db"),
        ("API", "http://api.bivouac-demo:80", "api.bivouac-demo"),
    ],
)
def test_a_host_that_no_alias_has_is_warned_of(name: str, value: str, host: str) -> None:
    (warning,) = warned(value, name)
    assert warning == (
        f"web: {name} names the host {host}, which no client alias has (aliases: redis, web)"
    )


def test_another_port_than_the_aliass_is_warned_of() -> None:
    (warning,) = warned("redis://redis:6380")
    assert warning == "web: UPSTREAM_URL names redis:6380, but that alias has the port 6379"


def test_a_default_alias_that_nobody_expects_is_named_with_what_to_write() -> None:
    """Without a dnsName it is discoveryName.namespace."""
    variables = [{"name": "UPSTREAM", "value": "http://nginx:80"}]
    caller = web(primaryContainer={"image": "x", "containerPort": 90, "environment": variables})
    server = full(
        **{"serviceConnectConfiguration.services.0.clientAliases": [{"port": 80}]},
        serviceName="nginx",
    )
    (warning,) = planned(environment(caller, server)).warnings
    assert warning == (
        "web: UPSTREAM names the host nginx, but the service nginx is called "
        'nginx.bivouac-demo:80; give its client alias "dnsName": "nginx"'
    )


def test_many_warnings_are_counted() -> None:
    variables = [{"name": f"URL_{n}", "value": f"http://host{n}"} for n in range(50)]
    caller = web(primaryContainer={"image": "x", "containerPort": 80, "environment": variables})
    warnings = planned(environment(caller)).warnings
    assert len(warnings) == 21
    assert warnings[-1] == "and 30 more variables name hosts that no service has"


def test_an_environment_that_proves_nothing_says_so() -> None:
    (warning,) = planned(environment(web(primaryContainer={"image": "busybox"}))).warnings
    assert "no service has an endpoint" in warning
