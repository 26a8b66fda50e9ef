"""EC2 deletes no subnet or security group in use."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from botocore.exceptions import ClientError

from localcloud.cloud import LocalCloud
from localcloud.template import Stack

CODE = Path(__file__).parent / "data" / "hello" / "functions"
FUNCTION_IN_VPC = """
Transform: AWS::Serverless-2016-10-31
Parameters:
  Subnet: {Type: String}
  Group: {Type: String}
Resources:
  Greet:
    Type: AWS::Serverless::Function
    Properties:
      Handler: greet.handler
      Runtime: python3.13
      CodeUri: functions/
      PUBLISHED
      VpcConfig: {SubnetIds: [!Ref Subnet], SecurityGroupIds: [!Ref Group]}
"""


@pytest.fixture
def cloud() -> Iterator[LocalCloud]:
    with LocalCloud(runtime="scripted", port=0) as cloud:
        yield cloud


@pytest.fixture
def group(cloud: LocalCloud) -> str:
    return new_group(cloud, "probe")


def new_group(cloud: LocalCloud, name: str) -> str:
    made: str = cloud.client("ec2").create_security_group(
        GroupName=name, Description=name, VpcId=cloud.account.vpc_id
    )["GroupId"]
    return made


def function_in_vpc(cloud: LocalCloud, directory: Path, group: str, *, published: bool) -> Stack:
    """In the account's first subnet."""
    shutil.copytree(CODE, directory / "functions")
    template = directory / "template.yaml"
    line = "AutoPublishAlias: live" if published else "Timeout: 3"
    template.write_text(FUNCTION_IN_VPC.replace("PUBLISHED", line))
    parameters = {"Subnet": cloud.account.subnet_ids[0], "Group": group}
    return cloud.deploy(template, parameters, name="in-vpc")


def moved(cloud: LocalCloud, stack: Stack, group: str) -> None:
    """Moves it into the second subnet by an update of the stack."""
    cloud.client("lambda").update_function_configuration(
        FunctionName=stack.resources["Greet"],
        VpcConfig={"SubnetIds": [cloud.account.subnet_ids[1]], "SecurityGroupIds": [group]},
    )


def refused(deletion: Callable[..., Any], **what: str) -> bool:
    try:
        deletion(**what)
    except ClientError as error:
        if error.response["Error"]["Code"] != "DependencyViolation":
            raise
        return True
    return False


class TestSubnets:
    """Lambda's guide, "Giving Lambda functions access to resources in an Amazon VPC": Lambda keeps
    a network interface while a function or a published version of it uses it."""

    def test_a_functions_subnet_cannot_be_deleted_until_the_function_moves(
        self, cloud: LocalCloud, tmp_path: Path, group: str
    ) -> None:
        stack = function_in_vpc(cloud, tmp_path, group, published=False)
        delete, first = cloud.client("ec2").delete_subnet, cloud.account.subnet_ids[0]
        assert refused(delete, SubnetId=first)
        moved(cloud, stack, group)
        assert not refused(delete, SubnetId=first)

    def test_a_published_versions_subnet_cannot_be_deleted_before_the_version(
        self, cloud: LocalCloud, tmp_path: Path, group: str
    ) -> None:
        stack = function_in_vpc(cloud, tmp_path, group, published=True)
        delete, first = cloud.client("ec2").delete_subnet, cloud.account.subnet_ids[0]
        moved(cloud, stack, group)
        assert refused(delete, SubnetId=first)
        cloud.delete_stack(stack)
        assert not refused(delete, SubnetId=first)


class TestSecurityGroups:
    """EC2's API reference, DeleteSecurityGroup: it refuses a group that is associated with an
    interface, or that a rule of another group in the VPC references."""

    @pytest.mark.parametrize("direction", ["ingress", "egress"])
    def test_a_group_that_another_groups_rule_names_cannot_be_deleted_before_the_rule(
        self, cloud: LocalCloud, group: str, direction: str
    ) -> None:
        ec2, database = cloud.client("ec2"), new_group(cloud, "database")
        port = {"IpProtocol": "tcp", "FromPort": 5432, "ToPort": 5432}
        rule = {"GroupId": database, "IpPermissions": [{**port, "UserIdGroupPairs": [pair(group)]}]}
        getattr(ec2, f"authorize_security_group_{direction}")(**rule)
        assert refused(ec2.delete_security_group, GroupId=group)
        getattr(ec2, f"revoke_security_group_{direction}")(**rule)
        assert not refused(ec2.delete_security_group, GroupId=group)

    def test_a_groups_own_rules_do_not_prevent_its_deletion(
        self, cloud: LocalCloud, group: str
    ) -> None:
        ec2 = cloud.client("ec2")
        everything = {"IpProtocol": "-1", "UserIdGroupPairs": [pair(group)]}
        ec2.authorize_security_group_ingress(GroupId=group, IpPermissions=[everything])
        assert not refused(ec2.delete_security_group, GroupId=group)

    def test_a_functions_group_cannot_be_deleted_before_the_function(
        self, cloud: LocalCloud, tmp_path: Path, group: str
    ) -> None:
        stack = function_in_vpc(cloud, tmp_path, group, published=False)
        ec2 = cloud.client("ec2")
        assert refused(ec2.delete_security_group, GroupId=group)
        cloud.delete_stack(stack)
        assert not refused(ec2.delete_security_group, GroupId=group)


def pair(group: str) -> dict[str, str]:
    return {"GroupId": group}
