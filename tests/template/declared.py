"""Reads template.yaml and the state machine definitions for the tests."""

from __future__ import annotations

import ast
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

from localcloud.template.source import parse_yaml, read_template

Json = dict[str, Any]

PROJECT = Path(__file__).parents[2]
FUNCTIONS = PROJECT / "functions"
TEMPLATE_TEXT = (PROJECT / "template.yaml").read_text(encoding="utf-8")
TEMPLATE: Json = parse_yaml(TEMPLATE_TEXT)
GLOBAL_FUNCTION: Json = TEMPLATE["Globals"]["Function"]


def resources(kind: str) -> dict[str, Json]:
    """Logical id -> resource, of one type."""
    return {
        name: resource
        for name, resource in TEMPLATE["Resources"].items()
        if resource["Type"] == kind
    }


def functions() -> dict[str, Json]:
    """Logical id -> properties of each function, including the template's globals."""
    return {
        name: {**GLOBAL_FUNCTION, **resource["Properties"]}
        for name, resource in resources("AWS::Serverless::Function").items()
    }


@dataclass(frozen=True)
class State:
    name: str
    body: Json
    siblings: Json
    """All states of the same scope, to which alone it can go on."""
    path: tuple[str, ...]
    """The Maps and Parallels around it."""

    @property
    def kind(self) -> str:
        return str(self.body["Type"])

    @property
    def caught(self) -> list[Json]:
        return list(self.body.get("Catch", ()))

    @property
    def following(self) -> Iterator[str]:
        """Every state that can come next, including by a Catch."""
        yield from self.following_without_failure
        yield from (catcher["Next"] for catcher in self.caught)

    @property
    def following_without_failure(self) -> Iterator[str]:
        for field in ("Next", "Default"):
            if field in self.body:
                yield self.body[field]
        yield from (choice["Next"] for choice in self.body.get("Choices", ()))


@dataclass(frozen=True)
class Machine:
    logical_id: str
    properties: Json
    definition: Json

    @property
    def states(self) -> list[State]:
        """All states, including those inside Maps and Parallels."""
        return [state for scope in self.scopes for state in scope.states]

    @property
    def scopes(self) -> list[Scope]:
        return list(_scopes(self.definition, ()))

    @property
    def top(self) -> dict[str, State]:
        return {state.name: state for state in self.scopes[0].states}

    @property
    def tasks(self) -> list[State]:
        return [state for state in self.states if state.kind == "Task"]

    @property
    def lambda_tasks(self) -> list[State]:
        """Those that continue with the function's answer."""
        return [state for state in self.tasks if function_of(state)]

    @property
    def waiting_tasks(self) -> list[State]:
        """Those that continue once somebody sends their token."""
        return [
            state
            for state in self.tasks
            if str(state.body["Resource"]).endswith(":lambda:invoke.waitForTaskToken")
        ]

    @property
    def called(self) -> set[str]:
        """The logical ids of every function that it calls."""
        names = {function_of(state) or "" for state in self.lambda_tasks}
        return names | {
            str(state.body["Parameters"]["FunctionName"]).removeprefix("${").removesuffix("Arn}")
            for state in self.waiting_tasks
        }

    def state(self, name: str) -> State:
        return next(state for state in self.states if state.name == name)


@dataclass(frozen=True)
class Scope:
    """States that can follow each other: a machine's own, a Map's, a Parallel branch's."""

    start: str
    states: tuple[State, ...]


def _scopes(definition: Json, path: tuple[str, ...]) -> Iterator[Scope]:
    siblings = definition["States"]
    states = tuple(State(name, body, siblings, path) for name, body in siblings.items())
    yield Scope(definition["StartAt"], states)
    for name, body in siblings.items():
        for inner in (*body.get("Branches", ()), *filter(None, [body.get("ItemProcessor")])):
            yield from _scopes(inner, (*path, name))


def function_of(state: State) -> str | None:
    """The logical id of the function that a Task calls; None if it calls AWS directly."""
    match = re.fullmatch(r"\$\{(\w+)Arn\}", str(state.body["Resource"]))
    return match[1] if match else None


def machines() -> dict[str, Machine]:
    """File stem -> state machine."""
    found = {}
    for name, resource in resources("AWS::Serverless::StateMachine").items():
        properties = resource["Properties"]
        file = PROJECT / properties["DefinitionUri"]
        definition = parse_yaml(file.read_text(encoding="utf-8"))
        found[file.name.removesuffix(".asl.yaml")] = Machine(name, properties, definition)
    return found


@cache
def tree(module: Path) -> ast.Module:
    """A module's syntax, parsed once for the many tests that read it; nobody changes it."""
    return ast.parse(module.read_text(encoding="utf-8"))


def translated(change: Callable[[Json], None] = lambda _: None, **parameters: str) -> Json:
    """The CloudFormation template that SAM makes of template.yaml after `change`."""
    required = {"VpcId": "vpc-1", "SubnetIds": "subnet-1"}
    source = read_template(PROJECT / "template.yaml")
    change(source.document)
    return source.translated({**required, **parameters}, "eu-central-1")


MACHINES = machines()
