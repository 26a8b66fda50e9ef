"""What is done to the services now, and what waits for what."""

from __future__ import annotations

from datetime import timedelta
from itertools import pairwise
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from bivouac import errors
from bivouac.environment import naming
from bivouac.environment.blueprint import ecs_tags, from_ecs_tags
from bivouac.services.convergence import ActionKind, Condition, Need
from tests.requests import connection, depends, environment, web
from tests.unit.converging import World, described, planned_only
from tests.unit.planned import full, planned

PORT = "taskDefinition.containerDefinitions.0.portMappings.0"
PROOF = "bivouac-proof-1-1"


def world(*services: dict[str, Any], **changes: Any) -> World:
    return World(planned(environment(*services, **changes)))


def chain(condition: str) -> tuple[dict[str, Any], ...]:
    """web needs api, which needs backend."""
    return (
        web(dependsOn=depends("api", condition=condition)),
        web(serviceName="api", dependsOn=depends("backend", condition=condition)),
        web(serviceName="backend"),
    )


def calls(*pairs: tuple[str, str]) -> list[dict[str, Any]]:
    return [connection(client, server) for client, server in pairs]


# --- what is created first -----------------------------------------------------------------------


def test_a_service_is_created_once_its_dependency_is_healthy() -> None:
    """A whole chain, one healthy service after another."""
    now = world(*chain("HEALTHY"))
    assert planned_only(now.converge()) == ["CREATE backend"]
    assert now.decide().blocked["api"] == (Need("backend", Condition.HEALTHY),)
    assert now.decide().blocked["web"] == (Need("api", Condition.HEALTHY),)
    now.settle()
    assert planned_only(now.converge()) == ["CREATE api"]
    now.settle()
    assert planned_only(now.converge()) == ["CREATE web"]
    assert not now.decide().blocked


def test_endpoints_exist_as_soon_as_their_service_does() -> None:
    """P08: a whole START chain is created at once, servers before their clients."""
    now = world(*chain("START"))
    decision = now.decide()
    assert described(decision.actions) == [
        "CREATE backend",
        "CREATE api",
        "CREATE web",
        f"CREATE {PROOF}",
    ]
    assert [action.depth for action in decision.actions] == [1, 2, 3, 4]
    assert not decision.blocked


def test_independent_services_are_created_together() -> None:
    now = world(web(), web(serviceName="shop"), web(serviceName="cart"))
    actions = now.decide().actions
    assert {action.depth for action in actions if action.service_name != PROOF} == {1}


def test_a_strangers_draining_service_delays_nothing() -> None:
    """D18: even if it has a name that is to be taken over."""
    now = world(web())
    theirs = {"discoveryName": "web"}
    now.services["theirs"] = {
        "serviceName": "theirs",
        "status": "DRAINING",
        "deployments": [
            {"id": "ecs-svc/9", "status": "PRIMARY", "serviceConnectResources": [theirs]}
        ],
    }
    assert planned_only(now.converge()) == ["CREATE web"]


def test_a_client_that_no_longer_calls_anybody_is_deployed_once() -> None:
    """What it was deployed to resolve is no longer requested, in whatever order that changes."""
    services = [web(), web(serviceName="api")]
    without, calling = environment(*services), environment(*services, connect=calls(("web", "api")))
    now = World(planned(calling)).finish()
    for request, done in (
        (without, ["UPDATE web"]),
        (without, []),
        (calling, ["UPDATE web"]),
        (calling, []),
        (without, ["UPDATE web"]),
        (without, []),
    ):
        now = now.next_execution(request)
        assert planned_only(now.converge()) == done
        now.finish()


@pytest.mark.parametrize("count", [0, 1, 3])
def test_a_manually_scaled_service_is_restored(count: int) -> None:
    before = world(web(desiredCount=2)).finish()
    before.services["web"]["desiredCount"] = count
    after = before.next_execution(environment(web(desiredCount=2)))
    assert planned_only(after.converge()) == ["UPDATE web"]
    assert after.services["web"]["desiredCount"] == 2


def test_a_manually_deployed_service_is_restored() -> None:
    """Whatever was changed: ECS starts a deployment for it."""
    request = environment(web())
    before = world(web()).finish()
    before.services["web"]["deployments"][0]["id"] = "ecs-svc/theirs"
    after = before.next_execution(request)
    assert planned_only(after.converge()) == ["UPDATE web"]
    assert planned_only(after.finish().next_execution(request).converge()) == []


