"""The rules of tags. Pure.

Source: https://docs.aws.amazon.com/AmazonECS/latest/APIReference/API_Tag.html
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator, Mapping, Sequence

from bivouac.environment import naming
from bivouac.json_types import ReadOnlyJson
from bivouac.request.findings import Problem

MOST_TAGS = 50
OWN_TAGS = 7
"""Tags of Bivouac's own on a service (environment/naming)."""
LONGEST_KEY, LONGEST_VALUE = 128, 256
_USUAL = re.compile(r"[A-Za-z0-9 _.:/=+@-]+")


def list_problems(tags: Sequence[ReadOnlyJson], path: str) -> Iterator[Problem]:
    """Of ECS's form: a list of key and value."""
    keys = [tag.get("key") for tag in tags]
    for index, tag in enumerate(tags):
        if not keys[index]:
            yield Problem(f"{path}[{index}].key", "a tag needs a key")
            continue
        yield from problems({tag["key"]: tag.get("value", "")}, f"{path}[{index}]")
        if keys[index] in keys[:index]:
            yield Problem(f"{path}[{index}].key", f"{keys[index]!r} is given twice; once is enough")


def problems(tags: Mapping[str, str], path: str) -> Iterator[Problem]:
    for key, value in tags.items():
        if key.lower().startswith(naming.RESERVED_TAG_PREFIXES):
            yield Problem(path, f"the key {key!r} is reserved; choose one without that beginning")
        if value.lower().startswith("aws:"):
            yield Problem(path, f"the value of {key!r} begins with aws:, which AWS reserves")
        if not 1 <= len(key) <= LONGEST_KEY:
            yield Problem(path, f"a key has 1 to {LONGEST_KEY} characters, this one {len(key)}")
        if len(value) > LONGEST_VALUE:
            yield Problem(
                path, f"the value of {key!r} has {len(value)} characters; at most {LONGEST_VALUE}"
            )
        for text in (key, value):
            unusual = _USUAL.sub("", text)
            if wrong := [each for each in unusual if unicodedata.category(each)[0] not in "LZN"]:
                yield Problem(
                    path,
                    f"{wrong[0]!r} is no character of a tag; those are letters, digits, spaces "
                    "and _ . : / = + - @",
                )


def count_problems(count: int, path: str) -> Iterator[Problem]:
    """`count`: the request's and the service's together."""
    if count + OWN_TAGS > MOST_TAGS:
        yield Problem(
            path,
            f"with the request's tags there are {count}, and Bivouac adds {OWN_TAGS}; ECS takes "
            f"{MOST_TAGS} on a resource",
        )
