"""Where secrets may come from. Pure.

Sources: https://docs.aws.amazon.com/AmazonECS/latest/APIReference/API_Secret.html and
API_RepositoryCredentials.html.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from bivouac.json_types import ReadOnlyJson
from bivouac.request.findings import Problem
from bivouac.request.messages import in_other_region
from bivouac.request.places import entries

_ARN = re.compile(
    r"arn:aws[a-z-]*:(?:ssm:(?P<ssm>[a-z0-9-]*):[0-9]*:parameter/.+|"
    r"secretsmanager:(?P<secrets>[a-z0-9-]*):[0-9]*:secret:.+)"
)
_PARAMETER = re.compile(r"[A-Za-z0-9_./-]+")


def problems(definition: ReadOnlyJson, region: str, path: str) -> Iterator[Problem]:
    """`region`: the stack's, in which the tasks run."""
    for where, container in entries(definition, "containerDefinitions", path):
        logs = container.get("logConfiguration", {})
        for here, secret in (
            *entries(container, "secrets", where),
            *entries(logs, "secretOptions", f"{where}.logConfiguration"),
        ):
            if "valueFrom" in secret:
                yield from _source_problems(secret["valueFrom"], region, f"{here}.valueFrom")
        if source := container.get("repositoryCredentials", {}).get("credentialsParameter"):
            here = f"{where}.repositoryCredentials.credentialsParameter"
            yield from _source_problems(source, region, here)


def _source_problems(source: str, region: str, path: str) -> Iterator[Problem]:
    arn = _ARN.fullmatch(source)
    if arn is None:
        if source.startswith("arn:") or not _PARAMETER.fullmatch(source):
            yield Problem(
                path,
                "names no secret; write the ARN of a secret "
                f"(arn:aws:secretsmanager:{region}:123456789012:secret:name-AbCdEf), the ARN of a "
                f"parameter (arn:aws:ssm:{region}:123456789012:parameter/name), or its name",
            )
    elif (given := arn["ssm"] or arn["secrets"]) != region:
        yield Problem(path, in_other_region(given, region))
