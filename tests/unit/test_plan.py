"""From a request to a blueprint: what is filled in, and every problem, reported at once."""

from __future__ import annotations

import json
from itertools import pairwise
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bivouac.environment.blueprint import Blueprint, Dependency
from bivouac.request.planning.plan import plan
from bivouac.request.rules.limits import BLUEPRINT
from tests.requests import (
    EXECUTION_ROLE,
    NOW,
    called,
    connection,
    depends,
    environment,
    event,
    web,
)
from tests.requests import (
    settings as stack_settings,
)
from tests.unit.planned import STACK, full, planned, problems

# --- what is filled in ---------------------------------------------------------------------------


def test_the_smallest_request_becomes_a_whole_environment() -> None:
    blueprint = planned(event("smallest"))
    (service,) = blueprint.services
    assert blueprint.namespace == "bivouac-demo"
    assert blueprint.cluster == {
        "clusterName": "bivouac-demo",
        "capacityProviders": ["FARGATE", "FARGATE_SPOT"],
    }
    assert blueprint.log_groups == ("/bivouac-demo/web", "/bivouac-demo/bivouac-proof")
    assert blueprint.lease_seconds == 8 * 3600
    assert service.arguments["launchType"] == "FARGATE"
    awsvpc = service.arguments["networkConfiguration"]["awsvpcConfiguration"]
    assert awsvpc["subnets"] == list(STACK.subnet_ids)
    assert awsvpc["securityGroups"] == [STACK.task_security_group_id]
    assert service.definition is not None
    assert service.definition["family"] == "bivouac-demo--web"
    assert service.definition["executionRoleArn"] == EXECUTION_ROLE
    (endpoint,) = service.endpoints
    assert (endpoint.port_name, endpoint.port, endpoint.app_protocol) == ("web", 80, "http")


def test_the_tutorial_is_kept_and_renamings_are_reported() -> None:
    """H09: its log groups become the environment's own, which are created beforehand."""
    blueprint = planned(event("tutorial"))
    (service,) = blueprint.services
    given = event("tutorial")["services"][0]
    assert service.arguments["deploymentConfiguration"] == given["deploymentConfiguration"]
    assert blueprint.namespace == "service-connect"
    renamed = {
        entry.path.rpartition(".")[2]: (entry.given, entry.used) for entry in blueprint.renamed
    }
    assert renamed["cluster"] == ("tutorial", "bivouac-tutorial")
    assert renamed["family"][0] == "service-connect-nginx"
    assert {entry.given for entry in blueprint.renamed if "awslogs-group" in entry.path} == {
        "/ecs/service-connect-nginx",
        "/ecs/service-connect-proxy",
    }


def test_logs_go_to_the_stacks_region_whatever_a_pasted_definition_names() -> None:
    """Its group is created only there; in another Region no task would start (H09)."""
    elsewhere = plan(event("tutorial"), stack_settings(region="eu-west-1"), NOW)
    assert elsewhere.blueprint is not None
    (service,) = elsewhere.blueprint.services
    assert service.definition is not None
    configurations = [
        service.definition["containerDefinitions"][0]["logConfiguration"],
        service.arguments["serviceConnectConfiguration"]["logConfiguration"],
    ]
    assert [each["options"]["awslogs-region"] for each in configurations] == ["eu-west-1"] * 2
    renamed = [each for each in elsewhere.blueprint.renamed if each.path.endswith("awslogs-region")]
    assert {(each.given, each.used) for each in renamed} == {("ap-northeast-1", "eu-west-1")}
    assert len(renamed) == 2
    here = planned(event("tutorial")).renamed
    assert not [each for each in here if each.path.endswith("awslogs-region")]


def test_another_log_driver_is_not_changed() -> None:
    """A log router may send anywhere in the stack's Region."""
    given: dict[str, Any] = {
        "logDriver": "awsfirelens",
        "options": {"Name": "cloudwatch", "region": STACK.region},
    }
    service = full(**{"taskDefinition.containerDefinitions.0.logConfiguration": given})
    router = {
        "name": "router",
        "image": "public.ecr.aws/aws-observability/aws-for-fluent-bit:stable",
        "firelensConfiguration": {"type": "fluentbit"},
    }
    service["taskDefinition"]["containerDefinitions"].append(router)
    (planned_service,) = planned(environment(service)).services
    assert planned_service.definition is not None
    assert planned_service.definition["containerDefinitions"][0]["logConfiguration"] == given
    given["options"]["region"] = "us-west-2"
    (problem,) = problems(environment(service))
    assert "options.region: us-west-2 is not the stack's Region" in problem


