"""Addresses of tasks, and who reaches them."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from localcloud.account import SECURITY_GROUP_ID, SUBNET_IDS
from localcloud.clock import ManualClock
from localcloud.network import (
    Internet,
    InVpc,
    Reached,
    Refused,
    Source,
    TimedOut,
    Unreachable,
)
from localcloud.strict import mock_account
from localcloud.tasks.scripted import ScriptedRuntime
from tests.localcloud.strict_cloud import Cloud, fargate_service, web_container

OUTSIDE = Internet()


class ListeningRuntime(ScriptedRuntime):
    """Every running task listens on port 80, and on no other."""

    def socket_of(self, private_ip: str, port: int) -> Path | None:
        listening = any(task.private_ip == private_ip for task in self.running())
        return Path("/nowhere") if listening and port == 80 else None


@pytest.fixture
def cloud() -> Iterator[Cloud]:
    clock = ManualClock()
    with mock_account(clock=clock, runtime=ListeningRuntime(clock)) as plane:
        yield Cloud(plane)


@pytest.fixture
def task(cloud: Cloud) -> dict[str, Any]:
    """The one task of a service behind the tutorial's security group, with a public address."""
    cloud.cluster()
    cloud.task_definition(
        containerDefinitions=[web_container(portMappings=[{"containerPort": 80}])]
    )
    cloud.service()
    cloud.wait()
    return cloud.tasks()[0]


def details(task: dict[str, Any]) -> dict[str, str]:
    return {item["name"]: item["value"] for item in task["attachments"][0]["details"]}


def interface(cloud: Cloud, task: dict[str, Any]) -> dict[str, Any]:
    ids = [details(task)["networkInterfaceId"]]
    (found,) = cloud.ec2.describe_network_interfaces(NetworkInterfaceIds=ids)["NetworkInterfaces"]
    return dict(found)


def inside(*security_group_ids: str) -> Source:
    return InVpc(SUBNET_IDS[1], frozenset(security_group_ids))


def test_ec2_describes_the_interface_with_both_addresses(
    cloud: Cloud, task: dict[str, Any]
) -> None:
    """P04: the public address is not in DescribeTasks."""
    found = interface(cloud, task)
    assert found["PrivateIpAddress"] == details(task)["privateIPv4Address"]
    assert found["PrivateIpAddress"].startswith("172.31.")
    assert found["Association"]["PublicIp"].startswith("203.0.113.")
    assert [group["GroupId"] for group in found["Groups"]] == [SECURITY_GROUP_ID]
    assert found["SubnetId"] == details(task)["subnetId"]
    assert found["MacAddress"] == details(task)["macAddress"]


def test_without_a_public_address_there_is_no_association(cloud: Cloud) -> None:
    """P04."""
    cloud.cluster_and_definition()
    arguments = fargate_service()
    arguments["networkConfiguration"]["awsvpcConfiguration"]["assignPublicIp"] = "DISABLED"
    cloud.ecs.create_service(**arguments)
    cloud.wait()
    assert "Association" not in interface(cloud, cloud.tasks()[0])


def test_tasks_are_spread_over_the_subnets(cloud: Cloud) -> None:
    cloud.running_web(desiredCount=3)
    assert {details(task)["subnetId"] for task in cloud.tasks()} == set(SUBNET_IDS)
    assert len({task["availabilityZone"] for task in cloud.tasks()}) == 3


def test_addresses_are_not_reused_at_once(cloud: Cloud, task: dict[str, Any]) -> None:
    before = interface(cloud, task)
    cloud.ecs.update_service(cluster="shop", service="web", desiredCount=0)
    cloud.wait()
    cloud.ecs.update_service(cluster="shop", service="web", desiredCount=1)
    cloud.wait()
    after = interface(cloud, cloud.tasks()[0])
    assert after["Association"]["PublicIp"] != before["Association"]["PublicIp"]


def test_the_internet_reaches_the_public_address_of_an_admitted_port(
    cloud: Cloud, task: dict[str, Any]
) -> None:
    found = interface(cloud, task)
    public, private = found["Association"]["PublicIp"], found["PrivateIpAddress"]
    assert cloud.plane.route(OUTSIDE, public, 80) == Reached(private, 80)
    assert isinstance(cloud.plane.route(OUTSIDE, private, 80), TimedOut)


