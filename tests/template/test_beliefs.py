"""Literals that are compared with AWS's answers are in one module for each service, with their
source.

Those modules are functions/bivouac/aws/*_answers.py, and aws_messages.py for the texts that a
diagnosis recognises. Elsewhere no literal is compared with a member of an answer or event, and none
of AWS's literals (a value of an enumeration, an error's name) is compared at all."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import botocore.session
import pytest
from botocore.model import StringShape

from tests.template.declared import FUNCTIONS, tree

PLACES = sorted((FUNCTIONS / "bivouac" / "aws").glob("*_answers.py"))
MESSAGES = FUNCTIONS / "bivouac" / "diagnosis" / "aws_messages.py"
ELSEWHERE = [each for each in sorted(FUNCTIONS.rglob("*.py")) if each not in (*PLACES, MESSAGES)]

REQUESTS = {
    *("connect_rules.py", "container_rules.py", "ecs_arguments.py", "fargate_rules.py"),
    *("load_balancers.py", "log_rules.py", "messages.py", "notation.py", "own_messages.py"),
    *("plan.py", "service.py", "task_definition.py", "secret_rules.py", "service_rules.py"),
    "volume_rules.py",
}
"""These compare a request with what ECS accepts, by ECS's own model, and nothing that AWS
answers."""

OUR_OWN = {
    # Members of records, inputs and what one step passes to the next
    ("record.py", "keep"),
    ("foundation.py", "READY"),
    ("taking.py", "up"),
    ("record.py", "delete"),
    ("schedules.py", "delete"),
    # Of URLs, and of running programs
    ("cloudformation.py", "https"),
    ("dependencies.py", "http"),
}
"""Module and literal."""


@dataclass(frozen=True)
class Comparison:
    module: str
    line: int
    literal: str
    of_a_member: bool
    """Whether it is compared with a dictionary's value under a name."""

    def __str__(self) -> str:
        return f"{self.module}:{self.line}: {self.literal!r}"


def comparisons(path: Path) -> Iterator[Comparison]:
    """Every text that `path` compares with something."""
    for node in ast.walk(tree(path)):
        match node:
            case ast.Compare(left=left, comparators=others):
                sides = [left, *others]
                member = any(map(_reads_member, sides))
                for text in (text for side in sides for text in _texts(side)):
                    yield Comparison(path.name, node.lineno, text, member)
            case ast.Call(func=ast.Attribute(value=value, attr=name), args=args) if name in _PARTS:
                for text in (text for arg in args for text in _texts(arg)):
                    yield Comparison(path.name, node.lineno, text, _reads_member(value))
            case ast.Match(subject=subject, cases=cases):
                values = (
                    each.value
                    for case in cases
                    for each in ast.walk(case.pattern)
                    if isinstance(each, ast.MatchValue)
                )
                for text in (text for value in values for text in _texts(value)):
                    yield Comparison(path.name, node.lineno, text, _reads_member(subject))


_PARTS = ("startswith", "endswith", "removeprefix", "removesuffix")


def _texts(node: ast.AST) -> list[str]:
    match node:
        case ast.Constant(value=str(text)):
            return [text]
        case ast.Tuple(elts=parts) | ast.List(elts=parts) | ast.Set(elts=parts):
            return [text for part in parts for text in _texts(part)]
    return []


def _reads_member(node: ast.AST) -> bool:
    """content["name"], content.get("name"), and expressions of them."""
    match node:
        case ast.Subscript(slice=ast.Constant(value=str())):
            return True
        case ast.Call(func=ast.Attribute(attr="get"), args=[ast.Constant(value=str()), *_]):
            return True
        case ast.Call(func=ast.Attribute(value=value)):
            return _reads_member(value)
        case ast.BoolOp(values=values):
            return any(map(_reads_member, values))
    return False


@cache
def words_of_aws() -> frozenset[str]:
    """Values of enumerations and names of errors, from the API models of the services used."""
    session, words = botocore.session.get_session(), set[str]()
    for name in ("ecs", "servicediscovery", "scheduler", "stepfunctions", "logs"):
        service = session.get_service_model(name)
        shapes = [service.shape_for(each) for each in service.shape_names]
        words |= {word for each in shapes if isinstance(each, StringShape) for word in each.enum}
        words |= {each.name for each in service.error_shapes}
    return frozenset(word for word in words if word.isupper() or word.endswith("Exception"))


@pytest.mark.parametrize("path", ELSEWHERE, ids=lambda path: path.name)
def test_no_word_of_aws_is_compared_elsewhere(path: Path) -> None:
    found = [
        each
        for each in comparisons(path)
        if (each.of_a_member or each.literal in words_of_aws() or " " in each.literal.strip())
        and (each.module, each.literal) not in OUR_OWN
        and each.module not in REQUESTS
        and not _is_no_word(each.literal)
    ]
    assert not found, f"compare them in a module of {FUNCTIONS.name}/bivouac/aws: " + ", ".join(
        map(str, found)
    )


def _is_no_word(literal: str) -> bool:
    """Of paths, ARNs and timestamps."""
    return literal in ("", "/", ":", "-", "--")


def test_every_exempted_literal_is_still_compared() -> None:
    compared = {(each.module, each.literal) for path in ELSEWHERE for each in comparisons(path)}
    assert compared >= OUR_OWN


@pytest.mark.parametrize("path", PLACES, ids=lambda path: path.name)
def test_a_module_of_literals_uses_no_client_and_names_its_sources(path: Path) -> None:
    text = path.read_text(encoding="utf-8")
    imported = {
        name.split(".")[0] for node in ast.walk(ast.parse(text)) for name in _imported(node)
    }
    assert not imported & {"boto3", "botocore", "types_boto3_ecs"}
    assert "Pure." in (ast.get_docstring(ast.parse(text)) or "")
    assert "ecorded" in text or "ocumented" in text


def _imported(node: ast.AST) -> list[str]:
    match node:
        case ast.Import(names=names):
            return [each.name for each in names]
        case ast.ImportFrom(module=str(module)):
            return [module]
    return []


@pytest.mark.parametrize(
    ("line", "literals"),
    [
        ('service["status"] == "ACTIVE"', ["ACTIVE"]),
        ('service.get("status") in ("ACTIVE", "DRAINING")', ["ACTIVE", "DRAINING"]),
        ('(task.get("stoppedReason") or "").startswith("Scaling")', ["Scaling"]),
        ('"still Draining" in message', ["still Draining"]),
        ('code == "ClusterNotFoundException"', ["ClusterNotFoundException"]),
    ],
)
def test_a_comparison_with_awss_words_is_found(
    line: str, literals: list[str], tmp_path: Path
) -> None:
    module = tmp_path / "module.py"
    module.write_text(f"found = {line}\n", encoding="utf-8")
    found = list(comparisons(module))
    assert [each.literal for each in found] == literals
    assert all(
        each.of_a_member or each.literal in words_of_aws() or " " in each.literal for each in found
    )
