"""Why a service does not become healthy, from what ECS shows. Pure.

Facts in, a verdict out: the category, the evidence and the next step. aws_messages.py says what
AWS's messages mean; this module decides when they make a verdict. The ids name failure modes.
"""

from __future__ import annotations

import json
import re
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from typing import Any

from bivouac.aws import ecs_answers
from bivouac.diagnosis import aws_messages, excerpt, proxies, stopped_tasks
from bivouac.diagnosis.aws_messages import Category, Healing, Sign
from bivouac.diagnosis.stopped_tasks import Stop
from bivouac.environment import naming
from bivouac.json_types import Described

EVIDENCE_LENGTH = 600
EVIDENCE_LINES = 8
VERDICTS_LIMIT = 30_000
"""Bytes of all verdicts as JSON: a record's item holds 400 KB, of which the plan and the requests
may leave only a quarter (DynamoDB's and Step Functions' quotas)."""
BRIEF_LENGTH = 200
HINTS = 3
"""The number of events that a report shows besides the deciding evidence."""


@dataclass(frozen=True)
class Verdict:
    """Why the environment is not ready."""

    category: Category
    service: str
    """Or an edge, or the environment."""
    evidence: tuple[str, ...]
    """The most significant first; without likely secrets."""
    next_step: str
    task: str = ""
    """ARN of the task that shows it, if one does."""
    container: str = ""
    edges: Mapping[str, str] = field(default_factory=dict, hash=False)
    """If it is about edges: what was seen of each, by its name; the first EVIDENCE_LINES."""

    @classmethod
    def of(
        cls,
        category: Category,
        service: str,
        evidence: Iterable[str],
        next_step: str,
        task: str = "",
        container: str = "",
    ) -> Verdict:
        """A verdict with bounded evidence, without likely secrets; who may not do what comes
        first."""
        entries = list(evidence)
        denials = [denied for entry in entries if (denied := excerpt.denial(entry))]
        distinct = dict.fromkeys(
            excerpt.shortened(entry, EVIDENCE_LENGTH) for entry in (*denials, *entries)
        )
        shown = tuple(filter(None, distinct))[:EVIDENCE_LINES]
        return cls(category, service, shown, next_step, task, container)

    def to_json(self) -> dict[str, Any]:
        content = asdict(self)
        return content if self.edges else {k: v for k, v in content.items() if k != "edges"}

    @classmethod
    def from_json(cls, content: Mapping[str, Any]) -> Verdict:
        return cls(
            **{
                **content,
                "category": Category(content["category"]),
                "evidence": tuple(content["evidence"]),
            }
        )


def kept(verdicts: Sequence[Verdict]) -> list[dict[str, Any]]:
    """The verdicts in the form of an execution's state and of the record: unchanged if they fit;
    otherwise the first one, and one line of evidence each for as many others as fit."""
    entries = [verdict.to_json() for verdict in verdicts]
    if not entries or _size(entries) <= VERDICTS_LIMIT:
        return entries
    entries, size = entries[:1], _size(entries[:1])
    for left in range(len(verdicts) - 1, 0, -1):
        verdict = verdicts[len(verdicts) - left]
        brief = [entry[:BRIEF_LENGTH] for entry in verdict.evidence[:1]]
        entry = verdict.to_json() | {"evidence": brief}
        size += _size(entry)
        if size > VERDICTS_LIMIT - BRIEF_LENGTH:
            entries[-1]["evidence"] = [*entries[-1]["evidence"], f"and {left} more that failed"]
            break
        entries.append(entry)
    return entries


def _size(content: Any) -> int:
    return len(json.dumps(content)) + len(", ")


