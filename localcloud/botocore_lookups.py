"""Caches what botocore computes again each time although it never changes.

Every session, every loader and moto read the same service models, which takes longer than anything
else that a client needs. Every call also builds its User-Agent, twice, and resolves the parameters
of its endpoint. This module imports nothing of the local cloud: `worker_fork.py` loads it alone.
"""

from __future__ import annotations

from functools import cache
from typing import Any
from weakref import WeakKeyDictionary

from botocore.context import get_context
from botocore.loaders import JSONFileLoader, Loader
from botocore.regions import EndpointRulesetResolver
from botocore.useragent import UserAgentString


@cache
def keep_lookups() -> None:
    """Shares these caches among all clients of this process from now on."""
    _share(JSONFileLoader, "load_file")
    _share(Loader, "list_available_services")
    _keep_user_agents()
    _keep_endpoint_parameters()


def _share(owner: type, name: str) -> None:
    read, known = getattr(owner, name), dict[Any, Any]()

    def read_once(self: Any, *what: str, **named: str) -> Any:
        key = (what, *named.items())
        if key not in known:
            known[key] = read(self, *what, **named)
        return known[key]

    setattr(owner, name, read_once)


def _keep_user_agents() -> None:
    name = "to_string"
    build = getattr(UserAgentString, name)
    known: WeakKeyDictionary[UserAgentString, dict[Any, str]] = WeakKeyDictionary()

    def to_string(self: Any) -> str:
        context = get_context()
        key = (
            frozenset(context.features if context else ()),
            frozenset(self._client_features or ()),
            self._session_user_agent_name,
            self._session_user_agent_version,
            self._session_user_agent_extra,
        )
        texts = known.setdefault(self, {})
        if key not in texts:
            texts[key] = build(self)
        return texts[key]

    setattr(UserAgentString, name, to_string)


def _keep_endpoint_parameters() -> None:
    name = "_get_provider_params"
    resolve = getattr(EndpointRulesetResolver, name)
    known: WeakKeyDictionary[EndpointRulesetResolver, dict[Any, dict[str, Any]]]
    known = WeakKeyDictionary()

    def resolved(self: Any, operation: Any, arguments: Any, context: Any) -> dict[str, Any]:
        named = [
            arguments.get(each) for each in self._get_dynamic_context_params(operation).values()
        ]
        if (
            self._service_model.service_name == "s3"  # a hook changes them
            or operation.operation_context_parameters
            or not all(isinstance(each, str | None) for each in named)
        ):
            return dict(resolve(self, operation, arguments, context))
        key = (operation.name, *named)
        parameters = known.setdefault(self, {})
        if key not in parameters:
            parameters[key] = resolve(self, operation, arguments, context)
        for parameter, value in parameters[key].items():
            self._register_endpoint_feature_ids(parameter, value)
        return dict(parameters[key])

    setattr(EndpointRulesetResolver, name, resolved)
