"""The local cloud: all its parts put together behind one endpoint on 127.0.0.1."""

from __future__ import annotations

import threading
from collections.abc import Mapping
from contextlib import ExitStack
from functools import cache, partial
from pathlib import Path
from types import TracebackType
from typing import Any, Literal

import boto3
from botocore.config import Config
from moto.core.base_backend import BackendDict
from moto.core.config import default_user_config
from moto.core.model_instances import reset_model_data
from moto.moto_server.werkzeug_app import DomainDispatcherApplication, create_backend_app

from localcloud.account import Account, seed
from localcloud.clock import SystemClock
from localcloud.credentials import USER_ACCESS_KEY_ID, USER_SECRET_ACCESS_KEY, Credentials
from localcloud.lambda_api import functions_run
from localcloud.patching import patched
from localcloud.server import Endpoint, Server, ServiceLocks
from localcloud.stepfunctions import Execution, Integrations, machines_run
from localcloud.template import Deployer, Stack
from localcloud.timings import DEMO, Timings
from localcloud.workers import Function, Outcome, Route, Workers

_one_at_a_time = threading.Lock()
"""moto keeps its state in the process, so a process has one local cloud."""


class LocalCloud:
    """AWS on this machine, from construction until `close`; also a context manager."""

    def __init__(
        self,
        timings: Timings = DEMO,
        runtime: Literal["processes", "scripted"] | Any = "processes",
        port: int = 4566,
        wait_scale: float = 1.0,
    ) -> None:
        if not _one_at_a_time.acquire(blocking=False):
            raise RuntimeError("this process has a local cloud already: close it first")
        self._parts = ExitStack()
        self._parts.callback(_one_at_a_time.release)
        try:
            self._open(timings, port, wait_scale)
        except BaseException:
            self._parts.close()
            raise

    def _open(self, timings: Timings, port: int, wait_scale: float) -> None:
        locks = ServiceLocks()
        self._parts.enter_context(
            patched(default_user_config, "iam", {"load_aws_managed_policies": True})
        )
        BackendDict.reset()
        reset_model_data()
        self.clock = SystemClock()
        self._parts.callback(self.clock.close)
        self.account: Account = seed()
        self.credentials = Credentials()
        endpoint = Endpoint(
            DomainDispatcherApplication(create_backend_app),
            locks,
        )
        self._server = Server(endpoint, port)
        self._parts.callback(self._server.close)
        self.workers = Workers(
            endpoint=("127.0.0.1", self._server.port),
            region=self.account.region,
            credentials=self.credentials,
            routes=lambda function, host, port: Route("unreachable"),
            logs=lambda function, stream, events: None,
            wait_scale=wait_scale,
        )
        self._parts.callback(self.workers.close)
        self._parts.enter_context(functions_run(self.workers, lambda arn, payload: None))
        integrations = Integrations(
            invoke=self._invoke_as, client=self._client_of_role, changed=lambda execution: None
        )
        self._parts.enter_context(machines_run(integrations, wait_scale))

    @property
    def endpoint_url(self) -> str:
        return f"http://127.0.0.1:{self._server.port}"

    def client(self, service: str) -> Any:
        """A boto3 client at the endpoint, with the rights of the account's user."""
        return self._client(service, USER_ACCESS_KEY_ID, USER_SECRET_ACCESS_KEY, None)

    def deploy(self, template: Path, parameters: Mapping[str, str], name: str = "bivouac") -> Stack:
        """Make everything that a SAM template declares."""
        return Deployer(_Account(self)).deploy(template, parameters, name)

    def close(self) -> None:
        """End everything; no thread, process or port is left."""
        self._parts.close()

    def __enter__(self) -> LocalCloud:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.close()

    def _invoke_as(self, role_arn: str, function_arn: str, payload: str) -> Outcome:
        return self.workers.invoke(function_arn, payload)

    def _client_of_role(self, role_arn: str, service: str) -> Any:
        keys = self.credentials.of_role(role_arn)
        return self._client(service, keys.access_key_id, keys.secret_access_key, keys.session_token)

    @cache  # noqa: B019 (one local cloud lives as long as its clients)
    def _client(self, service: str, key_id: str, secret: str, token: str | None) -> Any:
        return boto3.Session().client(
            service,
            endpoint_url=self.endpoint_url,
            region_name=self.account.region,
            aws_access_key_id=key_id,
            aws_secret_access_key=secret,
            aws_session_token=token,
            config=Config(retries={"mode": "standard", "max_attempts": 2}, read_timeout=900),
        )


class _Account:
    """What the template's makers need of the local cloud."""

    def __init__(self, cloud: LocalCloud) -> None:
        self._cloud = cloud
        self.account_id = cloud.account.account_id
        self.region = cloud.account.region
        self.client = partial(cloud.client)

    def register_function(self, function: Function) -> None:
        self._cloud.workers.register(function)
