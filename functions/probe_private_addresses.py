"""Probe private addresses: every endpoint answers several times in a row, from inside the VPC.

Makes no AWS calls: the poll that found the services healthy read the addresses. Repeating it is
safe.
"""

from __future__ import annotations

from bivouac.observability import Event, step
from bivouac.proof import probe


@step
def handler(event: Event) -> Event:
    return probe.answer(event["targets"], "private")
