"""How one sweep spends its time, and how fast it may call AWS. The next sweep does the rest.

Shares count what a step typically takes, not what it took, so that a dry run knows how much a real
one would do. If AWS is slower than that, the clock ends a share.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

from bivouac import clock

A_CALL = 0.02
"""Seconds, as everything below."""
A_REPAIR = 0.1
"""Reading the record, the repair, and the events."""

# Half of AWS's rates for an account where they are low: creates and deletions need them, too.
LOG_GROUP_TAGS = 0.4
"""ListTagsForResource of Logs: 5 a second ("CloudWatch Logs quotas" in its user guide)."""
LOG_GROUPS_PAGE = 0.2
"""DescribeLogGroups: 10 a second (the same)."""
TASK_DEFINITION = 0.1
"""DescribeTaskDefinition and the lists of revisions and families: 20 a second together, after a
burst of 50 (ECS's API reference, "Request throttling for the Amazon ECS API")."""
SERVICES = 0.05
"""DescribeServices: 20 a second, after a burst of 100 (ECS's API reference, the same)."""
SERVICES_AT_ONCE = 60
"""Part of that burst; creates and deletions need the rest."""
_ROUNDING = 1e-6


@dataclass
class Share:
    """A share of one sweep's time."""

    left: float
    """Seconds, by what steps typically take."""
    until: datetime
    refused: int = 0
    """The number of steps for which no time was left."""

    def takes(self, seconds: float) -> bool:
        """Whether there is enough time; if so, it is taken."""
        if not self.has(seconds) or clock.now() >= self.until:
            self.refused += 1
            return False
        self.left -= seconds
        return True

    def has(self, seconds: float) -> bool:
        return self.left - seconds > -_ROUNDING


@dataclass(frozen=True)
class Part:
    """What may be done with a part of a sweep's time. What the parts leave is for the lists, which
    take a third of it with 1,000 environments."""

    of_time: float
    until: float
    """The part of the time after which it ends, however little was done."""


LIVING = Part(0.15, until=0.5)
"""For reading what belongs to records, one by one."""
PROOFS = Part(0.1, until=0.6)
"""For checking whether READY environments are still as proven."""
BROKEN = Part(0.03, until=0.5)
"""For reading executions that ended without success, one by one."""
TAGS = Part(0.15, until=0.7)
"""For reading the tags of resources without a record."""
REPAIRS = Part(0.3, until=1.0)


@dataclass(frozen=True)
class Budget:
    began: datetime
    takes: timedelta
    """How long a sweep reads and repairs."""

    def share(self, part: Part) -> Share:
        seconds = self.takes.total_seconds() * part.of_time
        return Share(seconds, self.began + self.takes * part.until)

    @property
    def most_repairs(self) -> int:
        return int((self.share(REPAIRS).left + _ROUNDING) / A_REPAIR)


@dataclass
class Pace:
    """One call per `seconds`, after a burst."""

    seconds: float
    burst: int = 4
    _due: float = 0.0

    def wait(self) -> None:
        now = clock.now().timestamp()
        early = self._due - now - self.seconds * self.burst
        if early > 0:
            clock.sleep(early)
        self._due = max(self._due, now) + self.seconds
