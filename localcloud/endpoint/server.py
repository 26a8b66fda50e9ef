"""The one endpoint: AWS APIs on 127.0.0.1, and running services by their host names.

moto's own server logs every request, closes every connection, lets threads run in a backend at the
same time, and answers an unknown action with an HTML page. This one does not.
"""

from __future__ import annotations

import errno
import io
import json
import logging
import socket
import threading
from collections.abc import Callable, Iterable
from contextlib import nullcontext
from typing import Any
from wsgiref.types import StartResponse, WSGIApplication, WSGIEnvironment
from xml.sax.saxutils import escape

from waitress import wasyncore
from waitress.channel import ClientDisconnected
from waitress.server import TcpWSGIServer, create_server

from localcloud.endpoint.call_faults import CallFaults, Cut, Refused
from localcloud.endpoint.calls import Call, call_of
from localcloud.endpoint.front import service_of_host
from localcloud.endpoint.locks import ServiceLocks
from localcloud.errors import CannotStartError
from localcloud.template import custom_resources

_log = logging.getLogger(__name__)
# Requests that wait for a thread are still answered, so waitress need not warn.
logging.getLogger("waitress.queue").setLevel(logging.ERROR)

THREADS = 48
"""Concurrent requests. A synchronous Invoke occupies one while its function makes others."""

_UNGUARDED = {
    ("lambda", "Invoke"),
    ("sqs", "ReceiveMessage"),
    ("states", "StartSyncExecution"),
    ("states", "GetActivityTask"),
}
"""Calls that wait for something else, which may itself call the same service."""

Throttle = Callable[[Call], tuple[str, str] | None]
"""Error code and message of a call that comes too fast, or None."""

Authorizer = Callable[[Call], str | None]
"""Why a call is denied, in AWS's words, or None."""


class PortTakenError(CannotStartError):
    """Another process uses the endpoint's port."""


