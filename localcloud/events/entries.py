"""The entries of PutEvents, checked one by one, and the events made from them."""

from __future__ import annotations

import json
import uuid
from collections.abc import Mapping, Sequence
from typing import Any

MAX_ENTRIES = 10
MAX_SIZE = 1024 * 1024
"""Bytes of all entries of a request (botocore's model of PutEvents; 256 KB until 2026)."""
_REQUIRED = ("Source", "DetailType", "Detail")
_TIME_SIZE = 14


class RefusedRequestError(ValueError):
    """The whole request is refused; none of it is published."""


def check(entries: Sequence[Mapping[str, Any]]) -> None:
    """Raises RefusedRequestError."""
    if not 1 <= len(entries) <= MAX_ENTRIES:
        raise RefusedRequestError(
            "1 validation error detected: Value '[PutEventsRequestEntry]' at 'entries' failed to "
            f"satisfy constraint: Member must have length between 1 and {MAX_ENTRIES}"
        )
    if sum(size_of(entry) for entry in entries) >= MAX_SIZE:
        raise RefusedRequestError("Total size of the entries in the request is over the limit.")
    if not any(all(entry.get(member) for member in _REQUIRED) for entry in entries):
        # botocore's model, PutEventsRequestEntry: this fails the entire request.
        raise RefusedRequestError(f"no entry has {', '.join(_REQUIRED)}")


def size_of(entry: Mapping[str, Any]) -> int:
    """Bytes, as EventBridge's user guide counts them ("Calculating PutEvents event entry size")."""
    texts = [entry.get(member) or "" for member in _REQUIRED]
    size = sum(len(text.encode()) for text in (*texts, *entry.get("Resources", ())))
    return size + (_TIME_SIZE if entry.get("Time") is not None else 0)


def refusal_of(entry: Mapping[str, Any]) -> dict[str, str] | None:
    """ErrorCode and ErrorMessage of an entry that is not published (API reference,
    PutEventsResultEntry); None for one that is."""
    for member in _REQUIRED:
        if not entry.get(member):
            return _refused(
                "InvalidArgument",
                f"Parameter {member} is not valid. Reason: {member} is a required argument.",
            )
    if len(entry["DetailType"]) > 128:
        return _refused(
            "InvalidArgument",
            "Parameter DetailType is not valid. Reason: it has more than 128 characters.",
        )
    if entry["Source"].lower().startswith("aws."):
        return _refused("NotAuthorizedForSourceException", "Not authorized for the source.")
    try:
        detail = json.loads(entry["Detail"])
    except ValueError:
        detail = None
    if not isinstance(detail, dict):
        return _refused("MalformedDetail", "Detail is malformed.")
    return None


def event_of(entry: Mapping[str, Any], account_id: str, region: str, now: float) -> dict[str, Any]:
    """The event in the form that moto's rules take."""
    return {
        "version": "0",
        "id": str(uuid.uuid4()),
        "detail-type": entry["DetailType"],
        "source": entry["Source"],
        "account": account_id,
        "time": float(entry["Time"]) if entry.get("Time") is not None else now,
        "region": region,
        "resources": list(entry.get("Resources", ())),
        "detail": json.loads(entry["Detail"]),
    }


def _refused(code: str, message: str) -> dict[str, str]:
    return {"ErrorCode": code, "ErrorMessage": message}
