"""Checks an input of create_environment: plans the request that it means, or finds every problem.

Checks without AWS calls come first; only a request that passes them is compared with what exists. A
redeploy, a wake and a roll-back become the request that they mean, and are checked in the same way.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from bivouac.aws.client_types import EC2Client, ECSClient, ServiceDiscoveryClient
from bivouac.aws.environments_table import Records
from bivouac.commands.command import asked, resolved
from bivouac.environment.blueprint import Blueprint
from bivouac.environment.intents import Verb
from bivouac.errors import InvalidRequestError
from bivouac.json_types import Json
from bivouac.request.planning import preflight
from bivouac.request.planning.plan import Plan, plan
from bivouac.request.planning.summary import summary
from bivouac.request.rules import limits
from bivouac.settings import RequestSettings
from bivouac.status import answers
from bivouac.status.answers import Outcome


@dataclass(frozen=True)
class RequestCheck:
    now: datetime
    settings: RequestSettings
    records: Records
    ecs: ECSClient
    cloud_map: ServiceDiscoveryClient
    ec2: EC2Client

    def answer(self, event: Json) -> Json:
        """`status` CHECKED with the environment's name, its blueprint as JSON and the instruction,
        or OUTDATED.

        Raises InvalidRequestError with all problems, EnvironmentNotFoundError, ForeignResourceError
        if others use the names."""
        command = asked(event["request"], event["execution"], event["startedAt"], self.now)
        first = None
        if command.verb is Verb.CREATE:
            first = plan(command.content, self.settings, self.now)
            _refuse((*command.problems, *first.problems))
            command = replace(command, content=first.request)
        record = self.records.find(command.environment)
        found = resolved(command, record)
        if found.outdated:
            left = answers.left_alone(Outcome.OUTDATED, command.environment, found.outdated)
            return {**left, "dryRun": False}
        same = found.request == command.content
        planned, blueprint = self._planned(found.request, first if same else None)
        blueprint, there = preflight.compared(
            blueprint, self.settings.namespace_quota, self.ecs, self.cloud_map, self.ec2
        )
        instruction = found.instruction(command, there)
        answer = {
            "status": "CHECKED",
            "environment": blueprint.environment,
            "plan": blueprint.to_json(),
            "dryRun": planned.dry_run,
            "instruction": instruction.to_json(),
        }
        _refuse(limits.record_problems(blueprint, instruction, record))
        _refuse(limits.answer_problems(answer))
        if planned.dry_run:
            # What was read once stands in ECS's words when it is planned again.
            notes = (*(first.notes if first else ()), *planned.notes)
            answer["plan"] = summary(blueprint, dict.fromkeys(notes))
        return answer

    def _planned(self, request: Any, known: Plan | None) -> tuple[Plan, Blueprint]:
        """With the existing task definitions that the request names. `known`: its plan without
        them."""
        planned = known or plan(request, self.settings, self.now)
        unknown: list[str] = []
        if planned.blueprint and planned.undescribed:
            definitions, unknown = preflight.existing_definitions(planned.undescribed, self.ecs)
            planned = plan(request, self.settings, self.now, definitions)
        if unknown or planned.blueprint is None:
            raise InvalidRequestError((*unknown, *planned.problems))
        return planned, planned.blueprint


def _refuse(problems: Sequence[object]) -> None:
    """Raises InvalidRequestError, if there are any."""
    if problems:
        raise InvalidRequestError(tuple(map(str, problems)))
