"""One local cloud with the deployed application for all stories of a worker process."""

import itertools
from collections.abc import Iterator

import pytest

from bivouac_cli import waiting
from tests.cli.commanding import Terminal
from tests.cli.stubbed import StubbedClients
from tests.workflow.application import Application, application, environment_name

_numbers = itertools.count(1)


@pytest.fixture(scope="package")
def deployed() -> Iterator[Application]:
    with application() as deployed:
        yield deployed


@pytest.fixture
def terminal(
    deployed: Application, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> Iterator[Terminal]:
    """Where an environment is ready within a second or two."""
    monkeypatch.setattr(waiting, "FIRST_PAUSE", 0.1)
    yield Terminal(deployed, capsys, monkeypatch)
    deployed.quiet()


@pytest.fixture
def name(request: pytest.FixtureRequest) -> str:
    return environment_name(request.node.originalname, next(_numbers))


@pytest.fixture
def clients() -> Iterator[StubbedClients]:
    made = StubbedClients()
    yield made
    made.all_was_asked()
