"""Create services: does to the services what can be done now, and says what that waits for.

Created, updated, rolled, replaced or deleted, until they are what the request says; a service that
is so already is left alone. Repeating it is safe: the clientToken is the same for one generation,
and what a lost answer left behind is read back and compared by its tags (S01).
"""

from __future__ import annotations

import json

from bivouac import clock, times
from bivouac.aws import clients
from bivouac.environment.blueprint import Blueprint
from bivouac.observability import Event, step
from bivouac.proof.mesh import EdgeProof
from bivouac.services.changes import ServiceConvergence
from bivouac.services.create_first import created
from bivouac.services.deployments import Expected
from bivouac.services.patience import Patience, patience_seconds
from bivouac.stack import records


@step
def handler(event: Event) -> Event:
    record = records().current(event["environment"], event["generation"])
    deadline, now = times.moment(event["deadline"]), clock.now()
    progress: Event = event["progress"]
    if not progress["namespaceArn"]:
        return {**progress, "patienceSeconds": patience_seconds(deadline, now)}

    def convergence(look: bool) -> ServiceConvergence:
        """Where a look is needed after all, what is there need not be this execution's own."""
        return ServiceConvergence(
            Blueprint.from_json(record.content),
            event["generation"],
            progress["namespaceArn"],
            event["taskDefinitions"],
            clients.ecs(),
            clients.servicediscovery(),
            Patience.of(progress["blocked"], now, deadline, event["fresh"]),
            event["fresh"] and not look,
            {entry["serviceName"]: entry["deploymentId"] for entry in json.loads(record.expected)},
            frozenset(progress.get("roll", ())),
        )

    before = {entry["serviceName"]: Expected.from_json(entry) for entry in progress["expected"]}
    healthy = frozenset(progress["healthy"])
    proofs = [EdgeProof.from_json(entry) for entry in record.edge_proofs]
    found = created(
        lambda look: convergence(look).converge(before, healthy, proofs, look),
        fresh=event["fresh"] and all(made.deployed_at for made in before.values()),
    )
    return {
        **progress,
        **found,
        "patienceSeconds": patience_seconds(deadline, now),
    }
