"""Plans one service of a request: completes CreateService's arguments, finds problems. Pure."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import replace

from bivouac.environment import naming
from bivouac.environment.blueprint import Endpoint, ServiceBlueprint
from bivouac.json_types import Json
from bivouac.request.draft import Draft
from bivouac.request.fields import ecs_arguments
from bivouac.request.fields.ecs_arguments import Checked
from bivouac.request.findings import Problem
from bivouac.request.models import EnvironmentRequest, Probe, Service
from bivouac.request.places import plain
from bivouac.request.planning.dependencies import Party
from bivouac.request.planning.task_definition import name_log, plan_definition
from bivouac.request.reading import own_fields, short_form
from bivouac.request.reading.merging import merged
from bivouac.request.rules import (
    allowed,
    connect_rules,
    log_rules,
    service_rules,
    tag_rules,
)

_ON_FARGATE = {"launchType": "FARGATE"}
_USUAL_PROBE = Probe.model_validate({"portName": "any"})
"""How an endpoint is called that the request says nothing about."""


def plan_service(
    draft: Draft, request: EnvironmentRequest, namespace: str, given: Json, path: str
) -> Party:
    """One service, planned as far as its problems allow."""
    content = merged(request.defaults, given)
    service, wrong = own_fields.read(Service, content, path, draft)
    if service is None:
        return Party("", path)
    if "serviceName" not in wrong:
        path = f"{path} ({service.service_name})"
    party = _planned(draft, request, namespace, service, wrong, path)
    return replace(party, service_name="") if "serviceName" in wrong else party


def _planned(
    draft: Draft,
    request: EnvironmentRequest,
    namespace: str,
    service: Service,
    wrong: frozenset[str],
    path: str,
) -> Party:
    """`wrong`: our own fields that could not be read."""
    party = Party(service.service_name, path, service.depends_on)
    arguments = service.arguments
    cluster = draft.cluster["clusterName"]
    draft.rename(f"{path}.cluster", arguments.pop("cluster", None), cluster)
    _complete_service(draft, arguments, service, namespace, path)
    checked = ecs_arguments.checked("CreateService", arguments, path)
    arguments = checked.arguments
    checked.add(
        service_rules.problems(
            arguments,
            draft.settings.allow_ecs_exec,
            draft.cluster.get("capacityProviders", service_rules.FARGATE_PROVIDERS),
            path,
        )
    )
    tags = _service_tags(checked, request, arguments.pop("tags", []), path)
    connect = arguments.get("serviceConnectConfiguration", {})
    definition = None
    if not wrong & {"taskDefinition", "primaryContainer"}:
        if (service.task_definition is None) == (service.primary_container is None):
            checked.problems.append(Problem(path, "give either taskDefinition or primaryContainer"))
        else:
            connected = bool(connect.get("enabled"))
            definition = plan_definition(draft, request, service, connected, path)
    where = f"{path}.serviceConnectConfiguration"
    checked.add(log_rules.problems(connect, draft.settings.region, draft.plain_values, where))
    checked.add(allowed.alias_problems(connect, namespace, where))
    if definition is not None:
        ports = definition.named_ports if definition.ports_known else None
        checked.add(connect_rules.problems(connect, ports, where))
        containers = definition.arguments.get("containerDefinitions", ())
        checked.add(connect_rules.problems_with_containers(connect, containers, where))
        checked.add(service_rules.exec_problems(arguments, definition.arguments, path))
    draft.problems.extend(checked.problems)
    if checked.lacks(where) or checked.lacks(f"{path}.desiredCount"):
        return party
    if definition is None:
        return replace(party, arguments=arguments)
    arguments["propagateTags"] = "SERVICE"
    if connect.get("enabled"):
        group = naming.log_group(draft.settings.name_prefix, request.name, service.service_name)
        name_log(draft, connect, group, "service-connect-proxy", where)
    ours = not isinstance(service.task_definition, str)
    endpoints = _endpoints(draft, connect, definition.named_ports, service.probe, path)
    built = ServiceBlueprint(
        service_name=service.service_name,
        arguments=arguments,
        definition=definition.arguments if ours else None,
        existing_definition=None if ours else definition.arguments["taskDefinitionArn"],
        has_health_check=definition.checks_health,
        endpoints=tuple(endpoints),
        tags=tags,
        depends_on=(),
        redeployed_for=service.redeployed_for,
    )
    return replace(party, arguments=arguments, built=built)


def _service_tags(
    checked: Checked, request: EnvironmentRequest, given: list[Json], path: str
) -> dict[str, str]:
    checked.add(tag_rules.list_problems(given, f"{path}.tags"))
    tags = {tag["key"]: tag.get("value", "") for tag in given if tag.get("key")}
    checked.add(tag_rules.count_problems(len({*tags, *request.tags}), f"{path}.tags"))
    return tags


def _complete_service(
    draft: Draft, arguments: Json, service: Service, namespace: str, path: str
) -> None:
    """Fills in what the CreateService arguments leave out, and reports what they must not say."""
    settings = draft.settings
    arguments.setdefault("desiredCount", 1)
    if arguments.get("capacityProviderStrategy", []) == []:
        arguments.pop("capacityProviderStrategy", None)
        if "launchType" not in arguments:
            default = draft.cluster.get("defaultCapacityProviderStrategy")
            arguments |= {"capacityProviderStrategy": default} if default else _ON_FARGATE
    arguments.setdefault("platformVersion", "LATEST")
    arguments.setdefault("enableECSManagedTags", True)
    # Otherwise ECS would rebalance, and start and stop tasks by itself.
    arguments.setdefault("availabilityZoneRebalancing", "DISABLED")
    arguments.setdefault(
        "deploymentConfiguration", {"maximumPercent": 200, "minimumHealthyPercent": 100}
    )
    own = {
        "awsvpcConfiguration": {
            "subnets": list(settings.subnet_ids),
            "securityGroups": [settings.task_security_group_id],
            "assignPublicIp": settings.assign_public_ip,
        }
    }
    network = arguments.setdefault("networkConfiguration", own)
    if isinstance(network, dict):
        arguments["networkConfiguration"] = merged(own, network)
    allowed.use_network(draft, arguments, path)
    connect = arguments.get("serviceConnectConfiguration", {"enabled": True})
    if not isinstance(connect, dict):
        return
    arguments["serviceConnectConfiguration"] = connect = dict(connect)
    if (primary := service.primary_container) is not None:
        declared = short_form.connect_services(service, primary)
        if declared and "services" not in connect:
            connect["services"] = declared
        draft.places.update(short_form.places(service, primary, plain(path)))
    where = f"{path}.serviceConnectConfiguration.namespace"
    match connect.pop("namespace", None):
        case None:
            pass
        case str(name) if name == namespace:
            pass
        case str(name):
            draft.problem(
                where,
                f'an environment has one namespace; write "namespace": "{name}" beside '
                f"services instead of {name!r} here",
            )
        case other:
            draft.problem(
                where,
                f"{json.dumps(other)} is not a namespace's name, and ECS refuses it; leave it "
                'out, and name the namespace beside services: "namespace": "service-connect"',
            )


def _endpoints(
    draft: Draft, connect: Json, ports: Mapping[str, Json], probes: list[Probe], path: str
) -> Iterator[Endpoint]:
    by_port = {probe.port_name: probe for probe in probes}
    declared = [service["portName"] for service in connect.get("services", [])]
    for name in sorted(by_port.keys() - set(declared)):
        draft.problem(
            f"{path}.probe",
            f"{name!r} is no endpoint (serviceConnectConfiguration.services: "
            f"{', '.join(sorted(declared)) or 'none'})",
        )
    for service in connect.get("services", []):
        mapping = ports.get(service["portName"])
        if mapping is None or "containerPort" not in mapping:
            continue  # told already
        probe = by_port.get(service["portName"], _USUAL_PROBE)
        lowest, highest = probe.expect_status
        yield Endpoint(
            port_name=service["portName"],
            discovery_name=service.get("discoveryName", service["portName"]),
            port=service.get("ingressPortOverride", mapping["containerPort"]),
            app_protocol=mapping.get("appProtocol"),
            path=probe.path,
            lowest_status=lowest,
            highest_status=highest,
        )
