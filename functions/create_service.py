"""Create service: created, or updated to what the request says, or left alone where it says so.

Repeating it is safe: the clientToken is the same for one generation, and what a lost answer left
behind is read back and compared by its specification tag (S01).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from bivouac import naming
from bivouac.aws import clients, ecs
from bivouac.aws.faults import translated
from bivouac.aws.holding import held
from bivouac.blueprint import (
    Blueprint,
    create_service_arguments,
    ecs_tags,
    from_ecs_tags,
    service_specification,
    service_tags,
    update_service_arguments,
)
from bivouac.checks import primary_deployment
from bivouac.errors import NotYetConsistentError, ServiceDrainingError
from bivouac.observability import Event, step
from bivouac.preflight import require_owned

if TYPE_CHECKING:
    from types_boto3_ecs import ECSClient


def create_service(
    blueprint: Blueprint,
    generation: int,
    service_name: str,
    namespace_arn: str,
    task_definition_arn: str,
    client: ECSClient,
) -> Event:
    """The deployment that must become healthy: ours, not whichever is there later (H01, S19)."""
    service = blueprint.service(service_name)
    specification = service_specification(blueprint, service, namespace_arn, task_definition_arn)
    cluster = specification["cluster"]
    found = ecs.describe_services(client, cluster, [service_name]).get(service_name)
    if found is None or found["status"] == "INACTIVE":
        arguments = create_service_arguments(blueprint, service, specification, generation)
        with translated(f"service {service_name}"):
            made = dict(client.create_service(**arguments)["service"])
        return _answer(made, task_definition_arn)
    if found["status"] == "DRAINING":
        raise ServiceDrainingError(f"service {service_name}: the one before it still drains (S02)")
    tags = from_ecs_tags(found.get("tags"))
    require_owned(f"the service {service_name}", tags, blueprint.stack, blueprint.environment)
    wanted = service_tags(blueprint, service, specification)
    if tags.get(naming.SPECIFICATION_TAG) == wanted[naming.SPECIFICATION_TAG]:
        return _answer(found, task_definition_arn)
    with translated(f"service {service_name}"):
        updated = dict(client.update_service(**update_service_arguments(specification))["service"])
        client.tag_resource(resourceArn=found["serviceArn"], tags=ecs_tags(wanted))
    return _answer(updated, task_definition_arn)


def _answer(service: dict[str, Any], task_definition_arn: str) -> Event:
    primary = primary_deployment(service)
    if primary is None:
        raise NotYetConsistentError(
            f"service {service['serviceName']}: no deployment is visible yet"
        )
    return {
        "serviceName": service["serviceName"],
        "taskDefinitionArn": task_definition_arn,
        "deploymentId": primary["id"],
    }


@step
def handler(event: Event) -> Event:
    blueprint = held(event)
    return create_service(
        blueprint,
        event["generation"],
        event["serviceName"],
        event["namespaceArn"],
        event["taskDefinitionArn"],
        clients.ecs(),
    )
