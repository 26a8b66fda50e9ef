"""What an HTTP request to the endpoint calls: service, operation, parameters, caller."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from functools import cache, cached_property
from typing import Any
from urllib.parse import parse_qsl, unquote
from wsgiref.types import WSGIEnvironment

import botocore.session
from botocore.model import ServiceModel

_CREDENTIAL = re.compile(r"Credential=([^/]+)/\d+/[^/]+/([^/]+)/aws4_request")
_MODEL_NAMES = {"states": "stepfunctions", "monitoring": "cloudwatch"}
"""Botocore's name of a service whose requests are signed under another name."""


@dataclass(frozen=True)
class Call:
    service: str
    """The name that the request is signed for: ecs, states, logs..."""
    operation: str
    access_key_id: str
    is_xml: bool
    """The query and ec2 protocols; all others speak JSON."""
    path: str
    query: str
    body: bytes

    @cached_property
    def parameters(self) -> dict[str, Any]:
        """The operation's input, under the names of the service's API."""
        if self.is_xml:
            return dict(parse_qsl(self.body.decode(), keep_blank_values=True))
        parameters: dict[str, Any] = {}
        if self.body[:1] == b"{":
            parameters = json.loads(self.body)
        for pattern, name, _ in _rest_operations(self.service):
            if name == self.operation and (match := pattern.fullmatch(self.path)):
                parameters |= {key: unquote(value) for key, value in match.groupdict().items()}
        return parameters | dict(parse_qsl(self.query))


def service_of(environ: WSGIEnvironment) -> str | None:
    """The name that a request is signed for; None if it is not signed."""
    credential = _CREDENTIAL.search(environ.get("HTTP_AUTHORIZATION", ""))
    return credential[2] if credential else None


def call_of(environ: WSGIEnvironment, body: bytes) -> Call | None:
    """None if the request does not call an AWS API."""
    credential = _CREDENTIAL.search(environ.get("HTTP_AUTHORIZATION", ""))
    if credential is None:
        return None
    access_key_id, service = credential.groups()
    path = environ.get("PATH_INFO", "/")
    is_xml = False
    if target := environ.get("HTTP_X_AMZ_TARGET"):
        operation = target.rpartition(".")[2]
    elif smithy := re.fullmatch(r"/service/\w+/operation/(\w+)", path):
        operation = smithy[1]
    elif action := dict(parse_qsl(body[:10_000].decode("utf-8", "replace"))).get("Action"):
        operation, is_xml = action, True
    else:
        operation = _rest_operation(service, environ["REQUEST_METHOD"], path)
    query = environ.get("QUERY_STRING", "")
    return Call(service, operation, access_key_id, is_xml, path, query, body)


def _rest_operation(service: str, method: str, path: str) -> str:
    for pattern, name, its_method in _rest_operations(service):
        if its_method == method and pattern.fullmatch(path):
            return name
    return f"{method} {path}"


@cache
def model_of(service: str) -> ServiceModel:
    """Botocore's model of the service that requests are signed for under this name."""
    return botocore.session.Session().get_service_model(_MODEL_NAMES.get(service, service))


@cache
def _rest_operations(service: str) -> list[tuple[re.Pattern[str], str, str]]:
    """(path, operation, method) of a service with a REST protocol; the most literal path first."""
    try:
        model = model_of(service)
    except botocore.exceptions.UnknownServiceError:
        return []
    if not model.metadata["protocol"].startswith("rest"):
        return []
    found = []
    for name in model.operation_names:
        http = model.operation_model(name).http
        path = http["requestUri"].split("?")[0].rstrip("/")
        pattern = re.sub(r"\{(\w+)\+?\}", r"(?P<\1>[^/]+)", path.replace(".", r"\."))
        found.append((re.compile(pattern + "/?"), name, http["method"]))
    return sorted(found, key=lambda entry: entry[0].pattern.count("(?P"))
