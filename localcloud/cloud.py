"""The local cloud: all its parts behind one endpoint on 127.0.0.1."""

from __future__ import annotations

import os
import threading
from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack
from functools import partial
from pathlib import Path
from types import TracebackType
from typing import Any, Literal
from unittest import mock

from localcloud import aws_policies
from localcloud.account import Account, forget, seed
from localcloud.awslambda.api import functions_run
from localcloud.awslambda.function import Function
from localcloud.awslambda.logs import FunctionLogs
from localcloud.awslambda.workers import Outcome, Workers
from localcloud.clients import Clients
from localcloud.clock import Clock, SystemClock, as_datetime
from localcloud.credentials import Credentials
from localcloud.endpoint.call_faults import CallFaults
from localcloud.endpoint.calls import Call
from localcloud.endpoint.front import ServiceFront
from localcloud.endpoint.locks import ServiceLocks
from localcloud.endpoint.rate_limits import RateLimits
from localcloud.endpoint.server import Endpoint, Server
from localcloud.events.delivery import DeliveryQueue
from localcloud.events.ecs import EcsEvents
from localcloud.events.executions import ExecutionEvents
from localcloud.events.invocations import AsynchronousInvocations
from localcloud.events.rules import publish, rules_deliver
from localcloud.events.schedules import schedules_fire
from localcloud.events.services import image_pushed, pull_request_closed
from localcloud.events.targets import Targets
from localcloud.iam import Guard
from localcloud.iam.access import Access
from localcloud.iam.resource_policies import ResourcePolicies
from localcloud.moto_changes.item_sizes import item_sizes_hold
from localcloud.moto_changes.lookups import Services, lookups_are_kept
from localcloud.moto_changes.network_dependencies import dependencies_hold
from localcloud.passing_time import PassingTime
from localcloud.reachability import FunctionRoutes, RunningServices
from localcloud.stepfunctions.executions import Execution, execution_of
from localcloud.stepfunctions.integrations import AccessDeniedError, Integrations
from localcloud.stepfunctions.running import machines_run
from localcloud.strict import install
from localcloud.tasks import own_images
from localcloud.tasks.processes import ProcessRuntime
from localcloud.tasks.runtime import TaskRuntime
from localcloud.tasks.scripted import ScriptedRuntime
from localcloud.template import (
    Deployer,
    Stack,
    StackDeletionError,
    StackUpdateError,
    TemplateError,
)
from localcloud.template.custom_resources import CustomResources
from localcloud.template.described_stacks import DescribedStacks
from localcloud.timings import DEMO, Timings

Runtime = Literal["processes", "scripted"] | TaskRuntime
"""Real processes, scripted tasks (which answer nothing), or a runtime that the caller brings."""

_one_at_a_time = threading.Lock()
"""moto keeps its state in the process, so a process can have only one local cloud."""


