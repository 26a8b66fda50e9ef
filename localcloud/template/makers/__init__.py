"""A maker for each CloudFormation type: resolved properties in, a resource of the account out."""

from localcloud.template.makers import (
    compute,
    custom,
    database,
    events,
    identity,
    messaging,
    monitoring,
    network,
    workflows,
)
from localcloud.template.makers.base import Cloud, Deployed, Handlers, Made, Request, Wanted
from localcloud.template.makers.custom import is_custom

_HANDLERS = {
    **compute.HANDLERS,
    **database.HANDLERS,
    **events.HANDLERS,
    **identity.HANDLERS,
    **messaging.HANDLERS,
    **monitoring.HANDLERS,
    **network.HANDLERS,
    **workflows.HANDLERS,
}


def handlers_of(resource_type: str) -> Handlers | None:
    """None if the local cloud does not know the type."""
    return custom.HANDLERS if is_custom(resource_type) else _HANDLERS.get(resource_type)


NOT_MADE: dict[str, str] = {
    "AWS::CloudWatch::Dashboard": "nothing of the local cloud draws it",
}
"""Types that a template may declare and the local cloud ignores, with the reason."""

__all__ = [
    "NOT_MADE",
    "Cloud",
    "Deployed",
    "Made",
    "Request",
    "Wanted",
    "handlers_of",
    "is_custom",
]
