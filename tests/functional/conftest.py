"""Each function on the strict fake: AWS's rules, in this process, on the test's clock."""

import gc
import os
from collections.abc import Iterator

import pytest

# Powertools reads them when a function's module is first imported.
os.environ.update(POWERTOOLS_SERVICE_NAME="bivouac", POWERTOOLS_METRICS_NAMESPACE="Bivouac")

from tests.functional.account import BivouacAccount, bivouac_account


@pytest.fixture(scope="session", autouse=True)
def clients_stay() -> None:
    """The production clients serve all tests of a process."""
    with bivouac_account():
        pass
    gc.collect()
    gc.freeze()


@pytest.fixture
def account() -> Iterator[BivouacAccount]:
    with bivouac_account() as account:
        yield account
