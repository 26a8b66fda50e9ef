"""The samples of events/ are requests that nobody needs to mend."""

from __future__ import annotations

import pytest

from tests.requests import EVENTS, event
from tests.unit.planned import planned

SAMPLES = [file.stem for file in EVENTS.glob("*.json")]
SAMPLES += [f"samples/{file.stem}" for file in (EVENTS / "samples").glob("*.json")]


@pytest.mark.parametrize("sample", sorted(SAMPLES))
def test_a_sample_is_planned_without_a_warning(sample: str) -> None:
    assert planned(event(sample)).warnings == ()
