from __future__ import annotations


class TemplateError(Exception):
    """The template, or the parameters it is deployed with, cannot be made into resources.

    The message says where in the template, what is wrong, and what would be right."""
