"""Everything in the account whose name or tags are like this stack's. Every list is read in full.

The tags of living environments' resources are not read: nothing depends on them. All other tags
are, as far as there is time. One owned resource is enough to make its environment an orphan, so
its other resources are read last.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence, Set
from dataclasses import dataclass, field, replace
from functools import partial

from bivouac.aws import cloudmap, ecs, log_groups
from bivouac.aws.client_types import (
    CloudWatchLogsClient,
    ECSClient,
    ServiceDiscoveryClient,
)
from bivouac.aws.ecs_answers import id_of
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
from bivouac.sweep.findings import Resource

Tags = Mapping[str, str]
Judge = Callable[[Resource, Tags], Resource | None]
"""What a resource is by its tags; None: another stack's, or nobody's with a name like ours."""
InTurn = Callable[[Iterable[str]], list[str]]
"""Names in the order of this sweep."""


@dataclass(frozen=True)
class _Doubtful:
    """Resources whose tags are still to be read."""

    environment: str
    """According to their name."""
    seconds: float
    read: Callable[[], Iterable[Resource | None]]
    """None for each that has gone since, or is none of ours."""


def _judged(listed: Resource, read: Callable[[str], Tags], judge: Judge) -> Resource | None:
    """None also if it has gone since. One refusal to show tags, such as by a policy of the
    organisation, must not end the sweep."""
    try:
        return judge(listed, read(listed.arn))
    except NotYetConsistentError:
        return None
    except (AccessDeniedError, RefusedByAwsError) as error:
        gone = ecs.is_missing_task_definition(error)
        return None if gone else replace(listed, refused=str(error))


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

    def _namespace(self, namespace: cloudmap.Namespace) -> list[Resource | None]:
        listed = self._listed("namespace", namespace.name, namespace.arn, namespace.name)
        return [_judged(listed, partial(cloudmap.tags_of, self.cloud_map), self._by_tags)]

    def _clusters(self, living: Set[str]) -> Iterator[Resource]:
        names = [
            name
            for name in ecs.list_clusters(self.ecs)
            if (named := self._environment_of(name)) is not None and named not in living
        ]
        for cluster in ecs.describe_clusters(self.ecs, names):
            name = cluster["clusterName"]
            listed = self._listed("cluster", name, cluster["clusterArn"], name)
            if found := self._by_name(listed, from_ecs_tags(cluster.get("tags"))):
                yield found

    def _families(self, living: Set[str]) -> Iterator[_Doubtful]:
        for family in ecs.families(self.ecs, f"{self.stack}-", "ACTIVE"):
            named = self._environment_of(family.partition("--")[0]) or ""
            if named not in living:
                yield _Doubtful(named, 2 * TASK_DEFINITION, partial(self._revisions, family))

    def _revisions(self, family: str) -> Iterator[Resource | None]:
        """The ACTIVE ones: the others are unused and cost nothing."""
        self._task_definitions.wait()
        for arn in ecs.revisions(self.ecs, family, "ACTIVE"):
            self._task_definitions.wait()
            listed = self._listed("task definition", id_of(arn), arn, family.partition("--")[0])
            yield _judged(
                listed, lambda arn: ecs.describe_task_definition(self.ecs, arn)[1], self._by_name
            )

    def _groups(self, living: Set[str]) -> Iterator[_Doubtful]:
        for group in log_groups.find(self.logs, f"/{self.stack}-", self._log_groups.wait).values():
            part = group.name[1:].partition("/")[0]
            listed = self._listed("log group", group.name, group.arn, part)
            if listed.environment not in living:
                read = partial(self._log_group, listed)
                yield _Doubtful(listed.environment, LOG_GROUP_TAGS, read)

    def _log_group(self, listed: Resource) -> list[Resource | None]:
        self._log_group_tags.wait()
        return [_judged(listed, partial(log_groups.tags_of, self.logs), self._by_name)]

    def _listed(self, kind: str, name: str, arn: str, part: str) -> Resource:
        """`part` is the part of its name that names the environment."""
        return Resource(kind, name, arn, self._environment_of(part) or "", owned=False)

    def _by_name(self, listed: Resource, tags: Tags) -> Resource | None:
        """Its name and its tags must say the same."""
        if self._is_anothers(tags):
            return None
        named = listed.environment
        return replace(listed, owned=bool(named) and naming.is_owned(tags, self.stack, named))

    def _by_tags(self, namespace: Resource, tags: Tags) -> Resource | None:
        """A request may choose any name for its namespace."""
        tagged = tags.get(naming.ENVIRONMENT_TAG, "")
        if tags.get(naming.STACK_TAG) == self.stack and naming.is_environment_name(tagged):
            return replace(namespace, environment=tagged, owned=True)
        like_ours = self._environment_of(namespace.name) is not None
        return namespace if like_ours and not self._is_anothers(tags) else None

    def _is_anothers(self, tags: Tags) -> bool:
        """Whether it belongs to another stack, whose prefix may begin with this stack's: its own
        sweep handles it."""
        return tags.get(naming.STACK_TAG, self.stack) != self.stack

    def _environment_of(self, name: str) -> str | None:
        """None if the name is not like ours; empty if no environment can have such a name."""
        if not name.startswith(f"{self.stack}-"):
            return None
        return naming.environment_of_cluster(self.stack, name) or ""


def _read(read: Callable[[], Iterable[Resource | None]], time: Share) -> list[Resource]:
    """Nothing if AWS throttles the call, as if there had been no time."""
    try:
        return [each for each in read() if each]
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
