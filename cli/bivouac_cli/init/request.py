"""The request that describes services as they run today, and what it leaves out. Pure.

It joins each service with its task definition and drops what describing adds. The stack decides
whether the environment is valid when it is created.
"""

from __future__ import annotations

import copy
import json
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import botocore.session
from botocore.model import ListShape, Shape, StructureShape
from botocore.validate import ParamValidator

from bivouac_cli.ending import CommandError, Exit

Json = dict[str, Any]

LEFT_OUT = {
    "cluster": "the environment has a cluster of its own",
    "role": "ECS uses its service-linked role",
    "clientToken": "Bivouac sets it",
    "tags": "give the request tags and an owner",
    "propagateTags": "tasks have the tags of the environment",
    "networkConfiguration": "tasks run in the subnets and security groups of the stack",
    "loadBalancers": "the environment is reached through Service Connect",
    "serviceRegistries": "the environment is reached through Service Connect",
    "vpcLatticeConfigurations": "the environment is reached through Service Connect",
    "gatewayConnectors": "the environment is reached through Service Connect",
    "healthCheckGracePeriodSeconds": "it is for load balancers; use healthCheck.startPeriod",
    "monitoring": "environments are short-lived",
    "volumeConfigurations": "it would need a role of its own",
    "placementConstraints": "Fargate decides where tasks run",
    "placementStrategy": "Fargate decides where tasks run",
}
"""Arguments of CreateService that a request has no use for, and why."""
_OF_DEPLOYMENTS = (
    "serviceConnectConfiguration",
    "volumeConfigurations",
    "vpcLatticeConfigurations",
)
"""DescribeServices has these in a deployment only (botocore's model)."""
_LONGEST_NAME = 64
"""Characters of a discovery name (ECS API, ServiceConnectService)."""
_ROLLING = ("maximumPercent", "minimumHealthyPercent", "deploymentCircuitBreaker")
"""What deploymentConfiguration says of a rolling deployment of its own."""


@dataclass(frozen=True)
class Draft:
    request: Json
    notes: list[str]
    """What was left out or has to be added by hand, for people."""


def drafted(name: str, services: Sequence[Json], definitions: Sequence[Json]) -> Draft:
    """Raises CommandError for services that cannot be joined with one of the definitions."""
    unused = [dict(each) for each in definitions]
    notes: list[str] = []
    made = []
    for service in services:
        definition = _definition_of(service, definitions)
        unused = [each for each in unused if each != definition]
        made.append(_service(service, definition, notes))
    for definition in unused:
        made.append(_service_of(definition, notes))
    notes += _about_all(made)
    return Draft({"name": name, "services": made}, notes)


def _definition_of(service: Json, definitions: Sequence[Json]) -> Json | None:
    """None if the service names one that exists on ECS and is not among the given ones."""
    named = service.get("taskDefinition")
    if isinstance(named, dict):
        return named
    if named is None:
        if len(definitions) == 1:
            return definitions[0]
        raise CommandError(
            Exit.REFUSED,
            f"{service['serviceName']} names no taskDefinition: write the family of one that is "
            f"given, of {len(definitions)}",
        )
    exact = str(named).rpartition("/")[2]
    for wanted in (exact, exact.partition(":")[0]):
        for each in definitions:
            if wanted in (f"{each.get('family')}:{each.get('revision')}", each.get("family")):
                return each
    return None


def _service(service: Json, definition: Json | None, notes: list[str]) -> Json:
    name = service["serviceName"]
    primary: Json = next(
        (each for each in service.get("deployments") or () if each["status"] == "PRIMARY"), {}
    )
    given = {key: primary[key] for key in _OF_DEPLOYMENTS if key in primary} | service
    given.pop("taskDefinition", None)
    made = _taken("CreateService", "Service", given, name, notes)
    for field, why in LEFT_OUT.items():
        value = made.pop(field, None)
        # What only describing adds
        if value and value not in ("NONE", "SERVICE"):
            notes.append(f"{name}: {field} is left out: {why}")
    _keep_rolling(made, notes)
    _leave_namespace(made, notes)
    if definition is None:
        notes.append(
            f"{name}: {service['taskDefinition']} is used as it is on ECS; add a file with it to "
            "have it in the request"
        )
        return {**made, "taskDefinition": service["taskDefinition"]}
    its_own = _definition(name, definition, notes)
    for target in service.get("loadBalancers") or ():
        _serve(made, its_own, target.get("containerName"), target.get("containerPort"), notes)
    return {**made, "taskDefinition": its_own}


