"""Makes text that others wrote safe to show: bounded, plain, and without likely secrets. Pure.

Container output and AWS's messages appear in causes, records and consoles that more people read
than the application's log (failure-modes 7.2). What only may be a secret is cut, unless it says
what went wrong: an ARN, a path, a word of a sentence. Every pattern is bounded, so that the time
for any line is proportional to its length. The long ones are texts that `re` compiles, and keeps,
when they are first used: they would take 25 ms of every cold start.
"""

from __future__ import annotations

import re
from collections.abc import Iterable

from bivouac.redaction import names, private_keys, shapes
from bivouac.redaction.shapes import MARK

LOG_LINES = 20
LINE_LENGTH = 300
SEARCHED = 1_000
"""Characters searched for secrets beyond those shown: a log event may have 262,144."""
KEY_SEARCHED = 8_000
"""The same for private keys, whose end tells what their beginning is."""

_ESCAPES = re.compile(r"\x1b(?:\[[0-?]{0,16}[ -/]{0,4}[@-~]|[@-Z\\-_])")
"""Terminal control sequences (ECMA-48)."""
_INVISIBLE = re.compile("[\u00ad\u061c\u200b-\u200f\u202a-\u202e\u2060-\u206f\ufeff\ufff9-\ufffb]")
"""Characters that reverse text or are invisible (Unicode: bidirectional and format characters)."""
_CONTROL = re.compile("[\x00-\x08\x0a-\x1f\x7f-\x9f\u2028\u2029\ud800-\udfff]")

_OPEN = r"(?!\[redacted\])"
"""Not redacted already: evidence is redacted when it is collected, and again when it is shown."""
_QUOTE = r"(?:\\{0,4}[\"'`]|%22|&quot;|&#34;)"
_IS = rf"{_QUOTE}?\s{{0,4}}(?>=>|:=|[:=>]|%3D|%3A)\s{{0,4}}+"
_QUOTED = r"\\{0,4}\"(?:\\.|[^\"\\]){0,2000}+\"?|\\{0,4}'(?:\\.|[^'\\]){0,2000}+'?"
_VALUE = rf"{_OPEN}(?!\{{[\s\"'\\])(?P<value>{_QUOTED}|[^\s\"']\S{{0,2000}}+)"
_NAME = rf"(?:(?:{names.NOUN}){names.ADDITION}{{0,3}}|(?-i:(?<=[a-z])Pass))"
_LONG_NAME = rf"[\w.-]{{0,64}}?{_NAME}"

