"""Clients that answer what was scripted, held against botocore's models."""

from __future__ import annotations

from typing import Any

import botocore.session
from botocore.stub import Stubber


class StubbedClients:
    """Each client answers what was scripted for it, and nothing else."""

    def __init__(self) -> None:
        self._session = botocore.session.Session()
        self._made: dict[str, tuple[Any, Stubber]] = {}

    def _one(self, service: str) -> tuple[Any, Stubber]:
        if service not in self._made:
            client: Any = self._session.create_client(
                service,
                region_name="eu-west-1",
                aws_access_key_id="key",
                aws_secret_access_key="secret",
            )
            stubber = Stubber(client)
            stubber.activate()
            self._made[service] = client, stubber
        return self._made[service]

    def __call__(self, service: str) -> Any:
        return self._one(service)[0]

    def of_region(self, region: str) -> StubbedClients:
        assert region == "eu-central-1"
        return self

    def script(self, service: str) -> Stubber:
        return self._one(service)[1]

    def all_was_asked(self) -> None:
        for _, stubber in self._made.values():
            stubber.assert_no_pending_responses()
