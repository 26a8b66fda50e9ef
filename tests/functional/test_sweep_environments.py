"""Sweep environments: finds leaks, repairs them and reports them; touches nothing foreign."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Iterator
from datetime import timedelta
from typing import Any, ClassVar

import pytest
from moto.stepfunctions.models import stepfunctions_backends

from bivouac import times
from bivouac.aws import cloudmap, ecs
from bivouac.aws.scheduler import Schedules
from bivouac.environment import lease, naming
from bivouac.environment.blueprint import Blueprint
from bivouac.environment.intents import LIFECYCLE, POWER, Intent, Verb
from bivouac.environment.record import Status
from bivouac.errors import InvalidRequestError, SweepIncompleteError, ThrottledError
from localcloud.account import ACCOUNT_ID, REGION
from localcloud.tasks import scripted
from tests.faults.injection import Fault, Injection, injected
from tests.functional.account import (
    CREATE_MACHINE,
    DELETE_MACHINE,
    HISTORY_SECONDS,
    SCHEDULES,
    SETTLED_SECONDS,
    SLEEP_MACHINE,
    TABLE,
    BivouacAccount,
    execution,
    small_pages,
    started_at,
)
from tests.functional.inventory import (
    definition,
    foreign_neighbours,
    foreign_service,
    inventory,
)
from tests.functional.machines import Machines
from tests.parts import must_be
from tests.requests import environment, web

EIGHT_HOURS = timedelta(hours=8)
OVERDUE = timedelta(minutes=-6)
OF_SWEEP = re.compile(r"demo-1-[a-z2-7]{8}-sweep-\d{8}T\d{4}")


@pytest.fixture
def account(account: BivouacAccount) -> BivouacAccount:
    """With its machines, and an unrelated execution of each."""
    for machine in (CREATE_MACHINE, DELETE_MACHINE, SLEEP_MACHINE):
        account.start_execution("of-another", machine)
    return account


def swept(account: BivouacAccount) -> list[dict[str, Any]]:
    """A real sweep's findings, which equal those of the dry run before it."""
    dry = account.invoke("sweep_environments", {"dryRun": True})["findings"]
    assert account.mutating_calls == [], "a dry run changed something"
    found: list[dict[str, Any]] = account.invoke("sweep_environments", {"dryRun": False})[
        "findings"
    ]
    assert [{k: v for k, v in each.items() if k != "outcome"} for each in found] == dry
    assert {each["outcome"] for each in found} <= {"ACTED"}
    return found


def outcomes(account: BivouacAccount) -> list[str]:
    """The outcomes of another sweep."""
    account.forget_calls()
    found = account.invoke("sweep_environments", {"dryRun": False})["findings"]
    return [each["outcome"] for each in found]


def kinds(found: list[dict[str, Any]]) -> list[tuple[str, str]]:
    return sorted((each["environment"], each["kind"]) for each in found)


def live(
    account: BivouacAccount,
    name: str = "demo",
    ends_in: timedelta = EIGHT_HOURS,
    armed: bool = True,
    **changes: Any,
) -> str:
    """An environment that is READY, unless `changes` say otherwise; returns its end."""
    ends = lease.expires_at(account.now(), int(ends_in.total_seconds()))
    blueprint = account.planned(environment(name=name))
    account.holds(
        blueprint, **{"status": Status.READY, "expires_at": times.timestamp(ends), **changes}
    )
    if armed:
        account.schedules.arm_expiry(name, ends, account.now())
    account.forget_calls()
    return times.timestamp(ends)


def deletions(account: BivouacAccount) -> dict[str, dict[str, Any]]:
    client = account.client("stepfunctions")
    listed = client.list_executions(stateMachineArn=DELETE_MACHINE)["executions"]
    return {
        each["name"]: json.loads(
            client.describe_execution(executionArn=each["executionArn"])["input"]
        )
        for each in listed
        if each["name"] != "of-another"
    }


def armed_for(account: BivouacAccount, name: str = "demo") -> str:
    found = account.client("scheduler").get_schedule(
        Name=f"{name}-expiry", GroupName=SCHEDULES.expiry_group
    )
    return str(json.loads(found["Target"]["Input"])["expiresAt"])


def forget(account: BivouacAccount, name: str = "demo") -> None:
    """Loses the record."""
    account.client("dynamodb").delete_item(TableName=TABLE, Key={"environment": {"S": name}})


