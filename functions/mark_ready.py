"""Mark ready: the only step that sets READY, and only with the whole proof.

Repeating it is safe: it writes the same status and proof under the same generation, and then
publishes the same event. If the event cannot be published, the environment is READY all the same.
"""

from __future__ import annotations

from collections import Counter
from datetime import datetime
from typing import Any

from bivouac import clock, times
from bivouac.aws.environments_table import Records
from bivouac.aws.event_bus import EventBus
from bivouac.environment.blueprint import Blueprint
from bivouac.environment.record import Status
from bivouac.errors import NotProvenError
from bivouac.notifications import notifier
from bivouac.notifications.notifier import Notifier
from bivouac.observability import Event, MetricUnit, metrics, step
from bivouac.proof import check
from bivouac.proof.check import CheckOutcome, few
from bivouac.services.progress import CreateProgress
from bivouac.stack import event_bus, records


def mark_ready(event: Event, now: datetime, records: Records, bus: EventBus) -> Event:
    """The execution's output: the environment, when it expires, and every check.

    Raises NotProvenError if a declared endpoint has no check that is OK, or any check is NG."""
    record = records.current(event["environment"], event["generation"])
    blueprint = Blueprint.from_json(record.content)
    progress = CreateProgress.from_json(event["progress"])
    proof: list[dict[str, Any]] = list(progress.checks or ())
    for probed in event["probes"].values():
        proof += probed["checks"]
    proof += [
        check.not_proven(service.service_name, service.not_proven).to_json()
        for service in blueprint.services
        if service.not_proven
    ]
    outcomes = Counter(entry["outcome"] for entry in proof)
    answered = {
        (entry["service"], entry["endpoint"])
        for probed in event["probes"].values()
        for entry in probed["checks"]
        if entry["outcome"] == CheckOutcome.OK
    }
    silent = [
        f"{service.service_name}: {endpoint.port_name}"
        for service in blueprint.services
        for endpoint in service.endpoints
        if service.arguments["desiredCount"] > 0
        and (service.service_name, endpoint.port_name) not in answered
    ]
    if outcomes[CheckOutcome.NG] or silent:
        raise NotProvenError(f"not proven: {few(silent) or 'a check is NG'}")
    edges = [each.to_json() for each in progress.edge_proofs(blueprint)]
    unproven = sorted({edge.name for edge in blueprint.edges} - {entry["edge"] for entry in edges})
    if unproven:
        raise NotProvenError(f"not proven: {few(unproven)}")
    records.finish(
        event["environment"],
        event["generation"],
        Status.READY,
        proof=proof,
        edges=edges,
        expected=[each.to_json() for each in progress.expected],
        namespaceArn=progress.namespace_arn,
        readyAt=times.timestamp(now),
    )
    Notifier(records, bus)(notifier.ready(record, now), event.get("tries", 0))
    metrics.add_metric("EnvironmentReady", MetricUnit.Count, 1)
    return {
        "environment": event["environment"],
        "status": Status.READY,
        "generation": event["generation"],
        "cluster": blueprint.cluster["clusterName"],
        "namespace": blueprint.namespace,
        "expiresAt": record.expires_at,
        "warnings": list(blueprint.warnings),
        "proof": proof,
        "edges": edges,
    }


@step
def handler(event: Event) -> Event:
    return mark_ready(event, clock.now(), records(), event_bus())
