"""Gets AWS's answers as they come, and judges each belief by them."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

from .beliefs import BELIEFS, Belief, Json, Observation


class Verdict(StrEnum):
    CONFIRMED = "CONFIRMED"
    CONTRADICTED = "CONTRADICTED"
    NOT_SEEN = "NOT SEEN"


@dataclass
class Finding:
    """What is known about one belief so far. One observation against it outweighs all for it."""

    belief: Belief
    verdict: Verdict = Verdict.NOT_SEEN
    seen: str = ""
    operation: str = ""
    answer: Json | None = None
    """What settled it."""


@dataclass
class Recorder:
    findings: dict[str, Finding] = field(
        default_factory=lambda: {id: Finding(belief) for id, belief in BELIEFS.items()}
    )

    def listen_to(self, client: Any) -> None:
        """Gets every answer that this boto3 client gets, errors too."""
        client.meta.events.register("after-call", self._after_call)

    def _after_call(self, model: Any, parsed: Json, **_: Any) -> None:
        self.take(f"{model.service_model.service_name}.{model.name}", parsed)

    def take(self, operation: str, answer: Json) -> None:
        """Judges every belief about this operation."""
        if "Error" in answer:
            return
        answer = {name: value for name, value in answer.items() if name != "ResponseMetadata"}
        for finding in self.findings.values():
            judge = finding.belief.judge
            if judge and finding.belief.looks_at == operation:
                for sight in _sights(judge(answer)):
                    self._count(finding, sight, operation, answer)

    def judge(
        self, id: str, holds: bool, seen: str, operation: str = "", answer: Json | None = None
    ) -> None:
        """The story's own verdict about a belief, with the answer that it is based on."""
        self._count(self.findings[id], Observation(holds, seen), operation, answer)

    @staticmethod
    def _count(finding: Finding, sight: Observation, operation: str, answer: Json | None) -> None:
        verdict = Verdict.CONFIRMED if sight.holds else Verdict.CONTRADICTED
        if finding.verdict in (Verdict.CONTRADICTED, verdict):
            return
        finding.verdict, finding.seen = verdict, sight.seen
        finding.operation, finding.answer = operation, answer

    @property
    def contradicted(self) -> list[str]:
        return [id for id, each in self.findings.items() if each.verdict is Verdict.CONTRADICTED]

    def table(self) -> list[str]:
        """A line for each belief, the contradicted ones last, where people look."""
        order = (Verdict.NOT_SEEN, Verdict.CONFIRMED, Verdict.CONTRADICTED)
        findings = sorted(self.findings.values(), key=lambda each: order.index(each.verdict))
        width = max(len(id) for id in self.findings)
        lines = []
        for each in findings:
            lines.append(f"{each.verdict:<12}  {each.belief.id:<{width}}  {each.belief.says}")
            if each.verdict is Verdict.CONTRADICTED:
                lines.append(f"{'':<12}  {'':<{width}}  seen instead: {each.seen}")
        return lines


def _sights(judged: Iterable[Observation]) -> Iterable[Observation]:
    """An answer that a judge cannot even read has another form than believed."""
    try:
        yield from judged
    except (LookupError, TypeError, ValueError, AttributeError) as error:
        yield Observation(False, f"an answer of another form: {error!r}")
