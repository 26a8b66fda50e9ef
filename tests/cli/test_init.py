"""`bivouac init`: a request from services that run, or from the files that describe them."""

from __future__ import annotations

import json
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Any, cast

import pytest

from bivouac.request.fields.ecs_fields import FIELDS
from bivouac.request.fields.field_rules import Refused
from bivouac.request.planning.plan import plan
from bivouac_cli.clients import Clients
from bivouac_cli.ending import CommandError, Exit
from bivouac_cli.init.request import LEFT_OUT, drafted
from bivouac_cli.init.sources import found_in_cluster
from tests.cli.commanding import Finished, Terminal, ran
from tests.cli.stubbed import StubbedClients
from tests.localcloud.waiting import until_true
from tests.requests import NOW, event, settings
from tests.workflow.application import Application

ROLE = "arn:aws:iam::123456789012:role/ecsTaskExecutionRole"
DEFINITION: dict[str, Any] = {
    "family": "prod-web",
    "networkMode": "awsvpc",
    "requiresCompatibilities": ["FARGATE"],
    "cpu": "256",
    "memory": "512",
    "executionRoleArn": ROLE,
    "containerDefinitions": [
        {
            "name": "web",
            "image": "acme/web:481",
            "essential": True,
            "portMappings": [{"containerPort": 8080, "protocol": "tcp"}],
            "environment": [{"name": "API_URL", "value": "http://api:8080/v1"}],
        }
    ],
}
SERVICE: dict[str, Any] = {
    "serviceName": "web",
    "cluster": "prod",
    "taskDefinition": "prod-web:7",
    "desiredCount": 2,
    "launchType": "FARGATE",
    "loadBalancers": [{"targetGroupArn": "arn:tg", "containerName": "web", "containerPort": 8080}],
}
API: dict[str, Any] = {
    "serviceName": "api",
    "taskDefinition": "prod-api",
    "serviceConnectConfiguration": {
        "enabled": True,
        "namespace": "prod",
        "services": [
            {"portName": "http", "clientAliases": [{"port": 8080, "dnsName": "api"}]},
            {"portName": "admin", "clientAliases": [{"port": 9090}]},
        ],
    },
}


