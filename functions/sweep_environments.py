"""Sweep environments: finds and repairs what lost events and schedules left behind.

It runs every 15 minutes, or by hand. It compares records, schedules and executions with what
exists, and acts on exactly what a dry run lists. Repeating it is safe: what it starts is named
after its quarter of an hour, it writes conditionally, and it leaves to the next sweep what has
changed meanwhile. The next sweep also does what there is no time for, in an order that gives every
environment its turn (docs/decisions/0019).
"""

from __future__ import annotations

from bivouac import clock
from bivouac.aws import clients
from bivouac.errors import BivouacError, InvalidRequestError, SweepIncompleteError
from bivouac.observability import Event, MetricUnit, logger, metrics, step
from bivouac.recheck.judgement import Judgement
from bivouac.recheck.still_ready import poll_of
from bivouac.settings import MACHINES, StackSettings, SweepSettings, machine_arn
from bivouac.stack import event_bus, records, schedules
from bivouac.sweep.budget import A_REPAIR
from bivouac.sweep.findings import Finding, FindingKind, Repair, findings, may_hide_a_leak, repairs
from bivouac.sweep.inventory import Inventory
from bivouac.sweep.repair import Sweep
from bivouac.sweep.start_follow_up import FollowUp


def sweep_environments(event: Event, sweep: Sweep) -> Event:
    """Every finding, in the order of the repairs, with its outcome: ACTED, LEFT_ALONE or NEXT_TIME.
    A dry run says how many of them would be repaired.

    A failed repair or an impossible check does not stop the others; at the end,
    SweepIncompleteError lists them all."""
    dry_run = event.get("dryRun")
    if not isinstance(dry_run, bool) or len(event) > 1:
        raise InvalidRequestError(["dryRun: must be true or false, without any other field"])
    facts = sweep.facts()
    found = findings(facts)
    due = repairs(found, facts.now)
    reports = [each for each in found if each.action is Repair.REPORT]
    alike = sum(each.kind is FindingKind.LOOK_ALIKE for each in found)
    metrics.add_metric("LookAlikes", MetricUnit.Count, alike)
    answer: Event = {
        "repaired": min(len(due), sweep.budget.most_repairs),
        "due": len(due),
        "notLookedAt": facts.not_looked_at,
    }
    if dry_run:
        listed = [each.to_json() for each in (*due, *reports)]
        return {"status": "DRY_RUN", **answer, "findings": listed}
    swept: list[Event] = []
    failed = [described(each, each.reason) for each in found if may_hide_a_leak(each)]
    time = sweep.budget.repairs()
    for finding in (*due, *reports):
        outcome = "NEXT_TIME"
        try:
            if finding.action is Repair.REPORT or time.takes(A_REPAIR):
                outcome = "ACTED" if sweep.act(finding) else "LEFT_ALONE"
        except BivouacError as error:
            logger.exception("not repaired", finding=finding.to_json())
            failed.append(described(finding, str(error)))
        swept.append({**finding.to_json(), "outcome": outcome})
    metrics.add_metric("LeftForTheNextSweep", MetricUnit.Count, time.refused)
    if failed:
        raise SweepIncompleteError(failed)
    return {"status": "SWEPT", **answer, "repaired": len(due) - time.refused, "findings": swept}


def described(finding: Finding, why: str) -> str:
    return f"{finding.environment}: {finding.kind}: {why}"


@step
def handler(event: Event) -> Event:
    stack = StackSettings.from_env()
    stepfunctions, bus, table = clients.stepfunctions(), event_bus(), records()

    return sweep_environments(
        event,
        Sweep(
            clock.now(),
            stack.name_prefix,
            SweepSettings.from_env(),
            table,
            Inventory(stack.name_prefix, clients.ecs(), clients.servicediscovery(), clients.logs()),
            schedules(),
            stepfunctions,
            FollowUp(table, {name: machine_arn(name) for name in MACHINES}, stepfunctions, bus),
            bus,
            poll_of,
            Judgement(table, clients.logs(), bus),
        ),
    )
