"""What is ours, by its tags. Pure."""

from __future__ import annotations

from collections.abc import Mapping

from bivouac import errors
from bivouac.environment import naming
from bivouac.environment.blueprint import Blueprint


def require_owned(what: str, tags: Mapping[str, str], blueprint: Blueprint) -> None:
    """Raise ForeignResourceError if a resource that we need has other tags (D18)."""
    if blueprint.owns(tags):
        return
    stack, environment = blueprint.stack, blueprint.environment
    owner = tags.get(naming.ENVIRONMENT_TAG)
    if owner and naming.STACK_TAG in tags:
        other = "" if tags[naming.STACK_TAG] == stack else tags[naming.STACK_TAG]
        of_stack, at_stack = (f" of the stack {other}", f" --stack {other}") if other else ("", "")
        raise errors.ForeignResourceError(
            f"{what} belongs to another environment, {owner}{of_stack}, and is left alone. Two "
            "environments cannot share it: give this one another name, or another `namespace` and "
            f"`cluster` where its request names them; or delete {owner} with "
            f"`bivouac down {owner}{at_stack}`"
        )
    raise errors.ForeignResourceError(
        f"{what} exists but does not have the tags of this environment "
        f"({naming.STACK_TAG}={stack}, {naming.ENVIRONMENT_TAG}={environment}); it is left "
        "alone. Give the environment another name, or delete that resource yourself"
    )
