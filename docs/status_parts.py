"""The fields of the status document and of its parts, of which status.schema.json is written.

Whatever says something of an environment has these forms: the document itself, outputs of
executions, published events and receipts. command-line.md says which part appears where.
"""

from __future__ import annotations

from typing import Annotated, Any, Literal, NotRequired, TypedDict

from bivouac.deletion.receipt import Outcome as ItemOutcome
from bivouac.proof.check import CheckOutcome
from bivouac.proof.fault import Fault
from bivouac.status.edges import EdgeState
from bivouac.status.services import State
from bivouac.status.word import STATUS_WORDS

StatusWord = Annotated[str, STATUS_WORDS]


class Environment(TypedDict):
    """What everything says of its environment."""

    name: str
    status: StatusWord
    generation: int
    owner: str | None
    triggers: dict[str, Any]
    """Of the request."""
    expiresAt: str | None
    """The end of the lease; of NOT_DELETED, when the deletion tries again."""


class Url(TypedDict):
    service: str
    url: str
    proven: bool


class Image(TypedDict):
    container: str
    image: str | None
    digest: str | None
    reason: str | None
    """What ECS adds about the running container."""


class PlannedService(TypedDict):
    """What the request decides of a service."""

    name: str
    aliases: list[str]
    logGroup: str | None
    """None if it runs a foreign definition, whose containers log elsewhere."""
    notProven: str | None
    """Why READY proves nothing of it but that its tasks run."""


class Service(PlannedService):
    """With what ECS shows of it."""

    desired: int
    running: int
    healthy: int
    deployment: str | None
    images: list[Image]
    state: State
    because: str | None
    """Why it is not HEALTHY."""


Edge = TypedDict(
    "Edge",
    {
        "from": str | None,
        "to": str,
        "alias": str,
        "state": EdgeState,
        "because": str | None,
        "proven": bool,
        "observed": str | None,
        "at": str | None,
    },
)
"""`observed`, `at`: of the proof, if it is proven. `because`: why it failed."""


class Verdict(TypedDict):
    """One thing that failed."""

    category: str
    service: str
    """Or an edge, or the environment."""
    evidence: list[str]
    nextStep: str
    task: NotRequired[str]
    """ARN of a task that shows it."""
    container: NotRequired[str]
    edges: NotRequired[dict[str, str]]
    """If it is about edges: what was seen of each."""


class Diagnosis(TypedDict):
    """Why it failed, or is DEGRADED."""

    error: str
    """Also the error of the execution that failed."""
    cause: str
    """Also its cause: what failed, the evidence, the last log lines, the next step."""
    category: str
    """Of the first verdict, like `nextStep`."""
    nextStep: str | None
    verdicts: list[Verdict]
    since: NotRequired[str]
    """Of DEGRADED: when it was first seen."""


class ReceiptItem(TypedDict):
    """A resource, and what became of it."""

    kind: str
    name: str
    outcome: ItemOutcome
    reason: NotRequired[str]
    several: NotRequired[bool]
    """Whether it stands for several, and its name is none of theirs."""


class Receipt(TypedDict):
    """Of the last deletion."""

    name: str
    """Of the environment."""
    status: StatusWord
    """What the deletion left: DELETED, NOT_DELETED, or SCHEDULED for its next up."""
    at: str
    items: list[ReceiptItem]


class Execution(TypedDict):
    """The one that holds or last held it."""

    arn: str
    machine: str
    consoleUrl: str | None
    status: NotRequired[str | None]
    """Not in lists. None if Step Functions no longer knows it."""


class Summary(Environment):
    """An entry of a list."""

    doing: str | None
    """What an execution does to it now."""
    createdAt: str | None
    readyAt: str | None
    secondsLeft: int | None
    execution: Execution


class Document(Summary):
    """One environment."""

    tags: dict[str, str]
    cluster: str
    namespace: str
    urls: list[Url]
    noUrlBecause: str | None
    services: list[Service]
    edges: list[Edge]
    warnings: list[str]
    diagnosis: Diagnosis | None
    receipt: Receipt | None
    observedAt: str


class Page(TypedDict):
    """A list."""

    environments: list[Summary]
    nextToken: str | None
    observedAt: str


class Check(TypedDict):
    """One observation of the proof."""

    service: str
    name: str
    outcome: CheckOutcome
    observed: str
    endpoint: str
    """A port name; empty if it is of no endpoint."""
    fault: NotRequired[Fault]
    """Of an endpoint that could not be asked from everywhere, like `status` and `addresses`."""
    status: NotRequired[int]
    addresses: NotRequired[list[str]]


class Done(Environment):
    """The output of an execution that did what was asked: also extensions and sleeps."""

    outcome: Literal["DONE", "UNCHANGED"]
    because: str | None
    """Why nothing was changed."""


class Ready(Done):
    """Of a create, a redeploy or a wake."""

    readyAt: str
    cluster: str
    namespace: str
    services: list[PlannedService]
    edges: list[Edge]
    warnings: list[str]
    proof: list[Check]


class Deleted(Done):
    """Of a deletion."""

    receipt: Receipt


class NothingDone(TypedDict):
    """Of an execution that left everything alone."""

    outcome: Literal["OUTDATED", "NOTHING_THERE"]
    name: str
    status: None
    """It was not looked at."""
    because: str


class _Event(TypedDict):
    id: str
    observedAt: str


class EnvironmentReady(_Event, Environment):
    cluster: str
    namespace: str
    services: list[PlannedService]
    edges: list[Edge]
    omitted: int


class EnvironmentFailed(_Event, Environment):
    diagnosis: Diagnosis
    omitted: int


class EnvironmentDegraded(EnvironmentFailed):
    pass


class EnvironmentExpiring(_Event, Environment):
    warningSeconds: int
    extendWith: str


class EnvironmentDeleted(_Event, Environment):
    receipt: Receipt
    omitted: int


class EnvironmentNotDeleted(EnvironmentDeleted):
    pass


class Resource(TypedDict):
    name: str
    kind: NotRequired[str]
    arn: NotRequired[str]


class OrphanFound(_Event):
    name: str
    generation: int
    resource: Resource
    because: str
    goesAt: str


class LeakRepaired(_Event):
    name: str
    generation: int
    resource: Resource
    leak: str
    repair: str
    since: str
