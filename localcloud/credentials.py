"""Who calls: access keys of the account's user and of the roles that functions and machines assume.

A key is only a name here (signatures are not checked): the local cloud reads the caller's role from
the access key id that a request is signed with.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass


@dataclass(frozen=True)
class Keys:
    access_key_id: str
    secret_access_key: str
    session_token: str


USER_ACCESS_KEY_ID = "AKIALOCALCLOUDUSER00"
USER_SECRET_ACCESS_KEY = "local-cloud"


class Credentials:
    """The temporary keys of roles. The same role always has the same keys."""

    def __init__(self) -> None:
        self._roles: dict[str, str] = {}

    def of_role(self, role_arn: str) -> Keys:
        digest = hashlib.sha256(role_arn.encode()).hexdigest().upper()
        access_key_id = f"ASIA{digest[:16]}"
        self._roles[access_key_id] = role_arn
        return Keys(access_key_id, "local-cloud", "local-cloud")

    def role_of(self, access_key_id: str) -> str | None:
        """The role's ARN; None is the account's own user, who may do everything."""
        return self._roles.get(access_key_id)
