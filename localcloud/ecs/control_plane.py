"""Assembles ECS from its parts, and maps operations to them."""

from __future__ import annotations

from localcloud.account import Account
from localcloud.cloudmap.registry import CloudMap
from localcloud.ecs.announcements import Announcements
from localcloud.ecs.clusters import Clusters
from localcloud.ecs.image_registry import ImageRegistry
from localcloud.ecs.log_delivery import LogDelivery
from localcloud.ecs.obstacles import Obstacles
from localcloud.ecs.read_lag import ReadLag
from localcloud.ecs.resource_tags import ResourceTags
from localcloud.ecs.runtime_calls import RuntimeCalls
from localcloud.ecs.scheduler import ServiceScheduler
from localcloud.ecs.secret_delivery import SecretDelivery
from localcloud.ecs.service_connect import ServiceConnectPlane
from localcloud.ecs.services import Services
from localcloud.ecs.task_definitions import TaskDefinitions
from localcloud.ecs.task_life import TaskLives
from localcloud.ecs.tasks import Tasks
from localcloud.guarded_clock import GuardedClock
from localcloud.network import Network
from localcloud.strict_response import Operation
from localcloud.tasks.runtime import TaskRuntime
from localcloud.timings import Timings


class Ecs:
    def __init__(
        self,
        account: Account,
        clock: GuardedClock,
        timings: Timings,
        network: Network,
        cloudmap: CloudMap,
        runtime: TaskRuntime,
    ) -> None:
        self.announcements = Announcements(clock.clock)
        calls = RuntimeCalls(clock.clock, runtime)
        self.obstacles = Obstacles(clock.lock)
        connect = self.connect = ServiceConnectPlane(clock.clock, cloudmap, calls, self.obstacles)
        self.logs = logs = LogDelivery(account)
        self.secrets = SecretDelivery(account)
        announcements, obstacles = self.announcements, self.obstacles
        lives = TaskLives(
            clock, timings, network, connect, logs, self.secrets, calls, announcements, obstacles
        )
        self.images = ImageRegistry(account)
        self.scheduler = ServiceScheduler(
            account, clock, timings, connect, lives, announcements, obstacles, self.images, network
        )
        self.clusters = Clusters(account, clock, timings, connect)
        self.task_definitions = TaskDefinitions(
            account, clock, timings, lambda: list(self.clusters.all())
        )
        self.services = Services(
            account,
            clock,
            self.clusters,
            self.task_definitions,
            connect,
            network,
            self.scheduler,
        )
        self.tasks = Tasks(account, self.clusters, lives)
        self.resource_tags = ResourceTags(self.clusters, self.task_definitions)
        self.read_lag = ReadLag(clock, self.clusters)

    def operations(self) -> dict[str, Operation]:
        operations = {
            **self.clusters.operations(),
            **self.task_definitions.operations(),
            **self.services.operations(),
            **self.tasks.operations(),
            **self.resource_tags.operations(),
        }
        return {name: self.read_lag.wrapped(name, made) for name, made in operations.items()}
