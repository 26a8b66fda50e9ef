"""Secrets as logs and messages have them, and lines that only look like it. All made up.

Tokens are put together at run time, because scanners of repositories would take them for real."""

from __future__ import annotations

import random
import string
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

HEX = "0123456789abcdef"
WORD = string.ascii_letters + string.digits
SECRET_ARN = "arn:aws:secretsmanager:eu-west-1:123456789012:secret:db-AbCdEf"
UPPER = string.ascii_uppercase + string.digits
URL_SAFE = WORD + "_-"
PASSWORDS = (
    "hunter2",
    "s3cr3t-Value/9",
    "Tr0ub4dor&3",
    "qXv9wZk2LmNp8RtY",
    "c0rrect=horse+battery",
)
"""What people and generators choose."""
WORDS_ONLY = "words in a sentence"
"""Leaks that nobody can tell from "the password is missing"."""
FALSE_CUTS = ("--secret id=npmrc",)
"""Harmless lines that are cut all the same."""


@dataclass(frozen=True)
class Secret:
    kind: str
    lines: tuple[str, ...]
    """The messages of a log, one after the other."""
    parts: tuple[str, ...]
    """What must not be shown: the secret, or every line of it."""


def secrets() -> list[Secret]:
    return [*_tokens(), *_passwords(), *_headers(), *_keys()]


def harmless() -> list[str]:
    return HARMLESS.replace("{SECRET_ARN}", SECRET_ARN).strip().splitlines()


def _made(seed: int, alphabet: str, length: int) -> str:
    return "".join(random.Random(seed).choices(alphabet, k=length))


_TOKEN_KINDS: Sequence[tuple[str, str, str, int]] = (
    ("AWS access key", "AKI" + "A", UPPER[:26] + "234567", 16),
    ("AWS temporary key", "ASI" + "A", UPPER[:26] + "234567", 16),
    ("GitHub personal token", "gh" + "p_", WORD, 36),
    ("GitHub app token", "gh" + "s_", WORD, 36),
    ("GitHub fine-grained token", "github" + "_pat_", WORD + "_", 82),
    ("GitLab personal token", "glp" + "at-", URL_SAFE, 20),
    ("GitLab runner token", "glr" + "t-", URL_SAFE, 20),
    ("GitLab deploy token", "gld" + "t-", URL_SAFE, 20),
    ("Slack bot token", "xox" + "b-", string.digits + "-", 24),
    ("Slack app token", "xap" + "p-1-A0", UPPER, 30),
    ("Stripe live key", "sk_" + "live_", WORD, 24),
    ("Stripe restricted key", "rk_" + "live_", WORD, 24),
    ("Stripe webhook secret", "whs" + "ec_", WORD, 32),
    ("Google API key", "AIz" + "a", URL_SAFE, 35),
    ("Google access token", "ya2" + "9.", URL_SAFE, 60),
    ("Google client secret", "GOC" + "SPX-", URL_SAFE, 28),
    ("PyPI token", "pyp" + "i-AgEIcHlwaS5vcmc", URL_SAFE, 60),
    ("npm token", "npm" + "_", WORD, 36),
    ("Docker Hub token", "dckr" + "_pat_", URL_SAFE, 27),
    ("SendGrid key", "S" + "G.", URL_SAFE + ".", 66),
    ("Hugging Face token", "h" + "f_", string.ascii_letters, 34),
    ("OpenAI key", "s" + "k-proj-", URL_SAFE, 48),
    ("Anthropic key", "s" + "k-ant-api03-", URL_SAFE, 93),
    ("Vault service token", "hv" + "s.", URL_SAFE, 90),
    ("DigitalOcean token", "dop" + "_v1_", HEX, 64),
    ("Shopify token", "shp" + "at_", HEX, 32),
    ("Databricks token", "dap" + "i", HEX, 32),
    ("Twilio key", "S" + "K", HEX, 32),
    ("Mailgun key", "ke" + "y-", HEX, 32),
    ("Telegram bot token", "123456789:A" + "A", URL_SAFE, 33),
    ("Grafana token", "gls" + "a_", WORD, 32),
    ("Postman key", "PMA" + "K-", HEX, 24),
    ("Linear key", "lin" + "_api_", WORD, 40),
    ("Figma token", "fig" + "d_", URL_SAFE, 40),
    ("Square token", "sq0" + "atp-", URL_SAFE, 22),
    ("Tailscale key", "tsk" + "ey-auth-", WORD, 24),
    ("New Relic key", "NRA" + "K-", UPPER, 27),
    ("Atlassian token", "ATA" + "TT3x", URL_SAFE, 180),
    ("Azure client secret", "abc8" + "Q~", WORD, 34),
)
_AROUND_A_TOKEN = ("using {} for the call", "url=https://api.example.org/v1/{}/x", "[{}]", "{}")


