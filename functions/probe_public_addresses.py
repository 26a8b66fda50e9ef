"""Probe public addresses: every endpoint answers three times in a row, from
outside the VPC at public addresses.

Makes no AWS calls: it gets addresses that Check services observed. Asking twice changes nothing.
"""

from __future__ import annotations

from bivouac.observability import Event, step
from bivouac.proof import probe


@step
def handler(event: Event) -> Event:
    return probe.answer(event["targets"], "public")
