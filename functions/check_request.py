"""Check request: reports every problem of the request at once, or plans it. Creates nothing.

Checks without AWS calls come first; only a request that passes them is compared with what exists. A
redeploy, a wake and a roll-back become the request that they mean, and are checked in the same way.
"""

from __future__ import annotations

import json
import os
from datetime import datetime
from typing import TYPE_CHECKING, Any

from bivouac import clock
from bivouac.aws import clients, cloudmap, ecs
from bivouac.aws.environments_table import Records
from bivouac.commands.command import Command, Resolved, asked, resolved
from bivouac.environment import service_changes
from bivouac.environment.blueprint import Blueprint
from bivouac.environment.instruction import Instruction
from bivouac.environment.intents import Verb
from bivouac.environment.record import packed
from bivouac.errors import InvalidRequestError, RefusedByAwsError
from bivouac.observability import Event, step
from bivouac.request import limits, preflight
from bivouac.request.plan import Plan, existing_definitions, plan
from bivouac.settings import RequestSettings
from bivouac.stack import records

if TYPE_CHECKING:
    from types_boto3_ec2 import EC2Client
    from types_boto3_ecs import ECSClient
    from types_boto3_servicediscovery import ServiceDiscoveryClient


PACKED_LIMIT = 40_000
"""Characters of a packed request: three of them must fit into a record with the plan."""
ANSWER_LIMIT = 240_000
"""Bytes of the whole answer as JSON: a state holds 262,144 (quotas of Step Functions), and Open
environment adds its own data."""


def check_request(
    event: Event,
    now: datetime,
    settings: RequestSettings,
    records: Records,
    ecs_client: ECSClient,
    cloud_map: ServiceDiscoveryClient,
    ec2_client: EC2Client,
) -> Event:
    """`status` CHECKED with the environment's name, its blueprint as JSON and the instruction, or
    OUTDATED.

    Raises InvalidRequestError with all problems, EnvironmentNotFoundError, ForeignResourceError if
    others use the names."""
    wanted = asked(event["request"], event["execution"], event["startedAt"], now)
    checked = None
    if wanted.verb is Verb.CREATE:
        checked = plan(wanted.content, settings, now)
        if wrong := (*wanted.problems, *checked.problems):
            raise InvalidRequestError(wrong)
    record = records.find(wanted.environment)
    found = resolved(wanted, record)
    if found.outdated:
        return {
            "status": "OUTDATED",
            "environment": wanted.environment,
            "reason": found.outdated,
            "dryRun": False,
        }
    if checked is None or found.request != wanted.content:
        checked = plan(found.request, settings, now)
    if checked.blueprint and (names := existing_definitions(found.request)):
        checked = _planned_with(names, found.request, now, settings, ecs_client)
    blueprint, there = _compared(checked, settings, ecs_client, cloud_map, ec2_client)
    instruction = _instruction(wanted, found, there)
    if no_room := limits.record_problems(blueprint, instruction, record):
        raise InvalidRequestError(no_room)
    answer = {
        "status": "CHECKED",
        "environment": blueprint.environment,
        "plan": blueprint.to_json(),
        "dryRun": checked.dry_run,
        "settled": False,
        "instruction": instruction.to_json(),
    }
    _refuse_what_finds_no_room(answer)
    return answer


def _refuse_what_finds_no_room(answer: Event) -> None:
    size = limits.size(answer)
    if size > ANSWER_LIMIT:
        plan_size = limits.size(answer["plan"])
        raise InvalidRequestError(
            [
                f"request: an execution would have to hold {size:,} bytes of it, of "
                f"{ANSWER_LIMIT:,}; the plan takes {plan_size:,}, the rest are the request and "
                "the changes of redeploys, packed; split the environment, or move long "
                "commands and values into the images"
            ]
        )


def _instruction(wanted: Command, found: Resolved, there: bool) -> Instruction:
    """Raises InvalidRequestError where it is too large."""
    base = packed(found.base)
    request = base if found.request == found.base else packed(found.request)
    if len(json.dumps(service_changes.to_json(found.changes))) > PACKED_LIMIT:
        raise InvalidRequestError(
            [
                f"redeploy: its changes and those before it take more than {PACKED_LIMIT:,} "
                "characters; create the environment again with them in its request"
            ]
        )
    for text in (base, request):
        if len(text) > PACKED_LIMIT:
            raise InvalidRequestError(
                [
                    f"request: packed it takes {len(text):,} characters of {PACKED_LIMIT:,}; split "
                    "the environment, or move long commands and values into the images"
                ]
            )
    return Instruction(
        wanted.verb, wanted.intent, found.based_on, base, request, found.changes, there
    )


def _compared(
    checked: Plan,
    settings: RequestSettings,
    ecs_client: ECSClient,
    cloud_map: ServiceDiscoveryClient,
    ec2_client: EC2Client,
) -> tuple[Blueprint, bool]:
    """The blueprint, held against what exists, and whether something of it is there, whatever the
    record says: records can be lost."""
    if checked.blueprint is None:
        raise InvalidRequestError(checked.problems)
    blueprint = checked.blueprint
    namespaces = cloudmap.list_namespaces(cloud_map)
    there = bool(preflight.refuse_foreign(blueprint, namespaces, ecs_client, cloud_map))
    problems, blueprint = preflight.look_at_network(blueprint, ec2_client)
    problems += preflight.quota_problems(blueprint, namespaces, settings.namespace_quota)
    if problems:
        raise InvalidRequestError(problems)
    return blueprint, there


def _planned_with(
    names: list[str], request: Any, now: datetime, settings: RequestSettings, client: ECSClient
) -> Plan:
    """Planned with the existing task definitions that it names."""
    definitions: dict[str, Event] = {}
    unknown = []
    for name in names:
        try:
            definitions[name], _ = ecs.describe_task_definition(client, name)
        except RefusedByAwsError as error:
            unknown.append(str(error))
    checked = plan(request, settings, now, definitions)
    if unknown:
        return Plan(None, (*unknown, *checked.problems), checked.dry_run)
    return checked


@step
def handler(event: Event) -> Event:
    return check_request(
        event,
        clock.now(),
        RequestSettings.from_env({**os.environ, **event["settings"]}),
        records(),
        clients.ecs(),
        clients.servicediscovery(),
        clients.ec2(),
    )
