"""The strict cloud that the tests of its rules talk to."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from localcloud.strict import mock_account
from tests.localcloud.strict_cloud import Cloud


@pytest.fixture
def cloud() -> Iterator[Cloud]:
    with mock_account() as plane:
        yield Cloud(plane)