def _tokens() -> Iterator[Secret]:
    for number, (kind, prefix, alphabet, length) in enumerate(_TOKEN_KINDS):
        for other in range(2):
            tail = _made(number * 10 + other, alphabet, length)
            around = _AROUND_A_TOKEN[(number + other) % len(_AROUND_A_TOKEN)]
            yield Secret(kind, (around.format(prefix + tail),), (tail,))


_PASSWORD_KINDS: Sequence[tuple[str, Sequence[str]]] = (
    ("variable", ("DB_PASS={}", "export PGPASSWORD={} PGUSER=app")),
    ("variable with an addition", ("DB_PASSWORD_PROD={}", "SECRET_KEY_BASE={}")),
    ("setting", ("password: {}", "spring.datasource.password={}")),
    ("camel case", ("dbPassword={}", "clientSecret: {}")),
    ("JSON", ('{{"user": "app", "password": "{}"}}', '{{"apiKey":"{}","region":"eu"}}')),
    ("escaped JSON", ('{{\\"db_password\\": \\"{}\\"}}',)),
    ("name and value", ('{{"name": "DB_PASSWORD", "value": "{}"}}', "name=API_KEY, value={}")),
    ("pair in a list", ('["x-api-key","{}"]', "('password', '{}')")),
    ("sentence", ("the password is {}", "password for app was {}", "new token is {}")),
    ("quoted in a sentence", ('invalid password "{}" for user app', "token '{}' was rejected")),
    ("URL-encoded", ("POST user=app&password%3D{}", "q=token%3D{}")),
    ("query", ("GET /cb?token={}&state=1", "GET /blob?sv=2019&sig={}")),
    ("command line", ("app --password {} --port 80", "app --api-key={}")),
    ("mysql", ("mysql -uroot -p{} shop",)),
    ("redis", ("redis-cli -h cache -a {} ping", "requirepass {}")),
    ("curl", ("curl -u admin:{} http://api/", "curl --user=admin:{} http://api/")),
    ("XML", ("<password>{}</password>",)),
    ("Java property", ("java -Ddb.password={} -jar app.jar",)),
    ("connection string", ("Server=db;Uid=app;Pwd={};Timeout=5", "AccountKey={};Suffix=x")),
    ("PHP array", ("'password' => '{}',",)),
    ("YAML in two lines", ("password:\n  {}", "token: >-\n  {}")),
    ("name and value in two lines", ("- name: DB_PASSWORD\n  value: {}",)),
)


