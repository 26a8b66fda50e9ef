"""Mark asleep: the only step that sets ASLEEP, after it has seen that no task is left.

Repeating it is safe: it writes the same status under the same generation.
"""

from __future__ import annotations

from dataclasses import replace

from bivouac.aws import clients
from bivouac.deletion import remaining
from bivouac.environment.record import Status
from bivouac.errors import NotAsleepError
from bivouac.observability import Event, MetricUnit, metrics, step
from bivouac.stack import held, records
from bivouac.status import answers


@step
def handler(event: Event) -> Event:
    """The execution's output. Raises NotAsleepError with what still runs."""
    record, client = held(event), clients.ecs()
    cluster = record.blueprint["cluster"]["clusterName"]
    services = remaining.services(client, cluster, event["names"])
    if left := remaining.tasks_left(client, cluster, services):
        running = ", ".join(f"{name} ({count})" for name, count in sorted(left.most.items()))
        raise NotAsleepError(
            f"tasks of {record.environment} still run: {running}. Look at the services' events in "
            f"the cluster {cluster}, then start sleep_environment again, or create_environment to "
            "run it"
        )
    records().finish(record.environment, record.generation, Status.ASLEEP)
    metrics.add_metric("EnvironmentAsleep", MetricUnit.Count, 1)
    return answers.done(replace(record, status=Status.ASLEEP))
