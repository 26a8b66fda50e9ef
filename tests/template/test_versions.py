"""An execution keeps the code and the settings that it began with, whatever the stack becomes."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from typing import Any

import pytest

from tests.template.declared import MACHINES, TEMPLATE, Json, functions, translated

RESOURCES: Json = translated()["Resources"]
LATEST = {"ProbePrivateAddressesFunction"}
"""Called as it is now: a version would stay in the subnets that it was published for."""
FIXED = {"NamePrefix"}
"""Parameters that are never changed: another prefix is another stack."""


def of_type(kind: str) -> dict[str, Json]:
    return {name: each for name, each in RESOURCES.items() if each["Type"] == kind}


def parameters_in(content: Any) -> Iterator[str]:
    """The template's parameters that a translated resource refers to."""
    text = json.dumps(content)
    named = re.findall(r'"Ref": "(\w+)"', text) + re.findall(r"\$\{(\w+)\}", text)
    yield from (name for name in named if name in TEMPLATE["Parameters"])


def version_of(function: str) -> str:
    (version,) = (
        name
        for name, each in of_type("AWS::Lambda::Version").items()
        if each["Properties"]["FunctionName"] == {"Ref": function}
    )
    return version


class TestMachines:
    @pytest.mark.parametrize("machine", MACHINES)
    def test_they_call_published_versions(self, machine: str) -> None:
        declared = MACHINES[machine]
        given = RESOURCES[declared.logical_id]["Properties"]["DefinitionSubstitutions"]
        for function in declared.called - LATEST:
            assert given[f"{function}Arn"] == {"Ref": version_of(function)}

    def test_what_is_called_as_it_is_now_has_no_version(self) -> None:
        """Lambda keeps the network interfaces of every version, and EC2 the subnets of these."""
        published = {
            each["Properties"]["FunctionName"]["Ref"]
            for each in of_type("AWS::Lambda::Version").values()
        }
        assert published == functions().keys() - LATEST
        assert {name for name in functions() if "VpcConfig" in functions()[name]} == LATEST

    def test_a_version_stays_when_the_stack_has_the_next(self) -> None:
        """Running executions name it."""
        versions = of_type("AWS::Lambda::Version")
        assert versions
        for name, version in versions.items():
            assert version["DeletionPolicy"] == "Retain", name


class TestEverybodyElse:
    def test_rules_and_permissions_name_the_alias(self) -> None:
        aliases = {f"{function}Aliaslive" for function in functions().keys() - LATEST}
        targets = [
            target["Arn"]["Ref"]
            for rule in of_type("AWS::Events::Rule").values()
            for target in rule["Properties"]["Targets"]
            if "Ref" in target["Arn"]
        ]
        permitted = [
            permission["Properties"]["FunctionName"]["Ref"]
            for permission in of_type("AWS::Lambda::Permission").values()
        ]
        assert targets
        assert set(targets) | set(permitted) <= aliases


class TestSettings:
    @pytest.mark.parametrize("function", sorted(set(functions()) - LATEST))
    def test_a_changed_parameter_reaches_no_function(self, function: str) -> None:
        """A new version is published where the template's text differs, not where a parameter's
        value does (https://github.com/aws/serverless-application-model/issues/3820). So what may
        change comes with the execution, from its machine's definition."""
        changing = set(parameters_in(RESOURCES[function]["Properties"])) - FIXED
        assert changing == set()

    def test_the_trap_is_still_there(self) -> None:
        """Once it is not, parameters can go to the functions themselves again."""
        other = translated(NamePrefix="other")["Resources"]
        assert version_of("CheckRequestFunction") in other

    def test_another_configuration_is_another_version(self) -> None:
        """AutoPublishAliasAllProperties: also where the code is the same."""

        def slower(document: Json) -> None:
            document["Resources"]["MarkReadyFunction"]["Properties"]["MemorySize"] = 256

        changed = translated(slower)["Resources"]
        assert version_of("MarkReadyFunction") not in changed
        assert version_of("CheckRequestFunction") in changed


class TestAsynchronousCalls:
    """A rule's dead letters hold only what was not delivered; what a function failed at is kept by
    the function's own destination."""

    def test_every_function_that_is_called_so_keeps_what_it_failed_at(self) -> None:
        queue = {"Fn::GetAtt": ["UndeliveredEvents", "Arn"]}
        called = {name for name, properties in functions().items() if "Events" in properties}
        kept = {
            each["Properties"]["FunctionName"]["Ref"]: each["Properties"]
            for each in of_type("AWS::Lambda::EventInvokeConfig").values()
        }
        assert called | {"GuardStackFunction"} <= kept.keys()
        for name, properties in kept.items():
            assert properties["Qualifier"] == "live", name
            assert properties["DestinationConfig"]["OnFailure"]["Destination"] == queue, name
            assert properties["MaximumRetryAttempts"] == 2, name
            assert properties["MaximumEventAgeInSeconds"] <= 21_600, name
