"""What may be shown of other people's text: no likely secret, no tricks, no more than fits."""

from __future__ import annotations

import time
from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bivouac.redaction.shapes import MARK
from bivouac.redaction.text import LINE_LENGTH, LOG_LINES, last_lines, redacted

SECRET = "s3cr3t-Value/9"
ACCESS_KEY = "AKIA" + "IOSFODNN7EXAMPLE"
SECRET_KEY = "wJalrXUtnFEMI/K7MDENG/" + "bPxRfiCYEXAMPLEKEY"
JWT = "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxMjM0NTY3ODkwIn0.dozjgNryP4J3jVmNHl0w5N_XgL0n3I9P"


@pytest.mark.parametrize(
    "line",
    [
        f"Authorization: Bearer {SECRET}",
        f'Authorization: Digest username="joe", response="{SECRET}"',
        f"authorization={SECRET}",
        f'{{"Authorization": "Basic {SECRET}"}}',
        f"curl -H 'authorization: token {SECRET}' https://api",
        f"asked with bearer {SECRET}",
        f"password={SECRET}",
        f"DB_PASSWORD => {SECRET}",
        f'{{"db_password": "{SECRET}"}}',
        f'{{"token": "{SECRET} with \\"quotes\\" {SECRET}"}}',
        f'{{\\"token\\": \\"{SECRET}\\"}}',
        f"API_KEY: {SECRET}",
        f"api-key='{SECRET}'",
        f"my_token = {SECRET}",
        f"passphrase: {SECRET}",
        f"AWS_SECRET_ACCESS_KEY={SECRET}",
        f"aws_session_token={SECRET}",
        f"credential: {SECRET}",
        f"connecting to postgres://user:{SECRET}@db.internal/app",
        f"postgres://user:p@{SECRET}@db.internal/app",
        f"redis://:{SECRET}@cache:6379",
        f"git clone https://{SECRET.replace('/', '-') * 2}@github.com/org/repo",
        f"Server=db;Database=app;Uid=app;Pwd={SECRET};",
        f"DefaultEndpointsProtocol=https;AccountName=a;AccountKey={SECRET};Suffix=b",
        f"GET /?X-Amz-Credential=a&X-Amz-Signature={SECRET}",
        f"Set-Cookie: session={SECRET}; Path=/; other={SECRET}",
        f"GET /blob?sv=2019&sig={SECRET}",
        f"mysql --password {SECRET} shop",
        f"curl -u admin:{SECRET} https://api",
        f"<password>{SECRET}</password>",
        f"pass\u200bword={SECRET}",
        f"\x1b[31mpassword\x1b[0m={SECRET}",
        f"arn:aws:iam::123456789012:role/x-password={SECRET}",
    ],
)
def test_a_likely_secret_is_never_shown(line: str) -> None:
    """Failure-modes 7.2."""
    text = redacted(line)
    assert SECRET not in text
    assert "s3cr3t" not in text
    assert MARK in text
    assert redacted(text) == text, "evidence is redacted when concluded, and when told"


@pytest.mark.parametrize(
    "line",
    [
        f"aws_secret_access_key {SECRET_KEY}",
        f"secret access key: {SECRET_KEY}",
        f"{ACCESS_KEY} {SECRET_KEY}",
        f"AWS_ACCESS_KEY_ID={ACCESS_KEY} AWS_SECRET_ACCESS_KEY={SECRET_KEY}",
        f"used {ACCESS_KEY}",
        f"used {ACCESS_KEY.replace('AKIA', 'ASIA')} for a while",
        f"id_token {JWT}",
        f"Basic {'dXNlcjpwYXNzd29yZA' + '=='} was refused",
        "pushed with ghp_" + "16C7e42F292c6912E7710c838347Ae178B4a",
        "slack says xoxb-" + "1234567890-abcdefghijkl",
    ],
)
def test_keys_and_tokens_are_recognised_by_their_form(line: str) -> None:
    text = redacted(line)
    for part in ("IOSFODNN7", "wJalrXUtn", "eyJzdWIi", "dXNlcjpw", "16C7e42F", "abcdefghijkl"):
        assert part not in text
    assert MARK in text


@pytest.mark.parametrize(
    "line",
    [
        "listening on port 80",
        "GET http://localhost:8080/healthz 200",
        "basic authentication is off",
        "ssh://git@github.com/org/repo",
        "failed to fetch secret arn:aws:secretsmanager:eu-west-1:123456789012:secret:db-AbCdEf",
        "is not authorized to perform: secretsmanager:GetSecretValue on resource: "
        "arn:aws:secretsmanager:ap-northeast-1:123456789012:secret:db-AbCdEf",
        "ResourceInitializationError: unable to pull secrets or registry auth: it failed",
        "docker.io/library/nginx@sha256:" + "0123456789abcdef" * 4,
        "in日本語も読める",
    ],
)
def test_text_that_explains_the_cause_is_kept(line: str) -> None:
    """H08: people need the name of the missing secret."""
    assert redacted(line) == line


