"""The rehearsals that measurements repeat, one of each."""

from __future__ import annotations

import pytest

from bench.false_verdicts import judgement, stories
from bench.rehearsal import play
from bench.time_to_verdict import reported
from bench.verdicts import RIGHT

DISTURBED = 1
"""The second of each kind: events are lost, doubled, or say nothing new."""


@pytest.mark.parametrize("kind", ["new, healthy", "crashes for ever", "updated, healthy"])
def test_a_disturbed_deployment_gets_the_right_verdict(kind: str) -> None:
    story = [each for each in stories(seed=1, each=2) if each.kind == kind][DISTURBED]
    assert story.disturbed
    assert judgement(play(story)).bivouac_is == RIGHT


def test_a_failure_is_reported_with_its_cause() -> None:
    assert reported(seed=1, each=1, number=0).right
