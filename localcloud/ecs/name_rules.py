"""Rules for names, tokens and tags that several ECS operations share. Pure."""

from __future__ import annotations

import re
import unicodedata
from collections import Counter
from collections.abc import Mapping, Sequence

from localcloud.ecs import errors

MOST_TAGS = 50

_NAME = re.compile(r"[a-zA-Z0-9_-]{1,255}")
_CLIENT_TOKEN = re.compile(r"[!-~]{1,36}")
_NOT_IN_A_NAMESPACE_NAME = set('<>"/')


def check_name(kind: str, name: str) -> None:
    """Cluster, service and family names: up to 255 letters, digits, underscores and hyphens."""
    if not _NAME.fullmatch(name):
        raise errors.invalid_parameter(
            f"{kind} {name!r} is invalid: up to 255 letters (uppercase and lowercase), numbers, "
            "underscores, and hyphens are allowed."
        )


def check_client_token(token: str) -> None:
    if not _CLIENT_TOKEN.fullmatch(token):
        raise errors.invalid_parameter(
            "clientToken is invalid: up to 36 ASCII characters in the range 33 to 126."
        )


def check_tags(tags: Sequence[Mapping[str, str]]) -> None:
    repeated = [key for key, times in Counter(tag["key"] for tag in tags).items() if times > 1]
    if repeated:
        raise errors.invalid_parameter(f"Duplicate tag keys: {', '.join(repeated)}")
    reserved = [
        tag["key"]
        for tag in tags
        if any(text.lower().startswith("aws:") for text in (tag["key"], tag.get("value", "")))
    ]
    if reserved:
        raise errors.invalid_parameter(
            f"Tag keys starting with 'aws:' are reserved for system use: {', '.join(reserved)}"
        )
    wrong = [
        character
        for tag in tags
        for character in tag["key"] + tag.get("value", "")
        if not _of_tags(character)
    ]
    if wrong:
        raise errors.invalid_parameter(f"Tags cannot contain the character {wrong[0]!r}.")


def _of_tags(character: str) -> bool:
    """`[\\p{L}\\p{Z}\\p{N}_.:/=+\\-@]` in the model, which Python's re cannot read."""
    return unicodedata.category(character)[0] in "LZN" or character in "_.:/=+-@"


def check_namespace_name(name: str) -> None:
    """ECS accepts fewer namespace names than Cloud Map (N07)."""
    if not name or len(name) > 1024 or set(name) & _NOT_IN_A_NAMESPACE_NAME:
        raise errors.invalid_parameter(
            f"The namespace name {name!r} is invalid: 1 to 1024 characters, "
            'without the characters < > " /.'
        )
