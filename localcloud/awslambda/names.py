"""The forms in which Lambda accepts a function's name: name or ARN, with or without a qualifier."""

from __future__ import annotations

import re
from dataclasses import dataclass

LATEST = "$LATEST"

_FORM = re.compile(
    r"(?:arn:aws[a-zA-Z-]*:lambda:)?(?:[a-z]{2}(?:-[a-z]+)+-\d:)?(?:\d{12}:)?(?:function:)?"
    r"(?P<name>[a-zA-Z0-9-_.]+)(?::(?P<qualifier>\$LATEST|[a-zA-Z0-9-_]+))?"
)
"""From the API's model (botocore, lambda, NamespacedFunctionName)."""


@dataclass(frozen=True)
class FunctionName:
    name: str
    qualifier: str | None = None
    """A version or an alias; None if the request has none, which means $LATEST."""

    @classmethod
    def of(cls, text: str, qualifier: str | None = None) -> FunctionName:
        """Parses a request's FunctionName, and its Qualifier if that is a separate member."""
        match = _FORM.fullmatch(text)
        if match is None:
            return cls(text, qualifier or None)
        return cls(match["name"], match["qualifier"] or qualifier or None)

    @property
    def resource(self) -> str:
        """The end of the ARN in Lambda's answers and in policies."""
        qualifier = f":{self.qualifier}" if self.qualifier else ""
        return f"function:{self.name}{qualifier}"

    def arn(self, region: str, account_id: str) -> str:
        return f"arn:aws:lambda:{region}:{account_id}:{self.resource}"
