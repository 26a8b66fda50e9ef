"""Probe private addresses: every endpoint answers three times in a row, from
inside the VPC at private addresses.

Makes no AWS calls: it gets addresses that Check services observed. Asking twice changes nothing.
"""

from __future__ import annotations

from bivouac import probe
from bivouac.observability import Event, step


@step
def handler(event: Event) -> Event:
    return probe.answer(event["targets"], "private")
