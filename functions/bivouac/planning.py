"""A request becomes a blueprint, or the list of everything that is wrong with it. Pure.

ECS's words are kept; what a request leaves out comes from the stack; what Bivouac must name itself
(cluster, families, log groups) is renamed, and each renaming is told.
"""

from __future__ import annotations

import copy
import json
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from typing import Any

from pydantic import ValidationError

from bivouac import ecs_model, fargate, lease, naming
from bivouac.blueprint import (
    Blueprint,
    Endpoint,
    Json,
    ProofSettings,
    Renamed,
    ServiceBlueprint,
)
from bivouac.relations import Party, Relations, relations
from bivouac.request import (
    EnvironmentRequest,
    PrimaryContainer,
    Probe,
    Schedule,
    Service,
    described,
    merged,
)
from bivouac.settings import RequestSettings

BLUEPRINT_LIMIT = 150_000
"""Bytes of a blueprint: well under a state's 262,144 and a DynamoDB item's 409,600 (W08)."""

TASK_LIMIT = 1000

NESTING_LIMIT = 40
"""No ECS argument comes near it; what copies and compares a request is recursive."""


@dataclass
class _Draft:
    """Collects what is found while a request is planned."""

    settings: RequestSettings
    definitions: Mapping[str, Json]
    problems: list[str] = field(default_factory=list)
    renamed: list[Renamed] = field(default_factory=list)

    def rename(self, path: str, given: Any, used: str) -> None:
        if given is None or given == used:
            return
        if isinstance(given, str):
            self.renamed.append(Renamed(path, given, used))
        else:
            self.problems.append(f"{path}: must be text; leave it out, Bivouac names it {used}")


@dataclass(frozen=True)
class Plan:
    blueprint: Blueprint | None
    """None exactly where there are problems."""
    problems: tuple[str, ...]
    dry_run: bool = False


def existing_definitions(content: Any) -> list[str]:
    """The task definitions that a request names instead of giving."""
    try:
        request = EnvironmentRequest.model_validate(content)
    except ValidationError:
        return []
    named = (
        merged(request.defaults, service).get("taskDefinition") for service in request.services
    )
    return sorted({name for name in named if isinstance(name, str)})


def plan(
    content: Any,
    settings: RequestSettings,
    definitions: Mapping[str, Json] | None = None,
    now: datetime | None = None,
) -> Plan:
    """Plan an execution's input.

    `now` is when office hours are looked ahead from: the present moment where it is not given.

    `definitions` are the described task definitions that the request names; without them (None)
    what depends on them is left unchecked, so that all other problems are found without AWS."""
    if _nested_deeper(content, NESTING_LIMIT):
        return Plan(None, (f"request: nested deeper than {NESTING_LIMIT} levels",))
    draft = _Draft(settings, definitions or {})
    request = _own_fields(draft, content)
    if request is None:
        return Plan(None, tuple(draft.problems))
    namespace = request.namespace or naming.cluster_name(settings.name_prefix, request.name)
    parties = [
        _service(draft, request, namespace, given, f"services[{index}]")
        for index, given in enumerate(request.services)
    ]
    cluster = _cluster(draft, request)
    lease_seconds, longest_lease_seconds = _lease_seconds(draft, request)
    if request.schedule:
        draft.problems.extend(_office_hours(request.schedule, now or datetime.now(UTC)))
    draft.problems.extend(_across(parties, namespace))
    related = relations(parties, request.connect, namespace)
    draft.problems.extend(related.problems)
    if draft.problems:
        return Plan(None, tuple(draft.problems))
    services = _in_order([party.built for party in parties if party.built], related)
    tags = dict(request.tags) | ({naming.OWNER_TAG: request.owner} if request.owner else {})
    proof_log_group = naming.proof_log_group(settings.name_prefix, request.name)
    blueprint = Blueprint(
        environment=request.name,
        stack=settings.name_prefix,
        request_hash=naming.content_hash(content),
        namespace=namespace,
        cluster=cluster,
        services=tuple(services),
        edges=related.edges,
        proof=ProofSettings(
            image=settings.proof_image,
            execution_role_arn=settings.execution_role_arns[0],
            log_group=proof_log_group,
            region=settings.region,
        ),
        log_groups=(
            *(
                naming.log_group(settings.name_prefix, request.name, service.service_name)
                for service in services
            ),
            *([proof_log_group] if related.edges else []),
        ),
        tags=tags,
        lease_seconds=lease_seconds,
        longest_lease_seconds=longest_lease_seconds,
        warn_before_seconds=lease.duration_seconds(request.lease.warn_before),
        schedule=request.schedule.model_dump(by_alias=True) if request.schedule else None,
        triggers=request.triggers.model_dump(by_alias=True),
        ready_seconds=lease.duration_seconds(request.timeouts.ready),
        on_failure=request.on_failure,
        probe_security_group_id=settings.probe_security_group_id,
        renamed=tuple(draft.renamed),
    )
    size = len(json.dumps(blueprint.to_json()))
    if size > BLUEPRINT_LIMIT:
        return Plan(
            None,
            (
                f"services: the plan takes {size:,} bytes of {BLUEPRINT_LIMIT:,}; split the "
                "environment, prove fewer connections, or move long commands and values into the "
                "images",
            ),
        )
    return Plan(blueprint, (), request.dry_run)


