"""The stack of commit b0cdb58, with environments in it, is updated to the present one.

tests/stack/data has what that commit deployed. The local cloud has become stricter since, so it
overlooks two things that AWS would have refused: rights that the old stack did not give its own
functions, until the update; and the name of the proxy's attachment, of which it knew only the
documented one.
"""

from __future__ import annotations

import json
import tarfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pytest

from bivouac.environment.record import FORM
from localcloud.cloud import LocalCloud
from localcloud.ecs import answers
from localcloud.ecs.obstacles import CAPACITY
from localcloud.events.delivery import Delivery, undisturbed
from localcloud.stack import parameters
from localcloud.tasks import scripted
from localcloud.template import StackUpdateError
from localcloud.timings import TEST
from tests.localcloud.waiting import until_true
from tests.requests import connection, environment, web
from tests.workflow.application import ENDS_WITHIN, Application, Ended
from tests.workflow.calls import Calls

pytestmark = pytest.mark.xdist_group("stack-update")

Json = dict[str, Any]
SNAPSHOT = Path(__file__).parent / "data" / "b0cdb58.tar.xz"
MISSING_RIGHTS = ["iam:PassRole", "logs:DescribeLogGroups", "servicediscovery:ListTagsForResource"]
OFFICE_HOURS = {
    "timezone": "Europe/Berlin",
    "up": "cron(0 8 ? * MON-FRI *)",
    "down": "cron(0 19 ? * MON-FRI *)",
}


@dataclass(frozen=True)
class Updated:
    """The stack after its update, and what ran during it."""

    app: Application
    waiting: str
    """A create whose task waits for capacity."""
    rolling: str
    """A redeploy whose child waits for capacity."""
    leaving: str
    """A deletion that waits for a Cloud Map service to go."""
    late: list[Delivery]
    """Events from before the update that have not arrived yet: a request, and the end of an
    execution."""
    swept: list[Json]
    """What a sweep found right after the update."""


def two_services(name: str, **changes: Any) -> Json:
    edge = [connection("web", "api")]
    return environment(web(), web(serviceName="api"), name=name, connect=edge, **changes)


def succeeded(ended: Ended) -> Ended:
    assert ended.status == "SUCCEEDED", (ended.error, ended.cause, ended.states)
    return ended


def gone(app: Application, name: str) -> bool:
    """With a receipt, and nothing left."""
    record = app.record(name)
    assert record["status"] == "DELETED"
    assert record["receipt"]["items"], record["receipt"]
    return app.left(name) == [] and app.armed(name) == []


@contextmanager
def rights_of_then(app: Application) -> Iterator[None]:
    iam = app.client("iam")
    statement = {"Effect": "Allow", "Action": MISSING_RIGHTS, "Resource": "*"}
    policy = json.dumps({"Version": "2012-10-17", "Statement": [statement]})
    names = [each.role_arn.rpartition("/")[2] for each in app.stack.functions.values()]
    for name in names:
        iam.put_role_policy(RoleName=name, PolicyName="then", PolicyDocument=policy)
    yield
    for name in names:
        iam.delete_role_policy(RoleName=name, PolicyName="then")


@pytest.fixture(scope="module")
def updated(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Updated]:
    before = tmp_path_factory.mktemp("b0cdb58")
    with tarfile.open(SNAPSHOT) as archive:
        archive.extractall(before, filter="data")
    with (
        pytest.MonkeyPatch.context() as patch,
        LocalCloud(TEST, runtime="scripted", port=0, observe=(calls := Calls()).note) as cloud,
    ):
        patch.setattr(answers, "PROXY_ATTACHMENT", "Service Connect")
        calls.role_of = cloud.credentials.role_of
        runtime = cloud.runtime
        assert isinstance(runtime, scripted.ScriptedRuntime)
        given = parameters(cloud.account)
        del given["AllowedSecurityGroupIds"]  # it came later
        app = Application(cloud, calls, runtime, template=before / "template.yaml", given=given)
        runtime.script(app.stack.parameters["ProofImage"], scripted.proof_client)
        with rights_of_then(app):
            left = let_environments_live(app)
            app.update()
        for execution in (left.waiting, left.rolling, left.leaving):
            assert app.status(execution) == "RUNNING"
        swept = app.sweep(dry_run=True)
        cloud.control_plane.obstacles.clear()
        yield replace(left, swept=swept)


