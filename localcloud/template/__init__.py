"""Turns template.yaml into resources of the local cloud. The template is their only source."""

from localcloud.template.deletion import StackDeletionError, StackProtectedError
from localcloud.template.errors import StackUpdateError, TemplateError
from localcloud.template.stack import Deployer, Stack

__all__ = [
    "Deployer",
    "Stack",
    "StackDeletionError",
    "StackProtectedError",
    "StackUpdateError",
    "TemplateError",
]
