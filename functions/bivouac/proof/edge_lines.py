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

from bivouac.environment.blueprint import Edge
from bivouac.proof import edge_rules, row
from bivouac.proof.edge_command import EXIT_MEANING, FAULTS
from bivouac.proof.fault import Fault
from bivouac.proof.mesh import EdgeReading, State
from bivouac.redaction.text import redacted

SAID_LIMIT = 200
"""Characters of what is said, which is redacted."""
LINE_LIMIT = 3_000
"""Characters of the longest line that is read: an alias and what is said, each escaped."""


def read(line: str, edge: Edge) -> EdgeReading | None:
    """PENDING if the last answer was right, and the server is not unsteady; None if it is no whole
    line about this edge."""
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
        } if about == edge.alias and code in EXIT_MEANING and 0 <= failures <= asked:
            fault, told = FAULTS.get(code), redacted(said, SAID_LIMIT)
            if failures >= row.UNSTEADY:
                told = row.unsteady(failures, asked, told)
                fault = Fault.NAME if code == edge_rules.NO_NAME else Fault.UNSTEADY
            state = State.NG if fault else State.PENDING
            known = status if 100 <= status <= 999 else None
            return EdgeReading(edge, state, f"{edge.alias} {told}", fault, known)
    return None


def last(lines: Iterable[str], edge: Edge) -> EdgeReading | None:
    """What a log said last about the edge, if it said anything."""
    found = [reading for line in lines if (reading := read(line, edge))]
    return found[-1] if found else None


def for_people(line: str, edge: Edge) -> str:
    """A line as people read it, with the alias that was called; what is no reading stays as it
    is."""
    reading = read(line, edge)
    return reading.observed if reading else line
