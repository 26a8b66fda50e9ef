"""Everything that a run of the acceptance suite creates is deleted, even if the stack cannot do
it."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, cast

import pytest
from botocore.exceptions import ClientError

from localcloud.clock import ManualClock
from localcloud.strict import ControlPlane, mock_account
from tests.acceptance.cleaning import Remains, clean
from tests.acceptance.deployed import Aws, Deployed
from tests.acceptance.executions import Executions, StepFailedError
from tests.acceptance.recorder import Recorder
from tests.functional.plain_environment import make

RUN = "accept-1"
NAME = f"bivouac-{RUN}"
STACK = Deployed("bivouac", "aws", "123456789012", "bivouac", "CREATE_COMPLETE", {})


class DeletesNothing:
    """The stack's own deletion, which fails."""

    def __init__(self) -> None:
        self.asked: list[str] = []

    def run(self, verb: str, content: dict[str, Any], name: str) -> Any:
        self.asked.append(f"{verb} {content['environment']}")
        raise StepFailedError("it is broken")


@pytest.fixture
def plane() -> Iterator[ControlPlane]:
    with mock_account() as plane:
        yield plane


@pytest.fixture
def aws(plane: ControlPlane) -> Aws:
    return Aws(plane.account.region, None, Recorder())


def kinds(remains: Remains) -> list[str]:
    return sorted({thing.kind for thing in remains.found()})


ALL = [
    "Cloud Map service",
    "cluster",
    "log group",
    "namespace",
    "schedule",
    "service",
    "task definition",
]


def test_everything_is_deleted_even_if_the_stack_deletes_nothing(
    aws: Aws, plane: ControlPlane
) -> None:
    clock = cast(ManualClock, plane.clock)
    make(aws, plane, NAME, RUN)
    make(aws, plane, "bivouac-accept-2", "accept-2")
    remains, others = Remains(aws, STACK, RUN), Remains(aws, STACK, "accept-2")
    assert kinds(remains) == kinds(others) == ALL
    stack = DeletesNothing()

    printed = list(clean(remains, cast(Executions, stack), RUN, lambda: clock.advance(5), 60))

    assert stack.asked == [f"DeleteEnvironment {RUN}"]
    assert printed == ["the stack did not delete its environment: it is broken"]
    assert remains.found() == []
    assert kinds(others) == ALL, "nothing else is touched"


def test_a_leftover_is_named_with_the_reason(
    aws: Aws, plane: ControlPlane, monkeypatch: pytest.MonkeyPatch
) -> None:
    make(aws, plane, NAME, RUN)
    refused = {"Error": {"Code": "AccessDeniedException", "Message": "not you"}}

    def refuse(**_: Any) -> None:
        raise ClientError(cast(Any, refused), "DeleteLogGroup")

    monkeypatch.setattr(aws.client("logs"), "delete_log_group", refuse)
    stack = cast(Executions, DeletesNothing())

    printed = list(clean(Remains(aws, STACK, RUN), stack, RUN, print, 0))

    (left,) = [line for line in printed if "log group" in line]
    assert left.startswith(f"left: log group /{NAME}/web: ")
    assert "not you" in left


def test_if_nothing_is_left_nothing_is_called(aws: Aws) -> None:
    stack = DeletesNothing()
    assert list(clean(Remains(aws, STACK, RUN), cast(Executions, stack), RUN, print, 1)) == []
    assert stack.asked == []
