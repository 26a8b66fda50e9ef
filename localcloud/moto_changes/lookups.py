"""Caches what moto looks up again for each request although it never changes."""

from __future__ import annotations

import string
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import cache
from typing import Any
from wsgiref.types import WSGIApplication, WSGIEnvironment

import moto.core.responses
import moto.ec2.utils
from moto.core.responses import ActionResult
from moto.core.utils import method_names_from_class
from moto.dynamodb.responses import DynamoHandler
from moto.moto_api._internal import mock_random
from moto.moto_api._internal.moto_random import MotoRandom
from moto.moto_server.werkzeug_app import DomainDispatcherApplication, create_backend_app

from localcloud.endpoint.calls import service_of
from localcloud.moto_changes.expressions import expressions_are_kept
from localcloud.moto_changes.patching import patched
from localcloud.strict_response import ExactAnswer

_names = cache(method_names_from_class)


@contextmanager
def lookups_are_kept() -> Iterator[None]:
    """While entered, moto caches each service's operations and parsed expressions, and looks for
    the values of DynamoDB's items only under the names of the service's model. The letters of an
    id are drawn at once."""
    with (
        patched(moto.core.responses, "method_names_from_class", _names),
        patched(DynamoHandler, "serialized", _serialized_of(DynamoHandler.serialized)),
        patched(MotoRandom, "get_random_string", _random_string),
        patched(moto.ec2.utils, "random_resource_id", _random_resource_id),
        expressions_are_kept(),
    ):
        yield


def _serialized_of(original: Callable[..., Any]) -> Callable[..., Any]:
    def serialized(self: DynamoHandler, answer: ActionResult) -> Any:
        exact = answer if isinstance(answer.result, Exception) else ExactAnswer(answer.result)
        return original(self, exact)

    return serialized


def _random_string(
    random: MotoRandom, length: int = 20, include_digits: bool = True, lower_case: bool = False
) -> str:
    letters = string.ascii_letters + (string.digits if include_digits else "")
    drawn = "".join(random.choices(letters, k=length))
    return drawn.lower() if lower_case else drawn


def _random_resource_id(size: int = 8) -> str:
    return f"{mock_random.getrandbits(4 * size):0{size}x}"


class Services(DomainDispatcherApplication):
    """moto's services behind one endpoint. moto itself searches its directory and 200 patterns to
    find the service of a request."""

    def __init__(self) -> None:
        super().__init__(create_backend_app)
        self._known: dict[tuple[str, str], WSGIApplication] = {}

    def get_application(self, environ: WSGIEnvironment) -> WSGIApplication:
        target = environ.get("HTTP_X_AMZ_TARGET", "").partition(".")[0]
        service = service_of(environ)
        if service is None or (service not in _BY_SIGNATURE and not target):
            return super().get_application(environ)
        key = (service, target)
        if key not in self._known:
            self._known[key] = super().get_application(environ)
        return self._known[key]


_BY_SIGNATURE = {"ec2", "iam", "lambda", "monitoring", "scheduler", "sqs", "states", "sts"}
"""Services without X-Amz-Target that the signature alone identifies, whatever the path."""