def test_a_private_key_is_never_shown_wherever_the_log_begins() -> None:
    body = ["MIIEvQIBADANBgkqhkiG9w0BAQEFAASCBKcwggSjAgEAAoIBAQC7VJTUt9Us8cKj" for _ in range(4)]
    begin, end = "-----BEGIN RSA PRIVATE KEY-----", "-----END RSA PRIVATE KEY-----"
    whole = last_lines(["reading", f"key {begin}", *body, "short==", end, "done"])
    assert whole == ["reading", f"key {MARK}", *[MARK] * 6, "done"]
    assert last_lines([*body, end, "done"]) == [*[MARK] * 5, "done"]
    assert last_lines(["\n".join(["x", begin, *body, end, "y"])]) == ["x", *[MARK] * 6, "y"]
    assert last_lines([f"{begin}\\n{body[0]}\\n{end}", "done"]) == [MARK, "done"]


def test_a_long_secret_is_removed_as_a_whole() -> None:
    assert "sesame" not in redacted(f'password="{"open sesame " * 200}"')


def test_bidirectional_and_invisible_characters_are_removed() -> None:
    assert redacted("a\u202eb\u2066c\u200fd\ufeffe") == "abcde"
    text = redacted("a\x00b\x07c\td\x9be\x1b[2Jf\ud800g")
    assert text == "a b c\td ef g"
    text.encode()


def test_a_long_line_says_that_it_was_cut() -> None:
    text = redacted("x" * 5_000)
    assert len(text) == LINE_LENGTH
    assert text.endswith("x…")


def test_the_last_lines_are_the_last_ones() -> None:
    assert last_lines([f"line {n}" for n in range(50)])[0] == "line 30"
    assert last_lines(["a\nb\r\nc\n", "d"]) == ["a", "b", "c", "d"]
    assert last_lines([]) == []


@given(st.lists(st.text(), max_size=60))
def test_shown_lines_are_few_short_and_plain(lines: list[str]) -> None:
    """W08, failure-modes 7.2: bounded, and no control character reaches a terminal."""
    result = last_lines(lines)
    assert len(result) <= LOG_LINES
    for text in result:
        assert len(text) <= LINE_LENGTH
        assert not any(ord(character) < 32 and character != "\t" for character in text)
        text.encode()


@given(
    st.sampled_from(["password", "DB_PASSWD", "client_secret", "x-token", "apikey", "SigningPwd"]),
    st.sampled_from(["=", ": ", " = ", ":=", '": "', '\\": \\"']),
    st.from_regex(r"[A-Za-z0-9/+]{12,40}", fullmatch=True),
    st.text(alphabet="ab ", max_size=10),
)
def test_a_named_secret_is_removed_wherever_it_is(
    name: str, sign: str, secret: str, around: str
) -> None:
    assert secret not in redacted(f"{around} {name}{sign}{secret} {around}")


@pytest.mark.parametrize("secret", ["/00000000000", "/kq3v/x81ma0pz5"])
def test_a_secret_may_begin_with_a_slash(secret: str) -> None:
    assert secret not in redacted(f"password={secret}")


@pytest.mark.parametrize("path", ["/run/secrets/db", "/etc/app/db.pwd", "./db.pwd", "file:///x/y"])
def test_a_path_of_a_secret_is_shown(path: str) -> None:
    assert path in redacted(f"password={path}")


@given(
    st.sampled_from(["postgres", "amqps", "mongodb+srv"]),
    st.from_regex(r"[A-Za-z0-9!$%^&*/+@:]{12,80}", fullmatch=True),
)
def test_a_password_in_a_url_is_removed_whatever_its_characters(scheme: str, password: str) -> None:
    assert password not in redacted(f"dial {scheme}://app:{password}@db.internal:5432/app failed")


HOSTILE: list[Callable[[int], str]] = [
    lambda n: "a" * n,
    lambda n: "token" * (n // 5),
    lambda n: "token=" * (n // 6),
    lambda n: "token " * (n // 6),
    lambda n: 'password="' + '\\"' * (n // 2),
    lambda n: "x://" + "a" * n + ":",
    lambda n: "://a:" * (n // 5),
    lambda n: "eyJ" + "a" * n,
    lambda n: "arn:aws:" * (n // 8),
    lambda n: "-----BEGIN " * (n // 11),
    lambda n: "\x1b[" + "0;" * (n // 2),
    lambda n: "bearer " * (n // 7),
]


@pytest.mark.parametrize("made", HOSTILE)
def test_a_hostile_line_costs_little_time(made: Callable[[int], str]) -> None:
    """A function has 30 seconds; a pattern with much backtracking would use them up."""
    began = time.process_time()
    last_lines([made(200_000)] * LOG_LINES)
    assert time.process_time() - began < 2
