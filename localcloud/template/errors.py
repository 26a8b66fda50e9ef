from __future__ import annotations

from localcloud.errors import CannotStartError


class TemplateError(CannotStartError):
    """The template or its parameters cannot be deployed.

    The message says where in the template, what is wrong, and what would be right."""


class StackUpdateError(TemplateError):
    """An update failed and was rolled back."""

    def __init__(self, reason: str, status: str) -> None:
        super().__init__(reason)
        self.status = status
        """UPDATE_ROLLBACK_COMPLETE: everything is as it was; or UPDATE_ROLLBACK_FAILED."""
