"""Cloud Map's requests as they come from moto."""

from __future__ import annotations

from collections.abc import Sequence

from localcloud.cloudmap.errors import CloudMapError, invalid_request
from localcloud.request_shape import Problem
from localcloud.strict_response import StrictResponse


class CloudMapResponse(StrictResponse):
    service = "servicediscovery"

    def invalid(self, found: Sequence[Problem]) -> CloudMapError:
        return invalid_request(found)
