"""Everything in the account whose name or tags are like this stack's. Every list is read in full.

The tags of living environments' resources are not read: nothing depends on them. All other tags
are, as far as there is time. One owned resource is enough to make its environment an orphan, so
its other resources are read last.
"""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence, Set
from dataclasses import dataclass, field, replace
from functools import partial

from bivouac import times
from bivouac.aws import cloudmap, ecs, log_groups, scheduler_answers
from bivouac.aws.client_types import (
    CloudWatchLogsClient,
    ECSClient,
    ServiceDiscoveryClient,
)
from bivouac.aws.scheduler import Schedules
from bivouac.environment import naming
from bivouac.environment.blueprint import from_ecs_tags
from bivouac.errors import (
    AccessDeniedError,
    NotYetConsistentError,
    RefusedByAwsError,
    ThrottledError,
)
from bivouac.sweep.budget import (
    A_CALL,
    LOG_GROUP_TAGS,
    LOG_GROUPS_PAGE,
    TASK_DEFINITION,
    Pace,
    Share,
)
from bivouac.sweep.findings import ArmedSchedule, Resource

Tags = Mapping[str, str]


def _with_tags(listed: Resource, read: Callable[[str], Tags]) -> tuple[Resource, Tags | None]:
    """The resource and its tags; None if it has gone since, or AWS refuses to show them: one
    refusal, such as by a policy of the organisation, must not end the sweep."""
    try:
        return listed, read(listed.arn)
    except NotYetConsistentError:
        return listed, None
    except (AccessDeniedError, RefusedByAwsError) as error:
        gone = ecs.is_missing_task_definition(error)
        return replace(listed, refused="" if gone else str(error)), None


ReadTags = Callable[[], Iterator[Resource]]
"""Reads the tags of a resource."""
InTurn = Callable[[Iterable[str]], list[str]]
"""Names in the order of this sweep."""


@dataclass(frozen=True)
class _Doubtful:
    """A resource whose tags are still to be read."""

    environment: str
    """According to its name."""
    seconds: float
    read: ReadTags


@dataclass(frozen=True)
class Listing:
    """The listed resources of environments without a record."""

    namespaces: Sequence[cloudmap.Namespace]
    """All in the Region: a request may choose any name for its namespace."""
    clusters: tuple[Resource, ...]
    others: tuple[_Doubtful, ...]

    @property
    def environments(self) -> set[str]:
        named = {each.environment for each in self.clusters}
        return named | {each.environment for each in self.others}


