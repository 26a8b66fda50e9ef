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
from bivouac.stack import records
from bivouac.status import answers


@step
def handler(event: Event) -> Event:
    """The execution's output. Raises NotAsleepError with what still runs."""
    environment, generation, client = event["environment"], event["generation"], clients.ecs()
    record = records().current(environment, generation)
    cluster = record.blueprint["cluster"]["clusterName"]
    services = remaining.services(client, cluster, event["names"])
    if left := remaining.tasks_left(client, cluster, services):
        running = ", ".join(f"{name} ({count})" for name, count in sorted(left.most.items()))
        raise NotAsleepError(
            f"tasks of {environment} still run: {running}. Look at the services' events in the "
            f"cluster {cluster}, then start sleep_environment again, or create_environment to "
            "run it"
        )
    records().finish(environment, generation, Status.ASLEEP)
    metrics.add_metric("EnvironmentAsleep", MetricUnit.Count, 1)
    return answers.done(replace(record, status=Status.ASLEEP))
