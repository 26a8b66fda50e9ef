"""Bad input: every problem of a request at once, each with its path, before any AWS call."""

from __future__ import annotations

from typing import Any

import pytest

from tests.requests import called, connection, depends, environment, web
from tests.unit.planned import full, of_service, planned, problems

ADMIN = "arn:aws:iam::123456789012:role/admin"
CONTAINER = "taskDefinition.containerDefinitions.0"
CONNECT = "serviceConnectConfiguration"

WRONG_SERVICES: list[tuple[str, dict[str, Any], str]] = [
    ("unknown field", {"replicas": 2}, "replicas"),
    ("unknown field of the definition", {"taskDefinition.cpus": "256"}, "cpus"),
    ("unknown field of a container", {f"{CONTAINER}.imagee": "x"}, "imagee"),
    ("wrong type", {"desiredCount": "two"}, "desiredCount"),
    ("wrong type of a flag", {"enableExecuteCommand": "yes"}, "enableExecuteCommand"),
    ("wrong type of the family", {"taskDefinition.family": 5}, "family"),
    ("wrong type of the cluster", {"cluster": ["tutorial"]}, "cluster"),
    ("T04 no such pair", {"taskDefinition.cpu": "256", "taskDefinition.memory": "4096"}, "memory"),
    ("T04 no such cpu", {"taskDefinition.cpu": "300"}, "Fargate has no '300'"),
    ("T04 not a number", {"taskDefinition.cpu": "lots"}, "lots"),
    ("T04 endless number", {"taskDefinition.cpu": "9" * 5000}, "Fargate has no"),
    ("T04 endless vCPU", {"taskDefinition.cpu": "9" * 400 + " vcpu"}, "Fargate has no"),
    ("T05 no cpu", {"taskDefinition.cpu": ...}, "cpu: Fargate requires it"),
    ("T05 no memory", {"taskDefinition.memory": ...}, "memory: Fargate requires it"),
    ("T15 no room for the proxy", {f"{CONTAINER}.memory": 512}, "Service Connect proxy"),
    ("T07 log driver", {f"{CONTAINER}.logConfiguration": {"logDriver": "syslog"}}, "awslogs"),
    ("role outside the list", {"taskDefinition.taskRoleArn": ADMIN}, "allow-list"),
    ("service role", {"role": "ecsServiceRole"}, "role: refused"),
    ("privileged", {f"{CONTAINER}.privileged": True}, "privileged"),
    (
        "host volume",
        {"taskDefinition.volumes": [{"name": "v", "host": {"sourcePath": "/"}}]},
        "host",
    ),
    (
        "docker volume",
        {"taskDefinition.volumes": [{"name": "v", "dockerVolumeConfiguration": {"scope": "task"}}]},
        "no Docker volumes",
    ),
    (
        "secret in the environment",
        {f"{CONTAINER}.environment": [{"name": "DB_PASSWORD", "value": "x"}]},
        "valueFrom",
    ),
    (
        "token in the environment",
        {f"{CONTAINER}.environment": [{"name": "githubToken", "value": "x"}]},
        "valueFrom",
    ),
    ("no awsvpc", {"taskDefinition.networkMode": "host"}, "awsvpc"),
    (
        "windows",
        {"taskDefinition.runtimePlatform": {"operatingSystemFamily": "WINDOWS_SERVER_2022_CORE"}},
        "Service Connect needs LINUX",
    ),
    ("host port", {f"{CONTAINER}.portMappings.0.hostPort": 8080}, "hostPort"),
    (
        "port range with a name",
        {f"{CONTAINER}.portMappings": [{"name": "nginx", "containerPortRange": "80-90"}]},
        "containerPort",
    ),
    (
        "two containers of a name",
        {
            "taskDefinition.containerDefinitions": [
                {
                    "name": "a",
                    "image": "x",
                    "portMappings": [{"name": "nginx", "containerPort": 80}],
                },
                {"name": "a", "image": "y"},
            ]
        },
        "two containers are named 'a'",
    ),
    ("no container", {"taskDefinition.containerDefinitions": []}, "at least one container"),
    ("nothing essential", {f"{CONTAINER}.essential": False}, "essential"),
    (
        "S08 no such port",
        {f"{CONNECT}.services.0.portName": "http"},
        "no container has a port named 'http'",
    ),
    (
        "S10 two aliases",
        {f"{CONNECT}.services.0.clientAliases": [{"port": 80}, {"port": 81}]},
        "ECS needs exactly one",
    ),
    (
        "S11 alias in capitals",
        {f"{CONNECT}.services.0.clientAliases": [{"port": 80, "dnsName": "Web"}]},
        "1 to 127 of a-z",
    ),
    (
        "S11 alias begins with a hyphen",
        {f"{CONNECT}.services.0.clientAliases": [{"port": 80, "dnsName": "-web"}]},
        "1 to 127 of a-z",
    ),
    ("discovery name", {f"{CONNECT}.services.0.discoveryName": "Web"}, "discoveryName"),
    ("tls", {f"{CONNECT}.services.0.tls": {"issuerCertificateAuthority": {}}}, "tls"),
    (
        "P10 idle below request",
        {f"{CONNECT}.services.0.timeout": {"idleTimeoutSeconds": 5, "perRequestTimeoutSeconds": 9}},
        "closes a connection before perRequestTimeoutSeconds, 9, is over",
    ),
    ("S14 no subnets", {"networkConfiguration.awsvpcConfiguration": {"subnets": "all"}}, "subnets"),
    ("S23 both", {"capacityProviderStrategy": [{"capacityProvider": "FARGATE"}]}, "not both"),
    ("not Fargate", {"launchType": "EC2"}, "environments run on Fargate"),
    ("not of the enumeration", {"launchType": "fargate"}, "not one of"),
    (
        "own capacity provider",
        {"launchType": ..., "capacityProviderStrategy": [{"capacityProvider": "mine"}]},
        "FARGATE_SPOT",
    ),
    ("S13 old platform", {"platformVersion": "1.3.0"}, "needs platform version 1.4.0"),
    ("daemon", {"schedulingStrategy": "DAEMON"}, "REPLICA"),
    ("blue/green", {"deploymentController": {"type": "CODE_DEPLOY"}}, "rolling"),
    ("own token", {"clientToken": "mine"}, "clientToken: refused"),
    ("S24 too many tasks", {"desiredCount": 1001}, "between 0 and 1,000 tasks"),
    ("negative count", {"desiredCount": -1}, "desiredCount"),
    (
        "H19 can never roll",
        {"deploymentConfiguration": {"maximumPercent": 100, "minimumHealthyPercent": 100}},
        "could neither start nor stop a task",
    ),
    (
        "H19 can never roll with one task",
        {"deploymentConfiguration": {"maximumPercent": 150, "minimumHealthyPercent": 50}},
        "with one task, no deployment could ever replace it",
    ),
    (
        "rebalancing without room for one more task",
        {
            "availabilityZoneRebalancing": "ENABLED",
            "desiredCount": 2,
            "deploymentConfiguration": {"maximumPercent": 100, "minimumHealthyPercent": 50},
        },
        'write "availabilityZoneRebalancing": "DISABLED", or a maximumPercent above 100',
    ),
    ("rebalancing of another kind", {"availabilityZoneRebalancing": "on"}, "not one of"),
    ("tags of another shape", {"tags": {"team": "blue"}}, "must be a list"),
    ("probe of no endpoint", {"probe": {"portName": "admin"}}, "is no endpoint"),
    (
        "P11 probe with a URL",
        {"probe": {"portName": "nginx", "path": "http://169.254.169.254/"}},
        "path",
    ),
    (
        "P11 probe with a url field",
        {"probe": {"portName": "nginx", "url": "http://x"}},
        "unknown field",
    ),
    ("probe status", {"probe": {"portName": "nginx", "expectStatus": "2xx"}}, "status"),
    ("both forms", {"primaryContainer": {"image": "x", "containerPort": 80}}, "either"),
    ("neither form", {"taskDefinition": ...}, "either"),
    ("name with a slash", {"serviceName": "a/b"}, "serviceName"),
    ("no name", {"serviceName": ...}, "required, but missing"),
    ("name that is reserved", {"serviceName": "bivouac-proof-1-1"}, "reserved for"),
    ("dependsOn without a name", {"dependsOn": [{"condition": "START"}]}, "dependsOn[0]"),
    (
        "dependsOn with another condition",
        {"dependsOn": [{"serviceName": "web", "condition": "COMPLETE"}]},
        "not one of HEALTHY, START",
    ),
    ("dependsOn of another type", {"dependsOn": ["web"]}, "dependsOn[0]"),
    ("name too long", {"serviceName": "a" * 129}, "serviceName"),
    ("connect is no object", {CONNECT: True}, CONNECT),
    ("connect without enabled", {f"{CONNECT}.enabled": ...}, "enabled"),
    (
        "connect with query parameters",
        {
            f"{CONNECT}.accessLogConfiguration": {
                "format": "JSON",
                "includeQueryParameters": "ENABLED",
            }
        },
        "tokens",
    ),
]


