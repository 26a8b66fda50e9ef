"""Plans one service's task definition: completes RegisterTaskDefinition's arguments. Pure."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

from bivouac.aws.ecs_forms import arguments_of
from bivouac.environment import naming
from bivouac.json_types import Json
from bivouac.request.draft import Draft
from bivouac.request.fields import ecs_arguments
from bivouac.request.fields.ecs_arguments import Checked
from bivouac.request.findings import Problem
from bivouac.request.messages import MAY_BE_YAML, in_other_region, said
from bivouac.request.models import EnvironmentRequest, Service
from bivouac.request.places import entries
from bivouac.request.reading import short_form
from bivouac.request.rules import (
    allowed,
    container_rules,
    fargate_rules,
    log_rules,
    secret_rules,
    volume_rules,
)

_REGISTER = "RegisterTaskDefinition"
_DEFINITION_NAME = re.compile(
    r"(arn:aws[a-z-]*:ecs:(?P<region>[a-z0-9-]+):[0-9]{12}:task-definition/)?"
    r"[A-Za-z0-9_-]{1,255}(:[0-9]{1,9})?"
)


@dataclass(frozen=True)
class PlannedDefinition:
    arguments: Json
    """As described, if it exists already."""
    ports_known: bool
    """Whether all of its ports could be read."""

    @property
    def named_ports(self) -> dict[str, Json]:
        return {
            mapping["name"]: mapping
            for container in self.arguments.get("containerDefinitions", ())
            for mapping in container.get("portMappings", ())
            if mapping.get("name")
        }

    @property
    def checks_health(self) -> bool:
        return any(
            container_rules.checks_health(container)
            for container in self.arguments.get("containerDefinitions", ())
            if container.get("essential", True)
        )


def plan_definition(
    draft: Draft, request: EnvironmentRequest, service: Service, connected: bool, path: str
) -> PlannedDefinition | None:
    """None if there is none, or if it exists and is not read yet."""
    given, primary = service.task_definition, service.primary_container
    if isinstance(given, str):
        return _existing(draft, given, connected, path)
    here = f"{path}.primaryContainer" if primary else f"{path}.taskDefinition"
    definition = short_form.definition(service, primary) if primary else dict(given)
    family = naming.family(draft.settings.name_prefix, request.name, service.service_name)
    draft.rename(f"{here}.family", definition.pop("family", None), family)
    definition["family"] = family
    if definition.pop("tags", None):
        draft.problem(f"{here}.tags", "the tags of the service and of the request are used")
    definition.setdefault("networkMode", "awsvpc")
    if definition.get("requiresCompatibilities") == ["EC2"]:
        definition["requiresCompatibilities"] = ["FARGATE"]
        draft.note("replaced", f"{here}.requiresCompatibilities", "by FARGATE")
    definition.setdefault("requiresCompatibilities", ["FARGATE"])
    _own_execution_role(draft, definition, f"{here}.executionRoleArn")
    definition.setdefault("containerDefinitions", [])
    checked = ecs_arguments.checked(_REGISTER, definition, here)
    checked.add(_definition_problems(draft, checked.arguments, connected, here))
    draft.problems.extend(checked.problems)
    group = naming.log_group(draft.settings.name_prefix, request.name, service.service_name)
    for where, container in entries(checked.arguments, "containerDefinitions", here):
        name_log(draft, container, group, container.get("name", ""), where)
    return PlannedDefinition(checked.arguments, not _lacks_ports(checked))


def _own_execution_role(draft: Draft, definition: Json, path: str) -> None:
    """The stack's, instead of one that it does not list: most definitions name that of their
    account, which the tasks here have no use for."""
    allowed = draft.settings.execution_role_arns
    given = definition.setdefault("executionRoleArn", allowed[0])
    if isinstance(given, str) and given not in allowed:
        definition["executionRoleArn"] = allowed[0]
        draft.note("replaced", path, f"the stack does not list it; {allowed[0]} is used")


def _existing(draft: Draft, name: str, connected: bool, path: str) -> PlannedDefinition | None:
    """A definition that is not ours is used as it is, so all of it must suit."""
    region = draft.settings.region
    written = _DEFINITION_NAME.fullmatch(name)
    if written is None and "\n" in name:
        draft.problem(
            f"{path}.taskDefinition",
            f"{MAY_BE_YAML}, as an object with RegisterTaskDefinition's arguments",
        )
        return None
    if written is None:
        draft.problem(
            f"{path}.taskDefinition",
            f"{said(name)} is no name of a task definition; write family, family:revision or "
            "its ARN, or an object with RegisterTaskDefinition's arguments",
        )
        return None
    if written["region"] not in (None, region):
        draft.problem(
            f"{path}.taskDefinition",
            f"{in_other_region(written['region'], region)}, or paste its content",
        )
        return None
    described = draft.definitions.get(name)
    if described is None:
        draft.undescribed.add(name)
        return None
    here = f"{path}.taskDefinition ({name})"
    known = arguments_of(_REGISTER).members
    content = {field: value for field, value in described.items() if field in known}
    checked = ecs_arguments.checked(_REGISTER, content, here)
    checked.add(_definition_problems(draft, checked.arguments, connected, here))
    draft.problems.extend(checked.problems)
    if "FARGATE" not in described.get("compatibilities", ["FARGATE"]):
        draft.problem(
            f"{here}.compatibilities",
            "ECS does not run it on Fargate; paste its content instead of its name, with what "
            "Fargate needs",
        )
    for where, container in entries(checked.arguments, "containerDefinitions", here):
        options = container.get("logConfiguration", {}).get("options", {})
        if options.get("awslogs-region", region) != region:
            draft.problem(
                f"{where}.logConfiguration.options.awslogs-region",
                f"{options['awslogs-region']} is not the stack's Region, {region}; paste the "
                "definition's content instead of its name",
            )
    return PlannedDefinition(described, not _lacks_ports(checked))


def _lacks_ports(checked: Checked) -> bool:
    """Whether anything was left out that a port may have stood in."""
    return any(
        re.search(r"\.containerDefinitions(\[\d+\](\.portMappings.*)?)?$", path)
        for path in checked.left_out
    )


def _definition_problems(
    draft: Draft, definition: Json, connected: bool, path: str
) -> Iterator[Problem]:
    settings = draft.settings
    yield from fargate_rules.task_size_problems(definition, connected, path)
    yield from fargate_rules.role_problems(
        definition, settings.task_role_arns, settings.execution_role_arns, path
    )
    yield from allowed.storage_problems(
        definition, settings.allowed_file_system_ids, settings.allowed_environment_files, path
    )
    yield from container_rules.problems(definition, draft.plain_values, path)
    yield from volume_rules.problems(definition, path)
    yield from secret_rules.problems(definition, settings.region, path)
    for where, container in entries(definition, "containerDefinitions", path):
        yield from log_rules.problems(container, settings.region, draft.plain_values, where)


def name_log(draft: Draft, holder: Json, group: str, stream_prefix: str, path: str) -> None:
    """awslogs into the environment's own group in this Region (H09); another driver is kept
    unchanged. `holder`: a container or the Service Connect configuration, `path`: its path."""
    given = holder.get("logConfiguration", {"logDriver": "awslogs"})
    if given.get("logDriver") != "awslogs":
        return
    here = f"{path}.logConfiguration.options"
    options = dict(given.get("options", {}))
    own = {"awslogs-region": draft.settings.region, "awslogs-group": group}
    for name, used in sorted(own.items()):
        draft.rename(f"{here}.{name}", options.get(name), used)
    created = options.pop("awslogs-create-group", None)
    draft.rename(f"{here}.awslogs-create-group", created, "Bivouac creates the group")
    holder["logConfiguration"] = {
        **given,
        "options": {"awslogs-stream-prefix": stream_prefix, **options, **own},
    }
