"""Check request: reports every problem of the request at once, or plans it. Creates nothing.

Checks without AWS calls come first; only a request that passes them is compared with what exists. A
redeploy, a wake and a roll-back become the request that they mean, and are checked in the same way.
"""

from __future__ import annotations

import os
from dataclasses import replace
from datetime import datetime

from bivouac import clock
from bivouac.aws import clients
from bivouac.aws.client_types import EC2Client, ECSClient, ServiceDiscoveryClient
from bivouac.aws.environments_table import Records
from bivouac.commands.command import asked, resolved
from bivouac.environment.intents import Verb
from bivouac.errors import InvalidRequestError
from bivouac.observability import Event, step
from bivouac.request.notes import Note
from bivouac.request.planning import preflight
from bivouac.request.planning.plan import existing_definitions, plan
from bivouac.request.planning.summary import summary
from bivouac.request.rules import limits
from bivouac.settings import RequestSettings
from bivouac.stack import records


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
    command = asked(event["request"], event["execution"], event["startedAt"], now)
    planned = None
    notes: tuple[Note, ...] = ()
    if command.verb is Verb.CREATE:
        planned = plan(command.content, settings, now)
        if problems := (*command.problems, *planned.problems):
            raise InvalidRequestError(problems)
        command, notes = replace(command, content=planned.request), planned.notes
    record = records.find(command.environment)
    found = resolved(command, record)
    if found.outdated:
        return {
            "status": "OUTDATED",
            "environment": command.environment,
            "reason": found.outdated,
            "dryRun": False,
        }
    if planned is None or found.request != command.content:
        planned = plan(found.request, settings, now)
    unknown: list[str] = []
    if planned.blueprint and (names := existing_definitions(planned.request)):
        definitions, unknown = preflight.existing_definitions(names, ecs_client)
        planned = plan(found.request, settings, now, definitions)
    if unknown or planned.blueprint is None:
        raise InvalidRequestError((*unknown, *planned.problems))
    blueprint, there = preflight.compared(
        planned.blueprint, settings.namespace_quota, ecs_client, cloud_map, ec2_client
    )
    instruction = found.instruction(command, there)
    answer = {
        "status": "CHECKED",
        "environment": blueprint.environment,
        "plan": blueprint.to_json(),
        "dryRun": planned.dry_run,
        "settled": False,
        "instruction": instruction.to_json(),
    }
    too_large = limits.record_problems(blueprint, instruction, record)
    if too_large := too_large or limits.answer_problems(answer):
        raise InvalidRequestError(too_large)
    if planned.dry_run:
        # What was read once stands in ECS's words when it is planned again.
        answer["plan"] = summary(blueprint, dict.fromkeys((*notes, *planned.notes)))
    return answer


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
