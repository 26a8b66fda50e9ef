"""Custom resources: a function of the stack creates and deletes them."""

from __future__ import annotations

from localcloud.template.custom_resources import CustomResource, CustomResourceError
from localcloud.template.errors import TemplateError
from localcloud.template.makers.base import Cloud, Deployed, Handlers, Made, Request

TYPE = "AWS::CloudFormation::CustomResource"
PREFIX = "Custom::"


def is_custom(resource_type: str) -> bool:
    return resource_type == TYPE or resource_type.startswith(PREFIX)


def custom_resource(cloud: Cloud, request: Request) -> Made:
    try:
        answer = cloud.custom_resources.send(_of(request), "Create")
    except CustomResourceError as error:
        raise TemplateError(f"{request.logical_id} ({request.type}): {error}") from error
    return Made(answer.physical_id, answer.data)


def update_custom_resource(cloud: Cloud, before: Deployed, request: Request) -> Made:
    """A new physical id means a new resource: the old one is deleted later."""
    old = before.request.properties
    try:
        answer = cloud.custom_resources.send(_of(request), "Update", before.made.ref, old)
    except CustomResourceError as error:
        raise TemplateError(f"{request.logical_id} ({request.type}): {error}") from error
    return Made(answer.physical_id, answer.data)


def delete_custom_resource(cloud: Cloud, deployed: Deployed) -> None:
    cloud.custom_resources.send(_of(deployed.request), "Delete", deployed.made.ref)


def _of(request: Request) -> CustomResource:
    token = str(request.properties.get("ServiceToken"))
    if token.split(":")[2:3] != ["lambda"]:
        raise TemplateError(
            f"{request.logical_id}: ServiceToken must be the ARN of a function, not {token}"
        )
    return CustomResource(request.stack_id, request.logical_id, request.type, request.properties)


HANDLERS = Handlers(custom_resource, delete_custom_resource, update_custom_resource)
