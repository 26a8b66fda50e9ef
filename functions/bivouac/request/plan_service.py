"""Plans one service of a request: completes CreateService's arguments, finds problems. Pure."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import Any

from pydantic import ValidationError

from bivouac.aws import ecs_schema
from bivouac.environment import naming
from bivouac.environment.blueprint import Endpoint, ServiceBlueprint
from bivouac.json_types import Json
from bivouac.request import fargate_rules
from bivouac.request.dependencies import Party
from bivouac.request.merging import copied, merged
from bivouac.request.models import EnvironmentRequest, Probe, Service, described
from bivouac.request.plan_context import Draft
from bivouac.request.plan_task_definition import name_proxy_log, named_ports, plan_definition


def plan_service(
    draft: Draft, request: EnvironmentRequest, namespace: str, given: Json, path: str
) -> Party:
    """One service, planned as far as its problems allow."""
    content = copied(merged(request.defaults, given))
    try:
        service = Service.model_validate(content)
    except ValidationError as error:
        draft.problems.extend(described(error, path))
        wrong = {str(problem["loc"][0]) for problem in error.errors() if problem["loc"]}
        _look_at_the_rest(draft, request, namespace, content, wrong, path)
        name = content.get("serviceName")
        return Party(name if isinstance(name, str) else "", path)
    path = f"{path} ({service.service_name})"
    return _planned(draft, request, namespace, service, path)


def _look_at_the_rest(
    draft: Draft,
    request: EnvironmentRequest,
    namespace: str,
    content: Json,
    wrong: set[str],
    path: str,
) -> None:
    """What is right is held against the rules, too, so that all problems are told at once."""
    if not wrong & {"taskDefinition", "primaryContainer"}:
        rest = {name: value for name, value in content.items() if name not in wrong}
        service = Service.model_validate({"serviceName": "unnamed", **rest})
        _planned(draft, request, namespace, service, path)


def _planned(
    draft: Draft, request: EnvironmentRequest, namespace: str, service: Service, path: str
) -> Party:
    party = Party(service.service_name, path, service.depends_on)
    arguments = service.arguments
    cluster = naming.cluster_name(draft.settings.name_prefix, request.name)
    draft.rename(f"{path}.cluster", arguments.pop("cluster", None), cluster)
    tags = _service_tags(draft, arguments.pop("tags", []), path)
    _complete_service(draft, arguments, service, namespace, path)
    before = len(draft.problems)
    draft.problems.extend(ecs_schema.problems("CreateService", arguments, path))
    if len(draft.problems) > before:
        rest, wrong = ecs_schema.usable("CreateService", arguments, path)
        allowed = draft.settings.allow_ecs_exec
        draft.apart_from(wrong, fargate_rules.service_problems(rest, allowed, path))
        plan_definition(draft, request, service, path)
        return party
    party = replace(party, arguments=arguments)
    draft.problems.extend(
        fargate_rules.service_problems(arguments, draft.settings.allow_ecs_exec, path)
    )
    definition = plan_definition(draft, request, service, path)
    if definition is None:
        return party
    ports = named_ports(definition)
    connect = arguments["serviceConnectConfiguration"]
    draft.problems.extend(
        fargate_rules.connect_problems(
            connect, ports, namespace, f"{path}.serviceConnectConfiguration"
        )
    )
    name_proxy_log(draft, request, service, connect, path)
    ours = not isinstance(service.task_definition, str)
    built = ServiceBlueprint(
        service_name=service.service_name,
        arguments=arguments,
        definition=definition if ours else None,
        existing_definition=None if ours else definition["taskDefinitionArn"],
        has_health_check=any(
            container.get("healthCheck")
            for container in definition["containerDefinitions"]
            if container.get("essential", True)
        ),
        endpoints=tuple(_endpoints(draft, connect, ports, service.probe, path)),
        tags=tags,
        depends_on=(),
        redeployed_for=service.redeployed_for,
    )
    return replace(party, built=built)


def _service_tags(draft: Draft, given: Any, path: str) -> dict[str, str]:
    if not isinstance(given, list) or not all(
        isinstance(tag, dict) and isinstance(tag.get("key"), str) for tag in given
    ):
        draft.problems.append(f"{path}.tags: a list of key and value")
        return {}
    tags = {tag["key"]: str(tag.get("value", "")) for tag in given}
    for key in tags:
        if key.lower().startswith(naming.RESERVED_TAG_PREFIXES):
            draft.problems.append(f"{path}.tags: the key {key} is reserved")
    return tags


def _complete_service(
    draft: Draft, arguments: Json, service: Service, namespace: str, path: str
) -> None:
    """Fills in what the CreateService arguments leave out, and reports what they must not say."""
    settings = draft.settings
    arguments.setdefault("desiredCount", 1)
    if "capacityProviderStrategy" not in arguments:
        arguments.setdefault("launchType", "FARGATE")
    arguments.setdefault("platformVersion", "LATEST")
    arguments.setdefault("enableECSManagedTags", True)
    arguments["propagateTags"] = "SERVICE"
    # Otherwise ECS would rebalance, and start and stop tasks by itself.
    arguments.setdefault("availabilityZoneRebalancing", "DISABLED")
    arguments.setdefault(
        "deploymentConfiguration", {"maximumPercent": 200, "minimumHealthyPercent": 100}
    )
    vpc = arguments.setdefault("networkConfiguration", {})
    if isinstance(vpc, dict):
        awsvpc = vpc.setdefault("awsvpcConfiguration", {})
        if isinstance(awsvpc, dict):
            awsvpc.setdefault("subnets", list(settings.subnet_ids))
            awsvpc.setdefault("securityGroups", [settings.task_security_group_id])
            awsvpc.setdefault("assignPublicIp", settings.assign_public_ip)
    connect = arguments.setdefault("serviceConnectConfiguration", {"enabled": True})
    if not isinstance(connect, dict):
        return
    if service.primary_container is not None:
        connect.setdefault(
            "services",
            [
                {
                    "portName": service.service_name.lower(),
                    "clientAliases": [
                        {
                            "port": service.primary_container.container_port,
                            "dnsName": service.service_name.lower(),
                        }
                    ],
                }
            ],
        )
    where = f"{path}.serviceConnectConfiguration.namespace"
    match connect.pop("namespace", None):
        case None:
            pass
        case str(name) if name == namespace:
            pass
        case str(name):
            draft.problems.append(
                f'{where}: an environment has one namespace; write "namespace": "{name}" beside '
                f"services instead of {name!r} here"
            )
        case other:
            draft.problems.append(
                f"{where}: {json.dumps(other)} is not a namespace's name, and ECS refuses it; "
                "leave it out, and name the namespace beside services: "
                '"namespace": "service-connect"'
            )


def _endpoints(
    draft: Draft, connect: Json, ports: Mapping[str, Json], probes: list[Probe], path: str
) -> Iterator[Endpoint]:
    by_port = {probe.port_name: probe for probe in probes}
    declared = Counter(service["portName"] for service in connect.get("services", []))
    for name in sorted(by_port.keys() - declared.keys()):
        draft.problems.append(
            f"{path}.probe: {name!r} is no endpoint (serviceConnectConfiguration.services: "
            f"{', '.join(sorted(declared)) or 'none'})"
        )
    for name, count in declared.items():
        if count > 1:
            draft.problems.append(
                f"{path}.serviceConnectConfiguration: {count} services have the portName {name!r}; "
                "an endpoint is known by it, so each needs a named port of its own"
            )
    ingress_ports: Counter[int] = Counter()
    for service in connect.get("services", []):
        mapping = ports.get(service["portName"])
        if mapping is None or "containerPort" not in mapping:
            continue  # told already
        probe = by_port.get(
            service["portName"], Probe.model_validate({"portName": service["portName"]})
        )
        port = service.get("ingressPortOverride", mapping["containerPort"])
        ingress_ports[port] += 1
        lowest, highest = probe.expect_status
        yield Endpoint(
            port_name=service["portName"],
            discovery_name=service.get("discoveryName", service["portName"]),
            port=port,
            app_protocol=mapping.get("appProtocol"),
            path=probe.path,
            lowest_status=lowest,
            highest_status=highest,
        )
    for port, count in ingress_ports.items():
        if count > 1:
            draft.problems.append(
                f"{path}.serviceConnectConfiguration: {count} services listen on port {port}"
            )