def test_our_own_deployment_since_the_last_proof_is_not_a_foreign_change() -> None:
    """An execution that failed after it had updated the service: the record has the deployment of
    the last proof, and the service's tag the one since."""
    proven = world(web()).finish()
    request = environment(web(desiredCount=2))
    failed = proven.next_execution(request)
    assert planned_only(failed.converge()) == ["UPDATE web"]
    failed.settle()
    failed.proven = proven.proven
    assert planned_only(failed.next_execution(request).converge()) == []


def test_start_is_not_met_by_a_blocked_server() -> None:
    """The client of a service that cannot be created yet waits too."""
    now = world(
        web(dependsOn=depends("api", condition="START")),
        web(serviceName="api", dependsOn=depends("backend")),
        web(serviceName="backend"),
    )
    assert planned_only(now.converge()) == ["CREATE backend"]
    assert now.decide().blocked["web"] == (Need("api", Condition.START),)


def test_a_server_that_is_about_to_change_is_not_healthy_for_its_clients() -> None:
    """H01: the health of the coming deployment is what counts."""
    before = world(*chain("HEALTHY")).finish()
    changed = chain("HEALTHY")
    for service in changed:
        service["desiredCount"] = 2
    after = before.next_execution(environment(*changed))
    after.healthy = {"web", "api", "backend"}
    assert planned_only(after.converge()) == ["UPDATE backend"]
    assert set(after.decide().blocked) >= {"api", "web"}
    after.settle()
    assert planned_only(after.converge()) == ["UPDATE api"]
    after.settle()
    assert planned_only(after.converge()) == ["UPDATE web"]


def test_an_unchanged_client_does_not_wait_for_its_server() -> None:
    """Its dependencies were met when it was created."""
    before = world(*chain("HEALTHY")).finish()
    after = before.next_execution(environment(*chain("HEALTHY")))
    decision = after.decide()
    assert (decision.actions, decision.blocked) == ((), {})


# --- nothing to change ---------------------------------------------------------------------------


def test_an_unchanged_situation_decides_nothing() -> None:
    request = environment(web(), web(serviceName="api"), connect=calls(("web", "api")))
    after = World(planned(request)).finish().next_execution(request)
    decision = after.decide()
    assert (decision.actions, decision.blocked) == ((), {})


def test_a_changed_request_changes_exactly_what_differs() -> None:
    """S01, S19."""
    before = world(web(), web(serviceName="shop")).finish()
    after = before.next_execution(environment(web(), web(serviceName="shop", desiredCount=2)))
    (action,) = [a for a in after.decide().actions if a.service_name == "shop"]
    assert (action.kind, action.reason) == (ActionKind.UPDATE, "the request changed")
    assert planned_only(after.converge()) == ["UPDATE shop"]


def test_a_changed_definition_changes_its_service() -> None:
    """T09: the revision is part of what a service is."""
    before = world(web()).finish()
    newer = web(primaryContainer={"image": "nginx:2", "containerPort": 80})
    after = before.next_execution(environment(newer))
    assert planned_only(after.converge()) == ["UPDATE web"]


def test_a_service_that_calls_another_than_before_is_deployed_again() -> None:
    """P08: the tag says which endpoints its tasks can resolve."""
    services = (web(), web(serviceName="api"), web(serviceName="cart"))
    before = world(*services, connect=calls(("web", "api"), ("api", "cart"))).finish()
    after = before.next_execution(
        environment(*services, connect=calls(("web", "cart"), ("api", "cart")))
    )
    (action,) = [a for a in after.decide().actions if "proof" not in a.service_name]
    assert (action.kind, action.service_name) == (ActionKind.UPDATE, "web")
    assert action.reason == "the endpoints that it calls changed"


def test_an_older_revision_that_runs_is_replaced() -> None:
    """H03: ECS rolled it back, and a new create tries it again."""
    now = world(web()).finish().next_execution(environment(web()))
    now.definitions["arn:older"] = now.definitions[now.primary("web")["taskDefinition"]]
    now.services["web"]["taskDefinition"] = "arn:older"
    now.primary("web")["taskDefinition"] = "arn:older"
    (action,) = [a for a in now.decide().actions if a.service_name == "web"]
    assert (action.kind, action.reason) == (ActionKind.UPDATE, "it runs arn:older")