@pytest.mark.parametrize(
    ("command", "checked"), [(["CMD-SHELL", "curl -f localhost"], True), (["NONE"], False)]
)
def test_a_health_check_that_is_switched_off_is_none(command: list[str], checked: bool) -> None:
    """Nobody would ever call such a task healthy."""
    health = {"taskDefinition.containerDefinitions.0.healthCheck": {"command": command}}
    (service,) = planned(environment(full(**health))).services
    assert service.has_health_check is checked


def test_defaults_are_merged_beneath_every_service() -> None:
    request = environment(
        web(),
        web(serviceName="shop", desiredCount=3),
        defaults={
            "desiredCount": 2,
            "networkConfiguration": {"awsvpcConfiguration": {"assignPublicIp": "DISABLED"}},
        },
    )
    first, second = planned(request).services
    assert (first.arguments["desiredCount"], second.arguments["desiredCount"]) == (2, 3)
    awsvpc = second.arguments["networkConfiguration"]["awsvpcConfiguration"]
    assert awsvpc["assignPublicIp"] == "DISABLED"
    assert awsvpc["subnets"] == list(STACK.subnet_ids)


def test_defaults_may_be_nothing_but_a_container() -> None:
    """Which is no service by name, as in Compose."""
    given = {"image": "nginx", "containerPort": 80}
    request = environment({"serviceName": "web"}, defaults={"primaryContainer": given})
    assert planned(request).services[0].endpoints


class TestWhatIsWrongInTheDefaults:
    def test_it_is_told_once_where_it_was_written(self) -> None:
        request = environment(
            web(),
            web(serviceName="shop", deploymentConfiguration={"maximumPercent": 200}),
            defaults={
                "launchTyp": "FARGATE",
                "desiredCount": "2",
                "deploymentConfiguration": {"minimumHealthyPercent": 101},
            },
        )
        assert sorted(each.partition(":")[0] for each in problems(request)) == [
            "defaults.deploymentConfiguration.minimumHealthyPercent",
            "defaults.desiredCount",
            "defaults.launchTyp",
        ]

    def test_the_short_form_is_told_where_it_was_written(self) -> None:
        given = {"image": "nginx", "containerPort": 80, "cpu": "100", "memory": 0.5}
        services = ({"serviceName": "web"}, {"serviceName": "shop"})
        request = environment(*services, defaults={"primaryContainer": given})
        message = 'write "memory": "512" (MiB; 1024 are one GB)'
        (problem,) = problems(request)
        assert problem.startswith("defaults.primaryContainer.memory: ")
        assert message in problem
        given["memory"] = "512"
        (problem,) = problems(request)
        assert problem.startswith("defaults.primaryContainer.cpu: Fargate has no '100'")

    def test_an_existing_definition_is_told_with_its_name(self) -> None:
        services = ({"serviceName": "web"}, {"serviceName": "shop"})
        request = environment(*services, defaults={"taskDefinition": "theirs:3"})
        described = {**DESCRIBED, "compatibilities": ["EC2"]}
        found = plan(request, STACK, NOW, {"theirs:3": described}).problems
        assert [each.partition(": ")[0] for each in found] == [
            "defaults.taskDefinition (theirs:3).compatibilities"
        ]

    def test_what_a_service_writes_itself_is_told_there(self) -> None:
        request = environment(web(desiredCount=-1), web(serviceName="shop"), defaults={})
        request["defaults"] = {"desiredCount": 1}
        (problem,) = problems(request)
        assert problem.startswith("services[0] (web).desiredCount: ")

    def test_what_does_not_fit_one_service_is_told_there(self) -> None:
        """The defaults are right for the other one."""
        request = environment(
            web(desiredCount=2),
            web(serviceName="shop"),
            defaults={"deploymentConfiguration": {"maximumPercent": 150}},
        )
        (problem,) = problems(request)
        assert problem.startswith("services[1] (shop).deploymentConfiguration: with one task")

    def test_a_reference_in_the_defaults_is_told_once(self) -> None:
        request = environment(web(), defaults={"platformVersion": {"Ref": "Version"}})
        (problem,) = problems(request)
        assert problem.startswith("defaults.platformVersion: Ref is CloudFormation's")


