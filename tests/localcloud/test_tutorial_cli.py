"""The real AWS CLI: the Service Connect tutorial's commands, and those that `make local` prints.

The answers are compared with AWS's recorded ones, field by field.
"""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from localcloud.cloud import LocalCloud
from localcloud.timings import TEST
from tests.localcloud.recorded_answers import NAMESPACE, arguments, comparable, recorded
from tests.localcloud.waiting import until_true

pytestmark = pytest.mark.xdist_group("AWS CLI")

PROJECT = Path(__file__).parents[2]
COMMANDS = Path(sys.executable).parent
CLUSTER = "tutorial"
SERVICE = "service-connect-nginx-service"


def typed(command: str, **environment: str) -> subprocess.CompletedProcess[str]:
    """What a person types into a shell in the project's directory."""
    path = f"{COMMANDS}{os.pathsep}{os.environ['PATH']}"
    return subprocess.run(
        ["/bin/sh", "-c", command],
        cwd=PROJECT,
        env={"PATH": path, "HOME": os.devnull, **environment},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


class AwsCli:
    def __init__(self, cloud: LocalCloud) -> None:
        self._environment = {
            "AWS_ENDPOINT_URL": cloud.endpoint_url,
            "AWS_ACCESS_KEY_ID": cloud.credentials.user.access_key_id,
            "AWS_SECRET_ACCESS_KEY": cloud.credentials.user.secret_access_key,
            "AWS_DEFAULT_REGION": cloud.account.region,
        }

    def __call__(self, command: str) -> dict[str, Any]:
        ended = typed(f"aws {command}", **self._environment)
        assert ended.returncode == 0, ended.stderr
        answer: dict[str, Any] = json.loads(ended.stdout)
        return answer


@dataclass(frozen=True)
class Tutorial:
    """The answers to the tutorial's commands, in the order in which they were typed."""

    create_cluster: dict[str, Any]
    list_namespaces: dict[str, Any]
    describe_clusters: dict[str, Any]
    register_task_definition: dict[str, Any]
    create_service: dict[str, Any]
    describe_services: dict[str, Any]
    describe_tasks: dict[str, Any]


@pytest.fixture(scope="module")
def tutorial(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Tutorial]:
    files = tmp_path_factory.mktemp("tutorial")

    def file(name: str) -> str:
        path = files / f"{name}.json"
        path.write_text(json.dumps(arguments(name)))
        return f"file://{path}"

    with LocalCloud(TEST, runtime="scripted", port=0) as cloud:
        aws, ecs = AwsCli(cloud), cloud.client("ecs")
        for group in ("/ecs/service-connect-nginx", "/ecs/service-connect-proxy"):
            cloud.client("logs").create_log_group(logGroupName=group)

        def completed() -> bool:
            (service,) = ecs.describe_services(cluster=CLUSTER, services=[SERVICE])["services"]
            return bool(service["deployments"][0]["rolloutState"] == "COMPLETED")

        def the_task() -> str:
            (arn,) = ecs.list_tasks(cluster=CLUSTER)["taskArns"]
            return str(arn)

        create_cluster = aws(
            f"ecs create-cluster --cluster-name {CLUSTER} "
            f"--service-connect-defaults namespace={NAMESPACE}"
        )
        list_namespaces = aws("servicediscovery list-namespaces")
        describe_clusters = aws(
            f"ecs describe-clusters --clusters {CLUSTER} --include ATTACHMENTS SETTINGS"
        )
        register_task_definition = aws(
            f"ecs register-task-definition --cli-input-json {file('service-connect-nginx')}"
        )
        create_service = aws(f"ecs create-service --cli-input-json {file(SERVICE)}")
        until_true(completed)
        yield Tutorial(
            create_cluster,
            list_namespaces,
            describe_clusters,
            register_task_definition,
            create_service,
            describe_services=aws(
                f"ecs describe-services --cluster {CLUSTER} --services {SERVICE}"
            ),
            describe_tasks=aws(f"ecs describe-tasks --cluster {CLUSTER} --tasks {the_task()}"),
        )


def test_create_cluster_answers_as_recorded(tutorial: Tutorial) -> None:
    """C02."""
    assert comparable(tutorial.create_cluster) == comparable(recorded("create-cluster"))


def test_list_namespaces_answers_as_recorded(tutorial: Tutorial) -> None:
    assert comparable(tutorial.list_namespaces) == comparable(recorded("list-namespaces"))


def test_register_task_definition_answers_as_recorded(tutorial: Tutorial) -> None:
    answer = comparable(tutorial.register_task_definition)

    assert answer == comparable(recorded("register-task-definition"))


def test_create_service_answers_as_recorded(tutorial: Tutorial) -> None:
    assert comparable(tutorial.create_service) == comparable(recorded("create-service"))


def test_describe_clusters_shows_the_finished_cluster(tutorial: Tutorial) -> None:
    """C02: ACTIVE and attached, everything else as recorded at its creation."""
    begun = recorded("create-cluster")["cluster"]
    (attachment,) = begun["attachments"]
    done = {
        **begun,
        "status": "ACTIVE",
        "attachments": [{**attachment, "status": "ATTACHED"}],
        "attachmentsStatus": "UPDATE_COMPLETE",
    }

    (described,) = tutorial.describe_clusters["clusters"]
    assert tutorial.describe_clusters["failures"] == []
    assert comparable(described) == comparable(done)


def test_describe_services_shows_the_finished_deployment(tutorial: Tutorial) -> None:
    """H01: the rollout is COMPLETED, everything else as recorded at its creation."""
    begun = recorded("create-service")["service"]
    (deployment,) = begun["deployments"]
    reason = deployment["rolloutStateReason"].replace("in progress", "completed")
    done = {
        **begun,
        "runningCount": 1,
        "deployments": [
            {
                **deployment,
                "runningCount": 1,
                "rolloutState": "COMPLETED",
                "rolloutStateReason": reason,
            }
        ],
    }

    (described,) = tutorial.describe_services["services"]
    messages = [event.pop("message") for event in described["events"]]
    assert comparable({**described, "events": []}) == comparable(done)
    assert messages[0] == f"(service {SERVICE}) has reached a steady state."


def test_describe_tasks_shows_the_task_with_its_proxy(tutorial: Tutorial) -> None:
    """H21."""
    (task,) = tutorial.describe_tasks["tasks"]
    attached = {attachment["type"]: attachment["status"] for attachment in task["attachments"]}

    assert task["lastStatus"] == "RUNNING"
    assert task["taskDefinitionArn"].endswith("task-definition/service-connect-nginx:1")
    assert attached == {"ElasticNetworkInterface": "ATTACHED", "ServiceConnect": "ATTACHED"}
    proxy, webserver = task["containers"]
    assert webserver["image"] == "public.ecr.aws/docker/library/nginx:latest"
    assert proxy["name"].startswith("ecs-service-connect-")


@contextmanager
def make_local(port: int, printed: Path) -> Iterator[subprocess.Popen[bytes]]:
    """`make local` in its own terminal, until Ctrl-C; its output goes to a file."""
    environment = {**os.environ, "LOCALCLOUD_PORT": str(port), "LOCALCLOUD_TIMINGS": "test"}
    with printed.open("wb") as terminal:
        process = subprocess.Popen(
            [sys.executable, "-m", "localcloud"],
            cwd=PROJECT,
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=terminal,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
        try:
            yield process
        finally:
            process.send_signal(signal.SIGINT)
            try:
                process.wait(timeout=30)
            finally:
                process.kill()


def a_free_port() -> int:
    with closing(socket.create_server(("127.0.0.1", 0))) as server:
        port: int = server.getsockname()[1]
        return port


def test_the_lines_that_make_local_prints_work(tmp_path: Path) -> None:
    """Pasted one after the other: the environment is created and described, and its nginx
    answers."""
    port, printed = a_free_port(), tmp_path / "printed"
    with make_local(port, printed) as process:
        until_true(lambda: process.poll() is not None or "curl http" in printed.read_text(), 60)
        assert process.poll() is None, printed.read_text()
        lines = printed.read_text().splitlines()
        exports = [line for line in lines if line.startswith("export ")]
        (up,) = [line for line in lines if line.startswith("bivouac up ")]
        (describe,) = [line for line in lines if "ecs describe-services" in line]
        (curl,) = [line for line in lines if line.startswith("curl ")]

        def pasted(line: str) -> str:
            ended = typed("\n".join([*exports, line]))
            assert ended.returncode == 0, ended.stderr
            return ended.stdout

        program = f"PYTHONPATH={PROJECT}/cli {sys.executable} -m bivouac_cli"
        assert "tutorial: READY, proven" in pasted(up.replace("bivouac", program, 1))
        (service,) = json.loads(pasted(describe))["services"]
        assert (service["status"], service["runningCount"]) == ("ACTIVE", 1)
        assert "nginx" in pasted(curl)
        (stack,) = json.loads(pasted("aws cloudformation describe-stacks --stack-name bivouac"))[
            "Stacks"
        ]
        outputs = [f"{each['OutputKey']} {each['OutputValue']}" for each in stack["Outputs"]]
        shown = [" ".join(line.split()) for line in lines]
        assert [each for each in outputs if each not in shown] == []
        told = [f"environment tutorial: {status}\n" for status in ("CREATING", "READY")]
        until_true(lambda: all(line in printed.read_text() for line in told))

    assert process.returncode == 0
    assert printed.read_text().splitlines()[-1].endswith("nothing of it is left.")
    with closing(socket.create_server(("127.0.0.1", port))):
        pass  # the port is free again
