"""Who calls: access keys of the account's user, and of the roles that functions and machines
assume.

Signatures are not checked: whoever knows an access key id counts as its owner. So ids are new at
each start, and one cannot be guessed from another.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import secrets
from dataclasses import dataclass


@dataclass(frozen=True)
class Keys:
    access_key_id: str
    secret_access_key: str
    session_token: str = ""


def user_keys() -> Keys:
    """New keys of a user."""
    return Keys(_access_key_id("AKIA", secrets.token_bytes(10)), secrets.token_urlsafe(30))


class Credentials:
    """The credentials of one local cloud: its user's keys, and the temporary ones of roles."""

    def __init__(self) -> None:
        self.user = user_keys()
        self._salt = secrets.token_bytes(32)
        self._users = {self.user.access_key_id}
        self._roles: dict[str, str] = {}

    def admit(self, keys: Keys) -> None:
        """Accepts these as keys of the account's user too, so that calls can be told apart."""
        self._users.add(keys.access_key_id)

    def of_role(self, role_arn: str) -> Keys:
        """The same role always gets the same keys."""
        digest = hmac.digest(self._salt, role_arn.encode(), hashlib.sha256)
        access_key_id = _access_key_id("ASIA", digest[:10])
        self._roles[access_key_id] = role_arn
        return Keys(access_key_id, "local-cloud", "local-cloud")

    def role_of(self, access_key_id: str) -> str | None:
        """The role's ARN; None means the account's own user, who may do everything."""
        return self._roles.get(access_key_id)

    def knows(self, access_key_id: str) -> bool:
        return access_key_id in self._users or access_key_id in self._roles


def _access_key_id(prefix: str, random: bytes) -> str:
    """Four letters and sixteen base-32 characters, like AWS's
    (https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_identifiers.html)."""
    return prefix + base64.b32encode(random).decode()
