"""Requests that cannot be used: every problem is reported, and AWS is not called."""

from __future__ import annotations

import copy
from collections.abc import Callable
from typing import Any

import pytest

from localcloud.endpoint.call_faults import THROTTLED
from tests.requests import environment, event, web
from tests.workflow.application import Application

pytestmark = pytest.mark.xdist_group("workflow-life")

Json = dict[str, Any]


def tutorial() -> Json:
    return event("tutorial")


def with_service(change: Callable[[Json], None]) -> Json:
    request = copy.deepcopy(tutorial())
    change(request["services"][0])
    return request


def definition(**changes: Any) -> Json:
    def change(service: Json) -> None:
        service["taskDefinition"].update(changes)

    return with_service(change)


def connect(**changes: Any) -> Json:
    def change(service: Json) -> None:
        service["serviceConnectConfiguration"].update(changes)

    return with_service(change)


def endpoint(**changes: Any) -> Json:
    def change(service: Json) -> None:
        service["serviceConnectConfiguration"]["services"][0].update(changes)

    return with_service(change)


def container(**changes: Any) -> Json:
    def change(service: Json) -> None:
        service["taskDefinition"]["containerDefinitions"][0].update(changes)

    return with_service(change)


STRANGER = "arn:aws:iam::123456789012:role/Administrator"

REFUSED = {
    "no object": ([], "must be an object, not a list"),
    "unknown field": (environment(nmae="demo"), "nmae: unknown field"),
    "wrong type": (environment(services="web"), "services: "),
    "environment name": (environment(name="Demo--1"), "name: 'Demo--1' is not an environment name"),
    "name too long": (environment(name="e" * 41), "is not an environment name"),
    "service name": (environment(web(serviceName="a b")), "services[0].serviceName: "),
    "the tutorial's namespace true": (
        connect(namespace=True),
        "true is not a namespace's name, and ECS refuses it; leave it out, and name the "
        'namespace beside services: "namespace": "service-connect"',
    ),
    "same service twice": (environment(web(), web()), "web"),
    "same alias twice": (
        environment(
            web(),
            web(
                serviceName="api",
                serviceConnectConfiguration={
                    "enabled": True,
                    "services": [
                        {"portName": "api", "clientAliases": [{"port": 80, "dnsName": "web"}]}
                    ],
                },
            ),
        ),
        "web:80",
    ),
    "port name": (endpoint(portName="http"), "http"),
    "cpu and memory": (definition(cpu="256", memory="4096"), "256"),
    "foreign task role": (definition(taskRoleArn=STRANGER), "not in the stack's allow-list"),
    "privileged": (container(privileged=True), "privileged: refused"),
    "a secret in plain text": (
        container(environment=[{"name": "DB_PASSWORD", "value": "hunter2"}]),
        "DB_PASSWORD is the name of a secret",
    ),
    "text": ("name: demo\nservices: []", "may be YAML; write it as JSON"),
    "CloudFormation's notation": (
        environment({"ServiceName": "web", "PrimaryContainer": {"Image": "x"}}),
        'write ECS\'s: {"serviceName": "web", "primaryContainer": {"image": "x"}}',
    ),
    "an ECS word misspelt": (with_service(lambda s: s.update(desiredCuont=1)), "desiredCuont"),
    "lease too long": (environment(lease={"ttl": "8d"}), "longer than the stack's maximum"),
}


class TestRefusedRequest:
    @pytest.mark.parametrize(("request_", "said"), REFUSED.values(), ids=REFUSED.keys())
    def test_an_invalid_request_is_refused_before_the_first_call(
        self, app: Application, request_: Any, said: str
    ) -> None:
        """S08, S11, S12, T04, N07."""
        before = len(app.calls)

        refused = app.create(request_)

        assert (refused.status, refused.error) == ("FAILED", "InvalidRequestError")
        assert said in refused.cause
        assert refused.states[-1] == "Request refused"
        assert app.calls.names(since=before) == []

    def test_all_problems_are_reported_at_once(self, app: Application, name: str) -> None:
        request = tutorial() | {"name": name, "colour": "green", "lease": {"ttl": "never"}}
        service = request["services"][0]
        service["serviceConnectConfiguration"]["services"][0]["portName"] = "http"
        service["taskDefinition"]["taskRoleArn"] = STRANGER
        service["taskDefinition"]["memory"] = "4096"

        refused = app.create(request)

        problems = [line for line in refused.cause.splitlines() if line.startswith("- ")]
        assert refused.cause.startswith("5 problems in the request:")
        for path in ("colour", "lease.ttl", "services[0]", "taskRoleArn", "memory"):
            assert any(path in problem for problem in problems), path
        assert app.find_record(name) is None
        assert app.schedule(name) is None

    def test_a_secret_is_not_repeated_in_the_cause(self, app: Application) -> None:
        request, _ = REFUSED["a secret in plain text"]
        assert "hunter2" not in app.create(request).cause


STARTED: dict[str, Callable[[Application], tuple[str, Json]]] = {
    "create": lambda app: (app.create_machine, environment(name="fault")),
    "delete": lambda app: (app.delete_machine, {"environment": "fault"}),
    "extend": lambda app: (app.extend_machine, {"environment": "fault", "ttl": "8h"}),
    "sleep": lambda app: (app.sleep_machine, {"environment": "fault"}),
    "redeploy": lambda app: (app.redeploy_machine, {"environment": "fault"}),
    "wake": lambda app: (app.wake_machine, {"environment": "fault"}),
}


