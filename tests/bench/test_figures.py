"""The benchmark's arithmetic: people would believe a wrong figure."""

from __future__ import annotations

from dataclasses import replace

import pytest

from bench.calls import ApiCall
from bench.create_environment import PROOF_REQUESTS
from bench.figures import (
    Creation,
    Deletion,
    Step,
    creation_as_json,
    one_after_another,
    shares,
    shortest_possible,
    summarize,
    targets,
)
from bivouac.proof.edge_rules import IN_A_ROW
from localcloud.timings import AWS_LIKE

STARTED = 1_000.0


def call(service: str, operation: str, after: float = 1.0) -> ApiCall:
    return ApiCall(STARTED + after, "AKIA", service, operation)


A_CREATION = Creation(
    way="Bivouac",
    round=1,
    pull=20.0,
    started_at=STARTED,
    ready_at=STARTED + 50.0,
    proven_at=STARTED + 52.0,
    proof=0.5,
    calls=(
        call("ecs", "CreateCluster"),
        call("ecs", "CreateService", after=9.0),
        call("states", "Start"),
    ),
    transitions=30,
    steps=(Step("Create cluster", "Task", 2, 5.0, 1.0),),
)


def test_lag_counts_from_the_true_time_and_the_floor_includes_the_proof() -> None:
    assert (A_CREATION.seconds, A_CREATION.lag, A_CREATION.floor) == (52.0, 2.0, 50.5)


def test_the_time_to_proven_has_three_parts() -> None:
    parts = (A_CREATION.before_services, A_CREATION.starting, A_CREATION.lag)

    assert parts == (9.0, 41.0, 2.0)


def test_a_wait_is_never_shorter_than_the_profile_says() -> None:
    assert shortest_possible(AWS_LIKE, pull=30.0) == pytest.approx(0.5 + 2 + 12 + 30 + 2)
    assert one_after_another(AWS_LIKE, pull=30.0) == pytest.approx(4 + 5 + 2 + 12 + 30 + 2)


def test_a_summary_is_over_all_rounds() -> None:
    slower = replace(
        A_CREATION, round=2, proven_at=STARTED + 58.0, transitions=40, calls=A_CREATION.calls[1:2]
    )

    summary = summarize([A_CREATION, slower], AWS_LIKE)

    assert (summary.lag.best, summary.lag.mean, summary.lag.worst) == (2.0, 5.0, 8.0)
    assert summary.ratio.worst == pytest.approx(58 / 50.5)
    assert summary.ratio_to_shortest_possible.best == pytest.approx(52 / 36.5)
    assert summary.calls.mean == 2
    assert summary.calls_by_service == {"ecs": 1.5, "states": 0.5}
    assert summary.transitions is not None
    assert summary.transitions.mean == 35


def test_commands_have_no_state_transitions() -> None:
    assert summarize([replace(A_CREATION, transitions=None)], AWS_LIKE).transitions is None


@pytest.mark.parametrize(
    ("proven_after", "met"),
    [(52.0, [True, True]), (54.0, [False, True]), (64.0, [False, False])],
)
def test_targets_are_judged_by_mean_lag_and_worst_ratio(
    proven_after: float, met: list[bool]
) -> None:
    creation = replace(A_CREATION, proven_at=STARTED + proven_after)

    judged = targets(summarize([creation], AWS_LIKE))

    assert [target.met for target in judged] == met


def test_steps_are_averaged_over_all_rounds_in_order() -> None:
    other = replace(
        A_CREATION,
        steps=(Step("Create cluster", "Task", 4, 7.0, 3.0), Step("Check", "Task", 1, 1.0, 1.0)),
    )

    first, second = shares([A_CREATION, other])

    assert (first.name, first.seconds, first.visits) == ("Check", 0.5, 0.5)
    assert (second.name, second.seconds, second.visits) == ("Create cluster", 2.0, 3.0)
    assert second.began_after == 6.0


def test_every_call_is_in_the_json_with_its_time() -> None:
    written = creation_as_json(A_CREATION)

    assert written["calls"][1] == {"after": 9.0, "call": "ecs:CreateService"}
    assert (written["seconds"], written["lag"]) == (52.0, 2.0)


def test_a_deletion_is_compared_with_the_drain() -> None:
    deletion = Deletion(1, STARTED, STARTED + 20.0, STARTED + 25.0, (), 27)

    assert (deletion.drain, deletion.seconds) == (20.0, 25.0)


def test_the_floor_has_as_many_requests_as_the_probe_sends() -> None:
    assert PROOF_REQUESTS == IN_A_ROW
