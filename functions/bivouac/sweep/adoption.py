"""Builds records for orphans from their tags, so that they can be deleted. Pure.

A deletion needs to know the environment and its namespace; it finds the rest (W19). Such a record
holds no request, so the environment cannot be redeployed or woken.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime, timedelta

from bivouac import times
from bivouac.environment import lease, naming
from bivouac.environment.blueprint import Blueprint, ProofSettings
from bivouac.environment.record import Record, Status, Unreadable
from bivouac.json_types import Json


def adopted(
    environment: str,
    stack: str,
    namespaces: Sequence[str],
    before: Record | Unreadable | None,
    expires_at: datetime,
) -> Record:
    """`before`: a tombstone, whose blueprint holds more than the tags, or a record that cannot be
    read. `namespaces`: the names of the environment's namespaces that were found."""
    known = before if isinstance(before, Record) else None
    planned = known.planned if known else _of_tags(environment, stack)
    if namespaces and planned.namespace not in namespaces:
        planned = replace(planned, namespace=namespaces[0])
    content: Json = {
        "generation": (before.generation or 0) + 1 if before else 1,
        "status": Status.ORPHANED,
        "execution": "",
        "request_hash": "",
        "blueprint": planned.to_json(),
        "expires_at": times.timestamp(expires_at),
        # The execution that created it may still be running.
        "settle": True,
        "request": "",
        "base_request": "",
        "changes": {},
    }
    return replace(known, **content) if known else Record(environment, **content)


def goes_at(now: datetime, live: timedelta, before: Record | Unreadable | None) -> datetime:
    """When an adopted environment expires: after the grace period, or at the end of its lease, if
    that is later."""
    soonest = lease.expires_at(now, int(live.total_seconds()))
    if not isinstance(before, Unreadable) or before.expires_at is None:
        return soonest
    try:
        return max(soonest, times.moment(before.expires_at))
    except ValueError:
        return soonest


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