def test_only_a_new_create_retries_a_failed_deployment() -> None:
    """H02, H03: this execution polls its own deployment, and does not start it once more."""
    now = world(web())
    now.converge()
    now.primary("web")["rolloutState"] = "FAILED"
    assert planned_only(now.decide().actions) == []
    later = now.next_execution(environment(web()))
    (action,) = [a for a in later.decide().actions if a.service_name == "web"]
    assert (action.kind, action.reason) == (ActionKind.UPDATE, "its last deployment failed")


def test_a_deployment_in_progress_is_left_alone() -> None:
    now = world(web())
    now.converge()
    later = now.next_execution(environment(web()))
    assert planned_only(later.decide().actions) == []


def test_a_service_without_a_visible_deployment_is_not_changed() -> None:
    """S18: nothing is known of it yet."""
    now = world(web())
    now.converge()
    now.services["web"]["deployments"] = []
    assert planned_only(now.next_execution(environment(web())).decide().actions) == []


# --- what an update cannot do --------------------------------------------------------------------


def spoken(protocol: Any) -> dict[str, Any]:
    return environment(full(**{f"{PORT}.appProtocol": protocol}))


def test_a_ports_new_protocol_replaces_the_service() -> None:
    """T14, S02: the same name cannot be used while the old one drains."""
    before = World(planned(spoken("http"))).finish()
    (name,) = before.active()
    after = before.next_execution(spoken("grpc"))
    decision = after.decide()
    assert planned_only(decision.actions) == [f"DELETE {name}"]
    assert decision.actions[0].depth == 0
    assert "from http over tcp to grpc over tcp" in decision.actions[0].reason
    assert decision.blocked[name] == (Need(name, Condition.GONE),)
    after.converge()
    assert after.decide().blocked[name] == (Need(name, Condition.GONE),)
    after.settle()
    assert planned_only(after.converge()) == [f"CREATE {name}"]


def test_clients_of_a_replaced_service_wait_and_are_deployed_again() -> None:
    """P08, T14: their deployment is older than the endpoint that was created again."""

    def request(protocol: str) -> dict[str, Any]:
        server = full(**{"serviceName": "api", f"{PORT}.appProtocol": protocol})
        to = {"service": "api", "portName": "nginx"}
        return environment(web(), server, connect=[{"from": "web", "to": to}])

    before = World(planned(request("http"))).finish()
    after = before.next_execution(request("grpc"))
    assert planned_only(after.converge()) == ["DELETE api"]
    after.settle()
    done = planned_only(after.converge())
    assert done == ["CREATE api", "UPDATE web"]


# --- what the request no longer names ------------------------------------------------------------


def test_services_no_longer_named_are_deleted_at_once() -> None:
    before = world(web(), web(serviceName="shop")).finish()
    decision = before.next_execution(environment(web())).decide()
    assert planned_only(decision.actions) == ["DELETE shop"]
    assert (decision.actions[0].depth, decision.blocked) == (0, {})


def test_clients_are_deleted_before_their_servers() -> None:
    """D14: as far as it is known: services were created servers first."""
    before = world(
        web(),
        web(serviceName="api"),
        web(serviceName="backend"),
        connect=calls(("web", "api"), ("api", "backend")),
    ).finish()
    after = before.next_execution(environment(web(serviceName="other")))
    gone = [line for line in planned_only(after.decide().actions) if "DELETE" in line]
    assert gone == ["DELETE web", "DELETE api", "DELETE backend"]


def test_a_strangers_service_is_never_deleted() -> None:
    """D18: somebody created a service in our cluster."""
    now = world(web()).finish()
    now.services["theirs"] = {**now.services["web"], "serviceName": "theirs", "tags": []}
    assert planned_only(now.next_execution(environment(web())).decide().actions) == []


@pytest.mark.parametrize("change", [{}, {"desiredCount": 3}])
def test_a_strangers_service_under_our_name_is_refused(change: dict[str, Any]) -> None:
    """D18, S01: whether or not it looks as it should."""
    now = world(web()).finish()
    other = now.blueprint.ownership_tags | {"bivouac:stack": "other"}
    now.services["web"]["tags"] = ecs_tags(other)
    with pytest.raises(
        errors.ForeignResourceError, match=r"of the stack other.*down demo --stack other"
    ):
        now.next_execution(environment(web(**change))).decide()


