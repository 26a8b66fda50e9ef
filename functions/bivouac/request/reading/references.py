"""Recognises what another tool fills in before ECS sees it, and nothing here does. Pure.

CloudFormation's functions and their short forms (https://docs.aws.amazon.com/AWSCloudFormation/
latest/TemplateReference/intrinsic-function-reference.html), Terraform's references and functions
(https://developer.hashicorp.com/terraform/language/expressions/references), the functions of
ecspresso's templates (https://github.com/kayac/ecspresso), and the AWS CLI's files.
"""

from __future__ import annotations

import re
from typing import Any

_FUNCTION = re.compile(r"Ref|Condition|Fn::.+")
_WITHIN = re.compile(
    r"(?P<cloudformation>\$\{AWS::\w+\}|\{\{resolve:[^}]*\}\})"
    r"|(?P<terraform>\$\{(?:aws_\w+|var|local|module|data|each|path|terraform)[.\[][^}]*\})"
    r"|(?P<ecspresso>\{\{\s*(?:must_env|env|tfstatef?|ssm|secretsmanager_arn|cfn_output)\b[^}]*\}\})"
)
"""Anywhere in a text."""
_FREE_FORMS = (
    r"(?P<cloudformation>!(?:Ref|Sub|GetAtt|ImportValue|Join|If|Select|Split|FindInMap)\b)"
    r"|(?P<terraform>(?:jsonencode|templatefile)\("
    r"|(?:data\.)?aws_\w+\.[\w-]+(?:\[[^\]]*\])?\.[\w.\[\]*-]+$"
)
_FREE = re.compile(rf"{_FREE_FORMS})")
"""A whole text."""
_ALONE = re.compile(
    rf"{_FREE_FORMS}|(?:var|local|module)\.[a-z_][\w.\[\]-]*$)|(?P<cli>fileb?://.+)", re.DOTALL
)
"""With what could mean something else in a free text, such as a variable's value."""
_WHOSE = {
    "cloudformation": "CloudFormation's",
    "terraform": "Terraform's",
    "ecspresso": "ecspresso's",
    "cli": "the AWS CLI's",
}
_SHOWN = 60


def reference(value: Any, free: bool = False) -> str:
    """What a value is, such as "Ref is CloudFormation's"; empty if it is no reference. `free`:
    the value may be any text."""
    if isinstance(value, dict):
        name = next(iter(value), "")
        return (
            f"{name} is CloudFormation's" if len(value) == 1 and _FUNCTION.fullmatch(name) else ""
        )
    if not isinstance(value, str):
        return ""
    found = (_FREE if free else _ALONE).match(value) or ("{" in value and _WITHIN.search(value))
    if not found:
        return ""
    whose = next(_WHOSE[name] for name, text in found.groupdict().items() if text)
    return f"{found[0][:_SHOWN]} is {whose}"


def holds_reference(value: Any) -> str:
    """The same for a value or, in a list, its first reference."""
    if isinstance(value, list):
        return next(filter(None, map(reference, value)), "")
    return reference(value)
