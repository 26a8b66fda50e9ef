"""JSON as Python has it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

Json = dict[str, Any]
"""What we write."""
ReadOnlyJson = Mapping[str, Any]
"""What we only read, such as a part of a request."""
Described = Mapping[str, Any]
"""A resource or an event as AWS describes it."""
