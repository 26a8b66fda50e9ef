"""Days pass at once, for the local cloud and for its functions alike."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from localcloud.cloud import LocalCloud
from localcloud.template import Stack
from localcloud.timings import TEST
from tests.localcloud.waiting import until_true

DAY = 86_400
TEMPLATE = """
Transform: AWS::Serverless-2016-10-31
Resources:
  AskFunction:
    Type: AWS::Serverless::Function
    Properties: {Handler: ask.handler, Runtime: python3.13, CodeUri: ., Timeout: 20}
"""
ASK = """
from datetime import UTC, datetime

def handler(event, context):
    return datetime.now(UTC).isoformat()
"""


@pytest.fixture
def cloud() -> Iterator[LocalCloud]:
    with LocalCloud(TEST, runtime="scripted", port=0) as cloud:
        yield cloud


def asked(cloud: LocalCloud, stack: Stack) -> datetime:
    outcome = cloud.workers.invoke(stack.functions["AskFunction"].name, "{}")
    return datetime.fromisoformat(json.loads(outcome.payload))


def test_functions_see_the_same_time(cloud: LocalCloud, tmp_path: Path) -> None:
    """Also in a warm process; the offset ends when the local cloud is closed."""
    (tmp_path / "ask.py").write_text(ASK)
    (tmp_path / "template.yaml").write_text(TEMPLATE)
    stack = cloud.deploy(tmp_path / "template.yaml", {}, name="asks")
    began = datetime.now(UTC)
    assert asked(cloud, stack) - began < timedelta(minutes=1)
    for days in (1, 2):
        cloud.pass_time(DAY)
        assert abs(asked(cloud, stack) - began - timedelta(days=days)) < timedelta(minutes=1)
        assert abs(datetime.now(UTC) - began - timedelta(days=days)) < timedelta(minutes=1)
    cloud.close()
    assert datetime.now(UTC) - began < timedelta(minutes=1)


def test_what_was_due_meanwhile_happens_now(cloud: LocalCloud) -> None:
    done: list[float] = []
    cloud.clock.call_later(DAY, lambda: done.append(time.time()))
    cloud.pass_time(DAY - 60)
    assert done == []
    cloud.pass_time(120)
    until_true(lambda: bool(done))
