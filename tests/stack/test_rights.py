"""Every call of the workflows is allowed by its own role, and every right is needed by one.

The stories here are those that need special rights. Rights that none of them needs are listed, each
with the reason why it is granted.
"""

from __future__ import annotations

from contextlib import ExitStack
from datetime import UTC, datetime

from localcloud.tasks.scripted import exits
from tests.localcloud.waiting import until_true
from tests.requests import environment, event, web
from tests.workflow.application import ENDS_WITHIN, Application, application

FOR_THE_FIRST_CLUSTER = "ECS makes its own role with an account's first cluster (C01)"
WHERE_ECS_LEFT_IT = "ECS removes it by itself, nearly always (D09)"
SOMETHING_STANDS = "AWS refuses to delete it while something stands in it (C10, C11, N11)"
NO_STRAY_TASK = "somebody's own task in our cluster (C11); the local cloud has no RunTask"
TASKS_THAT_DO_NOT_STOP = "after minutes of draining (D06)"
REDEPLOY_STOPPED = "a redeploy that is stopped before its create has ended (W13)"
NOT_DELIVERED = "a target that exists takes what its schedule sends"
WHEN_IT_FAILS_FOR_GOOD = "Lambda gives an event up after three tries (W15)"
STACK_UPDATED = "before the stack is updated, in tests/localcloud"
STACK_DELETED = "before the stack is deleted, in test_stack"
SCHEDULE_GONE = "the schedule that fired has deleted itself, and a new one is made"
WHILE_ANOTHER_IS_AT_WORK = "a down comes while a create or a redeploy runs"
BETWEEN_TWO_LIVES = "a redeploy was accepted in the moment in which its environment was deleted"
RECHECK_WAS_NOT_TOLD = "a sweep that sees tasks fail before recheck_environment does"
AN_ENDPOINT_FAILS = "an endpoint that does not answer, in tests/workflow_long/test_failures.py"