def garble(account: BivouacAccount, attribute: str, value: dict[str, Any]) -> None:
    """Somebody else wrote into the record."""
    account.client("dynamodb").update_item(
        TableName=TABLE,
        Key={"environment": {"S": "demo"}},
        UpdateExpression="SET #a = :v",
        ExpressionAttributeNames={"#a": attribute},
        ExpressionAttributeValues={":v": value},
    )
    account.forget_calls()


class TestInOrder:
    def test_a_consistent_account_has_no_findings(self, account: BivouacAccount) -> None:
        account.healthy(environment())
        live(account)
        assert swept(account) == []

    def test_a_healthy_environment_costs_one_call(self, account: BivouacAccount) -> None:
        """Its schedule, which no list shows whole. Its record is read in a batch, and the record
        has its namespace."""
        called = []
        for name in ("first", "second"):
            blueprint = account.healthy(environment(name=name))
            live(account, name=name)
            namespace = cloudmap.find_namespace(
                account.client("servicediscovery"), blueprint.namespace
            )
            assert namespace is not None
            account.records.finish(name, 1, Status.READY, namespaceArn=namespace.arn)
            account.forget_calls()
            assert swept(account) == []
            called.append(len(account.calls) / 2)  # A dry run, and a real one
        assert called[1] - called[0] == 1

    def test_running_executions_are_listed_and_not_described(self, account: BivouacAccount) -> None:
        for name in ("first", "second", "third"):
            arn = account.start_execution(name)
            live(account, name=name, status=Status.CREATING, execution=arn)
        assert swept(account) == []
        assert "states:DescribeExecution" not in account.calls

    @pytest.mark.parametrize("event", [{}, {"dryRun": "no"}, {"dryRun": True, "dry": 1}])
    def test_an_input_that_does_not_say_whether_to_act_is_refused(
        self, account: BivouacAccount, event: dict[str, Any]
    ) -> None:
        with pytest.raises(InvalidRequestError, match="dryRun"):
            account.invoke("sweep_environments", event)


class TestExpired:
    def test_an_environment_past_its_lease_is_deleted(self, account: BivouacAccount) -> None:
        ended = live(account, ends_in=OVERDUE, armed=False)
        assert kinds(swept(account)) == [("demo", "expired and alive")]
        ((name, content),) = deletions(account).items()
        assert OF_SWEEP.fullmatch(name)
        assert content == {"environment": "demo", "expiresAt": ended, "reason": "lease expired"}

    def test_a_finding_is_logged_and_counted(self, account: BivouacAccount) -> None:
        live(account, ends_in=OVERDUE, armed=False)
        swept(account)
        ((kind, detail),) = account.published
        assert kind == "LeakRepaired"
        assert detail["leak"].startswith("expired and alive")
        assert detail["repair"] == "starts a deletion"

    def test_a_repeated_sweep_starts_nothing_twice(self, account: BivouacAccount) -> None:
        """W05."""
        live(account, ends_in=OVERDUE, armed=False)
        swept(account)
        account.forget_calls()
        swept(account)
        assert len(deletions(account)) == 1

    def test_an_expiry_may_be_a_little_late(self, account: BivouacAccount) -> None:
        live(account, ends_in=timedelta(minutes=-1), armed=False)
        assert swept(account) == []

    def test_a_stopped_sleeps_environment_is_deleted_when_its_lease_ends(
        self, account: BivouacAccount
    ) -> None:
        """The deletion that the expiry started died before it took the record: no schedule is left,
        and only the sweep ends the lease."""
        live(account, status=Status.FALLING_ASLEEP, verb=Verb.SLEEP)
        swept(account)  # reports that the sleep died
        account.pass_time(EIGHT_HOURS.total_seconds() + 600)
        account.schedules.disarm("demo")
        account.forget_calls()
        assert kinds(swept(account)) == [("demo", "expired and alive")]
        assert len(deletions(account)) == 1
        account.pass_time(900)  # that deletion dies too
        account.forget_calls()
        assert kinds(swept(account)) == [("demo", "expired and alive")]
        assert len(deletions(account)) == 2

    def test_an_incomplete_deletion_is_retried(self, account: BivouacAccount) -> None:
        live(account, ends_in=OVERDUE, armed=False, status=Status.NOT_DELETED)
        swept(account)
        assert len(deletions(account)) == 1


