"""AWS's recorded answers to the Service Connect tutorial, and what "the same answer" means.

Two answers are the same if they have the same fields with the same values, except for what belongs
to one run (ids, times), to the author's identity, or to the author's account settings. The same
comparison serves answers of boto3 and of the AWS CLI.
"""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

TUTORIAL = Path(__file__).parent / "data" / "tutorial"
NAMESPACE = "service-connect"

_OF_ONE_RUN = (
    (re.compile(r"\bns-[a-z0-9]+"), "<namespace id>"),
    (re.compile(r"\bsrv-[a-z0-9]+"), "<service id>"),
    (re.compile(r"ecs-svc/\d+"), "<deployment id>"),
    (re.compile(r"^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$"), "<uuid>"),
)
_TIMES = {"createdAt", "updatedAt", "registeredAt", "CreateDate"}
_IDENTITIES = {"createdBy", "registeredBy"}
_NEWER = {
    "ResourceOwner",
    "strategy",
    "bakeTimeInMinutes",
    "currentServiceRevisions",
    "availabilityZoneRebalancing",
    "resourceManagementType",
}
"""Members that ECS and Cloud Map did not have in 2022."""
_UNORDERED = {"settings", "subnets", "requiresAttributes", "compatibilities"}


def recorded(name: str) -> dict[str, Any]:
    """The recorded answer to a command of the tutorial ("create-cluster", "list-namespaces"...)."""
    answer: dict[str, Any] = json.loads((TUTORIAL / f"{name}.response.json").read_text())
    return answer


def arguments(name: str) -> dict[str, Any]:
    """A definition file of the tutorial with its mistake corrected: the namespace is a name."""
    given: dict[str, Any] = json.loads((TUTORIAL / f"{name}.json").read_text())
    if "serviceConnectConfiguration" in given:
        given["serviceConnectConfiguration"]["namespace"] = NAMESPACE
    return given


def comparable(answer: Any) -> Any:
    """An answer without what differs between runs and accounts."""
    if isinstance(answer, dict):
        return {
            member: _comparable_member(member, value)
            for member, value in answer.items()
            if member != "ResponseMetadata" and member not in _NEWER
        }
    if isinstance(answer, list):
        return [comparable(item) for item in answer]
    if isinstance(answer, str):
        for pattern, instead in _OF_ONE_RUN:
            answer = pattern.sub(instead, answer)
    return answer


def _comparable_member(member: str, value: Any) -> Any:
    if member in _TIMES:
        return "<time>"
    if member in _IDENTITIES:
        return "<identity>"
    if member == "settings":
        # containerInsights is an account setting: enabled for the author, disabled by default.
        return [{**setting, "value": "<account setting>"} for setting in value]
    same = comparable(value)
    return sorted(same, key=json.dumps) if member in _UNORDERED else same
