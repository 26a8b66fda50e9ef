"""What is ours, by its tags. Pure."""

from __future__ import annotations

from collections.abc import Mapping

from bivouac import errors
from bivouac.environment import naming


def require_owned(what: str, tags: Mapping[str, str], stack: str, environment: str) -> None:
    """Raise ForeignResourceError if a resource that we need has other tags (D18)."""
    if not naming.is_owned(tags, stack, environment):
        raise errors.ForeignResourceError(
            f"{what} exists but does not have the tags of this environment "
            f"({naming.STACK_TAG}={stack}, {naming.ENVIRONMENT_TAG}={environment}); it is left "
            "alone. Give the environment another name, or delete that resource yourself"
        )
