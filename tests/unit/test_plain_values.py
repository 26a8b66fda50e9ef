"""Which plain values of a request are refused as secrets, and which names only look like one."""

from __future__ import annotations

from typing import Any

import pytest

from bivouac.request.messages import MOST_WARNINGS
from bivouac.request.rules.plain_values import secret_problem
from tests.requests import environment
from tests.unit.planned import full, planned, problems

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


CONTAINER = "taskDefinition.containerDefinitions.0"


def warned(plain_values: tuple[str, ...] = (), **changes: Any) -> tuple[str, ...]:
    """The warnings about a container with these changes."""
    service = full(**{f"{CONTAINER}.{name}": value for name, value in changes.items()})
    return planned(environment(service, plainValues=list(plain_values))).warnings


@pytest.mark.parametrize(
    ("changes", "told"),
    [
        ({"command": ["app", "--password", "hunter2"]}, "the command of webserver names a secret"),
        ({"command": ["curl", "http://a:hunter2@db"]}, "webserver holds a password in an address"),
        ({"entryPoint": ["sh", "-c", f"TOKEN={TOKEN} app"]}, "the entryPoint of webserver holds"),
        (
            {"healthCheck": {"command": ["CMD", "redis-cli", "-a", "hunter2", "ping"]}},
            "the healthCheck.command of webserver names a secret and says it",
        ),
        ({"dockerLabels": {"db.password": "hunter2"}}, "db.password is the name of a secret"),
        ({"dockerLabels": {"com.example": ACCESS_KEY}}, "of com.example holds an AWS access key"),
    ],
)
def test_a_secret_that_ecs_has_no_field_for_is_warned_of(
    changes: dict[str, Any], told: str
) -> None:
    (warning,) = warned(**changes)
    assert told in warning
    assert "anyone who may describe task definitions can read it" in warning
    assert "hunter2" not in warning
    assert TOKEN not in warning


@pytest.mark.parametrize(
    "changes",
    [
        {"command": ["app", "--password-file", "/run/secrets/db"]},
        {"command": ["sh", "-c", 'app --password "$DB_PASSWORD"']},
        {"entryPoint": ["docker-entrypoint.sh"], "command": ["postgres", "-c", "ssl=on"]},
        {"healthCheck": {"command": ["CMD-SHELL", "curl -f http://localhost/ || exit 1"]}},
        {"dockerLabels": {"team": "blue", "traefik.enable": "true"}},
    ],
)
def test_a_harmless_command_or_label_is_not(changes: dict[str, Any]) -> None:
    assert not warned(**changes)


def test_a_label_can_be_declared_plain() -> None:
    labels = {"db.password": "hunter2", "api.token": "x1"}
    (warning,) = warned(("db.password",), dockerLabels=labels)
    assert "api.token" in warning


def test_there_are_only_so_many_warnings() -> None:
    told = warned(
        dockerLabels={f"password{number}": "hunter2" for number in range(MOST_WARNINGS + 3)}
    )
    assert len(told) == MOST_WARNINGS + 1
    assert told[-1] == "and 3 more commands and labels look like secrets"


@pytest.mark.parametrize("holder", [CONTAINER, "serviceConnectConfiguration"])
def test_a_plain_option_of_a_log_driver_that_is_a_secret_is_refused(holder: str) -> None:
    options = {"splunk-url": "https://splunk.example.com", "splunk-token": "hunter2"}
    logs = {"logDriver": "splunk", "options": options}
    service = full(**{f"{holder}.logConfiguration": logs})
    (problem,) = problems(environment(service))
    assert ".logConfiguration.options.splunk-token: splunk-token is the name of a secret" in problem
    assert '"secretOptions": [{"name": "splunk-token", "valueFrom": "..."}]' in problem
    assert "hunter2" not in problem
    assert not problems(environment(service, plainValues=["splunk-token"]))
