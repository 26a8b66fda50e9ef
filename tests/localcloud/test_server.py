"""The endpoint works with AWS clients, and leaves nothing when it is closed."""

from __future__ import annotations

import http.client
import json
import os
import socket
import subprocess
import sys
import textwrap
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from pathlib import Path
from typing import Any

import boto3
import pytest
from botocore.config import Config
from botocore.exceptions import ClientError, ConnectionClosedError

from localcloud.cloud import LocalCloud
from localcloud.credentials import Credentials, user_keys
from localcloud.endpoint.call_faults import THROTTLED, UNAVAILABLE, Cut, Refused
from localcloud.endpoint.calls import Call
from localcloud.endpoint.server import PortTakenError, Server

ROOT = Path(__file__).parent.parent.parent
HELLO = Path(__file__).parent / "data" / "hello" / "template.yaml"


@pytest.fixture(scope="module")
def calls() -> list[Call]:
    return []


@pytest.fixture(scope="module")
def cloud(calls: list[Call]) -> Iterator[LocalCloud]:
    with LocalCloud(runtime="scripted", port=0, observe=calls.append) as cloud:
        yield cloud


def port_of(cloud: LocalCloud) -> int:
    return int(cloud.endpoint_url.rpartition(":")[2])


def request(cloud: LocalCloud, path: str, **headers: str) -> tuple[int, str]:
    connection = http.client.HTTPConnection("127.0.0.1", port_of(cloud), timeout=10)
    try:
        connection.request("GET", path, headers=headers)
        answer = connection.getresponse()
        return answer.status, answer.read().decode()
    finally:
        connection.close()


