"""Names of secrets, and the values that are none all the same. Pure."""

from __future__ import annotations

import re

NOUN = (
    r"(?:pass(?:word|wd|phrase|code)s?|pwd|secrets?|tokens?|credentials?|signature"
    r"|(?:api|app|access|account|auth|client|deploy|encryption|hmac|jwt|license|master|private"
    r"|secret|service|session|shared|signing|ssh|storage|subscription)[_. -]?keys?"
    r"|key[_-]?base|(?<![a-z])(?:psk|sig(?==))|(?<=[_-])(?:pass|pw|auth)"
    r"|\bpass(?=[\"']?\s?[:=])|(?<=[\"'])auth(?=[\"']))"
)
"""What the name of a secret ends with; matched without regard to case."""
ADDITION = (
    r"(?:[_-]?(?:[0-9]{1,3}|value|plain|plaintext|text|string|base64|b64|dev|test|staging|stage"
    r"|prod|production|old|new|current|previous|primary|secondary))"
)
"""What may follow: DB_PASSWORD_PROD is a secret, DB_PASSWORD_FILE is none."""

_WORD_ENDS = re.compile(r"(?<=[a-z0-9])(?=[A-Z])|[.\s-]")
_SECRET = re.compile(rf"{NOUN}{ADDITION}{{0,3}}$", re.IGNORECASE)
_ONLY_PASS = re.compile(r"(?:^|_)pass$", re.IGNORECASE)
_PUBLIC = re.compile(r"(?:^|_)(?:public|publishable|max|min|num|limit|count)(?:_|$)", re.IGNORECASE)
_PLURAL = re.compile(r"s$", re.IGNORECASE)

_NO_VALUE = re.compile(
    r"""(?ix) (?: true|false|yes|no|on|off|null|none|nil|undefined|unset|n/a
    | [*x.-]{3,64} | \*{1,2} | [|>][+-]? | <[\w\s./-]{1,64}>
    | \[redacted\]? | \[(?:redacted|hidden|filtered|masked|secret)\]
    | \$\{[^}]{1,128}\} | \$\([^)]{1,128}\) | \$[A-Z_][A-Z0-9_]{1,64} | \{\{[^}]{1,128}\}\}
    | %[sdvr]
    | arn:aws[\w-]{0,12}:[\w-]{1,64}:[\w-]{0,32}:\d{0,12}:[\w/+.@:*!-]{1,512}
    )"""
)
_PATH = re.compile(
    r"""(?x) (?: file:/{1,3} | \.{1,2}/
    | /(?=(?:app|config|data|dev|etc|home|mnt|opt|proc|root|run|secrets|srv|tmp|usr|var)(?:/|$)) )
    [a-z0-9_.-]+ (?:/[A-Za-z0-9_.-]+)*"""
)
"""A secret in Base64 can begin with a slash, too, but hardly with a directory of every system."""
_AROUND = "\"'`\\,;.:!?)]} \t"


def is_secret(name: str) -> bool:
    """Whether a variable of this name holds a secret: DB_PASS and apiKey do, TOKEN_TTL and
    LLM_MAX_TOKENS do not."""
    words = _WORD_ENDS.sub("_", name)
    if _PUBLIC.search(words):
        return False
    return bool(_SECRET.search(words) or _ONLY_PASS.search(words))


def is_no_value(value: str, name: str = "") -> bool:
    """Whether the value tells nothing: nothing, true, an ARN, a path, a reference to something
    else, or for a name in the plural a number."""
    bare, unquoted = value.strip(_AROUND), value.strip(" \"'")
    return (
        not bare
        or bool(_NO_VALUE.fullmatch(unquoted) or _NO_VALUE.fullmatch(bare))
        or bool(_PATH.fullmatch(unquoted) or _PATH.fullmatch(bare))
        or (bare.isdecimal() and bool(_PLURAL.search(name)))
    )