@pytest.mark.parametrize(
    ("changes", "message"),
    [(changes, message) for _, changes, message in WRONG_SERVICES],
    ids=[name for name, _, _ in WRONG_SERVICES],
)
def test_a_service_that_cannot_work_is_refused(changes: dict[str, Any], message: str) -> None:
    """T04 to T07, T15, S08 to S14, S23, S24, H19, P10, P11 and the security defaults of 7.2."""
    found = of_service(**changes)
    assert any(message in problem for problem in found), found
    assert all(problem.startswith("services") for problem in found)


WRONG_ENVIRONMENTS: list[tuple[str, dict[str, Any], str]] = [
    ("unknown field", {"color": "blue"}, "color: unknown field"),
    ("no name", {"name": None}, "name"),
    ("name that breaks a derived limit", {"name": "a" * 41}, "is not an environment name"),
    ("name with two hyphens", {"name": "a--b"}, "single hyphens"),
    ("name of another type", {"name": 5}, "name"),
    ("no services", {"services": []}, "services"),
    ("services of another type", {"services": {}}, "services"),
    ("a service of another type", {"services": ["web"]}, "services"),
    ("too many services", {"services": [web()] * 51}, "services"),
    ("namespace true", {"namespace": True}, "namespace"),
    ("N07 namespace with a slash", {"namespace": "a/b"}, "is not a namespace name"),
    ("N07 namespace that is an ARN", {"namespace": "arn:aws:x"}, "is not a namespace name"),
    ("N07 namespace with a space", {"namespace": "a b"}, "is not a namespace name"),
    ("lease", {"lease": {"ttl": "forever"}}, "write a number and m, h or d"),
    ("lease beyond the stack's", {"lease": {"ttl": "30d"}}, "maximum"),
    ("unknown lease field", {"lease": {"ttl": "1h", "until": "x"}}, "unknown field"),
    ("timeouts", {"timeouts": {"ready": 900}}, "timeouts.ready"),
    ("onFailure", {"onFailure": "retry"}, "onFailure"),
    ("dryRun", {"dryRun": "yes"}, "dryRun"),
    ("connect without an edge", {"connect": []}, "connect"),
    ("connect of another type", {"connect": {"from": "a", "to": "b"}}, "connect"),
    ("connect without from", {"connect": [{"to": {"service": "web"}}]}, "connect[0].from"),
    ("connect with a name only", {"connect": [{"from": "a", "to": "web"}]}, "connect[0].to"),
    (
        "P11 connect with a URL",
        {"connect": [connection("a", called("web", path="http://169.254.169.254/"))]},
        "connect[0].to.path",
    ),
    (
        "P11 connect with a url field",
        {"connect": [connection("a", called("web", url="http://x"))]},
        "connect[0].to.url: unknown field",
    ),
    (
        "connect with a status that is none",
        {"connect": [connection("a", "web", expectStatus="2xx")]},
        "connect[0].expectStatus",
    ),
    ("reserved tags", {"tags": {"bivouac:environment": "other"}}, "reserved"),
    ("tag value of another type", {"tags": {"team": 5}}, "tags"),
    (
        "cluster's namespace",
        {"cluster": {"serviceConnectDefaults": {"namespace": "x"}}},
        "serviceConnectDefaults",
    ),
    ("cluster's tags", {"cluster": {"tags": [{"key": "a", "value": "b"}]}}, "cluster.tags"),
    (
        "cluster's configuration",
        {"cluster": {"configuration": {"executeCommandConfiguration": {}}}},
        "cluster.configuration",
    ),
    ("cluster's unknown field", {"cluster": {"size": 3}}, "size"),
    ("cluster's name of another type", {"cluster": {"clusterName": 5}}, "clusterName"),
    ("cluster of another type", {"cluster": "mine"}, "cluster"),
]


