"""The rules of log configurations, of containers and of the Service Connect proxy. Pure.

Source: https://docs.aws.amazon.com/AmazonECS/latest/APIReference/API_LogConfiguration.html; that
ECS refuses other options of awslogs ("Log driver awslogs disallows options") is reported in
https://github.com/aws-samples/amazon-ecs-firelens-examples/issues/83.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Set

from bivouac.json_types import ReadOnlyJson
from bivouac.request.findings import Problem
from bivouac.request.rules.plain_values import secret_problem

_AWSLOGS = frozenset(
    {
        "awslogs-create-group",
        "awslogs-datetime-format",
        "awslogs-group",
        "awslogs-multiline-pattern",
        "awslogs-region",
        "awslogs-stream-prefix",
        "max-buffer-size",
        "mode",
    }
)
_REGION_OPTIONS = ("region", "aws_region")
"""How the outputs of Fluent Bit for AWS name a Region, in any case."""


def problems(
    holder: ReadOnlyJson, region: str, plain_values: Set[str], path: str
) -> Iterator[Problem]:
    """`holder`: a container or the Service Connect configuration, `path`: its path. `region`: the
    stack's. `plain_values`: the names of options that are no secrets."""
    configuration: ReadOnlyJson | None = holder.get("logConfiguration")
    if not configuration:
        return
    options: ReadOnlyJson = configuration.get("options", {})
    secret = {each.get("name") for each in configuration.get("secretOptions", ())}
    here = f"{path}.logConfiguration.options"
    if options.get("mode", "blocking") not in ("blocking", "non-blocking"):
        yield Problem(
            f"{here}.mode", f'{options["mode"]!r} is no mode; write "blocking" or "non-blocking"'
        )
    if "max-buffer-size" in options and not re.fullmatch(
        r"[0-9]+[kmg]?", options["max-buffer-size"], re.IGNORECASE
    ):
        yield Problem(
            f"{here}.max-buffer-size", f"{options['max-buffer-size']!r} is no size, such as 25m"
        )
    driver = configuration.get("logDriver")
    if driver != "awslogs":
        for name, value in options.items():
            if name not in plain_values and (
                why := secret_problem(name, value, "secretOptions", "logConfiguration")
            ):
                yield Problem(f"{here}.{name}", why)
    match driver:
        case "awslogs":
            for name in sorted(options.keys() - _AWSLOGS):
                known = ", ".join(sorted(_AWSLOGS))
                yield Problem(f"{here}.{name}", f"awslogs has no such option; there are {known}")
            if {"awslogs-datetime-format", "awslogs-multiline-pattern"} <= options.keys():
                yield Problem(
                    f"{here}.awslogs-multiline-pattern",
                    "excludes awslogs-datetime-format; keep one",
                )
        case "splunk":
            for needed in ("splunk-url", "splunk-token"):
                if needed not in options and needed not in secret:
                    yield Problem(f"{here}.{needed}", "needed by splunk, here or in secretOptions")
        case "awsfirelens":
            for name, value in options.items():
                if name.lower() in _REGION_OPTIONS and value != region:
                    yield Problem(
                        f"{here}.{name}", f"{value} is not the stack's Region; write {region!r}"
                    )
