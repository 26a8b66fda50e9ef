"""Cloud Map's records as its API describes them."""

from __future__ import annotations

from typing import Any

from localcloud.clock import as_datetime
from localcloud.cloudmap.model import Instance, Namespace, Operation, Service


def _present(answer: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in answer.items() if value is not None}


def namespace_summary(namespace: Namespace) -> dict[str, Any]:
    return _present(
        {
            "Id": namespace.id,
            "Arn": namespace.arn,
            "ResourceOwner": namespace.owner,
            "Name": namespace.name,
            "Type": "HTTP",
            "Description": namespace.description,
            "Properties": {
                "DnsProperties": {"SOA": {}},
                "HttpProperties": {"HttpName": namespace.http_name},
            },
            "CreateDate": as_datetime(namespace.created),
        }
    )


def namespace_detail(namespace: Namespace, service_count: int) -> dict[str, Any]:
    return {
        **namespace_summary(namespace),
        "ServiceCount": service_count,
        "CreatorRequestId": namespace.creator_request_id,
    }


def service_summary(service: Service) -> dict[str, Any]:
    return _present(
        {
            "Id": service.id,
            "Arn": service.arn,
            "Name": service.name,
            "Type": "HTTP",
            "Description": service.description,
            "InstanceCount": len(service.instances),
            "DnsConfig": {},
            "CreateDate": as_datetime(service.created),
        }
    )


def service_detail(service: Service) -> dict[str, Any]:
    return {
        **service_summary(service),
        "NamespaceId": service.namespace_id,
        "CreatorRequestId": service.creator_request_id,
    }


def instance_summary(instance: Instance) -> dict[str, Any]:
    return {"Id": instance.id, "Attributes": instance.attributes}


def instance_detail(instance: Instance) -> dict[str, Any]:
    return {**instance_summary(instance), "CreatorRequestId": instance.creator_request_id}


def operation_detail(operation: Operation) -> dict[str, Any]:
    return _present(
        {
            "Id": operation.id,
            "Type": operation.type,
            "Status": operation.status,
            "ErrorCode": operation.error_code,
            "ErrorMessage": operation.error_message,
            "CreateDate": as_datetime(operation.created),
            "UpdateDate": as_datetime(operation.updated),
            "Targets": operation.targets,
        }
    )


def tag_list(tags: dict[str, str]) -> list[dict[str, str]]:
    return [{"Key": key, "Value": value} for key, value in tags.items()]
