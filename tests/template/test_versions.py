"""An execution keeps the code and settings with which it began, however the stack changes."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from typing import Any

import pytest

from tests.template.declared import MACHINES, TEMPLATE, Json, functions, translated

RESOURCES: Json = translated()["Resources"]
LATEST = {"ProbePrivateAddressesFunction"}
"""Called without a version, which would stay in the subnets for which it was published."""
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
    def test_machines_call_published_versions(self, machine: str) -> None:
        declared = MACHINES[machine]
        given = RESOURCES[declared.logical_id]["Properties"]["DefinitionSubstitutions"]
        for function in declared.called - LATEST:
            assert given[f"{function}Arn"] == {"Ref": version_of(function)}

    def test_functions_called_without_a_version_have_none(self) -> None:
        """Lambda keeps the network interfaces of every version, and EC2 the subnets of these."""
        published = {
            each["Properties"]["FunctionName"]["Ref"]
            for each in of_type("AWS::Lambda::Version").values()
        }
        assert published == functions().keys() - LATEST
        assert {name for name in functions() if "VpcConfig" in functions()[name]} == LATEST

    def test_a_version_stays_after_the_next_is_published(self) -> None:
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
        """A new version is published if the template's text differs, not if a parameter's value
        does (https://github.com/aws/serverless-application-model/issues/3820). So changeable
        settings come with the execution, from its machine's definition."""
        changing = set(parameters_in(RESOURCES[function]["Properties"])) - FIXED
        assert changing == set()

    def test_a_changed_parameter_still_publishes_no_version(self) -> None:
        """Once it does, parameters can go to the functions directly again."""
        other = translated(NamePrefix="other")["Resources"]
        assert version_of("CheckRequestFunction") in other

    def test_another_configuration_publishes_a_version(self) -> None:
        """AutoPublishAliasAllProperties: even if the code is the same."""

        def slower(document: Json) -> None:
            document["Resources"]["MarkReadyFunction"]["Properties"]["MemorySize"] = 256

        changed = translated(slower)["Resources"]
        assert version_of("MarkReadyFunction") not in changed
        assert version_of("CheckRequestFunction") in changed


class TestAsynchronousCalls:
    """A rule's dead letters hold only what was not delivered; a function's own destination keeps
    what the function failed at."""

    def test_every_function_invoked_asynchronously_has_a_failure_destination(self) -> None:
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
