"""Turns a task, as ECS describes it, into a plan for its sandbox and a configuration for its
proxy."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from . import envoy, python_image
from .files import RuntimeFiles
from .images import Image, Launch, Pulled
from .runtime import ClientAlias, Container, HealthCheck, Proxy, Task
from .sandbox.protocol import ForwardPlan, HealthPlan, Plan, ProcessPlan

_PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
_PROXY_STOP_TIMEOUT = 1.0
_STARTS_WITHIN = 1.0
"""Seconds, on a busy machine."""
_SHORTEST_CHECK = 1.0
"""Seconds. With a shorter scaled time-out, checks would fail because this machine is slow."""

_LOOPBACK_PROXY = Proxy(container_name="", ingress=(), client_aliases=())


@dataclass(frozen=True)
class Host:
    """What the machine offers to every task."""

    files: RuntimeFiles
    envoy: Path
    isolated: bool
    health_scale: float
    own_images: tuple[Image, ...] = ()


def prepare(
    task: Task, pulled: Mapping[str, Pulled], host: Host, http_proxy: tuple[int, int] | None
) -> Path:
    """Writes the task's files. Returns the path of its plan.

    `pulled` is by container name. `http_proxy` is the descriptor and the port of a listening socket
    through which programs reach the outside; needed if tasks are not isolated.
    """
    directory = host.files.address(task.private_ip)
    directory.mkdir(parents=True)
    for index in range(len(task.containers)):
        _own_directory(directory, index).mkdir()
    plan = _Planner(task, pulled, host, http_proxy, directory).plan()
    file = directory / "plan.json"
    file.write_text(json.dumps(plan))
    return file


def hostname(private_ip: str) -> str:
    """As in a VPC with IP-based names."""
    return "ip-" + private_ip.replace(".", "-")


def alias_addresses(proxy: Proxy) -> dict[str, str]:
    """DNS name -> loopback address. ECS also assigns 127.255.0.0/16."""
    names = dict.fromkeys(alias.dns_name for alias in proxy.client_aliases)
    return {name: f"127.255.{n // 254}.{n % 254 + 1}" for n, name in enumerate(names)}


def _own_directory(directory: Path, index: int) -> Path:
    # Not the container's name: that may be longer than a socket's path allows.
    return directory / f"container-{index}"


@dataclass(frozen=True)
class _Planner:
    task: Task
    pulled: Mapping[str, Pulled]
    host: Host
    http_proxy: tuple[int, int] | None
    directory: Path

    def plan(self) -> Plan:
        plan: Plan = {
            "isolated": self.host.isolated,
            "hostname": hostname(self.task.private_ip),
            "replaced_files": self._replaced_files() if self.host.isolated else {},
            "writable": [str(self.host.files.root), "/tmp", "/var/tmp", "/dev/shm"],
            "containers": [
                self._container(container, index)
                for index, container in enumerate(self.task.containers)
            ],
            "forwards": self._forwards(),
        }
        proxy = self._proxy()
        if proxy is not None:
            plan["proxy"] = {"process": self._envoy(proxy), "ready_socket": str(self._admin)}
        return plan

    @property
    def _admin(self) -> Path:
        return self.directory / "admin"

    @property
    def _outbound(self) -> Path:
        return self.directory / "outbound"

    def _proxy(self) -> Proxy | None:
        """Without isolation every task has one: its localhost is also reached through it."""
        if self.task.proxy is None and not self.host.isolated:
            return _LOOPBACK_PROXY
        return self.task.proxy

    def _container(self, container: Container, index: int) -> ProcessPlan:
        own = _own_directory(self.directory, index)
        image = self.pulled[container.name]
        sockets = None
        if not self.host.isolated:
            sockets = {port: self._application_socket(index, port) for port in container.ports}
        ingress = self.task.proxy.ingress if self.task.proxy else ()
        protocols = {each.container_port: each.app_protocol for each in ingress}
        awaited = any(
            dependency == container.name and condition in ("COMPLETE", "SUCCESS")
            for each in self.task.containers
            for dependency, condition in each.depends_on
        )
        launch = Launch(container, image.tag, own, sockets, protocols, awaited)
        environment = self._environment(container)
        if image.image.has_python:
            programs = own / "bin"
            python_image.install(programs, None if self.host.isolated else self._connections)
            environment["PATH"] = f"{programs}:{environment['PATH']}"
        plan: ProcessPlan = {
            "name": container.name,
            "argv": list(image.image.program(launch)),
            "env": environment,
            "stop_timeout": container.stop_timeout,
        }
        if container.depends_on:
            plan["depends_on"] = dict(container.depends_on)
        if container.health_check is not None and container.health_check.command[0] != "NONE":
            plan["health"] = self._health(container.health_check)
        return plan

    def _environment(self, container: Container) -> dict[str, str]:
        environment = {
            "PATH": f"{_PATH}:{self.host.files.tools}",
            "HOME": "/",
            "HOSTNAME": hostname(self.task.private_ip),
            "AWS_EXECUTION_ENV": "AWS_ECS_FARGATE",
        }
        if self.http_proxy is not None:
            environment["http_proxy"] = f"http://127.0.0.1:{self.http_proxy[1]}"
        return environment | dict(container.environment)

    def _health(self, check: HealthCheck) -> HealthPlan:
        kind, *rest = check.command
        scale = self.host.health_scale
        return {
            "argv": ["/bin/sh", "-c", *rest] if kind == "CMD-SHELL" else rest,
            "interval": check.interval * scale,
            "timeout": max(check.timeout * scale, _SHORTEST_CHECK),
            "retries": check.retries,
            # A process needs real time to start, whatever the scale.
            "start_period": check.start_period * scale + (1 - scale) * _STARTS_WITHIN,
        }

    def _envoy(self, proxy: Proxy) -> ProcessPlan:
        for alias in proxy.client_aliases:
            self.host.files.ensure_endpoint(alias.endpoint)
        layout = envoy.Layout(
            admin=self._admin,
            ingress={
                each.port: self.host.files.socket(self.task.private_ip, each.port)
                for each in proxy.ingress
            },
            applications=self._applications(),
            endpoints=self.host.files.endpoints,
            aliases=alias_addresses(proxy) if self.host.isolated else None,
            outbound=None if self.host.isolated else self._outbound,
            alias_sockets={} if self.host.isolated else self._alias_sockets(proxy),
        )
        if not self.host.isolated:
            self._connections.write_text(json.dumps(self._python_connections(proxy)))
        configuration = self.directory / "envoy.json"
        configuration.write_text(json.dumps(envoy.bootstrap(self.task.task_id, proxy, layout)))
        return {
            "name": proxy.container_name,
            "argv": list(envoy.command(self.host.envoy, configuration)),
            "env": {},
            "stop_timeout": _PROXY_STOP_TIMEOUT,
        }

    @property
    def _connections(self) -> Path:
        return self.directory / "connections.json"

    def _alias_sockets(self, proxy: Proxy) -> dict[ClientAlias, Path]:
        return {
            alias: self.directory / f"alias-{n}" for n, alias in enumerate(proxy.client_aliases)
        }

    def _python_connections(self, proxy: Proxy) -> dict[str, str]:
        """What the task's Python programs can connect to: Unix socket by "<name>:<port>"."""
        reached = {
            f"{alias.dns_name}:{alias.port}": str(path)
            for alias, path in self._alias_sockets(proxy).items()
        }
        for port, where in self._applications().items():
            reached |= {f"{name}:{port}": str(where) for name in ("localhost", "127.0.0.1")}
        if self.http_proxy is not None:
            reached[f"127.0.0.1:{self.http_proxy[1]}"] = str(self._outbound)
        return reached

    def _applications(self) -> dict[int, tuple[str, int] | Path]:
        if self.host.isolated:
            return {
                port: ("127.0.0.1", port) for each in self.task.containers for port in each.ports
            }
        return {
            port: self._application_socket(index, port)
            for index, each in enumerate(self.task.containers)
            for port in each.ports
        }

    def _application_socket(self, index: int, port: int) -> Path:
        """Where a program listens that cannot bind the port itself.

        A port without a proxy in front is the task's address itself."""
        if port in directly_reached(self.task):
            return self.host.files.socket(self.task.private_ip, port)
        return _own_directory(self.directory, index) / str(port)

    def _forwards(self) -> list[ForwardPlan]:
        if self.http_proxy is not None:
            return [{"listen": f"fd:{self.http_proxy[0]}", "to": f"unix:{self._outbound}"}]
        return [
            {
                "listen": f"unix:{self.host.files.socket(self.task.private_ip, port)}",
                "to": f"tcp:127.0.0.1:{port}",
            }
            for port in directly_reached(self.task)
        ]

    def _replaced_files(self) -> dict[str, str]:
        name = hostname(self.task.private_ip)
        lines = ["127.0.0.1 localhost", f"127.0.0.1 {name}"]
        if self.task.proxy is not None:
            for alias, address in alias_addresses(self.task.proxy).items():
                lines.append(f"{address} {alias}")
        contents = {
            "/etc/hosts": "\n".join(lines) + "\n",
            "/etc/nsswitch.conf": "passwd: files\ngroup: files\nhosts: files\n",
            # A query to a name server is refused at once instead of timing out.
            "/etc/resolv.conf": "nameserver 127.0.0.1\noptions timeout:1 attempts:1\n",
        }
        replaced = {}
        for shown, content in contents.items():
            file = self.directory / Path(shown).name
            file.write_text(content)
            replaced[shown] = str(file)
        return replaced


def directly_reached(task: Task) -> tuple[int, ...]:
    """The container ports without an ingress proxy in front."""
    proxied = {each.port for each in task.proxy.ingress} if task.proxy else set()
    declared = dict.fromkeys(port for each in task.containers for port in each.ports)
    return tuple(port for port in declared if port not in proxied)
