"""Checks and completes the relations of a request's services: dependsOn and connect. Pure.

Only planning uses it. A service may be known only in part, because its own problems are reported
elsewhere; they cause no second report here.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

from bivouac.environment.blueprint import Dependency, Edge, Endpoint, ServiceBlueprint
from bivouac.json_types import ReadOnlyJson
from bivouac.request.findings import Problem
from bivouac.request.graph import cycles, in_order, without_cycles
from bivouac.request.messages import circular, listed, none_named, repeated, too_often
from bivouac.request.models import Connection, DependsOn


@dataclass(frozen=True)
class Party:
    """One service of the request, as far as it could be read."""

    service_name: str
    path: str
    depends_on: Sequence[DependsOn] = ()
    arguments: ReadOnlyJson | None = None
    """Complete CreateService arguments; None if they are not readable."""
    built: ServiceBlueprint | None = None
    """None: it has problems, or its existing task definition is not read yet."""

    @property
    def connects(self) -> bool:
        return bool(self._connect.get("enabled"))

    @property
    def desired_count(self) -> int:
        return int((self.arguments or {}).get("desiredCount", 1))

    @property
    def served(self) -> dict[str, ReadOnlyJson]:
        """serviceConnectConfiguration.services by port name."""
        return {service["portName"]: service for service in self._connect.get("services", ())}

    @property
    def _connect(self) -> ReadOnlyJson:
        connect: ReadOnlyJson = (self.arguments or {}).get("serviceConnectConfiguration", {})
        return connect

    def endpoint(self, port_name: str) -> Endpoint | None:
        for endpoint in self.built.endpoints if self.built else ():
            if endpoint.port_name == port_name:
                return endpoint
        return None


@dataclass(frozen=True)
class Relations:
    """The order of the services, and the connections to prove."""

    dependencies: dict[str, tuple[Dependency, ...]]
    """By service, in the order of their creation: servers first."""
    edges: tuple[Edge, ...]
    problems: list[Problem]


def relations(
    parties: Sequence[Party], connections: Sequence[Connection] | None, namespace: str
) -> Relations:
    """All problems, or the order and the edges."""
    known: dict[str, Party] = {}
    for party in parties:
        known.setdefault(party.service_name, party)
    problems = list(_dependency_problems(known))
    if connections is None:
        edges = tuple(_every_endpoint(known, namespace))
    else:
        given = [
            _connected(each, known, namespace, f"connect[{index}]", problems)
            for index, each in enumerate(connections)
        ]
        edges = tuple(filter(None, given))
        problems += _twice(connections, known)
    return Relations({} if problems else _dependencies(known, edges), edges, problems)


def _dependency_problems(known: Mapping[str, Party]) -> Iterator[Problem]:
    for party in known.values():
        for index, entry in enumerate(party.depends_on):
            path = f"{party.path}.dependsOn[{index}].serviceName"
            if entry.service_name == party.service_name:
                yield Problem(path, "a service cannot wait for itself")
            elif entry.service_name not in known:
                yield Problem(path, _unknown(entry.service_name, known))
        for name, count in repeated(entry.service_name for entry in party.depends_on).items():
            yield Problem(
                f"{party.path}.dependsOn", f"{name} is named {count} times; once is enough"
            )
    for cycle in cycles(_explicit(known)):
        yield Problem("services", circular(cycle))


def _unknown(name: str, known: Mapping[str, Party]) -> str:
    return none_named("service", name, filter(None, known))


def _explicit(known: Mapping[str, Party]) -> dict[str, tuple[str, ...]]:
    return {
        name: tuple(
            entry.service_name
            for entry in party.depends_on
            if entry.service_name in known and entry.service_name != name
        )
        for name, party in known.items()
    }


def _dependencies(
    known: Mapping[str, Party], edges: Sequence[Edge]
) -> dict[str, tuple[Dependency, ...]]:
    """The given dependencies, and START for each edge's server unless that closes a cycle."""
    calls = [(edge.client, edge.server) for edge in edges if edge.client]
    graph = without_cycles(_explicit(known), calls)
    given = {
        name: {entry.service_name: entry.condition for entry in party.depends_on}
        for name, party in known.items()
    }
    return {
        name: tuple(Dependency(other, given[name].get(other, "START")) for other in graph[name])
        for name in in_order(graph)
    }


