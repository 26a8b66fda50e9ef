"""Compares the local cloud's answers with AWS's recorded ones, member by member.

A record is a file of tests/recorded: `source`, `recorded` (the date), and `answer`, in which
`<kind>` stands for a value that differs between accounts or over time; anything else is literal.
`<more>` in a list stands for any number of elements.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from pathlib import Path
from typing import Any

from botocore.model import ListShape, MapShape, Shape, StructureShape

RECORDED = Path(__file__).parents[1] / "recorded"

_UUID = r"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}"
_ID = r"[0-9a-f]{8,17}"
_KINDS = {
    "account": r"\d{12}",
    "region": r"[a-z]{2}-[a-z]+-\d",
    "zone": r"[a-z]{2}-[a-z]+-\d[a-z]",
    "name": r"[\w-]+",
    "text": r"(?s:.+)",
    "digits": r"\d+",
    "19 digits": r"\d{19}",
    "5 letters": r"[0-9A-Za-z]{5}",
    "uuid": _UUID,
    "task id": r"[0-9a-f]{32}",
    "tasks": r"\(task [0-9a-f]{32}\)(?: \(task [0-9a-f]{32}\))*",
    "zones": r"\d+ tasks in [a-z0-9-]+(?:, \d+ tasks in [a-z0-9-]+)*",
    "digest": r"sha256:[0-9a-f]{64}",
    "subnet": f"subnet-{_ID}",
    "security group": f"sg-{_ID}",
    "interface": f"eni-{_ID}",
    "vpc": f"vpc-{_ID}",
    "mac": r"[0-9a-f]{2}(?::[0-9a-f]{2}){5}",
    "ip": r"\d{1,3}(?:\.\d{1,3}){3}",
    "namespace": r"ns-[0-9a-z]{16}",
    "discovery service": r"srv-[0-9a-z]{16}",
    "operation": r"[0-9a-z]{32}-[0-9a-z]{8}",
}
"""Regular expressions for the placeholders between < and > in a record."""
_MORE = "<more>"
_ISO_8601 = re.compile(r"\d{4}-\d{2}-\d{2}T\d{2}:\d{2}:\d{2}(?:\.\d{1,3})?Z")


def recorded(name: str) -> Any:
    """The answer, event or list of a record."""
    return json.loads((RECORDED / f"{name}.json").read_text())["answer"]


def assert_as_recorded(name: str, given: Any) -> None:
    """The local cloud's answer or event has everything in the record of this name."""
    found = differences(recorded(name), given)
    assert not found, f"not as in {name}.json:\n" + "\n".join(found)


def differences(record: Any, given: Any) -> list[str]:
    """What differs from the record; members that the record does not have are ignored."""
    return list(_differences(record, given, ""))


def is_like(record: Any, given: Any) -> bool:
    return not differences(record, given)


def unknown_members(shape: Shape | None, given: Any) -> list[str]:
    """The members of an answer that the service's own model does not have."""
    return list(_unknown(shape, given, ""))


def _differences(record: Any, given: Any, path: str) -> Iterator[str]:
    if isinstance(record, Mapping):
        if not isinstance(given, Mapping):
            yield f"{path}: {given!r} is no structure"
            return
        for name, value in record.items():
            if name not in given:
                yield f"{path}.{name} is missing"
            else:
                yield from _differences(value, given[name], f"{path}.{name}")
    elif isinstance(record, list):
        yield from _list_differences(record, given, path)
    elif not _same(record, given):
        yield f"{path}: {given!r} is not {record!r}"


def _list_differences(record: list[Any], given: Any, path: str) -> Iterator[str]:
    if not isinstance(given, list):
        yield f"{path}: {given!r} is no list"
        return
    wanted, found = list(record), list(given)
    if _MORE in wanted:
        at = wanted.index(_MORE)
        wanted.remove(_MORE)
        found[at : len(found) - (len(wanted) - at)] = []
    if len(wanted) != len(found):
        yield f"{path}: {len(given)} elements, not {len(wanted)}"
        return
    for index, (one, other) in enumerate(zip(wanted, found, strict=True)):
        yield from _differences(one, other, f"{path}[{index}]")


def _same(record: Any, given: Any) -> bool:
    if record == "<integer>":
        return type(given) is int
    if record == "<time>":
        return isinstance(given, datetime) or (
            isinstance(given, str) and _ISO_8601.fullmatch(given) is not None
        )
    if isinstance(record, str) and isinstance(given, str):
        return _pattern(record).fullmatch(given) is not None
    return type(record) is type(given) and bool(record == given)


def _pattern(record: str) -> re.Pattern[str]:
    parts = re.split("<([a-z0-9 ]+)>", record)
    return re.compile(
        "".join(_KINDS[part] if odd else re.escape(part) for part, odd in _alternating(parts))
    )


def _alternating(parts: Sequence[str]) -> Iterator[tuple[str, bool]]:
    return ((part, index % 2 == 1) for index, part in enumerate(parts))


def _unknown(shape: Shape | None, given: Any, path: str) -> Iterator[str]:
    if isinstance(shape, StructureShape):
        for name, value in given.items():
            if name not in shape.members:
                yield f"{path}.{name}"
            else:
                yield from _unknown(shape.members[name], value, f"{path}.{name}")
    elif isinstance(shape, ListShape):
        for index, value in enumerate(given):
            yield from _unknown(shape.member, value, f"{path}[{index}]")
    elif isinstance(shape, MapShape):
        for name, value in given.items():
            yield from _unknown(shape.value, value, f"{path}.{name}")
