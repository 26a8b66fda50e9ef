"""One call of an endpoint in its own protocol, and what its answer proves.

HTTP, HTTP/2 and gRPC answers must come through the Service Connect proxy (P06). An answer that the
proxy gives in place of the application is none. No redirect is followed, and no body is kept.
"""

from __future__ import annotations

import http.client
import socket
from dataclasses import dataclass
from typing import Literal

from bivouac.aws import ecs_answers
from bivouac.environment.blueprint import status_range
from bivouac.proof import edge_http, edge_http2
from bivouac.proof.edge_http2 import GRPC_TYPE, HEALTH
from bivouac.proof.edge_rules import ATTEMPT_SECONDS, NOT_YET, TCP_OPEN_SECONDS
from bivouac.proof.fault import Fault
from bivouac.proof.row import TEXT_LIMIT, Answer
from bivouac.redaction.text import redacted

Protocol = Literal["http", "http2", "grpc", "tcp"]
Address = tuple[str, int]

USER_AGENT = "bivouac-probe"
_AGENT = ("user-agent", USER_AGENT)

_NOT_OF_PROXY = "it did not come through the Service Connect proxy"


@dataclass(frozen=True)
class Question:
    """What to ask of an endpoint, and which answers are right."""

    protocol: Protocol
    path: str
    lowest_status: int
    highest_status: int

    @property
    def expected(self) -> str:
        return status_range(self.lowest_status, self.highest_status)


def ask(question: Question, address: Address) -> Answer:
    try:
        match question.protocol:
            case "http":
                return _ask_http(question, address)
            case "http2":
                return _ask_http2(question, address)
            case "grpc":
                return _ask_grpc(address)
            case "tcp":
                return _ask_tcp(address)
    except edge_http.NoAnswerError:
        return Answer.bad(f"is connected, and gives no answer within {ATTEMPT_SECONDS:g} s")
    except TimeoutError:
        said = f"timed out after {ATTEMPT_SECONDS:g} s: not connected"
        return Answer(False, said, Fault.CONNECTION)
    except edge_http2.NoHttp2Error as error:
        return Answer.bad(str(error))
    except (OSError, http.client.HTTPException) as error:
        return Answer.bad(f"failed: {error or type(error).__name__}")


def _ask_http(question: Question, address: Address) -> Answer:
    answer = edge_http.get(address, question.path, USER_AGENT, ATTEMPT_SECONDS)
    return _judged(question, "HTTP", *answer)


def _ask_http2(question: Question, address: Address) -> Answer:
    from bivouac.proof import http2  # only where it is needed: a function starts faster without h2

    reply = http2.call(address, ("GET", question.path), (_AGENT,), b"", ATTEMPT_SECONDS)
    return _judged(question, "HTTP/2", reply.status, reply.headers, reply.body)


def _judged(
    question: Question, spoken: str, status: int, headers: ecs_answers.Headers, body: bytes
) -> Answer:
    server = redacted(str(headers.get("server") or "no server header"), TEXT_LIMIT)
    observed = f"{spoken} {status}, server: {server}"
    if not ecs_answers.came_through_proxy(headers):
        return Answer(False, f"{observed}: {_NOT_OF_PROXY}", Fault.NO_ANSWER)
    if ecs_answers.is_of_proxy(status, headers, body):
        return _of_proxy(f"{spoken} {status} of the proxy", spoken, body)
    if question.lowest_status <= status <= question.highest_status:
        return Answer(True, observed)
    told = f"{observed}: expected {question.expected}"
    return Answer(False, told, Fault.STATUS, status, by_application=status not in NOT_YET)


def _of_proxy(told: str, spoken: str, why: bytes) -> Answer:
    """An answer that the proxy gives in place of the application; `why` is the proxy's reason."""
    if ecs_answers.hears_another_protocol(why):
        said = f"{told}: another protocol than {spoken} is spoken behind it"
        return Answer(False, said, Fault.NO_ANSWER, by_application=True)
    return Answer.bad(f"{told}: nothing answers {spoken} behind it")


# --- gRPC ----------------------------------------------------------------------------------------

_NO_SERVICE_NAMED = b"\0\0\0\0\0"
"""An empty HealthCheckRequest: the health of the whole server (gRPC Health Checking Protocol)."""
_SERVING = b"\x08\x01"
"""HealthCheckResponse.status SERVING."""
_OK, _UNAVAILABLE = "0", "14"
"""grpc-status OK and UNAVAILABLE (gRPC status codes). A server without the health service says
UNIMPLEMENTED, and one that refuses this caller UNAUTHENTICATED: both speak gRPC."""


def _ask_grpc(address: Address) -> Answer:
    """The health service where there is one; otherwise, that the server speaks gRPC."""
    from bivouac.proof import http2

    more = (("content-type", GRPC_TYPE), ("te", "trailers"), _AGENT)
    reply = http2.call(address, ("POST", HEALTH), more, _NO_SERVICE_NAMED, ATTEMPT_SECONDS)
    if not ecs_answers.came_through_proxy(reply.headers):
        return Answer.bad(f"gRPC: {_NOT_OF_PROXY}")
    code = reply.headers.get("grpc-status", "")[:3]
    if not reply.headers.get("content-type", "").startswith(GRPC_TYPE) or not code:
        told = f"HTTP/2 {reply.status} that is not gRPC"
        if ecs_answers.is_of_proxy(reply.status, reply.headers, reply.body):
            return _of_proxy(f"{told}, of the proxy", "gRPC", reply.body)
        settled = reply.status not in NOT_YET
        return Answer(False, told, Fault.NO_ANSWER, by_application=settled)
    if code == _OK:
        if reply.body[5:] == _SERVING:
            return Answer(True, "gRPC health SERVING")
        return Answer.bad("gRPC health NOT SERVING")
    if code == _UNAVAILABLE:
        why = reply.headers.get("grpc-message", "").encode()
        return _of_proxy("gRPC UNAVAILABLE (14) of the proxy", "gRPC", why)
    return Answer(True, f"speaks gRPC (grpc-status {code})")


# --- TCP -----------------------------------------------------------------------------------------


def _ask_tcp(address: Address) -> Answer:
    """Good if the connection answers or stays open: connecting succeeds even if the app is dead."""
    with socket.create_connection(address, timeout=ATTEMPT_SECONDS) as stream:
        stream.settimeout(TCP_OPEN_SECONDS)
        try:
            received = stream.recv(1)
        except TimeoutError:
            return Answer(True, "stays open")
    return Answer(True, "answers") if received else Answer.bad("was closed by the proxy")