class Endpoint:
    """The WSGI application: finds out what is called and by whom, and passes it to moto."""

    def __init__(
        self,
        moto: WSGIApplication,
        locks: ServiceLocks,
        *,
        front: WSGIApplication | None = None,
        answers: WSGIApplication | None = None,
        throttle: Throttle | None = None,
        authorize: Authorizer | None = None,
        knows: Callable[[str], bool] | None = None,
        observe: Callable[[Call], None] | None = None,
        faults: CallFaults | None = None,
    ) -> None:
        self._moto = moto
        self._locks = locks
        self._front = front
        self._answers = answers
        self._throttle = throttle
        self._authorize = authorize
        self._knows = knows
        self._observe = observe
        self._faults = faults or CallFaults()

    def __call__(self, environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        if self._front and service_of_host(environ.get("HTTP_HOST", "")):
            return self._front(environ, start_response)
        if problem := _comes_from_elsewhere(environ):
            start_response("403 Forbidden", [("Content-Type", "text/plain")])
            return [f"{problem}\n".encode()]
        body = _read_body(environ)
        call = call_of(environ, body)
        if self._answers and environ["PATH_INFO"].startswith(custom_resources.PATH):
            return self._answers(environ, start_response)
        if call is None:
            return self._answer_stranger(environ, start_response)
        if self._knows and not self._knows(call.access_key_id):
            return _refuse_key(start_response, call)
        if self._observe:
            self._observe(call)
        if self._throttle and (refused := self._throttle(call)):
            return _fail(start_response, call, 400, *refused)
        if self._authorize and (reason := self._authorize(call)):
            return _deny(start_response, call, reason)
        fault = self._faults.of(call)
        if isinstance(fault, Refused):
            return _fail(start_response, call, fault.status, fault.code, fault.text)
        if fault is Cut.BEFORE:
            raise ClientDisconnected
        answer = self._answer(environ, start_response, call)
        if fault is Cut.AFTER:
            raise ClientDisconnected
        return answer

    def _answer(
        self, environ: WSGIEnvironment, start_response: StartResponse, call: Call
    ) -> Iterable[bytes]:
        try:
            guarded = (call.service, call.operation) not in _UNGUARDED
            with self._locks.of(call.service) if guarded else nullcontext():
                # The list is made inside the lock because moto may produce the body lazily.
                return list(self._moto(environ, start_response))
        except NotImplementedError as error:
            text = f"the local cloud does not know {call.service}:{call.operation} ({error})"
            return _fail(start_response, call, 400, "UnknownOperationException", text)
        except Exception as error:
            _log.exception("%s:%s failed in the local cloud", call.service, call.operation)
            text = f"{call.service}:{call.operation} failed in the local cloud itself: {error!r}"
            # Not 500, which clients retry: a fault of the local cloud does not heal.
            return _fail(start_response, call, 501, "LocalCloudFault", text)

    @staticmethod
    def _answer_stranger(
        environ: WSGIEnvironment, start_response: StartResponse
    ) -> Iterable[bytes]:
        text = (
            "This is the local cloud's endpoint for AWS APIs.\n"
            "aws --endpoint-url http://{} ecs list-clusters\n"
            "curl http://<service>.<cluster>.localhost:<port>/ reaches a running service.\n"
        ).format(environ.get("HTTP_HOST", "127.0.0.1"))
        found = environ["PATH_INFO"] == "/"
        status = "200 OK" if found else "404 Not Found"
        start_response(status, [("Content-Type", "text/plain")])
        return [text.encode()]


def _read_body(environ: WSGIEnvironment) -> bytes:
    body: bytes = environ["wsgi.input"].read()
    environ["wsgi.input"] = io.BytesIO(body)
    environ["CONTENT_LENGTH"] = str(len(body))
    return body


def _comes_from_elsewhere(environ: WSGIEnvironment) -> str | None:
    """Why a request does not come from a program on this machine that means the local cloud.

    The local cloud runs programs as the user who started it, so no web page may reach it. Web pages
    send an Origin, or use a host name that they pointed here."""
    host = environ.get("HTTP_HOST", "").rpartition(":")[0] or environ.get("HTTP_HOST", "")
    if host not in ("127.0.0.1", "localhost") and not host.endswith(".localhost"):
        return f"The local cloud answers as 127.0.0.1 and localhost only, not as {host!r}."
    if "HTTP_ORIGIN" in environ:
        return "The local cloud takes no requests of web pages."
    return None


def _refuse_key(start_response: StartResponse, call: Call) -> Iterable[bytes]:
    """Uses the error code of the service's kind; the local cloud adds a sentence to AWS's."""
    hint = "The local cloud makes its keys at each start: use those that it printed."
    if call.service == "ec2":
        text = f"AWS was not able to validate the provided access credentials. {hint}"
        return _fail(start_response, call, 401, "AuthFailure", text)
    code = "InvalidClientTokenId" if call.is_xml else "UnrecognizedClientException"
    text = f"The security token included in the request is invalid. {hint}"
    return _fail(start_response, call, 403 if call.is_xml else 400, code, text)


def _deny(start_response: StartResponse, call: Call, reason: str) -> Iterable[bytes]:
    if not call.is_xml:
        return _fail(start_response, call, 400, "AccessDeniedException", reason)
    code = "UnauthorizedOperation" if call.service == "ec2" else "AccessDenied"
    return _fail(start_response, call, 403, code, reason)


def _fail(
    start_response: StartResponse, call: Call, status: int, code: str, text: str
) -> Iterable[bytes]:
    """An error in the shape of the call's protocol."""
    if call.is_xml:
        error = f"<Error><Code>{code}</Code><Message>{escape(text)}</Message></Error>"
        body = f"<Response><Errors>{error}</Errors><RequestID>0</RequestID></Response>"
        if call.service != "ec2":
            body = f"<ErrorResponse>{error}<RequestId>0</RequestId></ErrorResponse>"
        content_type = "text/xml"
    else:
        body = json.dumps({"__type": code, "message": text})
        content_type = "application/x-amz-json-1.1"
    headers = [("Content-Type", content_type), ("x-amzn-ErrorType", code)]
    start_response(f"{status} Error", headers)
    return [body.encode()]


class Server:
    """Takes a port on 127.0.0.1 at once, and serves from `start` until `close`.

    Port 0 means any free port. Raises PortTakenError."""

    def __init__(self, port: int) -> None:
        self._map: dict[int, Any] = {}
        try:
            listener = socket.create_server(("127.0.0.1", port))
        except OSError as error:
            if error.errno != errno.EADDRINUSE:
                raise
            raise PortTakenError(
                f"port {port} on 127.0.0.1 is in use by another program: "
                "end it, or set LOCALCLOUD_PORT to a free port"
            ) from error
        self.port: int = listener.getsockname()[1]
        server = create_server(
            _not_yet,
            map=self._map,
            sockets=[listener],
            threads=THREADS,
            ident=None,
            clear_untrusted_proxy_headers=False,
            connection_limit=1000,
        )
        assert isinstance(server, TcpWSGIServer)
        self._server = server
        self._closing = False
        self._thread = threading.Thread(target=self._serve, name="endpoint", daemon=True)

    def start(self, application: WSGIApplication) -> None:
        self._server.application = application
        self._thread.start()

    def _serve(self) -> None:
        while not self._closing:
            # select() cannot handle more than 1024 descriptors.
            wasyncore.loop(timeout=1.0, use_poll=True, map=self._map, count=1)

    def close(self) -> None:
        """Stops listening, cuts open connections, ends every thread."""
        self._closing = True
        if self._thread.is_alive():
            self._server.trigger.pull_trigger()  # type: ignore[attr-defined]
            self._thread.join(timeout=5)
        self._server.task_dispatcher.shutdown(cancel_pending=True, timeout=5)
        wasyncore.close_all(self._map, ignore_all=True)


def _not_yet(environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
    raise RuntimeError("the server serves nothing before it is started")