def test_a_discovery_name_is_taken_over_once_its_holder_is_gone() -> None:
    """S02: two services never have one discovery name at a time."""
    before = World(planned(environment(full(serviceName="old")))).finish()
    after = before.next_execution(environment(full(serviceName="new")))
    assert planned_only(after.converge()) == ["DELETE old"]
    assert after.decide().blocked["new"] == (Need("old", Condition.GONE),)
    after.settle()
    assert planned_only(after.converge()) == ["CREATE new"]


def test_a_free_name_does_not_wait_for_draining_services() -> None:
    before = world(web(serviceName="old")).finish()
    after = before.next_execution(environment(web()))
    assert planned_only(after.converge()) == ["DELETE old", "CREATE web"]


# --- clients that are older than what they call --------------------------------------------------


def test_exactly_the_clients_that_cannot_resolve_an_endpoint_are_deployed_again() -> None:
    """P08: tasks resolve what existed when their service's latest deployment began."""
    services = (web(), web(serviceName="api"), web(serviceName="cart"))
    request = environment(*services, connect=calls(("web", "api"), ("cart", "api")))
    now = World(planned(request)).finish().next_execution(request)
    began = now.primary("web")["createdAt"]
    now.primary("cart")["createdAt"] = began + timedelta(hours=2)
    now.endpoints_since["api"] = began + timedelta(hours=1)
    (action,) = now.decide().actions[:1]
    assert described([action]) == ["ROLL web"]
    assert "api:api was created after its deployment began" in action.reason
    assert planned_only(now.decide().actions) == ["ROLL web"]


def test_a_client_is_deployed_again_once_its_dependencies_are_healthy() -> None:
    """Before that, a deployment could not become healthy."""
    request = environment(
        web(dependsOn=depends("api")), web(serviceName="api"), connect=calls(("web", "api"))
    )
    now = World(planned(request)).finish().next_execution(request)
    now.endpoints_since["api"] = now.now() + timedelta(hours=1)
    assert planned_only(now.decide().actions) == []
    assert now.decide().blocked["web"] == (Need("api", Condition.HEALTHY),)
    now.healthy = {"api"}
    assert planned_only(now.decide().actions) == ["ROLL web"]


def test_an_endpoint_without_declared_clients_causes_no_deployment() -> None:
    now = world(web(), web(serviceName="api")).finish()
    later = now.next_execution(environment(web(), web(serviceName="api")))
    later.endpoints_since["api"] = later.now() + timedelta(hours=1)
    assert later.decide().actions == ()


def test_a_cycle_of_two_calls_needs_one_more_deployment() -> None:
    """P08: whichever is created first cannot resolve the other's endpoint."""
    request = environment(
        web(), web(serviceName="api"), connect=calls(("web", "api"), ("api", "web"))
    )
    now = World(planned(request))
    done = planned_only(now.converge())
    assert sorted(done[:2]) == ["CREATE api", "CREATE web"]
    assert len(done) == 3
    assert done[2].startswith("ROLL ")
    assert done[2].removeprefix("ROLL ") == done[0].removeprefix("CREATE ")
    now.settle()
    assert now.converge() == []


def test_a_longer_cycle_needs_one_more_deployment() -> None:
    """Its last client closes it; all others were created after their servers."""
    names = ("a", "b", "c", "d")
    services = [web(serviceName=name) for name in names]
    pairs = [*pairwise(names), ("d", "a")]
    now = World(planned(environment(*services, connect=calls(*pairs))))
    done = planned_only(now.converge())
    assert sorted(line.split()[0] for line in done) == ["CREATE"] * 4 + ["ROLL"]


# --- proof clients -------------------------------------------------------------------------------


def test_a_proof_client_is_created_together_with_new_services() -> None:
    """Its edges answer as soon as the services do, so both start at the same time."""
    decision = world(web(), web(serviceName="api"), connect=calls(("web", "api"))).decide()
    assert described(decision.actions)[-1] == f"CREATE {PROOF}"
    depths = [action.depth for action in decision.actions]
    assert depths[-1] > max(depths[:-1])


def test_it_is_not_created_before_the_endpoints_that_it_calls() -> None:
    """P08: its tasks would never resolve them."""
    now = world(*chain("HEALTHY"))
    now.converge()
    assert Need("api", Condition.START) in now.decide().blocked[PROOF]


