"""Why edges of the mesh are not proven, and what to do. Pure."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import replace

from bivouac.diagnosis.aws_messages import Category
from bivouac.diagnosis.endpoint_verdicts import started
from bivouac.diagnosis.service_verdicts import Verdict
from bivouac.environment.blueprint import Edge
from bivouac.proof import edge_command
from bivouac.proof.mesh import EdgeReading, Fault, State

_WORST_FIRST = (
    Fault.NEVER_RAN,
    Fault.EXIT_CODE,
    Fault.NAME,
    Fault.CONNECTION,
    Fault.STATUS,
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
    reached = first.fault in _ANSWERED or _STARTED.search(first.observed)
    category = Category.CONNECTIVITY if reached else Category.NETWORK
    return Verdict.of(category, first.edge.name, evidence, step)


_ANSWERED = (Fault.NAME, Fault.STATUS, Fault.EXIT_CODE, Fault.NEVER_RAN)
"""Faults that no security group causes."""


_STATUS = re.compile(r" HTTP(?:/2)? ([0-9]{3}), expected ")
_STARTED = re.compile(r"of the server's proxy|gRPC|NOT SERVING")
"""In the words of the clients: the server's proxy was reached, so no security group is in the
way."""


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
            status = _STATUS.search(reading.observed)
            if status:
                return started(edge.server, status[1], edge.expected_status, _field(edge))
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
        case _ if _STARTED.search(reading.observed):
            return (
                f"{edge.server} was reached, but nothing answers {edge.app_protocol or 'TCP'} "
                "there: check that its application listens on its containerPort on all addresses, "
                "not only on 127.0.0.1, and that it speaks the appProtocol of the port."
            )
        case _:
            return (
                f"Check that the security groups of {edge.server} admit those of {client} on the "
                f"endpoint's port, and that the application of {edge.server} listens on its "
                "containerPort on all addresses, not only on 127.0.0.1."
            )


def with_last_words(found: Verdict, edge: Edge, line: str) -> Verdict:
    """The verdict on an unanswered edge, once the last line of its client's log is known."""
    code = edge_command.code_of(line)
    if code is None:
        return found
    reading = EdgeReading(edge, State.NG, line, _FAULTS[code])
    known = edges_not_proven([reading], 0)
    return replace(
        found,
        category=known.category,
        next_step=known.next_step,
        evidence=(*known.evidence, *found.evidence),
    )


_FAULTS = {
    edge_command.NO_NAME: Fault.NAME,
    edge_command.NO_CONNECTION: Fault.CONNECTION,
    edge_command.WRONG_STATUS: Fault.STATUS,
}
