"""Plays a scenario, and records what was requested, when, and what became of it."""

from __future__ import annotations

import time
from contextlib import suppress
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from typing import Any

from botocore.exceptions import ClientError

from bench.chaos import scenario as s
from bench.chaos.account import Account
from bench.chaos.neighbours import FOREIGN_SERVICE, Neighbours

Json = dict[str, Any]

REST = 60.0
"""Seconds, on a busy machine, in which whatever has begun comes to rest or waits for a deadline."""
DEADLINE = 16 * 60
"""Seconds after which timeouts.ready has passed, and a quarter of an hour between two sweeps."""
DAY = 26 * 3600
"""Longer than the stack's DefaultLease, shorter than most extensions that are drawn."""
LEASES = 8 * 24 * 3600
"""Longer than the stack's MaximumLease."""


@dataclass
class IssuedCommand:
    """A request by somebody, as the promises see it."""

    step: s.Command
    environment: str
    """Empty if a pull request was closed."""
    moment: datetime
    """When it was meant."""
    intent_id: str
    execution: str = ""
    """ARN; empty for an event."""
    stopped: bool = False
    """Somebody stopped executions of this environment after it was requested."""


@dataclass
class Story:
    """What happened in one scenario."""

    seed: int
    names: tuple[str, ...]
    commands: list[IssuedCommand] = field(default_factory=list)
    proven: dict[str, int] = field(default_factory=dict)
    """Environment -> how many requests there were when it was last seen READY at rest."""
    touched_by_hand: set[str] = field(default_factory=set)
    """Environments whose services somebody has changed since they were last to be created."""
    hands_changed: bool = False
    """Any time; what was to be created after it need not exist."""
    record_lost: set[str] = field(default_factory=set)
    leases_ended: int = 0
    """How many requests there were when leases last ended."""
    events_lost: bool = False
    no_other_stack: str = ""
    """Why Bivouac could not be deployed once more."""
    not_at_rest: list[str] = field(default_factory=list)
    """Executions that never ended."""

    def of(self, environment: str) -> list[IssuedCommand]:
        """In the order of their intents."""
        issued = [command for command in self.commands if command.environment == environment]
        return sorted(issued, key=lambda command: command.moment)

    @property
    def closed(self) -> list[IssuedCommand]:
        """The closed pull requests."""
        return [
            command for command in self.commands if isinstance(command.step, s.ClosePullRequest)
        ]


