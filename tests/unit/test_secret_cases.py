"""Secrets and harmless lines: names what leaks, and what is removed needlessly."""

from __future__ import annotations

import pytest

from bivouac.redaction.text import last_lines, redacted
from tests.secret_cases import FALSE_CUTS, WORDS_ONLY, Secret, harmless, secrets

SECRETS, HARMLESS = secrets(), harmless()


@pytest.mark.parametrize("kind", sorted({case.kind for case in SECRETS} - {WORDS_ONLY}))
def test_no_part_of_a_secret_shows(kind: str) -> None:
    for case in SECRETS:
        if case.kind == kind:
            _assert_cut(case)


def _assert_cut(case: Secret) -> None:
    shown = "\n".join(last_lines(case.lines))
    for part in case.parts:
        assert part not in shown


def test_what_leaks_is_two_secrets_of_plain_words() -> None:
    assert len([case for case in SECRETS if case.kind == WORDS_ONLY]) == 2


@pytest.mark.parametrize("line", [line for line in HARMLESS if line not in FALSE_CUTS])
def test_a_harmless_line_is_kept_whole(line: str) -> None:
    assert redacted(line, len(line)) == line


def test_the_lists_are_long_enough_to_tell() -> None:
    assert len(SECRETS) >= 150
    assert len({case.kind for case in SECRETS}) >= 40
    assert len(HARMLESS) >= 80
