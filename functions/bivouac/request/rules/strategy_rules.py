"""The rules of capacity provider strategies. Pure.

Source: https://docs.aws.amazon.com/AmazonECS/latest/APIReference/API_CapacityProviderStrategyItem.html
(github.com/badmintoncryer/cdk-preflight, rules/ecs, has what CreateService answers).
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterator, Sequence

from bivouac.json_types import ReadOnlyJson

FARGATE_PROVIDERS = ("FARGATE", "FARGATE_SPOT")


def problems(
    strategy: Sequence[ReadOnlyJson], providers: Collection[str], path: str
) -> Iterator[str]:
    """`providers`: those of the cluster."""
    counts = Counter(item["capacityProvider"] for item in strategy if "capacityProvider" in item)
    for name, count in counts.items():
        if count > 1:
            yield f"{path}: {name} is given {count} times; once is enough"
        if name in FARGATE_PROVIDERS and name not in providers:
            yield (
                f"{path}: {name} is not among cluster.capacityProviders; add it there, or leave "
                "that field out"
            )
    if any(strategy) and not any(item.get("weight") for item in strategy):
        yield f'{path}: no capacity provider has a weight; give one "weight": 1'
    bases = [item.get("capacityProvider", "") for item in strategy if item.get("base")]
    if len(bases) > 1:
        yield f"{path}: only one capacity provider may have a base, not {' and '.join(bases)}"
