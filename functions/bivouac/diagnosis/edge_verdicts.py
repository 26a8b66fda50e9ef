"""Why edges of the mesh are not proven, and what to do. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from bivouac.diagnosis import excerpt
from bivouac.diagnosis.aws_messages import Category
from bivouac.diagnosis.endpoint_verdicts import by_turns, started
from bivouac.diagnosis.service_verdicts import BRIEF_LENGTH, EVIDENCE_LINES, Verdict
from bivouac.environment.blueprint import Edge
from bivouac.proof import edge_lines
from bivouac.proof.edge_rules import ATTEMPT_SECONDS
from bivouac.proof.fault import Fault
from bivouac.proof.mesh import EdgeReading

_WORST_FIRST = (
    Fault.NEVER_RAN,
    Fault.EXIT_CODE,
    Fault.NAME,
    Fault.CONNECTION,
    Fault.NO_ANSWER,
    Fault.STATUS,
    Fault.UNSTEADY,
    None,
)


def edges_not_proven(readings: Sequence[EdgeReading], healthy_seconds: float) -> Verdict:
    """The verdict if everything is healthy to ECS but edges of the mesh do not answer (P01, P07 to
    P09).

    At least one reading; those without a fault have had no answer for `healthy_seconds`."""
    ordered = sorted(readings, key=lambda r: (_WORST_FIRST.index(r.fault), r.edge.name))
    first = ordered[0]
    evidence = [
        f"{reading.edge.name}: {reading.observed}"
        + ("" if reading.fault else f", {healthy_seconds:.0f} s after everything was healthy")
        for reading in ordered
    ]
    step = _edge_step(first)
    category = Category.NETWORK if first.fault in _UNREACHED else Category.CONNECTIVITY
    found = Verdict.of(category, first.edge.name, evidence, step)
    seen = {
        each.edge.name: excerpt.shortened(each.observed, BRIEF_LENGTH)
        for each in ordered[:EVIDENCE_LINES]
    }
    return replace(found, edges=seen)


_UNREACHED = (Fault.CONNECTION, None)
"""What a security group may cause."""


def _field(edge: Edge) -> str:
    """Where the request says what to ask and to expect."""
    probe = f"the `probe` of {edge.server}"
    if not edge.client:
        return probe
    return f"the `connect` entry from {edge.client} to {edge.server} (or in {probe})"


def _edge_step(reading: EdgeReading) -> str:
    edge = reading.edge
    client = edge.client or "the client"
    match reading.fault:
        case Fault.NAME:
            return (
                f"{client} cannot resolve {edge.dns_name}: check that its Service Connect is "
                "enabled in the same namespace, and that its deployment is not older than the "
                f"endpoint of {edge.server}; start the create again, which rolls older clients."
            )
        case Fault.STATUS:
            if reading.status:
                return started(edge.server, reading.status, edge.expected_status, _field(edge))
            return (
                f"{edge.server} has started, and answers on {edge.path} with another status than "
                f"{edge.expected_status}: write the right path and expectStatus in {_field(edge)}, "
                "or mend the application."
            )
        case Fault.EXIT_CODE | Fault.NEVER_RAN:
            return (
                "Bivouac's own short-lived client did not run to its end: check the stack "
                "parameter ProofImage, and that the subnets of the services that call reach its "
                "registry."
            )
        case Fault.UNSTEADY:
            return by_turns(edge.server)
        case Fault.NO_ANSWER:
            return (
                "No security group is in the way: one would let connections time out. Nothing "
                f"answers {edge.app_protocol or 'TCP'} at {edge.server}: check that its "
                "application listens on its containerPort on all addresses, not only on "
                "127.0.0.1, and that it speaks the appProtocol of the port."
            )
        case Fault.CONNECTION:
            return (
                f"{edge.server} was not reached, or gives no answer in time: check that the "
                f"security groups of {edge.server} admit those of {client} on the endpoint's port, "
                f"and that its application answers within {ATTEMPT_SECONDS:g} s."
            )
        case _:
            return (
                f"Check that the security groups of {edge.server} admit those of {client} on the "
                f"endpoint's port, and that the application of {edge.server} listens on its "
                "containerPort on all addresses, not only on 127.0.0.1."
            )


def with_log(found: Verdict, edge: Edge, lines: Sequence[str]) -> Verdict:
    """The verdict on an unproven edge, once its client's log is known, whose lines are as printed.

    A log without any reading decides nothing: the evidence says so."""
    last = edge_lines.last(lines, edge)
    if last is None:
        return replace(found, evidence=(*found.evidence, _NO_READING)) if lines else found
    if last.fault is None:
        return found
    known = edges_not_proven([last], 0)
    return replace(
        found,
        category=known.category,
        next_step=known.next_step,
        evidence=(*known.evidence, *found.evidence),
        edges={**found.edges, **known.edges},
    )


_NO_READING = "its client's log has no reading of it"
