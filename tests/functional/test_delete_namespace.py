"""Delete namespace: after its Cloud Map services, and awaited until it is gone."""

from __future__ import annotations

from typing import Any

from delete_namespace import delete_namespace

from bivouac.aws import cloudmap
from bivouac.aws.ecs_answers import ECS_REMOVES_WITHIN_SECONDS
from bivouac.environment.blueprint import Blueprint
from bivouac.environment.record import Status
from tests.faults.injection import Fault, Injection, injected
from tests.functional.account import BivouacAccount, deletion_event, small_pages
from tests.functional.machines import outcomes
from tests.requests import environment

GONE = {("namespace", "bivouac-demo"): "ALREADY_GONE", ("Cloud Map service", "web"): "ALREADY_GONE"}


def step(
    account: BivouacAccount,
    blueprint: Blueprint,
    items: list[dict[str, str]] | None = None,
    waited_seconds: float = 0.0,
    made_arn: str | None = None,
) -> dict[str, Any]:
    deletion = account.deletion(blueprint, items, waited_seconds)
    return delete_namespace(deletion, made_arn, account.client("servicediscovery"))


def empty(account: BivouacAccount) -> Blueprint:
    """An environment of which only the namespace exists."""
    blueprint = account.planned(environment())
    account.namespace(blueprint)
    account.forget_calls()
    return blueprint


def names(account: BivouacAccount) -> list[str]:
    return [entry.name for entry in cloudmap.list_namespaces(account.client("servicediscovery"))]


def service_in(account: BivouacAccount, **changes: Any) -> str:
    """Registers a Cloud Map service with one instance in the environment's namespace."""
    client = account.client("servicediscovery")
    namespace = cloudmap.find_namespace(client, "bivouac-demo")
    assert namespace is not None
    made = client.create_service(Name="orphan", NamespaceId=namespace.id, **changes)["Service"]
    client.register_instance(
        ServiceId=made["Id"], InstanceId="i-1", Attributes={"AWS_INSTANCE_IPV4": "172.31.9.9"}
    )
    account.pass_time(10)
    account.forget_calls()
    return str(made["Id"])


def test_the_deletion_returns_an_operation_to_follow(account: BivouacAccount) -> None:
    """N14: 200 means only that the operation has begun."""
    blueprint = empty(account)
    answer = step(account, blueprint)
    assert answer["status"] == "IN_PROGRESS"
    assert names(account) == ["bivouac-demo"]
    client = account.client("servicediscovery")
    account.pass_time(10)
    operation = cloudmap.get_operation(client, answer["operationId"])
    assert operation is not None
    assert operation["Status"] == "SUCCESS"
    assert names(account) == []


def test_the_deletion_is_tried_without_reading_first(account: BivouacAccount) -> None:
    """N11: the wait for the services included their endpoints."""
    step(account, empty(account))
    assert [call.partition(":")[2] for call in account.calls] == [
        "ListNamespaces",
        "ListTagsForResource",
        "DeleteNamespace",
    ]


def test_a_recorded_namespace_is_not_searched_for(account: BivouacAccount) -> None:
    """What we created ourselves is ours, and its id is never reused."""
    blueprint = empty(account)
    found = cloudmap.find_namespace(account.client("servicediscovery"), "bivouac-demo")
    assert found is not None
    account.forget_calls()
    answer = step(account, blueprint, made_arn=found.arn)
    assert account.calls == ["servicediscovery:DeleteNamespace"]
    assert answer["operationId"]
    account.pass_time(10)
    assert names(account) == []
    assert outcomes(step(account, blueprint, made_arn=found.arn)) == GONE


def test_in_a_later_round_it_is_searched_for(account: BivouacAccount) -> None:
    """Promise 2: the last check found one of this name."""
    blueprint = empty(account)
    made = "arn:aws:servicediscovery:ap-northeast-1:123456789012:namespace/ns-before"
    first = step(account, blueprint, made_arn=made)
    assert outcomes(first) == GONE
    again = step(account, blueprint, first["items"], made_arn=made)
    assert outcomes(again)["namespace", "bivouac-demo"] == "IN_PROGRESS"


def test_a_repetition_in_flight_returns_the_same_operation(account: BivouacAccount) -> None:
    """N13: the answer with the operation was lost."""
    blueprint = empty(account)
    first = step(account, blueprint)
    again = step(account, blueprint)
    assert outcomes(again)["namespace", "bivouac-demo"] == "IN_PROGRESS"
    assert again["operationId"] == first["operationId"]


def test_a_second_delete_changes_nothing(account: BivouacAccount) -> None:
    """N12."""
    blueprint = empty(account)
    step(account, blueprint)
    account.pass_time(10)
    account.forget_calls()
    assert outcomes(step(account, blueprint)) == GONE
    assert account.mutating_calls == []


def test_a_namespace_that_is_not_ours_is_retained(account: BivouacAccount) -> None:
    """D18."""
    account.client("servicediscovery").create_http_namespace(Name="bivouac-demo")
    account.pass_time(60)
    account.forget_calls()
    answer = step(account, account.planned(environment()))
    assert answer["status"] == "DONE"
    assert outcomes(answer)["namespace", "bivouac-demo"] == "RETAINED"
    assert account.mutating_calls == []


