"""Makes text that others wrote safe to show: bounded, plain, and without likely secrets. Pure.

Container output and AWS's messages appear in causes, records and consoles that more people read
than the application's log (failure-modes 7.2). A likely secret is cut, even if it may be none.
Every pattern is bounded, so that the time for any line is proportional to its length.
"""

from __future__ import annotations

import re
from collections.abc import Iterable

LOG_LINES = 20
LINE_LENGTH = 300
SEARCHED = 1_000
"""Characters searched for secrets beyond those shown: a log event may have 262,144."""
MARK = "[redacted]"

_ESCAPES = re.compile(r"\x1b(?:\[[0-?]{0,16}[ -/]{0,4}[@-~]|[@-Z\\-_])")
"""Terminal control sequences (ECMA-48)."""
_INVISIBLE = re.compile("[\u00ad\u061c\u200b-\u200f\u202a-\u202e\u2060-\u206f\ufeff\ufff9-\ufffb]")
"""Characters that reverse text or are invisible (Unicode: bidirectional and format characters)."""
_CONTROL = re.compile("[\x00-\x08\x0a-\x1f\x7f-\x9f\u2028\u2029\ud800-\udfff]")

_KEY_BEGINS = re.compile(r"-----BEGIN [A-Z0-9 ]{0,40}(?:PRIVATE KEY|KEY BLOCK)")
_KEY_ENDS = re.compile(r"-----END [A-Z0-9 ]{0,40}(?:PRIVATE KEY|KEY BLOCK)")
_KEY_BODY = re.compile(r"\s*[A-Za-z0-9+/=]{60,}\s*")

_NOT_SECRET = (
    r"(?P<plain>\barn:aws[\w-]{0,12}:[\w-]{1,64}:[\w-]{0,32}:\d{0,12}:[\w/+.@:*!-]{1,512}+(?!=)"
    r"|\b(?:secretsmanager|ssm|kms|sts):[A-Z][A-Za-z]{2,60}\b)"
)
"""ARNs and IAM actions, which say what is missing: "secret:name" is not a secret."""
_OPEN = r"(?!\[redacted\])"
"""Not redacted already: evidence is redacted when it is collected, and again when it is shown."""
_VALUE = _OPEN + (
    r"(?:\\{0,4}\"(?:\\.|[^\"\\]){0,2000}+\"?|\\{0,4}'(?:\\.|[^'\\]){0,2000}+'?"
    r"|[^\s\"'][^\s]{0,2000}+)"
)
_NAMED = (
    r"(?P<name>(?:pass(?:word|wd|phrase)|pwd|secret|token|credential|signature|\bsig|"
    r"(?:api|access|account|private|encryption|master)[_ -]?key)"
    r"[\w-]{0,64}+\\{0,4}[\"']?\s{0,4}(?>=>|:=|[:=>])\s{0,4}+)" + _VALUE
)
_PATTERNS = (
    (
        re.compile(
            r"(?i)(\bauthorization\b\\{0,4}[\"']?\s{0,4}[:=]\s{0,4}+)"
            + _OPEN
            + r"(?:\\{0,4}\"[^\"]{1,2000}|\\{0,4}'[^']{1,2000}|[^\"'\\].{0,2000})"
        ),
        rf"\1{MARK}",
    ),
    (
        re.compile(r"(?i)(\b(?:set-)?cookie[\"']?\s{0,4}[:=]\s{0,4}[\"']?)[^\"']{1,2000}"),
        rf"\1{MARK}",
    ),
    (re.compile(r"(?i)(\bbearer\s{1,4})[^\s\"']{8,2000}"), rf"\1{MARK}"),
    (
        re.compile(r"(?i:(\bbasic\s{1,4}))(?=[A-Za-z]{0,64}[0-9+/=])[A-Za-z0-9+/=]{8,2000}"),
        rf"\1{MARK}",
    ),
    (
        re.compile(
            r"(?i)(\s--?[\w-]{0,64}(?:password|secret|token|key)\s{1,4})[^\s-][^\s]{0,2000}"
        ),
        rf"\1{MARK}",
    ),
    (re.compile(r"(\s(?:-u|--user)[ =]{1,4}[^\s:]{1,128}:)[^\s]{1,512}"), rf"\1{MARK}"),
    (re.compile(r"(://[^\s:/@]{0,128}:)[^\s]{1,512}(?=@)"), rf"\1{MARK}"),
    (re.compile(r"(://)[^\s:/@]{16,512}(?=@)"), rf"\1{MARK}"),
    (re.compile(r"\b((?:AKIA|ASIA)[0-9A-Z]{16}\W{1,4})[A-Za-z0-9/+]{40}\b"), rf"\1{MARK}"),
    (re.compile(r"\b(AKIA|ASIA)[0-9A-Z]{16}"), rf"\1{MARK}"),
    (
        re.compile(r"(?i)(secret[ _-]?(?:access[ _-]?)?key\W{1,8})[A-Za-z0-9/+]{40}"),
        rf"\1{MARK}",
    ),
    (re.compile(r"\beyJ[\w-]{4,2000}+\.[\w-]{4,2000}+(?:\.[\w-]{0,2000})?"), MARK),
    (
        re.compile(
            r"\b(?:gh[pousr]_|github_pat_|glpat-|xox[abeoprs]-|sk[_-]|rk_live_|npm_|AIza)"
            r"[\w-]{16,256}"
        ),
        MARK,
    ),
)
_NAMED_SECRET = re.compile(rf"(?i:{_NOT_SECRET}|{_NAMED})")


def redacted(text: str, length: int = LINE_LENGTH) -> str:
    """One line, at most `length` characters long; what is longer ends in an ellipsis."""
    searched = _INVISIBLE.sub("", _ESCAPES.sub("", text[: length + SEARCHED]))
    plain = _CONTROL.sub(" ", searched)
    for pattern, replacement in _PATTERNS:
        plain = pattern.sub(replacement, plain)
    plain = _NAMED_SECRET.sub(_without_value, plain).rstrip()
    return plain if len(plain) <= length else plain[: length - 1] + "…"


def _without_value(found: re.Match[str]) -> str:
    return found["plain"] or found["name"] + MARK


def last_lines(messages: Iterable[str]) -> list[str]:
    """The end of a container's log: a few lines, each redacted, and without any private key.

    A message may hold several lines; a key may begin in one message and end in another, or begin
    before the first."""
    lines = [line for message in messages for line in (message.splitlines() or [""])]
    shown = [redacted(line) for line in _without_keys(lines[-2 * LOG_LINES :])]
    return shown[-LOG_LINES:]


def _without_keys(lines: list[str]) -> Iterable[str]:
    inside = False
    for line in lines:
        begins, ends = _KEY_BEGINS.search(line), _KEY_ENDS.search(line)
        if begins and not inside:
            yield line[: begins.start()] + MARK
        elif inside or ends or _KEY_BODY.fullmatch(line):
            yield MARK
        else:
            yield line
        inside = (inside or bool(begins)) and not ends
