"""One local cloud with the deployed application for all stories of a worker process."""

from collections.abc import Iterator

import pytest

from bivouac_cli import waiting
from tests.cli.commanding import Terminal
from tests.cli.stubbed import StubbedClients
from tests.workflow.application import Application
from tests.workflow.conftest import deployed as deployed
from tests.workflow.conftest import name as name


@pytest.fixture
def terminal(
    deployed: Application, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> Iterator[Terminal]:
    """Where an environment is ready within a second or two."""
    monkeypatch.setattr(waiting, "FIRST_PAUSE", 0.1)
    yield Terminal(deployed, capsys, monkeypatch)
    deployed.quiet()


@pytest.fixture
def clients() -> Iterator[StubbedClients]:
    made = StubbedClients()
    yield made
    made.all_was_asked()