NOT_NEEDED_HERE = {
    ("CheckRollBackFunction", "dynamodb:UpdateItem"): BETWEEN_TWO_LIVES,
    ("CreateClusterFunction", "iam:CreateServiceLinkedRole"): FOR_THE_FIRST_CLUSTER,
    ("DeleteClusterFunction", "ecs:ListServices"): SOMETHING_STANDS,
    ("DeleteClusterFunction", "ecs:ListTasks"): NO_STRAY_TASK,
    ("DeleteClusterFunction", "ecs:StopTask"): NO_STRAY_TASK,
    ("DeleteNamespaceFunction", "servicediscovery:DeleteService"): WHERE_ECS_LEFT_IT,
    ("DeleteNamespaceFunction", "servicediscovery:DeregisterInstance"): WHERE_ECS_LEFT_IT,
    ("DeleteNamespaceFunction", "servicediscovery:GetOperation"): SOMETHING_STANDS,
    ("DeleteNamespaceFunction", "servicediscovery:ListInstances"): WHERE_ECS_LEFT_IT,
    ("DeleteNamespaceFunction", "servicediscovery:ListServices"): WHERE_ECS_LEFT_IT,
    ("DeleteServicesFunction", "ecs:DescribeTasks"): TASKS_THAT_DO_NOT_STOP,
    ("DeleteServicesFunction", "ecs:ListTasks"): TASKS_THAT_DO_NOT_STOP,
    ("DeleteServicesFunction", "ecs:StopTask"): TASKS_THAT_DO_NOT_STOP,
    ("DiagnoseFailureFunction", "ecs:DescribeServices"): AN_ENDPOINT_FAILS,
    ("DiagnoseFailureFunction", "ecs:DescribeTasks"): AN_ENDPOINT_FAILS,
    ("DiagnoseFailureFunction", "ecs:ListTasks"): AN_ENDPOINT_FAILS,
    ("ExpiryRole", "sqs:SendMessage"): NOT_DELIVERED,
    ("FollowUpExecutionFunction", "sqs:SendMessage"): WHEN_IT_FAILS_FOR_GOOD,
    ("FollowUpExecutionFunction", "states:DescribeExecution"): REDEPLOY_STOPPED,
    ("GuardStackFunction", "cloudformation:DescribeStacks"): STACK_UPDATED,
    ("GuardStackFunction", "dynamodb:Query"): STACK_DELETED,
    ("GuardStackFunction", "ec2:DescribeSecurityGroups"): STACK_DELETED,
    ("GuardStackFunction", "sqs:SendMessage"): WHEN_IT_FAILS_FOR_GOOD,
    ("OfficeHoursRole", "sqs:SendMessage"): NOT_DELIVERED,
    ("RecheckEnvironmentFunction", "sqs:SendMessage"): WHEN_IT_FAILS_FOR_GOOD,
    ("ResumeExecutionFunction", "sqs:SendMessage"): WHEN_IT_FAILS_FOR_GOOD,
    ("RecheckEnvironmentFunctionEveryQuarterOfAnHourRole", "sqs:SendMessage"): NOT_DELIVERED,
    ("SweepEnvironmentsFunction", "sqs:SendMessage"): WHEN_IT_FAILS_FOR_GOOD,
    ("SweepEnvironmentsFunction", "logs:GetLogEvents"): RECHECK_WAS_NOT_TOLD,
    ("SweepEnvironmentsFunction", "servicediscovery:ListInstances"): RECHECK_WAS_NOT_TOLD,
    ("SweepEnvironmentsFunctionEveryQuarterOfAnHourRole", "sqs:SendMessage"): NOT_DELIVERED,
    ("SuspendEnvironmentFunction", "states:DescribeExecution"): WHILE_ANOTHER_IS_AT_WORK,
    ("WarnOfExpiryFunction", "sqs:SendMessage"): WHEN_IT_FAILS_FOR_GOOD,
    ("WriteReceiptFunction", "scheduler:CreateSchedule"): SCHEDULE_GONE,
}
DENIED_ON_PURPOSE = {
    "DeleteClusterFunction": "ecs:DeleteCluster",
    "DeleteNamespaceFunction": "servicediscovery:DeleteNamespace",
    "DeleteTaskDefinitionsFunction": "ecs:DeleteTaskDefinitions",
    "DeleteLogGroupsFunction": "logs:DeleteLogGroup",
}
OF_STEP_FUNCTIONS = (
    "logs:CreateLogDelivery",
    "logs:GetLogDelivery",
    "logs:UpdateLogDelivery",
    "logs:DeleteLogDelivery",
    "logs:ListLogDeliveries",
    "logs:PutResourcePolicy",
    "logs:DescribeResourcePolicies",
    "logs:DescribeLogGroups",
    "xray:PutTraceSegments",
    "xray:PutTelemetryRecords",
    "xray:GetSamplingRules",
    "xray:GetSamplingTargets",
    "events:PutTargets",
    "events:PutRule",
    "events:DescribeRule",
    "states:StopExecution",
)
"""The state machines' roles have them for Step Functions itself, which logs and traces, and waits
for child executions."""


def tell_all_stories(app: Application, name: str) -> None:
    changed_and_superseded(app, name)
    expired(app, name)
    failing(app, f"{name}-b")
    deleted_while_it_is_created(app, f"{name}-c")
    stopped(app, f"{name}-d")
    kept_asleep_and_extended(app, f"{name}-e")
    redeployed_by_events(app, f"{name}-r")
    leaking(app, f"{name}-f")
    failing_later(app, f"{name}-g")


def changed_and_superseded(app: Application, name: str) -> None:
    service = event("tutorial")["services"][0]
    app.create(environment(service, web(), name=name)).succeeded()
    seen(app, name)
    service["deploymentConfiguration"]["maximumPercent"] = 150
    service["taskDefinition"]["containerDefinitions"][0]["image"] = "nginx:1.27"
    insights = {"settings": [{"name": "containerInsights", "value": "enabled"}]}
    with app.calls.hold("ecs:UpdateService") as hold:
        first = app.start(app.create_machine, environment(service, name=name))
        hold.until_arrived()
        second = app.start(app.create_machine, environment(service, name=name, cluster=insights))
        app.until_in(second, "Wait for running steps")
    assert app.ended(first).status == "ABORTED"
    app.ended(second).succeeded()