def let_environments_live(app: Application) -> Updated:
    cloud, obstacles = app.cloud, app.cloud.control_plane.obstacles
    requests = [two_services(name) for name in ("ready", "asleep", "half")]
    requests += [
        two_services("hours", schedule=OFFICE_HOURS, lease={"ttl": "3d"}),
        *(environment(web(serviceName=name), name=name) for name in ("leaving", "rolling", "late")),
    ]
    creates = [app.start(app.create_machine, request) for request in requests]
    for create in creates:
        succeeded(app.ended(create))
    for name in ("waiting", "rolling"):
        obstacles.refuse_placement(name, CAPACITY)
    obstacles.leave_discovery_services("leaving")
    held = environment(web(serviceName="waiting"), name="waiting")
    waiting = app.start(app.create_machine, held)
    rolling = app.start(app.redeploy_machine, {"environment": "rolling"})
    leaving = app.start(app.delete_machine, {"environment": "leaving"})
    succeeded(app.sleep("asleep"))
    late: list[Delivery] = []

    def held_back(delivery: Delivery) -> Sequence[float]:
        if delivery.event is None or delivery.event["source"] == "aws.ecs":
            return (0.0,)
        late.append(delivery)
        return ()

    with app.calls.hold("ecs:DeleteCluster") as deleting:
        half = app.start(app.delete_machine, {"environment": "half"})
        deleting.until_arrived()
        cloud.deliveries.disturbance = held_back
        app.stop(half)
    app.put("LeaseExtensionRequested", {"environment": "late", "ttl": "20h"})
    app.until_in(waiting, "Wait for the services")
    app.until_in(leaving, "Wait until the services are gone")
    app.until_in(child_of_the_redeploy(app), "Wait for the services")
    until_true(lambda: len(late) == 2, ENDS_WITHIN)
    cloud.deliveries.disturbance = undisturbed
    return Updated(app, waiting, rolling, leaving, late, [])


def child_of_the_redeploy(app: Application) -> str:
    """The create that it has started."""
    found: list[str] = []

    def came() -> bool:
        machine = app.create_machine
        listed = app.client("stepfunctions").list_executions(stateMachineArn=machine)["executions"]
        found[:] = [each["executionArn"] for each in listed if each["name"].startswith("redeploy-")]
        return bool(found)

    until_true(came, ENDS_WITHIN)
    return found[0]


def arrive(updated: Updated, source: str) -> None:
    """Delivers the old event now."""
    (delivery,) = [each for each in updated.late if each.event and each.event["source"] == source]
    delivery.attempt()


def test_a_waiting_execution_ends_with_its_old_definition_and_code(updated: Updated) -> None:
    """Its definition and its versions; the tokens and the table of waits do not change."""
    app = updated.app
    created = succeeded(app.ended(updated.waiting))
    assert created.output["status"] == "READY"
    succeeded(app.delete("waiting"))
    assert gone(app, "waiting")


def test_a_redeploy_and_its_child_end_with_their_old_definition_and_code(updated: Updated) -> None:
    app = updated.app
    assert succeeded(app.ended(updated.rolling)).output["status"] == "READY"
    succeeded(app.delete("rolling"))
    assert gone(app, "rolling")


def test_a_waiting_deletion_ends_with_its_receipt(updated: Updated) -> None:
    app = updated.app
    cloud_map = app.client("servicediscovery")
    (left,) = [
        each["Id"] for each in cloud_map.list_services()["Services"] if each["Name"] == "leaving"
    ]
    cloud_map.delete_service(Id=left)
    succeeded(app.ended(updated.leaving))
    assert gone(app, "leaving")


def test_a_half_deleted_environment_is_deleted(updated: Updated) -> None:
    app = updated.app
    assert app.record("half")["status"] == "DELETING"
    before = app.started_by(app.delete_machine, "half")
    arrive(updated, "aws.states")
    succeeded(app.next_of(app.delete_machine, "half", before))
    assert gone(app, "half")


def test_an_event_from_before_the_update_has_the_same_effect(updated: Updated) -> None:
    app = updated.app
    arrive(updated, "bivouac.client")
    (extension,) = app.requested(app.extend_machine, "late", "extend")
    assert succeeded(app.ended(extension)).states[-1] == "Lease extended"
    succeeded(app.delete("late"))
    assert gone(app, "late")