def _in_order(services: list[ServiceBlueprint], related: Relations) -> list[ServiceBlueprint]:
    place = {name: number for number, name in enumerate(related.dependencies)}
    return sorted(
        (
            replace(service, depends_on=related.dependencies[service.service_name])
            for service in services
        ),
        key=lambda service: place[service.service_name],
    )


def _nested_deeper(content: Any, levels: int) -> bool:
    layer = [content]
    for _ in range(levels):
        layer = [
            inner
            for outer in layer
            if isinstance(outer, dict | list)
            for inner in (outer.values() if isinstance(outer, dict) else outer)
        ]
    return bool(layer)


def _own_fields(draft: _Draft, content: Any) -> EnvironmentRequest | None:
    """The request's own fields; where some are wrong, the others are still read.

    So the services are looked at as well, and all problems are told at once."""
    try:
        return EnvironmentRequest.model_validate(content)
    except ValidationError as error:
        draft.problems.extend(described(error, ""))
        wrong = {problem["loc"][0] for problem in error.errors() if problem["loc"]}
        if not isinstance(content, Mapping) or "services" in wrong:
            return None
        usable = {key: value for key, value in content.items() if key not in wrong}
        return EnvironmentRequest.model_validate({"name": "unnamed", **usable})


def _lease_seconds(draft: _Draft, request: EnvironmentRequest) -> tuple[int, int]:
    """The lease that a create gives, and the longest that an extension may give."""
    stack = draft.settings.maximum_lease_seconds
    longest = stack
    if request.lease.max_ttl is not None:
        longest = lease.duration_seconds(request.lease.max_ttl)
        if longest > stack:
            draft.problems.append(
                f"lease.maxTtl: {request.lease.max_ttl} is longer than the stack's maximum of "
                f"{lease.duration(stack)}"
            )
    if request.lease.ttl is None:
        # Office hours are kept for as long as the lease lasts, so for more than a day.
        default = draft.settings.default_lease_seconds
        return longest if request.schedule else min(default, longest), longest
    seconds = lease.duration_seconds(request.lease.ttl)
    if seconds > stack:
        draft.problems.append(
            f"lease.ttl: {request.lease.ttl} is longer than the stack's maximum of "
            f"{lease.duration(stack)}"
        )
    elif seconds > longest:
        draft.problems.append(
            f"lease.ttl: {request.lease.ttl} is longer than lease.maxTtl, {request.lease.max_ttl}"
        )
    return seconds, longest


def _office_hours(schedule: Schedule, now: datetime) -> list[str]:
    """Few requests have them, and what reads them is slow to import."""
    from bivouac import office_hours

    return office_hours.problems(schedule.model_dump(), now)


