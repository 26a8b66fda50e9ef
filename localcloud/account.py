"""The AWS account before Bivouac does anything: network, roles and their ids."""

from __future__ import annotations

import ipaddress
import json
import secrets
import string
from dataclasses import dataclass
from typing import Any

from moto.core.base_backend import BackendDict
from moto.core.model_instances import reset_model_data
from moto.ec2.models import ec2_backends
from moto.iam.models import iam_backends

ACCOUNT_ID = "123456789012"
REGION = "ap-northeast-1"
SUBNET_IDS = ("subnet-725e9559", "subnet-9a4c8cd2", "subnet-f9bb89a2")
"""The subnets of the Service Connect tutorial, each in a different Availability Zone."""
SECURITY_GROUP_ID = "sg-34692f46"
EXECUTION_ROLE_NAME = "ecsTaskExecutionRole"
SERVICE_LINKED_ROLE_NAME = "AWSServiceRoleForECS"


@dataclass(frozen=True)
class Account:
    account_id: str
    region: str
    vpc_id: str
    vpc_cidr: ipaddress.IPv4Network
    subnet_ids: tuple[str, ...]
    security_group_id: str
    """Admits TCP 80 from everywhere and everything from itself."""
    execution_role_arn: str

    def arn(self, service: str, resource: str) -> str:
        """The ARN of a resource in this account and Region."""
        return f"arn:aws:{service}:{self.region}:{self.account_id}:{resource}"

    @property
    def service_linked_role_arn(self) -> str:
        path = f"aws-service-role/ecs.amazonaws.com/{SERVICE_LINKED_ROLE_NAME}"
        return f"arn:aws:iam::{self.account_id}:role/{path}"

    @property
    def caller_arn(self) -> str:
        """The identity that every request to the local cloud has."""
        return f"arn:aws:iam::{self.account_id}:root"


def seed() -> Account:
    """Creates the account in moto's backends. Call it once, after any reset of them."""
    vpc_id, vpc_cidr = _seed_network(ec2_backends[ACCOUNT_ID][REGION])
    return Account(
        account_id=ACCOUNT_ID,
        region=REGION,
        vpc_id=vpc_id,
        vpc_cidr=vpc_cidr,
        subnet_ids=SUBNET_IDS,
        security_group_id=SECURITY_GROUP_ID,
        execution_role_arn=_seed_roles(iam_backends[ACCOUNT_ID]["aws"]),
    )


def forget() -> None:
    """Removes the account from moto, as its reset does, which would also build everything anew."""
    for backends in BackendDict._instances:
        backends.clear()
    BackendDict._instances.clear()
    reset_model_data()


def random_id(length: int) -> str:
    """Lower-case letters and digits, as in Cloud Map's ids."""
    return "".join(secrets.choice(string.ascii_lowercase + string.digits) for _ in range(length))


def _seed_network(ec2: Any) -> tuple[str, ipaddress.IPv4Network]:
    """Gives moto's default subnets and a new security group the tutorial's ids.

    EC2 lets nobody choose an id, so moto's records are renamed.
    """
    by_zone = [subnets for subnets in ec2.subnets.values() if subnets]
    for subnets, new_id in zip(by_zone, SUBNET_IDS, strict=True):
        old_id = next(iter(subnets))
        subnet = subnets.pop(old_id)
        subnet.id = new_id
        subnets[new_id] = subnet
    vpc = ec2.default_vpc
    # Of AWS's default VPC, which moto's lacks (VPC user guide, default VPC components)
    gateway = ec2.create_internet_gateway()
    ec2.attach_internet_gateway(gateway.id, vpc.id)
    (table,) = ec2.describe_route_tables(filters={"vpc-id": vpc.id})
    ec2.create_route(table.id, "0.0.0.0/0", gateway_id=gateway.id)
    group = ec2.create_security_group(
        "tutorial", "Tasks of the Service Connect tutorial", vpc_id=vpc.id
    )
    groups = ec2.groups[vpc.id]
    del groups[group.id]
    group.id = group.group_id = SECURITY_GROUP_ID
    groups[SECURITY_GROUP_ID] = group
    for rule in group.egress_rules:
        rule.group_id = SECURITY_GROUP_ID
    ec2.authorize_security_group_ingress(
        SECURITY_GROUP_ID, "tcp", "80", "80", [{"CidrIp": "0.0.0.0/0"}], vpc_id=vpc.id
    )
    ec2.authorize_security_group_ingress(
        SECURITY_GROUP_ID,
        "-1",
        "-1",
        "-1",
        [],
        source_groups=[{"GroupId": SECURITY_GROUP_ID}],
        vpc_id=vpc.id,
    )
    return vpc.id, ipaddress.IPv4Network(vpc.cidr_block)


def create_service_linked_role() -> None:
    """Creates the role with which ECS acts for the account; moto would spell its name in the wrong
    case."""
    iam_backends[ACCOUNT_ID]["aws"].create_role(
        SERVICE_LINKED_ROLE_NAME,
        _trust("ecs.amazonaws.com"),
        "/aws-service-role/ecs.amazonaws.com/",
        None,
        "Lets ECS act for the account",
        [],
        "3600",
        linked_service="ecs.amazonaws.com",
    )


def _seed_roles(iam: Any) -> str:
    create_service_linked_role()
    role = iam.create_role(
        EXECUTION_ROLE_NAME,
        _trust("ecs-tasks.amazonaws.com"),
        "/",
        None,
        "Pulls images and writes logs",
        [],
        "3600",
    )
    iam.put_role_policy(EXECUTION_ROLE_NAME, "execution", json.dumps(_EXECUTION_POLICY))
    arn: str = role.arn
    return arn


_EXECUTION_POLICY = {
    "Version": "2012-10-17",
    "Statement": [
        {
            "Effect": "Allow",
            "Action": [
                "ecr:GetAuthorizationToken",
                "ecr:BatchCheckLayerAvailability",
                "ecr:GetDownloadUrlForLayer",
                "ecr:BatchGetImage",
                "logs:CreateLogStream",
                "logs:PutLogEvents",
            ],
            "Resource": "*",
        }
    ],
}
"""AmazonECSTaskExecutionRolePolicy, which the tutorial's role has (ECS guide,
task_execution_IAM_role)."""


def _trust(service: str) -> str:
    return json.dumps(
        {
            "Version": "2012-10-17",
            "Statement": [
                {
                    "Effect": "Allow",
                    "Principal": {"Service": service},
                    "Action": "sts:AssumeRole",
                }
            ],
        }
    )