_ARN = r"\barn:aws[\w-]{0,12}:[\w-]{1,64}:[\w-]{0,32}:\d{0,12}:[\w/+.@:*!-]{1,512}+(?!=)"
"""Says what is missing; in "secret:name" it has the form of a name and its value."""
_NAMED = rf"(?i){_ARN}|(?P<keep>(?P<name>{_NAME}){_IS}){_VALUE}"
_BESIDE_FORMS = (
    # {"name": "DB_PASSWORD", "value": "..."}, as ECS and Kubernetes have it
    rf"\bname{_IS}{_QUOTE}?{_LONG_NAME}{_QUOTE}?[\s,;]{{1,8}}{_QUOTE}?value{_IS}",
    # --password ..., mysql -p..., redis-cli -a ..., sshpass -p ..., requirepass ...
    rf"(?<!\S)--?{_LONG_NAME}\s{{1,4}}(?!-)",
    r"\bmysql(?:dump|admin|import)?\b[^|;]{0,200}?\s-p(?=\S)",
    r"\bredis-cli\b[^|;]{0,200}?\s-a\s{1,4}|\bsshpass\s{1,4}-p\s{0,4}|\brequirepass\s{1,4}",
    r"\b(?:pass(?:word|wd|phrase)|identified\s{1,4}by)\s{1,4}(?=[\"'`])",
    r"\blogin\s{1,4}\S{1,64}\s{1,4}password\s{1,4}",
    r"\bdocker\s{1,4}login\b[^|;]{0,200}?\s-p\s{1,4}",
    r"\s(?:-u|--user|--proxy-user)[ =]{1,4}[^\s:]{1,128}:",
)
_TELLS = r"(?:\s(?:for|of)\s\S{1,64})?\s(?:is|was|to|of)(?:\snow)?:?"
_TOLD_FORMS = (
    # ["x-api-key", "..."]
    rf"[\"'`]{_LONG_NAME}[\"'`]\s{{0,4}},\s{{0,4}}(?=[\"'`])",
    # the password is ..., password '...', the password ...
    rf"{_NAME}(?<!secret)(?<!secrets)(?:{_TELLS})?\s{{1,4}}(?=[\"'`])",
    rf"{_NAME}{_TELLS}\s{{1,4}}",
    r"\b(?:password|passwd|passphrase|api[_ -]?key|secret[_ -]?(?:access[_ -]?)?key)\s{1,4}",
    r"\b(?:bearer|basic)\s{1,4}(?!\w{1,64}=[\"'])",
    r"\btoken\s{1,4}(?=[\w.-]{0,64}[0-9])(?=\S{12})",
    r"\b(?:set-)?cookie[\"']?\s{0,4}[:=]\s{0,4}[\"']?[\w.-]{1,64}=",
    r"://(?=[^\s:/@]{16,512}@)",
)
_BESIDE, _TOLD = (
    [rf"(?i)(?P<keep>{form}){_VALUE}" for form in forms] for forms in (_BESIDE_FORMS, _TOLD_FORMS)
)
_AUTHORIZATION = (
    r"(?i)(?P<keep>\bauthorization\\{0,4}[\"']?\s{0,4}[:=]\s{0,4}+\\{0,4}[\"']?)"
    rf"{_OPEN}(?P<value>[^\"'\\].{{0,2000}})"
)
_COOKIES = (
    rf"(?i)(?P<keep>\b(?:set-)?cookie[\"']?\s{{0,4}}[:=]\s{{0,4}}[\"']?){_OPEN}"
    r"(?P<value>[\w.-]{1,64}=[^\"']{1,2000})"
)
_MAY_NAME = re.compile(
    "(?i)pass|pw|secret|token|cred|sig|key|psk|auth|bearer|basic|cookie|mysql|redis|docker|user"
    "|-u|identified|login|://"
)
"""What stands in every text that the patterns above find something in."""
_SENTENCE_WORDS = """
a absent accepted access already an and are at authentication authorization bcrypt but by can
cannot changed check could created default deleted denied disabled does empty enabled error
exiting expired failed failure for forbidden found from given had has have hs256 in incorrect
invalid is loaded login malformed may md5 message mismatch missing must no not of ok okay on or
permission please provided read ready refused rejected required requires reset revoked rotated
rs256 see sent server set sha1 sha256 should success the to too unauthorized undefined unexpected
unknown unset updated use used using valid was were will with without wrong
"""
"""Words that follow the name of a secret where nothing is told of the secret itself."""
_SENTENCE = frozenset(_SENTENCE_WORDS.split())
_WORD = re.compile(r"[A-Z]?[a-z]+")
_GOES_ON = re.compile(r"[,.;]?\s{1,4}[A-Za-z(][a-z]*(?![\w]*[:=])")
_TELLING = re.compile(r"[0-9!#$%^&*+/=~|@]|[a-z][A-Z]|[A-Z]{2}[a-z]|[A-Za-z]{20}")
_ENDS_IN_A_NAME = rf"(?i){_NAME}{_QUOTE}?(?:\s{{0,4}}(?:=>|:=|[:=>])\s{{0,4}}[|>]?-?)?[,\s]{{0,8}}$"
_ONLY_A_VALUE = rf"(?i)(?P<keep>\s{{0,64}}+(?:-\s{{1,4}})?(?:{_QUOTE}?value{_IS})?){_VALUE}\s*"


