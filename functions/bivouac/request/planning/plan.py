"""Turns a request into a blueprint, or into the list of all its problems. Pure.

The request is in ECS's own terms; the stack provides what it leaves out. Bivouac renames what it
must name itself (cluster, families, log groups), and reports each renaming.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from bivouac import times
from bivouac.environment import naming, wait_times
from bivouac.environment.blueprint import Blueprint, ProofSettings
from bivouac.json_types import Json
from bivouac.request.draft import Draft
from bivouac.request.fields import ecs_arguments
from bivouac.request.findings import Finding, Findings, Note, Problem, moved
from bivouac.request.messages import repeated, wrong_kind
from bivouac.request.models import MOST_SERVICES, EnvironmentRequest, Schedule
from bivouac.request.places import around, plain
from bivouac.request.planning.defaults import told_once
from bivouac.request.planning.dependencies import Party, relations
from bivouac.request.planning.service import plan_service
from bivouac.request.reading import own_fields, untrusted
from bivouac.request.reading.pasted import read
from bivouac.request.rules import called_hosts, called_regions, limits, plain_values, service_rules
from bivouac.settings import RequestSettings

TASK_LIMIT = 1000


@dataclass(frozen=True)
class Plan:
    blueprint: Blueprint | None
    """None if and only if there are problems."""
    problems: tuple[str, ...]
    """With their paths as the user wrote them."""
    request: Any = None
    """The request in ECS's words, which plans the same."""
    notes: tuple[Note, ...] = ()
    dry_run: bool = False
    undescribed: tuple[str, ...] = ()
    """The existing task definitions that must be described before all of it can be planned."""


def plan(
    content: Any,
    settings: RequestSettings,
    now: datetime,
    definitions: Mapping[str, Json] | None = None,
) -> Plan:
    """Plan an execution's input.

    `now` is when office hours are looked ahead from.

    `definitions` are the described task definitions that the request names; what depends on others
    is left unchecked, so that all other problems are found without AWS."""
    if wrong := untrusted.problems(content, "request"):
        return Plan(None, tuple(map(str, wrong)))
    request, reader = read(content)
    if request is None:
        return Plan(None, tuple(map(str, reader.problems)))
    draft = Draft(settings, definitions or {})
    blueprint = _planned(draft, request, now)
    if blueprint is not None:
        renamed = dict.fromkeys(_written(blueprint.renamed, draft, reader, request))
        blueprint = replace(blueprint, renamed=tuple(renamed))
    unreadable = set(reader.unreadable)
    readable = (
        each
        for each in _written(draft.problems, draft, reader, request)
        if unreadable.isdisjoint(around(plain(each.path)))
    )
    problems = dict.fromkeys(map(str, (*reader.problems, *readable)))
    notes = dict.fromkeys((*reader.notes, *_written(draft.notes, draft, reader, request)))
    return Plan(
        None if problems else blueprint,
        tuple(problems),
        request,
        tuple(notes),
        request.get("dryRun") is True,
        tuple(sorted(draft.undescribed)),
    )


def _written(
    found: Iterable[Finding], draft: Draft, reader: Findings, request: Json
) -> Iterator[Finding]:
    """What planning found, at the places that the user wrote."""
    return moved(told_once(moved(found, draft.places), request), reader.places)


def _planned(draft: Draft, content: Json, now: datetime) -> Blueprint | None:
    """None if there are problems."""
    settings = draft.settings
    request = _own_fields(draft, content)
    if request is None:
        return None
    ready_seconds = times.duration_seconds(request.timeouts.ready)
    if ready_seconds > wait_times.LONGEST_CREATE:
        draft.problem(
            "timeouts.ready",
            f"{request.timeouts.ready} is longer than a create may take, "
            f"{times.duration(wait_times.LONGEST_CREATE)}",
        )
    draft.cluster = _cluster(draft, request)
    draft.plain_values = frozenset(request.plain_values)
    namespace = request.namespace or naming.cluster_name(settings.name_prefix, request.name)
    parties = [
        plan_service(draft, request, namespace, given, f"services[{index}]")
        for index, given in enumerate(request.services)
        if isinstance(given, dict)
    ]
    lease_seconds, longest_lease_seconds = _lease_seconds(draft, request)
    warnings = _office_hours(draft, request.schedule, now) if request.schedule else []
    draft.problems.extend(_across(parties, namespace))
    related = relations(parties, request.connect, namespace)
    draft.problems.extend(moved(related.problems, draft.shifted))
    if draft.problems:
        return None
    built = {party.service_name: party.built for party in parties if party.built}
    services = tuple(
        replace(built[name], depends_on=needed)
        for name, needed in related.dependencies.items()
        if name in built
    )
    tags = dict(request.tags) | ({naming.OWNER_TAG: request.owner} if request.owner else {})
    proof_log_group = naming.proof_log_group(settings.name_prefix, request.name)
    blueprint = Blueprint(
        environment=request.name,
        stack=settings.name_prefix,
        request_hash=naming.content_hash(content),
        namespace=namespace,
        cluster=draft.cluster,
        services=services,
        edges=related.edges,
        proof=ProofSettings(
            image=settings.proof_image,
            execution_role_arn=settings.execution_role_arns[0],
            log_group=proof_log_group,
            region=settings.region,
        ),
        log_groups=(
            *(
                naming.log_group(settings.name_prefix, request.name, service.service_name)
                for service in services
            ),
            *([proof_log_group] if related.edges else []),
        ),
        tags=tags,
        lease_seconds=lease_seconds,
        longest_lease_seconds=longest_lease_seconds,
        warn_before_seconds=times.duration_seconds(request.lease.warn_before),
        schedule=request.schedule.model_dump(by_alias=True) if request.schedule else None,
        triggers=request.triggers.model_dump(by_alias=True),
        ready_seconds=ready_seconds,
        on_failure=request.on_failure,
        probe_security_group_id=settings.probe_security_group_id,
        renamed=tuple(draft.renamed),
        warnings=tuple(warnings),
    )
    warnings += called_hosts.warnings(blueprint)
    warnings += called_regions.warnings(blueprint)
    warnings += plain_values.warnings(blueprint, draft.plain_values)
    if not any(service.endpoints for service in services):
        warnings.append(
            "no service has an endpoint, so READY will only mean that the tasks run; declare what "
            "answers in serviceConnectConfiguration.services"
        )
    blueprint = replace(blueprint, warnings=tuple(warnings))
    draft.problems.extend(limits.problems(blueprint))
    return blueprint