def test_a_ready_environment_can_do_everything(updated: Updated) -> None:
    app = updated.app
    lease = succeeded(app.extend("ready", ttl="20h")).output["expiresAt"]
    image = {"serviceName": "web", "image": "nginx:1.29"}
    assert "form" not in app.record("ready")
    assert succeeded(app.redeploy("ready", image)).output["status"] == "READY"
    assert app.record("ready")["form"] == FORM
    assert succeeded(app.sleep("ready")).states[-1] == "Environment asleep"
    woken = succeeded(app.wake("ready")).output
    assert woken["status"] == "READY"
    assert [(each["from"], each["to"]) for each in woken["edges"]] == [("web", "api:api")]
    assert woken["expiresAt"] >= lease
    succeeded(app.delete("ready"))
    assert gone(app, "ready")


def test_a_sleeping_environment_wakes(updated: Updated) -> None:
    app = updated.app
    assert set(app.counts("asleep").values()) == {(0, 0)}
    assert succeeded(app.extend("asleep", ttl="20h")).states[-1] == "Lease extended"
    image = {"serviceName": "web", "image": "nginx:1.29"}
    assert succeeded(app.redeploy("asleep", image)).states[-1] == "Environment stays asleep"
    assert succeeded(app.wake("asleep")).output["status"] == "READY"
    assert app.counts("asleep") == {"api": (1, 1), "web": (1, 1)}
    succeeded(app.delete("asleep"))
    assert gone(app, "asleep")


def test_old_schedules_start_the_right_executions(updated: Updated) -> None:
    """With the inputs, targets and roles that b0cdb58 gave them."""
    app = updated.app
    assert app.armed("hours") == ["down", "expiry", "up", "warning"]
    for kind, machine, status in (
        ("down", app.sleep_machine, "ASLEEP"),
        ("up", app.wake_machine, "READY"),
    ):
        before = app.started_by(machine, "hours")
        app.fire(f"hours-{kind}")
        succeeded(app.next_of(machine, "hours", before))
        assert app.record("hours")["status"] == status
    app.fire("hours-warning")
    app.published("hours", "EnvironmentExpiring", "EnvironmentReady", "EnvironmentReady")
    app.expire("hours")
    succeeded(app.deletion_by_schedule("hours"))
    assert gone(app, "hours")


def test_another_prefix_is_refused_and_everything_is_restored(updated: Updated) -> None:
    """The guard comes last, when everything else has its new name already; and once more during the
    rollback, when it must agree (docs/decisions/0020)."""
    app = updated.app
    before = [*app.stack.resources.items()]
    with pytest.raises(
        StackUpdateError, match="NamePrefix cannot change from bivouac to other"
    ) as f:
        app.update(NamePrefix="other")
    assert f.value.status == "UPDATE_ROLLBACK_COMPLETE"
    assert [*app.stack.resources.items()] == before
    machines = app.client("stepfunctions").list_state_machines()["stateMachines"]
    assert {each["name"].rpartition("bivouac-")[0] for each in machines} == {""}
    assert app.sweep(dry_run=True) == updated.swept


def test_the_update_loses_and_leaves_nothing(updated: Updated) -> None:
    """Resources with a new name were replaced: the statements of the bus and the sweeps' schedules.
    SAM retains the private probe's versions, which nothing calls."""
    app = updated.app
    assert updated.swept == []
    assert app.stack.left_behind == {}
    queue = app.client("sqs").get_queue_attributes(
        QueueUrl=app.stack.resources["UndeliveredEvents"],
        AttributeNames=["ApproximateNumberOfMessages"],
    )
    assert queue["Attributes"] == {"ApproximateNumberOfMessages": "0"}
    bus = app.client("events").describe_event_bus(Name="bivouac")
    assert sorted(each["Sid"] for each in json.loads(bus["Policy"])["Statement"]) == [
        "OnlyKnownRequests-bivouac",
        "OnlyKnownSources-bivouac",
        "OnlyOwnFunctionsSayWhatIs-bivouac",
    ]
    scheduler = app.client("scheduler")
    sweeps = scheduler.list_schedules(GroupName="default")["Schedules"]
    assert len(sweeps) == 2
    assert {each["State"] for each in sweeps} == {"ENABLED"}
    assert all(each["Name"].startswith("bivouac-") for each in sweeps)
    probe = app.stack.functions["ProbePrivateAddressesFunction"].name
    listed = app.client("lambda").list_versions_by_function(FunctionName=probe)["Versions"]
    assert [each["Version"] for each in listed] == ["$LATEST", "1"]
    assert app.client("lambda").list_aliases(FunctionName=probe)["Aliases"] == []