@pytest.fixture
def files(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> Any:
    """Runs init on files with these contents, without AWS."""
    for name in ("AWS_ACCESS_KEY_ID", "AWS_DEFAULT_REGION", "AWS_PROFILE"):
        monkeypatch.delenv(name, raising=False)

    def run(*contents: Any) -> Finished:
        names = []
        for number, content in enumerate(contents):
            file = tmp_path / f"{number}.json"
            file.write_text(content if isinstance(content, str) else json.dumps(content))
            names.append(str(file))
        return ran(capsys, "init", *names)

    return run


class TestFiles:
    def test_a_service_is_joined_with_its_definition(self, files: Any) -> None:
        done = files(SERVICE, DEFINITION)
        assert done.exit_code == 0
        assert done.json["name"] == "web"
        (web,) = done.json["services"]
        assert (web["serviceName"], web["desiredCount"]) == ("web", 2)
        assert web["taskDefinition"]["cpu"] == "256"
        assert "family" not in web["taskDefinition"]

    @pytest.mark.parametrize(
        ("service", "definition"),
        [
            ({"services": [SERVICE], "failures": []}, {"taskDefinition": DEFINITION, "tags": []}),
            ({"service": SERVICE}, {"taskDefinition": {**DEFINITION, "revision": 7}}),
            ([SERVICE], [DEFINITION]),
            ({**SERVICE, "taskDefinition": None}, DEFINITION),
            (
                {**SERVICE, "taskDefinition": "arn:aws:ecs:x:1:task-definition/prod-web:7"},
                DEFINITION,
            ),
        ],
    )
    def test_ecss_answers_are_accepted_unchanged(
        self, files: Any, service: Any, definition: Any
    ) -> None:
        assert files(service, definition).json == files(SERVICE, DEFINITION).json

    def test_read_only_fields_are_dropped_and_unknown_ones_are_named(self, files: Any) -> None:
        described = {
            **SERVICE,
            "status": "ACTIVE",
            "events": [{"message": "steady"}],
            "desiredcount": 3,
        }
        done = files(described, {**DEFINITION, "revision": 7, "status": "ACTIVE"})
        assert done.json == files(SERVICE, DEFINITION).json
        shown = files(described, DEFINITION).notes
        assert "web: desiredcount is left out: CreateService does not take it" in shown
        assert "status" not in shown

    def test_a_load_balancer_is_dropped_and_its_port_becomes_an_endpoint(self, files: Any) -> None:
        done = files(SERVICE, DEFINITION)
        (web,) = done.json["services"]
        assert "loadBalancers" not in web
        assert web["serviceConnectConfiguration"] == {
            "enabled": True,
            "services": [
                {
                    "portName": "web-8080",
                    "discoveryName": "web-8080",
                    "clientAliases": [{"port": 8080, "dnsName": "web"}],
                }
            ],
        }
        (port,) = web["taskDefinition"]["containerDefinitions"][0]["portMappings"]
        assert port["name"] == "web-8080"
        assert "web: loadBalancers is left out: the environment is reached through" in done.notes
        assert "web: web:8080 is the endpoint web:8080" in done.notes

    def test_containers_of_one_name_become_endpoints_of_different_names(self) -> None:
        """A namespace has each discovery name once."""
        other = {**SERVICE, "serviceName": "admin"}
        draft = drafted("demo", [SERVICE, other], [DEFINITION])
        names = [
            each["serviceConnectConfiguration"]["services"][0]["discoveryName"]
            for each in draft.request["services"]
        ]
        assert names == ["web-8080", "admin-8080"]

    @pytest.mark.parametrize("name", ["tutorial", "shop"])
    def test_the_stack_plans_what_was_written(self, name: str) -> None:
        given = event(name)
        definition = {**DEFINITION, "family": "alone"}
        services = [each for each in given["services"] if "taskDefinition" in each]
        draft = drafted("demo", [*services, SERVICE], [DEFINITION, definition])
        assert plan(draft.request, settings(), NOW).problems == ()

    def test_a_udp_port_is_no_endpoint(self) -> None:
        """Service Connect has none (ECS developer guide, Service Connect concepts)."""
        container = DEFINITION["containerDefinitions"][0]
        ports = [{"containerPort": 8080, "protocol": "udp"}]
        definition = {**DEFINITION, "containerDefinitions": [{**container, "portMappings": ports}]}
        draft = drafted("demo", [SERVICE], [definition])
        assert "serviceConnectConfiguration" not in draft.request["services"][0]

    @pytest.mark.parametrize("field", LEFT_OUT)
    def test_everything_left_out_is_reported(self, field: str) -> None:
        value: Any = {
            "cluster": "prod",
            "role": "r",
            "clientToken": "t",
            "propagateTags": "TASK_DEFINITION",
            "networkConfiguration": {"awsvpcConfiguration": {"subnets": ["subnet-1"]}},
            "serviceRegistries": [{"registryArn": "arn"}],
            "healthCheckGracePeriodSeconds": 60,
            "monitoring": {
                "metricConfigurations": [
                    {"metricNames": ["CPUUtilization"], "resolutionSeconds": 20}
                ]
            },
        }.get(field, [{}])
        if field == "vpcLatticeConfigurations":
            value = [{"roleArn": "r", "targetGroupArn": "t", "portName": "p"}]
        if field == "gatewayConnectors":
            value = [{"portName": "p"}]
        if field == "volumeConfigurations":
            value = [{"name": "data"}]
        draft = drafted("demo", [{**SERVICE, "loadBalancers": [], field: value}], [DEFINITION])
        assert field not in draft.request["services"][0]
        assert f"web: {field} is left out: {LEFT_OUT[field]}" in draft.notes

    def test_what_the_stack_would_refuse_is_left_out(self) -> None:
        fields = FIELDS["CreateServiceRequest"].items()
        assert {name for name, rule in fields if isinstance(rule, Refused)} <= set(LEFT_OUT)

    def test_other_deployment_controllers_and_alarms_are_left_out(self) -> None:
        configuration = {
            "maximumPercent": 200,
            "strategy": "BLUE_GREEN",
            "bakeTimeInMinutes": 5,
            "alarms": {"alarmNames": ["prod-5xx"], "rollback": True, "enable": True},
        }
        service = {
            **SERVICE,
            "deploymentConfiguration": configuration,
            "deploymentController": {"type": "CODE_DEPLOY"},
        }
        draft = drafted("demo", [service], [DEFINITION])
        (web,) = draft.request["services"]
        assert web["deploymentConfiguration"] == {"maximumPercent": 200}
        assert "deploymentController" not in web
        shown = "\n".join(draft.notes)
        assert "BLUE_GREEN is left out" in shown
        assert "alarms is left out" in shown
        assert "deploymentController is left out" in shown

    def test_needed_roles_are_kept_and_reported(self) -> None:
        plain = drafted("demo", [SERVICE], [{**DEFINITION, "taskRoleArn": ROLE}])
        definition = plain.request["services"][0]["taskDefinition"]
        assert definition["taskRoleArn"] == ROLE
        assert "executionRoleArn" not in definition
        shown = "\n".join(plain.notes)
        assert f"web: the stack must list {ROLE} in AllowedTaskRoleArns" in shown
        assert "executionRoleArn is left out" in shown
        container = {**DEFINITION["containerDefinitions"][0], "secrets": [{"name": "P"}]}
        container["secrets"] = [{"name": "PASSWORD", "valueFrom": "arn:secret"}]
        secret = drafted("demo", [SERVICE], [{**DEFINITION, "containerDefinitions": [container]}])
        assert secret.request["services"][0]["taskDefinition"]["executionRoleArn"] == ROLE
        assert f"web: the stack must list {ROLE} in AllowedExecutionRoleArns" in secret.notes

    def test_edges_are_guessed_from_variables_and_suggested(self, files: Any) -> None:
        done = files(SERVICE, DEFINITION, API)
        assert "connect" not in done.json
        assert '"connect": [{"from": "web", "to": {"service": "api"}}]' in done.notes
        silent = {**DEFINITION, "containerDefinitions": [{"name": "web", "image": "nginx"}]}
        assert 'write "connect" by hand' in files(SERVICE, silent, API).notes

    def test_a_namespace_is_dropped_and_names_in_it_are_reported(self, files: Any) -> None:
        done = files(API)
        (api,) = done.json["services"]
        assert "namespace" not in api["serviceConnectConfiguration"]
        assert api["taskDefinition"] == "prod-api"
        assert "prod-api is used as it is on ECS" in done.notes
        assert 'add "dnsName" to the alias of admin' in done.notes
        assert "alias of http" not in done.notes

    def test_a_definition_alone_becomes_the_simplest_service(self, files: Any) -> None:
        done = files(DEFINITION)
        (service,) = done.json["services"]
        assert (done.json["name"], service["serviceName"]) == ("prod-web", "prod-web")
        (endpoint,) = service["serviceConnectConfiguration"]["services"]
        assert endpoint["clientAliases"] == [{"port": 8080, "dnsName": "prod-web"}]

    def test_the_input_is_not_changed(self) -> None:
        before = json.dumps([SERVICE, DEFINITION, API])
        drafted("demo", [SERVICE, API], [DEFINITION])
        assert json.dumps([SERVICE, DEFINITION, API]) == before


class TestBadFiles:
    @pytest.mark.parametrize(
        ("content", "problem"),
        [
            ("{", "is not JSON: "),
            ("[]", "holds neither a service"),
            ('"web"', "holds neither a service"),
            ({"Resources": {}}, "holds neither a service"),
            ({"services": [{"name": "web"}]}, "services[0] holds neither a service"),
            (
                {"taskDefinition": {**DEFINITION, "containerDefinitions": ["web"]}},
                "Invalid type for parameter containerDefinitions[0]",
            ),
            ({**SERVICE, "desiredCount": "two"}, "Invalid type for parameter desiredCount"),
            ({"serviceName": "web"}, "web names no taskDefinition"),
        ],
    )
    def test_wrong_files_are_refused_with_the_place(
        self, files: Any, content: Any, problem: str
    ) -> None:
        refused = files(content)
        assert (refused.exit_code, refused.answer) == (2, "")
        assert problem in refused.notes

    def test_every_problem_of_every_file_is_reported(
        self, files: Any, tmp_path: Path, capsys: pytest.CaptureFixture[str]
    ) -> None:
        assert files("{", "[]").notes.count("\n") == 2
        missing = ran(capsys, "init", str(tmp_path / "none.json"))
        assert missing.exit_code == 2
        assert "cannot be read: No such file" in missing.notes

    @pytest.mark.parametrize(
        "words",
        [[], ["web.json", "--cluster", "prod"], ["web.json", "--service", "web"]],
    )
    def test_exactly_one_source_is_required(
        self, words: list[str], capsys: pytest.CaptureFixture[str]
    ) -> None:
        refused = ran(capsys, "init", *words)
        assert refused.exit_code == 2
        assert "--cluster" in refused.notes


class TestClusters:
    """ECS lists services in pages, and describes ten of them at a time."""

    def described(self, *names: str, status: str = "ACTIVE") -> dict[str, Any]:
        return {"services": [{"serviceName": name, "status": status} for name in names]}

    def test_all_services_are_found_and_each_definition_once(self, clients: StubbedClients) -> None:
        ecs = clients.script("ecs")
        names = [f"s-{number:02}" for number in range(12)]
        arns = [f"arn:aws:ecs:eu-west-1:123456789012:service/prod/{name}" for name in names]
        ecs.add_response(
            "list_services", {"serviceArns": arns[:6], "nextToken": "t"}, {"cluster": "prod"}
        )
        more = {"cluster": "prod", "nextToken": "t"}
        ecs.add_response("list_services", {"serviceArns": arns[6:]}, more)
        for some in (names[:10], names[10:]):
            answer = self.described(*some)
            for each in answer["services"]:
                each["taskDefinition"] = "prod:7"
            asked = {"cluster": "prod", "services": some}
            ecs.add_response("describe_services", answer, asked)
        ecs.add_response(
            "describe_task_definition",
            {"taskDefinition": {"family": "prod", "revision": 7}},
            {"taskDefinition": "prod:7"},
        )
        found = found_in_cluster(cast(Clients, clients), "prod", [])
        assert [each["serviceName"] for each in found.services] == names
        assert found.definitions == [{"family": "prod", "revision": 7}]

    def test_one_that_is_being_deleted_is_not_there(self, clients: StubbedClients) -> None:
        clients.script("ecs").add_response(
            "describe_services", self.described("web", status="DRAINING")
        )
        with pytest.raises(CommandError, match="has no active service named web") as missing:
            found_in_cluster(cast(Clients, clients), "prod", ["web"])
        assert missing.value.exit_code is Exit.NOT_FOUND

    def test_an_empty_cluster_is_said_to_be_one(self, clients: StubbedClients) -> None:
        clients.script("ecs").add_response("list_services", {"serviceArns": []})
        with pytest.raises(CommandError, match="The cluster prod has no services"):
            found_in_cluster(cast(Clients, clients), "prod", [])


class ByHand:
    """Two services that somebody created with ECS alone, one of which calls the other."""

    def __init__(self, app: Application, name: str) -> None:
        self.app, self.cluster = app, f"prod-{name}"
        self._ecs = app.client("ecs")
        self._cloudmap = app.client("servicediscovery")

    def create(self) -> None:
        account = self.app.cloud.account
        self._cloudmap.create_http_namespace(Name=self.cluster)
        until_true(lambda: self.namespace is not None, 30)
        self._ecs.create_cluster(clusterName=self.cluster)
        logs = {
            "awslogs-group": f"/ecs/{self.cluster}",
            "awslogs-region": account.region,
            "awslogs-stream-prefix": "prod",
        }
        self.app.client("logs").create_log_group(logGroupName=logs["awslogs-group"])
        execution_role = self._execution_role()
        for name in ("backend", "web"):
            definition = {
                "family": f"{self.cluster}-{name}",
                "networkMode": "awsvpc",
                "requiresCompatibilities": ["FARGATE"],
                "cpu": "512",
                "memory": "1024",
                "runtimePlatform": {"cpuArchitecture": "X86_64", "operatingSystemFamily": "LINUX"},
                "executionRoleArn": execution_role,
                "taskRoleArn": account.execution_role_arn,
                "containerDefinitions": [
                    {
                        "name": name,
                        "image": "nginx",
                        "cpu": 100,
                        "essential": True,
                        "stopTimeout": 5,
                        "portMappings": [
                            {"name": name, "containerPort": 80, "appProtocol": "http"}
                        ],
                        "environment": [{"name": "BACKEND", "value": "http://backend:80"}],
                        "logConfiguration": {"logDriver": "awslogs", "options": logs},
                    }
                ],
            }
            self._ecs.register_task_definition(**definition)
            service = {
                "cluster": self.cluster,
                "serviceName": name,
                "taskDefinition": f"{self.cluster}-{name}",
                "desiredCount": 1,
                "launchType": "FARGATE",
                "platformVersion": "1.4.0",
                "enableECSManagedTags": True,
                "enableExecuteCommand": True,
                "propagateTags": "SERVICE",
                "availabilityZoneRebalancing": "DISABLED",
                "deploymentConfiguration": {
                    "maximumPercent": 150,
                    "minimumHealthyPercent": 0,
                    "deploymentCircuitBreaker": {"enable": True, "rollback": False},
                },
                "networkConfiguration": {
                    "awsvpcConfiguration": {
                        "subnets": list(account.subnet_ids),
                        "securityGroups": [account.security_group_id],
                        "assignPublicIp": "ENABLED",
                    }
                },
                "serviceConnectConfiguration": {
                    "enabled": True,
                    "namespace": self.cluster,
                    "services": [
                        {
                            "portName": name,
                            "discoveryName": f"{name}-http",
                            "clientAliases": [{"port": 80, "dnsName": name}],
                        }
                    ],
                },
            }
            until_true(partial(self._service_is_created, service), 30)

    def _service_is_created(self, service: dict[str, Any]) -> bool:
        """A new cluster is not known everywhere at once."""
        try:
            self._ecs.create_service(**service)
        except self._ecs.exceptions.ClusterNotFoundException:
            return False
        return True

    def _execution_role(self) -> str:
        """May write logs, as AmazonECSTaskExecutionRolePolicy lets it."""
        iam = self.app.client("iam")
        trust = {"Principal": {"Service": "ecs-tasks.amazonaws.com"}, "Action": "sts:AssumeRole"}
        logging = {"Action": ["logs:CreateLogStream", "logs:PutLogEvents"], "Resource": "*"}
        documents = [
            json.dumps({"Version": "2012-10-17", "Statement": [{"Effect": "Allow", **statement}]})
            for statement in (trust, logging)
        ]
        role = iam.create_role(RoleName=self.cluster, AssumeRolePolicyDocument=documents[0])
        iam.put_role_policy(RoleName=self.cluster, PolicyName="logs", PolicyDocument=documents[1])
        return str(role["Role"]["Arn"])

    @property
    def namespace(self) -> str | None:
        found = self._cloudmap.list_namespaces()["Namespaces"]
        return next((each["Id"] for each in found if each["Name"] == self.cluster), None)

    def delete(self) -> None:
        for arn in self._ecs.list_services(cluster=self.cluster)["serviceArns"]:
            self._ecs.delete_service(cluster=self.cluster, service=arn, force=True)
        until_true(self._cluster_is_gone, 60)
        if namespace := self.namespace:
            until_true(lambda: not self._endpoints(namespace), 60)
            self._cloudmap.delete_namespace(Id=namespace)
        self.app.client("logs").delete_log_group(logGroupName=f"/ecs/{self.cluster}")
        iam = self.app.client("iam")
        iam.delete_role_policy(RoleName=self.cluster, PolicyName="logs")
        iam.delete_role(RoleName=self.cluster)

    def _cluster_is_gone(self) -> bool:
        """Not before its last task is gone."""
        errors = self._ecs.exceptions
        try:
            self._ecs.delete_cluster(cluster=self.cluster)
        except (errors.ClusterContainsServicesException, errors.ClusterContainsTasksException):
            return False
        return True

    def _endpoints(self, namespace: str) -> list[Any]:
        filters = [{"Name": "NAMESPACE_ID", "Values": [namespace], "Condition": "EQ"}]
        return list(self._cloudmap.list_services(Filters=filters)["Services"])


@pytest.fixture
def by_hand(deployed: Application, name: str) -> Iterator[ByHand]:
    made = ByHand(deployed, name)
    try:
        made.create()
        yield made
    finally:
        made.delete()


NAMES = {
    *("serviceArn", "clusterArn", "taskDefinition", "createdAt", "createdBy", "events", "tags"),
    *("deployments", "currentServiceDeployment", "currentServiceRevisions"),
    # Reported as left out, or as the environment's
    "networkConfiguration",
}
"""Members of a described service that identify this very one, or are its history."""
NAMES_OF_DEFINITIONS = {"taskDefinitionArn", "family", "revision", "registeredAt", "registeredBy"}


def described(app: Application, cluster: str) -> dict[str, Any]:
    """Services and definitions as ECS describes them, without names."""
    ecs = app.client("ecs")
    arns = ecs.list_services(cluster=cluster)["serviceArns"]
    found = {}
    for service in ecs.describe_services(cluster=cluster, services=arns)["services"]:
        definition = ecs.describe_task_definition(taskDefinition=service["taskDefinition"])
        connect = service["deployments"][0]["serviceConnectConfiguration"]
        for one_of_its_own in ("namespace", "logConfiguration"):
            connect.pop(one_of_its_own, None)
        found[service["serviceName"]] = {
            "service": {key: value for key, value in service.items() if key not in NAMES},
            "connect": connect,
            "definition": {
                key: value
                for key, value in definition["taskDefinition"].items()
                if key not in NAMES_OF_DEFINITIONS
            },
        }
    for each in found.values():
        each["definition"].pop("executionRoleArn")  # said to be the stack's
        for container in each["definition"]["containerDefinitions"]:
            # The environment has its own log groups
            del container["logConfiguration"]["options"]["awslogs-group"]
    return found


@pytest.mark.xdist_group("command-line")
def test_an_environment_equals_the_services_it_was_made_from(
    terminal: Terminal, by_hand: ByHand, name: str, tmp_path: Path
) -> None:
    written = terminal("init", "--cluster", by_hand.cluster, "--name", name)
    assert written.exit_code == 0, written
    assert '"connect": [{"from": "web", "to": {"service": "backend"}}]' in written.notes
    assert "networkConfiguration is left out" in written.notes
    assert "executionRoleArn is left out" in written.notes

    file = tmp_path / "request.json"
    file.write_text(written.answer)
    up = terminal("up", str(file))
    assert up.exit_code == 0, up
    until_true(lambda: _all_run(terminal.app, by_hand.cluster), 60)
    assert described(terminal.app, f"bivouac-{name}") == described(terminal.app, by_hand.cluster)

    one = terminal("init", "--cluster", by_hand.cluster, "--service", "web")
    assert [each["serviceName"] for each in one.json["services"]] == ["web"]
    assert one.json["name"] == by_hand.cluster
    missing = terminal("init", "--cluster", by_hand.cluster, "--service", "nobody")
    assert (missing.exit_code, missing.answer) == (5, "")
    assert "has no active service named nobody" in missing.notes
    assert terminal("down", name).exit_code == 0


def _all_run(app: Application, cluster: str) -> bool:
    ecs = app.client("ecs")
    arns = ecs.list_services(cluster=cluster)["serviceArns"]
    services = ecs.describe_services(cluster=cluster, services=arns)["services"]
    return all(each["runningCount"] == each["desiredCount"] for each in services)


@pytest.mark.xdist_group("command-line")
def test_a_missing_cluster_is_one_clear_line(terminal: Terminal) -> None:
    missing = terminal("init", "--cluster", "nowhere")
    assert (missing.exit_code, missing.answer) == (5, "")
    assert missing.notes.startswith("There is no cluster named nowhere in ap-northeast-1")


@pytest.mark.xdist_group("command-line")
def test_a_denied_read_is_reported(terminal: Terminal) -> None:
    refused = terminal.of("Operator", "init", "--cluster", "prod")
    assert (refused.exit_code, refused.answer) == (5, "")
    assert "ecs:ListServices" in refused.notes
