"""AWS's answers without what belongs to one account: fit to be kept, and still shaped as they came.

The same value always becomes the same stand-in, so that what belonged together still does.
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Callable
from datetime import date, datetime
from ipaddress import ip_address
from typing import Any

ACCOUNT = "111122223333"
_LEFT_OUT = ("ResponseMetadata", "RequestId", "requestId", "taskToken", "nextToken")

_HEX = "[0-9a-f]"
_UUID = rf"\b{_HEX}{{8}}-{_HEX}{{4}}-{_HEX}{{4}}-{_HEX}{{4}}-{_HEX}{{12}}\b"
_SECRET = re.compile(r"\b(AKIA|ASIA)[A-Z0-9]{16}\b|-----BEGIN")


class NotScrubbedError(Exception):
    """An answer has something that must not be kept, and that nobody knows how to replace."""


class Scrubber:
    def __init__(self) -> None:
        self._known: dict[str, dict[str, str]] = defaultdict(dict)

    def scrubbed(self, answer: Any) -> Any:
        """As JSON: moments become text. Raises NotScrubbedError."""
        if isinstance(answer, dict):
            return {
                str(name): self.scrubbed(value)
                for name, value in answer.items()
                if name not in _LEFT_OUT
            }
        if isinstance(answer, (list, tuple)):
            return [self.scrubbed(each) for each in answer]
        if isinstance(answer, (datetime, date)):
            return answer.isoformat()
        if isinstance(answer, str):
            return self._text(answer)
        if answer is None or isinstance(answer, (bool, int, float)):
            return answer
        raise NotScrubbedError(f"a {type(answer).__name__} is no JSON")

    def _text(self, text: str) -> str:
        if _SECRET.search(text):
            raise NotScrubbedError("an access key or a private key")
        for kind, pattern, stand_in in _STAND_INS:
            text = pattern.sub(lambda found: self._instead(kind, found, stand_in), text)  # noqa: B023
        return text

    def _instead(self, kind: str, found: re.Match[str], stand_in: StandIn) -> str:
        known = self._known[kind]
        value = found[0]
        if value not in known:
            known[value] = stand_in(found, len(known) + 1)
        return known[value]


StandIn = Callable[[re.Match[str], int], str]


def _address(found: re.Match[str], number: int) -> str:
    try:
        address = ip_address(found[0])
    except ValueError:
        return found[0]
    # 10.0.0.0/8 is anybody's; 203.0.113.0/24 is for documentation (RFC 5737).
    return f"10.0.0.{number}" if address.is_private else f"203.0.113.{number}"


_STAND_INS: tuple[tuple[str, re.Pattern[str], StandIn], ...] = (
    (
        "host",
        re.compile(r"\b[\w-]+(\.[\w-]+)*\.internal\b"),
        lambda _, number: f"host-{number}.example.internal",
    ),
    (
        "person",
        re.compile(r"\b[\w.+-]+@[\w-]+(\.[\w-]+)+\b"),
        lambda _, number: f"person-{number}@example.com",
    ),
    (
        "identity",
        re.compile(r"(?<=:)(role|user|assumed-role|federated-user)/[\w+=,.@/-]+"),
        lambda found, number: f"{found[1]}/example-{number}",
    ),
    ("uuid", re.compile(_UUID), lambda _, number: f"00000000-0000-4000-8000-{number:012d}"),
    ("account", re.compile(r"(?<!\d)\d{12}(?!\d)"), lambda *_: ACCOUNT),
    ("address", re.compile(r"(?<![\d.])\d{1,3}(\.\d{1,3}){3}(?![\d.])"), _address),
    (
        "mac",
        re.compile(rf"\b{_HEX}{{2}}(:{_HEX}{{2}}){{5}}\b"),
        lambda _, number: f"02:00:00:00:00:{number:02x}",
    ),
    (
        "ipv6",
        re.compile(rf"(?<![\w:])({_HEX}{{1,4}}:){{2,7}}:?({_HEX}{{1,4}}:?)*(?![\w:])"),
        lambda _, number: f"2001:db8::{number:x}",
    ),
    (
        "network",
        re.compile(rf"\b(eni|subnet|sg|vpc|eni-attach)-{_HEX}{{8,17}}\b"),
        lambda found, number: f"{found[1]}-{number:017x}",
    ),
)
"""In this order: what one replaces, a later one may have to leave alone."""
