"""Finds what a task would reach in another Region than the stack's. Pure.

ECS takes all of it: where an image is pulled from and whom an application calls is no field that it
checks. What ECS itself reads (secrets, logs) is refused or replaced instead (secret_rules.py).
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from bivouac.environment.blueprint import Blueprint
from bivouac.request.messages import first

_REGION = r"(?P<region>[a-z]{2}(?:-[a-z]{2,9}){1,2}-[0-9])"
_ARN = re.compile(rf"\barn:aws[a-z-]{{0,12}}:[a-z0-9-]{{2,40}}:{_REGION}:")
_HOST = re.compile(
    rf"(?:^|[./@]){_REGION}(?:\.[a-z0-9-]{{2,40}})?\.(?:amazonaws\.com|on\.aws|api\.aws)\b"
)
"""sqs.eu-west-1.amazonaws.com and db.x.eu-west-1.rds.amazonaws.com (https://docs.aws.amazon.com/
general/latest/gr/rande.html)."""
_ALONE = re.compile(_REGION)
_OF_SDKS = frozenset({"AWS_REGION", "AWS_DEFAULT_REGION"})
_SEARCHED = 2_000
"""Characters of a value."""


def warnings(blueprint: Blueprint) -> list[str]:
    """Each with the service and the variable, and never with its value."""
    return first(_warnings(blueprint), "variables and images name other Regions")


def _warnings(blueprint: Blueprint) -> Iterator[str]:
    own = blueprint.proof.region
    for service in blueprint.services:
        for container in (service.definition or {}).get("containerDefinitions", ()):
            here = f"{service.service_name}: "
            for region in _regions(container["image"]) - {own}:
                yield (
                    f"{here}the image of {container['name']} is in the registry of {region}, and "
                    f"the stack in {own}; each pull crosses Regions, and no push there redeploys it"
                )
            for variable in container.get("environment", ()):
                name, value = variable.get("name", ""), variable.get("value", "")[:_SEARCHED]
                for region in sorted(_regions(value, name) - {own}):
                    yield (
                        f"{here}{name} names the Region {region}, and the stack is in {own}; "
                        "whatever is in this environment is not there"
                    )


def _regions(value: str, name: str = "") -> set[str]:
    if name in _OF_SDKS and _ALONE.fullmatch(value):
        return {value}
    if "aws" not in value:
        return set()
    return {found["region"] for form in (_ARN, _HOST) for found in form.finditer(value)}
