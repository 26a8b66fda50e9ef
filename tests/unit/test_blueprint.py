"""From a blueprint to the arguments of AWS calls."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import pytest

from bivouac.environment import naming
from bivouac.environment.blueprint import (
    Blueprint,
    cloud_map_tags,
    create_cluster_arguments,
    create_service_arguments,
    ecs_tags,
    from_cloud_map_tags,
    from_ecs_tags,
    register_task_definition_arguments,
    seen_by,
    service_specification,
    service_tags,
    update_service_arguments,
)
from localcloud import request_shape
from tests.requests import connection, depends, environment, event, web
from tests.unit.planned import full, planned

NAMESPACE = "arn:aws:servicediscovery:ap-northeast-1:123456789012:namespace/ns-1"
DEFINITION = "arn:aws:ecs:ap-northeast-1:123456789012:task-definition/bivouac-demo--web:1"


def specification(blueprint: Blueprint, definition: str = DEFINITION) -> dict[str, Any]:
    return service_specification(blueprint, blueprint.services[0], NAMESPACE, definition)


@pytest.mark.parametrize("name", ["smallest", "tutorial"])
def test_a_blueprint_survives_json(name: str) -> None:
    """W19: the record keeps it as text."""
    blueprint = planned(event(name))
    assert Blueprint.from_json(json.loads(json.dumps(blueprint.to_json()))) == blueprint


def test_a_blueprint_with_an_order_and_edges_survives_json() -> None:
    """W19."""
    services = [web(dependsOn=depends("api")), web(serviceName="api")]
    blueprint = planned(environment(*services, connect=[connection("web", "api")]))
    assert blueprint.edges
    assert any(service.depends_on for service in blueprint.services)
    assert Blueprint.from_json(json.loads(json.dumps(blueprint.to_json()))) == blueprint


@pytest.mark.parametrize("name", ["smallest", "tutorial"])
def test_every_call_fits_the_model_of_the_service(name: str) -> None:
    blueprint = planned(event(name))
    service = blueprint.services[0]
    made = specification(blueprint)
    for operation, arguments in {
        "CreateCluster": create_cluster_arguments(blueprint),
        "RegisterTaskDefinition": register_task_definition_arguments(blueprint, service),
        "CreateService": create_service_arguments(blueprint, service, made, 1),
        "UpdateService": update_service_arguments(made),
    }.items():
        assert not request_shape.problems("ecs", operation, arguments)


def test_the_namespace_goes_by_arn_everywhere() -> None:
    """N03, N09: a name can make ECS create another namespace."""
    blueprint = planned(event("tutorial"))
    assert "serviceConnectDefaults" not in create_cluster_arguments(blueprint)
    connect = specification(blueprint)["serviceConnectConfiguration"]
    assert connect["namespace"] == NAMESPACE


def test_everything_created_has_our_ownership_tags() -> None:
    """D18."""
    blueprint = planned(environment(tags={"team": "blue"}))
    service = blueprint.services[0]
    for arguments in (
        create_cluster_arguments(blueprint),
        register_task_definition_arguments(blueprint, service),
        create_service_arguments(blueprint, service, specification(blueprint), 1),
    ):
        tags = from_ecs_tags(arguments["tags"])
        assert naming.is_owned(tags, "bivouac", "demo")
        assert tags["team"] == "blue"
        assert naming.SPECIFICATION_TAG in tags


def test_a_requests_tags_cannot_replace_our_ownership_tags() -> None:
    """D18: a request cannot make a resource look like another environment's."""
    blueprint = planned(environment(web(tags=[{"key": "team", "value": "green"}])))
    service = blueprint.services[0]
    made = create_service_arguments(blueprint, service, specification(blueprint), 1)
    tags = from_ecs_tags(made["tags"])
    assert (tags["team"], tags["bivouac:environment"]) == ("green", "demo")


def test_a_token_is_stable_within_a_generation_and_new_in_the_next() -> None:
    """S01."""
    blueprint = planned(environment())
    made = specification(blueprint)
    tokens = [
        create_service_arguments(blueprint, blueprint.services[0], made, generation)["clientToken"]
        for generation in (1, 1, 2)
    ]
    assert tokens[0] == tokens[1] != tokens[2]
    assert len(tokens[0]) <= 36


def test_only_equal_requests_have_equal_specifications() -> None:
    """T03, S01: the tag by which a step sees that nothing has changed."""

    def specified(**changes: Any) -> str:
        blueprint = planned(environment(web(**changes)))
        arguments = register_task_definition_arguments(blueprint, blueprint.services[0])
        return from_ecs_tags(arguments["tags"])[naming.SPECIFICATION_TAG]

    other = {"image": "nginx:2", "containerPort": 80}
    assert specified() == specified()
    assert specified() != specified(primaryContainer=other)


def test_an_update_omits_arguments_of_creation_only() -> None:
    """S19."""
    arguments = update_service_arguments(specification(planned(event("tutorial"))))
    assert arguments["service"] == "service-connect-nginx-service"
    assert arguments["taskDefinition"] == DEFINITION
    assert not {"serviceName", "launchType", "deploymentController", "tags"} & arguments.keys()


