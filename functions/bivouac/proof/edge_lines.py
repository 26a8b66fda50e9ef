"""What a proof client's log says, one JSON object in a line, whenever its result changes. Pure.

    {"edge": "api:8080", "said": "HTTP 500, expected 200-299", "code": 12, "status": 500,
     "failures": 0, "asked": 0}

The program writes it (`report` of edge_client.py), and only this reads it. `said` is for people;
`code` is the exit code if it ended now; `status` is 0 unless HTTP was answered; `failures` and
`asked` are the row's (edge_rules.py). Whatever else stands in a log is no reading, and no meaning
is guessed from it: words, lines about another edge, half lines, what Python or the image prints.
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import dataclass

from bivouac.environment.blueprint import Edge
from bivouac.proof import edge_rules, row
from bivouac.proof.edge_command import EXIT_MEANING, FAULTS
from bivouac.proof.fault import Fault
from bivouac.redaction.text import redacted

SAID_LIMIT = 200
LINE_LIMIT = 3_000
"""Characters of the longest line that is read: an alias and what is said, each escaped."""


@dataclass(frozen=True)
class Reading:
    said: str
    """For people; redacted, at most SAID_LIMIT characters."""
    code: int
    status: int | None
    """HTTP."""
    failures: int
    asked: int

    @property
    def fault(self) -> Fault | None:
        """None if the last answer was right, and the server is not unsteady."""
        if self.failures >= row.UNSTEADY and self.code != edge_rules.NO_NAME:
            return Fault.UNSTEADY
        return FAULTS.get(self.code)


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
            "failures": int(failures),
            "asked": int(asked),
        } if about == _alias(edge) and code in EXIT_MEANING and 0 <= failures <= asked:
            known = status if 100 <= status <= 999 else None
            return Reading(redacted(said, SAID_LIMIT), code, known, failures, asked)
    return None


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