class TestUnanswered:
    """Its execution broke before it took anything, and the event about that was lost too."""

    def broke(self, account: BivouacAccount, status: str = "FAILED", **more: Any) -> str:
        """A teardown; returns the name under which it is started once more."""
        meant = {"id": "ci", "at": started_at(account)}
        account.pass_time(1)
        name = naming.requested_execution("demo", "delete", "of-ci")
        client = account.client("stepfunctions")
        arn = client.start_execution(
            stateMachineArn=DELETE_MACHINE,
            name=name,
            input=json.dumps({"environment": "demo", "intent": meant, **more}),
        )["executionArn"]
        execution = stepfunctions_backends[ACCOUNT_ID][REGION].describe_execution(arn)
        execution.status = status
        execution.start_date = execution.stop_date = account.now().replace(tzinfo=None)
        return f"put-again-{hashlib.sha256(arn.encode()).hexdigest()[:40]}"

    def test_a_broken_request_is_started_once_more(self, account: BivouacAccount) -> None:
        live(account)
        name = self.broke(account)
        account.forget_calls()
        assert swept(account) == [], "its event may be on its way"
        account.pass_time(600)
        account.forget_calls()
        assert kinds(swept(account)) == [("demo", "request not answered")]
        content = deletions(account)[name]
        assert content["intent"]["id"] == "ci"

    def test_a_broken_request_without_a_record_is_started_once_more(
        self, account: BivouacAccount
    ) -> None:
        self.broke(account)
        account.pass_time(600)
        account.forget_calls()
        assert kinds(swept(account)) == [("demo", "request not answered")]

    def test_a_stopped_request_is_not_started_again(self, account: BivouacAccount) -> None:
        live(account)
        self.broke(account, "ABORTED")
        account.pass_time(600)
        account.forget_calls()
        assert swept(account) == []

    def test_a_request_that_took_effect_is_not_started_again(self, account: BivouacAccount) -> None:
        self.broke(account)
        live(account, intents={LIFECYCLE: Intent(account.now(), "later")})
        account.pass_time(600)
        assert swept(account) == []

    def test_an_old_request_is_not_started_again(self, account: BivouacAccount) -> None:
        self.broke(account)
        live(account)
        account.pass_time(2 * 3600)
        assert swept(account) == []


class TestReady:
    """Every event may be lost: the sweep compares a READY environment with its proof, in one
    description."""

    REQUEST: ClassVar = environment(web(desiredCount=2))
    BY_HAND: ClassVar[dict[str, dict[str, Any]]] = {
        "scaled down": {"desiredCount": 1},
        "scaled up": {"desiredCount": 3},
        "scaled to zero": {"desiredCount": 0},
        "deployed": {"forceNewDeployment": True},
    }

    def ready(self, account: BivouacAccount, request: dict[str, Any] | None = None) -> None:
        Machines(account).create(request or self.REQUEST)
        account.pass_time(HISTORY_SECONDS)
        account.events.clear()
        account.forget_calls()

    def changed(self, account: BivouacAccount, **changes: Any) -> None:
        """By hand."""
        client = account.client("ecs")
        client.update_service(cluster="bivouac-demo", service="web", **changes)
        account.pass_time(SETTLED_SECONDS)
        account.forget_calls()

    def degraded(self, account: BivouacAccount) -> str:
        """The reasons; found by a dry run, and acted on by the sweep after it."""
        assert kinds(swept(account)) == [("demo", "no longer as proven")]
        assert account.record().status is Status.DEGRADED
        ((kind, detail),) = account.published
        assert kind == "EnvironmentDegraded"
        assert account.record().untold == ""
        return str(detail["diagnosis"]["cause"])

    @pytest.mark.parametrize("how", BY_HAND)
    def test_a_manual_change_is_found(self, account: BivouacAccount, how: str) -> None:
        self.ready(account)
        self.changed(account, **self.BY_HAND[how])
        assert "web" in self.degraded(account)

    def test_a_manual_deletion_is_found(self, account: BivouacAccount) -> None:
        self.ready(account)
        account.client("ecs").delete_service(cluster="bivouac-demo", service="web", force=True)
        account.pass_time(SETTLED_SECONDS)
        account.forget_calls()
        assert "web" in self.degraded(account)

    def test_missing_tasks_are_tolerated_for_two_minutes(self, account: BivouacAccount) -> None:
        """ECS replaces a task in that time; here it has no room for one."""
        self.ready(account)
        account.runtime.script("nginx", scripted.never_starts())
        client = account.client("ecs")
        for arn in client.list_tasks(cluster="bivouac-demo", serviceName="web")["taskArns"]:
            client.stop_task(cluster="bivouac-demo", task=arn)
        account.pass_time(SETTLED_SECONDS)
        assert outcomes(account) == ["LEFT_ALONE"]
        assert account.record().status is Status.READY
        account.pass_time(120)
        account.forget_calls()
        assert "tasks running: 0 of 2" in self.degraded(account)

    def test_degradation_is_published_once_and_recovery_is_found(
        self, account: BivouacAccount
    ) -> None:
        self.ready(account)
        self.changed(account, desiredCount=1)
        self.degraded(account)
        account.forget_calls()
        assert swept(account) == []
        self.changed(account, desiredCount=2)
        account.invoke("recheck_environment", {"status": "DEGRADED"})
        assert account.record().status is Status.READY

    def test_the_next_create_makes_it_ready_again(self, account: BivouacAccount) -> None:
        self.ready(account)
        self.changed(account, desiredCount=0)
        self.degraded(account)
        Machines(account).create(self.REQUEST, "second")
        assert account.record().status is Status.READY
        account.forget_calls()
        assert swept(account) == []

    def test_a_strangers_service_does_not_degrade_it(self, account: BivouacAccount) -> None:
        self.ready(account)
        foreign_service(account, "bivouac-demo")
        account.forget_calls()
        assert swept(account) == []

    def test_ten_services_are_one_call(self, account: BivouacAccount) -> None:
        self.ready(account, environment(*(web(serviceName=f"s{n}") for n in range(11))))
        assert swept(account) == []
        assert account.calls.count("ecs:DescribeServices") == 2 * 2, "a dry run, and a real one"
        assert "ecs:ListTasks" not in account.calls

    @pytest.mark.parametrize("fault", [Fault.THROTTLED, Fault.DENIED])
    def test_an_unreadable_environment_does_not_stop_the_others(
        self, account: BivouacAccount, fault: Fault
    ) -> None:
        self.ready(account)
        live(account, name="ended", ends_in=OVERDUE, armed=False)
        described = Injection(account, fault, lambda n, call: call == "ecs:DescribeServices")
        with injected(described):
            found = account.invoke("sweep_environments", {"dryRun": False})["findings"]
        assert kinds(found) == [("ended", "expired and alive")]


