"""Cloud Map's records. Times are seconds since the epoch."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal

OperationType = Literal[
    "CREATE_NAMESPACE", "DELETE_NAMESPACE", "REGISTER_INSTANCE", "DEREGISTER_INSTANCE"
]
OperationStatus = Literal["SUBMITTED", "PENDING", "SUCCESS", "FAIL"]


@dataclass
class Operation:
    id: str
    type: OperationType
    targets: dict[str, str]
    created: float
    updated: float
    status: OperationStatus = "SUBMITTED"
    error_code: str | None = None
    error_message: str | None = None

    @property
    def in_flight(self) -> bool:
        return self.status in ("SUBMITTED", "PENDING")


@dataclass
class Namespace:
    """An HTTP namespace; not listed before the operation that creates it has succeeded."""

    id: str
    arn: str
    owner: str
    """The owner's account, which may have shared it with this one."""
    name: str
    http_name: str
    creator_request_id: str
    description: str | None
    created: float
    tags: dict[str, str]
    creating: Operation
    deleting: Operation | None = None

    @property
    def exists(self) -> bool:
        return self.creating.status == "SUCCESS"


@dataclass
class Instance:
    id: str
    attributes: dict[str, str]
    creator_request_id: str
    deregistering: Operation | None = None


@dataclass
class Service:
    id: str
    arn: str
    name: str
    namespace_id: str
    creator_request_id: str
    description: str | None
    created: float
    order: int
    """Creation order: D13 gives an old id to a new service."""
    tags: dict[str, str]
    instances: dict[str, Instance] = field(default_factory=dict)
    revision: int = 1
