"""Mends, each reverted alone: does chaos find what it fixed?

They are named after the findings of the review that led to them (docs/decisions/0024).
"""

from __future__ import annotations

import inspect
import shutil
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType

from bench.chaos import scenario as s
from bivouac.aws import environments_table
from bivouac.commands import inputs
from bivouac.diagnosis import health
from bivouac.environment import blueprint, decisions, record, taking
from bivouac.request.rules import limits
from bivouac.services import changes, convergence
from bivouac.sweep import findings, follow_up, repair
from localcloud.stack import TEMPLATE

PROJECT = TEMPLATE.parent
DEPLOYED = ("functions", "statemachine")
"""What the template names."""


@dataclass(frozen=True)
class Change:
    file: Path
    """In the project."""
    mended: str
    """As the file has it, once."""
    before: str


def _in(module: ModuleType, mended: str, before: str) -> Change:
    source = inspect.getsourcefile(module)
    assert source is not None, module
    return Change(Path(source).relative_to(PROJECT), mended, before)


@dataclass(frozen=True)
class Mend:
    description: str
    breaks: frozenset[str]
    """Promises, one of which does not hold without it."""
    changes: tuple[Change, ...]
    """That take it back."""
    shown_by: Callable[[s.Scenario], bool]
    """Whether a scenario can show it. The others count, and are not played."""


Test = Callable[[s.Step], bool]


def _in_order(*tests: Test) -> Callable[[s.Scenario], bool]:
    """The scenario has steps that match them, one after the other."""

    def found(scenario: s.Scenario) -> bool:
        steps = iter(scenario.steps)
        return all(any(test(step) for step in steps) for test in tests)

    return found


def _at_once(*tests: Test) -> Callable[[s.Scenario], bool]:
    """The same, with only pauses and accidents between them."""

    def found(scenario: s.Scenario) -> bool:
        steps = [step for step in scenario.steps if not isinstance(step, s.Pause | s.Fault)]
        return any(
            all(test(step) for test, step in zip(tests, steps[first:], strict=False))
            for first in range(len(steps) - len(tests) + 1)
        )

    return found


def _is(*kinds: type[s.Step]) -> Test:
    return lambda step: isinstance(step, kinds)


def _creates(test: Callable[[s.Request], bool]) -> Test:
    return lambda step: isinstance(step, s.Create) and test(step.request)


_good = _creates(lambda request: request.good)
_bad = _creates(lambda request: not request.good)
_with_edge = _creates(lambda request: request.edge)
_without_edge = _creates(lambda request: not request.edge and len(request.services) > 1)
_with_text = _creates(lambda request: any(service.text for service in request.services))


def _fails_or_is_stopped(step: s.Step) -> bool:
    return _bad(step) or isinstance(step, s.StopExecution)


def _leaves_failed(step: s.Step) -> bool:
    return _fails_or_is_stopped(step) or (
        isinstance(step, s.Redeploy) and step.image in s.BAD_IMAGES
    )


def _breaks_deletions(step: s.Step) -> bool:
    return isinstance(step, s.Fault) and step.function == "CloseEnvironment" and step.times > 4


def _comes_late(step: s.Step) -> bool:
    return isinstance(step, s.Create) and step.early


def _asks_to_delete(step: s.Step) -> bool:
    return isinstance(step, s.Delete | s.ClosePullRequest) and step.event is not None


_NEWEST = "the newest intent holds"
_KEPT = "what was proven is kept"
_READY = "READY is true"
_NOTHING_LEFT = "nothing is left behind"

