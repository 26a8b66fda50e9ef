from __future__ import annotations

from localcloud.errors import CannotStartError


class TemplateError(CannotStartError):
    """The template, or the parameters it is deployed with, cannot be made into resources.

    The message says where in the template, what is wrong, and what would be right."""
