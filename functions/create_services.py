"""Create services: changes the services as far as possible now, and says what blocks the rest.

Services are created, updated, rolled, replaced or deleted, until they are what the request says; a
service in that state is left alone. Repeating it is safe: the clientToken is the same within a
generation, and what a lost answer left behind is read and compared by its tags (S01).
"""

from __future__ import annotations

from contextlib import suppress
from dataclasses import replace

from bivouac import clock, times
from bivouac.aws import clients
from bivouac.errors import NotYetConsistentError
from bivouac.observability import Event, step
from bivouac.proof.mesh import EdgeProof
from bivouac.services.changes import ServiceConvergence
from bivouac.services.patience import Patience, patience_seconds
from bivouac.services.progress import CreateProgress
from bivouac.stack import held


@step
def handler(event: Event) -> Event:
    record = held(event)
    deadline, now = times.moment(event["deadline"]), clock.now()
    progress = replace(
        CreateProgress.from_json(event["progress"]),
        patience_seconds=patience_seconds(deadline, now),
    )
    namespace_arn = progress.namespace_arn
    if namespace_arn is None:
        return progress.to_json()
    proofs = [EdgeProof.from_json(entry) for entry in record.edges]

    def converged(fresh: bool) -> CreateProgress:
        """`fresh`: exactly what this execution created exists."""
        return ServiceConvergence(
            record.planned,
            event["generation"],
            namespace_arn,
            event["taskDefinitions"],
            clients.ecs(),
            clients.servicediscovery(),
            Patience(now, deadline, event["fresh"], progress.blocked),
            fresh,
            {entry["serviceName"]: entry["deploymentId"] for entry in record.expected},
        ).converge(progress, proofs)

    if event["fresh"] and all(made.deployed_at for made in progress.expected):
        # If AWS answers that something exists, only reading shows whose it is (S01, S21)
        with suppress(NotYetConsistentError):
            return converged(fresh=True).to_json()
    return converged(fresh=False).to_json()
