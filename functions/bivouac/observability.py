"""The Logger and the Metrics of all functions, and what all handlers have in common.

Tracing is Lambda's active mode. Powertools' Tracer is not imported: it takes as much start-up time
as boto3, and no step here needs a subsegment of its own.
"""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any

from aws_lambda_powertools import Logger, Metrics
from aws_lambda_powertools.metrics import MetricUnit

Event = dict[str, Any]
Handler = Callable[[Event, Any], Event]

_BUSINESS_KEYS = ("environment", "generation", "serviceName", "execution")

logger = Logger()
metrics = Metrics()


def step(function: Callable[[Event], Event]) -> Handler:
    """A Lambda handler of one step: adds the business keys to each log line, and logs the result.

    Errors pass through: the state machine sees their class names as error names."""

    @functools.wraps(function)
    @logger.inject_lambda_context(clear_state=True)
    def handler(event: Event, context: Any) -> Event:
        if isinstance(event, dict):  # whoever may invoke a function may send it anything
            logger.append_keys(**{key: event[key] for key in _BUSINESS_KEYS if key in event})
        try:
            answer = function(event)
        except Exception as error:
            logger.warning("step failed", error=type(error).__name__, reason=str(error))
            raise
        finally:
            if metrics.metric_set:  # most steps have none, and Powertools warns of empty flushes
                metrics.flush_metrics()
        logger.info("step done", status=answer.get("status"), reason=answer.get("reason"))
        return answer

    return handler


__all__ = ["Event", "MetricUnit", "logger", "metrics", "step"]
