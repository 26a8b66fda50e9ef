"""boto3 clients of the local cloud's endpoint, one for each service and caller."""

from __future__ import annotations

import threading
from functools import cache
from typing import Any

import boto3
from botocore.config import Config

from localcloud.credentials import Credentials, Keys

_CONFIG = Config(
    retries={"mode": "standard", "max_attempts": 2},
    # A synchronous Invoke answers when the function ends: after at most 15 minutes.
    read_timeout=900,
    max_pool_connections=50,
)


_lock = threading.Lock()
"""A session is not thread-safe."""


@cache
def _session() -> boto3.Session:
    """One for the process, because it caches the service models."""
    return boto3.Session()


class Clients:
    """Creates each client once, which takes a tenth of a second."""

    def __init__(self, endpoint_url: str, region: str, credentials: Credentials) -> None:
        self._endpoint_url = endpoint_url
        self._region = region
        self._credentials = credentials
        self._clients: dict[tuple[str, str], Any] = {}

    def of_user(self, service: str) -> Any:
        """With the rights of the account's user, who may do everything."""
        return self._client(service, self._credentials.user)

    def of_role(self, role_arn: str | None, service: str) -> Any:
        """With a role's rights; without a role, those of an AWS service."""
        keys = self._credentials.of_role(role_arn) if role_arn else self._credentials.user
        return self._client(service, keys)

    def close(self) -> None:
        """Closes the connections that are kept open."""
        for client in self._clients.values():
            client.close()

    def _client(self, service: str, keys: Keys) -> Any:
        with _lock:
            known = self._clients.get((service, keys.access_key_id))
            if known is None:
                known = _session().client(  # type: ignore[call-overload]
                    service,
                    endpoint_url=self._endpoint_url,
                    region_name=self._region,
                    aws_access_key_id=keys.access_key_id,
                    aws_secret_access_key=keys.secret_access_key,
                    aws_session_token=keys.session_token or None,
                    config=_CONFIG,
                )
                self._clients[service, keys.access_key_id] = known
            return known