@pytest.mark.parametrize(
    ("changes", "message"),
    [(changes, message) for _, changes, message in WRONG_ENVIRONMENTS],
    ids=[name for name, _, _ in WRONG_ENVIRONMENTS],
)
def test_an_environment_that_cannot_work_is_refused(changes: dict[str, Any], message: str) -> None:
    """N07, W05."""
    found = problems(environment(**changes))
    assert any(message in problem for problem in found), found


@pytest.mark.parametrize("content", [None, 5, "demo", [], [environment()], True, {}])
def test_input_that_is_not_a_request_is_refused(content: Any) -> None:
    assert problems(content)


def test_the_tutorials_own_namespace_true_is_refused_with_what_to_write() -> None:
    """ECS refuses it; the error says where the namespace is named."""
    (problem,) = of_service(**{f"{CONNECT}.namespace": True})
    assert f"{CONNECT}.namespace: true is not a namespace's name" in problem
    assert '"namespace": "service-connect"' in problem


def test_another_namespace_inside_a_service_is_refused_with_what_to_write() -> None:
    """S09, N09."""
    service = full(**{f"{CONNECT}.namespace": "other"})
    (problem,) = problems(environment(service, namespace="service-connect"))
    assert f"(service-connect-nginx-service).{CONNECT}.namespace: " in problem
    assert 'write "namespace": "other" beside services' in problem
    assert not of_service(**{f"{CONNECT}.namespace": "bivouac-demo"})


