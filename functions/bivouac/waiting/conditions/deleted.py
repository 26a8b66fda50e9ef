"""Polls an environment that is being deleted: what still exists, and what to wait for.

Reads only. ECS emits an event when a task has stopped. Nothing is emitted when a service becomes
INACTIVE, when its Cloud Map service is removed, or when a Cloud Map operation ends, so these are
polled. A service is INACTIVE once its tasks have been told to stop (D05), which takes seconds: an
event for each task would start a function for each, and still say nothing about the service.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import datetime

from bivouac import times
from bivouac.aws import cloudmap, cloudmap_answers, ecs, ecs_answers, log_groups
from bivouac.aws.client_types import CloudWatchLogsClient, ECSClient, ServiceDiscoveryClient
from bivouac.aws.ecs_answers import ECS_REMOVES_WITHIN_SECONDS
from bivouac.deletion import remaining
from bivouac.deletion.receipt import PART_LIMIT, Item, ItemKind, Outcome, bounded, failures
from bivouac.deletion.step import NOT_OURS, PATIENCE_SECONDS
from bivouac.environment import naming
from bivouac.environment.blueprint import from_ecs_tags
from bivouac.environment.record import Record
from bivouac.json_types import Described
from bivouac.services.deployments import Tasks
from bivouac.waiting.wait import (
    POLL_SECONDS,
    STALE_SECONDS,
    Awaited,
    PollResult,
    Purpose,
    Stage,
    TaskEvents,
    Wait,
    counted,
)

ENDPOINTS_GO_AFTER_SECONDS = 3 * POLL_SECONDS
"""After a service became INACTIVE: ECS then takes seconds or more to remove its endpoints (D09),
and an earlier poll would be a wasted call."""
CLEAN_POLLS_AFTER_A_STOP = 2
"""In a row, where a create was cut short: AWS may complete its last call late, and what was made
last is listed last."""
CLEAN_PAUSE_SECONDS = 1.0
"""Between them."""
ROUNDS = 3
"""Rounds of deletion; then the receipt lists what is left as failed (D17)."""


class DeletedPoll:
    """Called for each poll of one wait; it remembers what need not be read twice."""

    def __init__(
        self,
        record: Record,
        ecs_client: ECSClient,
        cloud_map: Callable[[], ServiceDiscoveryClient],
        logs: Callable[[], CloudWatchLogsClient],
        now: Callable[[], datetime],
    ) -> None:
        self._blueprint = record.planned
        self._cluster: str = self._blueprint.cluster["clusterName"]
        self._ecs = ecs_client
        self._cloud_map = cloud_map
        self._logs = logs
        self._now = now
        self._draining: list[str] | None = None
        """The services that were not gone yet; None before the first poll."""
        self._inactive_since: datetime | None = None
        self._operation_ended = False
        self._clean_polls = 0
        self._clean_polls_needed = CLEAN_POLLS_AFTER_A_STOP if record.settle else 1

    def __call__(self, wait: Wait) -> PollResult:
        """The answer is GONE, STILL_THERE when the patience has run out, or, in the last wait, LEFT
        with what another round must delete."""
        waited = times.seconds_since(wait.context["closedAt"], self._now())
        match wait.purpose:
            case Purpose.SERVICES_GONE:
                result = self._services(wait)
            case Purpose.TASKS_GONE:
                result = self._tasks(wait)
            case Purpose.EVERYTHING_GONE:
                return self._everything(wait, waited)
            case Purpose.SERVICES | Purpose.ASLEEP:
                raise ValueError(f"{wait.purpose} does not wait for a deletion")
        if result.answer is None and waited > PATIENCE_SECONDS:
            return PollResult(answer={"status": "STILL_THERE"})
        return result

    # --- services ------------------------------------------------------------------------------

    def _services(self, wait: Wait) -> PollResult:
        if self._inactive_since is None:
            names = wait.context["names"] if self._draining is None else self._draining
            left = remaining.services(self._ecs, self._cluster, names) if names else {}
            if left:
                self._draining = list(left)
                return PollResult(again_after=POLL_SECONDS)
            self._inactive_since = self._now()
            if wait.context["names"] and wait.context["namespaceId"] and self._planned_endpoints():
                return PollResult(again_after=ENDPOINTS_GO_AFTER_SECONDS)
        waited = (self._now() - self._inactive_since).total_seconds()
        if wait.context["names"] and self._endpoints_stay(wait.context["namespaceId"], waited):
            return PollResult(again_after=_poll_interval(waited))
        return PollResult(answer={"status": "GONE"})

    def _planned_endpoints(self) -> set[str]:
        return {
            endpoint.discovery_name
            for service in self._blueprint.services
            for endpoint in service.endpoints
        }

    def _endpoints_stay(self, namespace_id: str | None, waited: float) -> bool:
        """ECS removes the Cloud Map services a while after the ECS services; until then the
        namespace cannot be deleted (D09, N11)."""
        planned = self._planned_endpoints()
        if namespace_id is None or not planned or waited > ECS_REMOVES_WITHIN_SECONDS:
            return False
        there = cloudmap.list_services(self._cloud_map(), namespace_id)
        return any(service["Name"] in planned for service in there)

    # --- tasks and the namespace's operation ---------------------------------------------------

    def _tasks(self, wait: Wait) -> PollResult:
        if self._operation_runs(wait.context["operationId"]):
            return PollResult(again_after=POLL_SECONDS)
        listed = remaining.stopping_tasks(self._ecs, self._cluster)
        stopping = {name: tasks for name, tasks in listed.items() if self._ours(name, tasks)}
        if not stopping:
            return PollResult(answer={"status": "GONE"})
        awaited = Awaited(
            {service: len(tasks) for service, tasks in stopping.items()},
            (frozenset(stopping),),
            counted(wait.purpose, wait.task_events),
        )
        lags = _lags(wait.task_events, stopping)
        return PollResult(again_after=STALE_SECONDS if lags else None, awaited=awaited)

    def _ours(self, service: str, tasks: Sequence[Described]) -> bool:
        """A task carries its service's tags (the plan requires it); one that has just started may
        not show them yet."""
        planned = [each.service_name for each in self._blueprint.services]
        if service in planned or service.startswith(naming.PROOF_PREFIX):
            return True
        return any(self._blueprint.owns(from_ecs_tags(task.get("tags"))) for task in tasks)

    def _operation_runs(self, operation_id: str | None) -> bool:
        """Whether it succeeded shows in whether the namespace exists, which is read later (N05,
        N14)."""
        if operation_id and not self._operation_ended:
            operation = cloudmap.get_operation(self._cloud_map(), operation_id)
            if operation is not None and not cloudmap_answers.is_over(operation):
                return True
        self._operation_ended = True
        return False

    # --- everything ----------------------------------------------------------------------------

    def _everything(self, wait: Wait, waited: float) -> PollResult:
        found = list(self._found(wait.context["thorough"]))
        left = failures(found)
        if not left:
            self._clean_polls += 1
            if self._clean_polls < self._clean_polls_needed:
                return PollResult(again_after=CLEAN_PAUSE_SECONDS)
            return _concluded("GONE", wait, found)
        self._clean_polls = 0
        if waited < ECS_REMOVES_WITHIN_SECONDS and self._ecs_still_removes():
            return PollResult(again_after=_poll_interval(waited))
        last = wait.context["rounds"] + 1 >= ROUNDS or waited > PATIENCE_SECONDS
        return _concluded("STILL_THERE" if last else "LEFT", wait, found)

    def _found(self, thorough: bool) -> Iterator[Item]:
        yield from self._in_cluster()
        yield from self._task_definitions(thorough)
        namespace = cloudmap.find_namespace(self._cloud_map(), self._blueprint.namespace)
        if namespace:
            tags = cloudmap.tags_of(self._cloud_map(), namespace.arn)
            yield self._item(ItemKind.NAMESPACE, namespace.name, tags)
        logs = self._logs()
        prefix = naming.log_group_prefix(self._blueprint.stack, self._blueprint.environment)
        for group in log_groups.find(logs, prefix).values():
            yield self._item(ItemKind.LOG_GROUP, group.name, log_groups.tags_of(logs, group.arn))

    def _in_cluster(self) -> Iterator[Item]:
        cluster = ecs.describe_cluster(self._ecs, self._cluster)
        if cluster is None:
            return
        tags = from_ecs_tags(cluster.get("tags"))
        yield self._item(ItemKind.CLUSTER, self._cluster, tags)
        names = remaining.service_names(self._ecs, self._blueprint)
        services = remaining.services(self._ecs, self._cluster, names)
        for name, service in services.items():
            yield self._item(ItemKind.SERVICE, name, from_ecs_tags(service.get("tags")))
        if self._blueprint.owns(tags):
            for task in ecs.list_tasks(self._ecs, self._cluster, "RUNNING"):
                yield self._item(ItemKind.STRAY_TASK, task, tags)

    def _task_definitions(self, thorough: bool) -> Iterator[Item]:
        """Without `thorough`, INACTIVE revisions are known to be deleted already (T12)."""
        prefix = naming.family_prefix(self._blueprint.stack, self._blueprint.environment)
        for family in ecs.families(self._ecs, prefix, "ALL" if thorough else "ACTIVE"):
            for arn, tags in ecs.tagged_revisions(self._ecs, family, "ACTIVE"):
                yield self._item(ItemKind.TASK_DEFINITION, arn.rpartition("/")[2], tags)
            inactive = ecs.tagged_revisions(self._ecs, family, "INACTIVE")
            for arn, tags in inactive if thorough else ():
                if self._blueprint.owns(tags):
                    yield self._item(ItemKind.TASK_DEFINITION, arn.rpartition("/")[2], tags)

    def _ecs_still_removes(self) -> bool:
        namespace = cloudmap.find_namespace(self._cloud_map(), self._blueprint.namespace)
        return bool(namespace and cloudmap.list_services(self._cloud_map(), namespace.id))

    def _item(self, kind: ItemKind, name: str, tags: Mapping[str, str]) -> Item:
        if self._blueprint.owns(tags):
            return Item(kind, name, Outcome.FAILED, "still there at the last check")
        return Item(kind, name, Outcome.RETAINED, NOT_OURS)


def _poll_interval(waited: float) -> float:
    """Seconds. ECS takes seconds or minutes to remove its Cloud Map services: the longer it has
    taken, the less a few more seconds matter."""
    return max(POLL_SECONDS, waited / 30)


def _lags(task_events: TaskEvents, stopping: Tasks) -> bool:
    """Whether the read tasks are older than an event."""
    return any(
        task_event.stage is Stage.STOPPED
        for tasks in stopping.values()
        for task in tasks
        if (task_event := task_events.get(ecs_answers.id_of(task["taskArn"])))
    )


def _concluded(status: str, wait: Wait, found: list[Item]) -> PollResult:
    return PollResult(
        answer={
            "status": status,
            "rounds": wait.context["rounds"] + 1,
            "items": [item.to_json() for item in bounded(found, PART_LIMIT)],
        }
    )
