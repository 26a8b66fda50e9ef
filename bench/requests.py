"""Whether valid requests are taken, every mistake is named at once, and how long planning takes.

A generator makes valid requests of all features in all notations, each with up to three mistakes.
Its rules come from botocore's models and cited pages, not from the planner. The same mistakes are
shown to the local cloud, which must agree about what AWS refuses.
"""

from __future__ import annotations

import argparse
import copy
import gc
import os
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field, fields
from functools import partial
from random import Random
from typing import Any

import boto3
from botocore.config import Config
from botocore.exceptions import ClientError
from botocore.validate import ParamValidator
from rich.console import Console

from bench import request_features
from bench.figures import Target
from bench.report import table
from bench.request_features import FEATURES, NOTATIONS, REGION, Json, valid, written
from bench.request_mistakes import MISTAKES, TASK, Mistake, model_mistake
from bench.running import Measurement, run
from bench.waiting import Stop
from bivouac.aws.ecs_forms import service_model
from bivouac.environment.blueprint import (
    Blueprint,
    create_cluster_arguments,
    create_service_arguments,
    register_task_definition_arguments,
    service_specification,
)
from bivouac.proof import mesh
from bivouac.request.planning.plan import plan
from bivouac.settings import RequestSettings
from localcloud import request_shape
from localcloud.account import SECURITY_GROUP_ID, SUBNET_IDS
from localcloud.strict import mock_account
from tests import requests

CASES = 2_100
MOST_MISTAKES = 3
SIZES = (1, 2, 5, 10, 20, 40)
"""Services in the requests whose planning is timed."""
ROUNDS = 15
"""And for small requests, whose times are short and so uncertain, as many more as they are
smaller."""
MOST_VALIDATIONS = 3.0
"""Times botocore's own validation of the same arguments."""
MOST_GROWTH = 1.25
"""Seconds for a service at the largest size, compared with half of it."""
_NOT_PLAYED = "UnsupportedFeatureException"
"""The local cloud's answer where it does not say what ECS would."""
ACCOUNT_OF = 40
"""Cases that share one account of the local cloud, which keeps all services."""


@dataclass
class Case:
    """One request, and what is wrong with it."""

    service: Json
    """In ECS's own words."""
    notation: str
    features: list[str]
    mistakes: list[tuple[str, str]] = field(default_factory=list)
    """What is wrong, and the end of the path that the answer must have."""
    of_aws: list[str] = field(default_factory=list)
    """Mistakes that ECS refuses."""
    of_bivouac: list[str] = field(default_factory=list)

    @property
    def request(self) -> Json:
        return {"name": "shop", "services": [written(self.service, self.notation)]}


def cases(count: int, seed: int) -> Iterator[Case]:
    """A quarter without a mistake; every mistake of the list comes alone at least once."""
    random = Random(seed)
    alone = list(MISTAKES)
    for number in range(count):
        service, features = valid(random)
        if number % 4 == 0:
            notation = random.choice(sorted(NOTATIONS))
            yield Case(service, notation, features)
            continue
        case = Case(service, "ECS's own", features)
        if alone:
            _add(random, case, alone.pop())
        elif number % 4 == 1:
            if found := model_mistake(random, service):
                case.mistakes.append(found)
                case.of_aws.append(found[0])
        else:
            for mistake in random.sample(MISTAKES, random.randint(1, MOST_MISTAKES)):
                _add(random, case, mistake)
        yield case


def _add(random: Random, case: Case, mistake: Mistake) -> None:
    """Unless an earlier mistake's place is gone with it."""
    before = copy.deepcopy(case.service)
    path = mistake.apply(random, case.service)
    if path is None or any(_touches(before, case.service, place) for _, place in case.mistakes):
        case.service = before
        return
    case.mistakes.append((mistake.name, path))
    (case.of_aws if mistake.aws else case.of_bivouac).append(mistake.name)


def _touches(before: Json, after: Json, path: str) -> bool:
    """Whether a change reaches the place of an earlier mistake."""
    names = [part.partition("[")[0] for part in path.split(".")][-2:]
    if names[0] == "timeout":
        names.append("portMappings")  # whose protocol decides about it
    if names[-1] == "logDriver":
        names.append("firelensConfiguration")  # which decides about it
    return any(_all(before, name) != _all(after, name) for name in names)


def _all(content: Any, name: str) -> list[Any]:
    """Everything that stands under a name, at any depth."""
    found: list[Any] = []
    if isinstance(content, dict):
        for key, value in content.items():
            found += [value] if key == name else _all(value, name)
    elif isinstance(content, list):
        for value in content:
            found += _all(value, name)
    return found


def settings() -> RequestSettings:
    """A stack that lets in what the features name."""
    allowed = {
        "allowed_file_system_ids": (request_features.FILE_SYSTEM,),
        "allowed_environment_files": (request_features.ENVIRONMENT_FILE,),
    }
    known = {each.name for each in fields(RequestSettings)}
    return requests.settings(**{name: value for name, value in allowed.items() if name in known})


STACK = settings()


def problems(request: Json) -> tuple[str, ...]:
    return plan(request, STACK, requests.NOW).problems