@pytest.mark.parametrize(
    ("second", "message"),
    [
        (web(), "2 are named 'web'"),
        (web(serviceName="Web"), "2 client aliases are web:80"),
        (web(serviceName="Web"), "2 endpoints have the name 'web'"),
    ],
)
def test_services_cannot_share_names_aliases_or_discovery_names(
    second: dict[str, Any], message: str
) -> None:
    """S01, S07, S12."""
    found = problems(environment(web(), second))
    assert any(message in problem for problem in found), found


def test_a_clash_with_an_existing_definition_is_reported_before_it_is_described() -> None:
    """S12: no AWS call is needed to see it."""
    aliases = [{"port": 80, "dnsName": "web"}]
    theirs = full(
        serviceName="api",
        taskDefinition="theirs:3",
        **{f"{CONNECT}.services.0.clientAliases": aliases},
    )
    (problem,) = problems(environment(web(), theirs))
    assert "2 client aliases are web:80" in problem


def test_endpoints_of_a_task_cannot_share_an_ingress_port() -> None:
    """S12."""
    services = [
        {"portName": "nginx", "ingressPortOverride": 9090, "clientAliases": [{"port": 80}]},
        {"portName": "nginx", "discoveryName": "other", "ingressPortOverride": 9090},
    ]
    found = of_service(**{f"{CONNECT}.services": services})
    assert any("listen on port 9090" in problem for problem in found), found