def _service_of(definition: Json, notes: list[str]) -> Json:
    """A service that serves each port of a definition without a service."""
    made: Json = {"serviceName": definition.get("family", "service"), "desiredCount": 1}
    notes.append(f"{made['serviceName']}: no service was given for it, so this is the simplest one")
    its_own = _definition(made["serviceName"], definition, notes)
    for container in its_own["containerDefinitions"]:
        for mapping in container.get("portMappings", ()):
            _serve(made, its_own, container["name"], mapping.get("containerPort"), notes)
    return {**made, "taskDefinition": its_own}


def _keep_rolling(made: Json, notes: list[str]) -> None:
    if made.get("deploymentController", {}).get("type", "ECS") != "ECS":
        del made["deploymentController"]
        notes.append(f"{made['serviceName']}: deploymentController is left out: deployments roll")
    configuration = made.get("deploymentConfiguration", {})
    if configuration.get("strategy", "ROLLING") != "ROLLING":
        notes.append(
            f"{made['serviceName']}: the strategy {configuration['strategy']} is left out: "
            "deployments roll"
        )
    if configuration.get("alarms", {}).get("enable"):
        notes.append(
            f"{made['serviceName']}: deploymentConfiguration.alarms is left out: they watch the "
            "service that runs today"
        )
    for field in [field for field in configuration if field not in _ROLLING]:
        del configuration[field]


def _leave_namespace(made: Json, notes: list[str]) -> None:
    connect = made.get("serviceConnectConfiguration", {})
    if connect.pop("namespace", None) is None:
        return
    served = connect.get("services", ())
    for each in served:
        for alias in each.get("clientAliases", ()):
            if "dnsName" not in alias:
                known = each.get("discoveryName", each.get("portName"))
                notes.append(
                    f"{made['serviceName']}: its clients call {known}.NAMESPACE today, and the "
                    f'environment has a namespace of its own: add "dnsName" to the alias of {known}'
                )


def _definition(name: str, definition: Json, notes: list[str]) -> Json:
    given = {"family": name, **definition}
    made = _taken("RegisterTaskDefinition", "TaskDefinition", given, name, notes)
    del made["family"]
    if made.pop("tags", None):
        notes.append(f"{name}: the tags of its task definition are left out: {LEFT_OUT['tags']}")
    if role := made.get("taskRoleArn"):
        notes.append(f"{name}: the stack must list {role} in AllowedTaskRoleArns")
    if role := made.get("executionRoleArn"):
        containers = made["containerDefinitions"]
        if any(each.get("secrets") or each.get("repositoryCredentials") for each in containers):
            notes.append(f"{name}: the stack must list {role} in AllowedExecutionRoleArns")
        else:
            del made["executionRoleArn"]
            notes.append(f"{name}: executionRoleArn is left out: the stack has one of its own")
    return made


def _serve(
    service: Json, definition: Json, container: str | None, port: int | None, notes: list[str]
) -> None:
    """Makes a container's port an endpoint, unless it is one."""
    mapping = next(
        (
            mapping
            for each in definition["containerDefinitions"]
            for mapping in each.get("portMappings", ())
            if (each.get("name"), mapping.get("containerPort")) == (container, port)
        ),
        None,
    )
    if mapping is None or mapping.get("protocol") == "udp":  # Service Connect does not support it
        return
    port_name = mapping.setdefault("name", f"{container}-{port}".lower())
    connect = service.setdefault("serviceConnectConfiguration", {"enabled": True})
    connect["enabled"] = True
    served = connect.setdefault("services", [])
    if any(each["portName"] == port_name for each in served):
        return
    called = service["serviceName"].lower()
    served.append(
        {
            "portName": port_name,
            "discoveryName": f"{called}-{port}"[-_LONGEST_NAME:].lstrip("-"),
            "clientAliases": [{"port": port, "dnsName": called}],
        }
    )
    protocol = (
        "" if "appProtocol" in mapping else '; with "appProtocol": "http" it is asked by HTTP'
    )
    notes.append(
        f"{service['serviceName']}: {container}:{port} is the endpoint {called}:{port}{protocol}"
    )


