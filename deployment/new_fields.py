"""Prints the fields of ECS that the installed botocore knows and that have no decision yet.

`python -m deployment.new_fields`, with functions/ on the path. `make lock` runs it with the newly
locked botocore; tests/unit/test_ecs_fields.py fails on what it prints.
"""

from __future__ import annotations

import botocore

from bivouac.request.fields import ecs_arguments

PLACE = "functions/bivouac/request/fields/ecs_fields.py"


def main() -> None:
    undecided = ecs_arguments.undecided()
    outdated = ecs_arguments.outdated()
    for each in undecided:
        print(f"{each}: new in botocore {botocore.__version__}; decide about it in {PLACE}")
    for each in outdated:
        print(f"{each}: not in botocore {botocore.__version__} any more; remove it from {PLACE}")
    if not undecided and not outdated:
        print(f"ECS's fields in botocore {botocore.__version__} are all decided about")


if __name__ == "__main__":
    main()