class TestCalls:
    def test_every_service_that_bivouac_calls_answers(self, cloud: LocalCloud) -> None:
        assert cloud.client("sts").get_caller_identity()["Account"] == "123456789012"
        assert cloud.client("ecs").list_clusters()["clusterArns"] == []
        assert cloud.client("servicediscovery").list_namespaces()["Namespaces"] == []
        assert cloud.client("logs").describe_log_groups()["logGroups"] == []
        assert len(cloud.client("ec2").describe_subnets()["Subnets"]) == 3
        assert cloud.client("dynamodb").list_tables()["TableNames"] == []
        assert cloud.client("scheduler").list_schedules()["Schedules"] == []
        assert cloud.client("stepfunctions").list_state_machines()["stateMachines"] == []
        assert cloud.client("events").list_event_buses()["EventBuses"]
        assert cloud.client("iam").list_roles()["Roles"]
        assert cloud.client("lambda").list_functions()["Functions"] == []
        assert cloud.client("sqs").list_queues()["ResponseMetadata"]["HTTPStatusCode"] == 200

    @pytest.mark.parametrize(
        ("service", "operation", "arguments"),
        [
            ("ecs", "describe_clusters", {"clusters": ["demo"]}),
            ("iam", "get_role", {"RoleName": "ecsTaskExecutionRole"}),
            ("ec2", "describe_subnets", {"SubnetIds": ["subnet-725e9559"]}),
            ("scheduler", "get_schedule_group", {"Name": "default"}),
            ("lambda", "list_versions_by_function", {"FunctionName": "greet"}),
        ],
    )
    def test_calls_are_identified_by_service_operation_and_parameters(
        self,
        cloud: LocalCloud,
        calls: list[Call],
        service: str,
        operation: str,
        arguments: dict[str, Any],
    ) -> None:
        """In each of AWS's protocols."""
        calls.clear()
        client = cloud.client(service)
        getattr(client, operation)(**arguments)
        (call,) = calls
        assert call.service == service
        assert call.operation == client.meta.method_to_api_mapping[operation]
        given = {json.dumps(value) for value in call.parameters.values()}
        for value in arguments.values():
            wanted = value[0] if isinstance(value, list) else value
            assert any(wanted in text for text in given)

    @pytest.mark.parametrize("service", ["ecs", "servicediscovery", "kms", "rds", "glacier"])
    def test_an_unknown_action_is_a_plain_error_at_once(
        self, cloud: LocalCloud, service: str
    ) -> None:
        """Not an HTML page that clients retry for seconds."""
        operation, arguments = {
            "ecs": ("list_attributes", {"targetType": "container-instance"}),
            "servicediscovery": ("get_instances_health_status", {"ServiceId": "srv-1"}),
            "kms": ("get_parameters_for_import", None),
            "rds": ("describe_account_attributes", {}),
            "glacier": ("list_provisioned_capacity", {}),
        }[service]
        if arguments is None:
            arguments = {
                "KeyId": "k",
                "WrappingAlgorithm": "RSAES_OAEP_SHA_256",
                "WrappingKeySpec": "RSA_2048",
            }
        began = time.monotonic()
        with pytest.raises(ClientError) as error:
            getattr(cloud.client(service), operation)(**arguments)
        assert error.value.response["Error"]["Code"]
        assert error.value.response["ResponseMetadata"]["RetryAttempts"] == 0
        assert time.monotonic() - began < 5

    def test_connections_are_kept(self, cloud: LocalCloud) -> None:
        connection = http.client.HTTPConnection("127.0.0.1", port_of(cloud), timeout=10)
        try:
            for _ in range(2):
                connection.request("GET", "/")
                answer = connection.getresponse()
                answer.read()
                assert not answer.will_close
        finally:
            connection.close()

    def test_a_conditional_put_has_one_winner(self, cloud: LocalCloud) -> None:
        """moto's tables are not atomic under threads by themselves."""
        dynamodb = cloud.client("dynamodb")
        dynamodb.create_table(
            TableName="winners",
            BillingMode="PAY_PER_REQUEST",
            AttributeDefinitions=[{"AttributeName": "k", "AttributeType": "S"}],
            KeySchema=[{"AttributeName": "k", "KeyType": "HASH"}],
        )

        def put(key: int) -> bool:
            try:
                dynamodb.put_item(
                    TableName="winners",
                    Item={"k": {"S": str(key)}},
                    ConditionExpression="attribute_not_exists(k)",
                )
            except dynamodb.exceptions.ConditionalCheckFailedException:
                return False
            return True

        interval = sys.getswitchinterval()
        sys.setswitchinterval(1e-5)
        try:
            with ThreadPoolExecutor(4) as threads:
                wins = list(threads.map(put, [key for key in range(20) for _ in range(4)]))
        finally:
            sys.setswitchinterval(interval)
        assert sum(wins) == 20

    def test_an_invoked_function_can_call_the_endpoint(self, cloud: LocalCloud) -> None:
        """No lock is held during the invocation."""
        stack = cloud.deploy(HELLO, {}, name="nested")
        name = stack.functions["GreetFunction"].name
        with ThreadPoolExecutor(8) as threads:
            answers = [
                threads.submit(
                    cloud.client("lambda").invoke, FunctionName=name, Payload='{"name": "you"}'
                )
                for _ in range(8)
            ]
            assert {answer.result(20)["StatusCode"] for answer in answers} == {200}

    def test_boto3_works_with_the_printed_environment_variables(
        self, cloud: LocalCloud, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """As people use it, with the printed keys."""
        keys = cloud.credentials.user
        monkeypatch.setenv("AWS_ACCESS_KEY_ID", keys.access_key_id)
        monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", keys.secret_access_key)
        monkeypatch.setenv("AWS_ENDPOINT_URL", cloud.endpoint_url)
        assert "clusterArns" in boto3.Session().client("ecs").list_clusters()


class TestFaults:
    """Faults set by a test look to a client like AWS's."""

    @pytest.fixture
    def ecs(self, cloud: LocalCloud) -> Iterator[Any]:
        keys = cloud.credentials.user
        client: Any = boto3.Session(keys.access_key_id, keys.secret_access_key).client(
            "ecs",
            region_name="ap-northeast-1",
            endpoint_url=cloud.endpoint_url,
            config=Config(retries={"total_max_attempts": 1}),
        )
        with closing(client):
            yield client
        cloud.call_faults.of = lambda call: None

    @pytest.mark.parametrize("fault", [THROTTLED, UNAVAILABLE])
    def test_a_call_is_refused(self, cloud: LocalCloud, ecs: Any, fault: Refused) -> None:
        cloud.call_faults.of = lambda call: fault if call.operation == "CreateCluster" else None
        with pytest.raises(ClientError) as refused:
            ecs.create_cluster(clusterName="refused")
        assert refused.value.response["Error"]["Code"] == fault.code
        assert ecs.describe_clusters(clusters=["refused"])["clusters"] == []

    @pytest.mark.parametrize(("cut", "made"), [(Cut.BEFORE, 0), (Cut.AFTER, 1)])
    def test_an_answer_is_lost(self, cloud: LocalCloud, ecs: Any, cut: Cut, made: int) -> None:
        name = f"lost-{made}"
        cloud.call_faults.of = lambda call: cut if call.operation == "CreateCluster" else None
        with pytest.raises(ConnectionClosedError):
            ecs.create_cluster(clusterName=name)
        assert len(ecs.describe_clusters(clusters=[name])["clusters"]) == made


class TestStrangers:
    """The local cloud runs programs as the user who started it, so nobody else may call it."""

    def ask(self, cloud: LocalCloud, service: str = "ecs", **headers: str) -> tuple[int, str]:
        """A signed ListClusters, as any program can send one."""
        key = headers.pop("key", cloud.credentials.user.access_key_id)
        signed = f"AWS4-HMAC-SHA256 Credential={key}/20300101/ap-northeast-1/{service}/aws4_request"
        target = {"X-Amz-Target": "AmazonEC2ContainerServiceV20141113.ListClusters"}
        return request(cloud, "/", Authorization=signed, **target, **headers)

    @pytest.mark.parametrize("host", ["127.0.0.1", "localhost", "localhost:4566", "ecs.localhost"])
    def test_this_machines_names_are_accepted(self, cloud: LocalCloud, host: str) -> None:
        status, text = self.ask(cloud, Host=host)
        assert status == 200
        assert "clusterArns" in json.loads(text)

    @pytest.mark.parametrize(
        "host",
        ["attacker.example", "attacker.example:4566", "127.0.0.1.attacker.example", "0.0.0.0", ""],
    )
    def test_a_foreign_name_that_resolves_to_this_machine_is_refused(
        self, cloud: LocalCloud, host: str
    ) -> None:
        status, text = self.ask(cloud, Host=host)
        assert (status, text[:15]) == (403, "The local cloud")

    @pytest.mark.parametrize("origin", ["http://attacker.example", "null", "http://127.0.0.1:4566"])
    def test_a_web_page_is_refused(self, cloud: LocalCloud, origin: str) -> None:
        assert self.ask(cloud, Origin=origin)[0] == 403

    @pytest.mark.parametrize(
        ("service", "status", "code"),
        [
            ("ecs", 400, "UnrecognizedClientException"),
            ("iam", 403, "InvalidClientTokenId"),
            ("ec2", 401, "AuthFailure"),
        ],
    )
    def test_keys_of_another_start_are_refused(
        self, cloud: LocalCloud, service: str, status: int, code: str
    ) -> None:
        old = user_keys()
        client = boto3.Session(old.access_key_id, old.secret_access_key).client(
            service,  # type: ignore[call-overload]
            region_name="ap-northeast-1",
            endpoint_url=cloud.endpoint_url,
        )
        ask = {"ecs": "list_clusters", "iam": "list_roles", "ec2": "describe_subnets"}[service]
        with closing(client), pytest.raises(ClientError) as refused:
            getattr(client, ask)()
        answer = refused.value.response
        assert answer["ResponseMetadata"]["HTTPStatusCode"] == status
        assert answer["Error"]["Code"] == code
        assert "use those that it printed" in answer["Error"]["Message"]

    def test_keys_cannot_be_predicted(self) -> None:
        role = "arn:aws:iam::123456789012:role/one"
        one, other = Credentials(), Credentials()
        assert one.user != other.user
        assert one.of_role(role) != other.of_role(role)
        assert one.of_role(role) == one.of_role(role)


class TestPeople:
    def test_a_browser_gets_an_explanation(self, cloud: LocalCloud) -> None:
        status, text = request(cloud, "/")
        assert status == 200
        assert "aws --endpoint-url" in text

    def test_other_paths_are_not_found(self, cloud: LocalCloud) -> None:
        assert request(cloud, "/favicon.ico")[0] == 404

    def test_a_service_is_reached_by_its_host_name(self, cloud: LocalCloud) -> None:
        status, text = request(cloud, "/", Host="web.demo.localhost:4566")
        assert status == 503
        assert "no running task" in text


class TestOpeningAndClosing:
    def test_a_taken_port_is_an_error(self) -> None:
        with socket.create_server(("127.0.0.1", 0)) as listener:
            port = listener.getsockname()[1]
            with pytest.raises(PortTakenError, match=rf"port {port} .* LOCALCLOUD_PORT"):
                Server(port)

    def test_a_process_has_one_local_cloud(self, cloud: LocalCloud) -> None:
        with pytest.raises(RuntimeError, match="close it first"):
            LocalCloud(runtime="scripted", port=0)

    def test_closing_leaves_nothing(self) -> None:
        """In a separate process: threads, processes, the port."""
        script = f"""
            import json, os, threading
            from pathlib import Path
            from localcloud.cloud import LocalCloud
            for _ in range(2):
                with LocalCloud(runtime="scripted", port=0) as cloud:
                    stack = cloud.deploy(Path({str(HELLO)!r}), {{}})
                    function = stack.functions["GreetFunction"].name
                    cloud.workers.invoke(function, '{{"name": "you"}}')
                    workers = cloud.workers.processes(function)
                    cloud.client("stepfunctions").create_state_machine(
                        name="waits", roleArn="arn:aws:iam::123456789012:role/r",
                        definition=json.dumps(dict(StartAt="W", States=dict(
                            W=dict(Type="Wait", Seconds=1000, End=True)))))
                    machine = stack.outputs["Machine"].replace("greet", "waits")
                    cloud.client("stepfunctions").start_execution(stateMachineArn=machine)
            assert threading.enumerate() == [threading.main_thread()], threading.enumerate()
            print(len(workers), *workers, cloud.endpoint_url.rpartition(":")[2])
        """
        done = subprocess.run(
            [sys.executable, "-c", textwrap.dedent(script)],
            cwd=ROOT,
            env={**os.environ, "PYTHONPATH": str(ROOT)},
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )
        assert done.returncode == 0, done.stderr
        count, worker, port = done.stdout.split()
        assert count == "1"
        with pytest.raises(ProcessLookupError):
            os.kill(int(worker), 0)
        with pytest.raises(ConnectionRefusedError):
            socket.create_connection(("127.0.0.1", int(port)), timeout=5).close()


class TestMakeLocal:
    """test_tutorial_cli.py follows what it prints."""

    def test_a_taken_port_is_a_message(self) -> None:
        with socket.create_server(("127.0.0.1", 0)) as listener:
            ended = subprocess.run(
                [sys.executable, "-m", "localcloud"],
                cwd=ROOT,
                env={**os.environ, "LOCALCLOUD_PORT": str(listener.getsockname()[1])},
                capture_output=True,
                text=True,
                timeout=60,
                check=False,
            )
        assert ended.returncode == 1
        assert "LOCALCLOUD_PORT" in ended.stderr
        assert "Traceback" not in ended.stderr