def is_named(path: str, found: Sequence[str]) -> bool:
    """Whether a problem has a path that ends with it, or one beneath or around it."""
    wanted = path.strip(".")
    return any(
        f".{wanted}" in f".{path}" or path.endswith(wanted)
        for path in (problem.partition(": ")[0].replace(" (web)", "") for problem in found)
    )


# --- the local cloud -----------------------------------------------------------------------------


class LocalCloud:
    """What the strict ECS says of a service in ECS's own words, without the planner."""

    def __init__(self) -> None:
        self._ecs: Any = boto3.client("ecs", config=Config(parameter_validation=False))
        cloud_map: Any = boto3.client("servicediscovery")
        cloud_map.create_http_namespace(Name="shop")
        self._number = 0

    def refusal(self, given: Json, clock: Any) -> str:
        """Empty if it takes it."""
        self._number += 1
        cluster = f"shop-{self._number}"
        service = copy.deepcopy(given)
        definition = service.pop(TASK)
        service.pop("probe", None)
        definition = {
            "family": "web",
            "networkMode": "awsvpc",
            "requiresCompatibilities": ["FARGATE"],
            "executionRoleArn": request_features.ROLE,
            **definition,
        }
        _complete_logs(definition)
        service.setdefault("networkConfiguration", {})
        if isinstance(network := service["networkConfiguration"], dict):
            awsvpc = network.setdefault("awsvpcConfiguration", {})
            if isinstance(awsvpc, dict):
                awsvpc.setdefault("subnets", list(SUBNET_IDS))
                awsvpc.setdefault("securityGroups", [SECURITY_GROUP_ID])
        if "capacityProviderStrategy" not in service:
            service.setdefault("launchType", "FARGATE")
        connect = service.get("serviceConnectConfiguration")
        if isinstance(connect, dict):
            connect["namespace"] = f"shop-{self._number}"
            _complete_log(connect)
        for operation, arguments in (
            ("RegisterTaskDefinition", definition),
            ("CreateService", service),
        ):
            # botocore could not even send these.
            if wrong := request_shape.problems("ecs", operation, arguments):
                return str(wrong)
        try:
            self._ecs.create_cluster(
                clusterName=cluster, capacityProviders=["FARGATE", "FARGATE_SPOT"]
            )
            clock.advance(5)
            made = self._ecs.register_task_definition(**definition)["taskDefinition"]
            self._ecs.create_service(
                cluster=cluster, taskDefinition=made["taskDefinitionArn"], **service
            )
            self._ecs.delete_service(cluster=cluster, service=service["serviceName"], force=True)
        except ClientError as error:
            return str(error)
        return ""


def _complete_logs(definition: Json) -> None:
    containers = definition.get("containerDefinitions")
    for container in containers if isinstance(containers, list) else ():
        if isinstance(container, dict):
            _complete_log(container)


def _complete_log(holder: Json) -> None:
    """A request leaves the group, the Region and the prefix of awslogs to the stack."""
    logs = holder.get("logConfiguration")
    if isinstance(logs, dict) and logs.get("logDriver") == "awslogs":
        options = logs.setdefault("options", {})
        if isinstance(options, dict):
            options.setdefault("awslogs-group", "shop")
            options.setdefault("awslogs-region", REGION)
            options.setdefault("awslogs-stream-prefix", "shop")


# --- results -------------------------------------------------------------------------------------


@dataclass
class Results:
    valid: int = 0
    wrong: int = 0
    mistakes: int = 0
    refused: list[str] = field(default_factory=list)
    unnamed: list[str] = field(default_factory=list)
    disagreed: list[str] = field(default_factory=list)
    kinds: Counter[str] = field(default_factory=Counter)


def measured_cases(count: int, seed: int, stop: Stop) -> Results:
    results = Results()
    made = list(cases(count, seed))
    for first in range(0, len(made), ACCOUNT_OF):
        if stop.requested:
            break
        with mock_account() as plane:
            local = LocalCloud()
            plane.clock.advance(5)  # type: ignore[attr-defined]
            for case in made[first : first + ACCOUNT_OF]:
                _judge(case, local, plane.clock, results)
    return results


def _judge(case: Case, local: LocalCloud, clock: Any, results: Results) -> None:
    found = problems(case.request)
    about = f"{case.notation}; {', '.join(case.features)}"
    if not case.mistakes:
        results.valid += 1
        if found:
            results.refused.append(f"{about}: {found}")
        if refusal := local.refusal(case.service, clock):
            results.disagreed.append(f"valid; {about}: the local cloud: {refusal}")
        return
    results.wrong += 1
    for name, path in case.mistakes:
        results.mistakes += 1
        results.kinds[name] += 1
        if not is_named(path, found):
            results.unnamed.append(f"{name} at {path}: {found}")
    refusal = local.refusal(case.service, clock)
    if _NOT_PLAYED in refusal:
        return
    if bool(case.of_aws) != bool(refusal):
        names = ", ".join(name for name, _ in case.mistakes)
        results.disagreed.append(f"{names}; {about}: the local cloud: {refusal or 'took it'}")