INTERNAL: dict[str, Json] = {
    "create": {"status": "CHANGED", "asked": "eJwDAAAAAAE="},
    "delete": {"settled": True, "recorded": True, "request": {"environment": "fault"}},
    "sleep": {"settled": True, "request": {"environment": "fault"}},
    "extend": {"settled": True},
    "redeploy": {"failure": {"error": "x", "cause": "y"}, "rollBackFailure": {}},
    "wake": {"settled": True},
}


@pytest.mark.parametrize("started", STARTED)
class TestInputsOfEveryMachine:
    def refused(self, app: Application, started: str, **more: Any) -> str:
        machine, content = STARTED[started](app)
        before = len(app.calls)
        ended = app.ended(app.start(machine, {**content, **more}))
        assert (ended.status, ended.error) == ("FAILED", "InvalidRequestError")
        assert app.calls.changes(since=before) == []
        return ended.cause

    def test_an_intent_in_the_future_is_refused(self, app: Application, started: str) -> None:
        """It would outdate everything until then."""
        intent = {"id": "x", "at": "2099-01-01T00:00:00Z"}
        assert "intent.at: 2099-01-01T00:00:00Z is in the future" in self.refused(
            app, started, intent=intent
        )

    def test_a_large_input_is_refused_with_its_problem(
        self, app: Application, started: str
    ) -> None:
        """W08: a state that held it twice would end the execution without a word about it."""
        intent = {"id": "x" * 200_000, "at": "2026-01-31T00:00:00Z"}
        if started == "wake":  # Step Functions cuts what it tells of the create
            ended = app.ended(app.start(app.wake_machine, {"environment": "f", "intent": intent}))
            assert (ended.status, ended.error) == ("FAILED", "States.TaskFailed")
            assert "No function said why this step failed" in ended.cause
            return
        assert "intent.id: longer than 256 characters" in self.refused(app, started, intent=intent)

    def test_internal_fields_are_refused(self, app: Application, started: str) -> None:
        cause = self.refused(app, started, **INTERNAL[started])
        for name in INTERNAL[started]:
            assert f"{name}: unknown field" in cause


@pytest.mark.parametrize("started", STARTED.values(), ids=STARTED.keys())
class TestFaultsBeforeAnything:
    """Causes are for people: no JSON of Lambda's, no stack trace."""

    def test_a_permanently_failing_function_gives_a_cause(
        self, app: Application, started: Callable[[Application], tuple[str, Json]]
    ) -> None:
        app.cloud.call_faults.of = lambda call: (
            THROTTLED if call.service == "dynamodb" and app.is_a_role(call) else None
        )
        try:
            ended = app.ended(app.start(*started(app)))
        finally:
            app.cloud.call_faults.of = lambda call: None
        assert (ended.status, ended.error) == ("FAILED", "ThrottledError")
        assert ended.cause == "record of fault: GetItem answered ThrottlingException: Rate exceeded"

    def test_a_failure_without_a_cause_is_described(
        self, app: Application, started: Callable[[Application], tuple[str, Json]]
    ) -> None:
        machine, content = started(app)

        def unreachable(states: Json) -> None:
            first = next(iter(states.values()))
            if ":function:" in first["Resource"]:
                first["Resource"] = first["Resource"].replace("bivouac-", "gone-")
            else:
                first["Parameters"]["StateMachineArn"] += "-gone"

        ended = app.ended(app.start(app.variant(machine, unreachable), content))
        assert ended.status == "FAILED"
        in_words = "No function said why this step failed; it ended as "
        # A redeploy asks a function what follows, which passes on Step Functions' words.
        assert ended.cause.startswith((in_words, "User: arn:aws:sts::"))


class TestWhatExistsDecides:
    def test_missing_subnets_and_security_groups_are_named(
        self, app: Application, name: str
    ) -> None:
        """S15."""
        network = {"subnets": ["subnet-00000000"], "securityGroups": ["sg-00000000"]}
        before = len(app.calls)

        machine = app.allowing(network["subnets"], network["securityGroups"])
        request = environment(web(networkConfiguration={"awsvpcConfiguration": network}), name=name)
        refused = app.ended(app.start(machine, request))

        assert refused.error == "InvalidRequestError"
        assert "subnet subnet-00000000 does not exist" in refused.cause
        assert "security group sg-00000000 does not exist" in refused.cause
        assert app.calls.changes(since=before) == []

    def test_a_security_group_that_does_not_admit_the_probe_is_refused(
        self, app: Application, name: str
    ) -> None:
        """P09."""
        network = {"securityGroups": [app.cloud.account.security_group_id]}
        container = {"image": "nginx", "containerPort": 8443}

        refused = app.create(
            environment(
                web(
                    primaryContainer=container,
                    networkConfiguration={"awsvpcConfiguration": network},
                ),
                name=name,
            )
        )

        assert refused.error == "InvalidRequestError"
        assert "admits port 8443" in refused.cause

    def test_a_missing_task_definition_is_refused(self, app: Application, name: str) -> None:
        refused = app.create(
            environment({"serviceName": "web", "taskDefinition": "nobodys:1"}, name=name)
        )

        assert refused.error == "InvalidRequestError"
        assert "nobodys:1" in refused.cause
        assert app.find_record(name) is None
