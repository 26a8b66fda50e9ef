"""Checks that a plan fits into AWS's limits for executions and items. Pure.

When a request is planned, its largest possible states, outputs and items are built by the same code
as the real ones, from the longest values that AWS may answer, and measured. What would not fit
later is refused before anything is created.
"""

from __future__ import annotations

import json
from dataclasses import replace
from functools import cached_property
from typing import Any

from bivouac.deletion.receipt import RECEIPT_LIMIT
from bivouac.diagnosis import health, report
from bivouac.diagnosis.service_verdicts import VERDICTS_LIMIT
from bivouac.environment import service_changes
from bivouac.environment.blueprint import Blueprint, ServiceBlueprint
from bivouac.environment.instruction import Instruction
from bivouac.environment.record import DEFINITIONS_KEPT, Record, Status, packed, text_of
from bivouac.json_types import Json
from bivouac.proof import check, mesh, probe, row, whole
from bivouac.proof.check import Check
from bivouac.request.findings import Problem
from bivouac.services.convergence import Blocked, Condition, Need
from bivouac.services.deployments import Expected
from bivouac.services.progress import CreateProgress, NextStep
from bivouac.status import answers, document
from bivouac.waiting.wait import Awaited

STATE = 262_144
"""Bytes of UTF-8 of a state's input or output, of an execution's output, and of what is sent with a
task token (https://docs.aws.amazon.com/step-functions/latest/dg/service-quotas.html)."""
ITEM = 409_600
"""Bytes of a DynamoDB item, names included (400 KB: DynamoDB's constraints, "Items")."""
ANSWER_LIMIT = 240_000
"""Bytes of Check request's whole answer: Open environment adds its own data to it."""
CHANGES_LIMIT = 40_000
"""Bytes of the changes of redeploys, and so about of a redeploy's input (_PARENT)."""
BLUEPRINT = 150_000
"""Bytes of a blueprint in the record."""
MOST_ENDPOINTS = probe.MOST_TARGETS

_FAILURE = max(35_000, VERDICTS_LIMIT) + report.LIMIT
"""Bytes that a failure adds to a state: what a Catch gets (at most 32,768 characters) or the
verdicts, and the diagnosis."""
_PARENT = 45_000
"""The input of redeploy_environment, whose state also holds a create's output."""
_SMALL = 3_000
"""Names, times and numbers outside the lists."""

_GENERATION = 999_999
_ACCOUNT = "123456789012"
_MOMENT = "2026-01-31T12:00:00.123456+00:00"
_ADDRESS = "255.255.255.255"
_HASH = "0" * 32
_TASK_ID = "0" * 32
_DEPLOYMENT = "ecs-svc/1234567890123456789"
_SEEN_TWICE = 2
"""Tasks of a deployment and of its replacement."""


_ANSWER = json.JSONEncoder(ensure_ascii=False)


def size(content: Any) -> int:
    """Bytes of content as JSON in UTF-8, as in functions' answers (Lambda's Python since 3.12:
    github.com/aws/aws-lambda-python-runtime-interface-client, commit 80eefef)."""
    return len(_ANSWER.encode(content).encode())


def problems(blueprint: Blueprint) -> list[Problem]:
    """Why a plan does not fit into its execution, with what to write instead."""
    plan = len(text_of(blueprint.to_json()).encode())
    if plan > BLUEPRINT:
        return [
            Problem(
                "services",
                f"the plan takes {plan:,} bytes of {BLUEPRINT:,}; split the environment, prove "
                "fewer connections, or move long commands and values into the images",
            )
        ]
    endpoints = sum(len(service.endpoints) for service in blueprint.services)
    if endpoints > MOST_ENDPOINTS:
        return [
            Problem(
                "services",
                f"{endpoints} endpoints in all; an environment has at most {MOST_ENDPOINTS}, as "
                "many as can be probed in time",
            )
        ]
    state, item = most(blueprint)
    if state + max(_FAILURE, _PARENT) <= STATE and item <= ITEM:
        return []
    largest = Largest(blueprint)
    proven = size(largest.proven_state)
    # All else of the output is in that state, so it is measured only where it could matter.
    output = proven + size([largest.shown, blueprint.warnings, blueprint.triggers])
    if output + _PARENT > STATE:
        output = size(largest.output)
    rooms = {
        "while services wait for others": (size(largest.waiting_state) + _FAILURE, STATE),
        "with the proof": (proven + _FAILURE, STATE),
        "as its output": (output + _PARENT, STATE),
        "about its tasks' events": (largest.wait_item, ITEM),
    }
    return [
        Problem(
            "services",
            f"an execution would hold {needed:,} bytes {what}, of {room:,}: {largest.counts}; "
            "split the environment, prove fewer connections, or give services and ports shorter "
            "names",
        )
        for what, (needed, room) in rooms.items()
        if needed > room
    ]


