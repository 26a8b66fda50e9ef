"""The form of ECS's arguments, as botocore's service model has it, in plain Python.

What reads and describes requests walks these forms, so that no other list of ECS's fields exists.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cache

from botocore.loaders import create_loader
from botocore.model import ListShape, MapShape, ServiceModel, Shape, StringShape, StructureShape


@dataclass(frozen=True, eq=False)
class Form:
    """What a value looks like."""

    kind: str
    """object, list, map, or the name of a scalar: string, integer, boolean, ..., or any."""
    members: Mapping[str, Form] = field(default_factory=dict)
    """Of an object."""
    entry: Form | None = None
    """Of a list or a map."""
    values: tuple[str, ...] = ()
    """Those of an enumeration."""
    read_only: frozenset[str] = frozenset()
    """Further members of the object as ECS describes it."""
    required: frozenset[str] = frozenset()
    shape: str = ""
    """Of an object of ECS's: the name of its shape, such as ContainerDefinition."""


_DESCRIBED = {
    "CreateService": ("DescribeServices", "services"),
    "RegisterTaskDefinition": ("DescribeTaskDefinition", "taskDefinition"),
    "CreateCluster": ("DescribeClusters", "clusters"),
}
"""By operation: where an answer describes what it makes."""


@cache
def service_model() -> ServiceModel:
    """Without a session, which takes longer to make than the model."""
    return ServiceModel(create_loader().load_service_model("ecs", "service-2"), "ecs")


@cache
def arguments_of(operation: str) -> Form:
    """Of CreateService, RegisterTaskDefinition or CreateCluster."""
    shape = service_model().operation_model(operation).input_shape
    describing, member = _DESCRIBED[operation]
    answer = service_model().operation_model(describing).output_shape
    if not isinstance(shape, StructureShape) or not isinstance(answer, StructureShape):
        raise LookupError(f"the ECS operation {operation} takes no input, or is not described")
    described = answer.members[member]
    if isinstance(described, ListShape):
        described = described.member
    if not isinstance(described, StructureShape):
        raise LookupError(f"{describing} describes no object")
    return _object(shape, frozenset(described.members) - frozenset(shape.members))


def _object(shape: StructureShape, read_only: frozenset[str] = frozenset()) -> Form:
    members = {name: _form(member) for name, member in shape.members.items()}
    required = frozenset(shape.required_members)
    return Form("object", members, read_only=read_only, required=required, shape=shape.name)


def _form(shape: Shape) -> Form:
    match shape:
        case StructureShape():
            return _object(shape)
        case ListShape():
            return Form("list", entry=_form(shape.member))
        case MapShape():
            return Form("map", entry=_form(shape.value))
        case StringShape():
            return Form("string", values=tuple(shape.enum))
        case _:
            return Form(shape.type_name)
