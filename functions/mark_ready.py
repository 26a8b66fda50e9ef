"""Mark ready: the only step that sets READY, and only with the whole proof.

Repeating it is safe: it writes the same status and proof under the same generation, and then
publishes the same event. If the event cannot be published, the environment is READY all the same.
"""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime

from bivouac import clock, times
from bivouac.aws.environments_table import Records
from bivouac.aws.event_bus import EventBus
from bivouac.environment.event import DetailType
from bivouac.environment.record import Status
from bivouac.notifications import events
from bivouac.notifications.notifier import Notifier
from bivouac.observability import Event, MetricUnit, metrics, step
from bivouac.proof import whole
from bivouac.services.progress import CreateProgress
from bivouac.stack import event_bus, records
from bivouac.status import answers


def mark_ready(event: Event, now: datetime, records: Records, bus: EventBus) -> Event:
    """The execution's output: the environment, when it expires, and every check.

    Raises NotProvenError."""
    environment, generation = event["environment"], event["generation"]
    record = records.current(environment, generation)
    blueprint = record.planned
    progress = CreateProgress.from_json(event["progress"])
    answered = [entry for probed in event["probes"].values() for entry in probed["checks"]]
    proof = whole.collected(blueprint, progress.checks or (), answered)
    edges = whole.edges(blueprint, progress.edge_proofs(blueprint))
    records.finish(
        environment,
        generation,
        Status.READY,
        proof=proof,
        edges=edges,
        expected=[each.to_json() for each in progress.expected],
        namespaceArn=progress.namespace_arn,
        readyAt=times.timestamp(now),
    )
    marked = replace(record, status=Status.READY, edges=edges, ready_at=times.timestamp(now))
    Notifier(records, bus)(events.of_record(DetailType.READY, marked, now), event.get("tries", 0))
    metrics.add_metric("EnvironmentReady", MetricUnit.Count, 1)
    return answers.ready(marked, blueprint, proof)


@step
def handler(event: Event) -> Event:
    return mark_ready(event, clock.now(), records(), event_bus())
