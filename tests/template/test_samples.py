"""The samples in events/ are requests that the application takes."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from bivouac.planning import plan
from tests.requests import EVENTS, settings

SAMPLES = sorted(EVENTS.glob("*.json"))


@pytest.mark.parametrize("sample", SAMPLES, ids=[path.stem for path in SAMPLES])
def test_it_can_be_planned(sample: Path) -> None:
    checked = plan(json.loads(sample.read_text(encoding="utf-8")), settings())
    assert checked.problems == ()
    assert checked.blueprint is not None