def test_a_port_that_no_group_admits_times_out(cloud: Cloud, task: dict[str, Any]) -> None:
    """P09."""
    public = interface(cloud, task)["Association"]["PublicIp"]
    route = cloud.plane.route(OUTSIDE, public, 8080)
    assert isinstance(route, TimedOut)
    assert "no security group" in route.reason


def test_members_of_the_group_reach_every_port_and_are_refused_where_nothing_listens(
    cloud: Cloud, task: dict[str, Any]
) -> None:
    """P09: admitted by the group's rule about itself."""
    private = interface(cloud, task)["PrivateIpAddress"]
    member, stranger = inside(SECURITY_GROUP_ID), inside("sg-other")
    assert cloud.plane.route(member, private, 80) == Reached(private, 80)
    assert cloud.plane.route(member, private, 8080) == Refused()
    assert cloud.plane.route(stranger, private, 80) == Reached(private, 80)
    assert isinstance(cloud.plane.route(stranger, private, 8080), TimedOut)


def test_rules_by_address_admit_the_subnets_that_they_cover(
    cloud: Cloud, task: dict[str, Any]
) -> None:
    """P09."""
    private = interface(cloud, task)["PrivateIpAddress"]
    stranger = inside("sg-other")
    for cidr, expected in (("172.31.0.0/20", TimedOut), ("172.31.16.0/20", Refused)):
        cloud.ec2.authorize_security_group_ingress(
            GroupId=SECURITY_GROUP_ID,
            IpPermissions=[
                {
                    "IpProtocol": "tcp",
                    "FromPort": 8000,
                    "ToPort": 9000,
                    "IpRanges": [{"CidrIp": cidr}],
                }
            ],
        )
        assert isinstance(cloud.plane.route(stranger, private, 8080), expected)


def test_public_addresses_cannot_be_reached_from_within_the_vpc(
    cloud: Cloud, task: dict[str, Any]
) -> None:
    public = interface(cloud, task)["Association"]["PublicIp"]
    assert isinstance(cloud.plane.route(inside(SECURITY_GROUP_ID), public, 80), TimedOut)


def test_unused_addresses_time_out_and_foreign_ones_are_unreachable(cloud: Cloud) -> None:
    assert isinstance(cloud.plane.route(OUTSIDE, "203.0.113.99", 80), TimedOut)
    assert cloud.plane.route(OUTSIDE, "192.0.2.1", 80) == Unreachable()


def test_a_stopped_tasks_address_belongs_to_nobody(cloud: Cloud, task: dict[str, Any]) -> None:
    """P05."""
    public = interface(cloud, task)["Association"]["PublicIp"]
    cloud.ecs.delete_service(cluster="shop", service="web", force=True)
    cloud.wait()
    assert isinstance(cloud.plane.route(OUTSIDE, public, 80), TimedOut)


def test_the_account_has_the_network_of_the_tutorial(cloud: Cloud) -> None:
    subnets = cloud.ec2.describe_subnets(SubnetIds=list(SUBNET_IDS))["Subnets"]
    assert len({subnet["AvailabilityZone"] for subnet in subnets}) == 3
    assert {subnet["VpcId"] for subnet in subnets} == {cloud.plane.account.vpc_id}
    (group,) = cloud.ec2.describe_security_groups(GroupIds=[SECURITY_GROUP_ID])["SecurityGroups"]
    assert group["VpcId"] == cloud.plane.account.vpc_id
    assert cloud.iam.get_role(RoleName="ecsTaskExecutionRole")["Role"]["Arn"] == cloud.role_arn


def test_more_than_256_tasks_get_public_addresses(cloud: Cloud) -> None:
    """As on AWS, where public addresses are the Region's and not a subnet's."""
    with cloud.plane.lock:
        made = [
            cloud.plane.network.attach(SUBNET_IDS[0], [], public=True, attachment_id=str(number))
            for number in range(300)
        ]
        addresses = {interface.public_ip for interface in made}
        for interface in made:
            cloud.plane.network.release(interface)
    assert len(addresses) == 300
    assert isinstance(cloud.plane.route(OUTSIDE, "198.18.0.99", 80), TimedOut)