class TestClosedPullRequest:
    """It was closed at the very time when its environment was created: neither saw the other."""

    SHOP: ClassVar = {"repository": "shop", "number": 7}

    def living(self, account: BivouacAccount, **changes: Any) -> None:
        planned = account.planned(environment(triggers={"pullRequest": self.SHOP}))
        ends = account.now() + EIGHT_HOURS
        account.holds(
            planned, **{"status": Status.READY, "expires_at": times.timestamp(ends), **changes}
        )
        account.schedules.arm(planned, ends, account.now())
        account.forget_calls()

    @pytest.mark.parametrize("status", [Status.READY, Status.SCHEDULED, Status.ASLEEP])
    def test_the_environment_is_deleted(self, account: BivouacAccount, status: Status) -> None:
        closed = Intent(account.now(), "closed")
        account.records.remember_closed("shop", 7, closed, account.now())
        self.living(account, status=status, intents={LIFECYCLE: Intent(account.now(), "a")})
        assert swept(account) == [], "it may be on its way"
        account.pass_time(600)
        account.forget_calls()
        assert kinds(swept(account)) == [("demo", "its pull request is closed")]
        (content,) = deletions(account).values()
        assert content["intent"] == closed.to_json()
        assert content["reason"] == "pull request shop#7 closed"

    def test_an_environment_created_since_stays(self, account: BivouacAccount) -> None:
        account.records.remember_closed("shop", 7, Intent(account.now(), "x"), account.now())
        account.pass_time(600)
        self.living(account, intents={LIFECYCLE: Intent(account.now(), "a")})
        assert swept(account) == []


class TestSchedules:
    def test_a_lost_expiry_is_armed_again(self, account: BivouacAccount) -> None:
        ends = live(account, armed=False)
        assert kinds(swept(account)) == [("demo", "without its schedules")]
        assert armed_for(account) == ends
        account.forget_calls()
        assert swept(account) == []

    @pytest.mark.parametrize("hours", [7, 9])
    def test_an_expiry_for_another_end_is_armed_again(
        self, account: BivouacAccount, hours: int
    ) -> None:
        other = lease.expires_at(account.now(), hours * 3600)
        ends = live(account, armed=False)
        account.schedules.arm_expiry("demo", other, account.now())
        account.forget_calls()
        (found,) = swept(account)
        assert ends in found["reason"]
        assert armed_for(account) == ends

    def test_schedules_without_an_environment_are_removed(self, account: BivouacAccount) -> None:
        live(account, name="gone")
        account.records.finish("gone", 1, Status.DELETED)
        live(account, name="lost")
        forget(account, "lost")
        account.forget_calls()
        found = swept(account)
        assert kinds(found) == [
            ("gone", "schedules without an environment"),
            ("lost", "schedules without an environment"),
        ]
        assert inventory(account)["schedules"] == []


