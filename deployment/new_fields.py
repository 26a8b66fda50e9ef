"""Prints the fields of ECS that the installed botocore knows and that have no decision yet.

`python -m deployment.new_fields`, with functions/ on the path. `make lock` runs it with the newly
locked botocore; tests/unit/test_ecs_fields.py fails on what it prints.
"""

from __future__ import annotations

from collections.abc import Iterator

import botocore

from bivouac.aws.ecs_forms import Form, arguments_of
from bivouac.request.fields.ecs_arguments import decision
from bivouac.request.fields.ecs_fields import FIELDS
from bivouac.request.fields.field_rules import Refused

PLACE = "functions/bivouac/request/fields/ecs_fields.py"
OPERATIONS = ("CreateService", "RegisterTaskDefinition", "CreateCluster")


def undecided() -> list[str]:
    """The fields of botocore's model that `ecs_fields` says nothing about, as Shape.field."""
    return sorted(each for each in _known() if decision(*each.split(".")) is None)


def outdated() -> list[str]:
    """What `ecs_fields` lists, but no input of the model has, as Shape.field."""
    listed = {f"{shape}.{name}" for shape, fields in FIELDS.items() for name in fields}
    return sorted(listed - _known())


def _known() -> set[str]:
    return {
        f"{shape}.{name}"
        for operation in OPERATIONS
        for shape, name in _reachable(arguments_of(operation))
    }


def _reachable(form: Form) -> Iterator[tuple[str, str]]:
    """The fields at every depth, except in what is refused as a whole."""
    for name, member in form.members.items():
        yield form.shape, name
        if not isinstance(decision(form.shape, name), Refused):
            yield from _reachable(member)
    if form.entry:
        yield from _reachable(form.entry)


def main() -> None:
    new, old = undecided(), outdated()
    for each in new:
        print(f"{each}: new in botocore {botocore.__version__}; decide about it in {PLACE}")
    for each in old:
        print(f"{each}: not in botocore {botocore.__version__} any more; remove it from {PLACE}")
    if not new and not old:
        print(f"ECS's fields in botocore {botocore.__version__} are all decided about")


if __name__ == "__main__":
    main()
