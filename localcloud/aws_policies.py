"""AWS managed policies."""

from __future__ import annotations

import json
from functools import cache
from typing import Any

from moto.iam.aws_managed_policies import aws_managed_policies_data
from moto.iam.models import AWSManagedPolicy, iam_backends

PREFIX = "arn:aws:iam::aws:policy/"


class NoSuchPolicyError(Exception):
    """AWS has no managed policy with this ARN."""


def provide(account_id: str, region: str, arn: str) -> None:
    """Loads one of them into moto. All 1,500 together would take a quarter of a second."""
    name = arn.rpartition("/")[2]
    if name not in _documents():
        raise NoSuchPolicyError(f"AWS has no managed policy {arn}")
    policy = AWSManagedPolicy.from_data(name, account_id, region, _documents()[name])
    iam_backends[account_id]["aws"].managed_policies.setdefault(policy.arn, policy)


@cache
def _documents() -> dict[str, Any]:
    documents: dict[str, Any] = json.loads(aws_managed_policies_data)
    return documents