@pytest.mark.parametrize(
    ("asked", "sent"),
    [
        ({}, "DISABLED"),
        ({"availabilityZoneRebalancing": "DISABLED"}, "DISABLED"),
        ({"availabilityZoneRebalancing": "ENABLED"}, "ENABLED"),
    ],
)
def test_tasks_are_rebalanced_only_on_request(asked: dict[str, Any], sent: str) -> None:
    """CreateService without it means ENABLED, which starts and stops tasks by itself (recorded in
    April 2026 in a journal of the ECS workshop; ECS API, CreateService)."""
    (service,) = planned(environment(web(**asked))).services
    assert service.arguments["availabilityZoneRebalancing"] == sent


def test_rebalancing_has_room_above_a_hundred_percent() -> None:
    percents = {"maximumPercent": 150, "minimumHealthyPercent": 100}
    asked = web(availabilityZoneRebalancing="ENABLED", desiredCount=2)
    assert planned(environment(asked)).services
    assert planned(environment(asked | {"deploymentConfiguration": percents})).services


def test_the_request_itself_is_never_changed() -> None:
    request = event("tutorial")
    planned(request)
    assert request == event("tutorial")


def test_a_given_lease_and_time_out_are_seconds() -> None:
    blueprint = planned(environment(lease={"ttl": "45m"}, timeouts={"ready": "5m"}))
    assert (blueprint.lease_seconds, blueprint.ready_seconds) == (2700, 300)


def test_the_ready_time_out_may_be_as_long_as_an_execution() -> None:
    """W13: a machine that times out after its two hours cannot say why."""
    assert planned(environment(timeouts={"ready": "110m"})).ready_seconds == 6600
    message = "timeouts.ready: 2h is longer than a create may take, 110m"
    assert problems(environment(timeouts={"ready": "2h"})) == [message]


def test_owner_and_tags_become_the_resources_tags() -> None:
    blueprint = planned(environment(owner="ada", tags={"team": "blue"}))
    assert blueprint.ownership_tags == {
        "team": "blue",
        "bivouac:owner": "ada",
        "bivouac:stack": "bivouac",
        "bivouac:environment": "demo",
    }


def test_a_probe_may_name_its_path_and_the_status_that_it_expects() -> None:
    """P11."""
    probe = {"portName": "web", "path": "/health", "expectStatus": "204"}
    (endpoint,) = planned(environment(web(probe=probe))).services[0].endpoints
    assert (endpoint.path, endpoint.lowest_status, endpoint.highest_status) == ("/health", 204, 204)


def test_only_equal_requests_have_equal_hashes() -> None:
    """W18: the hash decides between following a create and superseding it."""
    turned = dict(reversed(event("smallest").items()))
    assert planned(event("smallest")).request_hash == planned(turned).request_hash
    other = planned(environment(web(desiredCount=2))).request_hash
    assert planned(event("smallest")).request_hash != other


def test_a_dry_run_is_recognised() -> None:
    assert plan(environment(dryRun=True), STACK, NOW).dry_run
    assert not plan(environment(), STACK, NOW).dry_run


# --- who comes first, and who calls whom ---------------------------------------------------------


def named(*names: str, **changes: Any) -> list[dict[str, Any]]:
    return [web(serviceName=name, **changes) for name in names]


def tcp(name: str, **changes: Any) -> dict[str, Any]:
    """A service with one plain TCP endpoint."""
    container = "taskDefinition.containerDefinitions.0.portMappings.0.appProtocol"
    return full(serviceName=name, **{container: ...}, **changes)


def dependencies(blueprint: Blueprint) -> dict[str, tuple[Dependency, ...]]:
    return {service.service_name: service.depends_on for service in blueprint.services}


def test_servers_come_before_their_dependents() -> None:
    """Fact 4: what a task can resolve is fixed when its deployment begins."""
    web_service, api, backend = named("web", "api", "backend")
    web_service["dependsOn"] = depends("api")
    api["dependsOn"] = depends("backend", condition="START")
    blueprint = planned(environment(web_service, api, backend))
    assert dependencies(blueprint) == {
        "backend": (),
        "api": (Dependency("backend", "START"),),
        "web": (Dependency("api", "HEALTHY"),),
    }
    assert list(dependencies(blueprint)) == ["backend", "api", "web"]


