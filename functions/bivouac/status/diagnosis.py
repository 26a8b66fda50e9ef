"""Why an environment failed, in the form of the status document. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from bivouac.json_types import Json


def diagnosis(failure: Mapping[str, Any]) -> Json:
    """`failure`: in the form of the record. Its error and cause are those of the execution."""
    verdicts = [_verdict(entry) for entry in failure.get("verdicts") or ()]
    since = {"since": failure["since"]} if "since" in failure else {}
    return {
        "error": failure.get("error"),
        "cause": failure.get("cause"),
        "category": failure.get("category"),
        "nextStep": verdicts[0].get("nextStep") if verdicts else None,
        "verdicts": verdicts,
        **since,
    }


def _verdict(entry: Mapping[str, Any]) -> Json:
    """Without empty fields, and named like all other fields."""
    named = {"nextStep" if name == "next_step" else name: value for name, value in entry.items()}
    optional = ("task", "container", "edges")
    return {name: value for name, value in named.items() if value or name not in optional}
