"""What ECS refuses of a capacity provider strategy, and which provider a task gets. Pure.

The rules: https://docs.aws.amazon.com/AmazonECS/latest/APIReference/API_CapacityProviderStrategyItem.html.
The texts: https://github.com/dask/dask-cloudprovider/issues/328 (of a provider that is not the
cluster's), and github.com/badmintoncryer/cdk-preflight, rules/ecs (pf-ecs-svc-capacity-provider-*,
pf-ecs-cluster-default-strategy-*).
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from typing import Any

from localcloud.ecs import errors

FARGATE_PROVIDERS = ("FARGATE", "FARGATE_SPOT")
MOST_PROVIDERS = 20

Strategy = Sequence[Mapping[str, Any]]


def check_providers(providers: Sequence[str]) -> None:
    """Of a cluster."""
    unknown = [item for item in providers if item not in FARGATE_PROVIDERS]
    if unknown:
        raise errors.unsupported(
            f"The local cloud supports only FARGATE and FARGATE_SPOT, not {', '.join(unknown)}."
        )


def check_strategy(strategy: Strategy, providers: Collection[str]) -> None:
    """`providers`: the cluster's."""
    if len(strategy) > MOST_PROVIDERS:
        raise errors.invalid_parameter(
            f"A capacity provider strategy can contain a maximum of {MOST_PROVIDERS} capacity "
            "providers."
        )
    names = Counter(item["capacityProvider"] for item in strategy)
    if any(times > 1 for times in names.values()):
        raise errors.invalid_parameter(
            "A capacity provider strategy cannot contain a duplicate capacity provider."
        )
    if any(name not in providers for name in names):
        raise errors.invalid_parameter(
            "The specified capacity provider strategy cannot contain a capacity provider that is "
            "not associated with the cluster. Associate the capacity provider with the cluster or "
            "specify a valid capacity provider and try again."
        )
    if sum(item.get("base", 0) > 0 for item in strategy) > 1:
        raise errors.invalid_parameter(
            "There are multiple capacity providers in the specified capacity provider strategy "
            "with a base value defined."
        )
    if strategy and not any(item.get("weight", 0) for item in strategy):
        raise errors.invalid_parameter(
            "There are no capacity providers in the capacity provider strategy with a weight value "
            "greater than zero."
        )


def next_provider(strategy: Strategy, placed: Sequence[str | None]) -> str | None:
    """For the next task of a deployment whose other tasks are `placed`; None without a strategy.

    The base comes first; beyond it, tasks are shared out in proportion to the weights."""
    counts = Counter(placed)
    for item in strategy:
        if counts[item["capacityProvider"]] < item.get("base", 0):
            return str(item["capacityProvider"])

    def share(item: Mapping[str, Any]) -> float:
        beyond: int = counts[item["capacityProvider"]] - item.get("base", 0)
        return (beyond + 1) / item["weight"]

    weighted = [item for item in strategy if item.get("weight", 0)]
    return str(min(weighted, key=share)["capacityProvider"]) if weighted else None
