"""What a proof client's log says, one JSON object in a line, whenever its result changes. Pure.

    {"edge": "api:8080", "said": "HTTP 500, expected 200-299", "code": 12, "status": 500,
     "reached": true, "failures": 0, "asked": 0}

The program writes it (`report` of edge_client.py), and only this reads it. `said` is for people;
`code` is the exit code if it ended now; `status` is 0 unless HTTP was answered; `reached`: whether
the server's proxy, or what is behind it, has answered; `failures` and `asked` are the row's
(edge_row.py). Whatever else stands in a log is no reading, and no meaning is guessed from it: lines
of another version or about another edge, half lines, what Python or the image prints.
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import dataclass

from bivouac.environment.blueprint import Edge
from bivouac.proof import edge_client, row
from bivouac.proof.fault import Fault
from bivouac.redaction.text import redacted

SAID_LIMIT = 200
LINE_LIMIT = 3_000
"""Characters of the longest line that is read: an alias and what is said, each escaped."""

_FAULTS = {edge_client.NO_NAME: Fault.NAME, edge_client.WRONG_STATUS: Fault.STATUS}


@dataclass(frozen=True)
class Reading:
    said: str
    """For people; redacted, at most SAID_LIMIT characters."""
    code: int
    status: int | None
    """HTTP."""
    reached: bool
    failures: int
    asked: int

    @property
    def fault(self) -> Fault | None:
        """None if the last answer was right, and the server is not unsteady."""
        if self.failures >= row.UNSTEADY and self.code != edge_client.NO_NAME:
            return Fault.UNSTEADY
        if self.code == edge_client.NO_CONNECTION:
            return Fault.NO_ANSWER if self.reached else Fault.CONNECTION
        return _FAULTS.get(self.code)


def read(line: str, edge: Edge) -> Reading | None:
    """None if it is no whole line about this edge."""
    try:
        content = json.loads(line) if len(line) <= LINE_LIMIT else None
    except (ValueError, RecursionError):
        return None
    match content:
        case {
            "edge": str(about),
            "said": str(said),
            "code": int(code),
            "status": int(status),
            "reached": bool(reached),
            "failures": int(failures),
            "asked": int(asked),
        } if about == _alias(edge) and code in _CODES and 0 <= failures <= asked:
            known = status if 100 <= status <= 999 else None
            return Reading(redacted(said, SAID_LIMIT), code, known, reached, failures, asked)
    return None


_CODES = (
    edge_client.PROVEN,
    edge_client.NO_NAME,
    edge_client.NO_CONNECTION,
    edge_client.WRONG_STATUS,
)


def last(lines: Iterable[str], edge: Edge) -> Reading | None:
    """What a log said last about the edge, if it said anything."""
    found = [reading for line in lines if (reading := read(line, edge))]
    return found[-1] if found else None


def told(reading: Reading, edge: Edge) -> str:
    """For people, with the alias that was called."""
    said = reading.said
    if reading.failures >= row.UNSTEADY:
        said = row.unsteady(reading.failures, reading.asked, said)
    return f"{_alias(edge)} {said}"


def for_people(line: str, edge: Edge) -> str:
    """A line as people read it; what is no reading stays as it is."""
    reading = read(line, edge)
    return told(reading, edge) if reading else line


def _alias(edge: Edge) -> str:
    return f"{edge.dns_name}:{edge.port}"
