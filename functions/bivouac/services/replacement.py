"""What UpdateService cannot do: then a service is deleted and made anew. Pure.

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
    """Why this service cannot become what is specified by an update; None where it can.

    `described` is as DescribeServices gives it, `specification` CreateService arguments. The
    definitions are those that the service runs and is to run, as registered or described; where
    one is not known, the ports are not compared."""
    if old_definition is not None and new_definition is not None:
        for changed in _changed_ports(described, old_definition, new_definition):
            return f"{changed}, and ECS changes no protocol of a Service Connect port"
    # An empty strategy leads back to the launch type that a service was made with: this one was
    # made without.
    if described.get("capacityProviderStrategy") and specification.get("launchType"):
        return "its capacity provider strategy gives way to a launch type"
    scheduling = specification.get("schedulingStrategy", "REPLICA")
    if described.get("schedulingStrategy", "REPLICA") != scheduling:
        return f"its scheduling strategy becomes {scheduling}"
    if strategy := ecs_answers.strategy_with_hooks(described):
        return f"its deployment strategy {strategy} gives way to ROLLING"
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
            yield f"its port {name} turns from {before[name]} to {after[name]}"


def _protocols(definition: ReadOnlyJson) -> dict[str, str]:
    """Port names to what ECS calls protocol and appProtocol; left out, both mean TCP."""
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