@dataclass(frozen=True)
class ServiceFacts:
    """One service as ECS shows it, and its deployment that must become healthy."""

    service_name: str
    deployment_id: str
    task_definition_arn: str
    has_health_check: bool
    containers: tuple[Described, ...]
    """Its container definitions, if the task definition is ours."""
    service: Described
    """As DescribeServices returns it."""
    running: tuple[Described, ...]
    """Its tasks whose desired status is RUNNING, as DescribeTasks returns them."""
    stopped: tuple[Described, ...]
    """Its tasks whose desired status is STOPPED."""

    @property
    def visible(self) -> bool:
        """Whether our deployment shows at all: reads can lag behind its start (S16, S18)."""
        return (
            any(entry["id"] == self.deployment_id for entry in self.service.get("deployments", ()))
            or any(
                task.get("startedBy") == self.deployment_id
                for task in (*self.running, *self.stopped)
            )
            or any(
                self.deployment_id in event["message"] for event in self.service.get("events", ())
            )
        )


# --- the verdict on a service --------------------------------------------------------------------


@dataclass(frozen=True)
class _Finding:
    """A cause with its evidence."""

    sign: Sign
    evidence: tuple[str, ...]
    decides: bool
    """It will not heal."""
    times: int
    task: str = ""
    container: str = ""

    def as_verdict(self, facts: ServiceFacts, more: Iterable[str] = ()) -> Verdict:
        first, *others = self.evidence
        return Verdict.of(
            self.sign.category,
            facts.service_name,
            [first, *more, *others, *_crashed_sidecars(facts)],
            _next_step(facts, self),
            self.task,
            self.container,
        )


def verdict(facts: ServiceFacts) -> Verdict | None:
    """Why the deployment cannot become healthy; None while it is, or still can (H02 to H18, H24).

    A cause that never heals needs one stopped task; one that hardly heals needs two in a row, in
    the same words. Other causes get time until ECS gives up: then any visible cause is the
    verdict."""
    if not facts.visible:
        return None
    gave_up = _gave_up(facts)
    if not gave_up.for_good and _runs_as_desired(facts):
        return None
    findings = _findings(facts)
    for finding in findings:
        if finding.decides or gave_up.includes(finding.sign.healing):
            return finding.as_verdict(facts, gave_up.evidence)
    if findings or not gave_up.evidence:
        return None
    return Verdict.of(
        Category.ROLLBACK if gave_up.for_good else Category.UNKNOWN,
        facts.service_name,
        [*gave_up.evidence, *hints(_messages(facts))[:HINTS]],
        gave_up.next_step,
    )


def hindrance(facts: ServiceFacts) -> Verdict | None:
    """A cause that keeps tasks from running, or their proxies from serving them, but may still
    heal; at the deadline, the verdict."""
    run = [task for task in _ours(facts, facts.running) if ecs_answers.is_running(task)]
    if len(run) < facts.service.get("desiredCount", 0) and (findings := _findings(facts)):
        return findings[0].as_verdict(facts)
    for task in run:
        if trouble := proxies.trouble(task):
            finding = _Finding(aws_messages.PROXY_FAILED, (trouble,), False, 1, task["taskArn"])
            return finding.as_verdict(facts)
    return None


def _runs_as_desired(facts: ServiceFacts) -> bool:
    good = [
        task
        for task in _ours(facts, facts.running)
        if ecs_answers.is_running(task)
        and ecs_answers.is_fit(task, facts.has_health_check)
        and not stopped_tasks.unhealthy_container(task)
    ]
    return len(good) >= int(facts.service.get("desiredCount", 0))


def _ours(facts: ServiceFacts, tasks: Sequence[Described]) -> list[Described]:
    """Our deployment's tasks, each once: paged lists can repeat what changes meanwhile."""
    started = {
        task["taskArn"]: task for task in tasks if task.get("startedBy") == facts.deployment_id
    }
    return [started[arn] for arn in sorted(started)]


@dataclass(frozen=True)
class _GaveUp:
    """Whether ECS has stopped starting tasks of our deployment, or starts them only rarely."""

    evidence: tuple[str, ...]
    """Empty while ECS goes on."""
    for_good: bool
    next_step: str

    def includes(self, healing: Healing) -> bool:
        """Whether a cause of this kind is now the verdict, even if seen only once."""
        return self.for_good or bool(self.evidence and healing is not Healing.MAYBE)


