"""The rules across the arguments of a service. Pure.

The arguments are of the right types, but what was wrong has been left out. Source, unless another
is named: https://docs.aws.amazon.com/AmazonECS/latest/APIReference/API_CreateService.html
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence

from bivouac.json_types import ReadOnlyJson
from bivouac.request.findings import Problem
from bivouac.request.messages import repeated, too_often

FARGATE_PROVIDERS = ("FARGATE", "FARGATE_SPOT")


def problems(
    arguments: ReadOnlyJson, allow_ecs_exec: bool, providers: Collection[str], path: str
) -> Iterator[Problem]:
    """`providers`: the cluster's."""
    strategy = arguments.get("capacityProviderStrategy", ())
    if arguments.get("launchType") and strategy:
        yield Problem(f"{path}.launchType", "give launchType or capacityProviderStrategy, not both")
    yield from strategy_problems(strategy, providers, f"{path}.capacityProviderStrategy")
    if arguments.get("enableExecuteCommand") and not allow_ecs_exec:
        yield Problem(
            f"{path}.enableExecuteCommand", "the stack's parameter AllowEcsExec does not allow it"
        )
    yield from _deployment_problems(arguments, path)
    network = arguments.get("networkConfiguration", {}).get("awsvpcConfiguration", {})
    for name in ("subnets", "securityGroups"):
        if network.get(name) == []:
            yield Problem(
                f"{path}.networkConfiguration.awsvpcConfiguration.{name}",
                "is empty; name some, or leave it out for the stack's own",
            )


def _deployment_problems(arguments: ReadOnlyJson, path: str) -> Iterator[Problem]:
    """The pairs that block deployments: what CreateService answers is recorded in
    https://github.com/badmintoncryer/cdk-preflight (pf-ecs-svc-min-healthy-over-max-percent)."""
    deployment = arguments.get("deploymentConfiguration", {})
    most = deployment.get("maximumPercent", 200)
    least = deployment.get("minimumHealthyPercent", 100)
    here = f"{path}.deploymentConfiguration"
    if most == least == 100:
        yield Problem(
            here,
            "with maximumPercent and minimumHealthyPercent at 100, ECS could neither start nor "
            "stop a task; set maximumPercent to 200 or minimumHealthyPercent to 0",
        )
    elif arguments.get("desiredCount", 1) == 1 and most < 200 and least > 0:
        yield Problem(
            here,
            "with one task, no deployment could ever replace it; set maximumPercent to 200 or "
            "minimumHealthyPercent to 0",
        )
    if arguments.get("availabilityZoneRebalancing") == "ENABLED" and most <= 100:
        yield Problem(
            f"{path}.availabilityZoneRebalancing",
            "ECS starts a task in another zone before it stops one, but maximumPercent 100 leaves "
            'no room for it; write "availabilityZoneRebalancing": "DISABLED", or a maximumPercent '
            "above 100",
        )


def exec_problems(
    arguments: ReadOnlyJson, definition: ReadOnlyJson, path: str
) -> Iterator[Problem]:
    """Source: https://docs.aws.amazon.com/AmazonECS/latest/developerguide/ecs-exec.html; the error
    is InvalidParameterException, "a valid taskRoleArn is not being used"."""
    if arguments.get("enableExecuteCommand") and not definition.get("taskRoleArn"):
        yield Problem(
            f"{path}.enableExecuteCommand",
            "ECS Exec works with the rights of the task role, and there is none; set "
            "taskDefinition.taskRoleArn, or leave it out",
        )


def strategy_problems(
    strategy: Sequence[ReadOnlyJson], providers: Collection[str], path: str
) -> Iterator[Problem]:
    """`providers`: those of the cluster. Source:
    https://docs.aws.amazon.com/AmazonECS/latest/APIReference/API_CapacityProviderStrategyItem.html
    (github.com/badmintoncryer/cdk-preflight, rules/ecs, has what CreateService answers)."""
    names = [item["capacityProvider"] for item in strategy if "capacityProvider" in item]
    for name, count in repeated(names).items():
        yield Problem(path, too_often(name, count))
    for name in dict.fromkeys(names):
        if name in FARGATE_PROVIDERS and name not in providers:
            yield Problem(
                path,
                f"{name} is not among cluster.capacityProviders; add it there, or leave that field "
                "out",
            )
    if any(strategy) and not any(item.get("weight") for item in strategy):
        yield Problem(path, 'no capacity provider has a weight; give one "weight": 1')
    bases = [item.get("capacityProvider", "") for item in strategy if item.get("base")]
    if len(bases) > 1:
        yield Problem(
            path, f"only one capacity provider may have a base, not {' and '.join(bases)}"
        )
