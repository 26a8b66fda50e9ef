"""The one Logger and the one Metrics of all functions.

Tracing is Lambda's active mode. Powertools' Tracer is not imported: it costs as much start-up time
as boto3, and no step here is worth a subsegment of its own.
"""

from __future__ import annotations

from aws_lambda_powertools import Logger, Metrics
from aws_lambda_powertools.metrics import MetricUnit

logger = Logger()
metrics = Metrics()

__all__ = ["MetricUnit", "logger", "metrics"]