def test_the_proxy_cannot_listen_where_a_container_does() -> None:
    """The containers of a task share one network interface."""
    admin: dict[str, Any] = {"containerPort": 9090}
    sidecar = {"name": "admin", "image": "nginx", "essential": False, "portMappings": [admin]}
    service = full(**{f"{CONNECT}.services.0.ingressPortOverride": 9090})
    assert not problems(environment(service))
    service["taskDefinition"]["containerDefinitions"].append(sidecar)
    (problem,) = problems(environment(service))
    assert ".services[0].ingressPortOverride: the container admin listens on port 9090" in problem
    admin["protocol"] = "udp"
    assert not problems(environment(service))


@pytest.mark.parametrize("port", [0, 80, 1024, 65536])
def test_the_proxy_listens_on_no_privileged_port(port: int) -> None:
    """Seen in hashicorp/terraform-provider-aws#28293."""
    (problem,) = of_service(**{f"{CONNECT}.services.0.ingressPortOverride": port})
    assert problem.endswith(f"ingressPortOverride: {port} is not between 1,025 and 65,535")


def test_the_proxys_logs_need_a_router_for_awsfirelens() -> None:
    """FireLens routes the logs of a task through a container of it."""
    logs = {"logDriver": "awsfirelens", "options": {"Name": "stdout"}}
    service = full(**{f"{CONNECT}.logConfiguration": logs})
    (problem,) = problems(environment(service))
    assert ".serviceConnectConfiguration.logConfiguration.logDriver: awsfirelens needs" in problem
    router = {
        "name": "router",
        "image": "amazon/aws-for-fluent-bit",
        "firelensConfiguration": {"type": "fluentbit"},
    }
    service["taskDefinition"]["containerDefinitions"].append(router)
    assert not problems(environment(service))


def test_endpoints_of_a_service_cannot_share_a_named_port() -> None:
    """Checks, probes and connections identify an endpoint by it."""
    services = [
        {"portName": "nginx", "clientAliases": [{"port": 80}]},
        {
            "portName": "nginx",
            "discoveryName": "other",
            "ingressPortOverride": 9090,
            "clientAliases": [{"port": 81}],
        },
    ]
    found = of_service(**{f"{CONNECT}.services": services})
    assert any("2 services have the portName 'nginx'" in problem for problem in found), found


def silent(name: str) -> dict[str, Any]:
    """A service outside the mesh."""
    return full(serviceName=name, **{CONNECT: {"enabled": False}})


def two_endpoints(name: str) -> dict[str, Any]:
    ports = [{"name": port, "containerPort": number} for port, number in (("a", 1), ("b", 2))]
    services = [
        {"portName": port, "clientAliases": [{"port": number, "dnsName": name}]}
        for port, number in (("a", 1), ("b", 2))
    ]
    return full(
        serviceName=name, **{f"{CONTAINER}.portMappings": ports, f"{CONNECT}.services": services}
    )


WRONG_CONNECTIONS: list[tuple[str, dict[str, Any], str]] = [
    ("from nobody", connection("wed", "api"), "connect[0].from: no service is named 'wed'"),
    ("to nobody", connection("web", "apo"), "connect[0].to.service: no service is named 'apo'"),
    ("to itself", connection("web", "web"), "connect[0]: web calls itself"),
    (
        "to an unknown port",
        connection("web", called("api", portName="http")),
        "connect[0].to.portName: api has no endpoint 'http' (serviceConnectConfiguration.services "
        "with a client alias: api)",
    ),
    (
        "to one of two ports",
        connection("web", "two"),
        "connect[0].to: two has several endpoints; say which with portName",
    ),
    (
        "to one outside the mesh",
        connection("web", "silent"),
        "connect[0].to: silent has no endpoint",
    ),
    (
        "from one outside the mesh",
        connection("silent", "api"),
        "connect[0].from: silent has Service Connect switched off",
    ),
    (
        "to one without tasks",
        connection("web", "asleep"),
        "connect[0].to.service: asleep has desiredCount 0, so it never answers",
    ),
    (
        "a path of a TCP endpoint",
        connection("web", called("two", portName="a", path="/x")),
        "connect[0].to.path: two:a has the appProtocol TCP",
    ),
    (
        "a status of a TCP endpoint",
        connection("web", called("two", portName="b"), expectStatus="200"),
        "connect[0].expectStatus: two:b has the appProtocol TCP",
    ),
]