def _cluster(draft: _Draft, request: EnvironmentRequest) -> Json:
    given = dict(request.cluster)
    name = naming.cluster_name(draft.settings.name_prefix, request.name)
    draft.rename("cluster.clusterName", given.pop("clusterName", None), name)
    for refused, reason in {
        "serviceConnectDefaults": "the field namespace names it",
        "tags": "the field tags holds them",
        "capacityProviders": "environments use FARGATE and FARGATE_SPOT per service",
        "configuration": "it can name keys and log groups outside the environment",
    }.items():
        if refused in given:
            draft.problems.append(f"cluster.{refused}: refused; {reason}")
            del given[refused]
    cluster = {"clusterName": name, **given}
    draft.problems.extend(ecs_model.problems("CreateCluster", cluster, "cluster"))
    return cluster


def _service(
    draft: _Draft, request: EnvironmentRequest, namespace: str, given: Json, path: str
) -> Party:
    """One service, built as far as its problems let it."""
    content = copy.deepcopy(merged(request.defaults, given))
    try:
        service = Service.model_validate(content)
    except ValidationError as error:
        draft.problems.extend(described(error, path))
        name = content.get("serviceName")
        return Party(name if isinstance(name, str) else "", path)
    path = f"{path} ({service.service_name})"
    party = Party(service.service_name, path, service.depends_on)
    arguments = service.arguments
    cluster = naming.cluster_name(draft.settings.name_prefix, request.name)
    draft.rename(f"{path}.cluster", arguments.pop("cluster", None), cluster)
    tags = _service_tags(draft, arguments.pop("tags", []), path)
    _complete_service(draft, arguments, service, namespace, path)
    before = len(draft.problems)
    draft.problems.extend(ecs_model.problems("CreateService", arguments, path))
    if len(draft.problems) > before:
        return party
    party = replace(party, arguments=arguments)
    draft.problems.extend(fargate.service_problems(arguments, draft.settings.allow_ecs_exec, path))
    definition = _definition(draft, request, service, path)
    if definition is None:
        return party
    ports = _named_ports(definition)
    connect = arguments["serviceConnectConfiguration"]
    draft.problems.extend(
        fargate.connect_problems(connect, ports, namespace, f"{path}.serviceConnectConfiguration")
    )
    _name_proxy_log(draft, request, service, connect, path)
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


def _service_tags(draft: _Draft, given: Any, path: str) -> dict[str, str]:
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
    draft: _Draft, arguments: Json, service: Service, namespace: str, path: str
) -> None:
    """What CreateService arguments leave out, filled in; what they must not say, told."""
    settings = draft.settings
    arguments.setdefault("desiredCount", 1)
    if "capacityProviderStrategy" not in arguments:
        arguments.setdefault("launchType", "FARGATE")
    arguments.setdefault("platformVersion", "LATEST")
    arguments.setdefault("enableECSManagedTags", True)
    arguments["propagateTags"] = "SERVICE"
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


def _definition(
    draft: _Draft, request: EnvironmentRequest, service: Service, path: str
) -> Json | None:
    """The task definition's arguments, or the described existing one; None: neither is usable."""
    given = service.task_definition
    if (given is None) == (service.primary_container is None):
        draft.problems.append(f"{path}: give either taskDefinition or primaryContainer")
        return None
    if isinstance(given, str):
        existing = draft.definitions.get(given)
        if existing is None:
            return None
        here = f"{path}.taskDefinition ({given})"
        draft.problems.extend(_definition_problems(draft, existing, here))
        return existing
    here = f"{path}.taskDefinition" if given is not None else f"{path}.primaryContainer"
    definition = given if given is not None else _short_form(service)
    family = naming.family(draft.settings.name_prefix, request.name, service.service_name)
    draft.rename(f"{here}.family", definition.pop("family", None), family)
    definition["family"] = family
    if definition.pop("tags", None):
        draft.problems.append(f"{here}.tags: the tags of the service and of the request are used")
    definition.setdefault("networkMode", "awsvpc")
    definition.setdefault("requiresCompatibilities", ["FARGATE"])
    definition.setdefault("executionRoleArn", draft.settings.execution_role_arns[0])
    definition.setdefault("containerDefinitions", [])
    before = len(draft.problems)
    draft.problems.extend(ecs_model.problems("RegisterTaskDefinition", definition, here))
    if len(draft.problems) > before:
        return None
    group = naming.log_group(draft.settings.name_prefix, request.name, service.service_name)
    for index, container in enumerate(definition["containerDefinitions"]):
        where = f"{here}.containerDefinitions[{index}].logConfiguration"
        container["logConfiguration"] = _log_configuration(
            draft, container.get("logConfiguration"), group, container.get("name", ""), where
        )
    draft.problems.extend(_definition_problems(draft, definition, here))
    return definition


