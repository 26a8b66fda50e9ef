"""How functions and people reach running tasks: from names and addresses to Unix sockets."""

from __future__ import annotations

import ipaddress

from localcloud.awslambda.function import Function
from localcloud.awslambda.workers import Route
from localcloud.ecs.model import Service, Task
from localcloud.network import Internet, InVpc, Reached, Refused, Source, TimedOut
from localcloud.strict import ControlPlane


class FunctionRoutes:
    """Where a function's connection leads; see `localcloud.awslambda.workers.Routes`."""

    def __init__(self, plane: ControlPlane) -> None:
        self._plane = plane

    def __call__(self, function: Function, host: str, port: int) -> Route:
        try:
            ipaddress.IPv4Address(host)
        except ValueError:
            # Service Connect names resolve only in tasks of the namespace (P01).
            return Route("unknown_host")
        with self._plane.lock:
            met = self._plane.network.route(_source(function), host, port)
        match met:
            case Reached():
                path = self._plane.runtime.socket_of(met.private_ip, met.port)
                return Route("connected", path) if path else Route("refused")
            case Refused():
                return Route("refused")
            case TimedOut():
                return Route("timed_out")
        return Route("unreachable")


def _source(function: Function) -> Source:
    if function.vpc is None:
        return Internet()
    return InVpc(function.vpc.subnet_ids[0], frozenset(function.vpc.security_group_ids))


class RunningServices:
    """The address of a running task of a service; see `localcloud.endpoint.front.Resolver`."""

    def __init__(self, plane: ControlPlane) -> None:
        self._plane = plane

    def __call__(self, service: str, cluster: str) -> tuple[str, int] | None:
        with self._plane.lock:
            for candidate in self._services(service, cluster):
                for task in candidate.tasks:
                    if task.status == "RUNNING" and task.live and (port := _port(task)):
                        assert task.interface
                        return task.interface.private_ip, port
        return None

    def _services(self, service: str, cluster: str) -> list[Service]:
        return [
            found
            for group in self._plane.ecs.clusters.all()
            if group.name.lower() == cluster.lower()
            for found in group.services.values()
            if found.name.lower() == service.lower()
        ]


def _port(task: Task) -> int | None:
    """The first endpoint's port, through its proxy; else the containers' first port."""
    connect = task.deployment.connect
    if connect and connect.endpoints:
        return connect.endpoints[0].ingress.port
    for container in task.definition.containers:
        for mapping in container["portMappings"]:
            return int(mapping["containerPort"])
    return None
