"""What an update from the stack of b0cdb58 replaces or removes, and that nobody loses anything by
it."""

from __future__ import annotations

import tarfile

import pytest

from localcloud.template.schemas import replaced_by
from tests.template.declared import PROJECT, Json
from tests.template.evaluated import PARAMETERS, REGION, evaluated

SNAPSHOT = PROJECT / "tests" / "stack" / "data" / "b0cdb58.tar.xz"

INDEXES = "GlobalSecondaryIndexes"
VERSIONS = "AWS::Lambda::Version"
"""SAM names each after its content, so an update removes the old one from the template and retains
it."""
MAY_GO = {
    "EventBusFacts": "a statement; the new one holds before the old one goes",
    "EventBusRequests": "a statement; the new one holds before the old one goes",
    "EventBusSources": "a statement; the new one holds before the old one goes",
    "ProbePrivateAddressesFunctionAliaslive": "executions call the function itself",
    "RecheckEnvironmentFunctionEveryQuarterOfAnHour": "fires every 15 minutes, whatever its name",
    "SweepEnvironmentsFunctionEveryQuarterOfAnHour": "fires every 15 minutes, whatever its name",
}
"""What may go -> why nobody misses it. Nothing that schedules, records, executions, tasks or people
know by its name or ARN may be here: tables, buses, schedule groups and their roles, queues, log
groups, state machines, aliases that schedules call, security groups, the roles of tasks."""


@pytest.fixture(scope="module")
def before(tmp_path_factory: pytest.TempPathFactory) -> Json:
    directory = tmp_path_factory.mktemp("b0cdb58")
    with tarfile.open(SNAPSHOT) as archive:
        archive.extractall(directory, filter="data")
    return evaluated(PARAMETERS["default"], template=directory / "template.yaml")


def lost(before: Json, after: Json) -> set[str]:
    """Logical ids of what is removed or replaced."""
    return {
        logical_id
        for logical_id, resource in before.items()
        if resource["Type"] != VERSIONS
        and (
            logical_id not in after
            or after[logical_id]["Type"] != resource["Type"]
            or _is_replaced(resource, after[logical_id])
        )
    }


def _is_replaced(before: Json, after: Json) -> bool:
    if before["Type"].startswith("Custom::"):
        return False
    old, new = before.get("Properties", {}), after.get("Properties", {})
    return bool(replaced_by(REGION, before["Type"], old, new))


def test_nothing_known_elsewhere_is_replaced_or_removed(before: Json) -> None:
    """What refers to a replaced resource is checked with its new name too."""
    renamed: set[str] = set()
    while (found := lost(before, evaluated(PARAMETERS["default"], renamed=renamed))) != renamed:
        renamed |= found
    assert found == MAY_GO.keys()


@pytest.mark.parametrize(
    ("logical_id", "name", "value"),
    [
        ("DeleteEnvironmentStateMachine", "Name", "delete"),
        ("EnvironmentsTable", "KeySchema", [{"AttributeName": "name", "KeyType": "HASH"}]),
        ("EventBus", "Name", "events"),
        ("ExpiryRole", "Path", "/bivouac/"),
        ("ExpirySchedules", "Name", "lease-ends"),
        ("FunctionLogs", "LogGroupName", "/functions"),
        ("TaskSecurityGroup", "GroupDescription", "Tasks"),
        ("UndeliveredEvents", "QueueName", "dead-letters"),
    ],
)
def test_such_a_replacement_would_be_found(
    before: Json, logical_id: str, name: str, value: object
) -> None:
    def change(document: Json) -> None:
        document["Resources"][logical_id]["Properties"][name] = value

    assert logical_id in lost(before, evaluated(PARAMETERS["default"], change))


def test_a_replacement_caused_by_another_would_be_found(before: Json) -> None:
    """A permission of a replaced rule is replaced too."""
    rule = "ResumeExecutionFunctionTaskStateChange"
    after = evaluated(PARAMETERS["default"], renamed={rule})
    assert f"{rule}Permission" in lost(before, after)


def test_versions_are_retained(before: Json) -> None:
    """Running executions name them."""
    for resource in before.values():
        if resource["Type"] == VERSIONS:
            assert resource["DeletionPolicy"] == "Retain"


def test_indexes_stay_and_at_most_one_is_added(before: Json) -> None:
    """CloudFormation changes none, and adds or removes one in an update (template reference,
    AWS::DynamoDB::Table, GlobalSecondaryIndexes)."""
    after = evaluated(PARAMETERS["default"])
    for logical_id, table in after.items():
        if table["Type"] != "AWS::DynamoDB::Table" or logical_id not in before:
            continue
        old, new = (
            {index["IndexName"]: index for index in each["Properties"].get(INDEXES, [])}
            for each in (before[logical_id], table)
        )
        assert old.items() <= new.items()
        assert len(new) - len(old) <= 1
