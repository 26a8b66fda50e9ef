"""Status documents, plans, lists and receipts as plain lines. Pure."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from bivouac_cli.durations import words_of
from bivouac_cli.progress import edge_name, service_line

Json = Mapping[str, Any]
LIST_COLUMNS = ("NAME", "STATUS", "OWNER", "LEFT")


def headline(status: Json) -> str:
    """Says READY only with a proof."""
    if status["status"] != "READY":
        return str(status["status"])
    unproven = [edge_name(edge) for edge in status["edges"] if not edge["proven"]]
    if unproven:
        return f"READY, and not proven for what runs now: {', '.join(unproven)}"
    silent = [each["name"] for each in status["services"] if each.get("notProven")]
    if not silent:
        return "READY, proven"
    if len(silent) == len(status["services"]):
        return "READY, not proven: nothing to ask"
    return f"READY, proven, but for {', '.join(silent)}: nothing to ask"


def lease(status: Json) -> str:
    if status["expiresAt"] is None:
        return "over"
    if not status["secondsLeft"]:
        return f"ended {status['expiresAt']}"
    return f"{words_of(status['secondsLeft'])} left, ends {status['expiresAt']}"


def status_lines(status: Json) -> Iterator[str]:
    yield f"{status['name']}: {headline(status)}"
    entries = [("owner", status["owner"]), ("lease", lease(status)), ("cluster", status["cluster"])]
    entries += [
        ("url", f"{each['url']} ({each['service']}{', proven' if each['proven'] else ''})")
        for each in status["urls"]
    ]
    entries += [("no url", status["noUrlBecause"])]
    entries += _mesh(status)
    entries += [("warning", each) for each in status["warnings"]]
    yield from aligned([(name, text) for name, text in entries if text])
    if diagnosis := status["diagnosis"]:
        yield ""
        yield from str(diagnosis["cause"]).splitlines()


def mesh_lines(status: Json) -> Iterator[str]:
    """Its services and edges alone."""
    yield from aligned(_mesh(status))


def _mesh(status: Json) -> list[tuple[str, str]]:
    services = [(each["name"], service_line(each)) for each in status["services"]]
    return services + [(edge_name(edge), _edge_line(edge)) for edge in status["edges"]]


def plan_lines(plan: Json) -> Iterator[str]:
    yield f"{plan['name']}: a plan; nothing was made"
    entries = [(name, plan[name]) for name in ("namespace", "cluster", "lease")]
    entries += [(each["name"], _planned_service(each)) for each in plan["services"]]
    entries += [
        (f"{edge['from'] or 'anyone'} -> {edge['to']}", f"{edge['alias']}: {edge['proof']}")
        for edge in plan["edges"]
    ]
    entries += [("warning", each) for each in plan["warnings"]]
    yield from aligned(entries)
    for title, what in _OTHERWISE.items():
        if plan[what]:
            yield f"{title}:"
        for each in plan[what]:
            where = f"{each['path']}." if each["path"] else ""
            yield f"  {where}{', '.join(each['fields'])}: {each['why']}"
    if plan["renamed"]:
        yield "renamed:"
    for each in plan["renamed"]:
        yield f"  {each['path']}: {each['given']} is {each['used']}"


_OTHERWISE = {"left out": "dropped", "replaced": "replaced", "taken over": "takenOver"}


def _planned_service(service: Json) -> str:
    runs = service["taskDefinition"] or ", ".join(service["images"].values())
    size = f" ({service['cpu']} CPU, {service['memory']} MiB)" if service["cpu"] else ""
    reached = [
        f"{each['protocol']} {', '.join(each['aliases']) or each['port']}"
        for each in service["endpoints"]
    ]
    unproven = f"not proven: {service.get('notProven')}"
    first = [each["serviceName"] for each in service["dependsOn"]]
    after = f", after {', '.join(first)}" if first else ""
    return f"{service['tasks']} x {runs}{size}, {'; '.join(reached) or unproven}{after}"


def _edge_line(edge: Json) -> str:
    because = f": {edge['because']}" if edge["because"] else ""
    return f"{_words(edge['state'])} ({edge['alias']}){because}"


def _words(of: str) -> str:
    return of.lower().replace("_", " ")


def proof_lines(checks: Sequence[Json]) -> Iterator[str]:
    """What was observed of each service; what could not be checked says why."""
    yield "proof:"
    said = ("containers", "not proven")  # an entry that is no check of an endpoint says so itself
    seen: dict[str, list[tuple[str, str]]] = {}
    for each in checks:
        skipped = each["outcome"] == "SKIP" and each["name"] not in said
        observed = f"not checked: {each['observed']}" if skipped else str(each["observed"])
        seen.setdefault(each["service"], []).append((each["name"], observed))
    for service, entries in seen.items():
        yield f"  {service}"
        for line in aligned(entries):
            yield f"  {line}"
    yield ""


def receipt_lines(receipt: Json) -> Iterator[str]:
    counts = Counter(item["outcome"] for item in receipt["items"])
    told = ", ".join(f"{count} {_words(outcome)}" for outcome, count in counts.items())
    yield f"{receipt['name']}: {receipt['status']} at {receipt['at']}: {told}"
    for item in receipt["items"]:
        why = f" ({item['reason']})" if item.get("reason") else ""
        yield f"  {_words(item['outcome'])}: {item['kind']} {item['name']}{why}"
    if counts["DELETING"]:
        yield "  ECS finishes deleting task definitions by itself; there is nothing left to do."


def aligned(entries: Sequence[tuple[str, str]]) -> Iterator[str]:
    width = min(48, max((len(name) for name, _ in entries), default=0))
    for name, text in entries:
        yield f"  {name:<{width}}  {text}"


def list_lines(environments: Sequence[Json]) -> Iterator[str]:
    rows = [LIST_COLUMNS, *list_rows(environments)]
    widths = [max(len(row[column]) for row in rows) for column in range(len(LIST_COLUMNS))]
    for row in rows:
        yield "  ".join(
            f"{cell:<{width}}" for cell, width in zip(row, widths, strict=True)
        ).rstrip()


def list_rows(environments: Sequence[Json]) -> list[tuple[str, ...]]:
    return [
        (
            each["name"],
            each["status"],
            each["owner"] or "-",
            words_of(each["secondsLeft"] or 0),
        )
        for each in sorted(environments, key=lambda each: str(each["name"]))
    ]
