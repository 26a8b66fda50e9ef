"""The tutorial's own way: its AWS CLI commands, its waiter, and curl.

The definitions are those of the request that Bivouac gets, so both create the same service; the
cluster, the namespace, the family and the log groups have the tutorial's names.
"""

from __future__ import annotations

import json
import time
from pathlib import Path
from typing import Any

from bench.commands import Commands
from bench.figures import Creation, Deletion, Step, WayName
from bench.waiting import BenchError
from bench.ways import LIMIT, Stage, Tell
from localcloud.credentials import user_keys

KEYS = user_keys()
CURL_EVERY = 1.0
"""Seconds between two requests of a person who waits for an answer."""


class AwsCli:
    name: WayName = "AWS CLI"

    def __init__(self, stage: Stage, request: dict[str, Any], directory: Path) -> None:
        self._stage = stage
        (planned,) = request["services"]
        definition = planned["taskDefinition"]
        self._cluster: str = planned["cluster"]
        self._service: str = planned["serviceName"]
        self._namespace: str = request["namespace"]
        self._family: str = definition["family"]
        self._log_groups = _log_groups(planned)
        connect = {**planned["serviceConnectConfiguration"], "namespace": self._namespace}
        self._definition_file = _written(directory / "task-definition.json", definition)
        self._service_file = _written(
            directory / "service.json",
            {**planned, "taskDefinition": self._family, "serviceConnectConfiguration": connect},
        )
        stage.cloud.credentials.admit(KEYS)
        self._commands = Commands(
            {
                "AWS_ACCESS_KEY_ID": KEYS.access_key_id,
                "AWS_SECRET_ACCESS_KEY": KEYS.secret_access_key,
                "AWS_DEFAULT_REGION": stage.cloud.account.region,
                "AWS_ENDPOINT_URL": stage.cloud.endpoint_url,
                "AWS_CONFIG_FILE": "/dev/null",
                "AWS_SHARED_CREDENTIALS_FILE": "/dev/null",
            },
            stage.stop,
        )

    def caller(self, access_key_id: str, /) -> bool:
        return access_key_id == KEYS.access_key_id

    def create(self, round_number: int, tell: Tell) -> Creation:
        started_at = time.time()
        steps: list[Step] = []

        def aws(*arguments: str) -> None:
            command = f"aws {arguments[0]} {arguments[1]}"
            command += f" {arguments[2]}" if arguments[1] == "wait" else ""
            tell(command)
            after = time.time() - started_at
            ended = self._commands.aws(*arguments)
            steps.append(Step(command, "command", 1, after, ended.seconds))

        for group in self._log_groups:
            aws("logs", "create-log-group", "--log-group-name", group)
        defaults = f"namespace={self._namespace}"
        aws(
            *("ecs", "create-cluster", "--cluster-name", self._cluster),
            *("--service-connect-defaults", defaults),
        )
        aws("ecs", "register-task-definition", "--cli-input-json", self._definition_file)
        aws("ecs", "create-service", "--cli-input-json", self._service_file)
        aws(
            *("ecs", "wait", "services-stable"),
            *("--cluster", self._cluster, "--services", self._service),
        )
        tell("curl")
        after = time.time() - started_at
        proof = self._curl_until_answered()
        proven_at = time.time()
        steps.append(Step("curl", "command", 1, after, proven_at - started_at - after))
        stage = self._stage
        return Creation(
            way=self.name,
            round=round_number,
            pull=stage.pull,
            started_at=started_at,
            ready_at=stage.ready_moment(
                stage.service_arn(self._cluster, self._service), started_at
            ),
            proven_at=proven_at,
            proof=proof,
            calls=stage.calls.between(started_at, proven_at, self.caller),
            transitions=None,
            steps=tuple(steps),
        )

    def delete(self, round_number: int, tell: Tell) -> Deletion | None:
        """The tutorial's clean-up is done by hand; here it only prepares the next round."""
        tell("everything is deleted, unmeasured")
        stage = self._stage
        ecs, cloud_map = stage.cloud.client("ecs"), stage.cloud.client("servicediscovery")
        ecs.delete_service(cluster=self._cluster, service=self._service, force=True)
        stage.wait_until_gone(stage.service_arn(self._cluster, self._service))
        ecs.delete_cluster(cluster=self._cluster)
        for found in cloud_map.list_namespaces()["Namespaces"]:
            if found["Name"] == self._namespace:
                operation = cloud_map.delete_namespace(Id=found["Id"])["OperationId"]
                self._follow(cloud_map, operation)
        arns = ecs.list_task_definitions(familyPrefix=self._family)["taskDefinitionArns"]
        for arn in arns:
            ecs.deregister_task_definition(taskDefinition=arn)
        logs = stage.cloud.client("logs")
        for group in self._log_groups:
            logs.delete_log_group(logGroupName=group)
        return None

    def _curl_until_answered(self) -> float:
        host = f"{self._service}.{self._cluster}.localhost"
        end = time.monotonic() + LIMIT
        while time.monotonic() < end:
            took = self._commands.curl(self._stage.cloud.endpoint_url, host)
            if took is not None:
                return took
            self._stage.stop.pause(CURL_EVERY)
        raise BenchError(f"{host} has not answered within {LIMIT:.0f} s")

    def _follow(self, cloud_map: Any, operation: str) -> None:
        def over() -> bool:
            status = cloud_map.get_operation(OperationId=operation)["Operation"]["Status"]
            if status == "FAIL":
                raise BenchError(f"the namespace {self._namespace} could not be deleted")
            return bool(status == "SUCCESS")

        self._stage.stop.until(over, f"deletion of the namespace {self._namespace}", LIMIT)


def _written(path: Path, content: dict[str, Any]) -> str:
    path.write_text(json.dumps(content, indent=2), encoding="utf-8")
    return f"file://{path}"


def _log_groups(planned: dict[str, Any]) -> list[str]:
    holders = [
        *planned["taskDefinition"]["containerDefinitions"],
        planned["serviceConnectConfiguration"],
    ]
    return [holder["logConfiguration"]["options"]["awslogs-group"] for holder in holders]
