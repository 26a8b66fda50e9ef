"""What real AWS has said of stopped tasks and of services, and what it means: ecs-texts.json.

The categories are what a person reads in the texts; where a text says nothing of a cause, none."""

from __future__ import annotations

import pytest

from bivouac.diagnosis import aws_messages
from tests.localcloud.member_by_member import recorded

TEXTS = recorded("ecs-texts")


@pytest.mark.parametrize("said", TEXTS["stops"], ids=lambda said: said["text"][:60])
def test_a_stop_is_understood(said: dict[str, str]) -> None:
    assert aws_messages.of_stop(said["text"].split(" | ")).category == said["category"]


@pytest.mark.parametrize("said", TEXTS["events"], ids=lambda said: said["text"][:60])
def test_a_service_event_is_understood(said: dict[str, str | None]) -> None:
    sign = aws_messages.of_event(str(said["text"]))
    assert (sign.category if sign else None) == said["category"]


def test_every_sign_says_where_its_words_are_from() -> None:
    for sign in (*aws_messages.STOPS, *aws_messages.EVENTS):
        assert sign.source.startswith(("recorded: ", "documented: ")), sign.pattern.pattern