def seen(app: Application, name: str) -> None:
    """Described alone, and in a list."""
    assert app.invoke("DescribeEnvironmentsFunction", {"environment": name})["urls"]
    assert name in str(app.invoke("DescribeEnvironmentsFunction", {}))


def expired(app: Application, name: str) -> None:
    """Once with almost nothing allowed, so that it is retried."""
    with ExitStack() as denials:
        for function, action in DENIED_ON_PURPOSE.items():
            denials.enter_context(app.denied(function, action))
        assert app.delete(name).status == "FAILED"
    app.expire(name)
    app.deletion_by_schedule(name, "deletion was not complete").succeeded()


def failing(app: Application, name: str) -> None:
    image = f"registry.example/{name}:crashes"
    app.runtime.script(image, exits(1, after=0.02, output=["no database"]))
    container = {"image": image, "containerPort": 80}
    failed = app.create(environment(web(primaryContainer=container), name=name))
    assert "no database" in failed.cause
    app.deletion_after_failure(name).succeeded()


def deleted_while_it_is_created(app: Application, name: str) -> None:
    """With a task definition that exists already."""
    definition = event("tutorial")["services"][0]["taskDefinition"]
    del definition["containerDefinitions"][0]["logConfiguration"]
    definition |= {"family": f"shared-{name}", "requiresCompatibilities": ["FARGATE"]}
    app.client("ecs").register_task_definition(**definition)
    service = {**event("tutorial")["services"][0], "taskDefinition": f"shared-{name}:1"}
    with app.calls.hold("ecs:CreateService") as hold:
        creation = app.start(app.create_machine, environment(service, name=name))
        hold.until_arrived()
        deletion = app.start(app.delete_machine, {"environment": name})
        app.until_in(deletion, "Wait for running steps")
    assert app.ended(creation).status == "ABORTED"
    app.ended(deletion).succeeded()


def stopped(app: Application, name: str) -> None:
    with app.calls.hold("ecs:CreateService") as hold:
        creation = app.start(app.create_machine, environment(name=name))
        hold.until_arrived()
        app.stop(creation)
    app.until_status(name, "DELETED")


def kept_asleep_and_extended(app: Application, name: str) -> None:
    """Down and up by its schedules, with a warning, and its lease outlives its first end."""
    hours = {"up": "cron(0 8 ? * 2-6 *)", "down": "cron(0 19 ? * 2-6 *)"}
    request = environment(name=name, schedule=hours, lease={"ttl": "1h"})
    created = app.create(request).succeeded()
    for schedule, machine in (("down", app.sleep_machine), ("up", app.wake_machine)):
        before = app.started_by(machine, name)
        app.fire(f"{name}-{schedule}")
        app.next_of(machine, name, before).succeeded()
    with app.calls.hold("events:PutEvents") as hold:
        app.fire(f"{name}-warning")
        hold.until_arrived()
    app.extend(name, ttl="2h").succeeded()
    outlived = app.delete(name, expiresAt=created.output["expiresAt"])
    assert outlived.output["outcome"] == "OUTDATED"
    with app.calls.hold("ecs:TagResource") as hold:
        falling_asleep = app.start(app.sleep_machine, {"environment": name})
        hold.until_arrived()
        woken = app.start(app.wake_machine, {"environment": name})
        until_true(lambda: app.status(falling_asleep) == "ABORTED", ENDS_WITHIN)
    app.ended(woken).succeeded()
    app.create(environment(name=name)).succeeded()
    assert app.armed(name) == ["expiry", "warning"]
    app.delete(name).succeeded()