def _every_endpoint(known: Mapping[str, Party], namespace: str) -> Iterator[Edge]:
    """One edge for each endpoint that can answer."""
    for party in known.values():
        for port_name, service in party.served.items():
            endpoint = party.endpoint(port_name)
            if endpoint and party.desired_count and service.get("clientAliases"):
                yield _edge("", party, endpoint, service, namespace)


def _connected(
    connection: Connection,
    known: Mapping[str, Party],
    namespace: str,
    path: str,
    problems: list[Problem],
) -> Edge | None:
    """The edge, if enough of the server is known. Adds its problems."""
    client, server = known.get(connection.client), known.get(connection.to.service)
    if client is None:
        problems.append(Problem(f"{path}.from", _unknown(connection.client, known)))
    elif client.arguments is not None and not client.connects:
        problems.append(
            Problem(
                f"{path}.from",
                f"{client.service_name} has Service Connect switched off "
                "(serviceConnectConfiguration.enabled), so no client alias resolves in its tasks",
            )
        )
    if server is None:
        problems.append(Problem(f"{path}.to.service", _unknown(connection.to.service, known)))
    elif server is client:
        problems.append(Problem(path, f"{server.service_name} calls itself; name another service"))
    if server is None or server.arguments is None:
        return None
    if server.desired_count == 0:
        problems.append(
            Problem(
                f"{path}.to.service",
                f"{server.service_name} has desiredCount 0, so it never answers",
            )
        )
    port_name = _port_name(connection, server)
    if port_name is None:
        where = f"{path}.to" if connection.to.port_name is None else f"{path}.to.portName"
        problems.append(Problem(where, _which_endpoint(connection, server)))
        return None
    endpoint, service = server.endpoint(port_name), server.served[port_name]
    if endpoint is None or not service.get("clientAliases"):
        return None  # reported with the service, or once its definition is known
    options = {
        f"{path}.to.path": connection.to.path,
        f"{path}.expectStatus": connection.expect_status,
    }
    if endpoint.app_protocol not in ("http", "http2"):
        how = "asks its health service" if endpoint.app_protocol else "only opens a connection"
        problems += [
            Problem(
                where,
                f"{server.service_name}:{port_name} has the appProtocol "
                f"{endpoint.app_protocol or 'TCP'}, so the proof {how}; leave it out",
            )
            for where, value in options.items()
            if value is not None
        ]
    edge = _edge(connection.client, server, endpoint, service, namespace)
    lowest, highest = connection.expect_status or (edge.lowest_status, edge.highest_status)
    return replace(
        edge,
        path=connection.to.path or edge.path,
        lowest_status=lowest,
        highest_status=highest,
    )


def _port_name(connection: Connection, server: Party) -> str | None:
    """The connection's port name; None if it does not exist or is not unique."""
    if connection.to.port_name is None:
        return next(iter(server.served)) if len(server.served) == 1 else None
    return connection.to.port_name if connection.to.port_name in server.served else None


def _which_endpoint(connection: Connection, server: Party) -> str:
    if connection.to.port_name is not None:
        what = f"{server.service_name} has no endpoint {connection.to.port_name!r}"
    elif server.served:
        what = f"{server.service_name} has several endpoints; say which with portName"
    else:
        what = f"{server.service_name} has no endpoint"
    return (
        f"{what} (serviceConnectConfiguration.services with a client alias: "
        f"{listed(server.served)})"
    )


def _twice(connections: Sequence[Connection], known: Mapping[str, Party]) -> Iterator[Problem]:
    given = []
    for connection in connections:
        server = known.get(connection.to.service)
        port_name = _port_name(connection, server) if server else connection.to.port_name
        target = f"{connection.to.service}:{port_name or connection.to.port_name}"
        given.append(f"{connection.client} -> {target}")
    for edge, count in repeated(given).items():
        yield Problem("connect", too_often(edge, count))


def _edge(
    client: str, server: Party, endpoint: Endpoint, service: ReadOnlyJson, namespace: str
) -> Edge:
    alias = service["clientAliases"][0]
    return Edge(
        client=client,
        server=server.service_name,
        port_name=endpoint.port_name,
        dns_name=alias.get("dnsName", f"{endpoint.discovery_name}.{namespace}"),
        port=alias["port"],
        app_protocol=endpoint.app_protocol,
        path=endpoint.path,
        lowest_status=endpoint.lowest_status,
        highest_status=endpoint.highest_status,
    )