# --- what ECS does not know ----------------------------------------------------------------------


def _about_all(services: Sequence[Json]) -> Iterator[str]:
    if len(services) > 1:
        if edges := _edges(services):
            yield (
                "ECS does not know who calls whom. Environment variables name aliases; if they are "
                f'right, add: "connect": {json.dumps(edges)}'
            )
        else:
            yield (
                'ECS does not know who calls whom: write "connect" by hand. Without it, each '
                "endpoint is proven once"
            )
        yield 'ECS does not know what must come first, either: write "dependsOn" where it matters'
    yield (
        "Autoscaling is left out, if there is any: desiredCount is what ECS runs now. bivouac up "
        "checks the request, and says what it refuses"
    )


def _edges(services: Sequence[Json]) -> list[Json]:
    """Of each service whose plain environment names another's alias."""
    servers = {
        alias.get("dnsName", served.get("discoveryName", served["portName"])): service
        for service in services
        for served in service.get("serviceConnectConfiguration", {}).get("services", ())
        for alias in served.get("clientAliases", ())
    }
    edges: list[Json] = []
    for service in services:
        for host in sorted(_hosts(service) & servers.keys()):
            server = servers[host]["serviceName"]
            edge = {"from": service["serviceName"], "to": {"service": server}}
            if server != service["serviceName"] and edge not in edges:
                edges.append(edge)
    return edges


def _hosts(service: Json) -> set[str]:
    """Every word that could be a host in its containers' environment values."""
    definition = service["taskDefinition"]
    if not isinstance(definition, Mapping):
        return set()
    return {
        word
        for container in definition["containerDefinitions"]
        for variable in container.get("environment", ())
        for word in re.findall(r"[a-z0-9_.-]+", str(variable.get("value", "")))
    }


# --- ECS's model ---------------------------------------------------------------------------------


def _taken(operation: str, described: str, given: Json, name: str, notes: list[str]) -> Json:
    """The members that the operation accepts. The shape `described` has what only ECS writes.

    Raises CommandError if something has the wrong type."""
    model: Any = botocore.session.get_session().get_service_model("ecs")
    shape = model.operation_model(operation).input_shape
    unknown: list[str] = []
    made: Json = _known(given, shape, "", unknown)
    written = model.shape_for(described).members
    if others := [each for each in unknown if each not in written]:
        notes.append(f"{name}: {', '.join(others)} is left out: {operation} does not take it")
    report = ParamValidator().validate(made, shape)
    if report.has_errors():
        lines = report.generate_report().splitlines()
        raise CommandError(Exit.REFUSED, "\n".join(f"{name}: {line}" for line in lines))
    return made


def _known(value: Any, shape: Shape, path: str, unknown: list[str]) -> Any:
    """A copy with the members of the shape, without nulls, and without empty lists and objects that
    it does not require: an answer of ECS has many."""
    if isinstance(shape, StructureShape) and isinstance(value, Mapping):
        made = {}
        for name, member in value.items():
            where = f"{path}.{name}" if path else name
            if name not in shape.members:
                unknown.append(where)
                continue
            kept = _known(member, shape.members[name], where, unknown)
            if kept is not None and (kept not in ([], {}) or name in shape.required_members):
                made[name] = kept
        return made
    if isinstance(shape, ListShape) and isinstance(value, list):
        return [
            _known(each, shape.member, f"{path}[{number}]", unknown)
            for number, each in enumerate(value)
        ]
    return copy.deepcopy(value)