def most(blueprint: Blueprint) -> tuple[int, int]:
    """Bytes that no state or output, and no item of a wait, can exceed, from counts and the longest
    name alone: measuring takes longer than planning, and few environments come near the limits.

    A test holds the numbers against what is measured."""
    services, edges = blueprint.services, blueprint.edges
    endpoints = [endpoint for service in services for endpoint in service.endpoints]
    tasks = sum(service.arguments["desiredCount"] for service in services)
    needs = sum(len(service.depends_on) for service in services)
    names = [
        *(
            max(service.existing_definition or "", service.service_name, key=len)
            for service in services
        ),
        *(name for each in endpoints for name in (each.port_name, each.discovery_name)),
        *(edge.dns_name for edge in edges),
    ]
    longest = max(map(len, names), default=0)
    paths = sum(len(each.path) for each in endpoints) + sum(len(each.path) for each in edges)
    state = (
        2 * probe.BAD_LIMIT
        + _SMALL
        + len(services) * (750 + 10 * longest)
        + len(endpoints) * (1_100 + 10 * longest)
        + len(edges) * (1_000 + 10 * longest)
        + needs * (50 + longest)
        + tasks * 50
        + 2 * paths
        + 4 * sum(map(len, blueprint.warnings))
        + size(blueprint.triggers)
    )
    return state, state + (tasks + len(services) + len(edges)) * (350 + 2 * longest)


def record_problems(
    blueprint: Blueprint, instruction: Instruction, before: Record | None
) -> list[Problem]:
    """Why a plan does not fit into the record; `before` is the record as it is now."""
    needed = record_size(blueprint, instruction, before)
    if needed <= ITEM:
        return []
    return [
        Problem(
            "request",
            f"the record would take {needed:,} bytes of {ITEM:,}: {Largest(blueprint).counts}, and "
            f"{_requests(instruction, before):,} bytes of requests, packed, with the changes of "
            "redeploys; split the environment, prove fewer connections, or move long commands and "
            "values into the images",
        )
    ]


def answer_problems(answer: Json) -> list[Problem]:
    """Why Check request's answer does not fit into a state, with what to write instead."""
    needed, changes = size(answer), size(answer["instruction"]["changes"])
    if changes > CHANGES_LIMIT:
        return [
            Problem(
                "redeploy",
                f"its changes and those before it take {changes:,} bytes of {CHANGES_LIMIT:,}; "
                "create the environment again with them in its request",
            )
        ]
    if needed <= ANSWER_LIMIT:
        return []
    return [
        Problem(
            "request",
            f"an execution would have to hold {needed:,} bytes of it, of {ANSWER_LIMIT:,}; the "
            f"plan takes {size(answer['plan']):,}, the rest are the request and the changes of "
            "redeploys, packed; split the environment, or move long commands and values into the "
            "images",
        )
    ]


def record_size(blueprint: Blueprint, instruction: Instruction, before: Record | None) -> int:
    """Bytes of the item at its largest: proven once, then failed, and not completely deleted."""
    largest = Largest(blueprint)
    lists = (
        blueprint.to_json(),
        blueprint.triggers,
        largest.expected,
        largest.proof,
        largest.edge_proofs,
    )
    return (
        _SMALL
        + sum(len(text_of(each).encode()) for each in lists)
        + _requests(instruction, before)
        + (DEFINITIONS_KEPT + len(largest.definitions))
        * max(map(len, largest.definitions.values()))
        + (report.LIMIT + VERDICTS_LIMIT)
        + RECEIPT_LIMIT
    )


def _requests(instruction: Instruction, before: Record | None) -> int:
    """Bytes of the current request and of the last proven one, which may be an earlier one."""
    base, changes = len(instruction.base), size(service_changes.to_json(instruction.changes))
    good_base, good_changes = base, changes
    if before is not None:
        good_base = max(base, len(before.good_base_request))
        good_changes = max(changes, size(service_changes.to_json(before.good_changes)))
    return len(instruction.request) + base + changes + good_base + good_changes


