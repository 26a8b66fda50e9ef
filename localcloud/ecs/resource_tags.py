"""TagResource, UntagResource and ListTagsForResource for everything that ECS tags."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from localcloud.ecs import answers, errors, name_rules
from localcloud.ecs.clusters import Clusters
from localcloud.ecs.model import Cluster, Service, Task, TaskDefinition
from localcloud.ecs.task_definitions import TaskDefinitions

Request = dict[str, Any]
Answer = dict[str, Any]
Tagged = Cluster | Service | Task | TaskDefinition


class ResourceTags:
    """Called with the control plane's lock held."""

    def __init__(self, clusters: Clusters, task_definitions: TaskDefinitions) -> None:
        self._clusters = clusters
        self._task_definitions = task_definitions

    def operations(self) -> dict[str, Callable[[Request], Answer]]:
        return {
            "ListTagsForResource": self.list_tags,
            "TagResource": self.tag,
            "UntagResource": self.untag,
        }

    def tag(self, request: Request) -> Answer:
        name_rules.check_tags(request["tags"])
        tags = self._resource(request["resourceArn"]).tags
        wanted = {tag["key"]: tag["value"] for tag in request["tags"]}
        if len(tags | wanted) > name_rules.MOST_TAGS:
            raise errors.invalid_parameter(
                f"A resource can have at most {name_rules.MOST_TAGS} tags."
            )
        tags.update(wanted)
        return {}

    def untag(self, request: Request) -> Answer:
        tags = self._resource(request["resourceArn"]).tags
        for key in request["tagKeys"]:
            tags.pop(key, None)
        return {}

    def list_tags(self, request: Request) -> Answer:
        return {"tags": answers.tag_list(self._resource(request["resourceArn"]).tags)}

    def _resource(self, arn: str) -> Tagged:
        found: Tagged | None = None
        if ":task-definition/" in arn:
            found = self._task_definitions.find(arn)
        for cluster in self._clusters.all():
            records: list[Tagged] = [cluster, *cluster.services.values(), *cluster.tasks.values()]
            found = next((record for record in records if record.arn == arn), found)
        if found is None:
            raise errors.invalid_parameter(f"The specified resource {arn} was not found.")
        return found
