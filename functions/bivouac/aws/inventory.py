"""Everything in the account whose name or tags are like this stack's. Every list is read whole.

What belongs to environments that live is not asked for its tags: nothing is decided about it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Set
from dataclasses import dataclass
from typing import TYPE_CHECKING

from bivouac import naming
from bivouac.aftermath import Ended
from bivouac.aws import cloudmap, ecs, executions, loggroups
from bivouac.blueprint import from_ecs_tags
from bivouac.errors import AccessDeniedError, NotYetConsistentError, RefusedByAwsError
from bivouac.sweeping import Holder, Resource

if TYPE_CHECKING:
    from types_boto3_ecs import ECSClient
    from types_boto3_logs import CloudWatchLogsClient
    from types_boto3_servicediscovery import ServiceDiscoveryClient
    from types_boto3_stepfunctions import SFNClient


@dataclass
class _Seen:
    """Something that a list has just shown."""

    kind: str
    name: str
    arn: str
    refusal: str = ""

    def tags(self, read: Callable[[str], dict[str, str]]) -> dict[str, str] | None:
        """None where it went since, or AWS refuses to show them: one refusal, such as a policy of
        the organisation's, ends no sweep."""
        try:
            return read(self.arn)
        except NotYetConsistentError:
            return None
        except (AccessDeniedError, RefusedByAwsError) as error:
            if not ecs.is_missing_task_definition(error):
                self.refusal = str(error)
            return None

    def resource(self, environment: str, owned: bool) -> Resource:
        return Resource(self.kind, self.name, self.arn, environment, owned)

    def refused(self, environment: str) -> Iterator[Resource]:
        """Nothing where it went since."""
        if self.refusal:
            yield Resource(
                self.kind, self.name, self.arn, environment, owned=False, refused=self.refusal
            )


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
            seen = _Seen("namespace", namespace.name, namespace.arn)
            named = self._environment_of(namespace.name)
            tags = seen.tags(lambda arn: cloudmap.tags_of(self.cloud_map, arn))
            if tags is None:
                yield from seen.refused(named or "")
                continue
            tagged = tags.get(naming.ENVIRONMENT_TAG, "")
            if tags.get(naming.STACK_TAG) == self.stack and naming.is_environment_name(tagged):
                yield seen.resource(tagged, owned=True)
            elif named is not None and not _of_another(tags, self.stack):
                yield seen.resource(named, owned=False)

    def _clusters(self, living: Set[str]) -> Iterator[Resource]:
        names = [
            name
            for name in ecs.list_clusters(self.ecs)
            if (named := self._environment_of(name)) is not None and named not in living
        ]
        for cluster in ecs.describe_clusters(self.ecs, names):
            seen = _Seen("cluster", cluster["clusterName"], cluster["clusterArn"])
            tags = from_ecs_tags(cluster.get("tags"))
            yield from self._of_name(seen, seen.name, tags)

    def _task_definitions(self, living: Set[str]) -> Iterator[Resource]:
        """Those that are ACTIVE: what is not any more serves nobody, and costs nothing."""
        for family in ecs.families(self.ecs, f"{self.stack}-", "ACTIVE"):
            part = family.partition("--")[0]
            if (self._environment_of(part) or "") in living:
                continue
            for arn in ecs.revisions(self.ecs, family, "ACTIVE"):
                seen = _Seen("task definition", arn.rpartition("/")[2], arn)
                tags = seen.tags(lambda arn: ecs.describe_task_definition(self.ecs, arn)[1])
                yield from self._of_name(seen, part, tags)

    def _log_groups(self, living: Set[str]) -> Iterator[Resource]:
        for group in loggroups.find(self.logs, f"/{self.stack}-").values():
            part = group.name[1:].partition("/")[0]
            if (self._environment_of(part) or "") in living:
                continue
            seen = _Seen("log group", group.name, group.arn)
            tags = seen.tags(lambda arn: loggroups.tags_of(self.logs, arn))
            yield from self._of_name(seen, part, tags)

    def _of_name(
        self, seen: _Seen, part: str, tags: Mapping[str, str] | None
    ) -> Iterator[Resource]:
        """`part` of its name names the environment."""
        named = self._environment_of(part) or ""
        if tags is None:
            yield from seen.refused(named)
        elif not _of_another(tags, self.stack):
            owned = bool(named) and naming.is_owned(tags, self.stack, named)
            yield seen.resource(named, owned)

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
    found = executions.described(client, execution_arn)
    if found is None:
        return unknown
    return Holder(found.is_at_work, found.stopped_at, Ended.of(found))