def neighbourhood(*connections: dict[str, Any]) -> dict[str, Any]:
    return environment(
        web(),
        web(serviceName="api"),
        two_endpoints("two"),
        silent("silent"),
        web(serviceName="asleep", desiredCount=0),
        connect=list(connections),
    )


@pytest.mark.parametrize(
    ("wrong", "message"),
    [(wrong, message) for _, wrong, message in WRONG_CONNECTIONS],
    ids=[name for name, _, _ in WRONG_CONNECTIONS],
)
def test_a_connection_that_cannot_be_proven_is_refused(wrong: dict[str, Any], message: str) -> None:
    (problem,) = problems(neighbourhood(wrong))
    assert message in problem


def test_all_wrong_connections_are_reported_at_once() -> None:
    found = problems(neighbourhood(*(wrong for _, wrong, _ in WRONG_CONNECTIONS)))
    assert len(found) == len(WRONG_CONNECTIONS)
    assert len({problem.split(":")[0].split(".")[0] for problem in found}) == len(found)


def test_a_connection_is_given_once() -> None:
    """With and without the name of the only port it is the same connection."""
    twice = [connection("web", "api"), connection("web", called("api", portName="api", path="/x"))]
    (problem,) = problems(neighbourhood(*twice))
    assert problem == "connect: web -> api:api is given 2 times; once is enough"


def test_a_connection_to_an_invalid_service_is_not_reported_too() -> None:
    broken = web(serviceName="api", replicas=2)
    found = problems(environment(web(), broken, connect=[connection("web", "api")]))
    assert all("connect" not in problem for problem in found), found
    nameless = web(serviceName=5)
    found = problems(environment(web(), nameless, connect=[connection("web", "web")]))
    assert any("calls itself" in problem for problem in found)


@pytest.mark.parametrize(
    ("waits", "message"),
    [
        ({"web": ["web"]}, "(web).dependsOn[0].serviceName: a service cannot wait for itself"),
        ({"web": ["db"]}, "(web).dependsOn[0].serviceName: no service is named 'db'"),
        ({"web": ["api", "api"]}, "(web).dependsOn: api is named 2 times"),
        ({"web": ["api"], "api": ["web"]}, "none could be first: web -> api -> web"),
        (
            {"web": ["api"], "api": ["jobs"], "jobs": ["web"]},
            "none could be first: web -> api -> jobs -> web",
        ),
    ],
)
def test_impossible_dependencies_are_refused(waits: dict[str, list[str]], message: str) -> None:
    services = [
        web(serviceName=name, dependsOn=depends(*waits.get(name, [])))
        for name in ("web", "api", "jobs")
    ]
    (problem,) = problems(environment(*services))
    assert message in problem


def test_every_cycle_is_named_once() -> None:
    waits = {"a": ["b"], "b": ["a"], "c": ["d"], "d": ["e"], "e": ["c"]}
    services = [web(serviceName=name, dependsOn=depends(*waits[name])) for name in waits]
    circles = [problem.rpartition(": ")[2] for problem in problems(environment(*services))]
    assert circles == ["a -> b -> a", "c -> d -> e -> c"]


def test_tasks_of_all_services_together_are_limited() -> None:
    """S24."""
    found = problems(environment(web(desiredCount=600), web(serviceName="shop", desiredCount=600)))
    assert any("1200 tasks" in problem for problem in found), found