class TestDied:
    def test_a_create_whose_end_event_was_lost_is_followed_up(
        self, account: BivouacAccount
    ) -> None:
        """W02, W13."""
        live(account, status=Status.CREATING)
        assert kinds(swept(account)) == [("demo", "abandoned by its execution")]
        assert account.record().status is Status.FAILED
        assert list(deletions(account)) == [
            name for name in deletions(account) if OF_SWEEP.fullmatch(name)
        ]
        assert {kind for kind, _ in account.published} == {"EnvironmentFailed", "LeakRepaired"}

    def test_a_published_end_with_nothing_to_do_is_not_found_again(
        self, account: BivouacAccount
    ) -> None:
        live(account, status=Status.FALLING_ASLEEP, verb=Verb.SLEEP)
        assert kinds(swept(account)) == [("demo", "abandoned by its execution")]
        account.pass_time(900)
        account.forget_calls()
        assert swept(account) == []
        assert account.published == []

    def test_a_follow_up_is_reported_once(self, account: BivouacAccount) -> None:
        """A broken up is started once more; the end of that one reports itself."""
        account.start_execution("of-another", CREATE_MACHINE)
        live(account)
        account.records.finish("demo", 1, Status.READY)
        up = {POWER: Intent(account.now(), "up")}
        live(account, generation=2, status=Status.CREATING, verb=Verb.WAKE, intents=up)
        assert kinds(swept(account)) == [("demo", "abandoned by its execution")]
        again = naming.following_execution("demo", 2, account.record().execution, "again")
        account.client("stepfunctions").stop_execution(executionArn=execution(again))
        account.pass_time(900)
        assert outcomes(account) == ["LEFT_ALONE"]
        assert account.published == []

    def test_a_running_execution_is_left_alone(self, account: BivouacAccount) -> None:
        live(account, status=Status.CREATING, execution=account.start_execution("first"))
        assert swept(account) == []

    def test_a_dead_deletion_is_started_again(self, account: BivouacAccount) -> None:
        arn = f"{DELETE_MACHINE.replace(':stateMachine:', ':execution:')}:demo-6-again"
        live(account, status=Status.DELETING, execution=arn)
        swept(account)
        ((name, content),) = deletions(account).items()
        assert OF_SWEEP.fullmatch(name)
        assert content["generation"] == 1


class TestOrphans:
    @pytest.fixture
    def orphaned(self, account: BivouacAccount) -> BivouacAccount:
        """All resources of an environment, tagged as ours, and no record."""
        account.healthy(environment())
        forget(account)
        account.forget_calls()
        return account

    def test_orphans_get_a_record_that_expires_and_are_reported(
        self, orphaned: BivouacAccount
    ) -> None:
        """Not deleted at once: their creator may still be at work."""
        with small_pages(orphaned):
            (found,) = swept(orphaned)
        assert found["kind"] == "resources without a record"
        record = orphaned.record()
        goes_at = times.timestamp(lease.expires_at(orphaned.now(), 3600))
        assert (record.status, record.expires_at) == (Status.ORPHANED, goes_at)
        assert armed_for(orphaned) == goes_at
        assert orphaned.changes == []
        told = [detail for kind, detail in orphaned.published if kind == "OrphanFound"]
        assert {detail["resource"]["kind"] for detail in told} == {
            "cluster",
            "namespace",
            "log group",
            "task definition",
        }
        assert {detail["goesAt"] for detail in told} == {goes_at}

    def test_they_are_shown_like_any_environment(self, orphaned: BivouacAccount) -> None:
        """No execution holds them, or ever held them as far as anybody knows."""
        swept(orphaned)
        told = orphaned.invoke("describe_environments", {"environment": "demo"})
        must_be("Document", told)
        page = orphaned.invoke("describe_environments", {})
        must_be("Page", page)
        for shown in (told, *page["environments"]):
            assert (shown["status"], shown["execution"]["arn"]) == ("ORPHANED", "")

    def test_orphans_are_found_once(self, orphaned: BivouacAccount) -> None:
        swept(orphaned)
        orphaned.forget_calls()
        assert swept(orphaned) == []

    def test_their_deletion_leaves_nothing(self, orphaned: BivouacAccount) -> None:
        """W19: it needs only what the tags say."""
        swept(orphaned)
        Machines(orphaned).delete({"environment": "demo"})
        left = inventory(orphaned)
        assert left["records"] == ["demo 2 DELETED"]
        assert not any(left[kind] for kind in left if kind not in ("records", "definitions"))
        assert not any("ACTIVE" in each.split() for each in left["definitions"])

    def test_resources_that_a_deletion_missed_are_found_by_their_tags(
        self, account: BivouacAccount
    ) -> None:
        """In its own namespace, which its tombstone names."""
        request = environment(namespace="shop.internal")
        account.healthy(request)
        blueprint = account.planned(request)
        account.holds(blueprint, generation=2, status=Status.DELETED)
        account.records.finish("demo", 2, Status.DELETED)
        account.forget_calls()
        swept(account)
        assert account.record().generation == 3
        Machines(account).delete({"environment": "demo"})
        assert inventory(account)["namespaces"] == []

    def test_a_create_of_that_name_takes_them_over(self, orphaned: BivouacAccount) -> None:
        swept(orphaned)
        created = Machines(orphaned).create(environment())
        assert created["status"] == "READY"
        assert orphaned.record().generation == 2


