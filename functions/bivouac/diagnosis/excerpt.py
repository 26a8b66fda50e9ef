"""What matters of a long message of AWS's, so that no cut loses it. Pure."""

from __future__ import annotations

import re

from bivouac.redaction.text import redacted

WHOLE = 2_000
"""Characters of a message that are read."""
_BETWEEN = " … "

_DENIED = re.compile(
    r"(?P<who>\S{1,300}) is not authorized to perform: (?P<what>[\w:*-]{1,100})"
    r"(?: on resource: (?P<which>[^\s,;]{1,500}))?"
)
"""IAM's words. Recorded: public reports of 2024 and 2025."""
_ASSUMED_ROLE = re.compile(r"arn:aws[\w-]*:sts::[^:]*:assumed-role/([^/\s]+)/")


def denial(text: str) -> str | None:
    """Who may not do what on which resource; None if the message does not say that."""
    found = _DENIED.search(text[:WHOLE])
    if found is None:
        return None
    role = _ASSUMED_ROLE.match(found["who"])
    who = f"the role {role[1]}" if role else found["who"]
    which = f" on {found['which'].rstrip('.')}" if found["which"] else ""
    return f"{who} may not perform {found['what']}{which}"


def shortened(text: str, length: int) -> str:
    """One line without likely secrets, of at most `length` characters: its beginning, which names
    the error, and its end, where AWS's messages name the reason."""
    line = redacted(text, WHOLE)
    if len(line) <= length:
        return line
    beginning = (length - len(_BETWEEN)) // 3
    end = length - len(_BETWEEN) - beginning
    return f"{line[:beginning]}{_BETWEEN}{line[-end:]}"
