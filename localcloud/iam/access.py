"""The permissions that a call needs: actions on resources, with the request's condition keys.

Resources and keys are those of the service authorization reference, for the operations that Bivouac
calls; any other operation is an action on "*".
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from localcloud.account import Account
from localcloud.awslambda.names import FunctionName
from localcloud.endpoint.calls import Call

Tags = Mapping[str, str]
Parameters = Mapping[str, Any]

_PREFIXES = {"monitoring": "cloudwatch"}
"""The prefix of a service's actions if it differs from the name that requests are signed for."""


@dataclass(frozen=True)
class Access:
    action: str
    resource: str
    keys: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    """The request's condition keys, without those of the resource's tags."""


class Accesses:
    """Works out what a call needs. `passed_roles`: the roles that CreateService or UpdateService
    gives to tasks. `machine_of_token`: the state machine that gave out a task token, if any did."""

    def __init__(
        self,
        account: Account,
        passed_roles: Callable[[Parameters], list[str]],
        machine_of_token: Callable[[str], str | None],
    ) -> None:
        self._account = account
        self._machine_of_token = machine_of_token
        self._passed_roles = passed_roles
        self._of_service: dict[str, Callable[[str, Parameters], Iterable[Access]]] = {
            "cloudformation": self._cloudformation,
            "dynamodb": self._dynamodb,
            "ecs": self._ecs,
            "events": self._events,
            "iam": self._iam,
            "lambda": self._lambda,
            "logs": self._logs,
            "scheduler": self._scheduler,
            "servicediscovery": self._servicediscovery,
            "sqs": self._sqs,
            "states": self._states,
        }

    def of(self, call: Call) -> list[Access]:
        """All of them must be allowed. Who one is, everybody may ask (STS API reference,
        GetCallerIdentity: no permissions are required)."""
        if (call.service, call.operation) == ("sts", "GetCallerIdentity"):
            return []
        if of_service := self._of_service.get(call.service):
            return list(of_service(call.operation, call.parameters))
        return [Access(f"{_PREFIXES.get(call.service, call.service)}:{call.operation}", "*")]

    def _arn(self, service: str, kind: str, name: str) -> str:
        """The ARN of something that a request names by name or ARN."""
        return name if name.startswith("arn:") else self._account.arn(service, f"{kind}{name}")

    # --- ECS ---------------------------------------------------------------------------------

    def _ecs(self, operation: str, given: Parameters) -> Iterator[Access]:
        action = f"ecs:{operation}"
        cluster = self._cluster(given.get("cluster", "default"))
        match operation:
            case "CreateCluster":
                name = given.get("clusterName", "default")
                yield from self._created(action, self._cluster(name), given, {})
            case "DescribeClusters":
                for name in given.get("clusters", ["default"]):
                    yield Access(action, self._cluster(name))
            case "UpdateCluster" | "DeleteCluster" | "PutClusterCapacityProviders":
                yield Access(action, cluster)
            case "RegisterTaskDefinition":
                yield from self._register(action, given)
            case "DeleteTaskDefinitions":
                for name in given["taskDefinitions"]:
                    yield Access(action, self._arn("ecs", "task-definition/", name))
            case "CreateService":
                keys = {"ecs:cluster": (cluster,), **_service_keys(given)}
                service = self._service(cluster, given["serviceName"])
                yield from self._created(action, service, given, keys)
                yield from self._passed_to_tasks(self._passed_roles(given))
            case "UpdateService":
                keys = {"ecs:cluster": (cluster,), **_service_keys(given)}
                yield Access(action, self._service(cluster, given["service"]), keys)
                yield from self._passed_to_tasks(self._passed_roles(given))
            case "DeleteService":
                keys = {"ecs:cluster": (cluster,)}
                yield Access(action, self._service(cluster, given["service"]), keys)
            case "DescribeServices":
                for name in given["services"]:
                    yield Access(action, self._service(cluster, name), {"ecs:cluster": (cluster,)})
            case "DescribeTasks":
                for name in given["tasks"]:
                    yield Access(action, self._task(cluster, name), {"ecs:cluster": (cluster,)})
            case "StopTask":
                keys = {"ecs:cluster": (cluster,)}
                yield Access(action, self._task(cluster, given["task"]), keys)
            case "ListServices" | "ListTasks":
                yield Access(action, "*", {"ecs:cluster": (cluster,)})
            case "ListServicesByNamespace":
                yield Access(action, "*", {"ecs:namespace": (given["namespace"],)})
            case "TagResource" | "UntagResource" | "ListTagsForResource":
                yield Access(action, given["resourceArn"], _tag_keys(given.get("tags")))
            case _:
                yield Access(action, "*")

    def _created(
        self, action: str, resource: str, given: Parameters, keys: Mapping[str, tuple[str, ...]]
    ) -> Iterator[Access]:
        """Tags at creation also need the right to tag."""
        keys = {**keys, **_tag_keys(given.get("tags"))}
        yield Access(action, resource, keys)
        if given.get("tags"):
            create = {"ecs:CreateAction": (action.partition(":")[2],)}
            yield Access("ecs:TagResource", resource, {**keys, **create})

    def _register(self, action: str, given: Parameters) -> Iterator[Access]:
        # The revision is not known yet.
        resource = self._arn("ecs", "task-definition/", f"{given['family']}:*")
        yield from self._created(action, resource, given, {})
        named = (given.get("taskRoleArn"), given.get("executionRoleArn"))
        yield from self._passed_to_tasks(role for role in named if role)

    def _passed_to_tasks(self, roles: Iterable[str]) -> Iterator[Access]:
        for role in roles:
            yield self._passed(role, "ecs-tasks.amazonaws.com")

    def _passed(self, role: str, service: str) -> Access:
        if not role.startswith("arn:"):
            role = f"arn:aws:iam::{self._account.account_id}:role/{role}"
        return Access("iam:PassRole", role, {"iam:PassedToService": (service,)})

    def _cluster(self, name: str) -> str:
        return self._arn("ecs", "cluster/", name)

    def _service(self, cluster_arn: str, name: str) -> str:
        return self._arn("ecs", f"service/{cluster_arn.rpartition('/')[2]}/", name)

    def _task(self, cluster_arn: str, name: str) -> str:
        return self._arn("ecs", f"task/{cluster_arn.rpartition('/')[2]}/", name)

    # --- Cloud Map ---------------------------------------------------------------------------

    def _servicediscovery(self, operation: str, given: Parameters) -> Iterator[Access]:
        action = f"servicediscovery:{operation}"
        match operation:
            case "CreateHttpNamespace":
                keys = _tag_keys(given.get("Tags"))
                yield Access(action, "*", keys)
                if keys:
                    yield Access("servicediscovery:TagResource", "*", keys)
            case "GetNamespace" | "DeleteNamespace":
                yield Access(action, self._arn("servicediscovery", "namespace/", given["Id"]))
            case "GetService" | "DeleteService":
                yield Access(action, self._arn("servicediscovery", "service/", given["Id"]))
            case "ListInstances" | "DeregisterInstance":
                service = self._arn("servicediscovery", "service/", given["ServiceId"])
                yield Access(action, service, {"servicediscovery:ServiceArn": (service,)})
            case "TagResource":
                yield Access(action, "*", _tag_keys(given.get("Tags")))
            case _:
                yield Access(action, "*")

    # --- the others --------------------------------------------------------------------------

    def _logs(self, operation: str, given: Parameters) -> Iterator[Access]:
        action = f"logs:{operation}"
        match operation:
            case "ListTagsForResource" | "TagResource" | "UntagResource":
                resource = given["resourceArn"].removesuffix(":*")
                yield Access(action, resource, _tag_keys(given.get("tags")))
            case "CreateLogGroup":
                keys = _tag_keys(given.get("tags"))
                yield Access(action, self._log_stream(given["logGroupName"], ""), keys)
                if keys:
                    group = self._arn("logs", "log-group:", given["logGroupName"])
                    yield Access("logs:TagResource", group, keys)
            case "DescribeLogGroups":
                yield Access(action, "*")
            case _:
                # AWS's refusals name it this way, even if there is no stream.
                group = given.get("logGroupName") or given.get("logGroupIdentifier", "")
                group = group.rpartition("log-group:")[2].removesuffix(":*")
                yield Access(action, self._log_stream(group, given.get("logStreamName", "")))

    def _log_stream(self, group: str, stream: str) -> str:
        return self._arn("logs", "log-group:", f"{group}:log-stream:{stream}")

    def _dynamodb(self, operation: str, given: Parameters) -> Iterator[Access]:
        if operation == "TransactWriteItems":
            actions = {"Put": "PutItem", "Update": "UpdateItem", "Delete": "DeleteItem"}
            for item in given["TransactItems"]:
                for kind, write in item.items():
                    yield self._table(actions.get(kind, "ConditionCheckItem"), write["TableName"])
        elif operation in ("BatchGetItem", "BatchWriteItem"):
            for name in given["RequestItems"]:
                yield self._table(operation, name)
        elif operation == "UpdateItem":
            attributes = {"dynamodb:Attributes": tuple(_attributes(given))}
            yield replace(self._table(operation, given["TableName"]), keys=attributes)
        elif "TableName" in given:
            index = f"/index/{given['IndexName']}" if "IndexName" in given else ""
            yield self._table(operation, given["TableName"] + index)
        else:
            yield Access(f"dynamodb:{operation}", "*")

    def _table(self, operation: str, name: str) -> Access:
        return Access(f"dynamodb:{operation}", self._arn("dynamodb", "table/", name))

    def _scheduler(self, operation: str, given: Parameters) -> Iterator[Access]:
        action = f"scheduler:{operation}"
        if operation in ("CreateSchedule", "UpdateSchedule", "GetSchedule", "DeleteSchedule"):
            group = given.get("GroupName") or given.get("groupName") or "default"
            yield Access(action, self._arn("scheduler", f"schedule/{group}/", given["Name"]))
            if role := given.get("Target", {}).get("RoleArn"):
                yield self._passed(role, "scheduler.amazonaws.com")
        elif operation.endswith("ScheduleGroup"):
            group = self._arn("scheduler", "schedule-group/", given["Name"])
            yield Access(action, group, _tag_keys(given.get("Tags")))
        elif "ResourceArn" in given:
            yield Access(action, given["ResourceArn"], _tag_keys(given.get("Tags")))
        else:
            yield Access(action, "*")

    def _states(self, operation: str, given: Parameters) -> Iterator[Access]:
        if "taskToken" in given:
            # On the machine that gave it out, though the reference names no resource. Recorded:
            # github.com/NOAA-OWP/hydrovis issue 837 (2024-08), "is not authorized to perform:
            # states:SendTaskFailure on resource: arn:aws:states:...:stateMachine:..."
            if machine := self._machine_of_token(given["taskToken"]):
                yield Access(f"states:{operation}", machine)
            return
        arn = given.get("stateMachineArn") or given.get("executionArn") or "*"
        yield Access(f"states:{operation}", arn)

    def _lambda(self, operation: str, given: Parameters) -> Iterator[Access]:
        action = "lambda:InvokeFunction" if operation == "Invoke" else f"lambda:{operation}"
        if "FunctionName" not in given:
            yield Access(action, "*")
            return
        # Lambda's page "Fine-tuning the Resources and Conditions sections of policies": a policy on
        # a function's ARN does not cover its versions and aliases, nor `<arn>:*` the function.
        name = FunctionName.of(given["FunctionName"], given.get("Qualifier"))
        yield Access(action, name.arn(self._account.region, self._account.account_id))

    def _events(self, operation: str, given: Parameters) -> Iterator[Access]:
        if operation != "PutEvents":
            yield Access(f"events:{operation}", "*")
            return
        for entry in given["Entries"]:
            bus = entry.get("EventBusName", "default")
            keys = {
                "events:source": (entry.get("Source", ""),),
                "events:detail-type": (entry.get("DetailType", ""),),
            }
            yield Access("events:PutEvents", self._arn("events", "event-bus/", bus), keys)

    def _cloudformation(self, operation: str, given: Parameters) -> Iterator[Access]:
        name = given.get("StackName")
        stack = (
            self._arn("cloudformation", "stack/", name if ":" in name else f"{name}/*")
            if name
            else "*"
        )
        yield Access(f"cloudformation:{operation}", stack)

    def _iam(self, operation: str, given: Parameters) -> Iterator[Access]:
        account = f"arn:aws:iam::{self._account.account_id}"
        match operation:
            case "GetRole":
                resource = f"{account}:role/{given['RoleName']}"
            case "GetPolicy":
                resource = given["PolicyArn"]
            case "SimulatePrincipalPolicy":
                resource = given["PolicySourceArn"]
            case _:
                resource = "*"
        yield Access(f"iam:{operation}", resource)

    def _sqs(self, operation: str, given: Parameters) -> Iterator[Access]:
        url = given.get("QueueUrl")
        resource = self._arn("sqs", "", url.rpartition("/")[2]) if url else "*"
        yield Access(f"sqs:{operation}", resource)


