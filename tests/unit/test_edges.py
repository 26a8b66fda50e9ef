"""Which deployments cannot resolve an endpoint that they call, whatever ECS says about their
start."""

from __future__ import annotations

from typing import Any

import pytest

from bivouac.proof import mesh
from bivouac.proof.fault import Fault
from bivouac.proof.mesh import EdgeReading, State
from bivouac.waiting.conditions import edges
from bivouac.waiting.conditions.edges import AskedEdge
from tests.requests import connection, environment, web
from tests.unit.described import after, deployment, service, task
from tests.unit.planned import planned

SHOP = planned(
    environment(
        web(),
        web(serviceName="api"),
        web(serviceName="store"),
        connect=[connection("web", "api"), connection("api", "store")],
    )
)
CLIENTS = mesh.proof_clients(SHOP, 1)
(PROOF,) = (client.service.service_name for client in CLIENTS)
ENDPOINTS = {"web": after(0), "api": after(60), "store": after(-600)}


def stale(web_began: float, *web_tasks: float) -> frozenset[str]:
    """Seconds after noon at which the client's deployment and its tasks were created."""
    began = {"web": web_began, "api": 60.0, "store": -600.0}
    services = {name: service(deployments=[_began(at)]) for name, at in began.items()}
    running = {"web": [task(createdAt=after(at)) for at in web_tasks]}
    return edges.stale_clients(SHOP, CLIENTS, services, running, ENDPOINTS)


def _began(seconds: float) -> dict[str, Any]:
    return deployment(createdAt=after(seconds))


@pytest.mark.parametrize(
    ("began", "tasks", "is_stale"),
    [
        pytest.param(0, [2, 3], True, id="older than the endpoint"),
        pytest.param(61, [62], False, id="younger"),
        # After a roll-back by ECS the deployment before is PRIMARY again, by its own id.
        pytest.param(90, [2], True, id="made anew by a roll-back, and kept its tasks"),
        pytest.param(90, [91], False, id="made anew by a roll-back, with new tasks (2022)"),
        pytest.param(0, [2], True, id="back as it was, with its tasks (2026)"),
        pytest.param(90, [], False, id="no task yet"),
    ],
)
def test_a_client_is_as_old_as_the_older_of_its_deployment_and_its_tasks(
    began: float, tasks: list[float], is_stale: bool
) -> None:
    assert stale(began, *tasks) == ({"web"} if is_stale else frozenset())


def test_tasks_without_a_creation_time_are_ignored() -> None:
    """ECS API, Task: createdAt is not required."""
    services = {"web": service(deployments=[_began(61)])} | {
        name: service(deployments=[_began(60)]) for name in ("api", "store")
    }
    running = {"web": [task()]}
    assert edges.stale_clients(SHOP, CLIENTS, services, running, ENDPOINTS) == frozenset()


def test_a_client_that_called_a_stale_server_proves_its_edge_again() -> None:
    """api calls store and is called: answers of its old tasks prove nothing about new ones."""
    services = {
        "web": service(deployments=[_began(100)]),
        "api": service(deployments=[_began(60)]),
        "store": service(deployments=[_began(90)]),
        PROOF: service(deployments=[_began(100)]),
    }
    found = edges.stale_clients(SHOP, CLIENTS, services, {}, ENDPOINTS | {"store": after(90)})
    assert found == {"api", PROOF}


def blind(fault: Fault, number: int) -> AskedEdge:
    reading = EdgeReading(SHOP.edges[number], State.NG, "", fault)
    return AskedEdge(reading, PROOF, "", mesh.container_name(number + 1), None)


def test_an_application_client_younger_than_the_blind_one_is_not_stale() -> None:
    services = {
        "web": service(deployments=[_began(11)]),
        "api": service(deployments=[_began(9)]),
        "store": service(deployments=[_began(8)]),
        PROOF: service(deployments=[_began(10)]),
    }
    found = edges.blind_clients(CLIENTS, services, [blind(Fault.NAME, 0)])
    assert found == {PROOF}
    assert edges.blind_clients(CLIENTS, services, [blind(Fault.NAME, 1)]) == {PROOF, "api"}


def test_other_failures_are_reported_at_once() -> None:
    services = {PROOF: service(deployments=[_began(10)])}
    both = [blind(Fault.NAME, 0), blind(Fault.STATUS, 1)]
    assert edges.blind_clients(CLIENTS, services, both) == frozenset()
    assert edges.blind_clients(CLIENTS, services, []) == frozenset()