def test_an_update_always_begins_a_deployment() -> None:
    """S19: a new count of tasks alone begins none, so there would be none to wait for."""
    blueprint = planned(environment())
    assert update_service_arguments(specification(blueprint))["forceNewDeployment"] is True


def test_ecs_exec_is_disabled_if_no_longer_requested() -> None:
    """UpdateService does not change what it is not given."""
    shell = full(enableExecuteCommand=True)
    updates = [
        update_service_arguments(specification(planned(environment(service))))
        for service in (shell, web())
    ]
    assert [update["enableExecuteCommand"] for update in updates] == [True, False]


# --- what a service was deployed to resolve ------------------------------------------------------


def calling(*connections: tuple[str, str], api: dict[str, Any] | None = None) -> Blueprint:
    """web, jobs and api, where these call each other."""
    services = [web(), web(serviceName="jobs"), full(serviceName="api", **(api or {}))]
    edges = [connection(client, server) for client, server in connections]
    return planned(environment(*services, connect=edges))


def seen(blueprint: Blueprint, name: str = "web") -> str | None:
    service = blueprint.service(name)
    made = service_specification(blueprint, service, NAMESPACE, DEFINITION)
    return service_tags(blueprint, service, made).get(naming.ENDPOINTS_TAG)


ENDPOINT = "serviceConnectConfiguration.services.0"


@pytest.mark.parametrize(
    "changed",
    [
        {f"{ENDPOINT}.clientAliases": [{"port": 80, "dnsName": "renamed"}]},
        {f"{ENDPOINT}.clientAliases": [{"port": 8080}]},
        {f"{ENDPOINT}.discoveryName": "renamed"},
        {"taskDefinition.containerDefinitions.0.portMappings.0.appProtocol": "http2"},
    ],
    ids=["alias", "port", "discovery name", "protocol"],
)
def test_a_changed_endpoint_changes_its_clients_tag(changed: dict[str, Any]) -> None:
    """P08: an endpoint's creation date can stay the same although what clients know is outdated."""
    before, after = calling(("web", "api")), calling(("web", "api"), api=changed)
    assert seen(before)
    assert seen(before) != seen(after)
    assert seen(before, "jobs") == seen(after, "jobs")


@pytest.mark.parametrize(
    "changed",
    [
        {"desiredCount": 3},
        {"taskDefinition.cpu": "512", "taskDefinition.memory": "1024"},
        {"taskDefinition.containerDefinitions.0.portMappings.0.containerPort": 8080},
    ],
    ids=["tasks", "size", "container port"],
)
def test_a_change_behind_an_endpoint_changes_no_clients_tag(
    changed: dict[str, Any],
) -> None:
    """An untouched service is not deployed again."""
    assert seen(calling(("web", "api"))) == seen(calling(("web", "api"), api=changed))


def test_a_new_connection_changes_only_its_clients_tag() -> None:
    before, after = calling(("web", "api")), calling(("web", "api"), ("web", "jobs"))
    assert seen(before) != seen(after)
    assert seen(after, "api") is None


def test_the_order_of_connections_changes_no_tag() -> None:
    one, other = calling(("web", "api"), ("web", "jobs")), calling(("web", "jobs"), ("web", "api"))
    assert seen_by(one, "web") == seen_by(other, "web")


def test_a_service_that_calls_nobody_has_no_such_tag() -> None:
    assert seen(planned(environment())) is None


def test_the_endpoints_a_service_calls_are_not_in_its_specification() -> None:
    """Otherwise a change at a server would look like one at its clients, and update them."""
    tags = []
    for blueprint in (calling(("web", "api")), calling(("web", "api"), ("web", "jobs"))):
        service = blueprint.service("web")
        made = service_specification(blueprint, service, NAMESPACE, DEFINITION)
        tags.append(service_tags(blueprint, service, made)[naming.SPECIFICATION_TAG])
    assert tags[0] == tags[1]


def test_an_existing_definition_is_never_registered() -> None:
    blueprint = planned(environment())
    theirs = replace(blueprint.services[0], definition=None, existing_definition="theirs:1")
    with pytest.raises(ValueError, match="uses an existing task definition"):
        register_task_definition_arguments(blueprint, theirs)


def test_a_service_is_found_by_its_name() -> None:
    blueprint = planned(environment(web(), web(serviceName="shop")))
    assert blueprint.service("shop").service_name == "shop"
    with pytest.raises(LookupError, match="has no service other"):
        blueprint.service("other")


def test_tags_go_both_ways_in_both_forms() -> None:
    tags = {"b": "2", "a": "1"}
    assert ecs_tags(tags) == [{"key": "a", "value": "1"}, {"key": "b", "value": "2"}]
    assert from_ecs_tags(ecs_tags(tags)) == tags
    assert from_cloud_map_tags(cloud_map_tags(tags)) == tags
    assert from_ecs_tags(None) == from_cloud_map_tags(None) == {}