def _definition_problems(draft: _Draft, definition: Json, path: str) -> Iterator[str]:
    settings = draft.settings
    yield from fargate.task_size_problems(definition, path)
    yield from fargate.task_problems(definition, path)
    yield from fargate.role_problems(
        definition, settings.task_role_arns, settings.execution_role_arns, path
    )


def _short_form(service: Service) -> Json:
    primary: PrimaryContainer | None = service.primary_container
    if primary is None:
        raise ValueError(f"{service.service_name} has no primaryContainer")
    name = service.service_name.lower()
    extras = primary.model_dump(
        include={"command", "environment", "secrets", "health_check"},
        exclude_none=True,
        by_alias=True,
    )
    return {
        "cpu": "256",
        "memory": "512",
        "containerDefinitions": [
            {
                "name": name,
                "image": primary.image,
                "essential": True,
                "portMappings": [
                    {"name": name, "containerPort": primary.container_port, "appProtocol": "http"}
                ],
                **extras,
            }
        ],
    }


def _log_configuration(
    draft: _Draft, given: Json | None, group: str, stream_prefix: str, path: str
) -> Json:
    """awslogs into the environment's own group (H09); another driver stays as it is."""
    if given is not None and given.get("logDriver") != "awslogs":
        return given
    options = dict((given or {}).get("options", {}))
    draft.rename(f"{path}.options.awslogs-group", options.get("awslogs-group"), group)
    if options.pop("awslogs-create-group", None) is not None:
        draft.renamed.append(
            Renamed(f"{path}.options.awslogs-create-group", "true", "the group is made beforehand")
        )
    return {
        **(given or {}),
        "logDriver": "awslogs",
        "options": {
            "awslogs-region": draft.settings.region,
            "awslogs-stream-prefix": stream_prefix,
            **options,
            "awslogs-group": group,
        },
    }


def _name_proxy_log(
    draft: _Draft, request: EnvironmentRequest, service: Service, connect: Json, path: str
) -> None:
    if not connect.get("enabled"):
        return
    group = naming.log_group(draft.settings.name_prefix, request.name, service.service_name)
    connect["logConfiguration"] = _log_configuration(
        draft,
        connect.get("logConfiguration"),
        group,
        "service-connect-proxy",
        f"{path}.serviceConnectConfiguration.logConfiguration",
    )


def _named_ports(definition: Json) -> dict[str, Json]:
    return {
        mapping["name"]: mapping
        for container in definition["containerDefinitions"]
        for mapping in container.get("portMappings", [])
        if mapping.get("name")
    }


def _endpoints(
    draft: _Draft, connect: Json, ports: Mapping[str, Json], probes: list[Probe], path: str
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
                f"{path}.serviceConnectConfiguration: {count} services listen on port {port} (S12)"
            )


def _across(parties: list[Party], namespace: str) -> Iterator[str]:
    """What must be unique in an environment, and what is limited (S12, S24, W08)."""
    names = Counter(party.service_name for party in parties if party.service_name)
    discoveries: Counter[str] = Counter()
    aliases: Counter[tuple[str, int]] = Counter()
    for party in parties:
        for entry in party.served.values():
            discovery = entry.get("discoveryName", entry["portName"])
            discoveries[discovery] += 1
            for alias in entry.get("clientAliases", []):
                aliases[(alias.get("dnsName", f"{discovery}.{namespace}"), alias["port"])] += 1
    for name, count in names.items():
        if count > 1:
            yield f"services: {count} are named {name!r}"
    for name, count in discoveries.items():
        if count > 1:
            yield f"services: {count} endpoints are discovered as {name!r}; give a discoveryName"
    for (name, port), count in aliases.items():
        if count > 1:
            yield f"services: {count} client aliases are {name}:{port}; they must be unique (S12)"
    tasks = sum(party.desired_count for party in parties if party.arguments)
    if tasks > TASK_LIMIT:
        yield f"services: {tasks} tasks in all; an environment has at most {TASK_LIMIT}"
