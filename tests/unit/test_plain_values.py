"""Which plain values of a request are refused as secrets, and which names only look like one."""

from __future__ import annotations

import pytest

from bivouac.request.rules.plain_values import secret_problem

ACCESS_KEY = "AKIA" + "IOSFODNN7EXAMPLE"
TOKEN = "ghp_" + "16C7e42F292c6912E7710c838347Ae178B4a"
JWT = "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxMjM0NTY3ODkwIn0.dozjgNryP4J3jVmNHl0w5N_XgL0n3I9P"
PEM = (
    "-----BEGIN RSA PRIVATE "
    + "KEY-----\nMIIEvQIBADANBgkqhkiG9w0BAQEF\n-----END RSA PRIVATE KEY-----"
)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("LLM_MAX_TOKENS", "4096"),
        ("MAX_TOKEN", "10"),
        ("ACCESS_TOKEN_EXPIRE_MINUTES", "30"),
        ("TOKEN_TTL", "15m"),
        ("DB_SECRET_ARN", "arn:aws:secretsmanager:eu-west-1:123456789012:secret:db-AbCdEf"),
        ("DB_SECRET", "arn:aws:secretsmanager:eu-west-1:123456789012:secret:db-AbCdEf"),
        ("DB_SECRET_NAME", "prod/db"),
        ("REDIS_PASSWORD", ""),
        ("PASSWORD_MIN_LENGTH", "12"),
        ("POSTGRES_PASSWORD_FILE", "/run/secrets/db"),
        ("GOOGLE_APPLICATION_CREDENTIALS", "/etc/gcp/key.json"),
        ("REQUIRE_PASSWORD", "true"),
        ("TOKEN_URL", "https://login.example.org/oauth/token"),
        ("STRIPE_PUBLISHABLE_KEY", "pk"),
        ("JWT_PUBLIC_KEY", "k"),
        ("CACHE_KEY", "shop"),
        ("PARTITION_KEY", "id"),
        ("TOKENIZER", "bert-base-uncased"),
        ("COMPASS", "north"),
        ("BYPASS", "on"),
        ("PWD", "/app"),
        ("SECRET_REF", "x"),
        ("DATABASE_URL", "postgres://db.internal:5432/shop"),
        ("DATABASE_URL", "postgres://shop@db.internal/shop"),
        ("DATABASE_URL", "postgres://shop:${DB_PASSWORD}@db.internal/shop"),
        ("SENTRY_DSN", "https://0123456789abcdef0123456789abcdef@o1.ingest.sentry.io/2"),
        ("IMAGE", "nginx:1.25@sha256:" + "0123456789abcdef" * 4),
        ("JAVA_OPTS", "-Xmx512m -Dspring.profiles.active=demo"),
        ("API", "http://api:8080/v1"),
    ],
)
def test_a_harmless_value_is_no_secret(name: str, value: str) -> None:
    assert secret_problem(name, value) is None


@pytest.mark.parametrize(
    ("name", "value", "reason"),
    [
        ("DB_PASSWORD", "hunter", "DB_PASSWORD is the name of a secret"),
        ("DB_PASS", "hunter", "DB_PASS is the name of a secret"),
        ("DBPASSWORD", "hunter", "is the name of a secret"),
        ("dbPassword", "hunter", "is the name of a secret"),
        ("DB_PASSWORD_PROD", "12345678", "is the name of a secret"),
        ("SECRET_KEY_BASE", "x" + "y" * 30, "is the name of a secret"),
        ("STRIPE_API_KEY", "k1", "is the name of a secret"),
        ("apiKey", "k1", "is the name of a secret"),
        ("GITHUB_TOKEN", "k1", "is the name of a secret"),
        ("API_TOKENS", "abc,def", "is the name of a secret"),
        ("URL", "postgres://a:pw@db", "the value of URL holds a password in an address"),
        ("X", ACCESS_KEY, "holds an AWS access key"),
        ("X", TOKEN, "holds a token of a well-known service"),
        ("X", PEM, "holds a private key"),
        ("X", JWT, "holds a JSON Web Token"),
        ("DSN", "app:s3cret@tcp(db:3306)/shop", "holds a password in an address"),
        ("HOOK", "https://hooks.slack" + ".com/services/T0/B0/abcdefgh", "address of a webhook"),
        ("JAVA_OPTS", "-Xmx512m -Ddb.password=hunter2", "names a secret and says it"),
        ("CONNECTION", "Server=db;Uid=app;Pwd=hunter2;", "names a secret and says it"),
        ("CONFIG", '{"db": {"password": "hunter2"}}', "names a secret and says it"),
    ],
)
def test_a_secret_is_reported_and_not_shown(name: str, value: str, reason: str) -> None:
    problem = secret_problem(name, value)
    assert problem is not None
    assert reason in problem
    assert value not in problem
    assert f'"secrets": [{{"name": "{name}", "valueFrom": ' in problem
    assert f'"plainValues": ["{name}"]' in problem
