"""Changes that UpdateService cannot make, so that the service must be replaced. Pure.

Sources: the ECS API reference of PortMapping (protocol and appProtocol are immutable in a Service
Connect service, T14) and of UpdateService (which takes neither launchType nor schedulingStrategy
nor role); aws/containers-roadmap#2664 (a service with lifecycle hooks does not become ROLLING).
"""

from __future__ import annotations

from collections.abc import Iterator

from bivouac.aws import ecs_answers
from bivouac.json_types import ReadOnlyJson
from bivouac.services.deployments import primary_deployment


def must_replace(
    described: ReadOnlyJson,
    old_definition: ReadOnlyJson | None,
    specification: ReadOnlyJson,
    new_definition: ReadOnlyJson | None,
) -> str | None:
    """Why an update cannot turn this service into what is specified; None if it can.

    `described` is from DescribeServices, `specification` are CreateService arguments. The
    definitions are the current and the new one, as registered or described; if one is unknown, the
    ports are not compared."""
    if old_definition is not None and new_definition is not None:
        for changed in _changed_ports(described, old_definition, new_definition):
            return f"{changed}, but ECS cannot change the protocol of a Service Connect port"
    # An empty strategy returns a service to the launch type that it was created with; this one was
    # created without any.
    if described.get("capacityProviderStrategy") and specification.get("launchType"):
        return "its capacity provider strategy changes to a launch type"
    scheduling = specification.get("schedulingStrategy", "REPLICA")
    if described.get("schedulingStrategy", "REPLICA") != scheduling:
        return f"its scheduling strategy changes to {scheduling}"
    if strategy := ecs_answers.strategy_with_hooks(described):
        return f"its deployment strategy changes from {strategy} to ROLLING"
    return None


def _changed_ports(
    described: ReadOnlyJson, old_definition: ReadOnlyJson, new_definition: ReadOnlyJson
) -> Iterator[str]:
    primary = primary_deployment(described) or {}
    connect = primary.get("serviceConnectConfiguration", {})
    served = {service["portName"] for service in connect.get("services", ())}
    before, after = _protocols(old_definition), _protocols(new_definition)
    for name in sorted(served & before.keys() & after.keys()):
        if before[name] != after[name]:
            yield f"its port {name} changes from {before[name]} to {after[name]}"


def _protocols(definition: ReadOnlyJson) -> dict[str, str]:
    """Protocol and appProtocol by port name; both default to TCP."""
    return {
        mapping["name"]: _protocol(mapping)
        for container in definition["containerDefinitions"]
        for mapping in container.get("portMappings", ())
        if mapping.get("name")
    }


def _protocol(mapping: ReadOnlyJson) -> str:
    transport = mapping.get("protocol", "tcp")
    application = mapping.get("appProtocol")
    return f"{application} over {transport}" if application else str(transport)
