"""ECS's rules for log configurations. Pure.

LogConfiguration in the API reference; T07 of the failure-mode catalogue.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from localcloud.ecs import errors

_AWSLOGS = frozenset(
    f"awslogs-{name}"
    for name in (
        *("create-group", "datetime-format", "group", "multiline-pattern", "region"),
        "stream-prefix",
    )
) | {"mode", "max-buffer-size"}
_SPLUNK = ("splunk-url", "splunk-token")
_BUFFER_SIZE = re.compile(r"[0-9]+[kmg]?", re.IGNORECASE)


def check_log_configuration(configuration: Mapping[str, Any], *, fargate: bool) -> None:
    """T07; Fargate also needs the stream prefix."""
    driver: str = configuration["logDriver"]
    options: Mapping[str, str] = configuration.get("options", {})
    if options.get("mode", "blocking") not in ("blocking", "non-blocking"):
        raise errors.client_error(f"Log driver {driver} has no mode {options['mode']}")
    if not _BUFFER_SIZE.fullmatch(options.get("max-buffer-size", "1m")):
        raise errors.client_error(f"Log driver {driver} has no such max-buffer-size")
    if driver == "splunk":
        secrets = {item["name"] for item in configuration.get("secretOptions", [])}
        _require(driver, _SPLUNK, {**options, **dict.fromkeys(secrets, "secret")})
    if driver != "awslogs":
        return
    disallowed = sorted(options.keys() - _AWSLOGS)
    if disallowed:  # aws-samples/amazon-ecs-firelens-examples#83
        raise errors.client_error(f"Log driver awslogs disallows options: {', '.join(disallowed)}")
    if {"awslogs-datetime-format", "awslogs-multiline-pattern"} <= options.keys():
        raise errors.client_error(
            "Log driver awslogs cannot have both awslogs-datetime-format and "
            "awslogs-multiline-pattern"
        )
    prefix = ("awslogs-stream-prefix",) if fargate else ()
    _require(driver, ("awslogs-group", "awslogs-region", *prefix), options)


def _require(driver: str, needed: tuple[str, ...], given: Mapping[str, str]) -> None:
    missing = [option for option in needed if not given.get(option)]
    if missing:
        raise errors.client_error(f"Log driver {driver} requires options: {', '.join(missing)}")
