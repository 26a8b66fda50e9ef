"""Everything in the account whose name or tags are like this stack's. Every list is read whole.

What belongs to environments that live is not asked for its tags: nothing is decided about it.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Set
from dataclasses import dataclass
from typing import TYPE_CHECKING

from bivouac import naming
from bivouac.aftermath import Ended, content_of
from bivouac.aws import cloudmap, ecs, loggroups
from bivouac.aws.faults import translated
from bivouac.blueprint import from_ecs_tags
from bivouac.sweeping import Holder, Resource

if TYPE_CHECKING:
    from types_boto3_ecs import ECSClient
    from types_boto3_logs import CloudWatchLogsClient
    from types_boto3_servicediscovery import ServiceDiscoveryClient
    from types_boto3_stepfunctions import SFNClient


@dataclass(frozen=True)
class Inventory:
    stack: str
    """The stack's name prefix."""
    ecs: ECSClient
    cloud_map: ServiceDiscoveryClient
    logs: CloudWatchLogsClient

    def resources(self, living: Set[str]) -> list[Resource]:
        """`living`: the environments that have a record."""
        return [
            *self._namespaces(),
            *self._clusters(living),
            *self._task_definitions(living),
            *self._log_groups(living),
        ]

    def _namespaces(self) -> Iterator[Resource]:
        """A request may name its namespace as it likes, so only tags tell."""
        for namespace in cloudmap.list_namespaces(self.cloud_map):
            tags = cloudmap.tags_of(self.cloud_map, namespace.arn)
            tagged = tags.get(naming.ENVIRONMENT_TAG, "")
            named = self._environment_of(namespace.name)
            if tags.get(naming.STACK_TAG) == self.stack and naming.is_environment_name(tagged):
                yield Resource("namespace", namespace.name, namespace.arn, tagged, owned=True)
            elif named is not None and not _of_another(tags, self.stack):
                yield Resource("namespace", namespace.name, namespace.arn, named, owned=False)

    def _clusters(self, living: Set[str]) -> Iterator[Resource]:
        names = [
            name
            for name in ecs.list_clusters(self.ecs)
            if (named := self._environment_of(name)) is not None and named not in living
        ]
        for cluster in ecs.describe_clusters(self.ecs, names):
            tags = from_ecs_tags(cluster.get("tags"))
            yield from self._seen(
                "cluster", cluster["clusterName"], cluster["clusterArn"], "", tags
            )

    def _task_definitions(self, living: Set[str]) -> Iterator[Resource]:
        """Those that are ACTIVE: what is not any more serves nobody, and costs nothing."""
        for family in ecs.families(self.ecs, f"{self.stack}-", "ACTIVE"):
            if (self._environment_of(family.partition("--")[0]) or "") in living:
                continue
            for arn in ecs.revisions(self.ecs, family, "ACTIVE"):
                _, tags = ecs.describe_task_definition(self.ecs, arn)
                yield from self._seen("task definition", arn.rpartition("/")[2], arn, "--", tags)

    def _log_groups(self, living: Set[str]) -> Iterator[Resource]:
        for group in loggroups.find(self.logs, f"/{self.stack}-").values():
            if (self._environment_of(group.name[1:].partition("/")[0]) or "") in living:
                continue
            tags = loggroups.tags_of(self.logs, group.arn)
            yield from self._seen("log group", group.name, group.arn, "/", tags)

    def _seen(
        self, kind: str, name: str, arn: str, separator: str, tags: Mapping[str, str]
    ) -> Iterator[Resource]:
        """`separator` ends the part of the name that names the environment."""
        if _of_another(tags, self.stack):
            return
        part = name.strip("/").partition(separator)[0] if separator else name
        named = self._environment_of(part) or ""
        owned = bool(named) and naming.is_owned(tags, self.stack, named)
        yield Resource(kind, name, arn, named, owned)

    def _environment_of(self, name: str) -> str | None:
        """None where the name is not like ours; empty where no environment has such a one."""
        if not name.startswith(f"{self.stack}-"):
            return None
        return naming.environment_of_cluster(self.stack, name) or ""


def _of_another(tags: Mapping[str, str], stack: str) -> bool:
    """Another stack's, whose prefix begins with this one's: it looks after it itself."""
    return tags.get(naming.STACK_TAG, stack) != stack


def holder(client: SFNClient, execution_arn: str) -> Holder:
    """What became of an execution that holds a record; it may be forgotten by now (W06), or what
    the record says may be none."""
    unknown = Holder(running=False, ended_at=None, ended=Ended(execution_arn, ""))
    if not execution_arn:
        return unknown
    with translated(f"execution {execution_arn}"):
        try:
            answer = client.describe_execution(executionArn=execution_arn)
        except (client.exceptions.ExecutionDoesNotExist, client.exceptions.InvalidArn):
            return unknown
    ended = Ended(
        execution_arn,
        answer["status"],
        answer.get("error", ""),
        answer.get("cause", ""),
        content_of(answer.get("input")),
    )
    running = answer["status"] in ("RUNNING", "PENDING_REDRIVE")
    return Holder(running, answer.get("stopDate"), ended)