def test_ecs_is_given_time_to_remove_its_own_services(account: BivouacAccount) -> None:
    """D09, N11: removing what ECS is about to remove would only be a race."""
    blueprint = account.healthy(environment())
    answer = step(account, blueprint)
    assert outcomes(answer) == {
        ("Cloud Map service", "web"): "IN_PROGRESS",
        ("namespace", "bivouac-demo"): "IN_PROGRESS",
    }
    assert account.mutating_calls == ["servicediscovery:DeleteNamespace"]
    assert names(account) == ["bivouac-demo"]


def test_ecss_leftovers_are_removed_instances_first(account: BivouacAccount) -> None:
    """D09, D10, D11, S07: an orphan would keep the namespace, and its name, for ever."""
    blueprint = empty(account)
    service_in(account, Tags=[{"Key": "AmazonECSManaged", "Value": "true"}])
    early = step(account, blueprint, waited_seconds=ECS_REMOVES_WITHIN_SECONDS - 1)
    assert outcomes(early)["Cloud Map service", "orphan"] == "IN_PROGRESS"
    account.forget_calls()
    late = step(account, blueprint, early["items"], waited_seconds=ECS_REMOVES_WITHIN_SECONDS + 10)
    assert outcomes(late)["Cloud Map service", "orphan"] == "IN_PROGRESS"
    assert account.mutating_calls[:2] == [
        "servicediscovery:DeleteNamespace",
        "servicediscovery:DeregisterInstance",
    ]
    account.pass_time(10)
    later = step(account, blueprint, late["items"], waited_seconds=ECS_REMOVES_WITHIN_SECONDS + 20)
    assert outcomes(later)["Cloud Map service", "orphan"] == "DELETED"
    account.pass_time(10)
    step(account, blueprint, later["items"], waited_seconds=ECS_REMOVES_WITHIN_SECONDS + 30)
    account.pass_time(10)
    assert names(account) == []


def test_a_strangers_service_in_our_namespace_is_never_touched(account: BivouacAccount) -> None:
    """D18: then the namespace stays too, and the receipt says why, at once."""
    blueprint = empty(account)
    service_in(account)
    answer = step(account, blueprint, waited_seconds=ECS_REMOVES_WITHIN_SECONDS + 10)
    assert answer["status"] == "DONE"
    assert outcomes(answer)["Cloud Map service", "orphan"] == "RETAINED"
    assert outcomes(answer)["namespace", "bivouac-demo"] == "FAILED"
    assert "orphan" in next(i["reason"] for i in answer["items"] if i["kind"] == "namespace")
    assert account.mutating_calls == ["servicediscovery:DeleteNamespace"], "Cloud Map refused it"


def test_every_page_is_read(account: BivouacAccount) -> None:
    """D16, N08."""
    blueprint = empty(account)
    client = account.client("servicediscovery")
    for number in range(3):
        client.create_http_namespace(Name=f"theirs-{number}")
    namespace = cloudmap.find_namespace(client, "bivouac-demo")
    assert namespace is not None
    tags = [{"Key": "AmazonECSManaged", "Value": "true"}]
    for number in range(3):
        made = client.create_service(Name=f"old-{number}", NamespaceId=namespace.id, Tags=tags)
        for instance in range(3):
            client.register_instance(
                ServiceId=made["Service"]["Id"],
                InstanceId=f"i-{instance}",
                Attributes={"AWS_INSTANCE_IPV4": f"172.31.9.{instance}"},
            )
    account.pass_time(60)
    with small_pages(account):
        for _ in range(3):
            step(account, blueprint, waited_seconds=ECS_REMOVES_WITHIN_SECONDS + 10)
            account.pass_time(10)
    assert sorted(names(account)) == ["theirs-0", "theirs-1", "theirs-2"]


def test_a_denied_removal_does_not_stop_the_others(
    account: BivouacAccount,
) -> None:
    """D17."""
    blueprint = empty(account)
    service_in(account, Tags=[{"Key": "AmazonECSManaged", "Value": "true"}])
    denied = Injection(account, Fault.DENIED, lambda n, call: "DeregisterInstance" in call)
    with injected(denied):
        answer = step(account, blueprint, waited_seconds=ECS_REMOVES_WITHIN_SECONDS + 10)
    assert answer["status"] == "DONE"
    assert outcomes(answer)["Cloud Map service", "orphan"] == "FAILED"
    assert outcomes(answer)["namespace", "bivouac-demo"] == "FAILED"


def test_a_denied_list_is_a_failure_and_not_evidence(account: BivouacAccount) -> None:
    """D17."""
    blueprint = empty(account)
    first = step(account, blueprint)
    with injected(Injection(account, Fault.DENIED, lambda n, call: "ListNamespaces" in call)):
        answer = step(account, blueprint, first["items"])
    assert answer["status"] == "DONE"
    assert outcomes(answer)["namespace", "bivouac-demo"] == "FAILED"


def test_it_answers_as_a_function(account: BivouacAccount) -> None:
    blueprint = empty(account)
    found = cloudmap.find_namespace(account.client("servicediscovery"), "bivouac-demo")
    assert found is not None
    account.holds(blueprint)
    account.records.finish("demo", 1, Status.READY, namespaceArn=found.arn)
    event = deletion_event()
    account.forget_calls()
    assert account.invoke("delete_namespace", {**event, "recorded": True})["operationId"]
    assert account.changes == ["servicediscovery:DeleteNamespace"]
    assert "servicediscovery:ListNamespaces" not in account.calls
    account.invoke("delete_namespace", {**event, "recorded": False})
    assert "servicediscovery:ListNamespaces" in account.calls