def redacted(text: str, length: int = LINE_LENGTH) -> str:
    """One line, at most `length` characters long; what is longer ends in an ellipsis."""
    searched = _INVISIBLE.sub("", _ESCAPES.sub("", text[: length + SEARCHED]))
    plain = _without_secrets(_CONTROL.sub(" ", _without_keys(searched))).rstrip()
    return plain if len(plain) <= length else plain[: length - 1] + "…"


def names_a_secret(text: str) -> bool:
    """Whether the text tells a secret's name and its value, such as -Dpassword=..."""
    return bool(_MAY_NAME.search(text)) and _without_named(text) != text


def last_lines(messages: Iterable[str]) -> list[str]:
    """The end of a container's log: a few lines, each redacted, and without any private key.

    A message may hold several lines; a key may begin in one message and end in another, or begin
    before the first; a name may stand in one line, and its value in the next."""
    lines = [line for message in messages for line in (message.splitlines() or [""])]
    shown: list[str] = []
    named = False
    ends = [line[: LINE_LENGTH + KEY_SEARCHED] for line in lines[-2 * LOG_LINES :]]
    for line in _without_keys("\n".join(ends)).split("\n"):
        text = MARK if private_keys.body_only(line) else line
        if named and (value := re.fullmatch(_ONLY_A_VALUE, text)):
            text = _cut(value)
        text = redacted(text)
        shown.append(text)
        named = bool(re.search(_ENDS_IN_A_NAME, text[-200:])) if text.strip() else named
    return shown[-LOG_LINES:] if lines else []


def _without_keys(text: str) -> str:
    """Each line of a key becomes one MARK."""
    parts, past = [], 0
    for begin, end in private_keys.spans(text):
        lines = text.count("\n", begin, end)
        parts += [text[past:begin], "\n".join([MARK] * (lines + 1))]
        past = end
    return "".join([*parts, text[past:]])


def _without_secrets(text: str) -> str:
    if not _MAY_NAME.search(text):
        return shapes.without(text)
    for pattern in (_AUTHORIZATION, _COOKIES):
        text = re.sub(pattern, _cut_header, text)
    text = _without_named(shapes.without(text))
    for pattern in _TOLD:
        text = re.sub(pattern, _cut_if_telling, text)
    return text


def _without_named(text: str) -> str:
    for pattern in (_NAMED, *_BESIDE):
        text = re.sub(pattern, _cut, text)
    return text


def _cut(found: re.Match[str]) -> str:
    """After a name and a sign, everything is cut that can be a value."""
    if found["keep"] is None:
        return found[0]
    name, value = found.groupdict().get("name") or "", found["value"]
    if names.is_no_value(value, name) or _goes_on(found):
        return found[0]
    return found["keep"] + MARK


def _cut_if_telling(found: re.Match[str]) -> str:
    """In a sentence, only what is no word is cut, and what is quoted."""
    value = found["value"]
    bare = value.strip("\"'`\\,;.:!?)]} ")
    if names.is_no_value(value) or bare.lower() in _SENTENCE or len(bare) < 4:
        return found[0]
    quoted = value[0] in "\"'`\\"
    if (quoted and not _WORD.fullmatch(bare)) or _TELLING.search(bare):
        return found["keep"] + MARK
    return found[0]


def _cut_header(found: re.Match[str]) -> str:
    value = found["value"]
    first, _, rest = value.partition(" ")
    told = rest.split(" ")[0] if _WORD.fullmatch(first) else first
    if names.is_no_value(value) or not _TELLING.search(told):
        return found[0]
    return found["keep"] + MARK


def _goes_on(found: re.Match[str]) -> bool:
    """Whether the value is a word of a sentence, as in "invalid token: unexpected end"."""
    value = found["value"]
    bare = value.strip("\"'`\\,;.:!?)]} ")
    if bare.lower() in _SENTENCE:
        return True
    if not found["keep"].rstrip().endswith(":") or value[0] in "\"'":
        return False
    follows = _GOES_ON.match(found.string, found.end() - (len(value) - len(value.rstrip(",.;"))))
    return bool(follows and (_WORD.fullmatch(bare) or (bare.isdecimal() and len(bare) < 4)))