def _own_fields(draft: Draft, content: Json) -> EnvironmentRequest | None:
    """The request's own fields. If some are wrong, the others are still read, so that the services
    are checked as well and all problems are reported at once."""
    services = content.get("services")
    entries = services if isinstance(services, list) else []
    draft.problems.extend(
        Problem(f"services[{index}]", wrong_kind(each, "an object"))
        for index, each in enumerate(entries)
        if not isinstance(each, dict)
    )
    request, _ = own_fields.read(EnvironmentRequest, content, "", draft)
    if request is not None and len(entries) > MOST_SERVICES:
        return request.model_copy(update={"services": entries[:MOST_SERVICES]})
    return request


def _lease_seconds(draft: Draft, request: EnvironmentRequest) -> tuple[int, int]:
    """The lease of a create, and the longest lease of an extension."""
    stack = draft.settings.maximum_lease_seconds
    longest = stack
    if request.lease.max_ttl is not None:
        longest = times.duration_seconds(request.lease.max_ttl)
        if longest > stack:
            draft.problem(
                "lease.maxTtl",
                f"{request.lease.max_ttl} is longer than the stack's maximum of "
                f"{times.duration(stack)}",
            )
    if request.lease.ttl is None:
        # Office hours last as long as the lease, so they need more than a day.
        default = draft.settings.default_lease_seconds
        return longest if request.schedule else min(default, longest), longest
    seconds = times.duration_seconds(request.lease.ttl)
    if seconds > stack:
        draft.problem(
            "lease.ttl",
            f"{request.lease.ttl} is longer than the stack's maximum of {times.duration(stack)}",
        )
    elif seconds > longest:
        draft.problem(
            "lease.ttl",
            f"{request.lease.ttl} is longer than lease.maxTtl, {request.lease.max_ttl}",
        )
    return seconds, longest


def _office_hours(draft: Draft, schedule: Schedule, now: datetime) -> list[str]:
    """Warnings, if there are no problems.

    Imported only here: few requests have office hours, and their parser is slow to import."""
    from bivouac.request.rules import office_hours

    hours = schedule.model_dump()
    problems = office_hours.problems(hours, now)
    draft.problems += problems
    return [] if problems else office_hours.warnings(hours, now)


def _cluster(draft: Draft, request: EnvironmentRequest) -> Json:
    given = dict(request.cluster)
    name = naming.cluster_name(draft.settings.name_prefix, request.name)
    draft.rename("cluster.clusterName", given.pop("clusterName", None), name)
    given.setdefault("capacityProviders", list(service_rules.FARGATE_PROVIDERS))
    checked = ecs_arguments.checked("CreateCluster", {"clusterName": name, **given}, "cluster")
    checked.add(
        service_rules.strategy_problems(
            checked.arguments.get("defaultCapacityProviderStrategy", []),
            checked.arguments.get("capacityProviders", []),
            "cluster.defaultCapacityProviderStrategy",
        )
    )
    draft.problems.extend(checked.problems)
    return checked.arguments


def _across(parties: list[Party], namespace: str) -> Iterator[Problem]:
    """Problems with what must be unique or is limited within an environment (S12, S24, W08)."""
    discoveries: list[str] = []
    aliases: list[tuple[str, int]] = []
    for party in parties:
        for entry in party.served.values():
            discovery = entry.get("discoveryName", entry["portName"])
            discoveries.append(discovery)
            for alias in entry.get("clientAliases", []):
                aliases.append((alias.get("dnsName", f"{discovery}.{namespace}"), alias["port"]))
    for name, count in repeated(party.service_name for party in parties).items():
        yield Problem("services", f"{count} are named {name!r}")
    for name, count in repeated(discoveries).items():
        yield Problem(
            "services", f"{count} endpoints have the name {name!r}; give each a discoveryName"
        )
    for (name, port), count in repeated(aliases).items():
        yield Problem("services", f"{count} client aliases are {name}:{port}; they must be unique")
    tasks = sum(party.desired_count for party in parties if party.arguments)
    if tasks > TASK_LIMIT:
        yield Problem("services", f"{tasks} tasks in all; an environment has at most {TASK_LIMIT}")