def test_it_is_created_once() -> None:
    now = world(web())
    assert described(now.converge()) == ["CREATE web", f"CREATE {PROOF}"]
    assert now.converge() == []


def test_it_waits_for_a_deployment_that_replaces_another() -> None:
    """P03: an old task would answer in place of a new one."""
    before = world(web()).finish()
    after = before.next_execution(environment(web(desiredCount=2)))
    proof = "bivouac-proof-2-1"
    assert described(after.converge()) == ["UPDATE web"]
    assert after.decide().blocked[proof] == (Need("web", Condition.HEALTHY),)
    after.settle()
    assert described(after.converge()) == [f"CREATE {proof}"]


def test_a_waking_environment_is_proven_at_once() -> None:
    """Nothing of an earlier deployment runs, so nothing old can answer in place of the new one."""
    before = world(web()).finish()
    before.fall_asleep()
    woken = before.next_execution(environment(web()))
    assert described(woken.converge()) == ["UPDATE web", "CREATE bivouac-proof-2-1"]


def test_an_environment_that_wakes_in_order_is_proven_once_all_is_deployed() -> None:
    """The last of them need not be healthy first."""
    before = world(*chain("HEALTHY")).finish()
    before.fall_asleep()
    woken = before.next_execution(environment(*chain("HEALTHY")))
    rounds = [described(woken.converge())]
    while "CREATE bivouac-proof-2-1" not in rounds[-1]:
        woken.settle()
        rounds.append(described(woken.converge()))
    assert [line[0] for line in rounds] == ["UPDATE backend", "UPDATE api", "UPDATE web"]


def test_a_changing_server_is_awaited_even_if_it_was_healthy() -> None:
    """H01: its health is that of the outgoing deployment."""
    after = world(web()).finish().next_execution(environment(web(desiredCount=2)))
    after.healthy = {"web"}
    decision = after.decide()
    assert described(decision.actions) == ["UPDATE web"]
    assert decision.blocked == {"bivouac-proof-2-1": (Need("web", Condition.HEALTHY),)}


def test_a_replaced_server_is_proven_once_it_is_created_again() -> None:
    """T14: until then the old one answers."""
    decision = World(planned(spoken("http"))).finish().next_execution(spoken("grpc")).decide()
    (name,) = [action.service_name for action in decision.actions]
    assert decision.blocked["bivouac-proof-2-1"] == (Need(name, Condition.START),)


def test_a_replacement_started_by_another_execution_is_awaited() -> None:
    before = world(web()).finish()
    second = before.next_execution(environment(web(desiredCount=2)))
    second.converge()
    third = second.next_execution(environment(web(desiredCount=2)))
    assert described(third.converge()) == []
    assert third.decide().blocked == {"bivouac-proof-3-1": (Need("web", Condition.HEALTHY),)}


def test_proof_clients_of_earlier_creates_are_deleted() -> None:
    now = world(web())
    now.converge()
    later = now.next_execution(environment(web()))
    assert described(later.decide().actions) == [f"DELETE {PROOF}", "CREATE bivouac-proof-2-1"]


def test_proven_edges_are_not_proven_again() -> None:
    request = environment(web())
    before = World(planned(request)).finish()
    assert before.next_execution(request).decide().actions == ()
    forgotten = before.next_execution(request)
    forgotten.proofs = []
    assert described(forgotten.decide().actions) == ["CREATE bivouac-proof-2-1"]


def test_another_deployment_of_a_server_is_proven_again() -> None:
    request = environment(web())
    later = World(planned(request)).finish().next_execution(request)
    later.primary("web")["id"] = "ecs-svc/another"
    later.proven = {"web": "ecs-svc/another"}
    assert described(later.decide().actions) == ["CREATE bivouac-proof-2-1"]


def test_a_proof_client_is_created_after_the_last_deployment_of_its_service() -> None:
    """The proof is for the deployments that run in the end."""
    request = environment(web(), web(serviceName="api"), connect=calls(("web", "api")))
    now = World(planned(request)).finish().next_execution(request)
    now.endpoints_since["api"] = now.now() + timedelta(hours=1)
    decision = now.decide()
    assert described(decision.actions)[0] == "ROLL web"
    assert "bivouac-proof-2-1" in [*decision.blocked, *(a.service_name for a in decision.actions)]


# --- any request ---------------------------------------------------------------------------------

NAMES = ("a", "b", "c", "d", "e", "f")


