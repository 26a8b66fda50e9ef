"""One name is used in the whole chain: state, function, resource, substitution, test."""

from __future__ import annotations

import ast
from functools import cache
from pathlib import Path
from typing import Any

import pytest

from tests.template.declared import (
    FUNCTIONS,
    GLOBAL_FUNCTION,
    MACHINES,
    PROJECT,
    TEMPLATE,
    State,
    function_of,
    functions,
    resources,
    translated,
    tree,
)
from tests.template.rights import statements_of_role

CALLS = [
    pytest.param(machine, state, id=state.name)
    for machine, declared in MACHINES.items()
    for state in declared.lambda_tasks
]
MODULES = {path.stem for path in FUNCTIONS.glob("*.py")}


READING = {"check_request", "accept_request"}


def imported_by(module: str) -> set[str]:
    """Every module of `bivouac` that a function's module imports, directly or not."""
    found: set[str] = set()
    waiting = [FUNCTIONS / f"{module}.py"]
    while waiting:
        for name in _imports(waiting.pop()):
            path = FUNCTIONS / f"{name.replace('.', '/')}.py"
            if name not in found and path.is_file():
                found.add(name)
                waiting.append(path)
    return found


@cache
def _imports(module: Path) -> frozenset[str]:
    """Imports at module level, which run whenever the module is imported."""
    names: set[str] = set()
    for node in tree(module).body:
        if isinstance(node, ast.Import):
            names.update(each.name for each in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module:
            names.add(node.module)
            names.update(f"{node.module}.{each.name}" for each in node.names)
    return frozenset(names)


def snake_case(name: str) -> str:
    return name.lower().replace(" ", "_")


def pascal_case(name: str) -> str:
    return name.title().replace(" ", "")


def invocable(resource: dict[str, Any]) -> str:
    """The logical id of the function whose ARN, or whose versions' ARNs, a statement names."""
    if "Fn::Sub" in resource:
        return str(resource["Fn::Sub"]).removeprefix("${").removesuffix(".Arn}:*")
    return str(resource["Fn::GetAtt"][0])


class TestNameChain:
    @pytest.mark.parametrize(("machine", "state"), CALLS)
    def test_state_function_module_substitution_and_test_share_one_name(
        self, machine: str, state: State
    ) -> None:
        module, resource = snake_case(state.name), f"{pascal_case(state.name)}Function"

        assert function_of(state) == resource
        assert functions()[resource]["Handler"] == f"{module}.handler"
        assert f"{resource}Arn" in MACHINES[machine].properties["DefinitionSubstitutions"]
        assert (FUNCTIONS / f"{module}.py").is_file()
        assert (PROJECT / "tests" / "functional" / f"test_{module}.py").is_file()

    @pytest.mark.parametrize("machine", MACHINES)
    def test_the_machine_is_named_after_its_file(self, machine: str) -> None:
        declared = MACHINES[machine]
        assert declared.logical_id == f"{pascal_case(machine.replace('_', ' '))}StateMachine"
        name = {"Fn::Sub": f"${{NamePrefix}}-{machine.replace('_', '-')}"}
        assert declared.properties["Name"] == name


class TestFunctions:
    def test_every_module_directly_in_functions_is_a_function(self) -> None:
        handlers = {properties["Handler"] for properties in functions().values()}
        assert handlers == {f"{module}.handler" for module in MODULES}

    def test_every_function_is_called_by_a_machine_by_events_by_schedules_or_by_people(
        self,
    ) -> None:
        called = {name for each in MACHINES.values() for name in each.called}
        listening = {name for name, properties in functions().items() if "Events" in properties}
        scheduled = {
            resource["Ref"].removesuffix(".Alias")
            for statement in statements_of_role("ExpiryRole")
            if statement.actions == ["lambda:InvokeFunction"]
            for resource in statement.resources
        }
        answering = {"GuardStackFunction"}  # CloudFormation, which creates and deletes its resource
        asked = {"DescribeEnvironmentsFunction"}  # people and pipelines, by an output of the stack
        outputs = [each["Value"] for each in TEMPLATE["Outputs"].values()]
        assert all({"Ref": name} in outputs for name in asked)
        ways = (called, listening, scheduled, answering, asked)
        assert set().union(*ways) == set(functions())
        assert sum(map(len, ways)) == len(functions())

    def test_every_function_has_a_test_of_its_name(self) -> None:
        for module in MODULES:
            assert (PROJECT / "tests" / "functional" / f"test_{module}.py").is_file(), module

    @pytest.mark.parametrize("module", sorted(MODULES - READING))
    def test_only_functions_that_read_untrusted_input_import_pydantic(self, module: str) -> None:
        """It costs as much of a cold start as boto3 (docs/decisions/0003)."""
        assert "bivouac.request.models" not in imported_by(module)

    def test_one_function_stores_every_token(self) -> None:
        """Whatever a machine waits for, one function stores the token, and one gets the events."""
        waiting = [state for each in MACHINES.values() for state in each.waiting_tasks]
        assert {state.body["Parameters"]["FunctionName"] for state in waiting} == {
            "${WaitForChangeFunctionArn}"
        }
        knowing = {
            name
            for name, properties in functions().items()
            if "WAITS_TABLE_NAME" in properties["Environment"]["Variables"]
        }
        assert knowing == {"WaitForChangeFunction", "ResumeExecutionFunction"}

    @pytest.mark.parametrize("machine", MACHINES)
    def test_every_substitution_is_defined_and_used(self, machine: str) -> None:
        declared = MACHINES[machine]
        file = PROJECT / declared.properties["DefinitionUri"]
        text = file.read_text(encoding="utf-8")
        used = {part.partition("}")[0] for part in text.split("${")[1:]}
        assert used == set(declared.properties["DefinitionSubstitutions"])

    @pytest.mark.parametrize("machine", MACHINES)
    def test_a_machine_may_invoke_the_functions_it_calls_and_no_other(self, machine: str) -> None:
        declared = MACHINES[machine]
        role = declared.properties["Role"]["Fn::GetAtt"][0]
        granted = [
            invocable(resource)
            for statement in statements_of_role(role)
            if statement.actions == ["lambda:InvokeFunction"]
            for resource in statement.resources
        ]
        assert sorted(granted) == sorted(declared.called)


NAMING = {
    "AlarmName",
    "FunctionName",
    "GroupName",
    "LogGroupName",
    "ManagedPolicyName",
    "Name",
    "QueueName",
    "RoleName",
    "StateMachineName",
    "StatementId",
    "TableName",
}
"""The properties with which CloudFormation's types take a fixed name."""
BELONGING = ("AWS::Lambda::",)
"""Permissions, versions, aliases and configurations are named after what they belong to."""


class TestASecondStack:
    """Another NamePrefix is another stack in the same account and Region: none of its names is
    taken already."""

    def test_every_name_begins_or_ends_with_the_prefix(self) -> None:
        named = {
            f"{name}.{member}": value
            for name, resource in translated()["Resources"].items()
            if not resource["Type"].startswith(BELONGING)
            for member, value in resource.get("Properties", {}).items()
            if member in NAMING
        }
        assert named
        for place, value in named.items():
            prefixed = value == {"Ref": "NamePrefix"} or "${NamePrefix}" in str(value)
            assert prefixed, f"{place}: {value}"

    def test_no_output_is_exported(self) -> None:
        """The name of an export is unique in an account and Region."""
        for name, output in translated()["Outputs"].items():
            assert "Export" not in output, name

    def test_its_log_group_belongs_to_no_other_stack(self) -> None:
        """/bivouac-2/functions looks like one of the stack bivouac, whose sweep would report it as
        a look-alike for ever."""
        group = resources("AWS::Logs::LogGroup")["FunctionLogs"]["Properties"]
        assert group["LogGroupName"] == {"Fn::Sub": "/${NamePrefix}/functions"}
        assert {"Key": "bivouac:stack", "Value": {"Ref": "NamePrefix"}} in group["Tags"]

    def test_its_metrics_are_its_own(self) -> None:
        """Otherwise an alarm of one stack would report what happened in another."""
        prefix = {"Ref": "NamePrefix"}
        variables = GLOBAL_FUNCTION["Environment"]["Variables"]
        assert variables["POWERTOOLS_SERVICE_NAME"] == prefix
        for name, alarm in resources("AWS::CloudWatch::Alarm").items():
            for dimension in alarm["Properties"]["Dimensions"]:
                assert isinstance(dimension["Value"], dict), name
                if dimension["Name"] == "service":
                    assert dimension["Value"] == prefix, name