_EXPRESSION_WORDS = (
    *("ADD", "AND", "BETWEEN", "DELETE", "IN", "NOT", "OR", "REMOVE", "SET", "attribute_exists"),
    *("attribute_not_exists", "attribute_type", "begins_with", "contains", "if_not_exists"),
    *("list_append", "size"),
)


def _attributes(given: Parameters) -> Iterator[str]:
    """The attributes that an UpdateItem names: its key's, and those of its expressions (DynamoDB
    guide, "Using IAM policy conditions for fine-grained access control")."""
    yield from given["Key"]
    names = given.get("ExpressionAttributeNames", {})
    for expression in ("UpdateExpression", "ConditionExpression"):
        for word in re.findall(r"[#:]?\w+", given.get(expression, "")):
            if word not in _EXPRESSION_WORDS and word[0] != ":" and not word.isdecimal():
                yield names.get(word, word)


def _tag_keys(tags: Any) -> dict[str, tuple[str, ...]]:
    """The condition keys of tags in a request: a list of keys and values, or a map."""
    if not tags:
        return {}
    if isinstance(tags, dict):
        named = tags
    else:
        named = {tag.get("key", tag.get("Key")): tag.get("value", tag.get("Value")) for tag in tags}
    keys = {f"aws:RequestTag/{name}": (str(value),) for name, value in named.items()}
    return {**keys, "aws:TagKeys": tuple(named)}


def _service_keys(given: Parameters) -> dict[str, tuple[str, ...]]:
    """The ecs: condition keys of CreateService and UpdateService."""
    keys: dict[str, tuple[str, ...]] = {}
    connect = given.get("serviceConnectConfiguration", {})
    if connect:
        keys["ecs:enable-service-connect"] = (str(connect["enabled"]).lower(),)
    if "namespace" in connect:
        keys["ecs:namespace"] = (connect["namespace"],)
    network = given.get("networkConfiguration", {}).get("awsvpcConfiguration", {})
    if network:
        keys["ecs:subnet"] = tuple(network["subnets"])
        public = network.get("assignPublicIp", "DISABLED") == "ENABLED"
        keys["ecs:auto-assign-public-ip"] = (str(public).lower(),)
    if "enableExecuteCommand" in given:
        keys["ecs:enable-execute-command"] = (str(given["enableExecuteCommand"]).lower(),)
    if "taskDefinition" in given:
        keys["ecs:task-definition"] = (given["taskDefinition"],)
    return keys