def test_ecs_exec_needs_the_stacks_permission() -> None:
    assert planned(environment(full(enableExecuteCommand=True)), allow_ecs_exec=True)
    found = problems(environment(full(enableExecuteCommand=True)), allow_ecs_exec=False)
    assert any("AllowEcsExec" in problem for problem in found)


def test_a_request_per_tcp_endpoint_is_refused() -> None:
    """P10: a TCP endpoint has no requests."""
    found = of_service(
        **{
            f"{CONTAINER}.portMappings.0.appProtocol": ...,
            f"{CONNECT}.services.0.timeout": {"perRequestTimeoutSeconds": 5},
        }
    )
    assert any("TCP" in problem for problem in found), found


def test_every_problem_of_a_request_is_reported_at_once() -> None:
    """The promise of the request check: nobody fixes one problem only to hear of the next."""
    request = environment(
        web(dependsOn=depends("nobody")),
        full(**{"replicas": 1}),
        full(serviceName="b", **{"taskDefinition.cpu": "300", f"{CONTAINER}.privileged": True}),
        full(serviceName="c", **{f"{CONNECT}.namespace": True, "role": "x"}),
        web(serviceName="d/e"),
        name="Not A Name",
        color="blue",
        lease={"ttl": "30d"},
        cluster={"size": 3},
        connect=[connection("web", "stranger")],
    )
    found = problems(request)
    for message in (
        "replicas",
        "'300'",
        "privileged",
        "namespace: true",
        "role: refused",
        "serviceName",
        "not an environment name",
        "color: unknown field",
        "maximum",
        "size",
        "no service is named 'nobody'",
        "no service is named 'stranger'",
    ):
        assert any(message in problem for problem in found), (message, found)


def test_a_secret_value_is_never_repeated_in_a_problem() -> None:
    """Failure-modes 7.2: problems end in logs and in the execution's cause."""
    entry = {"name": "DB_PASSWORD", "value": "hunter2"}
    found = of_service(**{f"{CONTAINER}.environment": [entry]})
    assert found
    assert "hunter2" not in "".join(found)


EARLIER_MISTAKES: dict[str, dict[str, Any]] = {
    "unknown field": {"replicas": 2},
    "wrong type": {"desiredCount": "two"},
    "wrong network": {"networkConfiguration": "mine"},
    "wrong deployment": {"deploymentConfiguration": []},
    "wrong connect": {CONNECT: {"enabled": "yes"}},
    "no connect": {CONNECT: "yes"},
    "wrong tags": {"tags": "team"},
    "unknown field of the definition": {"taskDefinition.cpus": "256"},
    "wrong type in the definition": {"taskDefinition.volumes": "v"},
    "wrong cpu": {"taskDefinition.cpu": 256},
    "unknown field of a container": {f"{CONTAINER}.imagee": "x"},
    "wrong type in a container": {f"{CONTAINER}.image": 7},
    "no such pair": {"taskDefinition.cpu": "256", "taskDefinition.memory": "4096"},
    "wrong dependsOn": {"dependsOn": "api"},
    "wrong probe": {"probe": {"port": 80}},
    "wrong name": {"serviceName": "a b"},
}


@pytest.mark.parametrize("mistake", EARLIER_MISTAKES.values(), ids=EARLIER_MISTAKES.keys())
def test_no_mistake_hides_a_forbidden_role(mistake: dict[str, Any]) -> None:
    """Otherwise a user would fix it only to hear that the role is not allowed at all."""
    forbidden = {"taskDefinition.taskRoleArn": ADMIN, f"{CONTAINER}.privileged": True, "role": "x"}
    found = of_service(**forbidden, **mistake)
    for message in ("is not in the stack's allow-list", "privileged: refused", "role: refused"):
        assert any(message in problem for problem in found), (message, found)
    assert len(found) > len(forbidden)


def test_each_problem_is_reported_once() -> None:
    found = of_service(**{"taskDefinition.cpu": 256, "desiredCount": "two"})
    assert len(found) == 2
    assert any("cpu" in problem for problem in found)
    assert any("desiredCount" in problem for problem in found)
