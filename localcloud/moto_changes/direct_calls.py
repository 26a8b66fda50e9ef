"""AWS calls within one process, without what only a network needs.

Between its serializers and moto's handlers, botocore signs a request and encodes its headers, and
moto decodes them, tries one address after the other and builds a WSGI request by way of a URL. That
takes longer than the answer. botocore's checks, hooks, retries and parsers remain, and so does
`BotocoreStubber.process_request`, where a test can interfere.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import lru_cache
from io import BytesIO
from typing import Any
from urllib.parse import urlencode

from botocore.awsrequest import AWSPreparedRequest
from botocore.endpoint import Endpoint
from moto import backend_index, backends
from moto.core.botocore_stubber import BotocoreStubber
from moto.core.exceptions import HTTPException
from moto.core.request import PRESERVED_HEADER_NAMES_ENVIRON_KEY, Request
from werkzeug.datastructures import ImmutableMultiDict

from localcloud.account import ACCOUNT_ID, REGION
from localcloud.moto_changes.patching import all_patched

Answer = tuple[int, dict[str, str], Any]
Handler = Callable[[Request, str, Any], Answer]

_URL = re.compile(r"(https?)://([^/?]+)([^?%]*)(?:\?(.*))?")
"""Scheme, host, path and query; not of a path with encoded characters."""
_FORM = "application/x-www-form-urlencoded"


@contextmanager
def calls_are_direct() -> Iterator[None]:
    """While entered, requests go from botocore to moto's handlers unsigned and without HTTP.

    Enter it after moto's own patches and those of the handlers."""
    with all_patched(
        [
            (Endpoint, "create_request", _unsigned),
            (BotocoreStubber, "process_request", _process(BotocoreStubber.process_request)),
        ]
    ):
        yield


def _unsigned(
    endpoint: Endpoint, params: dict[str, Any], operation_model: Any = None
) -> AWSPreparedRequest:
    body = params["body"]
    if isinstance(body, dict):
        body = urlencode(body, doseq=True)
    streams = operation_model is not None and (
        operation_model.has_streaming_output or operation_model.has_event_stream_output
    )
    return AWSPreparedRequest(params["method"], params["url"], params["headers"], body, streams)


def _process(of_moto: Callable[..., Any]) -> Callable[..., Any]:
    def process(stubber: BotocoreStubber, request: AWSPreparedRequest) -> Answer:
        parts = _URL.fullmatch(request.url)
        if parts is None or not isinstance(request.body, str | bytes | None):
            return of_moto(stubber, request)
        scheme, host, path, query = parts.groups()
        address = f"{scheme}://{host}{path}"
        place = _place_of(address)
        if place is None:
            return of_moto(stubber, request)
        handlers, name = place
        wsgi = _request(request, scheme, host, path, query or "")
        try:
            return handlers[name](wsgi, request.url, wsgi.headers)
        except HTTPException as error:
            return error.code, error.get_headers(), error.get_body()

    return process


@lru_cache(10_000)
def _place_of(address: str) -> tuple[dict[str, Handler], str] | None:
    """Where moto keeps the handler of an address: a table and a name in it. A control plane changes
    the table while it is installed."""
    for service, pattern in backend_index.backend_url_patterns:
        if pattern.match(address):
            of_account = backends.get_backend(service)[ACCOUNT_ID]
            backend = of_account[REGION if REGION in of_account else "aws"]
            handlers = backend._url_module.url_paths
            for base in backend.url_bases:
                for name in handlers:
                    if re.match(name.format(base), address):
                        return handlers, name
    return None


def _request(request: AWSPreparedRequest, scheme: str, host: str, path: str, query: str) -> Request:
    data: Any = request.body or b""
    if isinstance(data, str):
        data = data.encode()
    address = f"{path}?{query}" if query else path
    environ: dict[str, Any] = {
        "REQUEST_METHOD": request.method,
        "SCRIPT_NAME": "",
        "PATH_INFO": path,
        "QUERY_STRING": query,
        "REQUEST_URI": address,
        "RAW_URI": address,
        "SERVER_NAME": host,
        "SERVER_PORT": "443" if scheme == "https" else "80",
        "SERVER_PROTOCOL": "HTTP/1.1",
        "HTTP_HOST": host,
        "wsgi.url_scheme": scheme,
        "wsgi.input": BytesIO(data),
        PRESERVED_HEADER_NAMES_ENVIRON_KEY: {},
    }
    for name, value in request.headers.items():
        text = value.decode() if isinstance(value, bytes) else value
        environ["HTTP_" + name.upper().replace("-", "_")] = text
    kind = environ.pop("HTTP_CONTENT_TYPE", "")
    if kind:
        environ["CONTENT_TYPE"] = kind
    environ.pop("HTTP_CONTENT_LENGTH", None)
    environ["CONTENT_LENGTH"] = str(len(data))
    made = Request(environ)
    made.url_root = f"{scheme}://{host}/"
    if not kind.startswith(_FORM):
        # As werkzeug's form parser leaves them, which would look for a form first.
        made.__dict__.update(form=ImmutableMultiDict(), files=ImmutableMultiDict(), data=data)
        made._cached_data = data
    return made
