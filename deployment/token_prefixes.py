"""Writes functions/bivouac/redaction/token_prefixes.py from the rules of gitleaks.

`python -m deployment.token_prefixes gitleaks.toml 8.30.1`, with config/gitleaks.toml of that
release."""

from __future__ import annotations

import re
import sys
import tomllib
from collections.abc import Iterator, Sequence
from itertools import product
from pathlib import Path
from re import _constants, _parser  # type: ignore[attr-defined]
from typing import Any

ROOT = Path(__file__).parents[1]

WRITTEN = ROOT / "functions" / "bivouac" / "redaction" / "token_prefixes.py"
SHORTEST = 3
"""Characters of a beginning."""
MOST_WAYS = 16
"""Beginnings of one rule that are written out."""
WORDS = """
-----BEGIN 4b1d A3- API- access-development- access-production- access-sandbox- ext_ key- live_
live_pub_ pat. pk. pubkey- sat. sc_ sl. t1. test_ test_pub_ v1.0-
"""
"""Beginnings that other text has, too."""
HEAD = '''"""How the tokens of well-known services begin. Written by deployment/token_prefixes.py.

Source: config/gitleaks.toml of gitleaks {version} (https://github.com/gitleaks/gitleaks),
MIT License, Copyright (c) 2019 Zachary Rice."""

PREFIXES = """
{prefixes}
"""
'''


def prefixes(rules: Sequence[dict[str, Any]]) -> list[str]:
    """The literal prefixes of the secrets that the rules recognise by their form."""
    found = {prefix for rule in rules if "regex" in rule for prefix in _of_rule(rule["regex"])}
    return sorted(found.difference(WORDS.split()))


def _of_rule(expression: str) -> Iterator[str]:
    parsed = _parser.parse(_in_python(expression))
    secret = next(
        (argument[3] for kind, argument in parsed if kind is _constants.SUBPATTERN and argument[0]),
        parsed,
    )
    ways, _ = _beginnings(list(secret))
    return (way for way in ways if len(way) >= SHORTEST and not re.fullmatch("[a-z:/]+", way))


def _in_python(expression: str) -> str:
    """Go's dialect: flags anywhere, POSIX classes, another end of the text."""
    without_flags = re.sub(r"\(\?i\)", "", expression)
    return without_flags.replace("[:alnum:]", "A-Za-z0-9").replace(r"\z", r"\Z")


def _beginnings(parts: Sequence[tuple[Any, Any]]) -> tuple[list[str], bool]:
    """All possible beginnings of the parts, and whether these are complete."""
    ways = [""]
    for kind, argument in parts:
        whole = True
        match kind:
            case _constants.LITERAL:
                more = [chr(argument)]
            case _constants.SUBPATTERN:
                more, whole = _beginnings(list(argument[3]))
            case _constants.BRANCH:
                branches = [_beginnings(list(branch)) for branch in argument[1]]
                more = [way for branch, _ in branches for way in branch]
                whole = all(complete for _, complete in branches)
            case _constants.IN if all(each[0] is _constants.LITERAL for each in argument):
                more = [chr(each[1]) for each in argument]
            case _constants.AT:
                continue
            case _:
                return ways, False
        if len(ways) * len(more) > MOST_WAYS:
            return ways, False
        ways = [one + other for one, other in product(ways, more)]
        if not whole:
            return ways, False
    return ways, True


def main() -> None:
    source, version = sys.argv[1:]
    rules = tomllib.loads(Path(source).read_text(encoding="utf-8"))["rules"]
    text = HEAD.format(version=version, prefixes="\n".join(prefixes(rules)))
    WRITTEN.write_text(text, encoding="utf-8")


if __name__ == "__main__":
    main()
