"""Running services by name: `curl http://<service>.<cluster>.localhost:<port>/`.

Acts as a load balancer in front of the cluster: it forwards each request to a running task of the
service, through the Unix socket that stands for the task's address, and streams the response.
"""

from __future__ import annotations

import http.client
import logging
import socket
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from urllib.parse import quote
from wsgiref.types import StartResponse, WSGIEnvironment

_log = logging.getLogger(__name__)

Resolver = Callable[[str, str], tuple[str, int] | None]
"""(service name, cluster name) -> the address of a running task, or None.

The names come as the client wrote them; browsers write host names in lower case."""

SocketOf = Callable[[str, int], Path | None]
"""`TaskRuntime.socket_of`."""

_TIMEOUT = 30.0
"""Seconds. Service Connect's proxy ends a request after 15 seconds itself."""
_CHUNK = 65536
_HOP_BY_HOP = {
    "connection",
    "keep-alive",
    "proxy-authenticate",
    "proxy-authorization",
    "proxy-connection",
    "te",
    "trailer",
    "transfer-encoding",
    "upgrade",
}


class ServiceFront:
    """A WSGI application that answers for every `<service>.<cluster>.localhost`."""

    def __init__(self, resolve: Resolver, socket_of: SocketOf) -> None:
        self._resolve = resolve
        self._socket_of = socket_of

    def __call__(self, environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        host = environ.get("HTTP_HOST", "")
        named = service_of_host(host)
        if named is None:
            return _say(
                start_response,
                "404 Not Found",
                f"{host!r} names no service: write http://<service>.<cluster>.localhost/",
            )
        service, cluster = named
        address = self._resolve(service, cluster)
        if address is None:
            return _say(
                start_response,
                "503 Service Unavailable",
                f"service {service!r} of cluster {cluster!r} has no running task",
            )
        ip, port = address
        path = self._socket_of(ip, port)
        if path is None:
            return _say(
                start_response,
                "503 Service Unavailable",
                f"nothing listens at {ip}:{port}, a task of service {service!r}",
            )
        return _carry(environ, start_response, path, f"{ip}:{port}")


def service_of_host(host: str) -> tuple[str, str] | None:
    """(service, cluster) of "<service>.<cluster>.localhost[:port]"; None for any other host."""
    labels = host.partition(":")[0].split(".")
    if len(labels) != 3 or labels[2].lower() != "localhost" or not all(labels):
        return None
    return labels[0], labels[1]


class _UnixConnection(http.client.HTTPConnection):
    def __init__(self, path: Path) -> None:
        super().__init__("localhost", timeout=_TIMEOUT)
        self._path = path

    def connect(self) -> None:
        self.sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self.sock.settimeout(self.timeout)
        self.sock.connect(str(self._path))


def _carry(
    environ: WSGIEnvironment, start_response: StartResponse, path: Path, address: str
) -> Iterable[bytes]:
    connection = _UnixConnection(path)
    try:
        connection.putrequest(
            environ["REQUEST_METHOD"], _target(environ), skip_host=True, skip_accept_encoding=True
        )
        for name, value in _request_headers(environ):
            connection.putheader(name, value)
        connection.endheaders()
        for piece in _body(environ):
            connection.send(piece)
        answer = connection.getresponse()
    except (OSError, http.client.HTTPException) as problem:
        connection.close()
        _log.info("no answer of %s: %r", address, problem)
        return _say(
            start_response, "502 Bad Gateway", f"the task at {address} did not answer: {problem!r}"
        )
    headers = [(k, v) for k, v in answer.getheaders() if k.lower() not in _HOP_BY_HOP]
    start_response(f"{answer.status} {answer.reason}", headers)
    return _stream(connection, answer)


def _stream(
    connection: http.client.HTTPConnection, answer: http.client.HTTPResponse
) -> Iterator[bytes]:
    try:
        while piece := answer.read1(_CHUNK):
            yield piece
    finally:
        connection.close()


def _target(environ: WSGIEnvironment) -> str:
    path = quote(environ.get("SCRIPT_NAME", "") + environ["PATH_INFO"], encoding="latin-1")
    query = environ.get("QUERY_STRING", "")
    return (path or "/") + (f"?{query}" if query else "")


def _request_headers(environ: WSGIEnvironment) -> Iterator[tuple[str, str]]:
    for key, value in environ.items():
        name = key.removeprefix("HTTP_").replace("_", "-").lower()
        if key.startswith("HTTP_") and name not in _HOP_BY_HOP:
            yield name, value
    for key in ("CONTENT_TYPE", "CONTENT_LENGTH"):
        if environ.get(key):
            yield key.replace("_", "-").lower(), environ[key]
    yield "x-forwarded-for", environ.get("REMOTE_ADDR", "127.0.0.1")


def _body(environ: WSGIEnvironment) -> Iterator[bytes]:
    left = int(environ.get("CONTENT_LENGTH") or 0)
    while left > 0:
        piece = environ["wsgi.input"].read(min(left, _CHUNK))
        if not piece:
            return
        left -= len(piece)
        yield piece


def _say(start_response: StartResponse, status: str, text: str) -> Iterable[bytes]:
    body = f"{text}\n".encode()
    start_response(status, [("Content-Type", "text/plain"), ("Content-Length", str(len(body)))])
    return [body]
