"""Why the local cloud cannot start."""

from __future__ import annotations


class CannotStartError(Exception):
    """Something on this machine or in the template prevents the start. The text says what to do."""
