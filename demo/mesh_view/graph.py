"""A graph of services: how far each is, what is known of each edge, what has changed. Pure."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from enum import StrEnum


class Condition(StrEnum):
    """How far a service is."""

    WAITING = "waiting"
    STARTING = "starting"
    RUNNING = "running"
    HEALTHY = "healthy"
    FAILED = "failed"
    LEAVING = "leaving"


class EdgeState(StrEnum):
    """The value is what people read."""

    UNASKED = "?"
    ASKING = "..."
    OK = "OK"
    NG = "NG"


@dataclass(frozen=True)
class Node:
    name: str
    condition: Condition
    state: str
    """What people read, in few words: 0/1 running, healthy."""
    remark: str = ""
    """What it waits for, or why it failed, in a sentence that begins with its name."""


@dataclass(frozen=True)
class Edge:
    name: str
    client: str
    """A node's name."""
    server: str
    """A node's name."""
    state: EdgeState
    observed: str = ""


@dataclass(frozen=True)
class Graph:
    nodes: tuple[Node, ...]
    edges: tuple[Edge, ...]

    @property
    def awaits(self) -> list[str]:
        """What is still missing: services first, and edges once no service is."""
        waiting = [
            node.remark
            for node in self.nodes
            if node.remark and node.condition is not Condition.FAILED
        ]
        asked = [edge.name for edge in self.edges if edge.state is EdgeState.ASKING]
        if waiting or not asked:
            return waiting
        return [f"{name} is being asked" for name in asked]


def changes(before: Graph | None, after: Graph) -> Iterator[str]:
    """A line for each service and each edge that is not as it was.

    Of an edge only what came of it, and of a service nothing before there is something to say."""
    known_nodes = {node.name: node.state for node in before.nodes} if before else {}
    for node in after.nodes:
        quiet = node.condition is Condition.WAITING and not node.remark
        if known_nodes.get(node.name) != node.state and not quiet:
            yield node.remark or f"{node.name} {node.state}"
    known_edges = {edge.name: edge.state for edge in before.edges} if before else {}
    for edge in after.edges:
        if edge.state in (EdgeState.OK, EdgeState.NG) and known_edges.get(edge.name) != edge.state:
            told = f": {edge.observed}" if edge.observed and edge.state is EdgeState.NG else ""
            yield f"edge {edge.name} {edge.state}{told}"


def proven(graph: Graph) -> Graph:
    """The graph of an environment that is ready."""
    return Graph(
        tuple(
            node
            if node.condition is Condition.HEALTHY
            else replace(node, condition=Condition.HEALTHY, state="healthy", remark="")
            for node in graph.nodes
        ),
        tuple(replace(edge, state=EdgeState.OK) for edge in graph.edges),
    )


def failed(graph: Graph, cause: str) -> Graph:
    """The graph of an environment that failed: the edges that `cause` tells of are NG."""
    lines = [line.strip().removeprefix("also ") for line in cause.splitlines()]

    def judged(edge: Edge) -> Edge:
        told = [line for line in lines if line.startswith(f"{edge.name}: ")]
        if not told or edge.state in (EdgeState.OK, EdgeState.NG):
            return edge
        return replace(edge, state=EdgeState.NG, observed=told[0].removeprefix(f"{edge.name}: "))

    return replace(graph, edges=tuple(judged(edge) for edge in graph.edges))
