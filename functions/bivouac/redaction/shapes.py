"""Secrets that are known by their shape, whatever stands around them. Pure.

Every pattern begins with a literal or after a boundary, and repeats within bounds, so that the time
for a text is proportional to its length. What stands before the secret is the group `keep`.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import cache

from bivouac.redaction import private_keys
from bivouac.redaction.token_prefixes import PREFIXES

MARK = "[redacted]"

_MORE_PREFIXES = """
AAAAAAAAAAAAAAAAAAAAA ATATT ATBB ATCTT3 EAAG FwoGZXIvYXdz GOCSPX- IQoJb3JpZ2lu dapi dckr_oat_
dckr_pat_ dp.ct. dp.scim. dp.st. figd_ gsk_ hvr. lsv2_ nvapi- oy2 pypi- r8_ sbp_ secret_ sntrys_
tskey- whsec_ xai- xoxp- ya29.
"""
"""Tokens that gitleaks has no rule for, or knows by the words around them only, as their services
document them: Twitter, Atlassian, Facebook, AWS sessions, Google, Databricks, Docker, Doppler,
Figma, Groq, HashiCorp Vault, LangSmith, NVIDIA, NuGet, PyPI, Replicate, Supabase, Notion, Sentry,
Tailscale, Stripe, xAI, Slack."""
_TAIL = (
    r"(?=[\w.+/=~-]{0,60}?(?:[0-9]|[a-z][A-Z]|[A-Z][a-z]|[A-Za-z]{20}))(?=[^\s\"']{10})"
    r"[\w.+/=~%-]{10,2000}"
)
"""No word: a digit, small letters beside capital ones, or more letters than a word has."""
_IN_ADDRESS = "a password in an address"
_PLACEHOLDER = r"(?!\$\{|\$\(|<[\w -]{1,64}>@|\*{2,64}@|\{\{|\[redacted\]|%s@)"


@cache
def _shapes() -> tuple[tuple[str, re.Pattern[str]], ...]:
    """What each is called, and its pattern. Compiled when first needed, for cold starts."""
    prefixes = "|".join(sorted(map(re.escape, {*PREFIXES.split(), *_MORE_PREFIXES.split()})))
    patterns = {
        "an AWS access key": (
            r"\b(?:AKIA|ASIA)[0-9A-Z]{16}(?:\W{1,4}[A-Za-z0-9/+]{40}\b)?"
            r"|(?P<keep>(?i:secret[ _-]?(?:access[ _-]?)?key)\W{1,8})[A-Za-z0-9/+]{40}(?![\w/+])"
        ),
        "a JSON Web Token": r"\beyJ[\w-]{4,2000}+(?:\.[\w-]{0,2000}+){1,4}",
        "a token of a well-known service": (
            rf"(?<![A-Za-z0-9])(?:{prefixes}){_TAIL}"
            r"|\bSK[0-9a-f]{32}\b|\bkey-[0-9a-f]{32}\b|\b[0-9a-f]{32}-us[0-9]{1,2}\b"
            r"|\b[0-9]{8,10}:AA[\w-]{30,40}|\b[\w.~]{3}[0-9]Q~[\w.~-]{31,34}"
            r"|\b[A-Za-z0-9]{14}\.atlasv1\.[\w=-]{10,200}"
        ),
        "the address of a webhook": (
            r"(?P<keep>\bhooks\.slack\.com/(?:services|workflows|triggers)/"
            r"|\bdiscord(?:app)?\.com/api/webhooks/|\bwebhook\.office\.com/webhookb2/)\S{8,2000}"
        ),
        _IN_ADDRESS: (
            rf"(?P<keep>://[^\s:/@]{{0,128}}:){_PLACEHOLDER}[^\s]{{1,512}}(?=@)"
            r"|(?P<keep>\b[\w.-]{1,64}:)(?!//)[^\s:@/]{1,128}(?=@(?:tcp|unix)\()"
            r"|(?P<keep>(?<![\w./:@-])[\w.-]{1,64}:)(?!//)[^\s:@/]{3,128}"
            r"(?=@(?!sha256:)[\w.-]{1,128}:[0-9]{2,5}\b)"
            r"|(?P<keep>(?:(?<![\w./:@-])|(?<=thin:))\w{1,64}/)[^\s/@]{1,128}(?=@(?://)?[\w.-]{1,128}:[0-9]{2,5}/)"
        ),
    }
    return tuple((kind, re.compile(_numbered(text), re.DOTALL)) for kind, text in patterns.items())


def _possible(text: str) -> Iterator[tuple[str, re.Pattern[str]]]:
    """The shapes that the text may have: every password in an address is followed by @, and its
    pattern takes longer than the others."""
    for kind, pattern in _shapes():
        if kind != _IN_ADDRESS or "@" in text:
            yield kind, pattern


def _numbered(pattern: str) -> str:
    """Python allows a name for one group only; `_keep` reads keep0, keep1, ..."""
    numbers = iter(range(len(pattern)))
    return re.sub(r"\(\?P<keep>", lambda _: f"(?P<keep{next(numbers)}>", pattern)


def _keep(found: re.Match[str]) -> str:
    return next((text for text in found.groupdict().values() if text), "")


def kinds(text: str) -> Iterator[str]:
    """What kinds of secrets the text holds, such as "a private key"."""
    if "-----" in text and any(True for _ in private_keys.spans(text)):
        yield "a private key"
    yield from (kind for kind, pattern in _possible(text) if pattern.search(text))


def without(text: str) -> str:
    """The text with MARK in place of each secret."""
    for _, pattern in _possible(text):
        text = pattern.sub(lambda found: _keep(found) + MARK, text)
    return text