_ECS_GAVE_UP = re.compile(r"unable to consistently start tasks|deployment failed", re.IGNORECASE)
_ROLLS_BACK = re.compile(
    r"circuit breaker|rolling back|rolled back|deployment failed", re.IGNORECASE
)
_CAUSE_UNKNOWN = (
    "No stopped task shows the cause any more: read the service's events and the containers' logs, "
    "then start the create again."
)
_TAKEN_OVER = (
    "Something other than Bivouac updated the service: let only Bivouac change it, then start the "
    "create again."
)


def _gave_up(facts: ServiceFacts) -> _GaveUp:
    """H02, H03: for good. H13: ECS retries less and less often, until a task runs again (H05)."""
    primary, ours = _deployments(facts)
    messages = _messages(facts)
    evidence = []
    if ours and ecs_answers.rollout_failed(ours):
        evidence.append(ours.get("rolloutStateReason") or "the rollout state is FAILED")
    next_step = _CAUSE_UNKNOWN
    if primary and (
        primary["id"] != facts.deployment_id
        or primary["taskDefinition"] != facts.task_definition_arn
    ):
        texts = (primary.get("rolloutStateReason") or "", *evidence, *messages)
        how = "rolled back by the circuit breaker"
        if not any(_ROLLS_BACK.search(text) for text in texts):
            how, next_step = "another deployment took over", _TAKEN_OVER
        evidence.append(
            f"{how}: the primary deployment is {primary['id']} with {primary['taskDefinition']}, "
            f"not {facts.deployment_id} with {facts.task_definition_arn}"
        )
    for_good = bool(evidence)
    if for_good or (ours or {}).get("failedTasks", 1):
        evidence += [message for message in messages if _ECS_GAVE_UP.search(message)]
    return _GaveUp(tuple(evidence), for_good, next_step)


def _deployments(facts: ServiceFacts) -> tuple[Described | None, Described | None]:
    """The primary deployment, and ours, which ECS lists until its tasks are gone."""
    listed = facts.service.get("deployments", ())
    primary = next((entry for entry in listed if ecs_answers.is_primary(entry)), None)
    ours = next((entry for entry in listed if entry["id"] == facts.deployment_id), None)
    return primary, ours


def _messages(facts: ServiceFacts) -> list[str]:
    """The events since our deployment began, and those that name it. Having none means nothing
    (H25)."""
    _, ours = _deployments(facts)
    return sorted(
        {
            event["message"]
            for event in facts.service.get("events", ())
            if facts.deployment_id in event["message"]
            or (
                ours
                and event["createdAt"] >= ours["createdAt"]
                and not ecs_answers.names_a_deployment(event["message"])
            )
        }
    )


def _findings(facts: ServiceFacts) -> list[_Finding]:
    """Every visible cause, the worst first, whatever the order of tasks and events."""
    found = [*_of_stops(facts), *_of_attachments(facts), *_of_events(facts)]
    return sorted(
        found,
        key=lambda finding: (
            not finding.decides,
            not finding.task,
            -finding.times,
            _IN_ORDER.index(finding.sign),
            finding.evidence,
        ),
    )


def _crashed_sidecars(facts: ServiceFacts) -> Iterator[str]:
    for task in _ours(facts, (*facts.running, *facts.stopped)):
        yield from stopped_tasks.crashed_sidecars(task, facts.containers)


# --- stopped tasks -------------------------------------------------------------------------------


def _of_stops(facts: ServiceFacts) -> Iterator[_Finding]:
    kinds: dict[tuple[Sign, str, str], list[Stop]] = defaultdict(list)
    for stop in _stops(facts):
        kinds[stop.kind].append(stop)
    for (sign, *_), alike in kinds.items():
        shown = min(alike, key=lambda s: (not ecs_answers.is_stopped(s.task), s.task["taskArn"]))
        again = sign.healing is Healing.HARDLY and stopped_tasks.one_after_the_other(alike)
        yield _Finding(
            sign,
            (*shown.evidence, f"seen in {len(alike)} task{'s' if len(alike) > 1 else ''}"),
            sign.healing is Healing.NEVER or again,
            len(alike),
            shown.task["taskArn"],
            shown.container,
        )