class TestForeign:
    def test_look_alikes_are_reported_and_never_touched(self, account: BivouacAccount) -> None:
        """D16, D18."""
        foreign_neighbours(account)
        before = inventory(account)
        account.forget_calls()
        with small_pages(account):
            found = swept(account)
        assert {each["kind"] for each in found} == {"look-alike"}
        assert {resource for each in found for resource in each["resources"]} == {
            "cluster bivouac-demo-2",
            "task definition bivouac-demo-2--web:1",
            "task definition bivouac-demo--webshop:1",
            "log group /bivouac-demo-2/web",
            "log group /bivouac-demo/theirs",
        }
        assert account.mutating_calls == []
        assert inventory(account) == before

    def test_another_stacks_resources_are_ignored_if_its_prefix_is_longer(
        self, account: BivouacAccount
    ) -> None:
        account.client("ecs").create_cluster(
            clusterName="bivouac-test-demo",
            tags=[
                {"key": "bivouac:stack", "value": "bivouac-test"},
                {"key": "bivouac:environment", "value": "demo"},
            ],
        )
        account.forget_calls()
        assert swept(account) == []

    def test_namespaces_that_others_share_are_not_read(self, account: BivouacAccount) -> None:
        """Their tags are refused."""
        for name in ("bivouac-demo", "theirs"):
            account.plane.cloudmap.share(name, owner="210987654321")
        live(account, ends_in=OVERDUE, armed=False)
        assert kinds(swept(account)) == [("demo", "expired and alive")]
        assert deletions(account)