class Player:
    """`number` distinguishes the scenarios of one account."""

    def __init__(self, account: Account, number: int) -> None:
        self._account = account
        self._number = number
        self.neighbours = Neighbours(account)
        self.names = tuple(f"c{number}{suffix}" for suffix in ("", "-b"))

    def play(self, scenario: s.Scenario) -> Story:
        story = Story(scenario.seed, self.names)
        self._account.accidents.begin(scenario.seed)
        for index, step in enumerate(scenario.steps):
            self._do(step, index, story)
        self.come_to_rest(story)
        return story

    def come_to_rest(self, story: Story) -> None:
        """Ends all accidents, and lets whatever has begun end, however long it takes."""
        self._account.accidents.stop()
        self._account.unhindered()
        self._account.cloud.control_plane.read_lag = 0
        for _ in range(3):
            if self._account.at_rest(REST / 4):
                break
            # What waits for a deadline need not be awaited.
            self._account.cloud.pass_time(DEADLINE)
        else:
            if not self._account.at_rest(REST):
                story.not_at_rest = self._account.running()
        self._see(story)

    def _see(self, story: Story) -> None:
        for name in story.names:
            record = self._account.record(name)
            if record and record["status"] == "READY":
                story.proven[name] = len(story.commands)

    # --- steps -----------------------------------------------------------------------------------

    def _do(self, step: s.Step, index: int, story: Story) -> None:
        if isinstance(step, s.Command):
            self._issue(step, index, story)
            return
        account, accidents = self._account, self._account.accidents
        name = story.names[step.environment] if step.environment < len(story.names) else ""
        match step:
            case s.Settle():
                if account.at_rest(REST / 4):
                    self._see(story)
            case s.Pause():
                time.sleep(step.seconds)
            case s.PushImage():
                accidents.decide("aws.ecr", step.fate)
                account.cloud.push_image(s.PUSHED_REPOSITORY, s.PUSHED_TAG)
            case s.StopExecution():
                stopped = account.stop_running(lambda content: _concerns(content, name))
                for command in story.of(name) if stopped else ():
                    command.stopped = True
            case s.KillTask():
                self._kill_task(name)
            case (
                s.ScaleByHand()
                | s.DeleteServiceByHand()
                | s.DeregisterByHand()
                | s.DeleteLogsByHand()
                | s.DeleteClusterByHand()
            ):
                with suppress(ClientError):  # AWS also throttles people
                    if self._change_by_hand(step, name):
                        story.touched_by_hand.add(name)
                        story.hands_changed = True
            case s.AddServiceByHand() | s.AddNameByHand():
                with suppress(ClientError):
                    self._add_by_hand(step, name)
            case s.Hindered():
                account.hinder(step.obstacle)
            case s.DeployAnotherStack():
                if not account.beside:
                    story.no_other_stack = account.deploy_beside(f"bivouac-{story.names[0]}")
            case s.LoseSchedule():
                account.lose_expiry(name)
            case s.LoseRecord():
                story.record_lost.add(name)
                account.client("dynamodb").delete_item(
                    TableName=account.stack.outputs["EnvironmentsTableName"],
                    Key={"environment": {"S": name}},
                )
            case s.Fault():
                accidents.arm(step)
            case s.ReadsLag():
                account.cloud.control_plane.read_lag = step.seconds
            case s.LoseEvents():
                accidents.lose_status_events()
                story.events_lost = True
            case s.Sweep():
                account.sweep()
            case s.DayPasses() | s.LeaseEnds():
                story.leases_ended = len(story.commands)
                account.cloud.pass_time(DAY if isinstance(step, s.DayPasses) else LEASES)
            case _:
                raise AssertionError(step)

    def _issue(self, step: s.Command, index: int, story: Story) -> None:
        account = self._account
        moment = datetime.now(UTC)
        if isinstance(step, s.Create) and step.early and story.commands:
            moment = min(command.moment for command in story.commands) - timedelta(seconds=1)
        closes = isinstance(step, s.ClosePullRequest)
        name = "" if closes else story.names[step.environment]
        command = IssuedCommand(step, name, moment, f"{story.seed}-{self._number}-{index}")
        story.commands.append(command)
        if isinstance(step, s.Create | s.Delete):
            story.touched_by_hand.discard(name)
        intent = {
            "id": command.intent_id,
            "at": moment.isoformat(timespec="milliseconds").replace("+00:00", "Z"),
        }
        if step.event is not None:
            account.accidents.decide(intent["id"], step.event)
            account.put(*self._event(step, story, intent))
            return
        machine, content = self._execution(step, story)
        command.execution = account.start(machine, content)

    def _execution(self, step: s.Command, story: Story) -> tuple[str, Json]:
        name = story.names[step.environment]
        match step:
            case s.Create():
                return "CreateEnvironment", self.request(step.request, name)
            case s.Redeploy():
                return "RedeployEnvironment", {"environment": name, "services": [_image(step)]}
            case s.Delete():
                return "DeleteEnvironment", {"environment": name, "reason": "chaos"}
            case s.Sleep():
                return "SleepEnvironment", {"environment": name}
            case s.Wake():
                return "WakeEnvironment", {"environment": name}
            case s.Extend():
                return "ExtendLease", {"environment": name, "ttl": step.ttl}
        raise AssertionError(step)

    def _event(self, step: s.Command, story: Story, intent: Json) -> tuple[str, Json]:
        match step:
            case s.ClosePullRequest():
                closed = {
                    "repository": s.REPOSITORY,
                    "number": self._pull_request(step.environment),
                }
                return "PullRequestClosed", {**closed, "intent": intent}
            case s.Create():
                name = story.names[step.environment]
                request = self.request(step.request, name)
                return "EnvironmentRequested", {"request": request, "intent": intent}
        name = story.names[step.environment]
        match step:
            case s.Redeploy():
                detail: Json = {"environment": name, "services": [_image(step)]}
                return "RedeployRequested", {**detail, "intent": intent}
            case s.Delete():
                return "TeardownRequested", {"environment": name, "intent": intent}
            case s.Extend():
                detail = {"environment": name, "ttl": step.ttl}
                return "LeaseExtensionRequested", {**detail, "intent": intent}
        raise AssertionError(step)

    def request(self, request: s.Request, name: str) -> Json:
        if request.pull_request is not None:
            request = replace(request, pull_request=self._pull_request(request.pull_request))
        return request.to_json(name, self._account.registry)

    def _pull_request(self, number: int) -> int:
        """A different one in each scenario of an account."""
        return self._number * 100 + number

    # --- manual changes --------------------------------------------------------------------------

    def _kill_task(self, name: str) -> None:
        ours = {task["taskArn"].rpartition("/")[2] for task in self._account.tasks(name)}
        for task in self._account.runtime.running():
            if task.task_id in ours:
                self._account.runtime.exit(task.task_id, task.containers[0].name, 137)
                return

    def _change_by_hand(self, step: s.Step, name: str) -> bool:
        """Whether there was anything of ours to change."""
        services = self._services(name)
        if not services:
            return False
        ecs, cluster = self._account.client("ecs"), f"bivouac-{name}"
        service = services[0]["serviceName"]
        match step:
            case s.ScaleByHand():
                ecs.update_service(cluster=cluster, service=service, desiredCount=step.count)
            case s.DeleteServiceByHand():
                ecs.delete_service(cluster=cluster, service=service, force=True)
            case s.DeregisterByHand():
                ecs.deregister_task_definition(taskDefinition=services[0]["taskDefinition"])
            case s.DeleteLogsByHand():
                logs = self._account.client("logs")
                prefix = f"/{cluster}/"
                for group in logs.describe_log_groups(logGroupNamePrefix=prefix)["logGroups"]:
                    logs.delete_log_group(logGroupName=group["logGroupName"])
            case s.DeleteClusterByHand():
                for each in services:
                    ecs.delete_service(cluster=cluster, service=each["serviceName"], force=True)
                self._account.at_rest(REST / 12)
                ecs.delete_cluster(cluster=cluster)
        return True

    def _add_by_hand(self, step: s.Step, name: str) -> None:
        services = self._services(name)
        match step:
            case s.AddServiceByHand() if services:
                self.neighbours.add_service(f"bivouac-{name}", services[0])
            case s.AddNameByHand():
                self.neighbours.add_name(name)

    def _services(self, name: str) -> list[Json]:
        """Ours, as ECS describes them, but for the proof's own."""
        return [
            service
            for service_name, service in self._account.services(name).items()
            if service["status"] == "ACTIVE"
            and service_name != FOREIGN_SERVICE
            and not service_name.startswith("bivouac-")
        ]


def _concerns(content: Json, name: str) -> bool:
    return name in (content.get("environment"), content.get("name"))


def _image(step: s.Redeploy) -> Json:
    return {"serviceName": step.service, "image": step.image}
