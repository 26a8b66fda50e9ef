"""The project's beliefs about AWS, and how an answer of AWS confirms or contradicts each.

The ids are those of docs/assumptions.md. A judge gets one answer of its operation and returns what
it sees there: nothing, or whether the belief holds, with the evidence. The story itself judges
beliefs without a judge, which are about several answers.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

Json = Mapping[str, Any]
Judge = Callable[[Json], Iterator["Observation"]]

MOST_SECONDS_IN_CLOUD_MAP = 330
"""How long the project waits for ECS to remove the Cloud Map services of a deleted service."""


@dataclass(frozen=True)
class Observation:
    """One observation in an answer."""

    holds: bool
    seen: str


@dataclass(frozen=True)
class Belief:
    id: str
    says: str
    looks_at: str = ""
    """"ecs.DescribeTasks": the answers that its judge gets. "event.<detail-type>": the events."""
    judge: Judge | None = None


BELIEFS: dict[str, Belief] = {}


def _of(operation: str, id: str, says: str) -> Callable[[Judge], Judge]:
    def add(judge: Judge) -> Judge:
        BELIEFS[id] = Belief(id, says, operation, judge)
        return judge

    return add


def _of_the_story(id: str, says: str) -> None:
    BELIEFS[id] = Belief(id, says)


# ECS: tasks


def _attachments(task: Json) -> Iterator[tuple[Json, Json]]:
    """Each attachment with its details by name."""
    for attachment in task.get("attachments", ()):
        details = {each["name"]: each.get("value") for each in attachment.get("details", ())}
        yield attachment, details


def _is_interface(attachment: Json) -> bool:
    return attachment["type"] in ("ElasticNetworkInterface", "eni")


@_of(
    "ecs.DescribeTasks",
    "ecs.proxy-attachment-type",
    "the Service Connect proxy is an attachment of the type ServiceConnect",
)
def _proxy_attachment_type(answer: Json) -> Iterator[Observation]:
    for task in answer["tasks"]:
        for attachment, _ in _attachments(task):
            if not _is_interface(attachment):
                kind = attachment["type"]
                yield Observation(kind == "ServiceConnect", f"type {kind!r}")


@_of(
    "ecs.DescribeTasks",
    "ecs.proxy-attached",
    "the proxy of a running task is ATTACHED, and its detail ContainerName names the container",
)
def _proxy_attached(answer: Json) -> Iterator[Observation]:
    for task in answer["tasks"]:
        names = {container["name"] for container in task.get("containers", ())}
        for attachment, details in _attachments(task):
            if not _is_interface(attachment) and task["lastStatus"] == "RUNNING":
                named = details.get("ContainerName")
                status = attachment["status"]
                if status not in ("PRECREATED", "CREATED", "ATTACHING"):
                    holds = status == "ATTACHED" and named in names
                    yield Observation(holds, f"status {status}, ContainerName {named!r}")


@_of(
    "ecs.DescribeTasks",
    "ecs.proxy-container-name",
    "the name of the proxy's container begins with ecs-service-connect-",
)
def _proxy_container_name(answer: Json) -> Iterator[Observation]:
    for task in answer["tasks"]:
        for attachment, details in _attachments(task):
            if not _is_interface(attachment) and "ContainerName" in details:
                name = str(details["ContainerName"])
                yield Observation(name.startswith("ecs-service-connect-"), f"name {name!r}")


@_of(
    "ecs.DescribeTasks",
    "ecs.interface-attachment",
    "a running task's network interface is an ATTACHED ElasticNetworkInterface whose details have "
    "privateIPv4Address and networkInterfaceId",
)
def _interface_attachment(answer: Json) -> Iterator[Observation]:
    for task in answer["tasks"]:
        if task["lastStatus"] != "RUNNING":
            continue
        for attachment, details in _attachments(task):
            if _is_interface(attachment):
                wanted = {"privateIPv4Address", "networkInterfaceId"}
                holds = (
                    attachment["type"] == "ElasticNetworkInterface"
                    and attachment["status"] == "ATTACHED"
                    and wanted <= details.keys()
                )
                told = f"{attachment['type']} {attachment['status']}: {', '.join(details)}"
                yield Observation(holds, told)


@_of(
    "ecs.DescribeTasks",
    "ecs.interface-precreated",
    "before a task has its network interface, the attachment is PRECREATED and names a subnet only",
)
def _interface_precreated(answer: Json) -> Iterator[Observation]:
    for task in answer["tasks"]:
        for attachment, details in _attachments(task):
            waits = "networkInterfaceId" not in details and task["lastStatus"] == "PROVISIONING"
            if _is_interface(attachment) and waits:
                holds = attachment["status"] == "PRECREATED" and set(details) == {"subnetId"}
                yield Observation(holds, f"status {attachment['status']}: {', '.join(details)}")


@_of(
    "ecs.DescribeTasks",
    "ecs.task-owner",
    "a service's task has startedBy ecs-svc/<digits> and group service:<name>",
)
def _task_owner(answer: Json) -> Iterator[Observation]:
    for task in answer["tasks"]:
        started_by, group = task.get("startedBy", ""), task.get("group", "")
        kind, _, number = started_by.partition("/")
        holds = kind == "ecs-svc" and number.isdecimal() and group.startswith("service:")
        yield Observation(holds, f"startedBy {started_by!r}, group {group!r}")


@_of(
    "ecs.DescribeTasks",
    "ecs.health-without-check",
    "a running task without a health check has healthStatus UNKNOWN",
)
def _health_without_check(answer: Json) -> Iterator[Observation]:
    """Web in the request declares none, the others do."""
    for task in answer["tasks"]:
        if task["lastStatus"] == "RUNNING" and task.get("group") == "service:web":
            status = task.get("healthStatus")
            yield Observation(status == "UNKNOWN", f"healthStatus {status}")


@_of(
    "ecs.DescribeTasks",
    "ecs.ordered-stop",
    "what a deployment stops has stopCode ServiceSchedulerInitiated and a stoppedReason that "
    "begins with 'Scaling activity initiated by'",
)
def _ordered_stop(answer: Json) -> Iterator[Observation]:
    for task in answer["tasks"]:
        reason = task.get("stoppedReason", "")
        if task["lastStatus"] == "STOPPED" and "initiated by" in reason:
            code = task.get("stopCode")
            holds = code == "ServiceSchedulerInitiated" and reason.startswith(
                "Scaling activity initiated by"
            )
            yield Observation(holds, f"stopCode {code}, {reason!r}")


@_of(
    "ecs.DescribeTasks",
    "ecs.missing-image",
    "a task whose image is not there stops with TaskFailedToStart, CannotPullContainerError and "
    "'not found'",
)
def _missing_image(answer: Json) -> Iterator[Observation]:
    for task in answer["tasks"]:
        reason = task.get("stoppedReason", "")
        if "Pull" in reason:
            code = task.get("stopCode")
            holds = (
                code == "TaskFailedToStart"
                and "CannotPullContainerError" in reason
                and "not found" in reason
            )
            yield Observation(holds, f"stopCode {code}, {reason!r}")


_of_the_story(
    "ecs.missing-task",
    "DescribeTasks lists a task that ECS does not know under failures as MISSING",
)
_of_the_story(
    "ecs.stopped-tasks-listed", "ListTasks with desiredStatus STOPPED lists tasks that still stop"
)
_of_the_story(
    "ecs.deleted-service-stop",
    "the tasks of a service that was deleted with force stop in the words of a scaling activity",
)

# ECS: services and clusters


@_of(
    "ecs.DescribeServices",
    "ecs.service-connect-place",
    "serviceConnectConfiguration and serviceConnectResources stand in deployments, not in the "
    "service, and the namespace is an ARN",
)
def _service_connect_place(answer: Json) -> Iterator[Observation]:
    for service in answer["services"]:
        for deployment in service.get("deployments", ()):
            if "serviceConnectConfiguration" in deployment:
                namespace = deployment["serviceConnectConfiguration"].get("namespace", "")
                holds = (
                    namespace.startswith("arn:") and "serviceConnectConfiguration" not in service
                )
                yield Observation(holds, f"namespace {namespace!r} in a deployment")


@_of(
    "ecs.DescribeServices",
    "ecs.unable-to-place",
    "the event of a task that did not start says 'was unable to place a task. Reason: '",
)
def _unable_to_place(answer: Json) -> Iterator[Observation]:
    for service in answer["services"]:
        for event in service.get("events", ()):
            if "unable to place" in (message := event["message"]):
                yield Observation("was unable to place a task. Reason: " in message, repr(message))


@_of(
    "ecs.DescribeServices",
    "ecs.service-inactive",
    "a deleted service is DRAINING, then described as INACTIVE",
)
def _service_inactive(answer: Json) -> Iterator[Observation]:
    for service in answer["services"]:
        if (status := service["status"]) not in ("ACTIVE", "DRAINING"):
            yield Observation(status == "INACTIVE", f"status {status}")


@_of(
    "ecs.DescribeServices",
    "ecs.inactive-deployments",
    "an INACTIVE service has an empty list of deployments",
)
def _inactive_deployments(answer: Json) -> Iterator[Observation]:
    for service in answer["services"]:
        if service["status"] == "INACTIVE":
            count = len(service.get("deployments", ()))
            yield Observation(count == 0, f"{count} deployments")


@_of(
    "ecs.DescribeServices",
    "ecs.zone-rebalancing",
    "a service that asks for no rebalancing over zones has availabilityZoneRebalancing DISABLED",
)
def _zone_rebalancing(answer: Json) -> Iterator[Observation]:
    for service in answer["services"]:
        if "availabilityZoneRebalancing" in service and service["status"] == "ACTIVE":
            value = service["availabilityZoneRebalancing"]
            yield Observation(value == "DISABLED", f"availabilityZoneRebalancing {value}")


_of_the_story(
    "ecs.missing-service",
    "DescribeServices lists a service that ECS does not know under failures as MISSING",
)
_of_the_story(
    "ecs.deleted-services-hidden",
    "ListServices does not list a service that is DRAINING or INACTIVE",
)
_of_the_story(
    "ecs.inactive-while-stopping", "a deleted service is INACTIVE while its tasks still stop"
)
_of_the_story("ecs.cluster-inactive", "a deleted cluster is described as INACTIVE, or as MISSING")
_of_the_story(
    "ecs.task-definitions-deleting",
    "ListTaskDefinitions lists deleted revisions with the status DELETE_IN_PROGRESS",
)

# Cloud Map

_of_the_story(
    "cloudmap.instance",
    "an instance's Id is the task's id, and its AWS_INSTANCE_IPV4 the task's private address",
)
_of_the_story(
    "cloudmap.instance-port", "an instance's AWS_INSTANCE_PORT is the containerPort of its endpoint"
)
_of_the_story(
    "cloudmap.managed-tag", "what ECS makes in Cloud Map has the tag AmazonECSManaged = true"
)
_of_the_story(
    "cloudmap.removal-delay",
    f"ECS removes the Cloud Map services of a deleted service within {MOST_SECONDS_IN_CLOUD_MAP} s",
)

# ECS's events


@_of(
    "event.ECS Task State Change",
    "events.task-proxy-attachment",
    "an event's attachment of the proxy has the same type as in DescribeTasks: ServiceConnect",
)
def _event_proxy_attachment(event: Json) -> Iterator[Observation]:
    for attachment, _ in _attachments(event["detail"]):
        if not _is_interface(attachment):
            kind = attachment["type"]
            yield Observation(kind == "ServiceConnect", f"type {kind!r}")


@_of(
    "event.ECS Task State Change",
    "events.task-members",
    "an event of a task has clusterArn, group, startedBy, lastStatus, desiredStatus and a whole "
    "number as version",
)
def _event_task_members(event: Json) -> Iterator[Observation]:
    wanted = ("clusterArn", "group", "startedBy", "lastStatus", "desiredStatus", "version")
    missing = [name for name in wanted if name not in event["detail"]]
    holds = not missing and isinstance(event["detail"]["version"], int)
    yield Observation(holds, f"without {', '.join(missing)}" if missing else "all of them")


@_of(
    "event.ECS Task State Change",
    "events.deactivating",
    "a Service Connect task that stops is DEACTIVATING first: it is told before it is STOPPING",
)
def _deactivating(event: Json) -> Iterator[Observation]:
    if (status := event["detail"]["lastStatus"]) == "DEACTIVATING":
        yield Observation(True, f"lastStatus {status}")


@_of(
    "event.ECS Deployment State Change",
    "events.deployment-cluster",
    "an event of a deployment has clusterArn in its detail, and the service's ARN in resources",
)
def _event_deployment_cluster(event: Json) -> Iterator[Observation]:
    holds = "clusterArn" in event["detail"] and ":service/" in event["resources"][0]
    yield Observation(
        holds, f"detail: {', '.join(event['detail'])}; resources: {event['resources']}"
    )


_of_the_story(
    "events.denied-source",
    "the stack's bus refuses the source bivouac from everybody but the stack's functions: "
    "AccessDeniedException, of the call or of the entry",
)

# Step Functions, IAM, Scheduler, CloudFormation


@_of(
    "stepfunctions.GetExecutionHistory",
    "stepfunctions.placeholders",
    "quoted placeholders of a definition arrive as texts, whatever they look like",
)
def _placeholders(answer: Json) -> Iterator[Observation]:
    for event in answer["events"]:
        scheduled = event.get("lambdaFunctionScheduledEventDetails", {})
        settings = json.loads(scheduled.get("input") or "{}").get("settings")
        if isinstance(settings, dict):
            others = {name: value for name, value in settings.items() if not isinstance(value, str)}
            yield Observation(not others, f"{others}" if others else f"{len(settings)} texts")


_of_the_story(
    "stepfunctions.error-name",
    "the error of a Python function's exception is its class's name alone, and its cause JSON with "
    "errorMessage",
)
_of_the_story(
    "stepfunctions.stop-after-end",
    "StopExecution of an execution that has ended is answered and changes nothing",
)
_of_the_story(
    "iam.pass-role", "a role that may pass the task's roles can create and update services"
)
_of_the_story(
    "scheduler.trust",
    "Scheduler takes a role whose trust names the schedule group as aws:SourceArn",
)
_of_the_story(
    "scheduler.missing-schedule",
    "DeleteSchedule of what is not there answers ResourceNotFoundException",
)
_of_the_story(
    "cloudformation.stack-complete",
    "the stack is complete: CloudFormation has taken the custom resource's answer, the policies of "
    "the bus and the roles' rights to log",
)
