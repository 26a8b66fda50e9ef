"""Who can reach a task, according to its security groups. Pure."""

from __future__ import annotations

from collections.abc import Sequence

from bivouac.aws import ec2_answers
from bivouac.json_types import Described


def admits_the_world(groups: Sequence[Described], port: int) -> bool:
    """Whether any of a task's security groups admits everyone on a TCP port."""
    return any(ec2_answers.admits_everybody(each) for each in _permissions(groups, port))


def admits_group(groups: Sequence[Described], source_group_id: str, port: int) -> bool:
    """Whether any of a task's security groups may admit another group on a TCP port (P09)."""
    return any(ec2_answers.may_admit(each, source_group_id) for each in _permissions(groups, port))


def _permissions(groups: Sequence[Described], port: int) -> list[Described]:
    return [
        permission
        for group in groups
        for permission in group.get("IpPermissions", ())
        if ec2_answers.is_about(permission, port)
    ]
