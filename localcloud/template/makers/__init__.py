"""One maker per CloudFormation type: resolved properties in, a resource of the account out."""

from localcloud.template.makers import (
    compute,
    database,
    events,
    identity,
    messaging,
    monitoring,
    network,
    workflows,
)
from localcloud.template.makers.base import Cloud, Made, Maker, Request

MAKERS: dict[str, Maker] = {
    **compute.MAKERS,
    **database.MAKERS,
    **events.MAKERS,
    **identity.MAKERS,
    **messaging.MAKERS,
    **monitoring.MAKERS,
    **network.MAKERS,
    **workflows.MAKERS,
}

NOT_MADE: dict[str, str] = {
    "AWS::CloudWatch::Dashboard": "nothing of the local cloud draws it",
}
"""Types that a template may declare and the local cloud leaves out, with the reason."""

__all__ = ["MAKERS", "NOT_MADE", "Cloud", "Made", "Maker", "Request"]