class TestNotLookedAt:
    """One refusal, such as by a policy of the organisation, does not end a sweep."""

    @pytest.fixture
    def hidden(self, account: BivouacAccount) -> Iterator[BivouacAccount]:
        """Nobody may read the tags of resources with "hidden" in their name."""
        cloud_map = account.client("servicediscovery")
        for name in ("hidden", "bivouac-hidden"):
            cloud_map.create_http_namespace(Name=name)
        account.client("logs").create_log_group(logGroupName="/bivouac-hidden/web")
        account.client("ecs").register_task_definition(**definition("bivouac-hidden--web"))
        account.pass_time(60)
        names = {each["Arn"]: each["Name"] for each in cloud_map.list_namespaces()["Namespaces"]}
        live(account, ends_in=OVERDUE, armed=False)

        def is_hidden(_: int, call: str) -> bool:
            if not call.endswith((":ListTagsForResource", ":DescribeTaskDefinition")):
                return False
            asked = json.loads(account.requests[-1]["body"])
            arn = next(value for value in asked.values() if str(value).startswith("arn:"))
            return "hidden" in names.get(arn, arn)

        with injected(Injection(account, Fault.DENIED, is_hidden)):
            yield account

    def test_a_denied_read_is_reported_and_everything_else_is_repaired(
        self, hidden: BivouacAccount
    ) -> None:
        found = hidden.invoke("sweep_environments", {"dryRun": True})["findings"]
        refused = [each for each in found if each["kind"] == "not checked"]
        assert [each["resources"] for each in refused] == [
            ["namespace hidden"],
            ["log group /bivouac-hidden/web"],
            ["namespace bivouac-hidden"],
            ["task definition bivouac-hidden--web:1"],
        ]
        assert all("AccessDenied" in each["reason"] for each in refused)
        with pytest.raises(SweepIncompleteError) as failed:
            hidden.invoke("sweep_environments", {"dryRun": False})
        assert "3 finding(s)" in str(failed.value), "whatever is called hidden is nobody's leak"
        assert deletions(hidden), "what could be looked at is repaired"

    def test_a_resource_deleted_since_it_was_listed_is_no_error(
        self, account: BivouacAccount, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """The next sweep sees whether it is gone."""
        gone = cloudmap.Namespace("ns-1", "arn:aws:servicediscovery:::namespace/ns-1", "theirs")
        monkeypatch.setattr(cloudmap, "list_namespaces", lambda _: [gone])
        monkeypatch.setattr(ecs, "families", lambda *_: iter(["bivouac-demo--web"]))
        monkeypatch.setattr(ecs, "revisions", lambda *_: ["bivouac-demo--web:7"])
        live(account, name="other", ends_in=OVERDUE, armed=False)
        assert kinds(swept(account)) == [("other", "expired and alive")]


class TestUnreadable:
    """W19."""

    def test_a_record_that_cannot_be_read_is_rebuilt_and_keeps_its_lease(
        self, account: BivouacAccount
    ) -> None:
        account.healthy(environment())
        ends = live(account)
        garble(account, "blueprint", {"S": "{"})
        assert kinds(swept(account)) == [("demo", "unreadable record")]
        record = account.record()
        assert (record.status, record.generation) == (Status.ORPHANED, 2)
        assert record.expires_at == ends
        Machines(account).delete({"environment": "demo"})
        assert account.record().status is Status.DELETED

    def test_a_record_without_a_generation_is_only_reported(self, account: BivouacAccount) -> None:
        live(account)
        garble(account, "generation", {"S": "seven"})
        (found,) = swept(account)
        assert found["action"] == "only reports it"
        assert account.mutating_calls == []

    def test_an_unreadable_record_does_not_stop_the_others(self, account: BivouacAccount) -> None:
        live(account)
        garble(account, "status", {"S": "PUZZLED"})
        live(account, name="other", ends_in=OVERDUE, armed=False)
        assert kinds(swept(account)) == [
            ("demo", "unreadable record"),
            ("other", "expired and alive"),
        ]


class TestFailures:
    def test_a_failed_repair_is_raised_after_all_others(
        self, account: BivouacAccount, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        for name in ("first", "last"):
            live(account, name=name, armed=False)
        before = Schedules.arm

        def arm(found: Schedules, blueprint: Blueprint, *more: Any) -> None:
            if blueprint.environment == "first":
                raise ThrottledError("Scheduler says: slow down")
            before(found, blueprint, *more)

        monkeypatch.setattr(Schedules, "arm", arm)
        with pytest.raises(SweepIncompleteError) as failed:
            account.invoke("sweep_environments", {"dryRun": False})
        assert "1 finding(s) could not be repaired" in str(failed.value)
        assert "first: without its schedules: Scheduler says" in str(failed.value)
        assert armed_for(account, "last")

    def test_an_environment_changed_since_is_left_alone(
        self, account: BivouacAccount, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """W17: a create takes the environment during the sweep."""
        live(account, ends_in=OVERDUE, armed=False)
        found = __import__("sweep_environments").findings

        def overtaken(facts: Any) -> Any:
            listed = found(facts)
            live(account, generation=2, status=Status.CREATING)
            return listed

        monkeypatch.setattr("sweep_environments.findings", overtaken)
        (finding,) = account.invoke("sweep_environments", {"dryRun": False})["findings"]
        assert finding["outcome"] == "LEFT_ALONE"
        assert deletions(account) == {}


class TestBudget:
    """What there is no time for is left to the next sweep (docs/decisions/0019)."""

    @pytest.fixture(autouse=True)
    def hurried(self, account: BivouacAccount, monkeypatch: pytest.MonkeyPatch) -> None:
        """Time for 3 repairs, 7 reads of READY environments, and the tags of no log group."""
        monkeypatch.setenv("SWEEP_SECONDS", "1")

    def overdue(self, account: BivouacAccount, *names: str) -> None:
        """Overdue environments, the first of them the most."""
        for hours, name in enumerate(reversed(names), 1):
            live(account, name=name, ends_in=timedelta(hours=-hours), armed=False)

    def swept(self, account: BivouacAccount) -> dict[str, str]:
        """The outcomes by environment; a quarter of an hour passes."""
        found = account.invoke("sweep_environments", {"dryRun": False})["findings"]
        account.pass_time(900)
        account.forget_calls()
        return {each["environment"]: each["outcome"] for each in found}

    def test_a_dry_run_says_how_far_the_next_sweep_gets(self, account: BivouacAccount) -> None:
        self.overdue(account, *"edcba")
        dry = account.invoke("sweep_environments", {"dryRun": True})
        assert account.mutating_calls == []
        assert (dry["repaired"], dry["due"], dry["notLookedAt"]) == (3, 5, 0)
        real = account.invoke("sweep_environments", {"dryRun": False})
        assert (real["repaired"], real["due"]) == (3, 5)
        assert [each.pop("outcome") for each in real["findings"]] == ["ACTED"] * 3 + [
            "NEXT_TIME"
        ] * 2
        assert real["findings"] == dry["findings"]
        assert len(deletions(account)) == 3

    def test_the_most_overdue_come_first(self, account: BivouacAccount) -> None:
        self.overdue(account, *"gfedcba")
        found = account.invoke("sweep_environments", {"dryRun": True})["findings"]
        first, _, second = (each["environment"] for each in found[:3])
        assert (first, second) == ("g", "f")

    def test_recurring_findings_do_not_starve_others(self, account: BivouacAccount) -> None:
        """Deletions that never complete, and schedules that are lost."""
        self.overdue(account, *"lmnop")
        for name in "aez":
            live(account, name=name, armed=False)
        acted: set[str] = set()
        for _ in range(8):
            acted |= {name for name, outcome in self.swept(account).items() if outcome == "ACTED"}
        assert acted >= set("aez")

    def test_ready_environments_are_checked_in_turn(self, account: BivouacAccount) -> None:
        names = [f"e-{number:02}" for number in range(24)]
        for name in names:
            live(account, name=name)
            other = lease.expires_at(account.now(), 7 * 3600)
            account.schedules.arm_expiry(name, other, account.now())
        dry = account.invoke("sweep_environments", {"dryRun": True})
        assert (dry["due"], dry["notLookedAt"]) == (7, 17)
        seen: set[str] = set()
        for _ in range(4):
            seen |= self.swept(account).keys()
        assert seen == set(names)

    def test_a_clusters_tags_are_enough_to_find_an_orphan(self, account: BivouacAccount) -> None:
        """Clusters are described with their tags, a hundred at a time."""
        for name in "abc":
            account.healthy(environment(name=name))
            forget(account, name)
        account.forget_calls()
        found = account.invoke("sweep_environments", {"dryRun": False})["findings"]
        assert kinds(found) == [(name, "resources without a record") for name in "abc"]
        assert all(f"cluster bivouac-{each['environment']}" in each["resources"] for each in found)
        assert "logs:ListTagsForResource" not in account.calls

    def test_only_log_groups_are_read_in_turn(
        self, account: BivouacAccount, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setenv("SWEEP_SECONDS", "3")  # for one of them
        for name in "abcd":
            account.client("logs").create_log_group(
                logGroupName=f"/bivouac-{name}/web",
                tags={"bivouac:stack": "bivouac", "bivouac:environment": name},
            )
        acted: list[str] = []
        for _ in range(4):
            swept = self.swept(account)
            assert len(swept) == 1
            acted += swept
        assert sorted(acted) == list("abcd")

    def test_a_slow_sweep_stops_in_time(self, account: BivouacAccount) -> None:
        self.overdue(account, *"cba")
        client = account.client("stepfunctions")

        def slow(**_: Any) -> None:
            account.pass_time(2)

        starts = "before-call.sfn.StartExecution"
        client.meta.events.register(starts, slow)
        try:
            outcomes = list(self.swept(account).values())
        finally:
            client.meta.events.unregister(starts, slow)
        assert outcomes == ["ACTED", "NEXT_TIME", "NEXT_TIME"]

    def test_a_throttled_read_is_left_to_the_next_sweep(
        self, account: BivouacAccount, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setenv("SWEEP_SECONDS", "60")
        account.client("logs").create_log_group(logGroupName="/bivouac-lost/web")
        live(account)
        self.overdue(account, "late")

        def is_a_look(_: int, call: str) -> bool:
            return call in ("scheduler:GetSchedule", "logs:ListTagsForResource")

        with injected(Injection(account, Fault.THROTTLED, is_a_look)):
            found = account.invoke("sweep_environments", {"dryRun": False})
        assert kinds(found["findings"]) == [("late", "expired and alive")]
        assert found["notLookedAt"] == 2
        assert deletions(account)
