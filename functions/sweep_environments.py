"""Sweep environments: what no event and no schedule told of is found here, and repaired.

Every 15 minutes, or by hand. It compares records, schedules and executions with what exists, and
acts on exactly what a dry run answers. Repeating it is safe: what it starts is named after its
quarter of an hour, what it writes it writes conditionally, and what has changed since it was looked
at is left to the next sweep.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime

from bivouac.aws import clients
from bivouac.aws.following_up import FollowUp
from bivouac.aws.holding import event_bus, records, schedules
from bivouac.aws.inventory import Inventory
from bivouac.aws.sweep import Sweep
from bivouac.errors import BivouacError, InvalidRequestError, SweepIncompleteError
from bivouac.observability import Event, MetricUnit, logger, metrics, step
from bivouac.settings import MachineSettings, StackSettings, SweepSettings
from bivouac.sweeping import Finding, Kind, findings, may_hide_a_leak


def sweep_environments(event: Event, sweep: Sweep) -> Event:
    """Every finding, with what became of it: ACTED, LEFT_ALONE, or none in a dry run.

    One that fails does not stop the others, nor does what could not be looked at; raises
    SweepIncompleteError with all of that."""
    dry_run = event.get("dryRun")
    if not isinstance(dry_run, bool) or len(event) > 1:
        raise InvalidRequestError(["dryRun: true or false, and nothing beside it"])
    found = findings(sweep.facts())
    metrics.add_metric("LookAlikes", MetricUnit.Count, count(found, Kind.LOOK_ALIKE))
    if dry_run:
        return {"status": "DRY_RUN", "findings": [each.to_json() for each in found]}
    outcomes = []
    failed = [told(each, each.reason) for each in found if may_hide_a_leak(each)]
    for finding in found:
        try:
            outcomes.append("ACTED" if sweep.act(finding) else "LEFT_ALONE")
        except BivouacError as error:
            logger.exception("not repaired", finding=finding.to_json())
            failed.append(told(finding, str(error)))
    if failed:
        raise SweepIncompleteError(failed)
    swept: list[Mapping[str, object]] = [
        {**each.to_json(), "outcome": outcome}
        for each, outcome in zip(found, outcomes, strict=True)
    ]
    return {"status": "SWEPT", "findings": swept}


def told(finding: Finding, why: str) -> str:
    return f"{finding.environment}: {finding.kind}: {why}"


def count(found: list[Finding], kind: Kind) -> int:
    return sum(each.kind is kind for each in found)


@step
def handler(event: Event) -> Event:
    stack = StackSettings.from_env()
    stepfunctions, bus, table = clients.stepfunctions(), event_bus(), records()
    return sweep_environments(
        event,
        Sweep(
            datetime.now(UTC),
            stack.name_prefix,
            SweepSettings.from_env(),
            table,
            Inventory(stack.name_prefix, clients.ecs(), clients.servicediscovery(), clients.logs()),
            schedules(),
            stepfunctions,
            FollowUp(table, MachineSettings.from_env(), stepfunctions, bus),
            bus,
        ),
    )