@dataclass(frozen=True)
class Inventory:
    stack: str
    """The stack's name prefix."""
    ecs: ECSClient
    cloud_map: ServiceDiscoveryClient
    logs: CloudWatchLogsClient
    _task_definitions: Pace = field(default_factory=lambda: Pace(TASK_DEFINITION, 30))
    _log_group_tags: Pace = field(default_factory=lambda: Pace(LOG_GROUP_TAGS))
    _log_groups: Pace = field(default_factory=lambda: Pace(LOG_GROUPS_PAGE))

    def listed(self, living: Set[str]) -> Listing:
        """`living`: the environments that have a record."""
        return Listing(
            cloudmap.list_namespaces(self.cloud_map),
            tuple(self._clusters(living)),
            (*self._families(living), *self._groups(living)),
        )

    def resources(
        self, listing: Listing, known: Set[str], time: Share, in_turn: InTurn
    ) -> list[Resource]:
        """`known`: the ARNs of living environments' namespaces."""
        found = list(listing.clusters)
        unknown = {each.name: each for each in listing.namespaces if each.arn not in known}
        for name in in_turn(unknown):
            if time.takes(A_CALL):
                found += _read(partial(self._namespace, unknown[name]), time)
        owned = {each.environment for each in found if each.owned}
        later = []
        for each in _by_turns(listing.others, in_turn):
            if each.environment in owned:
                later.append(each)
            elif time.takes(each.seconds):
                resources = _read(each.read, time)
                owned.update(resource.environment for resource in resources if resource.owned)
                found += resources
        for each in later:
            if time.has(each.seconds) and time.takes(each.seconds):
                found += _read(each.read, time)
        return found

    def _namespace(self, namespace: cloudmap.Namespace) -> Iterator[Resource]:
        """Only its tags show who owns it."""
        named = self._environment_of(namespace.name)
        listed, tags = _with_tags(
            Resource("namespace", namespace.name, namespace.arn, named or "", owned=False),
            lambda arn: cloudmap.tags_of(self.cloud_map, arn),
        )
        tagged = (tags or {}).get(naming.ENVIRONMENT_TAG, "")
        if tags is None:
            yield from _refused(listed)
        elif tags.get(naming.STACK_TAG) == self.stack and naming.is_environment_name(tagged):
            yield replace(listed, environment=tagged, owned=True)
        elif named is not None and not _of_another(tags, self.stack):
            yield listed

    def _clusters(self, living: Set[str]) -> Iterator[Resource]:
        names = [
            name
            for name in ecs.list_clusters(self.ecs)
            if (named := self._environment_of(name)) is not None and named not in living
        ]
        for cluster in ecs.describe_clusters(self.ecs, names):
            name = cluster["clusterName"]
            listed = self._listed("cluster", name, cluster["clusterArn"], name)
            yield from self._of_name(listed, from_ecs_tags(cluster.get("tags")))

    def _families(self, living: Set[str]) -> Iterator[_Doubtful]:
        for family in ecs.families(self.ecs, f"{self.stack}-", "ACTIVE"):
            named = self._environment_of(family.partition("--")[0]) or ""
            if named not in living:
                yield _Doubtful(named, 2 * TASK_DEFINITION, partial(self._revisions, family))

    def _revisions(self, family: str) -> Iterator[Resource]:
        """The ACTIVE ones: the others are unused and cost nothing."""
        self._task_definitions.wait()
        for arn in ecs.revisions(self.ecs, family, "ACTIVE"):
            self._task_definitions.wait()
            name = arn.rpartition("/")[2]
            listed = self._listed("task definition", name, arn, family.partition("--")[0])
            read = _with_tags(listed, lambda arn: ecs.describe_task_definition(self.ecs, arn)[1])
            yield from self._of_name(*read)

    def _groups(self, living: Set[str]) -> Iterator[_Doubtful]:
        for group in log_groups.find(self.logs, f"/{self.stack}-", self._log_groups.wait).values():
            named = self._environment_of(group.name[1:].partition("/")[0]) or ""
            if named not in living:
                yield _Doubtful(named, LOG_GROUP_TAGS, partial(self._log_group, group))

    def _log_group(self, group: log_groups.LogGroup) -> Iterator[Resource]:
        self._log_group_tags.wait()
        part = group.name[1:].partition("/")[0]
        listed = self._listed("log group", group.name, group.arn, part)
        yield from self._of_name(
            *_with_tags(listed, lambda arn: log_groups.tags_of(self.logs, arn))
        )

    def _listed(self, kind: str, name: str, arn: str, part: str) -> Resource:
        """`part` is the part of its name that names the environment."""
        return Resource(kind, name, arn, self._environment_of(part) or "", owned=False)

    def _of_name(self, listed: Resource, tags: Tags | None) -> Iterator[Resource]:
        named = listed.environment
        if tags is None:
            yield from _refused(listed)
        elif not _of_another(tags, self.stack):
            owned = bool(named) and naming.is_owned(tags, self.stack, named)
            yield replace(listed, owned=owned)

    def _environment_of(self, name: str) -> str | None:
        """None if the name is not like ours; empty if no environment can have such a name."""
        if not name.startswith(f"{self.stack}-"):
            return None
        return naming.environment_of_cluster(self.stack, name) or ""


def _read(read: ReadTags, time: Share) -> list[Resource]:
    """Nothing if AWS throttles the call, as if there had been no time."""
    try:
        return list(read())
    except ThrottledError:
        time.refused += 1
        return []


def _by_turns(doubtful: Sequence[_Doubtful], in_turn: InTurn) -> Iterator[_Doubtful]:
    """One of each environment, then another of each: the first may be enough."""
    of: dict[str, list[_Doubtful]] = defaultdict(list)
    for each in doubtful:
        of[each.environment].append(each)
    order = in_turn(of)
    for rank in range(max(map(len, of.values()), default=0)):
        for environment in order:
            yield from of[environment][rank : rank + 1]


def _refused(listed: Resource) -> Iterator[Resource]:
    """Nothing if the resource has gone since."""
    if listed.refused:
        yield listed


def _of_another(tags: Tags, stack: str) -> bool:
    """Whether it belongs to another stack, whose prefix begins with this stack's prefix: its own
    sweep handles it."""
    return tags.get(naming.STACK_TAG, stack) != stack


def armed_expiry(schedules: Schedules, group: str, environment: str) -> ArmedSchedule | None:
    """The schedule that ends the environment's lease; None if there is none."""
    found = schedules.described(group, naming.schedule(environment, "expiry"))
    if found is None:
        return None
    once = scheduler_answers.once_at(found)
    content = json.loads(found["Target"].get("Input") or "{}")
    return ArmedSchedule(
        times.moment(f"{once}Z") if once else None,
        content.get("expiresAt", ""),
        scheduler_answers.is_enabled(found),
    )