# --- time ----------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Timed:
    services: int
    planning: float
    """CPU seconds, the best of several."""
    validation: float


def timed(seed: int) -> Iterator[Timed]:
    for size in SIZES:
        random = Random(seed)
        services = [_of_every_kind(random, f"s{number}") for number in range(size)]
        request = {"name": "shop", "services": services}
        planned = plan(request, STACK, requests.NOW)
        if planned.blueprint is None:
            raise ValueError(f"the timed request is refused: {planned.problems}")
        arguments = list(_calls(planned.blueprint))
        rounds = ROUNDS * SIZES[-1] // size
        planning, validation = _best(rounds, partial(_plan, request), partial(_validate, arguments))
        yield Timed(size, planning, validation)


def _plan(request: Json) -> None:
    plan(request, STACK, requests.NOW)


def _validate(arguments: Sequence[tuple[Any, Json]]) -> None:
    for shape, each in arguments:
        ParamValidator().validate(each, shape)


def _of_every_kind(random: Random, name: str) -> Json:
    service, _ = valid(random, name)
    return service


def _calls(blueprint: Blueprint) -> Iterator[tuple[Any, Json]]:
    """The arguments of the ECS calls that the plan leads to, with botocore's shapes of them."""

    def shape(operation: str) -> Any:
        return service_model().operation_model(operation).input_shape

    yield shape("CreateCluster"), create_cluster_arguments(blueprint)
    clients = (client.service for client in mesh.proof_clients(blueprint, 1))
    for service in (*blueprint.services, *clients):
        yield (
            shape("RegisterTaskDefinition"),
            register_task_definition_arguments(blueprint, service),
        )
        made = service_specification(blueprint, service, "namespace", "web:1")
        yield shape("CreateService"), create_service_arguments(blueprint, service, made, 1)


def _best(rounds: int, *works: Callable[[], None]) -> list[float]:
    """CPU seconds of each, in turn, so that what else runs slows both.

    Without the garbage collector, as timeit measures: it would walk what this program holds."""
    seconds: list[list[float]] = [[] for _ in works]
    gc.disable()
    for _ in range(rounds):
        for work, spent in zip(works, seconds, strict=True):
            began = time.process_time()
            work()
            spent.append(time.process_time() - began)
    gc.enable()
    return [min(spent) for spent in seconds]


def targets(results: Results, times: Sequence[Timed]) -> list[Target]:
    largest, half = times[-1], times[-2]
    growth = (largest.planning / largest.services) / (half.planning / half.services)
    return [
        Target(f"cases missing of {CASES:,}", CASES - results.wrong - results.valid, 0),
        Target(f"valid requests refused, of {results.valid:,}", len(results.refused), 0),
        Target(f"mistakes not named at once, of {results.mistakes:,}", len(results.unnamed), 0),
        Target(
            f"local cloud and planner disagree, of {results.valid + results.wrong:,}",
            len(results.disagreed),
            0,
        ),
        *(
            Target(
                f"planning / botocore's own validation, {each.services} services",
                each.planning / each.validation,
                MOST_VALIDATIONS,
            )
            for each in times
        ),
        Target(
            f"seconds for a service at {largest.services} / at {half.services}", growth, MOST_GROWTH
        ),
    ]


def show(results: Results, times: Sequence[Timed], console: Console) -> None:
    console.print(
        f"{results.valid + results.wrong:,} requests: {results.valid:,} valid ones of "
        f"{len(FEATURES)} features in {len(NOTATIONS)} notations, {results.wrong:,} with "
        f"{results.mistakes:,} mistakes of {len(results.kinds)} kinds"
    )
    made = table("\nCPU time", "services", "planning, ms", "botocore's validation, ms", "ratio")
    for each in times:
        made.add_row(
            str(each.services),
            f"{each.planning * 1e3:.2f}",
            f"{each.validation * 1e3:.2f}",
            f"{each.planning / each.validation:.2f}",
        )
    console.print(made)
    for title, listed in (
        ("refused", results.refused),
        ("not named", results.unnamed),
        ("disagreed", results.disagreed),
    ):
        for line in listed[:20]:
            console.print(f"{title}: {line}", highlight=False, markup=False)


def main() -> int:
    """Exit code 0 only if every target is met."""
    parser = argparse.ArgumentParser(prog="python -m bench.requests", description=__doc__)
    parser.add_argument("--cases", type=int, default=CASES)
    parser.add_argument("--seed", type=int, default=1)
    given = parser.parse_args()
    os.environ.setdefault("AWS_DEFAULT_REGION", REGION)

    def measured(console: Console, stop: Stop) -> Measurement:
        times = list(timed(given.seed))
        results = measured_cases(given.cases, given.seed, stop)
        show(results, times, console)
        content = {
            "refused": results.refused,
            "notNamed": results.unnamed,
            "disagreed": results.disagreed,
            "kinds": dict(results.kinds),
            "times": [vars(each) for each in times],
        }
        return Measurement(targets(results, times), content)

    return run("requests", measured)


if __name__ == "__main__":
    sys.exit(main())