def _stops(facts: ServiceFacts) -> Iterator[Stop]:
    for task in _ours(facts, facts.stopped):
        if not stopped_tasks.on_purpose(task):
            yield stopped_tasks.of_stopped(task, facts.containers)
    for task in _ours(facts, facts.running):
        if stop := stopped_tasks.of_unhealthy(task, facts.containers):
            yield stop


# --- attachments and events ----------------------------------------------------------------------

_NOT_ATTACHED = Sign(
    re.compile("FAILED"),
    Category.CONNECTIVITY,
    Healing.NEVER,
    "ECS could not attach the task to Service Connect: check the AWS Health Dashboard, and start "
    "the create again.",
    "documented: ECS API, Attachment",
)
_IN_ORDER = (
    *aws_messages.STOPS,
    *aws_messages.EVENTS,
    _NOT_ATTACHED,
    aws_messages.PROXY_FAILED,
    aws_messages.UNCLEAR,
)
LAUNCHES_UNTIL_FAILED = 2


def _of_attachments(facts: ServiceFacts) -> Iterator[_Finding]:
    """H21."""
    for task in _ours(facts, facts.running):
        for attachment in task.get("attachments", ()):
            failed = ecs_answers.could_not_be_attached(attachment)
            if failed and ecs_answers.is_service_connect(attachment):
                evidence = "the task's Service Connect attachment FAILED"
                yield _Finding(_NOT_ATTACHED, (evidence,), True, 1, task["taskArn"])


def _of_events(facts: ServiceFacts) -> Iterator[_Finding]:
    """ECS does not repeat an event for hours (H25), so failedTasks counts the attempts (H18)."""
    _, ours = _deployments(facts)
    launches = (ours or {}).get("failedTasks", 0) - len(_ours(facts, facts.stopped))
    for message in _messages(facts):
        if (sign := aws_messages.of_event(message)) and not _is_about_others(facts, message):
            again = sign.healing is Healing.HARDLY and launches >= LAUNCHES_UNTIL_FAILED
            yield _Finding(sign, (message,), sign.healing is Healing.NEVER or again, 1)


def _is_about_others(facts: ServiceFacts, message: str) -> bool:
    """Whether the event repeats the stopped reason of another deployment's task, and of none of
    ours: an older task may stop after our deployment began, and such an event names neither task
    nor deployment."""
    alike = [
        task.get("startedBy") == facts.deployment_id
        for task in facts.stopped
        if (reason := str(task.get("stoppedReason", "")).rstrip(".")) and reason in message
    ]
    return bool(alike) and not any(alike)


def hints(messages: Iterable[str]) -> list[str]:
    """Events worth showing although they decide nothing (H12, H14, H17)."""
    return [message for message in messages if _TELLING.search(message)]


_TELLING = re.compile(
    r"fail|unhealthy|error|throttl|unable|missing|unavailable|alarm detected|rolling back",
    re.IGNORECASE,
)


# --- next steps ----------------------------------------------------------------------------------

_PROOF_STEP = {
    Category.IMAGE_PULL: "Check that the stack parameter ProofImage names an image that exists, "
    "and that the subnets of the services that call reach its registry.",
    Category.ARCHITECTURE: "Give the stack parameter ProofImage an image for X86_64.",
    Category.EXIT: "Give the stack parameter ProofImage an image with Python 3.9 or later as "
    "`python`.",
    Category.SECRET_OR_ROLE: "Check the execution role of the proof clients: the stack parameter "
    "that names the execution roles.",
    Category.NETWORK: "Check the subnets and security groups of the services that call, which the "
    "proof clients share: they must reach the registry of the stack parameter ProofImage.",
}