def test_healthy_is_the_default_condition() -> None:
    first, second = named("web", "api")
    first["dependsOn"] = [{"serviceName": "api"}]
    assert dependencies(planned(environment(first, second)))["web"] == (
        Dependency("api", "HEALTHY"),
    )


def test_a_connection_makes_its_server_come_first() -> None:
    """P08: the endpoint exists before the client's deployment begins; that is START."""
    blueprint = planned(environment(*named("web", "api"), connect=[connection("web", "api")]))
    assert dependencies(blueprint) == {"api": (), "web": (Dependency("api", "START"),)}


def test_a_connection_does_not_weaken_depends_on() -> None:
    first, second = named("web", "api")
    first["dependsOn"] = depends("api")
    blueprint = planned(environment(first, second, connect=[connection("web", "api")]))
    assert dependencies(blueprint)["web"] == (Dependency("api", "HEALTHY"),)


def test_a_cycle_of_calls_is_planned_and_the_first_call_orders_it() -> None:
    """Only a cycle of dependsOn is refused; a call back needs one more deployment."""
    calls = [connection("web", "api"), connection("api", "web")]
    blueprint = planned(environment(*named("web", "api"), connect=calls))
    assert dependencies(blueprint) == {"api": (), "web": (Dependency("api", "START"),)}
    assert [edge.name for edge in blueprint.edges] == ["web -> api:api", "api -> web:web"]


def test_a_call_never_reverses_depends_on() -> None:
    first, second = named("web", "api")
    second["dependsOn"] = depends("web")
    blueprint = planned(environment(first, second, connect=[connection("web", "api")]))
    assert dependencies(blueprint) == {"web": (), "api": (Dependency("web", "HEALTHY"),)}


def test_independent_services_keep_their_order() -> None:
    blueprint = planned(environment(*named("c", "a", "b")))
    assert list(dependencies(blueprint)) == ["c", "a", "b"]


def test_without_connect_every_endpoint_that_can_answer_is_proven_once() -> None:
    asleep = web(serviceName="asleep", desiredCount=0)
    probe = {"portName": "web", "path": "/health", "expectStatus": "204"}
    blueprint = planned(environment(web(probe=probe), asleep, tcp("db")))
    assert [edge.name for edge in blueprint.edges] == ["web:web", "db:nginx"]
    first, second = blueprint.edges
    assert (first.client, first.dns_name, first.port, first.path) == ("", "web", 80, "/health")
    assert (first.app_protocol, first.lowest_status, first.highest_status) == ("http", 204, 204)
    assert second.app_protocol is None


def test_a_connection_goes_through_the_client_alias() -> None:
    aliases = [{"port": 8080, "dnsName": "shop.internal"}]
    server = full(
        serviceName="api", **{"serviceConnectConfiguration.services.0.clientAliases": aliases}
    )
    call = connection("web", called("api", portName="nginx", path="/ok"), expectStatus="200-299")
    (edge,) = planned(environment(web(), server, connect=[call])).edges
    assert (edge.dns_name, edge.port, edge.path) == ("shop.internal", 8080, "/ok")
    assert (edge.lowest_status, edge.highest_status) == (200, 299)


def test_an_alias_without_a_name_is_the_discovery_name_in_the_namespace() -> None:
    """The client alias's documented default."""
    server = full(
        serviceName="api",
        **{"serviceConnectConfiguration.services.0.clientAliases": [{"port": 80}]},
    )
    (edge,) = planned(environment(web(), server, connect=[connection("web", "api")])).edges
    assert edge.dns_name == "nginx.bivouac-demo"


def test_a_connection_uses_the_endpoints_probe_by_default() -> None:
    probe = {"portName": "api", "path": "/health", "expectStatus": "204"}
    services = [web(), web(serviceName="api", probe=probe)]
    (edge,) = planned(environment(*services, connect=[connection("web", "api")])).edges
    assert (edge.path, edge.lowest_status, edge.highest_status) == ("/health", 204, 204)


