"""Check request: every problem of the request at once, then the plan. Creates nothing.

First what needs no AWS call; only a request without such problems is held against what exists.
"""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from bivouac import preflight
from bivouac.aws import clients, cloudmap, ecs
from bivouac.errors import InvalidRequestError, RefusedByAwsError
from bivouac.observability import Event, step
from bivouac.planning import existing_definitions, plan
from bivouac.settings import RequestSettings

if TYPE_CHECKING:
    from types_boto3_ec2 import EC2Client
    from types_boto3_ecs import ECSClient
    from types_boto3_servicediscovery import ServiceDiscoveryClient


def check_request(
    request: Any,
    settings: RequestSettings,
    ecs_client: ECSClient,
    cloud_map: ServiceDiscoveryClient,
    ec2_client: EC2Client,
) -> Event:
    """The environment's name, its blueprint as JSON, and whether this is only a dry run.

    Raises InvalidRequestError with all problems, ForeignResourceError for names taken by others."""
    named = existing_definitions(request)
    checked = plan(request, settings)
    if checked.problems:
        raise InvalidRequestError(checked.problems)
    definitions, unknown = _described(ecs_client, named)
    if named:
        checked = plan(request, settings, definitions)
    if unknown or checked.blueprint is None:
        raise InvalidRequestError([*unknown, *checked.problems])
    blueprint = checked.blueprint
    namespaces = cloudmap.list_namespaces(cloud_map)
    preflight.refuse_foreign(blueprint, namespaces, ecs_client, cloud_map)
    problems, blueprint = preflight.look_at_network(blueprint, ec2_client)
    problems += preflight.quota_problems(blueprint, namespaces, settings.namespace_quota)
    if problems:
        raise InvalidRequestError(problems)
    return {
        "environment": blueprint.environment,
        "plan": asdict(blueprint),
        "dryRun": checked.dry_run,
        "settled": False,
    }


def _described(client: ECSClient, names: list[str]) -> tuple[dict[str, Event], list[str]]:
    definitions: dict[str, Event] = {}
    unknown = []
    for name in names:
        try:
            definitions[name], _ = ecs.describe_task_definition(client, name)
        except RefusedByAwsError as error:
            unknown.append(str(error))
    return definitions, unknown


@step
def handler(event: Event) -> Event:
    return check_request(
        event,
        RequestSettings.from_env(),
        clients.ecs(),
        clients.servicediscovery(),
        clients.ec2(),
    )
