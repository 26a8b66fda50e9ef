"""One local cloud with the deployed application for all workflow tests of a worker process."""

import itertools
from collections.abc import Iterator

import pytest

from tests.workflow.application import Application, application, environment_name

_numbers = itertools.count(1)


@pytest.fixture(scope="package")
def deployed() -> Iterator[Application]:
    with application() as deployed:
        yield deployed


@pytest.fixture
def app(deployed: Application) -> Iterator[Application]:
    """The application, with nothing running before and after the test."""
    yield deployed
    deployed.quiet()


@pytest.fixture
def name(request: pytest.FixtureRequest) -> str:
    """The test's own environment."""
    return environment_name(request.node.originalname, next(_numbers))
