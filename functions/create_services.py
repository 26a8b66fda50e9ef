"""Create services: changes the services as far as possible now, and says what blocks the rest.

Services are created, updated, rolled, replaced or deleted, until they are what the request says; a
service in that state is left alone. Repeating it is safe: the clientToken is the same within a
generation, and what a lost answer left behind is read and compared by its tags (S01).
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

    def convergence(read_first: bool) -> ServiceConvergence:
        """With `read_first`, existing services may be others'."""
        return ServiceConvergence(
            Blueprint.from_json(record.content),
            event["generation"],
            progress["namespaceArn"],
            event["taskDefinitions"],
            clients.ecs(),
            clients.servicediscovery(),
            Patience.of(progress["blocked"], now, deadline, event["fresh"]),
            event["fresh"] and not read_first,
            {entry["serviceName"]: entry["deploymentId"] for entry in json.loads(record.expected)},
            frozenset(progress.get("roll", ())),
        )

    before = {entry["serviceName"]: Expected.from_json(entry) for entry in progress["expected"]}
    healthy = frozenset(progress["healthy"])
    proofs = [EdgeProof.from_json(entry) for entry in record.edge_proofs]
    found = created(
        lambda read_first: convergence(read_first).converge(before, healthy, proofs, read_first),
        fresh=event["fresh"] and all(made.deployed_at for made in before.values()),
    )
    return {
        **progress,
        **found,
        "patienceSeconds": patience_seconds(deadline, now),
    }