counts = st.integers(1, 2)
conditions = st.sampled_from(["HEALTHY", "START"])
sizes = st.integers(1, len(NAMES))
later_ones = {
    (number, count): st.lists(st.sampled_from(NAMES[number + 1 : count]), unique=True)
    for count in range(1, len(NAMES) + 1)
    for number in range(count - 1)
}


@st.composite
def requests(draw: st.DrawFn, calling: bool = False) -> dict[str, Any]:
    """Some services; each may wait for later ones, in another order in the request."""
    count = draw(sizes)
    names = NAMES[:count]
    services = []
    for number, name in enumerate(names):
        needs = draw(later_ones[number, count]) if number + 1 < count else []
        services.append(
            web(
                serviceName=name,
                desiredCount=draw(counts),
                dependsOn=[
                    entry for need in needs for entry in depends(need, condition=draw(conditions))
                ],
            )
        )
    changes: dict[str, Any] = {}
    if calling and count > 1:
        pair = st.tuples(st.sampled_from(names), st.sampled_from(names))
        pairs = draw(st.lists(pair.filter(lambda p: p[0] != p[1]), unique=True, max_size=5))
        called = {name for _, name in pairs}
        if pairs:
            pairs += [
                (next(o for o in names if o != name), name) for name in names if name not in called
            ]
            changes["connect"] = calls(*dict.fromkeys(pairs))
    return environment(*draw(st.permutations(services)), **changes)


def longest_chain(request: dict[str, Any]) -> int:
    """How many services one waits for, one after the other, until they are healthy."""
    needs = {service["serviceName"]: service["dependsOn"] for service in request["services"]}

    def length(name: str) -> int:
        return max(
            (
                length(need["serviceName"]) + (need["condition"] == "HEALTHY")
                for need in needs[name]
            ),
            default=0,
        )

    return max(map(length, needs))


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(requests())
def test_an_environment_needs_as_many_rounds_as_its_longest_chain(
    request: dict[str, Any],
) -> None:
    """Each service once, never before what it needs, and nothing is decided afterwards."""
    now = World(planned(request))
    rounds = 0
    while planned_only(done := now.converge()):
        rounds += 1
        before = now.healthy
        made = now.active()
        for action in done:
            if action.service_name in NAMES:
                for need in now.blueprint.service(action.service_name).depends_on:
                    there = before if need.condition == "HEALTHY" else made
                    assert need.service_name in there
        now.settle()
    assert rounds == longest_chain(request) + 1
    assert len(planned_only(now.done)) == len(request["services"])
    assert {action.kind for action in now.done} == {ActionKind.CREATE}
    assert not now.decide().blocked
    now.prove()
    later = now.next_execution(request)
    assert (later.decide().actions, later.decide().blocked) == ((), {})


def tags_of(now: World, name: str) -> dict[str, str]:
    """Those of the request, without Bivouac's own."""
    tags = from_ecs_tags(now.services[name]["tags"])
    tags.pop(naming.DEPLOYMENT_TAG, None)
    nothing = (naming.ENDPOINTS_TAG, naming.NO_ENDPOINTS)
    return {key: value for key, value in tags.items() if (key, value) != nothing}


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(requests(calling=True), requests(calling=True))
def test_any_environment_converges_to_any_other(
    first: dict[str, Any], second: dict[str, Any]
) -> None:
    """The result is what the request says, and what did not differ was left alone."""
    before = World(planned(first)).finish()
    then = {name: tags_of(before, name) for name in before.active()}
    after = before.next_execution(second)
    for _ in range(3 * len(NAMES)):
        if not after.converge() and not after.decide().blocked:
            break
        after.settle()
    else:
        raise AssertionError(f"never done: {after.decide()}")
    wanted = after.wanted
    assert {name for name in after.active() if name in NAMES} == {
        service["serviceName"] for service in second["services"]
    }
    for name in after.active():
        assert tags_of(after, name) == wanted[name].tags
    updated = {action.service_name for action in after.done if action.kind is ActionKind.UPDATE}
    assert updated.isdisjoint(
        name for name, tags in then.items() if name in wanted and tags == wanted[name].tags
    )
    for edge in after.blueprint.edges:
        if edge.client:
            endpoint = after.blueprint.service(edge.server).endpoint(edge.port_name)
            since = after.endpoints_since[endpoint.discovery_name]
            assert after.primary(edge.client)["createdAt"] >= since
