"""What every maker takes and returns."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol

from botocore.model import ListShape, MapShape, Shape, StructureShape

from localcloud.awslambda.function import Function
from localcloud.template.custom_resources import CustomResources
from localcloud.template.errors import TemplateError


class Cloud(Protocol):
    """The account in which resources are created."""

    @property
    def account_id(self) -> str: ...

    @property
    def region(self) -> str: ...

    def client(self, service: str) -> Any:
        """A boto3 client with the rights of the account's user."""
        ...

    def register_function(self, function: Function) -> None:
        """Makes a function invocable; CreateFunction cannot say where its code is."""
        ...

    def require(self, role_arn: str, actions: Sequence[str], purpose: str) -> None:
        """Checks that a role allows what AWS's own services do with it. Raises TemplateError."""
        ...

    def provide_aws_policy(self, arn: str) -> None:
        """Makes an AWS managed policy available for attaching."""
        ...

    @property
    def custom_resources(self) -> CustomResources: ...


@dataclass(frozen=True)
class Request:
    logical_id: str
    properties: dict[str, Any]
    type: str
    stack_id: str
    stack_name: str
    code: Path | None = None
    definition: str | None = None
    """The text of its DefinitionS3Location."""
    replacements: int = 0
    """How often it was replaced: each replacement has a different name."""

    def generated_name(self, longest: int = 255) -> str:
        """As CloudFormation names unnamed resources, but the same on every run."""
        once_more = f"/{self.replacements}" if self.replacements else ""
        text = f"{self.stack_name}/{self.logical_id}{once_more}"
        end = f"-{hashlib.sha256(text.encode()).hexdigest()[:12].upper()}"
        return f"{self.stack_name}-{self.logical_id}"[: longest - len(end)] + end


@dataclass(frozen=True)
class Made:
    ref: str
    """What `Ref` gives."""
    attributes: Mapping[str, Any] = field(default_factory=dict)
    """What `Fn::GetAtt` gives."""
    function: Function | None = None


@dataclass(frozen=True)
class Handlers:
    """Of a resource type, as CloudFormation calls them. They raise ClientError, TemplateError, and
    KeyError for a property that is missing."""

    create: Callable[[Cloud, Request], Made]
    delete: Callable[[Cloud, Deployed], None] | None = None
    """None if nothing needs it yet."""
    update: Callable[[Cloud, Deployed, Request], Made] | None = None
    """In place, to what the request says. Called again with the two swapped, it undoes the update,
    even one that failed. None if nothing needs it yet."""


@dataclass(frozen=True)
class Wanted:
    """A resource that a template declares for a stack."""

    handlers: Handlers
    request: Request
    needs: frozenset[str]
    """Logical ids of the resources that must outlive it."""
    deletion_policy: str = "Delete"
    update_replace_policy: str = "Delete"

    def deployed(self, request: Request, made: Made) -> Deployed:
        return Deployed(self.handlers, request, made, self.needs, self.deletion_policy)


@dataclass(frozen=True)
class Deployed:
    """A resource of a stack."""

    handlers: Handlers
    request: Request
    made: Made
    needs: frozenset[str]
    """Logical ids of the resources that must outlive it."""
    deletion_policy: str = "Delete"

    @property
    def type(self) -> str:
        return self.request.type

    def is_retained(self, *, created: bool) -> bool:
        """Whether it stays when its stack is deleted or, if not `created` yet, rolled back
        (CloudFormation user guide, "DeletionPolicy attribute")."""
        retains = ("Retain", "RetainExceptOnCreate") if created else ("Retain",)
        return self.deletion_policy in retains


def deleting(service: str, operation: str, member: str) -> Callable[[Cloud, Deployed], None]:
    """Deletes a resource by one call with its `Ref` as this member."""

    def delete(cloud: Cloud, deployed: Deployed) -> None:
        call(cloud, service, operation, **{member: deployed.made.ref})

    return delete


def changed(before: Deployed, request: Request, *known: str) -> set[str]:
    """Names of the properties that differ. Raises TemplateError for one that is not `known`."""
    old, new = before.request.properties, request.properties
    found = {name for name in {*old, *new} if old.get(name) != new.get(name)}
    if unknown := sorted(found - {*known}):
        raise TemplateError(
            f"{request.logical_id}: the local cloud does not update {', '.join(unknown)} "
            f"of {request.type}"
        )
    return found


def call(cloud: Cloud, service: str, operation: str, /, **parameters: Any) -> dict[str, Any]:
    """Calls an API with template values: converts text to a number or boolean if the API has
    one."""
    client = cloud.client(service)
    name = client.meta.method_to_api_mapping[operation]
    shape = client.meta.service_model.operation_model(name).input_shape
    given = {key: value for key, value in parameters.items() if value is not None}
    answer: dict[str, Any] = getattr(client, operation)(**_shaped(given, shape))
    return answer


def camel_case(value: Any) -> Any:
    """The template's property names as APIs with camelCase members spell them."""
    if isinstance(value, list):
        return [camel_case(item) for item in value]
    if isinstance(value, dict):
        return {key[0].lower() + key[1:]: camel_case(item) for key, item in value.items()}
    return value


def tags_map(properties: Mapping[str, Any]) -> dict[str, str] | None:
    """Tags as a map, from the template's list of keys and values."""
    tags = properties.get("Tags")
    if not tags:
        return None
    if isinstance(tags, dict):
        return {key: str(value) for key, value in tags.items()}
    return {tag["Key"]: str(tag["Value"]) for tag in tags}


def retagged(before: Deployed, request: Request) -> tuple[dict[str, str], list[str]]:
    """The tags to set, and the keys of those to remove."""
    old, new = tags_map(before.request.properties) or {}, tags_map(request.properties) or {}
    return new, sorted(old.keys() - new.keys())


def document(policy: dict[str, Any]) -> str:
    # AWS accepts a policy without a version (SAM writes such), moto does not.
    return json.dumps({"Version": "2012-10-17", **policy})


def _shaped(value: Any, shape: Shape) -> Any:
    if isinstance(shape, StructureShape) and isinstance(value, dict):
        members = shape.members
        return {
            key: _shaped(item, members[key]) if key in members else item
            for key, item in value.items()
        }
    if isinstance(shape, ListShape) and isinstance(value, list):
        return [_shaped(item, shape.member) for item in value]
    if isinstance(shape, MapShape) and isinstance(value, dict):
        return {key: _shaped(item, shape.value) for key, item in value.items()}
    match shape.type_name:
        case "integer" | "long" if isinstance(value, str):
            return int(value)
        case "double" | "float" if isinstance(value, str):
            return float(value)
        case "boolean" if isinstance(value, str):
            return value.lower() == "true"
        case "string" if isinstance(value, bool):
            return str(value).lower()
        case "string" if isinstance(value, int | float):
            return str(value)
    return value
