"""Where secrets may come from. Pure.

Sources: https://docs.aws.amazon.com/AmazonECS/latest/APIReference/API_Secret.html and
API_RepositoryCredentials.html.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from bivouac.json_types import ReadOnlyJson
from bivouac.request.findings import Problem

_ARN = re.compile(
    r"arn:aws[a-z-]*:(?:ssm:(?P<ssm>[a-z0-9-]*):[0-9]*:parameter/.+|"
    r"secretsmanager:(?P<secrets>[a-z0-9-]*):[0-9]*:secret:.+)"
)
_PARAMETER = re.compile(r"[A-Za-z0-9_./-]+")


def problems(definition: ReadOnlyJson, region: str, path: str) -> Iterator[Problem]:
    """`region`: the stack's, in which the tasks run."""
    for index, container in enumerate(definition.get("containerDefinitions", ())):
        where = f"{path}.containerDefinitions[{index}]"
        logs = container.get("logConfiguration", {})
        for place, secrets in (
            ("secrets", container.get("secrets", ())),
            ("logConfiguration.secretOptions", logs.get("secretOptions", ())),
        ):
            for number, secret in enumerate(secrets):
                if "valueFrom" in secret:
                    here = f"{where}.{place}[{number}].valueFrom"
                    yield from source_problems(secret["valueFrom"], region, here)
        if source := container.get("repositoryCredentials", {}).get("credentialsParameter"):
            here = f"{where}.repositoryCredentials.credentialsParameter"
            yield from source_problems(source, region, here)


def source_problems(source: str, region: str, path: str) -> Iterator[Problem]:
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
        yield Problem(
            path, f"it is in the Region {given}, the stack in {region}; name one in {region}"
        )
