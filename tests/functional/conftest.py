"""Each function on the strict fake: AWS's rules, in this process, at the test's own pace."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.functional.account import BivouacAccount, bivouac_account


@pytest.fixture
def account() -> Iterator[BivouacAccount]:
    with bivouac_account() as account:
        yield account