def test_a_pure_client_needs_no_port() -> None:
    jobs = full(
        serviceName="jobs",
        **{
            "taskDefinition.containerDefinitions.0.portMappings": [],
            "serviceConnectConfiguration.services": [],
        },
    )
    blueprint = planned(environment(jobs, web(), connect=[connection("jobs", "web")]))
    assert [edge.name for edge in blueprint.edges] == ["jobs -> web:web"]


def test_without_edges_there_is_no_proof_log_group() -> None:
    blueprint = planned(environment(web(desiredCount=0)))
    assert blueprint.edges == ()
    assert blueprint.log_groups == ("/bivouac-demo/web",)


def test_fifty_services_that_call_each_other_fit_the_record() -> None:
    """W08. The proof's program is not kept in the blueprint; each edge is."""
    names = [f"service-{number}" for number in range(50)]
    calls = [connection(a, b) for a, b in pairwise(names)]
    calls += [connection(name, names[0]) for name in names[2:]]
    blueprint = planned(environment(*named(*names), connect=calls))
    assert len(json.dumps(blueprint.to_json())) < BLUEPRINT
    assert "http.client" not in json.dumps(blueprint.to_json())


def test_more_than_the_record_holds_is_refused_with_what_to_do() -> None:
    """W08."""
    names = [f"service-{number}" for number in range(50)]
    calls = [connection(a, b) for a in names for b in names if a != b]
    (problem,) = problems(environment(*named(*names), connect=calls))
    assert "prove fewer connections" in problem


# --- an existing task definition -----------------------------------------------------------------

DESCRIBED = {
    "taskDefinitionArn": "arn:aws:ecs:ap-northeast-1:123456789012:task-definition/theirs:3",
    "family": "theirs",
    "cpu": "256",
    "memory": "512",
    "networkMode": "awsvpc",
    "executionRoleArn": EXECUTION_ROLE,
    "taskRoleArn": EXECUTION_ROLE,
    "containerDefinitions": [
        {
            "name": "web",
            "image": "nginx",
            "essential": True,
            "portMappings": [{"name": "nginx", "containerPort": 80, "appProtocol": "http"}],
        }
    ],
}


def test_the_task_definitions_that_a_request_names_are_found() -> None:
    request = environment(full(taskDefinition="theirs:3"), web(), defaults={})
    assert plan(request, STACK, NOW).undescribed == ("theirs:3",)
    assert plan({"name": 1}, STACK, NOW).undescribed == ()


def test_an_existing_definition_is_used_as_it_is() -> None:
    checked = plan(
        environment(full(taskDefinition="theirs:3")), STACK, NOW, {"theirs:3": DESCRIBED}
    )
    assert checked.blueprint is not None, checked.problems
    (service,) = checked.blueprint.services
    assert service.definition is None
    assert service.existing_definition == DESCRIBED["taskDefinitionArn"]
    assert service.endpoints[0].port == 80


def test_an_existing_definition_must_obey_the_same_rules() -> None:
    """Failure-modes 7.2: whoever names a definition chooses its roles."""
    theirs = {
        **DESCRIBED,
        "taskRoleArn": "arn:aws:iam::123456789012:role/admin",
        "networkMode": "bridge",
    }
    checked = plan(environment(full(taskDefinition="theirs:3")), STACK, NOW, {"theirs:3": theirs})
    problem = "\n".join(checked.problems)
    assert "allow-list" in problem
    assert "awsvpc" in problem


@pytest.mark.parametrize("name", ["theirs:3", DESCRIBED["taskDefinitionArn"]])
def test_problems_of_an_existing_definition_are_told_where_the_user_named_it(name: str) -> None:
    pascal = {"ServiceName": "api", "TaskDefinition": name}
    wrapped = {"Type": "AWS::ECS::Service", "Properties": pascal}
    described = {"services": [full(taskDefinition=name)], "failures": []}
    theirs = {**DESCRIBED, "networkMode": "bridge"}
    found = plan(environment(described, wrapped), STACK, NOW, {name: theirs}).problems
    where = f"services[0].services[0] (service-connect-nginx-service).taskDefinition ({name})"
    assert any(each.startswith(f"{where}.networkMode: ") for each in found), found
    assert any(
        each.startswith(f"services[1].Properties (api).TaskDefinition ({name}).networkMode: ")
        for each in found
    ), found


