"""Builds records for orphans from their tags, so that they can be deleted. Pure.

A deletion needs to know the environment and its namespace; it finds the rest (W19). Such a record
holds no request, so the environment cannot be redeployed or woken.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime

from bivouac import times
from bivouac.environment import naming
from bivouac.environment.blueprint import Blueprint, ProofSettings
from bivouac.environment.record import Record, Status


def adopted(
    environment: str,
    stack: str,
    namespaces: Sequence[str],
    before: Record | None,
    generation: int,
    goes_at: datetime,
) -> Record:
    """`before`: a tombstone, whose blueprint holds more than the tags. `namespaces`: the names of
    the environment's namespaces that were found."""
    record = before or Record(
        environment=environment,
        generation=generation,
        status=Status.ORPHANED,
        execution="",
        request_hash="",
        blueprint=_of_tags(environment, stack).to_json(),
        expires_at="",
        settle=False,
    )
    planned = record.planned
    if namespaces and planned.namespace not in namespaces:
        planned = replace(planned, namespace=namespaces[0])
    return replace(
        record,
        generation=generation,
        status=Status.ORPHANED,
        execution="",
        request_hash="",
        blueprint=planned.to_json(),
        expires_at=times.timestamp(goes_at),
        # The execution that created it may still be running.
        settle=True,
        request="",
        base_request="",
        changes={},
    )


def _of_tags(environment: str, stack: str) -> Blueprint:
    cluster = naming.cluster_name(stack, environment)
    return Blueprint(
        environment=environment,
        stack=stack,
        request_hash="",
        namespace=cluster,
        cluster={"clusterName": cluster},
        services=(),
        edges=(),
        proof=ProofSettings("", "", "", ""),
        log_groups=(),
        tags={},
        lease_seconds=0,
        longest_lease_seconds=0,
        warn_before_seconds=0,
        schedule=None,
        triggers={},
        ready_seconds=0,
        on_failure="delete",
        probe_security_group_id="",
        renamed=(),
    )
