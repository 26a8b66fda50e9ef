"""What Cloud Map says. Every list is followed to its end: filters can leave pages empty (N08).

ListNamespaces shows those that other accounts share, too, which are none of ours."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from bivouac.aws.errors import translated
from bivouac.environment.blueprint import from_cloud_map_tags

if TYPE_CHECKING:
    from types_boto3_servicediscovery import ServiceDiscoveryClient
    from types_boto3_servicediscovery.type_defs import NamespaceFilterTypeDef


_OWN: NamespaceFilterTypeDef = {
    "Name": "RESOURCE_OWNER",
    "Values": ["SELF"],
    "Condition": "EQ",
}


@dataclass(frozen=True)
class Namespace:
    id: str
    arn: str
    name: str


def find_namespace(client: ServiceDiscoveryClient, name: str) -> Namespace | None:
    with translated(f"namespace {name}"):
        pages = client.get_paginator("list_namespaces").paginate(
            Filters=[{"Name": "NAME", "Values": [name], "Condition": "EQ"}, _OWN]
        )
        found = [entry for page in pages for entry in page["Namespaces"]]
    for entry in found:
        if entry["Name"] == name:
            return Namespace(entry["Id"], entry["Arn"], entry["Name"])
    return None


def list_namespaces(client: ServiceDiscoveryClient) -> list[Namespace]:
    with translated("namespaces of this Region"):
        pages = client.get_paginator("list_namespaces").paginate(Filters=[_OWN])
        return [
            Namespace(entry["Id"], entry["Arn"], entry["Name"])
            for page in pages
            for entry in page["Namespaces"]
        ]


def tags_of(client: ServiceDiscoveryClient, arn: str) -> dict[str, str]:
    with translated(arn):
        answer = client.list_tags_for_resource(ResourceARN=arn)
    return from_cloud_map_tags(answer["Tags"])


def get_operation(client: ServiceDiscoveryClient, operation_id: str) -> dict[str, Any] | None:
    """Status SUBMITTED, PENDING, SUCCESS or FAIL with ErrorCode and ErrorMessage (N04).

    None where Cloud Map does not know the operation, or no longer (N05)."""
    with translated(f"Cloud Map operation {operation_id}"):
        try:
            return dict(client.get_operation(OperationId=operation_id)["Operation"])
        except client.exceptions.OperationNotFound:
            return None


def list_services(client: ServiceDiscoveryClient, namespace_id: str) -> list[dict[str, Any]]:
    with translated(f"Cloud Map services of {namespace_id}"):
        pages = client.get_paginator("list_services").paginate(
            Filters=[{"Name": "NAMESPACE_ID", "Values": [namespace_id], "Condition": "EQ"}]
        )
        return [dict(service) for page in pages for service in page["Services"]]


def list_instances(client: ServiceDiscoveryClient, service_id: str) -> list[dict[str, Any]]:
    with translated(f"Cloud Map instances of {service_id}"):
        pages = client.get_paginator("list_instances").paginate(ServiceId=service_id)
        return [dict(instance) for page in pages for instance in page["Instances"]]