class LocalCloud:
    """AWS on this machine, from construction until `close`; also a context manager.

    `port` 0 means any free port. `observe` is called for every AWS call, in the thread that answers
    it. The default `clock` is the system's; a test passes one that it moves. `rate_limits`: refuse
    calls that exceed AWS's request rates. Raises PortTakenError."""

    def __init__(
        self,
        timings: Timings = DEMO,
        runtime: Runtime = "processes",
        port: int = 4566,
        observe: Callable[[Call], None] | None = None,
        clock: Clock | None = None,
        rate_limits: bool = False,
    ) -> None:
        if not _one_at_a_time.acquire(blocking=False):
            raise RuntimeError("this process has a local cloud already: close it first")
        with ExitStack() as parts:
            enter, on_close = parts.enter_context, parts.callback
            on_close(_one_at_a_time.release)
            server = Server(port)
            on_close(server.close)
            self.endpoint_url = f"http://127.0.0.1:{server.port}"
            forget()
            self._passing_time = PassingTime()
            on_close(self._passing_time.close)
            self.clock: Clock = clock or SystemClock()
            self.runtime = _made(runtime, self.clock, timings)
            on_close(self.runtime.close)
            with mock.patch.dict(os.environ, {"MOTO_EC2_LOAD_DEFAULT_AMIS": "false"}):
                self.account: Account = seed()
            self.control_plane = enter(install(self.clock, timings, self.runtime, self.account))
            self._locks = locks = ServiceLocks()
            locks.share(self.control_plane.lock, "ecs", "servicediscovery", "ec2", "logs", "iam")
            self.credentials = Credentials()
            self.call_faults = CallFaults()
            policies = ResourcePolicies(self.account, locks)
            self.guard = Guard(self.control_plane, self.credentials, policies)
            ecs = self.control_plane.ecs
            ecs.secrets.refusal = ecs.logs.refusal = lambda role_arn, action, resource: (
                self.guard.refusal(role_arn, Access(action, resource))
            )
            self._clients = Clients(self.endpoint_url, self.account.region, self.credentials)
            on_close(self._clients.close)
            self.workers = Workers(
                endpoint=("127.0.0.1", server.port),
                region=self.account.region,
                credentials=self.credentials,
                routes=FunctionRoutes(self.control_plane),
                logs=FunctionLogs(self.account, locks, self.guard),
                wait_scale=timings.wait_scale,
                ahead=lambda: self._passing_time.ahead,
            )
            self.custom_resources = CustomResources(self.endpoint_url, self.workers)
            self.deliveries = DeliveryQueue(self.clock, timings.wait_scale)
            client, refusal = self._clients.of_role, self.guard.service_refusal
            invoke_later = AsynchronousInvocations(self.deliveries, self.workers, client, refusal)
            targets = Targets(client, invoke_later, refusal)
            enter(lookups_are_kept())
            enter(item_sizes_hold())
            self._stacks = DescribedStacks()
            enter(self._stacks.answer())
            enter(functions_run(self.workers, invoke_later))
            enter(dependencies_hold(self.workers.vpc_configs))
            integrations = Integrations(invoke=self._invoke_as, client=self._clients.of_role)
            changed = ExecutionEvents(self.account, self.clock, locks)
            self._machines = machines = enter(
                machines_run(integrations, changed, timings.wait_scale)
            )
            enter(rules_deliver(self.clock, self.deliveries, targets, timings.event_delivery))
            announcements = self.control_plane.announcements
            announcements.listen(EcsEvents(self.account, self.clock, locks))
            self._alarms = enter(schedules_fire(self.clock, self.deliveries, targets, locks))
            # Closed from the bottom up: nothing more falls due, executions are stopped, then
            # everything they and deliveries wait for, then both are joined. moto is itself again
            # only when nothing is left that calls it.
            on_close(server.close)
            on_close(machines.join)
            on_close(self.deliveries.close)
            on_close(self.workers.close)
            on_close(machines.stop)
            if isinstance(self.clock, SystemClock):
                on_close(self.clock.close)
            self._deployer = Deployer(_Account(self))
            self.rate_limits = RateLimits(self.clock, timings.wait_scale) if rate_limits else None
            front = ServiceFront(RunningServices(self.control_plane), self.runtime.socket_of)
            authorize = self.guard.refusal_of
            server.start(
                Endpoint(
                    Services(),
                    locks,
                    front=front,
                    answers=self.custom_resources,
                    throttle=self.rate_limits.refusal_of if self.rate_limits else None,
                    authorize=authorize,
                    knows=self.credentials.knows,
                    observe=observe,
                    faults=self.call_faults,
                )
            )
            self._parts = parts.pop_all()

    @property
    def isolation(self) -> str:
        """How tasks are isolated from each other, in a sentence for people."""
        if isinstance(self.runtime, ProcessRuntime):
            return self.runtime.isolation_sentence
        return "Tasks follow scripts; no process runs for them."

    def client(self, service: str) -> Any:
        """A boto3 client of the endpoint, with the rights of the account's user."""
        return self._clients.of_user(service)

    def deploy(self, template: Path, parameters: Mapping[str, str], name: str = "bivouac") -> Stack:
        """Creates everything that a SAM template declares. Raises TemplateError."""
        stack = self._deployer.deploy(template, parameters, name)
        self._stacks.deployed(stack, as_datetime(self.clock.now()))
        return stack

    def update_stack(
        self, stack: Stack, template: Path, parameters: Mapping[str, str] | None = None
    ) -> Stack:
        """Updates a stack to what a template declares, as CloudFormation does. Returns the stack as
        it is afterwards. Parameters that are not given keep their values.

        Raises StackUpdateError if the update failed and was rolled back, and TemplateError if it
        was refused and nothing was touched."""
        self._stacks.require_updatable(stack)
        report = partial(self._stacks.report, stack)
        try:
            updated = self._deployer.update(stack, template, parameters or {}, report)
        except StackUpdateError as error:
            report(error.status, str(error))
            raise
        self._stacks.updated(updated)
        return updated

    def delete_stack(self, stack: Stack) -> None:
        """Deletes every resource that is not retained, in CloudFormation's order.

        Raises StackDeletionError if something cannot be deleted, such as a custom resource whose
        function refuses; call it again then. Raises StackProtectedError if nothing was touched."""
        self._stacks.require_unprotected(stack)
        try:
            self._deployer.delete(stack)
        except StackDeletionError as error:
            self._stacks.report(stack, "DELETE_FAILED", str(error))
            raise
        self._stacks.deleted(stack)

    def push_image(self, repository: str, tag: str, digest: str | None = None) -> str:
        """Points a tag of the account's registry to a digest, by default a new one, and publishes
        ECR's event. Returns the digest.

        Deployments that begin from now on run it; earlier ones do not. The image is
        <account>.dkr.ecr.<region>.amazonaws.com/<repository>:<tag>."""
        pushed = self.control_plane.ecs.images.push(repository, tag, digest)
        for event in image_pushed(self.account, repository, tag, pushed, self.clock.now()):
            self._publish(event)
        return pushed

    def close_pull_request(
        self,
        repository: str,
        pull_request_id: str,
        source_reference: str = "refs/heads/pull-request",
    ) -> None:
        """Publishes CodeCommit's event for a pull request that is closed without a merge."""
        now = self.clock.now()
        self._publish(
            pull_request_closed(self.account, repository, pull_request_id, source_reference, now)
        )

    def _publish(self, event: dict[str, Any]) -> None:
        with self._locks.of("events"):
            publish(event)

    def execution(self, arn: str) -> Execution:
        """The execution object, which also has what no API returns: its billed state
        transitions."""
        return execution_of(self.account.account_id, self.account.region, arn)

    def fire_schedule(self, name: str) -> None:
        """Fires a schedule in the next whole second instead of at its time.

        Raises LookupError."""
        self._alarms.fire(self.account.account_id, self.account.region, name)

    @property
    def running_executions(self) -> int:
        return self._machines.running

    def pass_time(self, seconds: float) -> None:
        """Lets this much time pass at once, here and in functions that are invoked from now on:
        leases end, and everything that was due meanwhile happens now.

        Works only on the system's clock; move another clock yourself."""
        assert isinstance(self.clock, SystemClock)
        self._passing_time.let_pass(seconds)
        self.clock.moved()

    def close(self) -> None:
        """Ends everything. No thread, process or port is left."""
        self._parts.close()

    def __enter__(self) -> LocalCloud:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.close()

    def _invoke_as(self, role_arn: str, function_arn: str, payload: str) -> Outcome:
        access = Access("lambda:InvokeFunction", function_arn)
        if refusal := self.guard.refusal(role_arn, access):
            raise AccessDeniedError(refusal)
        self.workers.obstacles.meet(self.workers.find(function_arn))
        return self.workers.invoke(function_arn, payload)


def _made(runtime: Runtime, clock: Clock, timings: Timings) -> TaskRuntime:
    if runtime == "processes":
        own = own_images.from_environment()
        return ProcessRuntime(health_scale=timings.health_scale, own_images=own)
    if runtime == "scripted":
        return ScriptedRuntime(clock)
    assert not isinstance(runtime, str)
    return runtime


class _Account:
    """What the template's makers need from the local cloud."""

    def __init__(self, cloud: LocalCloud) -> None:
        self.account_id = cloud.account.account_id
        self.region = cloud.account.region
        self.client = cloud.client
        self.custom_resources = cloud.custom_resources
        self._workers = cloud.workers
        self._guard = cloud.guard

    def register_function(self, function: Function) -> None:
        self._workers.register(function)

    def require(self, role_arn: str, actions: Sequence[str], purpose: str) -> None:
        for action in actions:
            if refusal := self._guard.refusal(role_arn, Access(action, "*")):
                raise TemplateError(f"the role cannot be used for {purpose}: {refusal}")

    def provide_aws_policy(self, arn: str) -> None:
        aws_policies.provide(self.account_id, self.region, arn)
