"""The definitions' retriers follow statemachine/retries.yaml, and `make retries` writes them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml

from deployment.retries import POLICIES, STATE_MACHINES, with_retries

RETRIES: dict[str, Any] = yaml.safe_load(POLICIES.read_text(encoding="utf-8"))
DEFINITIONS = sorted(STATE_MACHINES.glob("*.asl.yaml"))
TWO: dict[str, Any] = {
    "retriers": {
        "soon": {"ErrorEquals": ["ThrottledError"], "IntervalSeconds": 1},
        "later": {"ErrorEquals": ["States.Timeout"], "IntervalSeconds": 9},
    },
    "policies": {"patient": ["soon", "later"]},
}


@pytest.mark.parametrize("file", DEFINITIONS, ids=lambda file: file.name)
def test_a_definitions_retriers_follow_the_policies(file: Path) -> None:
    text = file.read_text(encoding="utf-8")
    assert with_retries(text, RETRIES) == text, "make retries"


def test_a_changed_policy_reaches_every_state_that_names_it_and_nothing_else() -> None:
    definition = (
        "States:\n"
        "  Create cluster:\n"
        "    Retry: # patient\n"
        "      - {ErrorEquals: [States.ALL]}\n"
        "    End: true\n"
        "  Create namespace:\n"
        "    Retry: # patient\n"
        "    End: true\n"
    )
    written = with_retries(definition, TWO)
    states = yaml.safe_load(written)["States"]
    assert [state["Retry"] for state in states.values()] == [list(TWO["retriers"].values())] * 2
    assert [state["End"] for state in states.values()] == [True, True]
    assert with_retries(written, TWO) == written


@pytest.mark.parametrize("named", ["    Retry:\n", "    Retry: # impatient\n", "    Retry: [{}]\n"])
def test_a_retry_without_a_policy_is_refused(named: str) -> None:
    with pytest.raises(ValueError, match="names none of the policies patient"):
        with_retries(named + "      - {ErrorEquals: [States.ALL]}\n", TWO)


def test_every_policy_and_every_retrier_is_used() -> None:
    text = "".join(file.read_text(encoding="utf-8") for file in DEFINITIONS)
    assert [name for name in RETRIES["policies"] if f"Retry: # {name}\n" not in text] == []
    used = {retrier for policy in RETRIES["policies"].values() for retrier in policy}
    assert used == set(RETRIES["retriers"])
