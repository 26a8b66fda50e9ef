"""The story: one environment's life, step by step."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from botocore.exceptions import ClientError

from .deployed import Aws, Deployed
from .executions import Ended, Executions, StepFailedError
from .listening import Listener
from .recorder import Recorder
from .request import API, BACKEND, NO_IMAGE, WEB, refused, shop
from .showing import Screen
from .watching import Watch

Json = dict[str, Any]

GONE = ("DELETED", "DELETING", "ALREADY_GONE")
"""What a receipt may say about a resource; DELETING: a task definition, which ECS deletes later."""


class Life:
    """One run's environment, named `run`. Polls every `every` seconds during a wait, for at most
    `limit` seconds."""

    def __init__(
        self,
        aws: Aws,
        stack: Deployed,
        run: str,
        recorder: Recorder,
        screen: Screen,
        every: float,
        limit: float,
    ) -> None:
        self._aws = aws
        self._stack = stack
        self._run = run
        self._recorder = recorder
        self._screen = screen
        self._watch = Watch(aws, stack, run, recorder)
        self.listener = Listener(aws, stack, run, recorder)
        self.executions = Executions(aws, stack, self._look, every, limit)
        self._numbers = 0

    def tell(self) -> None:
        """Raises StepFailedError if a step did not end as it must."""
        with self._step("the stack is there, and a queue listens"):
            self._stack_is_complete()
            self.listener.begin()
        with self._step("a request with two problems is refused, with both"):
            self._refuse()
        with self._step("a dry run answers with the plan and makes nothing"):
            self._plan()
        with self._step("create: three services, every endpoint and edge proven"):
            self._create()
        with self._step("the same request again changes nothing"):
            self._create_again()
        with self._step("a changed request changes the service that differs"):
            self._change()
        with self._step("a redeploy of an image that is not there is rolled back"):
            self._redeploy()
        with self._step("sleep: no task is left"):
            self._sleep()
        with self._step("wake: proven again"):
            self._wake()
        with self._step("the lease is extended"):
            self._extend()
        with self._step("questions about what is not there, and what is not allowed"):
            self._ask()
        with self._step("teardown by an event, with a receipt"):
            self._tear_down()
        with self._step("everything was told on the stack's bus"):
            self._told()
        with self._step("a dry run of the sweep finds nothing of it"):
            self._sweep()

    # The steps

    def _stack_is_complete(self) -> None:
        status = self._stack.status
        complete = status in ("CREATE_COMPLETE", "UPDATE_COMPLETE")
        self._recorder.judge("cloudformation.stack-complete", complete, status)

    def _refuse(self) -> None:
        ended = self._execute("CreateEnvironment", refused(self._run))
        ended.must_have("FAILED")
        observed = f"error {ended.error!r}, cause {ended.cause!r}"
        self._recorder.judge(
            "stepfunctions.error-name", ended.error == "InvalidRequestError", observed
        )
        _expect("containerPort" in ended.cause and "nobody" in ended.cause, observed)

    def _plan(self) -> None:
        ended = self._execute("CreateEnvironment", {**shop(self._run), "dryRun": True})
        ended.must_have("SUCCEEDED")
        _expect(self._watch.cluster_status() == "INACTIVE", "a dry run has made a cluster")

    def _create(self) -> None:
        self._proven(self._execute("CreateEnvironment", shop(self._run)))
        self._watch.judge_registrations()
        self._judge_expiry_schedule()

    def _create_again(self) -> None:
        before = self._deployment_ids()
        self._proven(self._execute("CreateEnvironment", shop(self._run)))
        _expect(self._deployment_ids() == before, "the same request has made new deployments")

    def _change(self) -> None:
        before = self._deployment_ids()
        changed = shop(self._run, backend_says="41 oranges in stock")
        self._proven(self._execute("CreateEnvironment", changed))
        after = self._deployment_ids()
        differ = {name for name in after if after[name] != before.get(name)}
        _expect(differ == {BACKEND}, f"new deployments of {sorted(differ)}")

    def _redeploy(self) -> None:
        before = self._definitions()
        change = {"environment": self._run, "services": [{"serviceName": WEB, "image": NO_IMAGE}]}
        ended = self._execute("RedeployEnvironment", change)
        ended.must_have("FAILED")
        _expect("CannotPull" in ended.cause, f"the cause does not say why: {ended.cause}")
        _expect("rolled back" in ended.cause, f"it was not rolled back: {ended.cause}")
        _expect(self._definitions() == before, "other task definitions run than before")
        _expect(len(self._watch.running()) == len(before), "not every service runs a task")

    def _sleep(self) -> None:
        self._execute("SleepEnvironment", {"environment": self._run}).must_have("SUCCEEDED")
        _expect(not self._watch.running(), f"tasks still run: {self._watch.running()}")

    def _wake(self) -> None:
        self._proven(self._execute("WakeEnvironment", {"environment": self._run}))

    def _extend(self) -> None:
        ended = self._execute("ExtendLease", {"environment": self._run, "ttl": "2h"})
        ended.must_have("SUCCEEDED")
        _expect(ended.output["outcome"] == "DONE", f"not extended: {ended.output}")
        end = ended.output["expiresAt"].removesuffix("Z")
        expression = self._expiry_schedule()["ScheduleExpression"]
        _expect(end in expression, f"the schedule is {expression}, the lease ends at {end}")
        self._stop_what_has_ended(ended)

    def _ask(self) -> None:
        self._ask_ecs()
        self._ask_scheduler()
        self._ask_the_bus()

    def _tear_down(self) -> None:
        deployments = self._watch.deployments()
        detail = {"environment": self._run, "reason": "the acceptance suite is over"}
        put = self._aws.client("events").put_events(
            Entries=[
                {
                    "EventBusName": self._stack.outputs["EventBusName"],
                    "Source": "bivouac.client",
                    "DetailType": "TeardownRequested",
                    "Detail": json.dumps(detail),
                }
            ]
        )
        _expect(not put["FailedEntryCount"], f"the bus did not take the event: {put}")
        arn = self.executions.until(
            lambda: self.executions.started_by_others("DeleteEnvironment", f"{self._run}-"),
            "a deletion",
        )
        ended = self.executions.ended(arn)
        ended.must_have("SUCCEEDED")
        items = ended.output["receipt"]["items"]
        left = [item for item in items if item["outcome"] not in GONE]
        _expect(not left, f"the receipt has something left: {left}")
        named = {item["name"] for item in items}
        _expect({self._watch.cluster, *deployments} <= named, f"the receipt names {named} only")
        self._judge_what_is_deleted()

    def _told(self) -> None:
        wanted = {"EnvironmentReady", "EnvironmentFailed", "EnvironmentDeleted"}
        self.executions.until(
            lambda: wanted <= {event["detail-type"] for event in self.listener.heard()} or None,
            f"{', '.join(sorted(wanted))} on the bus",
        )

    def _sweep(self) -> None:
        answer = self._aws.client("lambda").invoke(
            FunctionName=self._stack.outputs["SweepEnvironmentsFunctionName"],
            Payload=b'{"dryRun": true}',
        )
        swept = json.loads(answer["Payload"].read())
        _expect(swept.get("status") == "DRY_RUN", f"it answered {swept}")
        found = [each for each in swept["findings"] if self._run in json.dumps(each)]
        _expect(not found, f"the sweep would act on {found}")

    # What they need

    @contextmanager
    def _step(self, text: str) -> Iterator[None]:
        with self._screen.step(text):
            yield

    def _look(self) -> None:
        self._screen.now(self._watch.look())
        self.listener.heard()

    def _execute(self, verb: str, content: Json) -> Ended:
        self._numbers += 1
        ended = self.executions.run(verb, content, f"{self._run}-{self._numbers}")
        self.executions.history(ended.arn)
        self._watch.look()
        if "iam:PassRole" in ended.cause:
            self._recorder.judge("iam.pass-role", False, ended.cause)
        return ended

    def _proven(self, ended: Ended) -> None:
        ended.must_have("SUCCEEDED")
        output = ended.output
        _expect(output.get("status") == "READY", f"it is {output.get('status')}")
        wrong = [check for check in output["proof"] if check["outcome"] == "NG"]
        edges = [edge for edge in output["edges"] if not edge["proven"]]
        _expect(not wrong and not edges, f"not proven: {wrong} {edges}")
        _expect(len(output["edges"]) == 2, f"these edges are proven only: {output['edges']}")
        self._recorder.judge("iam.pass-role", True, "services were created and updated")

    def _deployment_ids(self) -> dict[str, str]:
        return {name: each["id"] for name, each in self._watch.deployments().items()}

    def _definitions(self) -> dict[str, str]:
        found = self._watch.deployments()
        return {name: each["taskDefinition"] for name, each in found.items()}

    def _expiry_schedule(self) -> Json:
        scheduler = self._aws.client("scheduler")
        name = f"{self._run}-expiry"
        listed = scheduler.list_schedules(NamePrefix=name)["Schedules"]
        _expect(len(listed) == 1, f"there are {len(listed)} schedules {name}")
        schedule: Json = scheduler.get_schedule(Name=name, GroupName=listed[0]["GroupName"])
        return schedule

    def _judge_expiry_schedule(self) -> None:
        schedule = self._expiry_schedule()
        role = schedule["Target"]["RoleArn"]
        observed = f"the schedule has the role {role}"
        self._recorder.judge("scheduler.trust", True, observed, "scheduler.GetSchedule", schedule)

    def _stop_what_has_ended(self, ended: Ended) -> None:
        belief = "stepfunctions.stop-after-end"
        try:
            self.executions.stop(ended.arn)
        except ClientError as error:
            self._recorder.judge(belief, False, str(error))
        else:
            status = self.executions.ended(ended.arn).status
            self._recorder.judge(belief, status == ended.status, f"it is {status} afterwards")

    def _ask_ecs(self) -> None:
        ecs = self._aws.client("ecs")
        cluster = self._watch.cluster
        services = ecs.describe_services(cluster=cluster, services=["nobody"])
        tasks = ecs.describe_tasks(cluster=cluster, tasks=["0" * 32])
        for belief, operation, answer in (
            ("ecs.missing-service", "ecs.DescribeServices", services),
            ("ecs.missing-task", "ecs.DescribeTasks", tasks),
        ):
            reasons = [failure.get("reason") for failure in answer["failures"]]
            observed = f"failures {answer['failures']}"
            self._recorder.judge(belief, reasons == ["MISSING"], observed, operation, answer)

    def _ask_scheduler(self) -> None:
        belief = "scheduler.missing-schedule"
        try:
            self._aws.client("scheduler").delete_schedule(Name=f"{self._run}-nobody")
        except ClientError as error:
            code = error.response["Error"]["Code"]
            self._recorder.judge(belief, code == "ResourceNotFoundException", str(error))
        else:
            self._recorder.judge(belief, False, "it was deleted")

    def _ask_the_bus(self) -> None:
        """A detail-type without a listener, in case the bus accepts it after all."""
        entry = {
            "EventBusName": self._stack.outputs["EventBusName"],
            "Source": "bivouac",
            "DetailType": "AcceptanceSuiteAsks",
            "Detail": "{}",
        }
        try:
            answer = self._aws.client("events").put_events(Entries=[entry])
        except ClientError as error:
            code = error.response["Error"]["Code"]
        else:
            code = answer["Entries"][0].get("ErrorCode", "it was taken")
        self._recorder.judge("events.denied-source", code == "AccessDeniedException", code)

    def _judge_what_is_deleted(self) -> None:
        ecs = self._aws.client("ecs")
        answer = ecs.describe_clusters(clusters=[self._watch.cluster])
        states = [each["status"] for each in answer["clusters"]]
        states += [each.get("reason") for each in answer["failures"]]
        holds = states in (["INACTIVE"], ["MISSING"])
        self._recorder.judge(
            "ecs.cluster-inactive", holds, f"{states}", "ecs.DescribeClusters", answer
        )
        families = [f"{self._watch.cluster}--{name}" for name in (WEB, API, BACKEND)]
        deleting: list[str] = []
        for family in families:
            listed = ecs.list_task_definitions(familyPrefix=family, status="DELETE_IN_PROGRESS")
            deleting += listed["taskDefinitionArns"]
            active = ecs.list_task_definitions(familyPrefix=family, status="ACTIVE")
            _expect(not active["taskDefinitionArns"], f"ACTIVE: {active['taskDefinitionArns']}")
        observed = f"{len(deleting)} are listed"
        self._recorder.judge("ecs.task-definitions-deleting", bool(deleting), observed)


def _expect(holds: bool, problem: str) -> None:
    if not holds:
        raise StepFailedError(problem)
