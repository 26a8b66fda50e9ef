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
from bivouac.errors import InvalidRequestError, SweepIncompleteError
from bivouac.observability import Event, MetricUnit, metrics, step
from bivouac.recheck.recheck import Recheck
from bivouac.settings import StackSettings, SweepSettings
from bivouac.stack import event_bus, records, schedules
from bivouac.sweep.findings import FindingKind, Repair, findings, may_hide_a_leak, repairs
from bivouac.sweep.inventory import Inventory
from bivouac.sweep.repair import Sweep
from bivouac.sweep.start_follow_up import FollowUp


@step
def handler(event: Event) -> Event:
    """Every finding, in the order of the repairs, with its outcome: ACTED, LEFT_ALONE or NEXT_TIME.
    A dry run says how many of them would be repaired.

    A failed repair or an impossible check does not stop the others; at the end,
    SweepIncompleteError lists them all."""
    dry_run = event.get("dryRun")
    if not isinstance(dry_run, bool) or len(event) > 1:
        raise InvalidRequestError(["dryRun: must be true or false, without any other field"])
    prefix, bus, logs = StackSettings.from_env().name_prefix, event_bus(), clients.logs()
    inventory = Inventory(prefix, clients.ecs(), clients.servicediscovery(), logs)
    follow_up = FollowUp(records(), clients.stepfunctions(), bus)
    recheck, settings = Recheck(records(), logs, bus), SweepSettings.from_env()
    sweep = Sweep(clock.now(), prefix, settings, inventory, schedules(), follow_up, recheck)
    facts = sweep.facts()
    found = findings(facts)
    due = repairs(found, facts.now)
    listed = [*due, *(each for each in found if each.action is Repair.REPORT)]
    alike = sum(each.kind is FindingKind.LOOK_ALIKE for each in found)
    metrics.add_metric("LookAlikes", MetricUnit.Count, alike)
    answer: Event = {
        "repaired": min(len(due), sweep.budget.most_repairs),
        "due": len(due),
        "notLookedAt": facts.not_looked_at,
    }
    if dry_run:
        return {"status": "DRY_RUN", **answer, "findings": [each.to_json() for each in listed]}
    swept, failed, left = sweep.work_through(listed)
    metrics.add_metric("LeftForTheNextSweep", MetricUnit.Count, left)
    hidden = [each.described(each.reason) for each in found if may_hide_a_leak(each)]
    if hidden or failed:
        raise SweepIncompleteError([*hidden, *failed])
    return {"status": "SWEPT", **answer, "repaired": len(due) - left, "findings": swept}