def test_a_connection_to_an_existing_definition_is_checked_once_it_is_described() -> None:
    """Its protocol is not known before; the name of its endpoint is."""
    services = [web(), full(serviceName="api", taskDefinition="theirs:3")]

    def checked(call: dict[str, Any], definitions: Any) -> list[str]:
        return list(plan(environment(*services, connect=[call]), STACK, NOW, definitions).problems)

    good = connection("web", called("api", path="/health"))
    assert checked(good, None) == checked(good, {"theirs:3": DESCRIBED}) == []
    unknown = connection("web", called("api", portName="admin"))
    assert checked(unknown, None)
    port = {"name": "nginx", "containerPort": 80}
    container = {"name": "web", "image": "nginx", "portMappings": [port]}
    plain = {**DESCRIBED, "containerDefinitions": [container]}
    assert "the proof only opens a connection" in checked(good, {"theirs:3": plain})[0]


def test_an_existing_definition_with_a_port_range_is_refused() -> None:
    """ECS accepted its registration, for a different use."""
    ports = [{"name": "nginx", "containerPortRange": "80-90"}]
    theirs = {
        **DESCRIBED,
        "containerDefinitions": [{"name": "web", "image": "nginx", "portMappings": ports}],
    }
    checked = plan(environment(full(taskDefinition="theirs:3")), STACK, NOW, {"theirs:3": theirs})
    assert any("containerPortRange: refused" in problem for problem in checked.problems)


# --- properties ----------------------------------------------------------------------------------

scalars = (
    st.none()
    | st.booleans()
    | st.integers(-(2**70), 2**70)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(max_size=20)
    | st.sampled_from(["", "256", "0.5 GB", "1" * 5000, "..", "a\nb", "\u0000", "${x}", "aws:x"])
)
words = st.sampled_from(
    [
        "name",
        "services",
        "serviceName",
        "taskDefinition",
        "primaryContainer",
        "cluster",
        "defaults",
        "probe",
        "tags",
        "lease",
        "containerDefinitions",
        "portMappings",
        "serviceConnectConfiguration",
        "namespace",
        "family",
        "cpu",
        "memory",
        "environment",
        "logConfiguration",
        "options",
        "key",
        "value",
        "enabled",
        "portName",
        "clientAliases",
        "dependsOn",
        "condition",
        "connect",
        "from",
        "to",
        "service",
    ]
)
anything = st.recursive(
    scalars,
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(words | st.text(max_size=5), inner, max_size=4)
    ),
    max_leaves=12,
)


@given(anything)
@settings(max_examples=200, deadline=None)
def test_any_json_is_a_blueprint_or_a_list_of_problems(content: Any) -> None:
    checked = plan(content, STACK, NOW)
    assert (checked.blueprint is None) == bool(checked.problems)


def places(content: Any, path: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    """The path of every value in a JSON document."""
    found = [path]
    inner = (
        content.items()
        if isinstance(content, dict)
        else enumerate(content)
        if isinstance(content, list)
        else ()
    )
    for key, value in inner:
        found += places(value, (*path, key))
    return found


def replaced(content: Any, path: tuple[Any, ...], value: Any) -> Any:
    if not path:
        return value
    copied = content.copy()
    copied[path[0]] = replaced(content[path[0]], path[1:], value)
    return copied


TUTORIAL = event("tutorial")
TUTORIAL["services"].append(web(dependsOn=depends("service-connect-nginx-service")))
TUTORIAL["connect"] = [
    connection("web", called("service-connect-nginx-service", portName="nginx", path="/"))
]


@given(st.sampled_from(places(TUTORIAL)), anything)
@settings(max_examples=300, deadline=None)
def test_a_hostile_value_anywhere_in_a_request_is_planned_or_refused(
    path: tuple[Any, ...], value: Any
) -> None:
    """Layer G: structure-aware, because random JSON hardly ever passes the first check."""
    checked = plan(replaced(TUTORIAL, path, value), STACK, NOW)
    assert (checked.blueprint is None) == bool(checked.problems)
    if checked.blueprint:
        text = json.dumps(checked.blueprint.to_json())
        assert Blueprint.from_json(json.loads(text)) == checked.blueprint


def test_too_deep_nesting_is_refused() -> None:
    nested: Any = "x"
    for _ in range(900):
        nested = [nested]
    assert problems(environment(web(tags=nested))) == ["request: nested deeper than 40 levels"]