class Largest:
    """The largest data that an environment can ever have, built from its blueprint."""

    def __init__(self, blueprint: Blueprint) -> None:
        self._blueprint = blueprint
        self._services = blueprint.services
        self._clients = mesh.proof_clients(blueprint, _GENERATION)
        clients = [client.service for client in self._clients]
        self._made: list[ServiceBlueprint] = [*self._services, *clients]
        self.endpoints = sum(len(service.endpoints) for service in self._services)
        self.tasks = sum(service.arguments["desiredCount"] for service in self._services)

    @property
    def counts(self) -> str:
        return (
            f"{len(self._services)} services, {self.tasks} tasks, {self.endpoints} endpoints, "
            f"{len(self._blueprint.edges)} connections to prove"
        )

    # --- an execution --------------------------------------------------------------------------

    @cached_property
    def waiting_state(self) -> Json:
        """The state of a create whose services wait for each other."""
        return self._state(replace(self._progress, blocked=self._blocked))

    @cached_property
    def _blocked(self) -> tuple[Blocked, ...]:
        needed = {
            service.service_name: [
                Need(each.service_name, Condition(each.condition)) for each in service.depends_on
            ]
            for service in self._services
        } | {
            client.service.service_name: [
                Need(server, Condition.HEALTHY)
                for server in dict.fromkeys(edge.server for edge in client.edges)
            ]
            for client in self._clients
        }
        return tuple(Blocked(name, tuple(needs)) for name, needs in needed.items())

    @cached_property
    def proven_state(self) -> Json:
        """The state of a create whose endpoints have answered, before it is READY."""
        private, public = self._probed
        healthy = replace(
            self._progress,
            checks=self._seen,
            targets=[target.to_json() for target in self._targets],
            edges={_MOMENT: [edge.name for edge in self._blueprint.edges]},
        )
        probes = {
            "private": {"proven": True, "final": False, "checks": private},
            "public": {"proven": True, "final": False, "checks": public},
        }
        bad = max(0, 2 * probe.BAD_LIMIT - size(probes))
        return {**self._state(healthy), "probes": probes, "or": " " * bad}

    @cached_property
    def output(self) -> Json:
        """The output of a create."""
        return answers.ready(self._ready, self._blueprint, self.proof)

    @cached_property
    def shown(self) -> Json:
        """The services and edges in the output and in the event."""
        return document.proven(self._ready, self._blueprint)

    @cached_property
    def _ready(self) -> Record:
        return Record(
            environment=self._blueprint.environment,
            generation=_GENERATION,
            status=Status.READY,
            execution="",
            request_hash="",
            blueprint={},
            expires_at=_MOMENT,
            settle=False,
            edges=self.edge_proofs,
            ready_at=_MOMENT,
        )

    @property
    def _progress(self) -> CreateProgress:
        names = tuple(service.service_name for service in self._services)
        return CreateProgress(
            NextStep.FOUNDATION,
            _arn("servicediscovery", "namespace/ns-0123456789abcdefg"),
            tuple(map(Expected.from_json, self.expected)),
            going=tuple(service.service_name for service in self._made),
            healthy=names,
            patience_seconds=660,
            registered=dict.fromkeys(names, _HASH),
        )

    def _state(self, progress: CreateProgress) -> Json:
        return {
            **self._names,
            "foundation": {
                "namespace": {"arn": _HASH, "operationId": _HASH, "adopted": False},
                "cluster": {"status": "IN_PROGRESS"},
                "taskDefinitions": self.definitions,
            },
            "progress": progress.to_json(),
        }

    @property
    def _names(self) -> Json:
        """About as many names and times as a state holds."""
        blueprint = self._blueprint
        return {
            "environment": blueprint.environment,
            "namespace": blueprint.namespace,
            "cluster": blueprint.cluster["clusterName"],
            "moments": [_MOMENT] * 20,
        }

    # --- what is proven ------------------------------------------------------------------------

    @cached_property
    def definitions(self) -> dict[str, str]:
        """Task definition ARNs by family, or by service if the definition is not ours."""
        return {
            (service.definition or {}).get("family", service.service_name): self._definition(
                service
            )
            for service in self._made
        }

    @staticmethod
    def _definition(service: ServiceBlueprint) -> str:
        if service.existing_definition:
            return service.existing_definition
        family = (service.definition or {})["family"]
        return _arn("ecs", f"task-definition/{family}:{_GENERATION}")

    @cached_property
    def expected(self) -> list[Json]:
        return [
            Expected(
                service.service_name, self._definition(service), _DEPLOYMENT, _MOMENT
            ).to_json()
            for service in self._made
        ]

    @cached_property
    def _seen(self) -> list[Json]:
        """The checks of each service and endpoint."""
        found: list[Check] = []
        for service in self._services:
            name, tasks = service.service_name, service.arguments["desiredCount"]
            found += [
                check.check(name, "tasks healthy", True, f"{tasks} of {tasks}"),
                check.check(name, "only this deployment", True, "0 task(s) of another deployment"),
                check.check(name, "proxy attached", True, f"{tasks} of {tasks}"),
            ]
            addresses = [f"{_ADDRESS}:65535"] * tasks
            found += [
                check.check(name, health.registered_as(endpoint), True, check.few(addresses))
                for endpoint in service.endpoints
            ]
        return [check.to_json() for check in found]

    @cached_property
    def _targets(self) -> list[probe.Target]:
        """All public as well, because security groups are read only after this."""
        most = max(1, probe.MOST_TARGETS // max(1, self.endpoints))
        return [
            probe.target(
                service.service_name,
                replace(endpoint, admits_everybody=True),
                [(_ADDRESS, _ADDRESS)] * min(tasks, most),
                tasks,
            )
            for service in self._services
            if (tasks := service.arguments["desiredCount"])
            for endpoint in service.endpoints
        ]

    @cached_property
    def _probed(self) -> tuple[list[Json], list[Json]]:
        """The checks of the endpoints' answers from inside and from outside."""
        unsteady = {"needed": 32, "failures": 99}
        answer = row.Answer(True, row.told("HTTP/2 200, server: envoy", **unsteady))
        other = row.Answer(True, row.told("HTTP/2 302, server: envoy", **unsteady))

        def checks(side: probe.Side) -> list[Json]:
            found: list[Json] = []
            for target in self._targets:
                answers = [(address, answer) for address in target.addresses(side)]
                if len(answers) > 1:
                    answers[-1] = (answers[-1][0], other)
                called = probe.Called(target, side, answers)
                found += [check.to_json() for check in called.checks]
            return found

        return checks("private"), checks("public")

    @cached_property
    def proof(self) -> list[Json]:
        """The proof in the record and in the output."""
        private, public = self._probed
        return [*self._seen, *private, *public, *whole.not_proven(self._blueprint)]

    @cached_property
    def edge_proofs(self) -> list[Json]:
        answered = {_MOMENT: [edge.name for edge in self._blueprint.edges]}
        deployments = {service.service_name: _DEPLOYMENT for service in self._made}
        return [each.to_json() for each in mesh.proven(self._blueprint, answered, deployments)]

    # --- a wait --------------------------------------------------------------------------------

    @cached_property
    def wait_item(self) -> int:
        """Bytes of a wait's item: the newest event of each task, and what is awaited.

        A task's entry is a map of three in a map (DynamoDB's "Item sizes and formats")."""
        task_events = 0
        for service in self._made:
            values = ("service", service.service_name, "stage", "STOPPED", "version", _HASH[:8])
            entry = len(_TASK_ID) + sum(map(len, values)) + 10
            task_events += _SEEN_TWICE * max(1, service.arguments["desiredCount"]) * entry
        names = [service.service_name for service in self._made]
        condition_sets = [
            frozenset(names),
            frozenset(service.service_name for service in self._services),
            *(frozenset(need.service_name for need in each.needs) for each in self._blocked),
        ]
        tasks = [str(number).zfill(len(_TASK_ID)) for number in range(self.tasks)]
        awaited = Awaited(dict.fromkeys(names, 1000), tuple(condition_sets), frozenset(tasks))
        context = {name: self.waiting_state[name] for name in ("progress", "foundation")}
        return _SMALL + task_events + size(awaited.to_json()) + len(packed(context))


def _arn(service: str, resource: str) -> str:
    return f"arn:aws-us-gov:{service}:ap-northeast-1:{_ACCOUNT}:{resource}"
