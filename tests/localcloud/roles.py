"""Clients with the rights of a role, like those of a function with that role."""

from __future__ import annotations

from typing import Any

import boto3

from localcloud.cloud import LocalCloud


def client_of(cloud: LocalCloud, role_arn: str, service: str) -> Any:
    keys = cloud.credentials.of_role(role_arn)
    session: Any = boto3.Session()
    return session.client(
        service,
        endpoint_url=cloud.endpoint_url,
        region_name="ap-northeast-1",
        aws_access_key_id=keys.access_key_id,
        aws_secret_access_key=keys.secret_access_key,
        aws_session_token=keys.session_token,
    )
