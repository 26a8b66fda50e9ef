"""Why the local cloud cannot start."""

from __future__ import annotations


class CannotStartError(Exception):
    """Something of this machine or of the template is in the way. The text says what to do."""
