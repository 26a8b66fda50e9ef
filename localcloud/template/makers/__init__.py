"""One maker per CloudFormation type: resolved properties in, a resource of the account out."""

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
from localcloud.template.makers.base import (
    Cloud,
    Deleter,
    Deployed,
    Made,
    Maker,
    Request,
    Updater,
    Wanted,
)
from localcloud.template.makers.custom import is_custom

_MAKERS: dict[str, Maker] = {
    **compute.MAKERS,
    **database.MAKERS,
    **events.MAKERS,
    **identity.MAKERS,
    **messaging.MAKERS,
    **monitoring.MAKERS,
    **network.MAKERS,
    **workflows.MAKERS,
}

_DELETERS: dict[str, Deleter] = {
    **compute.DELETERS,
    **database.DELETERS,
    **events.DELETERS,
    **identity.DELETERS,
    **messaging.DELETERS,
    **monitoring.DELETERS,
    **network.DELETERS,
    **workflows.DELETERS,
}

_UPDATERS: dict[str, Updater] = {
    **compute.UPDATERS,
    **database.UPDATERS,
    **events.UPDATERS,
    **identity.UPDATERS,
    **messaging.UPDATERS,
    **monitoring.UPDATERS,
    **network.UPDATERS,
    **workflows.UPDATERS,
}


def maker_of(resource_type: str) -> Maker | None:
    """None if the local cloud does not know the type."""
    return custom.custom_resource if is_custom(resource_type) else _MAKERS.get(resource_type)


def deleter_of(resource_type: str) -> Deleter | None:
    """None if the type cannot be deleted yet, because nothing needs it."""
    if is_custom(resource_type):
        return custom.delete_custom_resource
    return _DELETERS.get(resource_type)


def updater_of(resource_type: str) -> Updater | None:
    """None if the type cannot be updated yet, because nothing needs it."""
    if is_custom(resource_type):
        return custom.update_custom_resource
    return _UPDATERS.get(resource_type)


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
    "deleter_of",
    "is_custom",
    "maker_of",
    "updater_of",
]
