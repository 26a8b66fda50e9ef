"""ECS's requests, as moto hands them over."""

from __future__ import annotations

from collections.abc import Sequence

from localcloud.ecs.errors import EcsError, invalid_request
from localcloud.request_shape import Problem
from localcloud.strict_response import StrictResponse


class EcsResponse(StrictResponse):
    service = "ecs"

    def invalid(self, found: Sequence[Problem]) -> EcsError:
        return invalid_request(found)
