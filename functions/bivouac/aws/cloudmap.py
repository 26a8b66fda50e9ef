"""Calls of Cloud Map. Every list is read to its end: filters can leave pages empty (N08).

ListNamespaces would also show namespaces shared by other accounts, which are not ours."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from enum import Enum, auto
from typing import Any, Self

from bivouac.aws.client_types import ServiceDiscoveryClient
from bivouac.aws.errors import duplicate_operation, translated
from bivouac.aws.listing import list_all
from bivouac.environment.blueprint import Blueprint, CloudMapTag, from_cloud_map_tags
from bivouac.environment.ownership import require_owned
from bivouac.errors import NotYetConsistentError

_OWN: Any = {
    "Name": "RESOURCE_OWNER",
    "Values": ["SELF"],
    "Condition": "EQ",
}


@dataclass(frozen=True)
class Namespace:
    id: str
    arn: str
    name: str

    @classmethod
    def of(cls, arn: str, name: str) -> Self:
        return cls(arn.rpartition("/")[2], arn, name)


@dataclass(frozen=True)
class Creation:
    """A namespace that is being created."""

    operation_id: str | None
    begun_before: bool
    """An earlier call began it, possibly someone else's."""


class Removal(Enum):
    """Cloud Map's answer to a deletion."""

    ACCEPTED = auto()
    ALREADY_GONE = auto()
    IN_USE = auto()


def find_namespace(client: ServiceDiscoveryClient, name: str) -> Namespace | None:
    filters = [{"Name": "NAME", "Values": [name], "Condition": "EQ"}, _OWN]
    found = _namespaces(f"namespace {name}", client, filters)
    return next((each for each in found if each.name == name), None)


def find_own_namespace(client: ServiceDiscoveryClient, blueprint: Blueprint) -> Namespace | None:
    """The namespace with the planned name; only its tags show that it is ours.

    Raises ForeignResourceError."""
    found = find_namespace(client, blueprint.namespace)
    if found is not None:
        what = f"the namespace {found.name} ({found.id})"
        require_owned(what, tags_of(client, found.arn), blueprint)
    return found


def list_namespaces(client: ServiceDiscoveryClient) -> list[Namespace]:
    return _namespaces("namespaces of this Region", client, [_OWN])


def _namespaces(what: str, client: ServiceDiscoveryClient, filters: list[Any]) -> list[Namespace]:
    found = list_all(what, client, "list_namespaces", "Namespaces", Filters=filters)
    return [Namespace(each["Id"], each["Arn"], each["Name"]) for each in found]


def create_namespace(
    client: ServiceDiscoveryClient,
    name: str,
    token: str,
    description: str,
    tags: Sequence[CloudMapTag],
) -> Creation:
    """With `token`, a repeated call returns the operation that it started (N02).

    Raises NotYetConsistentError if a namespace with this name exists."""
    with translated(f"namespace {name}"):
        try:
            answer = client.create_http_namespace(
                Name=name, CreatorRequestId=token, Description=description, Tags=tags
            )
        except client.exceptions.DuplicateRequest as error:
            return Creation(duplicate_operation(error), begun_before=True)
        except client.exceptions.NamespaceAlreadyExists:
            raise NotYetConsistentError(
                f"namespace {name}: it exists, but Cloud Map does not list it yet"
            ) from None
    return Creation(answer["OperationId"], begun_before=False)


def delete_namespace(
    client: ServiceDiscoveryClient, namespace: Namespace
) -> tuple[Removal, str | None]:
    """The answer, and the operation that deletes it, if Cloud Map names one."""
    with translated(f"namespace {namespace.name}"):
        try:
            answer = client.delete_namespace(Id=namespace.id)
        except client.exceptions.NamespaceNotFound:
            return Removal.ALREADY_GONE, None
        except client.exceptions.DuplicateRequest as error:
            return Removal.ACCEPTED, duplicate_operation(error)
        except client.exceptions.ResourceInUse:
            return Removal.IN_USE, None
    return Removal.ACCEPTED, answer["OperationId"]


def tags_of(client: ServiceDiscoveryClient, arn: str) -> dict[str, str]:
    with translated(arn):
        answer = client.list_tags_for_resource(ResourceARN=arn)
    return from_cloud_map_tags(answer["Tags"])


def get_operation(client: ServiceDiscoveryClient, operation_id: str) -> dict[str, Any] | None:
    """Status SUBMITTED, PENDING, SUCCESS or FAIL with ErrorCode and ErrorMessage (N04).

    None if Cloud Map does not know the operation, or not any more (N05)."""
    with (
        translated(f"Cloud Map operation {operation_id}"),
        suppress(client.exceptions.OperationNotFound),
    ):
        return dict(client.get_operation(OperationId=operation_id)["Operation"])
    return None


def list_services(client: ServiceDiscoveryClient, namespace_id: str) -> list[dict[str, Any]]:
    filters = [{"Name": "NAMESPACE_ID", "Values": [namespace_id], "Condition": "EQ"}]
    what = f"Cloud Map services of {namespace_id}"
    return list_all(what, client, "list_services", "Services", Filters=filters)


def list_instances(client: ServiceDiscoveryClient, service_id: str) -> list[dict[str, Any]]:
    what = f"Cloud Map instances of {service_id}"
    return list_all(what, client, "list_instances", "Instances", ServiceId=service_id)


def delete_service(client: ServiceDiscoveryClient, service_id: str, name: str) -> Removal:
    """Deregisters its instances first; it is in use until they are gone."""
    for instance in list_instances(client, service_id):
        # One that is gone or being removed is no error
        with (
            translated(f"Cloud Map service {name}"),
            suppress(client.exceptions.InstanceNotFound, client.exceptions.DuplicateRequest),
        ):
            client.deregister_instance(ServiceId=service_id, InstanceId=instance["Id"])
    with translated(f"Cloud Map service {name}"):
        try:
            client.delete_service(Id=service_id)
        except client.exceptions.ServiceNotFound:
            return Removal.ALREADY_GONE
        except client.exceptions.ResourceInUse:
            return Removal.IN_USE
    return Removal.ACCEPTED
