"""Every event that Bivouac publishes, made by the code from example facts."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from bivouac.deletion.receipt import Item, Outcome
from bivouac.diagnosis.aws_messages import Category
from bivouac.diagnosis.service_verdicts import Verdict
from bivouac.environment.event import SOURCE, EnvironmentEvent, Subject
from bivouac.notifications import events

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
RECEIPT = {
    "items": [
        Item("service", "web", Outcome.DELETED).to_json(),
        Item("task definition", "bivouac-shop--web:1", Outcome.DELETING).to_json(),
        Item("expiry schedule", "shop-expiry", Outcome.DELETED).to_json(),
    ]
}
LEFT = [Item("namespace", "bivouac-shop", Outcome.FAILED, "namespace bivouac-shop: AccessDenied")]

TOLD: list[EnvironmentEvent] = [
    events.ready(
        ABOUT,
        cluster="bivouac-shop",
        namespace="bivouac-shop",
        expires_at=EXPIRES_AT,
        services=["backend", "api", "web"],
        edges=["web -> api:api", "api -> backend:backend"],
    ),
    events.failed(ABOUT, FAILURE),
    events.expiring(ABOUT, EXPIRES_AT, 3600, EXTEND),
    events.degraded(ABOUT, FAILURE, "2026-01-31T09:59:00Z"),
    events.deleted(ABOUT, RECEIPT),
    events.not_deleted(ABOUT, LEFT, "2026-01-31T10:15:00Z"),
    events.orphan_found(
        ABOUT,
        kind="cluster",
        name="bivouac-shop",
        arn=CLUSTER,
        reason="its record says DELETED",
        goes_at="2026-01-31T11:00:00Z",
    ),
    events.leak_repaired(
        ABOUT,
        leak="expired and alive",
        name="shop",
        repair="a deletion was started",
        found_at="2026-01-31T09:45:00Z",
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
        "time": event.detail["at"],
        "region": REGION,
        "resources": [],
        "detail": event.detail,
    }
