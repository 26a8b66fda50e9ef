"""Each sample of events/samples, broken in many ways: the right cause, early, and what to do."""

from __future__ import annotations

import multiprocessing
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import Executor, ProcessPoolExecutor

import pytest

from tests.requests import EVENTS
from tests.workflow_long.broken_samples import BREAKAGES, diagnosis_of

pytestmark = pytest.mark.xdist_group("workflow-broken-samples")


@pytest.fixture(scope="module")
def elsewhere() -> Iterator[Executor]:
    """Another process: this one may have a local cloud of its own, and a process has only one."""
    with ProcessPoolExecutor(1, mp_context=multiprocessing.get_context("spawn")) as pool:
        yield pool


def test_every_sample_is_broken_in_six_ways_at_least() -> None:
    samples = {file.stem for file in (EVENTS / "samples").glob("*.json")}
    in_six = dict.fromkeys(samples, 6)
    more = {"greeter-grpc": 8, "voting-app": 7}
    assert Counter(each.sample for each in BREAKAGES) == in_six | more


@pytest.mark.parametrize("number", range(len(BREAKAGES)), ids=[each.name for each in BREAKAGES])
def test_a_broken_sample_is_diagnosed(elsewhere: Executor, number: int) -> None:
    broken = BREAKAGES[number]
    found = elsewhere.submit(diagnosis_of, number).result()
    assert (found.category, found.service) == (broken.category, broken.service), found.cause
    assert broken.step in found.next_step
    assert broken.cause in found.cause
    assert found.at <= broken.within