def _passwords() -> Iterator[Secret]:
    for kind, forms in _PASSWORD_KINDS:
        for number, form in enumerate(forms):
            for password in PASSWORDS[number : number + 3]:
                yield Secret(kind, tuple(form.format(password).split("\n")), (password,))
    for number, password in enumerate(("hunter2", "p@ss:w0rd", "qXv9wZk2LmNp8RtY")):
        address = ("postgres://shop:{}@db/shop", "amqps://app:{}@mq:5671", "redis://:{}@cache:6379")
        for form in address[number:]:
            yield Secret("address", (f"dial {form.format(password)}",), (password,))
    for line, words in (
        ("the password is correcthorse", "correcthorse"),
        ("session_secret: keyboard cat", "keyboard"),
    ):
        yield Secret(WORDS_ONLY, (line,), (words,))
    yield Secret("Go's MySQL address", ("app:hunter2@tcp(db:3306)/shop",), ("hunter2",))
    yield Secret("Oracle's address", ("scott/t1ger@//db:1521/shop",), ("t1ger",))
    hook = "https://hooks.slack" + ".com/services/T024BE7LD/B024BE7LH/"
    yield Secret("webhook", (hook + _made(1, WORD, 24),), (_made(1, WORD, 24),))
    yield Secret(
        "token in an address",
        (f"git clone https://{_made(2, HEX, 40)}@git.example.org/x",),
        (_made(2, HEX, 40),),
    )


def _headers() -> Iterator[Secret]:
    value = _made(7, WORD, 40)
    basic = "YXBwOmh1bnRlcjI" + "="
    for kind, line, part in (
        ("bearer", f"Authorization: Bearer {value}", value),
        ("bearer", f"sent bearer {value} to api", value),
        ("basic", f"Authorization: Basic {basic}", basic),
        ("basic", f"proxy asks for Basic {basic}", basic),
        ("digest", f'authorization: Digest username="app", response="{value}"', value),
        ("own scheme", f"authorization={value}", value),
        ("own scheme", f'{{"Authorization": "ApiKey {value}"}}', value),
        ("api key header", f"> x-api-key: {value}", value),
        ("api key header", f"X-Auth-Token: {value}", value),
        ("cookie", f"Cookie: session={value}; theme=dark", value),
        ("set-cookie", f"set-cookie: sid={value}; HttpOnly", value),
        ("signed address", f"https://s3/x?X-Amz-Credential=a&X-Amz-Signature={value}", value),
    ):
        yield Secret(kind, (line,), (part,))
    jwt = ["eyJ" + _made(8, URL_SAFE, 30), "eyJ" + _made(9, URL_SAFE, 60), _made(10, URL_SAFE, 43)]
    yield Secret("JSON Web Token", (f"id_token {'.'.join(jwt)} is old",), tuple(jwt))
    jwe = ["eyJ" + _made(11, URL_SAFE, 40), *(_made(12 + n, URL_SAFE, 30) for n in range(4))]
    yield Secret("encrypted JSON Web Token", (f"got {'.'.join(jwe)}",), tuple(jwe))
    parts = [_made(22 + n, URL_SAFE, 30) for n in range(3)]
    direct = [jwe[0], "", *parts]
    yield Secret(
        "encrypted JSON Web Token", (f"got {'.'.join(direct)}",), tuple(filter(None, direct))
    )
    aws = _made(30, WORD + "/+", 40)
    yield Secret("AWS secret key", (f"aws_secret_access_key = {aws}",), (aws,))
    yield Secret("AWS secret key", (f"secret access key: {aws}",), (aws,))
    yield Secret("AWS session token", (f"aws_session_token={'IQoJb3JpZ2lu' + aws}",), (aws,))


def _keys() -> Iterator[Secret]:
    body = [_made(40 + n, WORD + "/+", 64) for n in range(3)]
    last = _made(44, WORD, 20) + "=="
    for label in ("RSA PRIVATE", "EC PRIVATE", "OPENSSH PRIVATE", "PRIVATE"):
        begin, end = f"-----BEGIN {label} KEY-----", f"-----END {label} KEY-----"
        parts = (*body, last)
        yield Secret("private key", (begin, *body, last, end, "done"), parts)
        yield Secret("private key in one line", ("\\n".join([f"key={begin}", *parts, end]),), parts)
        yield Secret("end of a private key", (*body, last, end, "done"), parts)
        yield Secret("end of a private key in one line", (" ".join([*parts, end]),), parts)


