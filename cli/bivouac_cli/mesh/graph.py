"""The services of a status document and the edges between them, as they are drawn. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from bivouac_cli.progress import edge_name

Json = Mapping[str, Any]
PROVER = "(Bivouac)"
"""Calls the endpoints for which the request names no client; no service can be named so."""
_COMING = ("SCHEDULED", "CREATING", "WAKING")
_GOING = ("DELETING", "DELETED", "NOT_DELETED")
_ASLEEP = ("FALLING_ASLEEP", "ASLEEP")


@dataclass(frozen=True)
class Node:
    name: str
    state: str
    """Of the status document; HEALTHY for whoever is no service."""
    text: str
    """What people read, in few words: 0/1 running, healthy, asleep."""
    because: str | None = None


@dataclass(frozen=True)
class Edge:
    name: str
    client: str
    """A node's name."""
    server: str
    """A node's name."""
    state: str
    """Of the status document."""
    because: str | None = None


@dataclass(frozen=True)
class Graph:
    nodes: tuple[Node, ...]
    edges: tuple[Edge, ...]

    @property
    def awaits(self) -> list[str]:
        """What is still missing: services first, and edges once no service is."""
        services = [f"{node.name}: {node.because}" for node in self.nodes if node.because]
        return services or list(self._edges())

    def _edges(self) -> Iterator[str]:
        for edge in self.edges:
            if edge.state == "CALLED":
                yield f"{edge.name} is being called"
            elif edge.because:
                yield f"{edge.name}: {edge.because}"


def graph_of(status: Json) -> Graph:
    """Of one environment's status document."""
    nodes = [
        Node(each["name"], each["state"], _text(each, status["status"]), each["because"])
        for each in status["services"]
    ]
    edges = [
        Edge(
            edge_name(each),
            each["from"] or PROVER,
            each["to"].partition(":")[0],
            each["state"],
            each["because"],
        )
        for each in status["edges"]
    ]
    if any(edge.client == PROVER for edge in edges):
        nodes.insert(0, Node(PROVER, "HEALTHY", "calls"))
    return Graph(tuple(nodes), tuple(edges))


def _text(service: Json, status: str) -> str:
    match service["state"]:
        case "MISSING" if status in _COMING:
            return "waiting"
        case "MISSING" if status in _GOING:
            return "gone"
        case "STARTING":
            return f"{service['running']}/{service['desired']} running"
        case "STOPPED" if service["running"]:
            return "stopping"
        case "STOPPED" if status in _ASLEEP:
            return "asleep"
        case state:
            return str(state).lower()
