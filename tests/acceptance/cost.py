"""What a run creates, how long it takes and what it costs, shown before it begins.

The prices are AWS's public ones of us-east-1 for Linux on x86 without any free tier, from the
pricing pages of each service, in the month below.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

PRICES_OF = "November 2026"
REGION_OF_PRICES = "us-east-1"

MINUTES = 25
"""A whole run; ECS's starting, stopping and cleaning up takes longest."""
TASKS = 5
"""Three services, and for a while the proof clients or the next deployment."""
TRANSITIONS = 300
INVOCATIONS = 700
INVOCATION_GB_SECONDS = 0.5
LOG_GIGABYTES = 0.01


@dataclass(frozen=True)
class Item:
    what: str
    quantity: float
    unit: str
    price: float
    """Dollars a unit."""

    @property
    def dollars(self) -> float:
        return self.quantity * self.price


def items() -> Iterator[Item]:
    hours = TASKS * MINUTES / 60
    yield Item("Fargate, 0.25 vCPU a task", hours * 0.25, "vCPU-hours", 0.04048)
    yield Item("Fargate, 0.5 GB a task", hours * 0.5, "GB-hours", 0.004445)
    yield Item("public IPv4 addresses", hours, "hours", 0.005)
    yield Item("Step Functions", TRANSITIONS, "state transitions", 0.025 / 1000)
    yield Item("Lambda, arm64", INVOCATIONS * INVOCATION_GB_SECONDS, "GB-seconds", 0.0000133334)
    yield Item("Lambda", INVOCATIONS, "requests", 0.20 / 1_000_000)
    yield Item("CloudWatch Logs", LOG_GIGABYTES, "GB", 0.50)


def notice(stack: str, account: str, region: str, name: str) -> list[str]:
    """The lines that a person reads before anything is created."""
    total = sum(each.dollars for each in items())
    return [
        f"The acceptance suite runs on the stack {stack} in account {account}, {region}.",
        f"It makes one environment, {name}: a namespace, a cluster, three services with a task of",
        "0.25 vCPU and 0.5 GB each, their log groups, task definitions and schedules; and a queue",
        f"and two rules named bivouac-{name}, which hear what is told of it. It deletes all of it,",
        "also when a step fails, and says what is left. Only the environment's record stays in",
        "the stack's table, as that of every environment.",
        f"It takes about {MINUTES} minutes and costs at most about ${total:.2f}:",
        *(
            f"  ${each.dollars:.4f}  {each.what}: {each.quantity:.4g} {each.unit} at "
            f"${each.price:.10f}".rstrip("0")
            for each in items()
        ),
        f"at AWS's public prices in {REGION_OF_PRICES}, {PRICES_OF}; all else is less than a cent.",
    ]
