"""The guard is asked before anything of the stack is deleted."""

from __future__ import annotations

import json
import re

from tests.template.declared import TEMPLATE, Json, translated

GUARD = "EnvironmentsGuard"
NOTHING = {"Ref": "AWS::NoValue"}
RESOURCES: Json = translated()["Resources"]


def needed_by(name: str) -> set[str]:
    """What CloudFormation makes before a resource, and deletes after it."""
    text = json.dumps(RESOURCES[name])
    named = {
        *re.findall(r'"Ref": "(\w+)"', text),
        *re.findall(r'"Fn::GetAtt": \["(\w+)"', text),
        *re.findall(r"\$\{(\w+)(?:\.\w+)*\}", text),
    }
    depends = RESOURCES[name].get("DependsOn", [])
    named |= {depends} if isinstance(depends, str) else set(depends)
    return named & RESOURCES.keys()


def everything_needed_by(name: str) -> set[str]:
    found: set[str] = set()
    waiting = [name]
    while waiting:
        for needed in needed_by(waiting.pop()) - found:
            found.add(needed)
            waiting.append(needed)
    return found


def may_go_before_it() -> set[str]:
    """Aliases that nobody calls, and versions, which CloudFormation leaves where they are."""
    needed = {needed for name in RESOURCES for needed in needed_by(name)}
    return {
        name
        for name, resource in RESOURCES.items()
        if (resource["Type"] == "AWS::Lambda::Alias" and name not in needed)
        or resource["Type"] == "AWS::Lambda::Version"
    }


def test_it_needs_the_whole_stack() -> None:
    """CloudFormation would delete beside it whatever it does not need."""
    unguarded = RESOURCES.keys() - everything_needed_by(GUARD) - {GUARD} - may_go_before_it()
    needed = {needed for name in unguarded for needed in needed_by(name)}
    assert unguarded - needed == set(), "add these to its DependsOn"


def test_nothing_needs_it() -> None:
    """Or it would not be asked first."""
    assert [name for name in RESOURCES if GUARD in needed_by(name)] == []


def test_it_is_asked_through_the_alias() -> None:
    """A custom resource's ServiceToken cannot be updated, so it is the same for every version."""
    token = RESOURCES[GUARD]["Properties"]["ServiceToken"]
    assert token == {"Ref": "GuardStackFunctionAliaslive"}


def test_cloudformation_waits_as_long_as_lambda_tries_and_no_hour() -> None:
    """Two retries, one and two minutes later (W15)."""
    timeout = TEMPLATE["Globals"]["Function"]["Timeout"]
    waits = RESOURCES[GUARD]["Properties"]["ServiceTimeout"]
    assert 3 * timeout + 60 + 120 <= waits <= 600


def test_environments_records_outlive_the_stack() -> None:
    assert RESOURCES["EnvironmentsTable"]["DeletionPolicy"].startswith("Retain")


def test_it_knows_the_security_groups_of_the_stack() -> None:
    """Rules of others may name them, and EC2 would delete none that is named."""
    groups = RESOURCES[GUARD]["Properties"]["SecurityGroups"]
    made = [name for name, each in RESOURCES.items() if each["Type"] == "AWS::EC2::SecurityGroup"]
    assert sorted(made) == ["ProbeSecurityGroup", "TaskSecurityGroup"]
    unless = {"Fn::If": ["MakeTaskSecurityGroup", {"Ref": "TaskSecurityGroup"}, NOTHING]}
    assert groups == [{"Ref": "ProbeSecurityGroup"}, unless]
