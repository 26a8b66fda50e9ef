"""Private keys in PEM, whole or in part, in one line or in many. Pure, and in linear time."""

from __future__ import annotations

import re
from collections.abc import Iterator

_LABEL = r"[A-Z0-9 ]{0,40}(?:PRIVATE KEY|KEY BLOCK)"
_EDGE = re.compile(rf"-----(?:(?P<begins>BEGIN)|END) {_LABEL}(?:-----)?")
_BREAK = re.compile(r"(?:\s|\\[nr])+")
_WHOLE_LINE = re.compile(r"[A-Za-z0-9+/=]{60,}")
_LAST_LINE = re.compile(r"[A-Za-z0-9+/=]+")
_LOOKED_BACK = 8_000
"""Characters before an END whose BEGIN is out of sight: a key of 8,192 bits has 6,400."""


def spans(text: str) -> Iterator[tuple[int, int]]:
    """Where keys stand. One that does not end goes to the end of the text; of one that began before
    the text, the lines before its END."""
    begin: int | None = None
    past = 0
    for edge in _EDGE.finditer(text):
        if edge["begins"]:
            begin = edge.start() if begin is None else begin
            continue
        yield _tail(text, past, edge.start()) if begin is None else begin, edge.end()
        begin, past = None, edge.end()
    if begin is not None:
        yield begin, len(text)


def body_only(line: str) -> bool:
    """Whether the line can only be one from within a key."""
    return bool(_WHOLE_LINE.fullmatch(line.strip()))


def _tail(text: str, past: int, end: int) -> int:
    """Where the part of a key begins that ends at `end`."""
    start = max(past, end - _LOOKED_BACK)
    pieces = [(start, end)]
    for found in _BREAK.finditer(text, start, end):
        pieces[-1] = (pieces[-1][0], found.start())
        pieces.append((found.end(), end))
    line = _LAST_LINE
    for begin, stop in reversed(pieces):
        if begin < stop:
            if not line.fullmatch(text, begin, stop):
                break
            end, line = begin, _WHOLE_LINE
    return end