def _next_step(facts: ServiceFacts, finding: _Finding) -> str:
    if finding.sign is aws_messages.PROXY_FAILED:
        return finding.sign.next_step
    if facts.service_name.startswith(naming.PROOF_PREFIX):
        step = _PROOF_STEP.get(finding.sign.category, finding.sign.next_step)
        return f"Bivouac's own short-lived client failed, not your service. {step}"
    return finding.sign.next_step


# --- other verdicts ------------------------------------------------------------------------------


def deleted_by_others(service: str, status: str) -> Verdict:
    """C06, S17."""
    return Verdict.of(
        Category.UNKNOWN,
        service,
        [f"the service is {status}: something else deleted it"],
        "Look in CloudTrail for DeleteService, then start the create again.",
    )


def of_refusal(subject: str, message: str) -> Verdict | None:
    """The verdict on a call that AWS refused; None if the error explains itself."""
    sign = aws_messages.of_refusal(message)
    return Verdict.of(sign.category, subject, [message], sign.next_step) if sign else None


def not_fit(
    service: str,
    reasons: Sequence[str],
    messages: Iterable[str],
    hindered: Verdict | None = None,
) -> Verdict:
    """The same for an environment that was READY, to which no deadline applies."""
    found = out_of_time(service, reasons, messages, hindered)
    if found.category is not Category.TIME_OUT:
        return found
    step = "Find out what it waits for from the containers' logs and the service's events."
    return replace(found, category=Category.UNKNOWN, next_step=step)


def out_of_time(
    service: str,
    reasons: Sequence[str],
    messages: Iterable[str],
    hindered: Verdict | None = None,
) -> Verdict:
    """The verdict at the deadline; `messages` are the service's events.

    `hindered` is the obstacle that did not go away. An event whose cause could have healed but did
    not, such as capacity, is the cause as well (H14, H17)."""
    if hindered:
        return replace(hindered, evidence=(*hindered.evidence, *reasons)[:EVIDENCE_LINES])
    telling = hints(messages)
    for message in telling:
        if sign := aws_messages.of_event(message):
            return Verdict.of(sign.category, service, (*reasons, message), sign.next_step)
    return Verdict.of(
        Category.TIME_OUT,
        service,
        (*reasons, *telling[:HINTS]),
        _PENDING_STEP
        if any(_PENDING in reason for reason in reasons)
        else "Give it more time with timeouts.ready, or find out what it waits for from the logs.",
    )


_PENDING = " PENDING"
_PENDING_STEP = (
    "A task stays PENDING while its images are pulled, and while a container waits for another one "
    "(dependsOn) or for the Service Connect proxy. Check that the image is not too large for "
    "timeouts.ready, and that what each container waits for can come; otherwise start the create "
    "again."
)


MORE_TO_DO = "there was still something to create or change at the deadline"


def unanswered(environment: str, deadline: str, blocked: Sequence[str]) -> Verdict:
    """The verdict if no answer reached the execution until the deadline (W02)."""
    return Verdict.of(
        Category.TIME_OUT,
        environment,
        (f"no answer reached the execution until its deadline, {deadline}", *blocked),
        "The function that polls the environment answers with a task token, and the answer was "
        "lost. Look for the reason in the logs of the functions wait_for_change and "
        "resume_execution, and in the AWS Health Dashboard for Step Functions; then start the "
        "create again.",
    )


def with_log(found: Verdict, lines: Sequence[str]) -> Verdict:
    """The verdict once the container's output is known: it alone shows some causes."""
    if found.category in (Category.EXIT, Category.UNKNOWN) and (sign := aws_messages.of_log(lines)):
        return replace(found, category=sign.category, next_step=sign.next_step)
    if found.category in (Category.EXIT, Category.CONNECTIVITY) and (
        line := aws_messages.unresolved_name(lines)
    ):
        evidence = (*found.evidence, f"the log says: {line}")[-EVIDENCE_LINES:]
        return replace(found, evidence=evidence, next_step=aws_messages.UNRESOLVED_STEP)
    return found
