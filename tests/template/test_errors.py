"""Error names: a class in Python, the same name in the definitions, each raised somewhere."""

from __future__ import annotations

import ast
import inspect
from functools import cache

import pytest

from bivouac import errors
from tests.template.declared import FUNCTIONS, MACHINES, Machine, tree

CLASSES = {
    name
    for name, value in vars(errors).items()
    if inspect.isclass(value) and issubclass(value, errors.BivouacError)
} - {"BivouacError"}
OF_AWS = ("States.", "Lambda.", "StepFunctions.", "Sandbox.", "Runtime.")


def error_names(machine: Machine) -> set[str]:
    return {
        name
        for state in machine.states
        for rule in (*state.body.get("Retry", ()), *state.caught)
        for name in rule["ErrorEquals"]
    }


@cache
def names_used() -> frozenset[str]:
    """Every name in the functions' code, except where the errors are defined."""
    found: set[str] = set()
    for path in FUNCTIONS.rglob("*.py"):
        if path.name == "errors.py":
            continue
        for node in ast.walk(tree(path)):
            if isinstance(node, ast.Name):
                found.add(node.id)
            elif isinstance(node, ast.Attribute):
                found.add(node.attr)
    return frozenset(found)


@pytest.mark.parametrize("machine", MACHINES.values(), ids=MACHINES.keys())
def test_every_name_in_error_equals_is_a_class_or_aws_own(machine: Machine) -> None:
    strangers = {name for name in error_names(machine) - CLASSES if not name.startswith(OF_AWS)}
    assert strangers == set()


@pytest.mark.parametrize("name", sorted(CLASSES))
def test_every_error_is_raised_somewhere_and_says_when(name: str) -> None:
    assert name in names_used()
    assert (getattr(errors, name).__doc__ or "").strip()


def test_what_is_called_retried_is_retried() -> None:
    retried = {
        name
        for machine in MACHINES.values()
        for task in machine.lambda_tasks
        for rule in task.body["Retry"]
        for name in rule["ErrorEquals"]
    }
    ours = {name for name in retried if not name.startswith(OF_AWS)}
    assert ours == {error.__name__ for error in errors.RETRIED}
