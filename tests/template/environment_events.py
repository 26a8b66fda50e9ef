"""Every event that Bivouac publishes, made by the code from example facts."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from bivouac.deletion.receipt import Item, Outcome
from bivouac.diagnosis.aws_messages import Category
from bivouac.diagnosis.service_verdicts import Verdict
from bivouac.environment.event import SOURCE, DetailType, EnvironmentEvent, Subject
from bivouac.environment.record import Record, Status
from bivouac.notifications import events
from bivouac.proof.mesh import EdgeProof
from tests.requests import event
from tests.unit.planned import planned

ACCOUNT = "123456789012"
REGION = "eu-central-1"
ABOUT = Subject("shop", 3, datetime(2026, 1, 31, 10, 0, tzinfo=UTC))
EXPIRES_AT = "2026-01-31T18:00:00Z"
EXTEND = f"arn:aws:states:{REGION}:{ACCOUNT}:stateMachine:bivouac-extend-lease"
CLUSTER = f"arn:aws:ecs:{REGION}:{ACCOUNT}:cluster/bivouac-shop"
NO_DATABASE = Verdict.of(
    Category.EXIT,
    "backend",
    ["container backend exited with code 1", "Essential container in task exited"],
    "Read the last lines of backend; start it again with what they ask for.",
    task=f"arn:aws:ecs:{REGION}:{ACCOUNT}:task/bivouac-shop/0123456789abcdef0123456789abcdef",
    container="backend",
)
FAILURE: dict[str, Any] = {
    "error": "DeploymentFailedError",
    "cause": "backend: container exit: container backend exited with code 1",
    "category": NO_DATABASE.category,
    "verdicts": [NO_DATABASE.to_json()],
}
REQUEST = event("shop") | {
    "owner": "team-shop",
    "triggers": {"pullRequest": {"repository": "acme/shop", "number": 482}},
}


def record(status: Status, **changes: Any) -> Record:
    """Of the shop (events/shop.json)."""
    blueprint = planned(REQUEST)
    given: dict[str, Any] = {
        "environment": ABOUT.environment,
        "generation": ABOUT.generation,
        "status": status,
        "execution": f"arn:aws:states:{REGION}:{ACCOUNT}:execution:bivouac-create-environment:shop",
        "request_hash": blueprint.request_hash,
        "blueprint": blueprint.to_json(),
        "expires_at": EXPIRES_AT,
        "settle": False,
    }
    return Record(**given | changes)


def receipt(status: Status, *items: Item) -> dict[str, Any]:
    """As the record has it."""
    told = [item.to_json() for item in items]
    return {"environment": "shop", "status": status, "at": "2026-01-31T10:00:00Z", "items": told}


PROOFS = [
    EdgeProof(
        edge=name,
        specification="0123456789abcdef",
        client_deployment="ecs-svc/0123456789012345678",
        server_deployment="ecs-svc/1234567890123456789",
        state="OK",
        observed="HTTP 200, 8 times in a row",
        at="2026-01-31T09:59:58Z",
    ).to_json()
    for name in ("web -> api:api", "api -> backend:backend")
]
READY = record(Status.READY, edges=PROOFS, ready_at="2026-01-31T10:00:00Z")
SINCE = {"since": "2026-01-31T09:59:00Z"}
RECEIPT = receipt(
    Status.DELETED,
    Item("service", "web", Outcome.DELETED),
    Item("task definition", "bivouac-shop--web:1", Outcome.DELETING),
    Item("expiry schedule", "shop-expiry", Outcome.DELETED),
)
LEFT = receipt(
    Status.NOT_DELETED,
    Item("service", "web", Outcome.DELETED),
    Item("namespace", "bivouac-shop", Outcome.FAILED, "namespace bivouac-shop: AccessDenied"),
)

PUBLISHED: list[EnvironmentEvent] = [
    events.of_record(DetailType.READY, READY, ABOUT.at),
    events.of_record(DetailType.FAILED, record(Status.FAILED, failure=FAILURE), ABOUT.at),
    events.expiring(READY, ABOUT.at, 3600, EXTEND),
    events.of_record(
        DetailType.DEGRADED, record(Status.DEGRADED, failure=FAILURE | SINCE), ABOUT.at
    ),
    events.of_record(DetailType.DELETED, record(Status.DELETED, receipt=RECEIPT), ABOUT.at),
    events.of_record(
        DetailType.NOT_DELETED,
        record(Status.NOT_DELETED, receipt=LEFT, expires_at="2026-01-31T10:15:00Z"),
        ABOUT.at,
    ),
    events.orphan_found(
        ABOUT,
        kind="cluster",
        name="bivouac-shop",
        arn=CLUSTER,
        because="its record says DELETED",
        goes_at="2026-01-31T11:00:00Z",
    ),
    events.leak_repaired(
        ABOUT,
        leak="expired and alive",
        name="shop",
        repair="a deletion was started",
        since="2026-01-31T09:45:00Z",
    ),
]


def delivered(event: EnvironmentEvent) -> dict[str, Any]:
    """As EventBridge delivers it to a target."""
    return {
        "version": "0",
        "id": "6a7e8feb-b491-4cf7-a9f1-bf3703467718",
        "detail-type": event.detail_type,
        "source": SOURCE,
        "account": ACCOUNT,
        "time": event.detail["observedAt"],
        "region": REGION,
        "resources": [],
        "detail": event.detail,
    }