HARMLESS = """
listening on port 80
GET http://localhost:8080/healthz 200
basic authentication is off
Bearer authentication is required
WWW-Authenticate: Bearer realm="api", error="invalid_token"
ssh://git@github.com/org/repo
failed to fetch secret {SECRET_ARN}
secret: {SECRET_ARN}
secret={SECRET_ARN}:password::
valueFrom: arn:aws:ssm:eu-west-1:123456789012:parameter/shop/db-password
app is not authorized to perform: secretsmanager:GetSecretValue on resource: {SECRET_ARN}
not authorized to perform: kms:Decrypt on resource: arn:aws:kms:eu-west-1:123456789012:key/1234abcd
ResourceInitializationError: unable to pull secrets or registry auth: it failed
unable to retrieve secret from asm: service call has been retried 1 time(s)
authorization: server message
authorization: denied by policy
authorization failed for user app
error: invalid token: unexpected end of JSON input
SyntaxError: Unexpected token < in JSON at position 0
SyntaxError: Unexpected token '<', "<!DOCTYPE" is not valid JSON
token: expired
token is expired
the token is not valid yet
token was issued 30 minutes ago
the password is required
password: required
password must have 12 characters
password authentication failed for user "app"
FATAL: password authentication failed for user "postgres"
Access denied for user 'app'@'10.0.0.12' (using password: YES)
using password: NO
secret not found
secret: not found
secret "db-prod-1" not found
secrets: 3 loaded
tokens: 512
max_tokens=4096
LLM_MAX_TOKENS=4096
ACCESS_TOKEN_EXPIRE_MINUTES=30
TOKEN_TTL=15m
DB_SECRET_ARN={SECRET_ARN}
POSTGRES_PASSWORD_FILE=/run/secrets/db
password file: /run/secrets/db_password
password=
password=null
password=***
password: [redacted]
"password": ""
"token": null
token_type: bearer
token_endpoint: https://login.example.org/oauth/token
tokenizer: loaded bert-base-uncased
credentials: loaded from the instance profile
credentials=/root/.aws/credentials
credential: missing
signature: does not match
signature mismatch: sha256
The security token included in the request is expired
The request signature we calculated does not match the signature you provided
key: value
primary_key=id
partition key: orderId
public_key=pem
api key missing
api key: missing
no api key given
cookie: not set
pass: 12, fail: 3
12 passed in 3.4s
bypass=true
compass: north
pwd=/app
secretary: Jane
passwordless login: on
["username", "password", "email"]
columns: id, name, password, token
SELECT id, password FROM users WHERE token IS NULL
docker.io/library/nginx@sha256:0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef
nginx:1.25@sha256:0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef
npm ERR! integrity sha512-7mMPDVNF3zdTnvHrCBTGfFCGdxnFpDZmoF3VC5LRwCSBdW8gBTqzuFQEzEcvbzEcTw==
ssh-rsa AAAAB3NzaC1yc2EAAAADAQABAAABAQC7 app@host
-----BEGIN CERTIFICATE-----
commit 9fceb02d0ae598e95dc970b74767f19372d61af8
request id 550e8400-e29b-41d4-a716-446655440000
trace 0af7651916cd43dd8448eb211c80319c span b7ad6b7169203331
upstream connect error or disconnect/reset before headers. reset reason: connection failure
dial tcp 10.0.0.12:5432: connect: connection refused
postgres://db.internal:5432/shop
postgres://shop@db.internal/shop
pull image 123456789012.dkr.ecr.eu-west-1.amazonaws.com/shop:1.2.3
sk-learn-contrib is installed
task 0123456789abcdef0123456789abcdef stopped
mail from app@example.org to ops@example.org
2026-11-29T10:00:00Z INFO session key rotated
--key /etc/ssl/key.pem --cert /etc/ssl/cert.pem
--secret id=npmrc
health check: CMD-SHELL curl -f http://localhost/ || exit 1
"""
