"""The measurement of the request check: what it generates, and a sample of what it measures."""

from __future__ import annotations

import random

from bench import request_features, requests
from bench.request_mistakes import MISTAKES
from bench.waiting import Stop


def test_a_sample_of_requests_is_judged_rightly() -> None:
    """Every mistake of the list alone, and as many other requests; bench/requests.py has 2,100."""
    results = requests.measured_cases(2 * len(MISTAKES), 7, Stop())
    assert results.valid > len(MISTAKES) // 4
    assert not results.refused
    assert not results.unnamed
    assert not results.disagreed


def test_the_same_seed_makes_the_same_requests() -> None:
    first, again = ([case.request for case in requests.cases(50, seed)] for seed in (3, 3))
    assert first == again


def test_every_feature_is_among_the_valid_requests() -> None:
    made = list(requests.cases(requests.CASES, 1))
    assert len(made) >= 2_000
    valid = {name for case in made if not case.mistakes for name in case.features}
    assert valid == set(request_features.FEATURES)
    drawn = {name for case in made for name, _ in case.mistakes}
    assert {mistake.name for mistake in MISTAKES} <= drawn


def test_every_mistake_says_where_it_is_written() -> None:
    assert all(mistake.source for mistake in MISTAKES)


def test_a_place_is_named_by_its_own_path_only() -> None:
    problem = "services[0] (web).taskDefinition.cpu: Fargate has no '300'"
    assert requests.is_named("taskDefinition.cpu", [problem])
    assert not requests.is_named("memory", [problem])


def test_features_go_together_in_any_choice() -> None:
    for seed in range(40):
        service, _ = request_features.valid(random.Random(seed))
        problems = requests.problems({"name": "shop", "services": [service]})
        assert not problems
