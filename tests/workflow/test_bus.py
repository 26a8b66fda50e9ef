"""Who may put which events on the stack's event bus."""

from __future__ import annotations

import json

import pytest
from botocore.exceptions import ClientError

from tests.workflow.application import Application

pytestmark = pytest.mark.xdist_group("workflow-life")


def put(app: Application, source: str, detail_type: str) -> int:
    """Sent by somebody of the account who may do everything; how many entries were refused."""
    entry = {
        "EventBusName": app.stack.outputs["EventBusName"],
        "Source": source,
        "DetailType": detail_type,
        "Detail": json.dumps({"environment": "nobodys"}),
    }
    failed: int = app.client("events").put_events(Entries=[entry])["FailedEntryCount"]
    return failed


class TestBus:
    @pytest.mark.parametrize(
        ("source", "detail_type"),
        [
            ("bivouac", "EnvironmentReady"),
            ("bivouac.client", "EnvironmentReady"),
            ("bivouac.client", "EnvironmentRequestedd"),
            # langfuse#15060: a removed label tore nothing down, and nobody was told
            ("bivouac.client", "PullRequestUnlabeled"),
            ("bivouac.other", "EnvironmentRequested"),
        ],
    )
    def test_even_an_administrator_cannot_use_our_source_or_unknown_requests(
        self, app: Application, source: str, detail_type: str
    ) -> None:
        with pytest.raises(ClientError, match=r"explicit deny|is not authorized"):
            put(app, source, detail_type)

    def test_others_may_send_requests(self, app: Application) -> None:
        assert put(app, "bivouac.client", "TeardownRequested") == 0
