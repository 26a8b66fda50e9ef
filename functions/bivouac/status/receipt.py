"""What became of every resource, in the form of the status document. Pure."""

from __future__ import annotations

from bivouac.environment.record import Record
from bivouac.json_types import Json


def receipt(record: Record) -> Json:
    """Of the record's last deletion; there was one."""
    stored = record.receipt
    return {
        "name": record.environment,
        "status": stored["status"],
        "at": stored["at"],
        "items": list(stored["items"]),
    }
