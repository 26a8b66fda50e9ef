"""The strict cloud whose rules the tests check."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from localcloud.strict import mock_account
from tests.localcloud.sent_events import SentEvents
from tests.localcloud.strict_cloud import Cloud


@pytest.fixture
def cloud() -> Iterator[Cloud]:
    with mock_account() as plane:
        yield Cloud(plane)


@pytest.fixture
def sent(cloud: Cloud) -> SentEvents:
    """From the beginning of the test."""
    return SentEvents(cloud)
