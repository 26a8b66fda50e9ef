"""Whether a verdict was right, and when it was due."""

from __future__ import annotations

import pytest

from bench import verdicts
from bench.verdicts import Evidence, Failure, Verdict, Word, judged

READY_AT = 40.0
SLACK = 2.0
FAILURES = (
    Failure(10.0, "exit 1"),
    Failure(30.0, "exit 1"),
    Failure(50.0, "SERVICE_DEPLOYMENT_FAILED"),
)


@pytest.mark.parametrize(
    ("word", "at", "heals", "expected"),
    [
        ("HEALTHY", 40.0, True, verdicts.RIGHT),
        ("HEALTHY", 38.0, True, verdicts.RIGHT),
        ("HEALTHY", 37.9, True, verdicts.CONTENT_TOO_EARLY),
        ("HEALTHY", 90.0, False, verdicts.CONTENT_WITH_A_FAILURE),
        ("FAILED", 10.0, True, verdicts.GAVE_UP_ON_A_GOOD_ONE),
        ("FAILED", 10.0, False, verdicts.RIGHT),
        ("NONE", 600.0, True, verdicts.NO_VERDICT),
        ("NONE", 600.0, False, verdicts.NO_VERDICT),
    ],
)
def test_a_verdict_is_compared_with_the_deployments_outcome(
    word: Word, at: float, heals: bool, expected: str
) -> None:
    assert judged(Verdict(word, at), heals, READY_AT, SLACK) == expected


def test_healthy_is_wrong_if_it_never_was_healthy() -> None:
    verdict = Verdict("HEALTHY", 500.0)
    assert judged(verdict, heals=True, ready_at=None, slack=SLACK) == verdicts.CONTENT_TOO_EARLY


def test_no_verdict_is_late_and_not_wrong() -> None:
    assert verdicts.NO_VERDICT not in verdicts.FALSE
    assert verdicts.RIGHT not in verdicts.FALSE


@pytest.mark.parametrize(
    ("counted_from", "expected"),
    [
        ("first stop", (10.0, 10.0)),
        ("second stop", (10.0, 30.0)),
        ("rollback", (10.0, 50.0)),
        ("deadline", (10.0, 240.0)),
        ("grace", (66.0, 66.0)),
        ("answer", (READY_AT, READY_AT + verdicts.ANSWER_SECONDS)),
        ("refusal", (0.0, 0.0)),
    ],
)
def test_a_verdict_is_due_from_its_evidence(
    counted_from: Evidence, expected: tuple[float, float]
) -> None:
    found = verdicts.evidence(
        counted_from, FAILURES, deadline_at=240.0, grace_ends_at=66.0, ready_at=READY_AT
    )
    assert found == expected


def test_without_the_failure_there_is_no_evidence() -> None:
    with pytest.raises(IndexError):
        verdicts.evidence("second stop", FAILURES[:1], 240.0, 66.0)


def test_a_task_that_only_waits_has_no_evidence_but_the_deadline() -> None:
    assert verdicts.evidence("deadline", (), 240.0, 66.0) == (240.0, 240.0)
