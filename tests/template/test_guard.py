"""The guard runs before anything of the stack is deleted."""

from __future__ import annotations

import json
import re

from tests.template.declared import TEMPLATE, Json, translated

GUARD = "EnvironmentsGuard"
NOTHING = {"Ref": "AWS::NoValue"}
RESOURCES: Json = translated()["Resources"]


def needed_by(name: str) -> set[str]:
    """What CloudFormation creates before a resource, and deletes after it."""
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
    """Aliases that nobody calls, and versions, which CloudFormation leaves in place."""
    needed = {needed for name in RESOURCES for needed in needed_by(name)}
    return {
        name
        for name, resource in RESOURCES.items()
        if (resource["Type"] == "AWS::Lambda::Alias" and name not in needed)
        or resource["Type"] == "AWS::Lambda::Version"
    }


def test_the_guard_depends_on_the_whole_stack() -> None:
    """CloudFormation would concurrently delete anything that the guard does not depend on."""
    unguarded = RESOURCES.keys() - everything_needed_by(GUARD) - {GUARD} - may_go_before_it()
    needed = {needed for name in unguarded for needed in needed_by(name)}
    assert unguarded - needed == set(), "add these to its DependsOn"


def test_nothing_depends_on_the_guard() -> None:
    """Otherwise it would not be first."""
    assert [name for name in RESOURCES if GUARD in needed_by(name)] == []


def test_the_guard_is_invoked_through_the_alias() -> None:
    """A custom resource's ServiceToken cannot be updated, so it is the same for every version."""
    token = RESOURCES[GUARD]["Properties"]["ServiceToken"]
    assert token == {"Ref": "GuardStackFunctionAliaslive"}


def test_cloudformation_waits_for_lambdas_retries_and_not_an_hour() -> None:
    """Two retries, one and two minutes later (W15)."""
    timeout = TEMPLATE["Globals"]["Function"]["Timeout"]
    waits = RESOURCES[GUARD]["Properties"]["ServiceTimeout"]
    assert 3 * timeout + 60 + 120 <= waits <= 600


def test_the_records_outlive_the_stack() -> None:
    assert RESOURCES["EnvironmentsTable"]["DeletionPolicy"].startswith("Retain")


def test_the_guard_knows_the_stacks_security_groups() -> None:
    """Foreign rules may name them, and EC2 would not delete a named group."""
    groups = RESOURCES[GUARD]["Properties"]["SecurityGroups"]
    made = [name for name, each in RESOURCES.items() if each["Type"] == "AWS::EC2::SecurityGroup"]
    assert sorted(made) == ["ProbeSecurityGroup", "TaskSecurityGroup"]
    unless = {"Fn::If": ["MakeTaskSecurityGroup", {"Ref": "TaskSecurityGroup"}, NOTHING]}
    assert groups == [{"Ref": "ProbeSecurityGroup"}, unless]
