"""Reports what MiniStack is not tested with."""

from __future__ import annotations

from tests.emulator.understood import LEFT_OUT, WRITTEN_OTHERWISE


def pytest_report_header() -> list[str]:
    return [
        *(f"left out of the template: {name} ({why})" for name, why in LEFT_OUT.items()),
        *(f"written otherwise: {name} {how}" for name, how in WRITTEN_OTHERWISE.items()),
    ]
