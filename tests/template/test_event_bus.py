"""Who may put which events on the event bus."""

from __future__ import annotations

from typing import Any

from bivouac.environment.event import SOURCE, DetailType
from tests.template.declared import TEMPLATE, functions, resources
from tests.template.rights import Statement, all_statements

BUS = {"Fn::GetAtt": ["EventBus", "Arn"]}
CLIENT = "bivouac.client"
TELLING: dict[str, Statement] = {
    statement.holder: statement
    for statement in all_statements()
    if "events:PutEvents" in statement.actions
}
"""By the function that may."""


def denials() -> dict[str, dict[str, Any]]:
    """Statement id, without the prefix after it -> condition of each statement of the policy."""
    found = {}
    for name, policy in resources("AWS::Events::EventBusPolicy").items():
        properties = policy["Properties"]
        assert properties["EventBusName"] == {"Ref": "EventBus"}, name
        statement = properties["Statement"]
        assert (statement["Effect"], statement["Principal"]) == ("Deny", "*"), name
        assert (statement["Action"], statement["Resource"]) == ("events:PutEvents", BUS), name
        statement_id, separator, _ = properties["StatementId"]["Fn::Sub"].partition(
            "-${NamePrefix}"
        )
        assert separator, "it is the physical id: no other stack may have the same"
        found[statement_id] = statement["Condition"]
    return found


def requests_heard() -> list[str]:
    """The detail types for which a function has a rule on the bus."""
    rules = [
        event["Properties"]
        for properties in functions().values()
        for event in properties.get("Events", {}).values()
        if event["Properties"].get("EventBusName") == {"Ref": "EventBus"}
    ]
    for rule in rules:
        assert rule["Pattern"]["source"] == [CLIENT], rule
    return [detail_type for rule in rules for detail_type in rule["Pattern"]["detail-type"]]


class TestPolicy:
    def test_only_two_sources_are_accepted(self) -> None:
        known = {"StringNotEquals": {"events:source": [SOURCE, CLIENT]}}
        assert denials()["OnlyKnownSources"] == known

    def test_only_publishing_functions_may_use_our_source(self) -> None:
        condition = denials()["OnlyOwnFunctionsSayWhatIs"]
        assert condition["StringEquals"] == {"events:source": SOURCE}
        admitted = condition["ArnNotEquals"]["aws:PrincipalArn"]
        roles = [{"Fn::GetAtt": [f"{function}Role", "Arn"]} for function in TELLING]
        assert sorted(map(str, admitted)) == sorted(map(str, roles))

    def test_only_known_requests_are_accepted(self) -> None:
        condition = denials()["OnlyKnownRequests"]
        assert condition["StringEquals"] == {"events:source": CLIENT}
        known = condition["StringNotEquals"]["events:detail-type"]
        assert sorted(known) == sorted(requests_heard())
        assert not set(known) & set(DetailType)

    def test_the_policy_has_no_other_statement(self) -> None:
        assert len(denials()) == 3

    def test_its_statements_are_created_one_after_another(self) -> None:
        """PutPermission answers ConcurrentModificationException while the policy is being changed
        (EventBridge's API reference), and CloudFormation creates independent resources
        concurrently."""
        after = {
            name: policy.get("DependsOn")
            for name, policy in resources("AWS::Events::EventBusPolicy").items()
        }
        first = [name for name, other in after.items() if other is None]
        assert len(first) == 1
        assert len(set(after.values())) == len(after), "each waits for another one"
        assert {other for other in after.values() if other} < set(after)


class TestFunctions:
    def test_each_function_may_publish_only_its_own_events(self) -> None:
        for name, statement in TELLING.items():
            assert (statement.actions, statement.resources) == (["events:PutEvents"], [BUS]), name
            equal = statement.condition["StringEquals"]
            assert equal["events:source"] == SOURCE, name
            types = _listed(equal["events:detail-type"])
            assert set(types) <= set(DetailType), name

    def test_only_publishing_functions_know_the_bus(self) -> None:
        knowing = {
            name
            for name, properties in functions().items()
            if "EVENT_BUS_NAME" in properties["Environment"]["Variables"]
        }
        assert knowing == set(TELLING)

    def test_an_output_names_the_bus(self) -> None:
        assert TEMPLATE["Outputs"]["EventBusName"]["Value"] == {"Ref": "EventBus"}


def _listed(value: Any) -> list[Any]:
    return value if isinstance(value, list) else [value]
