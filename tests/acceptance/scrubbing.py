"""AWS's answers without what identifies an account, in their original form.

The same value always gets the same placeholder, so that what belonged together still does.
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

_SECRET = re.compile(r"\b(AKIA|ASIA)[A-Z0-9]{16}\b|-----BEGIN")


class NotScrubbedError(Exception):
    """An answer has something that must not be kept, and that cannot be replaced."""


class Scrubber:
    def __init__(self) -> None:
        self._known: dict[str, dict[str, str]] = defaultdict(dict)

    def scrubbed(self, answer: Any) -> Any:
        """As JSON: times become text. Raises NotScrubbedError."""
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
        return _ANY.sub(self._instead, text)

    def _instead(self, found: re.Match[str]) -> str:
        kind, value = str(found.lastgroup), found[0]
        known = self._known[kind]
        if value not in known:
            known[value] = _STAND_INS[kind](value, len(known) + 1)
        return known[value]


def _address(value: str, number: int) -> str:
    try:
        address = ip_address(value)
    except ValueError:
        return value  # a time, or a version
    if address.version == 6:
        return f"2001:db8::{number:x}"  # for documentation (RFC 3849), like the next but one
    if address.is_private:
        return f"10.0.{number // 256}.{number % 256}"
    return f"203.0.113.{number}"  # RFC 5737


_PATTERNS = {
    "host": r"\b[\w-]+(?:\.[\w-]+)*\.internal\b",
    "person": r"\b[\w.+-]+@[\w-]+(?:\.[\w-]+)+\b",
    "identity": r"(?<=:)(?:role|user|assumed-role|federated-user)/[\w+=,.@/-]+",
    "uuid": r"\b[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}\b",
    "account": r"(?<!\d)\d{12}(?!\d)",
    "ipv4": r"(?<![\d.])\d{1,3}(?:\.\d{1,3}){3}(?![\d.])",
    "mac": r"\b[0-9a-f]{2}(?::[0-9a-f]{2}){5}\b",
    "ipv6": r"(?<![\w:.])[0-9a-fA-F]*(?::[0-9a-fA-F]*){2,7}(?![\w:.])",
    "network": r"\b(?:eni|subnet|sg|vpc|eni-attach)-[0-9a-f]{8,17}\b",
}
_ANY = re.compile("|".join(f"(?P<{kind}>{pattern})" for kind, pattern in _PATTERNS.items()))
"""All at once, so that no placeholder is replaced again."""

_STAND_INS: dict[str, Callable[[str, int], str]] = {
    "host": lambda _, number: f"host-{number}.example.internal",
    "person": lambda _, number: f"person-{number}@example.com",
    "identity": lambda value, number: f"{value.partition('/')[0]}/example-{number}",
    "uuid": lambda _, number: f"00000000-0000-4000-8000-{number:012d}",
    "account": lambda *_: ACCOUNT,
    "ipv4": _address,
    "mac": lambda _, number: f"02:00:00:00:00:{number:02x}",
    "ipv6": _address,
    "network": lambda value, number: f"{value.rpartition('-')[0]}-{number:017x}",
}
"""The placeholder, made from the value and its number among those of its kind."""
