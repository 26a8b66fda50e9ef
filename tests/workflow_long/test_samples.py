"""The samples of events/samples, in the style of well-known applications: five services, TCP and a
worker, gRPC, Fargate Spot, sidecars behind a load balancer."""

from __future__ import annotations

import pytest

from tests.requests import EVENTS, event
from tests.workflow.application import Application

pytestmark = pytest.mark.xdist_group("workflow-samples")

SAMPLES = sorted(file.stem for file in (EVENTS / "samples").glob("*.json"))


def test_every_sample_runs_to_its_proof_and_to_its_receipt(app: Application) -> None:
    """All at once, as teams use one stack."""
    requests = [event(f"samples/{sample}") for sample in SAMPLES]
    started = [app.start(app.create_machine, request) for request in requests]
    created = [app.ended(arn) for arn in started]
    for request, each in zip(requests, created, strict=True):
        assert each.status == "SUCCEEDED", each.cause
        assert each.output["status"] == "READY"
        assert len(each.output["edges"]) == len(request.get("connect", ["its only endpoint"]))

    deletions = [
        app.start(app.delete_machine, {"environment": request["name"]}) for request in requests
    ]
    for request, each in zip(requests, map(app.ended, deletions), strict=True):
        assert each.status == "SUCCEEDED", each.cause
        assert each.output["status"] == "DELETED"
        assert app.left(request["name"]) == []
