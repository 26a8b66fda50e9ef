"""Scripted tasks answer probes, so that whole workflows run without a process."""

from __future__ import annotations

import http.client
import socket

import pytest

from localcloud.account import SECURITY_GROUP_ID
from localcloud.network import Internet, Reached, Refused, TimedOut
from localcloud.tasks.scripted import Script, ScriptedRuntime, answers, answers_nothing, runs
from tests.localcloud.strict_cloud import Cloud, connected

IMAGE = "registry/web:1"


def public_ip(cloud: Cloud) -> str:
    (interface,) = cloud.ec2.describe_network_interfaces()["NetworkInterfaces"]
    return str(interface["Association"]["PublicIp"])


def get(runtime: ScriptedRuntime, address: Reached) -> tuple[int, str | None]:
    path = runtime.socket_of(address.private_ip, address.port)
    connection = http.client.HTTPConnection("task")
    connection.sock = socket.socket(socket.AF_UNIX)
    connection.sock.settimeout(10)
    connection.sock.connect(str(path))
    try:
        connection.request("GET", "/")
        response = connection.getresponse()
        response.read()
        return response.status, response.getheader("server")
    finally:
        connection.close()


@pytest.fixture
def admitted(cloud: Cloud) -> Cloud:
    """Port 8080, where the application listens, is open to the world."""
    cloud.ec2.authorize_security_group_ingress(
        GroupId=SECURITY_GROUP_ID, IpProtocol="tcp", FromPort=8080, ToPort=8080, CidrIp="0.0.0.0/0"
    )
    return cloud


@pytest.mark.parametrize(
    ("script", "expected"),
    [
        (runs(), (200, "envoy")),
        (answers(503), (503, "envoy")),
        (answers(server="nginx"), (200, "nginx")),
    ],
)
def test_a_running_task_gives_the_answer_of_its_script(
    admitted: Cloud, script: Script, expected: tuple[int, str]
) -> None:
    """P06."""
    admitted.runtime.script(IMAGE, script)
    admitted.running_web(serviceConnectConfiguration=connected(admitted.namespace()))
    met = admitted.plane.route(Internet(), public_ip(admitted), 8080)
    assert isinstance(met, Reached)
    assert get(admitted.runtime, met) == expected


def test_connections_to_a_silent_port_are_refused(admitted: Cloud) -> None:
    admitted.runtime.script(IMAGE, answers_nothing())
    admitted.running_web()
    assert admitted.plane.route(Internet(), public_ip(admitted), 8080) == Refused()


def test_a_port_that_no_group_admits_times_out_although_the_task_would_answer(cloud: Cloud) -> None:
    """P09."""
    cloud.running_web()
    assert isinstance(cloud.plane.route(Internet(), public_ip(cloud), 8080), TimedOut)
