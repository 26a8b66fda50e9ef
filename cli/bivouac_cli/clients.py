"""The caller's AWS: clients with the caller's own rights, and each error as one line."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import botocore.session
from botocore import exceptions as botocore_errors
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError, NoCredentialsError

from bivouac_cli.ending import CommandError, Exit, NoRegionError

_CONFIG = Config(
    connect_timeout=5,
    read_timeout=40,
    retries={"mode": "standard", "total_max_attempts": 4},
    user_agent_extra="bivouac-cli",
)
_NO_RIGHTS = (
    *("AccessDenied", "UnrecognizedClient", "InvalidClientTokenId", "ExpiredToken"),
    *("UnauthorizedOperation", "AuthFailure"),
)
"""Begin the error codes of callers who may not call, or whom AWS does not know; the last two are
EC2's."""


class Clients:
    """One client for each service, created on first use."""

    def __init__(self, region: str | None, profile: str | None, endpoint_url: str | None) -> None:
        self._profile = profile
        self._session = botocore.session.Session(profile=profile)
        self._options: dict[str, Any] = {
            "region_name": region,
            "endpoint_url": endpoint_url,
            "config": _CONFIG,
        }
        self._made: dict[str, Any] = {}

    def __call__(self, service: str) -> Any:
        """Raises CommandError if no Region is set, or the profile does not exist."""
        if service not in self._made:
            with plain_errors():
                self._made[service] = self._session.create_client(service, **self._options)
        return self._made[service]

    def of_region(self, region: str) -> Clients:
        """The same caller's."""
        return Clients(region, self._profile, self._options["endpoint_url"])


def has_no_rights(error: ClientError) -> bool:
    return str(error.response["Error"]["Code"]).startswith(_NO_RIGHTS)


@contextmanager
def plain_errors() -> Iterator[None]:
    """Errors of AWS and its SDK, as one line that says what to do."""
    try:
        yield
    except NoCredentialsError:
        raise CommandError(
            Exit.NOT_FOUND, "There are no AWS credentials: log in, or name a profile with --profile"
        ) from None
    except botocore_errors.NoRegionError:
        raise NoRegionError from None
    except ClientError as error:
        message = error.response["Error"]["Message"]
        ending = Exit.NOT_FOUND if has_no_rights(error) else Exit.FAILED
        raise CommandError(ending, f"AWS refused {error.operation_name}: {message}") from None
    except BotoCoreError as error:
        raise CommandError(Exit.NOT_FOUND, " ".join(str(error).split())) from None