def redeployed_by_events(app: Application, name: str) -> None:
    """They fail, so the redeploy is rolled back; then its pull request is closed."""
    image = f"registry.example/{name}:crashes"
    app.runtime.script(image, exits(1, after=0.02))
    pull_request = {"repository": name, "number": 7}
    request = environment(web(), name=name, triggers={"pullRequest": pull_request})
    app.create(request).succeeded()
    services = [{"serviceName": "web", "image": image}]
    app.put("RedeployRequested", {"environment": name, "services": services})
    (redeploy,) = app.requested(app.redeploy_machine, name, "redeploy")
    rolled_back = app.ended(redeploy)
    assert rolled_back.states[-1] == "Redeployment rolled back", rolled_back.cause
    told_again_when_it_is_over(app, name)
    app.put("PullRequestClosed", pull_request)
    (deletion,) = app.requested(app.delete_machine, name, "delete")
    app.ended(deletion).succeeded()
    app.put("RedeployRequested", {"environment": f"{name}-no"})
    assert "was ever created" in app.undelivered(f"{name}-no")


def told_again_when_it_is_over(app: Application, name: str) -> None:
    """An execution with the name of an event's own may be somebody else's."""
    pushed = {
        "id": f"{name}-told",
        "source": "bivouac.client",
        "detail-type": "LeaseExtensionRequested",
        "account": app.cloud.account.account_id,
        "region": app.cloud.account.region,
        "time": f"{datetime.now(UTC):%Y-%m-%dT%H:%M:%SZ}",
        "detail": {"environment": name, "ttl": "9h"},
    }
    (first,) = app.invoke("AcceptRequestFunction", pushed)["started"]
    (extension,) = app.requested(app.extend_machine, name, "extend")
    app.ended(extension).succeeded()
    assert app.invoke("AcceptRequestFunction", pushed)["started"] == [first]


def leaking(app: Application, name: str) -> None:
    """It loses its schedule, then its record, and then outlives its lease."""
    app.create(environment(name=name)).succeeded()
    app.lose_schedule(name)
    app.alter(name, status="FAILED")
    app.sweep()
    app.forget(name)
    app.sweep()
    stray = app.client("scheduler").get_schedule(Name=f"{name}-expiry", GroupName="bivouac-expiry")
    app.client("scheduler").create_schedule(
        Name="nobody-expiry",
        GroupName="bivouac-expiry",
        **{key: stray[key] for key in ("ScheduleExpression", "FlexibleTimeWindow", "Target")},
    )
    app.alter(name, expiresAt="2020-01-01T00:00:00Z")
    app.sweep()
    app.until_status(name, "DELETED")


def failing_later(app: Application, name: str) -> None:
    """Ready, then its server crashes repeatedly, then somebody repairs it, and scales it: only the
    sweep finds that."""
    image = "nginx:1.28"
    container = {"image": image, "containerPort": 80}
    app.create(environment(web(primaryContainer=container), name=name)).succeeded()
    app.runtime.script(image, exits(1, after=0.02, output=["no database"]))
    cluster = f"bivouac-{name}"
    (task,) = app.client("ecs").list_tasks(cluster=cluster, serviceName="web")["taskArns"]
    app.client("ecs").stop_task(cluster=cluster, task=task)
    app.until_status(name, "DEGRADED")
    app.runtime.unscript(image)

    def recovered() -> bool:
        app.invoke("RecheckEnvironmentFunction", {"status": "DEGRADED"})
        return bool(app.record(name)["status"] == "READY")

    until_true(recovered, ENDS_WITHIN)
    app.client("ecs").update_service(cluster=cluster, service="web", desiredCount=2)
    app.sweep()
    assert app.record(name)["status"] == "DEGRADED"
    app.delete(name).succeeded()


def test_every_call_is_allowed_and_every_right_is_used() -> None:
    with application() as app:
        guard = app.cloud.guard
        tell_all_stories(app, "rights")

        denied = [each for each in guard.decisions if not each.allowed]
        assert {each.action for each in denied} <= set(DENIED_ON_PURPOSE.values()), denied
        unused = {
            (holder, grant.action)
            for holder, role in app.roles().items()
            for grant in guard.grants(role) - guard.used_grants
            if not (holder.endswith("StateMachineRole") and grant.action in OF_STEP_FUNCTIONS)
        }
        surplus = unused - set(NOT_NEEDED_HERE)
        assert not surplus, "\n".join(": ".join(each) for each in sorted(surplus))