MENDS = {
    "V1": Mend(
        "a sweep asks first whether a lease has ended",
        frozenset({_NOTHING_LEFT, "a sweep comes to an end"}),
        (
            _in(
                findings,
                "_expired(facts, record) or _died(facts, record)",
                "_died(facts, record) or _expired(facts, record)",
            ),
            _in(
                follow_up,
                "return Aftermath(None, start) if start or record.untold else None",
                "return Aftermath(None, start)",
            ),
            _in(repair, " and not is_overdue(record, self.now)", ""),
        ),
        lambda scenario: bool(scenario.trouble) and any(map(_leaves_failed, scenario.steps)),
    ),
    "V2": Mend(
        "a deletion that nobody meant is no intent",
        frozenset({_NEWEST}),
        (
            _in(
                inputs,
                'if "intent" not in content and content.keys() & {"generation", "expiresAt"}:',
                "if False:",
            ),
        ),
        _at_once(_fails_or_is_stopped, _good),
    ),
    "V3": Mend(
        "onFailure governs until the first READY",
        frozenset({_KEPT}),
        (
            _in(
                taking,
                '"keep" if held.proven else blueprint.on_failure',
                'blueprint.on_failure if held.verb is Verb.CREATE else "keep"',
            ),
            _in(decisions, "if asked.unless_proven and record.proven:", "if False:"),
            _in(
                record,
                "return not self.proven and bool(",
                "return self.verb is Verb.CREATE and bool(",
            ),
        ),
        _in_order(_good, _is(s.Settle), _bad),
    ),
    "V4": Mend(
        "services of others hold nothing up",
        frozenset({"everything comes to an end", "an unchanged create succeeds", _KEPT}),
        (
            _in(
                changes,
                "not ecs_answers.is_gone(now.services[name]) and now.owns(name, self._blueprint)",
                "not ecs_answers.is_gone(now.services[name])",
            ),
        ),
        _in_order(_is(s.AddServiceByHand)),
    ),
    "V5": Mend(
        "names in the account have the stack's prefix",
        frozenset({"another stack finds its place"}),
        (Change(Path(TEMPLATE.name), "!Sub OnlyKnownSources-${NamePrefix}", "OnlyKnownSources"),),
        _in_order(_is(s.DeployAnotherStack)),
    ),
    "V6": Mend(
        "a tag that is compared is written again",
        frozenset({"an unchanged create changes nothing"}),
        (
            _in(
                blueprint,
                "        naming.ENDPOINTS_TAG: naming.NO_ENDPOINTS,\n        naming.DEPLOYMENT_TAG",
                "        naming.DEPLOYMENT_TAG",
            ),
        ),
        _in_order(_with_edge, _without_edge),
    ),
    "V7": Mend(
        "what broke before anybody followed it is not answered",
        frozenset({_NEWEST}),
        (
            _in(
                follow_up,
                "            return True\n"
                "        well_formed = inputs.is_well_formed(_RULES[self.machine], self.content)\n"
                "        return not (well_formed and _followed(self, record))",
                "            return self.error in REFUSALS\n        return False",
            ),
        ),
        _in_order(_breaks_deletions, _asks_to_delete),
    ),
    "V8": Mend(
        "READY compares with what was asked for",
        frozenset({_READY, _KEPT}),
        (
            _in(convergence, 'if described["desiredCount"] != tasks:', "if False:"),
            _in(
                health,
                'blueprint.arguments["desiredCount"], service["desiredCount"]',
                'service["desiredCount"], service["desiredCount"]',
            ),
        ),
        _in_order(_is(s.ScaleByHand)),
    ),
    "V9": Mend(
        "a closed pull request is remembered",
        frozenset({_NEWEST}),
        (
            _in(
                environments_table,
                "if known is not None and known >= intent:",
                "if True:",
            ),
        ),
        _in_order(_is(s.ClosePullRequest), _comes_late),
    ),
    "V10": Mend(
        "a plan is refused that finds no room later",
        frozenset({"what is accepted finds room"}),
        (
            _in(limits, "    plan = len(text_of(", "    return []\n    plan = len(text_of("),
            _in(limits, "if needed <= ITEM:", "if True:"),
            _in(limits, "if needed <= ANSWER_LIMIT:", "if True:"),
        ),
        _in_order(_with_text),
    ),
}


@contextmanager
def without(mend: Mend) -> Iterator[Path]:
    """A copy of a template of the project with the mend reverted."""
    with tempfile.TemporaryDirectory(prefix="bivouac-without-") as directory:
        copy = Path(directory)
        shutil.copy(TEMPLATE, copy)
        for name in DEPLOYED:
            shutil.copytree(
                PROJECT / name, copy / name, ignore=shutil.ignore_patterns("__pycache__")
            )
        for change in mend.changes:
            file = copy / change.file
            file.write_text(taken_back(change, file.read_text(encoding="utf-8")), encoding="utf-8")
        yield copy / TEMPLATE.name


def taken_back(change: Change, text: str) -> str:
    if text.count(change.mended) != 1:
        raise ValueError(f"{change.file} does not say once: {change.mended}")
    return text.replace(change.mended, change.before)
