"""Plans one service's task definition: completes RegisterTaskDefinition's arguments. Pure."""

from __future__ import annotations

from collections.abc import Iterator

from bivouac.aws import ecs_schema
from bivouac.environment import naming
from bivouac.environment.blueprint import Renamed
from bivouac.json_types import Json
from bivouac.request import fargate_rules
from bivouac.request.models import EnvironmentRequest, PrimaryContainer, Service
from bivouac.request.plan_context import Draft


def plan_definition(
    draft: Draft, request: EnvironmentRequest, service: Service, path: str
) -> Json | None:
    """The task definition's arguments, or the existing one as described; None if not usable."""
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
    draft.problems.extend(ecs_schema.problems("RegisterTaskDefinition", definition, here))
    if len(draft.problems) > before:
        rest, wrong = ecs_schema.usable("RegisterTaskDefinition", definition, here)
        rest.setdefault("containerDefinitions", [])
        draft.apart_from(wrong, _definition_problems(draft, rest, here))
        return None
    group = naming.log_group(draft.settings.name_prefix, request.name, service.service_name)
    for index, container in enumerate(definition["containerDefinitions"]):
        where = f"{here}.containerDefinitions[{index}].logConfiguration"
        container["logConfiguration"] = _log_configuration(
            draft, container.get("logConfiguration"), group, container.get("name", ""), where
        )
    draft.problems.extend(_definition_problems(draft, definition, here))
    return definition


def _definition_problems(draft: Draft, definition: Json, path: str) -> Iterator[str]:
    settings = draft.settings
    yield from fargate_rules.task_size_problems(definition, path)
    yield from fargate_rules.task_problems(definition, path)
    yield from fargate_rules.role_problems(
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
    draft: Draft, given: Json | None, group: str, stream_prefix: str, path: str
) -> Json:
    """awslogs into the environment's own group in this Region (H09); another driver is kept
    unchanged."""
    if given is not None and given.get("logDriver") != "awslogs":
        return given
    options = dict((given or {}).get("options", {}))
    region = draft.settings.region
    draft.rename(f"{path}.options.awslogs-group", options.get("awslogs-group"), group)
    draft.rename(f"{path}.options.awslogs-region", options.get("awslogs-region"), region)
    if options.pop("awslogs-create-group", None) is not None:
        draft.renamed.append(
            Renamed(f"{path}.options.awslogs-create-group", "true", "Bivouac creates the group")
        )
    return {
        **(given or {}),
        "logDriver": "awslogs",
        "options": {
            "awslogs-stream-prefix": stream_prefix,
            **options,
            "awslogs-region": region,
            "awslogs-group": group,
        },
    }


def name_proxy_log(
    draft: Draft, request: EnvironmentRequest, service: Service, connect: Json, path: str
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


def named_ports(definition: Json) -> dict[str, Json]:
    return {
        mapping["name"]: mapping
        for container in definition["containerDefinitions"]
        for mapping in container.get("portMappings", [])
        if mapping.get("name")
    }
